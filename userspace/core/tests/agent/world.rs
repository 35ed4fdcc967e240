//! Agents, what they did, and the words of gatekeepers.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_core::Time;
use rasline_core::agent::{
    AgentId, Agents, Answers, Candidate, Config, ConnectionId, Device, Discovery, EventKind, Input,
    Kind, Loss, Output, Remembered, Signalling, Strategy, View,
};
use rasline_h225::messages::{Gcf, Rcf, Rrj, Urq};
use rasline_h225::types::{RegistrationRejectReason, RegistrationRequest, UnregRequestReason};
use rasline_h225::view::Alternate;
use rasline_h225::{RasKind, RasMessage, decode_ras, encode_ras, text};
use rasline_testkit_model::party::kind_name;

pub const START: Time = Time(1_000_000_000_000);
pub const ME: AgentId = AgentId(7);
pub const SECOND: Duration = Duration::from_secs(1);

pub const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A gatekeeper.
pub fn gk(n: u8) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, n], 1719))
}

/// Which one.
pub fn number(address: SocketAddr) -> u8 {
    match address {
        SocketAddr::V4(address) => address.ip().octets()[3],
        SocketAddr::V6(_) => panic!("{address} is no gatekeeper"),
    }
}

/// Where it wants calls.
pub fn calls(n: u8) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, n], 1720))
}

pub fn alternate(n: u8, priority: u8) -> Alternate {
    Alternate {
        address: gk(n),
        gatekeeper_identifier: Some(format!("gk{n}")),
        need_to_register: false,
        priority,
    }
}

/// A gateway with two devices and these gatekeepers.
pub fn config(gatekeepers: &[u8]) -> Config {
    let device = |alias: &str, prefix: &str| Device {
        aliases: vec![alias.into()],
        prefixes: vec![prefix.into()],
    };
    Config {
        id: ME,
        name: "site".into(),
        ras_addresses: vec![SocketAddr::from(([192, 0, 2, 1], 1719))],
        call_signal_addresses: vec![SocketAddr::from(([192, 0, 2, 1], 1720))],
        kind: Kind::Gateway,
        devices: vec![device("gw-a", "30"), device("4711", "31")],
        gatekeepers: gatekeepers
            .iter()
            .map(|n| Candidate {
                address: gk(*n),
                gatekeeper_identifier: None,
            })
            .collect(),
        discovery: Discovery::Off,
        strategy: Strategy::InOrder,
        time_to_live: 300 * SECOND,
        t1: 2 * SECOND,
        signalling: Signalling::Hold,
        allowed_alternates: None,
        credentials: None,
        answers: Answers::default(),
        seed: 1,
    }
}

/// A message that was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    pub at: Time,
    pub to: SocketAddr,
    pub message: RasMessage,
    pub raw: Vec<u8>,
}

impl Sent {
    pub fn seq(&self) -> u16 {
        self.message.request_seq_num()
    }

    pub fn kind(&self) -> RasKind {
        self.message.kind()
    }

    pub fn rrq(&self) -> &RegistrationRequest {
        match &self.message {
            RasMessage::RegistrationRequest(rrq) => rrq,
            other => panic!("{other:?} is no RRQ"),
        }
    }

    /// `GRQ`, `RRQ`, `rrq` (lightweight), ...
    pub fn word(&self) -> &'static str {
        kind_name(&self.message)
    }

    pub fn identity(&self) -> Option<String> {
        self.rrq().endpoint_identifier.as_ref().map(text::from_bmp)
    }
}

pub struct World {
    pub agents: Agents,
    pub now: Time,
    pub sent: Vec<Sent>,
    pub events: Vec<EventKind>,
    pub persisted: Vec<Remembered>,
    /// Asked for and not closed, by the agents' side.
    pub connections: Vec<(ConnectionId, SocketAddr)>,
    pub connects: Vec<(Time, SocketAddr)>,
}

impl World {
    /// Nothing configured.
    pub fn empty() -> Self {
        Self {
            agents: Agents::new(),
            now: START,
            sent: Vec::new(),
            events: Vec::new(),
            persisted: Vec::new(),
            connections: Vec::new(),
            connects: Vec::new(),
        }
    }

    /// One agent, which has begun.
    pub fn new(config: Config) -> Self {
        let mut world = Self::empty();
        world.input(Input::Configure(vec![config]));
        world.run(Duration::ZERO);
        world
    }

    /// As [`Self::new`], registered with the first gatekeeper, connected if it wants to be, and steady.
    pub fn registered(config: Config) -> Self {
        Self::registered_with(config, &[])
    }

    pub fn registered_with(config: Config, alternates: &[Alternate]) -> Self {
        let first = number(config.gatekeepers[0].address);
        let mut world = Self::new(config);
        world.answer(|seq| Rcf {
            alternates: alternates.to_vec(),
            ..rcf(seq, first)
        });
        if let Some((connection, _)) = world.connections.first().copied() {
            world.input(Input::Connected { connection });
        }
        world.run(20 * SECOND);
        assert_eq!(world.state(), "Registered");
        world.forget();
        world
    }

    pub fn input(&mut self, input: Input<'_>) {
        let mut out = Vec::new();
        self.agents.handle(self.now, input, &mut out);
        for output in out {
            self.take(output);
        }
        assert!(self.connections.len() <= 1, "two connections at once");
    }

    fn take(&mut self, output: Output) {
        match output {
            Output::Send { to, payload, .. } => self.sent.push(Sent {
                at: self.now,
                to,
                message: decode_ras(&payload).unwrap(),
                raw: payload,
            }),
            Output::Connect { connection, to, .. } => {
                self.connections.push((connection, to));
                self.connects.push((self.now, to));
                assert!(self.connections.len() <= 1, "two connections at once");
            }
            Output::Disconnect { connection } => {
                self.connections.retain(|(one, _)| *one != connection);
            }
            Output::Persist(remembered) => self.persisted.push(remembered),
            Output::Event(event) => self.events.push(event.kind),
        }
    }

    /// Lets time pass.
    pub fn run(&mut self, duration: Duration) {
        let end = self.now.after(duration);
        while let Some(due) = self.agents.next_due().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.input(Input::Due);
            let next = self.agents.next_due();
            assert!(next.is_none_or(|next| next > self.now), "it spins");
        }
        self.now = end;
    }

    pub fn say(&mut self, from: SocketAddr, payload: &[u8]) {
        self.input(Input::Message {
            agent: ME,
            from,
            payload,
        });
    }

    pub fn tell(&mut self, from: SocketAddr, message: &RasMessage) {
        self.say(from, &encode_ras(message).unwrap());
    }

    /// The one asked last says this.
    pub fn answer(&mut self, rcf: impl Fn(u16) -> Rcf) {
        let last = self.last().clone();
        self.say(last.to, &rcf(last.seq()).encode().unwrap());
    }

    pub fn confirm(&mut self, n: u8, seq: u16) {
        self.say(gk(n), &rcf(seq, n).encode().unwrap());
    }

    pub fn reject(&mut self, n: u8, seq: u16, reason: RegistrationRejectReason) {
        self.say(gk(n), &Rrj::new(seq, reason).encode().unwrap());
    }

    pub fn found(&mut self, n: u8, seq: u16) {
        self.say(gk(n), &gcf(seq, n).encode().unwrap());
    }

    /// A request of a gatekeeper, which stands by a URQ when it is asked.
    pub fn unregister(&mut self, n: u8, urq: &RasMessage) {
        self.tell(gk(n), urq);
        let is_urq = matches!(urq, RasMessage::UnregistrationRequest(_));
        if is_urq
            && self.state() == "Registered"
            && self.last().word() == "rrq"
            && self.last().to == gk(n)
        {
            let seq = self.last().seq();
            self.reject(n, seq, RegistrationRejectReason::FullRegistrationRequired);
        }
    }

    pub fn lose(&mut self, why: Loss) {
        let (connection, _) = self.connections.pop().expect("a connection");
        self.input(Input::Lost { connection, why });
    }

    pub fn last(&self) -> &Sent {
        self.sent.last().expect("something sent")
    }

    /// What was sent since [`Self::forget`], and to which gatekeeper.
    pub fn said(&self) -> Vec<(&'static str, SocketAddr)> {
        self.sent
            .iter()
            .map(|sent| (sent.word(), sent.to))
            .collect()
    }

    pub fn forget(&mut self) {
        self.sent.clear();
        self.events.clear();
        self.persisted.clear();
        self.connects.clear();
    }

    pub fn view(&self) -> View {
        self.agents.view(ME).expect("the agent")
    }

    pub fn state(&self) -> String {
        self.agents
            .view(ME)
            .map_or("gone".into(), |view| view.state)
    }
}

pub fn rcf(seq: u16, n: u8) -> Rcf {
    Rcf {
        seq,
        call_signal_addresses: vec![calls(n)],
        gatekeeper_identifier: Some(format!("gk{n}")),
        endpoint_identifier: "0001_ep".into(),
        time_to_live: Some(300),
        ..Rcf::default()
    }
}

pub fn gcf(seq: u16, n: u8) -> Gcf {
    Gcf {
        seq,
        gatekeeper_identifier: Some(format!("gk{n}")),
        ras_address: gk(n),
        alternates: Vec::new(),
    }
}

pub fn urq(seq: u16, reason: UnregRequestReason) -> Urq {
    Urq {
        seq,
        endpoint_identifier: Some("0001_ep".into()),
        gatekeeper_identifier: Some("gk1".into()),
        reason: Some(reason),
        ..Urq::default()
    }
}
