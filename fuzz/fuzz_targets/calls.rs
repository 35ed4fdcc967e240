//! Calls whose signalling rasline ends, on any messages, losses and facts: no panic, no more time than the length allows,
//! nothing on a closed connection, bounds kept, and nothing left when all connections are gone.
//!
//!     cargo +nightly fuzz run calls -- -max_total_time=180
#![no_main]

#[path = "../cost.rs"]
mod cost;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use rasline_core::call::{Calls, Input, LinkId, LinkLoss, ListenerId, Output, Settings};
use rasline_core::ras_server::{CallFact, EntryId};
use rasline_core::{Time, ZoneIndex};
use rasline_h225::q931::{CallReference, Message};
use rasline_h225::uuie::build;

const ZONE: ZoneIndex = ZoneIndex(0);
const HOSTS: u8 = 4;
const MAX_CALLS: usize = 4;
const MAX_LINKS: usize = 16;
/// No message is longer.
const LONGEST: u16 = 2_048;
/// A message may be decoded, changed and compared for each of the places where an address could be.
const WORK: usize = 32;

fn address(host: [u8; 4], port: u16) -> SocketAddr {
    SocketAddr::new(host.into(), port)
}

fn service() -> SocketAddr {
    address([10, 1, 0, 1], 1720)
}

fn upstream(endpoint: u8) -> SocketAddr {
    address([10, 2, 0, 1], 20_001 + u16::from(endpoint))
}

fn gatekeeper() -> SocketAddr {
    address([10, 2, 0, 9], 1719)
}

struct World {
    calls: Calls,
    now: Time,
    links: BTreeSet<LinkId>,
    listeners: Vec<ListenerId>,
    accepted: u64,
}

impl World {
    fn new() -> Self {
        let settings = Settings {
            max_calls: MAX_CALLS,
            max_links: MAX_LINKS,
            ..Settings::default()
        };
        let mut world = Self {
            calls: Calls::new(settings),
            now: Time(0),
            links: BTreeSet::new(),
            listeners: Vec::new(),
            accepted: 0,
        };
        for endpoint in 0..HOSTS {
            world.fact(CallFact::Registered {
                endpoint: EntryId(u64::from(endpoint)),
                signalling: address([10, 0, 0, endpoint], 1720),
                service: service(),
                upstream: upstream(endpoint),
            });
        }
        let gatekeeper = gatekeeper();
        world.fact(CallFact::Serves { gatekeeper });
        world
    }

    fn fact(&mut self, fact: CallFact) {
        self.feed(Input::Fact { zone: ZONE, fact });
    }

    fn feed(&mut self, input: Input<'_>) {
        let length = match &input {
            Input::Message { octets, .. } => octets.len(),
            _ => 0,
        };
        let (calls, out) = cost::bounded(WORK * length, || {
            let mut calls = self.calls.clone();
            let mut out = Vec::new();
            calls.handle(self.now, input.clone(), &mut out);
            (calls, out)
        });
        self.calls = calls;
        for output in out {
            match output {
                Output::Connect { link, .. } => assert!(self.links.insert(link)),
                Output::Close { link } => assert!(self.links.remove(&link)),
                Output::Write { link, .. } => assert!(self.links.contains(&link)),
                Output::Listen { listener, .. } => self.listeners.push(listener),
                Output::StopListening { listener } => {
                    self.listeners.retain(|one| *one != listener);
                }
                _ => {}
            }
        }
        let stats = self.calls.stats();
        assert!(stats.calls <= MAX_CALLS as u64 && stats.legs <= 4 * stats.calls);
        assert!(stats.listeners <= stats.legs);
        // Beside those that are accepted, a leg has at most a connection for signalling and one for H.245.
        assert!(stats.links <= MAX_LINKS as u64 + 2 * stats.legs);
        assert_eq!(stats.links, self.links.len() as u64);
    }

    fn accept(&mut self) -> LinkId {
        self.accepted += 1;
        let link = LinkId(self.accepted);
        self.links.insert(link);
        link
    }

    /// One of the connections.
    fn link(&self, which: u8) -> Option<LinkId> {
        let count = self.links.len().max(1);
        self.links.iter().nth(usize::from(which) % count).copied()
    }

    fn lose(&mut self, link: LinkId) {
        self.links.remove(&link);
        let why = LinkLoss::Closed;
        self.feed(Input::Lost { link, why });
    }

    fn step(&mut self, (what, which): (u8, u8), payload: &[u8]) {
        let host = which % HOSTS;
        let endpoint = EntryId(u64::from(host));
        let call = [which >> 4; 16];
        let gatekeeper = gatekeeper();
        match what % 16 {
            0 => {
                let link = self.accept();
                let peer = address([10, 0, 0, host], 40_000);
                let (zone, local) = (ZONE, service());
                self.feed(Input::EndpointConnected {
                    link,
                    zone,
                    peer,
                    local,
                });
            }
            1 => {
                let link = self.accept();
                let peer = SocketAddr::new(gatekeeper.ip(), 45_000);
                let local = upstream(host);
                self.feed(Input::GatekeeperConnected { link, peer, local });
            }
            2 => self.fact(CallFact::Admitted {
                endpoint,
                call,
                to: SocketAddr::new(gatekeeper.ip(), 1720),
                gatekeeper,
            }),
            3 => self.fact(CallFact::Disengaged {
                endpoint,
                call,
                gatekeeper,
            }),
            4 => self.fact(CallFact::Dismissed {
                endpoint,
                gatekeeper,
            }),
            5 => self.fact(CallFact::Lost { gatekeeper }),
            6 => {
                if let Some(link) = self.link(which) {
                    self.lose(link);
                }
            }
            7 => {
                if let Some(link) = self.link(which) {
                    let local = service();
                    self.feed(Input::Connected { link, local });
                }
            }
            8 => {
                if let Some(&listener) = self.listeners.first() {
                    let address = (which > 16).then(|| address([10, 1, 0, 1], 40_000));
                    self.feed(Input::Listening { listener, address });
                    if address.is_none() {
                        self.listeners.retain(|one| *one != listener);
                    }
                }
            }
            9 => {
                if let Some(&listener) = self.listeners.first() {
                    let link = self.accept();
                    let peer = address([10, 0, 0, host], 40_001);
                    self.feed(Input::ControlConnected {
                        listener,
                        link,
                        peer,
                    });
                }
            }
            10 => {
                self.now = self
                    .now
                    .after(Duration::from_millis(u64::from(which) * 100));
                self.feed(Input::Due);
            }
            // A well-formed message on the first call reference.
            11 => self.message(which, &release(call)),
            12 => self.message(which, &tunnel(call, payload)),
            _ => self.message(which, payload),
        }
    }

    fn message(&mut self, which: u8, octets: &[u8]) {
        if let Some(link) = self.link(which) {
            self.feed(Input::Message { link, octets });
        }
    }

    fn finish(&mut self) {
        for link in self.links.clone() {
            if self.links.contains(&link) {
                self.lose(link);
            }
        }
        for _ in 0..16 {
            if let Some(due) = self.calls.next_due() {
                self.now = self.now.max(due);
                self.feed(Input::Due);
            }
        }
        let stats = self.calls.stats();
        let left = [stats.calls, stats.links, stats.legs, stats.listeners];
        assert_eq!((left, self.calls.next_due()), ([0; 4], None));
    }
}

const REFERENCE: CallReference = CallReference {
    value: 1,
    to_originator: false,
};

fn octets(message: &Message) -> Vec<u8> {
    message
        .to_tpkt()
        .map(|tpkt| tpkt[4..].to_vec())
        .unwrap_or_default()
}

fn release(call: [u8; 16]) -> Vec<u8> {
    octets(&build::release_complete(REFERENCE, Some(call), 16, None))
}

fn tunnel(call: [u8; 16], h245: &[u8]) -> Vec<u8> {
    octets(&build::facility_h245(REFERENCE, call, &[h245]))
}

// Each step is four octets: what happens, where, and the length of the message that follows.
fuzz_target!(|input: &[u8]| {
    let mut world = World::new();
    let mut rest = input;
    while let [what, which, high, low, tail @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]) % LONGEST);
        let (payload, more) = tail.split_at(tail.len().min(length));
        rest = more;
        world.step((*what, *which), payload);
    }
    world.finish();
});
