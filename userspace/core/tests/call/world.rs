//! Phones, gatekeepers that route, and between them the machine, in virtual time.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use rasline_core::call::{
    Calls, EndedBy, Event, Happening, Input, LinkId, LinkLoss, Output, Settings,
};
use rasline_core::ras_server::{AdmissionAnswer, CallFact, EntryId, OwnAdmission};
use rasline_core::{Time, ZoneIndex};
use rasline_h225::q931::{self, CallReference, Message};
use rasline_h225::text::to_transport;
use rasline_h225::types::{
    AlertingUuie, CallIdentifier, CallType, EndpointType, H323UuPdu,
    H323UuPduH323MessageBody as Body, SetupUuie, SetupUuieConferenceGoal, UserInformation,
};
use rasline_h225::uuie::{build, decode_uuie, encode_uuie};

pub const ZONE: ZoneIndex = ZoneIndex(0);
pub const CALL: [u8; 16] = [7; 16];
pub const CONFERENCE: [u8; 16] = [8; 16];

pub fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// callSignalAddress of a phone.
pub fn phone(n: usize) -> SocketAddr {
    address(&format!("10.0.0.{}:1720", n + 1))
}

/// The address that stands for it upstream.
pub fn upstream(n: usize) -> SocketAddr {
    address(&format!("10.2.0.1:{}", 20_001 + n))
}

pub fn service() -> SocketAddr {
    address("10.1.0.1:1720")
}

/// RAS address of a gatekeeper.
pub fn gatekeeper(n: usize) -> SocketAddr {
    address(&format!("10.2.0.{}:1719", n + 8))
}

/// callSignalAddress of a gatekeeper.
pub fn gatekeeper_signalling(n: usize) -> SocketAddr {
    SocketAddr::new(gatekeeper(n).ip(), 1720)
}

/// Who is at the far end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    Phone(usize),
    /// H.245 of a phone.
    Control(usize),
    Gatekeeper(usize),
}

/// What a phone has got.
#[derive(Clone, Debug)]
pub struct Got {
    pub message: Message,
    pub info: Option<UserInformation>,
}

/// A phone that answers every call.
#[derive(Clone, Debug, Default)]
pub struct Phone {
    pub got: Vec<Got>,
    pub control: Vec<Vec<u8>>,
    /// Connections that were closed on it.
    pub closed: Vec<LinkId>,
    /// Its connection of the call, with the call reference that it writes.
    pub call: Option<(LinkId, CallReference)>,
    /// How far it goes by itself when it is called.
    pub answers: Answers,
    /// Where it listens for H.245, if it does.
    pub control_address: Option<SocketAddr>,
    pub control_link: Option<LinkId>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answers {
    #[default]
    Connects,
    Rings,
    Nothing,
}

/// A gatekeeper that routes: a message of one leg of a call goes to the other.
#[derive(Clone, Debug, Default)]
pub struct Router {
    /// Partners, with the call reference that is written on each.
    legs: HashMap<LinkId, (LinkId, CallReference)>,
    pub is_dead: bool,
    pub is_frozen: bool,
    pub setups: usize,
    pub got: Vec<Message>,
    /// What it says to ARQs that rasline sends by itself.
    pub admits: Admits,
    /// The phone that it connects announced calls to instead of the called one.
    pub diverts_to: Option<usize>,
}

/// What a gatekeeper says to an ARQ that rasline sends by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Admits {
    #[default]
    Routed,
    Direct,
    Refused,
    /// It does not answer.
    Nothing,
}

pub struct World {
    pub calls: Calls,
    pub now: Time,
    pub phones: Vec<Phone>,
    pub routers: Vec<Router>,
    pub events: Vec<Event>,
    /// Admissions that were asked for.
    pub asked: Vec<OwnAdmission>,
    peers: HashMap<LinkId, Peer>,
    closed_by_us: HashSet<LinkId>,
    accepted: u64,
    queue: VecDeque<Output>,
}

impl World {
    /// Registered phones and gatekeepers that serve; the first one admits calls.
    pub fn new(phones: usize, gatekeepers: usize) -> Self {
        let mut world = Self {
            calls: Calls::new(Settings::default()),
            now: Time(1_000_000_000),
            phones: vec![Phone::default(); phones],
            routers: vec![Router::default(); gatekeepers],
            events: Vec::new(),
            asked: Vec::new(),
            peers: HashMap::new(),
            closed_by_us: HashSet::new(),
            accepted: 0,
            queue: VecDeque::new(),
        };
        for n in 0..phones {
            world.fact(CallFact::Registered {
                endpoint: EntryId(n as u64 + 1),
                signalling: phone(n),
                service: service(),
                upstream: upstream(n),
            });
        }
        for n in 0..gatekeepers {
            let gatekeeper = gatekeeper(n);
            world.fact(CallFact::Serves { gatekeeper });
        }
        world.register_all(0);
        world
    }

    /// All phones are registered with a gatekeeper.
    pub fn register_all(&mut self, n: usize) {
        for phone in 0..self.phones.len() {
            self.register(phone, n);
        }
    }

    /// A phone is registered with a gatekeeper.
    pub fn register(&mut self, phone: usize, n: usize) {
        self.fact(CallFact::RegisteredWith {
            endpoint: EntryId(phone as u64 + 1),
            gatekeeper: gatekeeper(n),
        });
    }

    fn admit(&mut self, asked: OwnAdmission) {
        let routers = 0..self.routers.len();
        let mut routers = routers.filter(|n| gatekeeper(*n) == asked.gatekeeper);
        let n = routers.next().unwrap();
        let called = (asked.called.0 - 1).to_string();
        let answer = match self.routers[n].admits {
            Admits::Nothing => None,
            Admits::Refused => Some(AdmissionAnswer::Refused),
            admits => Some(AdmissionAnswer::Granted {
                to: gatekeeper_signalling(n),
                is_routed: admits == Admits::Routed,
                called: rasline_h225::messages::alias(&called).ok(),
            }),
        };
        let ticket = asked.ticket;
        self.asked.push(asked);
        if let Some(answer) = answer {
            let fact = CallFact::AdmissionAnswered { ticket, answer };
            self.feed(Input::Fact { zone: ZONE, fact });
        }
    }

    pub fn fact(&mut self, fact: CallFact) {
        self.input(Input::Fact { zone: ZONE, fact });
    }

    pub fn input(&mut self, input: Input<'_>) {
        let mut out = Vec::new();
        self.calls.handle(self.now, input, &mut out);
        self.queue.extend(out);
        self.settle();
    }

    fn feed(&mut self, input: Input<'_>) {
        let mut out = Vec::new();
        self.calls.handle(self.now, input, &mut out);
        self.queue.extend(out);
    }

    /// Lets time pass, with what is due in it.
    pub fn wait(&mut self, time: Duration) {
        let end = self.now.after(time);
        while let Some(due) = self.calls.next_due().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.input(Input::Due);
        }
        self.now = end;
    }

    fn settle(&mut self) {
        while let Some(output) = self.queue.pop_front() {
            self.carry_out(output);
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Connect { link, from, to } => self.connect(link, (from, to)),
            Output::Listen { listener, on } => {
                let address = Some(SocketAddr::new(on, 40_000 + listener.0 as u16));
                self.feed(Input::Listening { listener, address });
            }
            Output::StopListening { .. } => {}
            Output::Write { link, octets } => {
                assert_eq!(octets[..2], [3, 0], "one TPKT in one write");
                let length = usize::from(u16::from_be_bytes([octets[2], octets[3]]));
                assert_eq!(length, octets.len());
                self.deliver(link, &octets[4..]);
            }
            Output::Close { link } => self.closed(link),
            Output::AskAdmission { asked, .. } => self.admit(asked),
            Output::Event(event) => self.events.push(event),
        }
    }

    fn connect(&mut self, link: LinkId, (from, to): (std::net::IpAddr, SocketAddr)) {
        let phones = 0..self.phones.len();
        let peer = phones.clone().find_map(|n| {
            let is_control = self.phones[n].control_address == Some(to);
            match () {
                () if phone(n) == to => Some(Peer::Phone(n)),
                () if is_control => Some(Peer::Control(n)),
                () => None,
            }
        });
        let routers = 0..self.routers.len();
        let router = routers.clone().find(|n| gatekeeper_signalling(*n) == to);
        let peer = peer.or(router.map(Peer::Gatekeeper));
        let dead = router.is_some_and(|n| self.routers[n].is_dead);
        match peer.filter(|_| !dead) {
            Some(peer) => {
                let ours = match peer {
                    Peer::Phone(_) | Peer::Control(_) => service().ip(),
                    Peer::Gatekeeper(_) => upstream(0).ip(),
                };
                assert_eq!(from, ours);
                self.peers.insert(link, peer);
                if let Peer::Control(n) = peer {
                    self.phones[n].control_link = Some(link);
                }
                let local = SocketAddr::new(from, 50_000);
                self.feed(Input::Connected { link, local });
            }
            None => self.feed(Input::Lost {
                link,
                why: LinkLoss::Refused,
            }),
        }
    }

    fn deliver(&mut self, link: LinkId, octets: &[u8]) {
        match self.peers.get(&link) {
            Some(Peer::Phone(n)) => self.phone_gets(*n, link, octets),
            Some(Peer::Control(n)) => self.phones[*n].control.push(octets.to_vec()),
            Some(Peer::Gatekeeper(n)) => self.router_gets(*n, link, octets),
            None => panic!("written on {link:?}, which is not there"),
        }
    }

    fn phone_gets(&mut self, n: usize, link: LinkId, octets: &[u8]) {
        let message = Message::parse(octets).unwrap();
        let info = message.user_user().map(|user| decode_uuie(user).unwrap());
        let kind = message.message_type;
        let reference = message.reference;
        if let Some((own, expected)) = self.phones[n].call.filter(|_| kind != q931::SETUP) {
            assert_eq!((link, reference), (own, expected.reversed()), "phone {n}");
        }
        self.phones[n].got.push(Got { message, info });
        if kind == q931::SETUP {
            assert!(!reference.to_originator);
            let reference = reference.reversed();
            self.phones[n].call = Some((link, reference));
            if self.phones[n].answers != Answers::Nothing {
                self.say(n, &build::call_proceeding(reference, CALL));
                self.say(n, &alerting(reference));
            }
            if self.phones[n].answers == Answers::Connects {
                self.connect_call(n);
            }
        }
        if kind == q931::RELEASE_COMPLETE {
            self.phones[n].call = None;
        }
    }

    /// A called phone answers.
    pub fn connect_call(&mut self, n: usize) {
        let (_, reference) = self.phones[n].call.unwrap();
        let mut connect = build::connect(reference, CALL, CONFERENCE);
        if let Some(address) = self.phones[n].control_address {
            let user = connect.user_user().unwrap();
            let mut info = decode_uuie(user).unwrap();
            if let Body::Connect(body) = &mut info.h323_uu_pdu.h323_message_body {
                body.h245_address = Some(to_transport(address));
            }
            connect.set_user_user(&encode_uuie(&info).unwrap());
        }
        self.say(n, &connect);
    }

    /// A phone sends a message of its call, without letting anything else happen before.
    fn say(&mut self, n: usize, message: &Message) {
        let (link, _) = self.phones[n].call.unwrap();
        let octets = message.to_tpkt().unwrap();
        let octets = &octets[4..];
        self.feed(Input::Message { link, octets });
    }

    /// A phone sends a message of its call.
    pub fn send(&mut self, n: usize, message: impl FnOnce(CallReference) -> Message) {
        let (_, reference) = self.phones[n].call.unwrap();
        self.say(n, &message(reference));
        self.settle();
    }

    /// A phone tunnels an H.245 message.
    pub fn tunnel(&mut self, n: usize, octets: &[u8]) {
        self.send(n, |reference| {
            build::facility_h245(reference, CALL, &[octets])
        });
    }

    /// A phone hangs up.
    pub fn hang_up(&mut self, n: usize) {
        self.send(n, |reference| {
            let cause = q931::cause::NORMAL_CALL_CLEARING;
            build::release_complete(reference, Some(CALL), cause, None)
        });
        self.phones[n].call = None;
    }

    /// Phone `from` calls phone `to`, admitted by the first gatekeeper.
    pub fn dial(&mut self, from: usize, to: usize) {
        self.fact(CallFact::Admitted {
            endpoint: EntryId(from as u64 + 1),
            call: CALL,
            to: gatekeeper_signalling(0),
            gatekeeper: gatekeeper(0),
        });
        self.accepted += 1;
        let link = LinkId(self.accepted);
        self.peers.insert(link, Peer::Phone(from));
        self.input(Input::EndpointConnected {
            link,
            zone: ZONE,
            peer: SocketAddr::new(phone(from).ip(), 40_000),
            local: service(),
        });
        let reference = CallReference {
            value: 77,
            to_originator: false,
        };
        self.phones[from].call = Some((link, reference));
        let setup = setup(reference, from, to);
        self.say(from, &setup);
        self.settle();
    }

    /// A phone connects to the h245Address that it was given.
    pub fn open_control(&mut self, n: usize, to: SocketAddr) {
        self.accepted += 1;
        let link = LinkId(self.accepted);
        self.peers.insert(link, Peer::Control(n));
        self.phones[n].control_link = Some(link);
        let listener = rasline_core::call::ListenerId(u64::from(to.port() - 40_000));
        self.input(Input::ControlConnected {
            listener,
            link,
            peer: SocketAddr::new(phone(n).ip(), 40_001),
        });
    }

    /// A phone sends on its H.245 connection.
    pub fn send_control(&mut self, n: usize, octets: &[u8]) {
        let link = self.phones[n].control_link.unwrap();
        self.input(Input::Message { link, octets });
    }

    fn closed(&mut self, link: LinkId) {
        assert!(self.closed_by_us.insert(link), "{link:?} closed twice");
        match self.peers.remove(&link) {
            Some(Peer::Phone(n)) => self.phones[n].closed.push(link),
            Some(Peer::Control(n)) => {
                self.phones[n].closed.push(link);
                self.phones[n].control_link = None;
            }
            Some(Peer::Gatekeeper(n)) => self.router_loses(n, link),
            None => {}
        }
    }

    /// A phone is gone: its connections are reset.
    pub fn lose_phone(&mut self, n: usize) {
        let own = |peer: &Peer| matches!(peer, Peer::Phone(of) | Peer::Control(of) if *of == n);
        self.phones[n].call = None;
        self.lose(own);
    }

    fn lose(&mut self, which: impl Fn(&Peer) -> bool) {
        let mut links: Vec<LinkId> = self.peers.keys().copied().collect();
        links.retain(|link| which(&self.peers[link]));
        links.sort();
        for link in links {
            self.peers.remove(&link);
            let why = LinkLoss::Closed;
            self.input(Input::Lost { link, why });
        }
    }

    // The gatekeepers.

    fn router_gets(&mut self, n: usize, link: LinkId, octets: &[u8]) {
        if self.routers[n].is_frozen {
            return;
        }
        let mut message = Message::parse(octets).unwrap();
        self.routers[n].got.push(message.clone());
        if message.message_type == q931::SETUP {
            return self.router_calls(n, link, message);
        }
        let Some((partner, reference)) = self.routers[n].legs.get(&link).copied() else {
            return;
        };
        message.reference = reference;
        let octets = message.to_tpkt().unwrap();
        let ends = message.message_type == q931::RELEASE_COMPLETE;
        if ends {
            self.routers[n].legs.remove(&link);
            self.routers[n].legs.remove(&partner);
        }
        let link = partner;
        let octets = &octets[4..];
        self.feed(Input::Message { link, octets });
    }

    fn router_calls(&mut self, n: usize, link: LinkId, mut setup: Message) {
        self.routers[n].setups += 1;
        let info = decode_uuie(setup.user_user().unwrap()).unwrap();
        assert_eq!(info.call_identifier(), Some(CALL));
        let Body::Setup(body) = info.body() else {
            panic!("{info:?}");
        };
        let called = body.destination_address.as_ref().unwrap();
        let called = rasline_h225::text::from_alias(&called[0]).unwrap();
        let called: usize = called.parse().unwrap();
        let called = self.routers[n].diverts_to.unwrap_or(called);
        assert!(self.routers[n].legs.is_empty(), "the call is here already");
        self.accepted += 1;
        let new = LinkId(self.accepted);
        let back = setup.reference.reversed();
        setup.reference = CallReference {
            value: 4000 + self.accepted as u16,
            to_originator: false,
        };
        self.routers[n].legs.insert(link, (new, setup.reference));
        self.routers[n].legs.insert(new, (link, back));
        self.peers.insert(new, Peer::Gatekeeper(n));
        self.feed(Input::GatekeeperConnected {
            link: new,
            peer: SocketAddr::new(gatekeeper(n).ip(), 45_000),
            local: upstream(called),
        });
        let octets = setup.to_tpkt().unwrap();
        let octets = &octets[4..];
        self.feed(Input::Message { link: new, octets });
    }

    /// As real ones do: the other leg gets a ReleaseComplete at once.
    fn router_loses(&mut self, n: usize, link: LinkId) {
        let Some((partner, reference)) = self.routers[n].legs.remove(&link) else {
            return;
        };
        self.routers[n].legs.remove(&partner);
        if self.routers[n].is_dead || self.routers[n].is_frozen {
            return;
        }
        let release = build::release_complete(reference, Some(CALL), 31, None);
        let octets = release.to_tpkt().unwrap();
        let link = partner;
        let octets = &octets[4..];
        self.feed(Input::Message { link, octets });
    }

    /// A gatekeeper is killed: FIN on all its connections, and RAS finds it dead.
    pub fn kill(&mut self, n: usize) {
        self.routers[n].is_dead = true;
        let own = |peer: &Peer| matches!(peer, Peer::Gatekeeper(of) if *of == n);
        self.lose(own);
        let gatekeeper = gatekeeper(n);
        self.fact(CallFact::Lost { gatekeeper });
    }

    /// A gatekeeper closes the legs of its calls without a word.
    pub fn lose_router_legs(&mut self, n: usize) {
        self.routers[n].legs.clear();
        let own = |peer: &Peer| matches!(peer, Peer::Gatekeeper(of) if *of == n);
        self.lose(own);
    }

    /// A party beyond the gatekeeper calls a phone.
    pub fn receive_from_elsewhere(&mut self, n: usize) {
        self.call_from(0, n);
    }

    /// A gatekeeper calls a phone.
    pub fn call_from(&mut self, router: usize, n: usize) {
        self.accepted += 1;
        let link = LinkId(self.accepted);
        self.peers.insert(link, Peer::Gatekeeper(router));
        self.input(Input::GatekeeperConnected {
            link,
            peer: SocketAddr::new(gatekeeper(router).ip(), 45_000),
            local: upstream(n),
        });
        let reference = CallReference {
            value: 9,
            to_originator: false,
        };
        let octets = setup(reference, 99, n).to_tpkt().unwrap();
        let octets = &octets[4..];
        self.input(Input::Message { link, octets });
    }

    /// The gatekeeper's side of a call says something by itself.
    pub fn router_says(&mut self, n: usize, make: impl Fn(CallReference) -> Message) {
        let legs: Vec<(LinkId, CallReference)> = (self.routers[n].legs.values()).copied().collect();
        for (link, reference) in legs {
            let octets = make(reference).to_tpkt().unwrap();
            let octets = &octets[4..];
            self.input(Input::Message { link, octets });
        }
    }

    // What is asked of it.

    /// Types of the messages that a phone has got.
    pub fn types(&self, n: usize) -> Vec<u8> {
        let got = self.phones[n].got.iter();
        got.map(|one| one.message.message_type).collect()
    }

    /// Tunnelled H.245 that a phone has got.
    pub fn tunnelled(&self, n: usize) -> Vec<Vec<u8>> {
        let got = self.phones[n].got.iter();
        let infos = got.filter_map(|one| one.info.as_ref());
        let all = infos.flat_map(UserInformation::h245_control);
        all.map(|octets| octets.to_vec()).collect()
    }

    pub fn happened(&self) -> Vec<Happening> {
        self.events
            .iter()
            .map(|one| one.happening.clone())
            .collect()
    }

    pub fn ended(&self) -> Option<(EndedBy, Option<u8>)> {
        self.events.iter().find_map(|one| match one.happening {
            Happening::Ended { by, cause, .. } => Some((by, cause)),
            _ => None,
        })
    }
}

pub fn alerting(reference: CallReference) -> Message {
    let mut message = build::call_proceeding(reference, CALL);
    message.message_type = q931::ALERTING;
    let mut info = decode_uuie(message.user_user().unwrap()).unwrap();
    let mut body = AlertingUuie::new(EndpointType::new());
    body.call_identifier = Some(CallIdentifier::new(CALL));
    info.h323_uu_pdu.h323_message_body = Body::Alerting(body.into());
    message.set_user_user(&encode_uuie(&info).unwrap());
    message
}

/// Setup of a phone that calls another one by its number.
pub fn setup(reference: CallReference, from: usize, to: usize) -> Message {
    let called = rasline_h225::messages::alias(&to.to_string()).unwrap();
    let mut body = SetupUuie::new(
        EndpointType::new(),
        CONFERENCE.to_vec().into(),
        SetupUuieConferenceGoal::Create,
        CallType::PointToPoint,
    );
    body.destination_address = Some(vec![called].into());
    body.call_identifier = Some(CallIdentifier::new(CALL));
    body.source_call_signal_address = Some(to_transport(phone(from)));
    body.dest_call_signal_address = Some(to_transport(service()));
    let mut pdu = H323UuPdu::new(Body::Setup(body.into()));
    pdu.h245_tunnelling = Some(true);
    let mut message = Message::new(reference, q931::SETUP);
    message.set_element(4, &[0x88, 0x93, 0xa5]);
    let info = UserInformation::new(pdu);
    message.set_user_user(&encode_uuie(&info).unwrap());
    message
}
