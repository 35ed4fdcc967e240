//! A control unit, zones and endpoints to feed it with, and what the kernel and the store would hold.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rasline_core::Time;
use rasline_core::backup::{ControlUnit, Event, Input, Output, Phase, Setup, ZoneSettings};
use rasline_core::profile::{KnownEndpoint, Profile, Subscription};
use rasline_core::registrar::{self, EntryId, Offer, Stored, StoredCall};
use rasline_h225::messages::Rrq;
use rasline_h225::text::from_transport;
use rasline_h225::types::AdmissionRejectReason;
use rasline_h225::{RasMessage, decode_ras, encode_ras};
use rasline_testkit_model::party::{Party, admission_request, granted_identifier};

/// UNIX time when the world begins.
pub const UNIX: u64 = 1_800_000_000;
pub const SECOND: Duration = Duration::from_secs(1);

/// The gatekeeper of a zone, as its endpoints know it.
pub fn gatekeeper(zone: u32) -> SocketAddr {
    SocketAddr::from(([198, 51, zone as u8, 1], 1719))
}

pub fn ras(zone: u32, n: u16) -> SocketAddr {
    let [high, low] = n.to_be_bytes();
    SocketAddr::from(([10, zone as u8, high, low], 1719))
}

pub fn signal(zone: u32, n: u16) -> SocketAddr {
    SocketAddr::new(ras(zone, n).ip(), 1720)
}

pub fn name(zone: u32) -> String {
    format!("site{zone}")
}

pub fn settings(zone: u32) -> ZoneSettings {
    ZoneSettings {
        zone,
        name: name(zone),
        always: false,
        own: vec![gatekeeper(zone)],
        here: Vec::new(),
        call_signal_address: None,
        reserved: rasline_core::Reserved::default(),
        alternates: Vec::new(),
    }
}

/// A subscribed zone whose endpoints 1 to `endpoints` have the extensions 1001, ... and the names `ep1`, ...
pub fn profile(zone: u32, endpoints: u16) -> Profile {
    let endpoints = (1..=endpoints).map(|n| KnownEndpoint {
        aliases: vec![(1000 + u32::from(n)).to_string(), format!("ep{n}")],
        call_signal_address: Some(signal(zone, n)),
        ras_address: Some(ras(zone, n)),
        ..KnownEndpoint::default()
    });
    let text = format!(
        r#"{{ "zone": "{}", "gatekeeper_identifier": "gk{zone}" }}"#,
        name(zone)
    );
    Profile {
        subscription: Subscription {
            on: true,
            until: None,
        },
        endpoints: endpoints.collect(),
        ..serde_json::from_str(&text).unwrap()
    }
}

fn party(zone: u32, n: u16) -> Party {
    Party::new(ras(zone, n).ip(), (1000 + u32::from(n)).to_string())
}

/// A full RRQ of endpoint `n`.
pub fn full(zone: u32, n: u16, seq: u16) -> Rrq {
    party(zone, n).full(seq)
}

/// Its keep-alive.
pub fn keep_alive(zone: u32, n: u16, seq: u16, eid: &str) -> Vec<u8> {
    let rrq = Rrq {
        time_to_live: Some(300),
        call_signal_addresses: vec![signal(zone, n)],
        ..party(zone, n).keep_alive(seq, eid)
    };
    rrq.encode().unwrap()
}

/// An ARQ for a call to this alias.
pub fn arq(seq: u16, eid: &str, to: &str) -> Vec<u8> {
    let call = u8::try_from(seq % 250).unwrap();
    let arq = admission_request(seq, eid, (call, seq), &[to]);
    encode_ras(&RasMessage::AdmissionRequest(arq)).unwrap()
}

/// What came of an ARQ.
#[derive(Debug, PartialEq, Eq)]
pub enum Admission {
    Called(SocketAddr),
    Rejected(AdmissionRejectReason),
}

pub struct World {
    pub unit: ControlUnit,
    pub now: Time,
    pub profiles: BTreeMap<u32, Profile>,
    /// What the kernel answers.
    pub kernel: BTreeMap<(u32, EntryId), Offer>,
    /// What is in the store.
    pub store: BTreeMap<(u32, EntryId), Stored>,
    /// Calls in it.
    pub stored_calls: BTreeMap<(u32, String), StoredCall>,
    pub events: Vec<Event>,
    seq: u16,
}

impl World {
    pub fn new() -> Self {
        let setup = Setup {
            seed: 7,
            unix_at_zero: i64::try_from(UNIX).unwrap() - 1000,
            max_answers: 1000,
            max_restored: 100,
        };
        Self {
            unit: ControlUnit::new(setup),
            now: Time(1_000_000_000_000),
            profiles: BTreeMap::new(),
            kernel: BTreeMap::new(),
            store: BTreeMap::new(),
            stored_calls: BTreeMap::new(),
            events: Vec::new(),
            seq: 0,
        }
    }

    /// Zones 0 to `zones` - 1, with this many endpoints each; none is served.
    pub fn with(zones: u32, endpoints: u16) -> Self {
        let mut world = Self::new();
        for zone in 0..zones {
            world.profiles.insert(zone, profile(zone, endpoints));
        }
        world.commit();
        world.feed(Input::Zones((0..zones).map(settings).collect()));
        world
    }

    /// The profiles as they are now.
    pub fn commit(&mut self) -> Vec<Output> {
        let all = self.profiles.values().cloned().map(Arc::new).collect();
        self.feed(Input::Profiles { all })
    }

    pub fn serve(&mut self, zone: u32, on: bool) -> Vec<Output> {
        self.feed(Input::Serve { zone, on })
    }

    pub fn pass(&mut self, duration: Duration) -> Vec<Output> {
        self.now = self.now.after(duration);
        self.feed(Input::Tick)
    }

    pub fn phase(&self, zone: u32) -> Phase {
        self.unit.view(zone).unwrap().phase
    }

    pub fn running(&self) -> Vec<u32> {
        let running = self
            .unit
            .views()
            .filter(|view| view.phase == Phase::Running);
        running.map(|view| view.zone).collect()
    }

    /// Feeds it and carries out what it wants; what must always hold is checked.
    pub fn feed(&mut self, input: Input<'_>) -> Vec<Output> {
        let mut out = Vec::new();
        self.unit.handle(self.now, input, &mut out);
        for output in &out {
            match output {
                Output::Event(event) => self.events.push(event.clone()),
                Output::Zone { zone, output } => self.carry_out(*zone, output),
            }
        }
        let running: BTreeSet<u32> = self.running().into_iter().collect();
        for (zone, id) in self.kernel.keys() {
            assert!(running.contains(zone), "published of {zone}: {id:?}");
        }
        for zone in self.store.keys().map(|(zone, _)| *zone) {
            let kept = self.unit.view(zone).map_or(0, |view| view.kept);
            assert!(running.contains(&zone) || kept > 0, "stored of {zone}");
        }
        for zone in self.stored_calls.keys().map(|(zone, _)| *zone) {
            let kept = self.unit.view(zone).map_or(0, |view| view.kept);
            assert!(running.contains(&zone) || kept > 0, "calls of {zone}");
        }
        out
    }

    fn carry_out(&mut self, zone: u32, output: &registrar::Output) {
        match output {
            registrar::Output::Publish(offer) => {
                self.kernel.insert((zone, offer.id), (**offer).clone());
            }
            registrar::Output::Withdraw { id } => {
                self.kernel.remove(&(zone, *id));
            }
            registrar::Output::Store(stored) => {
                self.store.insert((zone, stored.id), (**stored).clone());
            }
            registrar::Output::Forget { id } => {
                self.store.remove(&(zone, *id));
            }
            registrar::Output::StoreCall(call) => {
                let key = (zone, call.call.clone());
                self.stored_calls.insert(key, (**call).clone());
            }
            registrar::Output::ForgetCall { call } => {
                self.stored_calls.remove(&(zone, call.clone()));
            }
            registrar::Output::Locate { .. } => panic!("a Locate came out"),
            _ => {}
        }
    }

    /// A call that is answered later, or not at all: what is sent.
    pub fn calls(&mut self, zone: u32, n: u16, eid: &str, to: &str) -> Vec<Output> {
        let seq = self.seq();
        self.feed(Input::Message {
            zone,
            from: ras(zone, n),
            to: gatekeeper(zone),
            payload: &arq(seq, eid, to),
        })
    }

    /// A message of somebody, and what he is answered.
    pub fn ask(&mut self, zone: u32, from: SocketAddr, payload: &[u8]) -> Vec<RasMessage> {
        let to = gatekeeper(zone);
        let out = self.feed(Input::Message {
            zone,
            from,
            to,
            payload,
        });
        let mut answers = Vec::new();
        for (of, own, whom, message) in sent(&out) {
            assert_eq!((of, own), (zone, to), "{message:?}");
            if whom == from {
                answers.push(message);
            }
        }
        answers
    }

    pub fn seq(&mut self) -> u16 {
        self.seq += 1;
        self.seq
    }

    /// Registers endpoint `n`: full, then a keep-alive. Gives its endpointIdentifier.
    pub fn register(&mut self, zone: u32, n: u16) -> String {
        let seq = self.seq();
        let rrq = full(zone, n, seq).encode().unwrap();
        let eid = confirmed(&self.ask(zone, ras(zone, n), &rrq));
        assert_eq!(self.keeps_alive(zone, n, &eid), eid);
        eid
    }

    /// A keep-alive; gives the endpointIdentifier of its RCF.
    pub fn keeps_alive(&mut self, zone: u32, n: u16, eid: &str) -> String {
        let seq = self.seq();
        let rrq = keep_alive(zone, n, seq, eid);
        confirmed(&self.ask(zone, ras(zone, n), &rrq))
    }

    /// Endpoint `n` wants to call.
    pub fn call(&mut self, zone: u32, n: u16, eid: &str, to: &str) -> Admission {
        let seq = self.seq();
        let answers = self.ask(zone, ras(zone, n), &arq(seq, eid, to));
        match &answers[..] {
            [RasMessage::AdmissionConfirm(acf)] => {
                Admission::Called(from_transport(&acf.dest_call_signal_address).unwrap())
            }
            [RasMessage::AdmissionReject(arj)] => Admission::Rejected(arj.reject_reason.clone()),
            other => panic!("{other:?}"),
        }
    }
}

/// What is sent: zone, from, to, message.
pub fn sent(out: &[Output]) -> Vec<(u32, SocketAddr, SocketAddr, RasMessage)> {
    let mut all = Vec::new();
    for output in out {
        if let Output::Zone {
            zone,
            output: registrar::Output::Send { from, to, payload },
        } = output
        {
            all.push((*zone, *from, *to, decode_ras(payload).unwrap()));
        }
    }
    all
}

/// endpointIdentifier of the only answer, which is an RCF.
pub fn confirmed(answers: &[RasMessage]) -> String {
    match answers {
        [answer] => granted_identifier(answer),
        other => panic!("{other:?}"),
    }
}
