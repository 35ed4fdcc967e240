//! A phone with several calls at once: it checks each message that it gets.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use rasline_core::call::LinkId;
use rasline_h225::q931::{self, CallReference, Message};
use rasline_h225::text::to_transport;
use rasline_h225::types::H323UuPduH323MessageBody as Body;
use rasline_h225::uuie::{build, decode_uuie, encode_uuie};

use super::super::world::{CONFERENCE, phone, setup};
use super::ledger::{CallNumber, Ledger, identifier, number_of};
use super::network::{Arrival, Network, Peer};

/// A call as one phone has it.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools)]
pub struct Half {
    pub call: CallNumber,
    /// What it writes.
    reference: CallReference,
    pub is_up: bool,
    /// Anything came since it called.
    pub is_answered: bool,
    /// The phone ended it, or received a ReleaseComplete.
    pub is_over: bool,
    got_release: bool,
    /// Numbers of the last H.245 messages, sent and received.
    numbers: [u16; 2],
    control: Option<LinkId>,
}

pub type Key = (LinkId, u16);

#[derive(Clone, Debug, Default)]
pub struct Phone {
    pub halves: BTreeMap<Key, Half>,
    references: u16,
    /// Number of the last message on each H.245 connection.
    control: BTreeMap<LinkId, u16>,
}

/// First octet of the messages of H.245 connections; a leg without one gets them tunnelled.
const ON_CONNECTION: u8 = 0x6e;

fn digits(first: u8, number: u16) -> Vec<u8> {
    let [high, low] = number.to_be_bytes();
    vec![first, 0x40, high, low]
}

fn number(octets: &[u8]) -> u16 {
    u16::from_be_bytes([octets[2], octets[3]])
}

fn say(key: Key, message: &Message, net: &mut Network) {
    net.send(key.0, message.to_tpkt().unwrap()[4..].to_vec());
}

impl Phone {
    /// Keys of the calls that are not over.
    pub fn live(&self) -> Vec<Key> {
        let live = self.halves.iter().filter(|(_, half)| !half.is_over);
        live.map(|(key, _)| *key).collect()
    }

    pub fn half_of(&self, call: CallNumber) -> Option<&Half> {
        self.halves.values().find(|half| half.call == call)
    }

    fn begin(&mut self, link: LinkId, reference: CallReference, call: CallNumber) -> Key {
        let key = (link, reference.value);
        let half = Half {
            call,
            reference,
            is_up: false,
            is_answered: false,
            is_over: false,
            got_release: false,
            numbers: [0; 2],
            control: None,
        };
        assert!(self.halves.insert(key, half).is_none(), "{key:?} again");
        key
    }

    /// Calls another phone, on a connection that it has, or a new one.
    pub fn dial(&mut self, call: CallNumber, net: &mut Network) {
        let own = |link: &LinkId| {
            let one = &net.links[link];
            !one.is_over_there && link.0 & LinkId::DIALLED == 0
        };
        let used = self.live().into_iter().map(|key| key.0).find(own);
        let link = match used.filter(|_| net.dice.percent(40)) {
            Some(link) => link,
            None => net.open(Peer::Phone(call.from), Arrival::PhoneConnects),
        };
        self.references += 1;
        let reference = CallReference {
            value: self.references,
            to_originator: false,
        };
        let mut setup = setup(reference, call.from, call.to);
        let mut info = decode_uuie(setup.user_user().unwrap()).unwrap();
        if let Body::Setup(body) = &mut info.h323_uu_pdu.h323_message_body {
            let id = rasline_h225::types::CallIdentifier::new(identifier(call));
            body.call_identifier = Some(id);
        }
        setup.set_user_user(&encode_uuie(&info).unwrap());
        let key = self.begin(link, reference, call);
        say(key, &setup, net);
        let answered = Arrival::CheckAnswered(call);
        net.after(Duration::from_secs(25), answered);
        let connected = Arrival::CheckConnected(call);
        net.after(Duration::from_secs(200), connected);
    }

    /// Hangs up, or refuses.
    pub fn hang_up(&mut self, key: Key, net: &mut Network) -> CallNumber {
        let half = self.halves.get_mut(&key).unwrap();
        half.is_over = true;
        let (call, reference) = (half.call, half.reference);
        let release = build::release_complete(reference, Some(identifier(call)), 16, None);
        say(key, &release, net);
        call
    }

    /// Sends numbered H.245 messages, tunnelled and on the H.245 connection.
    pub fn talk(&mut self, key: Key, net: &mut Network) {
        let half = self.halves.get_mut(&key).unwrap();
        half.numbers[0] += 1;
        let octets = digits(0x6d, half.numbers[0]);
        if let Some(link) = half.control {
            net.send(link, digits(ON_CONNECTION, half.numbers[0]));
        }
        let id = identifier(half.call);
        let facility = build::facility_h245(half.reference, id, &[&octets]);
        say(key, &facility, net);
    }

    /// A called phone rings first, then answers.
    pub fn go_on(&mut self, n: usize, key: Key, net: &mut Network) {
        let Some(half) = self.halves.get_mut(&key).filter(|half| !half.is_over) else {
            return;
        };
        let (reference, id) = (half.reference, identifier(half.call));
        if half.is_answered {
            half.is_up = true;
            let mut connect = build::connect(reference, id, CONFERENCE);
            if net.dice.percent(40) {
                let own = SocketAddr::new(phone(n).ip(), 11_000);
                add_control_address(&mut connect, own);
            }
            return say(key, &connect, net);
        }
        half.is_answered = true;
        let mut alerting = build::call_proceeding(reference, id);
        alerting.message_type = q931::ALERTING;
        say(key, &alerting, net);
        if net.dice.percent(80) {
            let wait = net.dice.between(Duration::ZERO, Duration::from_secs(4));
            net.after(wait, Arrival::PhoneGoesOn(n, key.0, key.1));
        }
    }

    /// Takes a message of call signalling.
    pub fn take(
        &mut self,
        n: usize,
        link: LinkId,
        octets: &[u8],
        ledger: &mut Ledger,
        net: &mut Network,
    ) {
        let message = Message::parse(octets).unwrap();
        let reference = message.reference;
        let key = (link, reference.value);
        let info = message.user_user().map(|user| decode_uuie(user).unwrap());
        let info = info.unwrap();
        if message.message_type == q931::SETUP {
            assert!(link.0 & LinkId::DIALLED != 0 && !reference.to_originator);
            let call = number_of(info.call_identifier().unwrap());
            assert_eq!(call.to, n);
            self.begin(link, reference.reversed(), call);
            if net.dice.percent(90) {
                let wait = net.dice.between(Duration::ZERO, Duration::from_secs(2));
                net.after(wait, Arrival::PhoneGoesOn(n, link, reference.value));
            }
            return;
        }
        let half = self.halves.get_mut(&key);
        let half = half.unwrap_or_else(|| panic!("phone {n} has no call for {message:?}"));
        assert_eq!(reference, half.reference.reversed(), "phone {n}");
        assert!(
            !half.got_release,
            "phone {n} gets {message:?} after the end"
        );
        half.got_release = message.message_type == q931::RELEASE_COMPLETE;
        if half.is_over {
            return;
        }
        half.is_answered = true;
        match message.message_type {
            q931::RELEASE_COMPLETE => {
                half.is_over = true;
                let call = half.call;
                ledger.check_end(call, n, &message);
            }
            q931::CONNECT => {
                half.is_up = true;
                ledger.note_connected(half.call);
                let listener = info.h245_address().and_then(|to| net.listeners.get(&to));
                if let Some(&listener) = listener {
                    let own = SocketAddr::new(phone(n).ip(), 40_001);
                    let control = net.open(Peer::Control(n), |link| {
                        Arrival::ControlConnects(link, listener, own)
                    });
                    half.control = Some(control);
                }
            }
            _ => {}
        }
        for octets in info.h245_control() {
            if octets[0] == ON_CONNECTION {
                continue;
            }
            let got = number(octets);
            assert!(got > half.numbers[1], "phone {n} gets {got} again");
            half.numbers[1] = got;
        }
    }

    /// Takes a message of an H.245 connection.
    pub fn take_control(&mut self, n: usize, link: LinkId, octets: &[u8]) {
        let last = self.control.entry(link).or_default();
        assert!(number(octets) > *last, "phone {n} gets {octets:?} again");
        *last = number(octets);
    }

    /// A connection is closed. Returns its calls that were not over.
    pub fn lose(&mut self, link: LinkId) -> Vec<CallNumber> {
        let its = self.halves.range_mut((link, 0)..=(link, u16::MAX));
        let live = its.filter(|(_, half)| !half.is_over);
        live.map(|(_, half)| {
            half.is_over = true;
            half.call
        })
        .collect()
    }
}

fn add_control_address(connect: &mut Message, own: SocketAddr) {
    let mut info = decode_uuie(connect.user_user().unwrap()).unwrap();
    if let Body::Connect(body) = &mut info.h323_uu_pdu.h323_message_body {
        body.h245_address = Some(to_transport(own));
    }
    connect.set_user_user(&encode_uuie(&info).unwrap());
}
