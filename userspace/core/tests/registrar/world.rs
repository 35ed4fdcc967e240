//! A registrar, the clock, and messages to feed it with.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_core::Time;
use rasline_core::profile::{KnownEndpoint, Profile};
use rasline_core::registrar::{
    EntryId, Event, Input, Offer, Output, Registrar, Settings, Stored, View,
};
use rasline_h225::messages::Rrq;
use rasline_h225::text::from_bmp;
use rasline_h225::types::{RasMessage, RegistrationConfirm};
use rasline_h225::{decode_ras, encode_ras, view};
use rasline_testkit_model::party::Party;
pub use rasline_testkit_model::zone::Disk;
use rasline_testkit_model::zone::{open_profile, registrar_settings};

pub const SECOND: Duration = Duration::from_secs(1);

/// The gatekeeper.
pub const GATEKEEPER: SocketAddr = SocketAddr::new(
    std::net::IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 1)),
    1719,
);

/// RAS address of an endpoint.
pub fn ras(n: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n], 1719))
}

/// callSignalAddress of an endpoint.
pub fn signalling(n: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n], 1720))
}

/// A zone that admits everybody.
pub fn profile() -> Profile {
    open_profile("gk1")
}

pub fn known(aliases: &[&str]) -> KnownEndpoint {
    KnownEndpoint {
        aliases: aliases.iter().map(|one| (*one).to_owned()).collect(),
        ..KnownEndpoint::default()
    }
}

pub fn settings(profile: Profile) -> Settings {
    Settings {
        call_signal_address: Some(SocketAddr::from(([198, 51, 100, 1], 1720))),
        alternates: vec![view::Alternate {
            address: SocketAddr::from(([198, 51, 100, 2], 1719)),
            gatekeeper_identifier: Some("gk2".into()),
            need_to_register: false,
            priority: 1,
        }],
        seed: 0xfeed,
        max_answers: 1000,
        ..registrar_settings(profile, GATEKEEPER)
    }
}

fn party(n: u8, alias: &str) -> Party {
    Party::new(ras(n).ip(), alias)
}

/// A full RRQ of endpoint `n` with one alias.
pub fn full(seq: u16, n: u8, alias: &str) -> Rrq {
    party(n, alias).full(seq)
}

pub struct World {
    pub registrar: Registrar,
    pub now: Time,
    pub seq: u16,
}

impl World {
    pub fn new() -> Self {
        Self::with(profile())
    }

    pub fn with(profile: Profile) -> Self {
        Self::of(settings(profile))
    }

    pub fn of(settings: Settings) -> Self {
        let now = Time(1_000_000_000_000);
        Self {
            registrar: Registrar::new(settings, now),
            now,
            seq: 100,
        }
    }

    pub fn next_seq(&mut self) -> u16 {
        self.seq += 1;
        self.seq
    }

    pub fn input(&mut self, input: Input<'_>) -> Vec<Output> {
        let mut out = Vec::new();
        self.registrar.handle(self.now, input, &mut out);
        out
    }

    /// Octets come.
    pub fn octets(&mut self, from: SocketAddr, payload: &[u8]) -> Vec<Output> {
        self.input(Input::Message {
            from,
            to: GATEKEEPER,
            payload,
        })
    }

    /// A message comes.
    pub fn message(&mut self, from: SocketAddr, message: &RasMessage) -> Vec<Output> {
        self.octets(from, &encode_ras(message).unwrap())
    }

    /// A message comes, and exactly one is sent, to where it came from.
    pub fn asked(&mut self, from: SocketAddr, message: &RasMessage) -> RasMessage {
        let out = self.message(from, message);
        let sent = sent(&out);
        assert_eq!(sent.len(), 1, "{out:?}");
        assert_eq!(sent[0].0, from);
        sent[0].1.clone()
    }

    /// Time passes, and what is due is done, when it is due.
    pub fn pass(&mut self, duration: Duration) -> Vec<Output> {
        let until = self.now.after(duration);
        let mut out = Vec::new();
        while let Some(due) = self.registrar.next_due().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.registrar.handle(self.now, Input::Due, &mut out);
        }
        self.now = until;
        out
    }

    /// Registers endpoint `n`, gives its endpointIdentifier.
    pub fn register(&mut self, n: u8, alias: &str) -> String {
        let seq = self.next_seq();
        let rcf = self.rcf(ras(n), &full(seq, n, alias));
        from_bmp(&rcf.endpoint_identifier)
    }

    pub fn rcf(&mut self, from: SocketAddr, rrq: &Rrq) -> RegistrationConfirm {
        match self.asked(from, &rrq.message().unwrap()) {
            RasMessage::RegistrationConfirm(rcf) => rcf,
            other => panic!("{other:?}"),
        }
    }

    /// rejectReason of the RRJ.
    pub fn rrj(&mut self, from: SocketAddr, rrq: &Rrq) -> &'static str {
        match self.asked(from, &rrq.message().unwrap()) {
            RasMessage::RegistrationReject(rrj) => view::registration_reject(&rrj.reject_reason),
            other => panic!("{other:?}"),
        }
    }

    /// Endpoint `n` keeps alive.
    pub fn keep_alive(&mut self, n: u8, eid: &str) -> Vec<Output> {
        let rrq = Rrq::lightweight(self.next_seq(), ras(n), eid);
        self.octets(ras(n), &rrq.encode().unwrap())
    }

    pub fn urq(&mut self, n: u8, eid: &str) -> RasMessage {
        let urq = self.own_urq(n, eid);
        self.asked(ras(n), &urq)
    }

    /// The URQ of endpoint `n`.
    pub fn own_urq(&mut self, n: u8, eid: &str) -> RasMessage {
        party(n, "").urq(self.next_seq(), eid).message().unwrap()
    }

    pub fn views(&self) -> Vec<View> {
        self.registrar.views().collect()
    }

    pub fn only(&self) -> View {
        let views = self.views();
        assert_eq!(views.len(), 1, "{views:?}");
        views[0].clone()
    }
}

/// Messages sent, and where to.
pub fn sent(out: &[Output]) -> Vec<(SocketAddr, RasMessage)> {
    out.iter()
        .filter_map(|one| match one {
            Output::Send { to, payload, .. } => Some((*to, decode_ras(payload).unwrap())),
            _ => None,
        })
        .collect()
}

/// Kinds of the messages sent.
pub fn kinds(out: &[Output]) -> Vec<&'static str> {
    sent(out).iter().map(|(_, one)| one.kind().name()).collect()
}

pub fn offers(out: &[Output]) -> Vec<Offer> {
    out.iter()
        .filter_map(|one| match one {
            Output::Publish(offer) => Some((**offer).clone()),
            _ => None,
        })
        .collect()
}

pub fn withdrawn(out: &[Output]) -> Vec<EntryId> {
    out.iter()
        .filter_map(|one| match one {
            Output::Withdraw { id } => Some(*id),
            _ => None,
        })
        .collect()
}

pub fn stored(out: &[Output]) -> Vec<Stored> {
    out.iter()
        .filter_map(|one| match one {
            Output::Store(stored) => Some((**stored).clone()),
            _ => None,
        })
        .collect()
}

pub fn forgotten(out: &[Output]) -> Vec<EntryId> {
    out.iter()
        .filter_map(|one| match one {
            Output::Forget { id } => Some(*id),
            _ => None,
        })
        .collect()
}

/// A registrar of another process that is given all that the disk has.
pub fn restored(disk: &mut Disk, profile: Profile, now: Time) -> World {
    let mut settings = settings(profile);
    settings.seed = 0xbeef;
    let mut world = World::new();
    world.registrar = Registrar::new(settings, now);
    world.now = now;
    let before = disk.clone();
    for stored in before.registrations.into_values() {
        disk.write(&world.input(Input::Restore(Box::new(stored))));
    }
    for call in before.calls.into_values() {
        disk.write(&world.input(Input::RestoreCall(Box::new(call))));
    }
    world
}

pub fn events(out: &[Output]) -> Vec<Event> {
    out.iter()
        .filter_map(|one| match one {
            Output::Event(event) => Some(event.clone()),
            _ => None,
        })
        .collect()
}
