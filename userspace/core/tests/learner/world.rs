//! A core, messages to feed it with, and what it did.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_core::{
    Answer, Cause, Config, EventKind, Gatekeeper, Input, Learner, Message, Output, Reason,
    Registration, RegistrationId, SlotReport, State, Template, Time, Zone,
};
use rasline_h225::encode_ras;
use rasline_h225::messages::{Rcf, Rrj, Rrq, Urq, ucf};
use rasline_h225::types::RegistrationRejectReason;

pub const SECOND: Duration = Duration::from_secs(1);

/// The first gatekeeper, as endpoints know it.
pub const GATEKEEPER: SocketAddr = SocketAddr::new(
    std::net::IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 1)),
    1719,
);

pub fn endpoint(n: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n], 1719))
}

pub fn signalling(n: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 1720 + n))
}

/// One zone, two gatekeepers.
pub fn config() -> Config {
    let gatekeeper = |index: u32| Gatekeeper {
        index,
        id: format!("gk{index}"),
        address: SocketAddr::from(([198, 51, 100, index as u8 + 1], 1719)),
    };
    Config {
        zones: vec![Zone {
            index: 0,
            name: "site".into(),
            answer: Answer::Offload,
            endpoint_ttl: None,
            refresh_every: None,
            hold_for: 900 * SECOND,
            gatekeepers: vec![gatekeeper(0), gatekeeper(1)],
        }],
        max_registrations: 1000,
        max_pending: 1000,
    }
}

/// As [`config`], with 5 s given to endpoints.
pub fn two_rhythms() -> Config {
    let mut config = config();
    config.zones[0].endpoint_ttl = Some(5 * SECOND);
    config
}

pub fn keep_alive(seq: u16, eid: &str) -> Vec<u8> {
    Rrq {
        time_to_live: Some(600),
        ..Rrq::lightweight(seq, endpoint(1), eid)
    }
    .encode()
    .unwrap()
}

pub fn full(seq: u16, call_signal: SocketAddr, alias: &str) -> Rrq {
    Rrq {
        aliases: vec![alias.into()],
        ..Rrq::full(seq, call_signal, endpoint(1))
    }
}

pub fn rcf(seq: u16, eid: &str) -> Rcf {
    Rcf {
        seq,
        endpoint_identifier: eid.into(),
        gatekeeper_identifier: Some("gk".into()),
        time_to_live: Some(600),
        ..Rcf::default()
    }
}

pub fn rrj(seq: u16) -> Vec<u8> {
    Rrj::new(seq, RegistrationRejectReason::FullRegistrationRequired)
        .encode()
        .unwrap()
}

pub fn urq(seq: u16, eid: Option<&str>) -> Vec<u8> {
    Urq {
        seq,
        call_signal_addresses: vec![signalling(0)],
        endpoint_identifier: eid.map(str::to_owned),
        ..Urq::default()
    }
    .encode()
    .unwrap()
}

pub fn ucf_octets(seq: u16) -> Vec<u8> {
    encode_ras(&ucf(seq)).unwrap()
}

/// A core and the clock.
pub struct World {
    pub learner: Learner,
    pub now: Time,
    /// Whether `Published` is fed back by itself.
    pub kernel_takes: bool,
}

impl World {
    pub fn new(config: Config) -> Self {
        Self {
            learner: Learner::new(config),
            now: Time(1_000_000_000_000),
            kernel_takes: true,
        }
    }

    pub fn pass(&mut self, duration: Duration) {
        self.now = self.now.after(duration);
    }

    pub fn input(&mut self, input: Input<'_>) -> Vec<Output> {
        let mut out = Vec::new();
        self.learner.handle(self.now, input, &mut out);
        if self.kernel_takes {
            for id in published(&out) {
                self.learner
                    .handle(self.now, Input::Published { id }, &mut out);
            }
        }
        out
    }

    pub fn message(&mut self, reason: Reason, from: SocketAddr, payload: &[u8]) -> Vec<Output> {
        self.message_of(0, reason, from, payload)
    }

    pub fn message_of(
        &mut self,
        gatekeeper: u32,
        reason: Reason,
        endpoint: SocketAddr,
        payload: &[u8],
    ) -> Vec<Output> {
        self.input(Input::Message(Message {
            reason,
            zone: 0,
            gatekeeper,
            endpoint,
            seen_as: GATEKEEPER,
            payload,
        }))
    }

    /// A request and its answer, a millisecond apart.
    pub fn exchange(&mut self, from: SocketAddr, request: &[u8], answer: &[u8]) -> Vec<Output> {
        let mut out = self.message(Reason::UnknownRrq, from, request);
        self.pass(Duration::from_millis(1));
        out.extend(self.message(Reason::FromGatekeeper, from, answer));
        out
    }

    /// A keep-alive of `eid` and its RCF.
    pub fn keeps_alive(&mut self, from: SocketAddr, seq: u16, eid: &str) -> Vec<Output> {
        self.exchange(
            from,
            &keep_alive(seq, eid),
            &rcf(seq, eid).encode().unwrap(),
        )
    }

    /// Two of them: learned. Gives its id.
    pub fn learned(&mut self, from: SocketAddr, eid: &str) -> RegistrationId {
        self.keeps_alive(from, 10, eid);
        let out = self.keeps_alive(from, 11, eid);
        let id = published(&out)[0];
        assert_eq!(self.state(id), State::Answered);
        id
    }

    pub fn kernel(&mut self, id: RegistrationId, withdrawn: bool) -> Vec<Output> {
        let (last_seen, confirmed) = (self.now, self.now);
        self.input(Input::SlotReport(SlotReport {
            id,
            last_seen,
            answered: 7,
            confirmed,
            withdrawn,
        }))
    }

    pub fn get(&self, id: RegistrationId) -> &Registration {
        self.learner.registration(id).unwrap()
    }

    pub fn state(&self, id: RegistrationId) -> State {
        self.get(id).state
    }

    /// The only registration.
    pub fn only(&self) -> &Registration {
        let all: Vec<_> = self.learner.registrations().collect();
        assert_eq!(all.len(), 1, "{all:?}");
        all[0]
    }
}

pub fn templates(out: &[Output]) -> Vec<&Template> {
    let mut all = Vec::new();
    for output in out {
        if let Output::Publish(template) = output {
            all.push(&**template);
        }
    }
    all
}

pub fn published(out: &[Output]) -> Vec<RegistrationId> {
    templates(out).iter().map(|template| template.id).collect()
}

pub fn withdrawn(out: &[Output]) -> Vec<RegistrationId> {
    let id = |output: &Output| match output {
        Output::Withdraw { id } => Some(*id),
        _ => None,
    };
    out.iter().filter_map(id).collect()
}

pub fn sends(out: &[Output]) -> Vec<(u32, SocketAddr, &[u8])> {
    let mut all = Vec::new();
    for output in out {
        if let Output::Send {
            gatekeeper,
            endpoint,
            payload,
            ..
        } = output
        {
            all.push((*gatekeeper, *endpoint, &payload[..]));
        }
    }
    all
}

pub fn events(out: &[Output]) -> Vec<&EventKind> {
    let mut all = Vec::new();
    for output in out {
        if let Output::Event(event) = output {
            all.push(&event.kind);
        }
    }
    all
}

pub fn gone(cause: Cause) -> EventKind {
    EventKind::Withdrawn { cause, gone: true }
}

pub fn back(cause: Cause) -> EventKind {
    EventKind::Withdrawn { cause, gone: false }
}

/// With requestSeqNum zeroed.
pub fn masked(message: &[u8]) -> Vec<u8> {
    let mut octets = message.to_vec();
    octets[2..4].fill(0);
    octets
}
