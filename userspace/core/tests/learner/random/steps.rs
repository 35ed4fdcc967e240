//! Random steps and the messages in them.

use proptest::prelude::*;
use rasline_core::Reason;
use rasline_h225::messages::{Rcf, Rrq};

use crate::learner::world::*;

pub(crate) const EIDS: [&str; 3] = ["a", "b", "longer"];

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Request {
        from: u8,
        gatekeeper: u32,
        kind: u8,
        seq: u16,
        eid: usize,
    },
    Answer {
        to: u8,
        gatekeeper: u32,
        reason: Reason,
        kind: u8,
        seq: u16,
        eid: usize,
    },
    /// A keep-alive and its RCF: what makes progress.
    Exchange {
        from: u8,
        gatekeeper: u32,
        diverted: bool,
        kind: u8,
        seq: u16,
        eid: usize,
    },
    Garbage {
        reason: Reason,
        octets: Vec<u8>,
    },
    Kernel {
        id: u64,
        withdrawn: bool,
    },
    Drop {
        id: u64,
    },
    Pass {
        seconds: u64,
    },
    Reload {
        endpoint_ttl: Option<u64>,
        second_gatekeeper: bool,
    },
}

fn reason() -> impl Strategy<Value = Reason> {
    prop::sample::select(vec![
        Reason::UnknownRrq,
        Reason::FromEndpoint,
        Reason::FromGatekeeper,
        Reason::Diverted,
        Reason::ChangedRcf,
        Reason::Withdrawn,
    ])
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let (end, gk, kind, seq, eid) = (1..3u8, 0..2u32, 0..8u8, 1..5u16, 0..EIDS.len());
    prop_oneof![
        4 => (end.clone(), gk.clone(), kind.clone(), seq.clone(), eid.clone())
            .prop_map(|(from, gatekeeper, kind, seq, eid)| Step::Request { from, gatekeeper, kind, seq, eid }),
        4 => (end.clone(), gk.clone(), reason(), kind.clone(), seq.clone(), eid.clone())
            .prop_map(|(to, gatekeeper, reason, kind, seq, eid)| Step::Answer { to, gatekeeper, reason, kind, seq, eid }),
        12 => (end, prop_oneof![9 => Just(0u32), 1 => Just(1)], any::<bool>(), prop_oneof![6 => Just(0u8), 1 => kind], seq, eid)
            .prop_map(|(from, gatekeeper, diverted, kind, seq, eid)| Step::Exchange { from, gatekeeper, diverted, kind, seq, eid }),
        1 => (reason(), prop::collection::vec(any::<u8>(), 0..40)).prop_map(|(reason, octets)| Step::Garbage { reason, octets }),
        1 => (1..6u64, any::<bool>()).prop_map(|(id, withdrawn)| Step::Kernel { id, withdrawn }),
        1 => (1..6u64).prop_map(|id| Step::Drop { id }),
        1 => prop::sample::select(vec![0, 2, 11, 1100]).prop_map(|seconds| Step::Pass { seconds }),
        1 => (prop::option::of(5..7u64), prop::bool::weighted(0.9))
            .prop_map(|(endpoint_ttl, second_gatekeeper)| Step::Reload { endpoint_ttl, second_gatekeeper }),
    ]
}

pub(crate) fn request(kind: u8, seq: u16, eid: &str) -> Vec<u8> {
    let plain = Rrq::lightweight(seq, endpoint(1), eid);
    match kind {
        0..=2 => plain.encode().unwrap(),
        3 => Rrq {
            time_to_live: Some(60),
            ..plain
        }
        .encode()
        .unwrap(),
        4 => Rrq {
            token: true,
            ..plain
        }
        .encode()
        .unwrap(),
        5 => Rrq {
            endpoint_identifier: None,
            ..plain
        }
        .encode()
        .unwrap(),
        6 => full(seq, signalling(0), eid).encode().unwrap(),
        _ => urq(seq, (seq > 2).then_some(eid)),
    }
}

pub(crate) fn answer(kind: u8, seq: u16, eid: &str) -> Vec<u8> {
    match kind {
        0..=2 => rcf(seq, eid).encode().unwrap(),
        3 => Rcf {
            time_to_live: Some(90),
            ..rcf(seq, eid)
        }
        .encode()
        .unwrap(),
        4 => Rcf {
            token: true,
            ..rcf(seq, eid)
        }
        .encode()
        .unwrap(),
        5 => Rcf {
            time_to_live: None,
            ..rcf(seq, eid)
        }
        .encode()
        .unwrap(),
        6 => rrj(seq),
        _ if seq > 2 => ucf_octets(seq),
        _ => urq(seq, Some(eid)),
    }
}
