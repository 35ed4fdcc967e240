//! Steps of a random life of an agent, and the words of gatekeepers in it.

use std::net::SocketAddr;

use proptest::prelude::*;
use rasline_h225::messages::{self, Gcf, Rcf, Rrj};
use rasline_h225::types::{
    AltGkInfo, GatekeeperReject, GatekeeperRejectReason, RegistrationRejectReason as Why,
};
use rasline_h225::view::Alternate;
use rasline_h225::{RasKind, RasMessage, encode_ras};

use crate::agent::world::{Sent, alternate, gk, rcf};

/// What a gatekeeper does with a request.
#[derive(Clone, Debug)]
pub enum Deed {
    Confirm {
        identity: u8,
        ttl: Option<u32>,
        alternates: Vec<u8>,
    },
    Reject {
        why: u8,
        alternates: Vec<u8>,
        permanent: bool,
    },
    Delay(u16),
    NotUnderstood,
}

/// What happens.
#[derive(Clone, Debug)]
pub enum Step {
    Pass(u64),
    /// The request sent so many before the last one is dealt with.
    Answer(usize, Deed),
    /// The same, by another gatekeeper.
    Forge(u8, usize, Deed),
    /// The same, with some octets changed.
    Mutate(usize, Deed, Vec<(usize, u8)>),
    Dismiss {
        n: u8,
        seq: u16,
        alternates: Vec<u8>,
    },
    Ask(u8),
    Junk(u8, Vec<u8>),
    Connected,
    Lost(bool),
    Reregister,
    Configure {
        gatekeepers: Vec<u8>,
        devices: usize,
        signalling: bool,
    },
    Restore(u8),
}

pub fn numbers() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(1..9_u8, 0..4)
}

pub fn deed() -> impl Strategy<Value = Deed> {
    let ttl = prop_oneof![Just(None), (10..600_u32).prop_map(Some)];
    prop_oneof![
        4 => (0..2_u8, ttl, numbers())
            .prop_map(|(identity, ttl, alternates)| Deed::Confirm { identity, ttl, alternates }),
        3 => (0..8_u8, numbers(), any::<bool>())
            .prop_map(|(why, alternates, permanent)| Deed::Reject { why, alternates, permanent }),
        1 => (1..20_000_u16).prop_map(Deed::Delay),
        1 => Just(Deed::NotUnderstood),
    ]
}

pub fn step() -> impl Strategy<Value = Step> {
    let changes = prop::collection::vec((0..200_usize, any::<u8>()), 1..4);
    prop_oneof![
        6 => prop_oneof![0..100_u64, 100..4000_u64, 4000..400_000_u64].prop_map(Step::Pass),
        8 => (0..3_usize, deed()).prop_map(|(back, deed)| Step::Answer(back, deed)),
        1 => (1..9_u8, 0..3_usize, deed()).prop_map(|(n, back, deed)| Step::Forge(n, back, deed)),
        2 => (0..3_usize, deed(), changes)
            .prop_map(|(back, deed, changes)| Step::Mutate(back, deed, changes)),
        1 => (1..9_u8, 1..4_u16, numbers())
            .prop_map(|(n, seq, alternates)| Step::Dismiss { n, seq, alternates }),
        1 => (1..9_u8).prop_map(Step::Ask),
        1 => (1..9_u8, prop::collection::vec(any::<u8>(), 0..60)).prop_map(|(n, octets)| Step::Junk(n, octets)),
        3 => Just(Step::Connected),
        3 => any::<bool>().prop_map(Step::Lost),
        1 => Just(Step::Reregister),
        1 => (prop::collection::vec(1..5_u8, 1..4), 0..3_usize, any::<bool>()).prop_map(
            |(gatekeepers, devices, signalling)| Step::Configure { gatekeepers, devices, signalling }
        ),
        1 => (1..9_u8).prop_map(Step::Restore),
    ]
}

pub fn named(numbers: &[u8]) -> Vec<Alternate> {
    let priorities = numbers.iter().map(|n| Alternate {
        need_to_register: n % 3 == 0,
        ..alternate(*n, n % 4)
    });
    priorities.collect()
}

pub const REASONS: [Why; 7] = [
    Why::DiscoveryRequired,
    Why::FullRegistrationRequired,
    Why::ResourceUnavailable,
    Why::SecurityDenial,
    Why::InvalidAlias,
    Why::RegisterWithAssignedGk,
    Why::UndefinedReason,
];

/// The words of gatekeeper `n` about a request.
pub fn words(n: u8, request: &Sent, deed: &Deed) -> Vec<u8> {
    let seq = request.seq();
    let discovery = request.kind() == RasKind::GatekeeperRequest;
    let message = match deed {
        Deed::Confirm { alternates, .. } if discovery => Gcf {
            seq,
            gatekeeper_identifier: None,
            ras_address: gk(n),
            alternates: named(alternates),
        }
        .message(),
        Deed::Confirm {
            identity,
            ttl,
            alternates,
        } => Rcf {
            endpoint_identifier: format!("000{identity}_ep"),
            time_to_live: *ttl,
            alternates: named(alternates),
            ..rcf(seq, n)
        }
        .message(),
        Deed::Reject { .. } if discovery => Ok(RasMessage::GatekeeperReject(
            GatekeeperReject::new(seq, GatekeeperRejectReason::ResourceUnavailable),
        )),
        Deed::Reject {
            why,
            alternates,
            permanent,
        } => {
            let why = REASONS.get(usize::from(*why)).cloned();
            let rrj = Rrj {
                alternates: named(alternates),
                ..Rrj::new(seq, why.unwrap_or(Why::DuplicateAlias(vec![].into())))
            };
            rrj.message().map(|message| lasting(message, *permanent))
        }
        Deed::Delay(delay) => Ok(messages::rip(seq, *delay)),
        Deed::NotUnderstood => Ok(messages::xrs(seq, &request.raw)),
    };
    encode_ras(&message.unwrap()).unwrap()
}

pub fn lasting(mut message: RasMessage, permanent: bool) -> RasMessage {
    if let RasMessage::RegistrationReject(rrj) = &mut message {
        let info: Option<&mut AltGkInfo> = rrj.alt_gk_info.as_mut();
        if let Some(info) = info {
            info.alt_gk_is_permanent = permanent;
        }
    }
    message
}

/// Who answers a request to that address.
pub fn answers(to: SocketAddr) -> (SocketAddr, u8) {
    match to {
        SocketAddr::V4(four) if !four.ip().is_multicast() => (to, four.ip().octets()[3]),
        SocketAddr::V4(_) => (gk(3), 3),
        SocketAddr::V6(_) => (to, 4),
    }
}

pub fn is_request(sent: &Sent) -> bool {
    let kind = sent.kind();
    kind == RasKind::GatekeeperRequest || kind == RasKind::RegistrationRequest
}
