//! LRQ, of neighbours and to neighbours (H.225.0 7.13).
//!
//! Answered are neighbours that the profile says are, and registered endpoints; others are rejected (requestDenied).
//! One whom this zone does not have is looked for further if the LRQ has hops left: without hopCount it is not sent on.

use std::net::SocketAddr;

use rasline_h225::messages::alias;
use rasline_h225::text::{from_alias, from_transport, to_transport};
use rasline_h225::types::{
    LocationConfirm, LocationReject, LocationRejectReason as Why, LocationRequest, RasMessage,
};

use super::Destination;
use super::admission::HOPS;
use super::aliases::texts;
use super::destination::{Directory, Nowhere};
use super::reply::Reply;
use crate::profile::CallModel;

/// Aliases in an LCF at most.
const MAX_ALIASES: usize = 16;

/// Who sent an LRQ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seeker {
    /// A gatekeeper that the profile says is answered.
    Neighbour,
    /// An endpoint that is registered.
    Endpoint,
}

/// What becomes of an LRQ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Located {
    Found(Destination),
    /// To be looked for elsewhere: the numbers, and the hops that are left.
    Elsewhere(Vec<String>, u8),
    Rejected(Why),
}

/// Looks for whom an LRQ asks for. `asked_at`: the gatekeeper's address that it came to.
pub(super) fn locate(
    directory: Directory<'_>,
    lrq: &LocationRequest,
    seeker: Seeker,
    asked_at: SocketAddr,
) -> Located {
    let policy = directory.policy;
    let numbers = policy.plan_numbers(&texts(Some(&lrq.destination_info)));
    match directory.resolve(&numbers) {
        Ok(Some(found)) => {
            let mut found = policy.route(found);
            if policy.profile().call_model != CallModel::Direct {
                found.ras_address = asked_at;
            }
            return Located::Found(found);
        }
        Err(Nowhere::Inconsistent) => return Located::Rejected(Why::AliasesInconsistent),
        Err(Nowhere::Full) => return Located::Rejected(Why::ResourceUnavailable),
        Ok(None) if numbers.is_empty() => return Located::Rejected(Why::IncompleteAddress),
        Ok(None) => {}
    }
    match (lrq.hop_count, seeker) {
        (Some(1), _) => Located::Rejected(Why::HopCountExceeded),
        (Some(hops), _) => Located::Elsewhere(numbers, hops - 1),
        (None, Seeker::Endpoint) => Located::Elsewhere(numbers, HOPS),
        (None, Seeker::Neighbour) => Located::Rejected(Why::NotRegistered),
    }
}

pub(super) fn lcf(seq: u16, found: &Destination) -> Reply {
    let signalled = to_transport(found.call_signal_address);
    let mut lcf = LocationConfirm::new(seq, signalled, to_transport(found.ras_address));
    let aliases = found.aliases.iter().take(MAX_ALIASES);
    let aliases: Vec<_> = aliases.filter_map(|text| alias(text).ok()).collect();
    lcf.destination_info = (!aliases.is_empty()).then_some(aliases.into());
    Reply::anyone(RasMessage::LocationConfirm(lcf))
}

pub(super) fn lrj(seq: u16, why: Why) -> Reply {
    Reply::anyone(RasMessage::LocationReject(LocationReject::new(seq, why)))
}

/// Where a neighbour says that it is; `None` if no call can be signalled there.
pub(super) fn destination_in(lcf: &LocationConfirm, neighbour: SocketAddr) -> Option<Destination> {
    let usable = |address: &SocketAddr| address.port() != 0 && !address.ip().is_unspecified();
    let call_signal_address = from_transport(&lcf.call_signal_address).filter(usable)?;
    let aliases = lcf.destination_info.iter().flatten().take(MAX_ALIASES);
    Some(Destination {
        call_signal_address,
        ras_address: from_transport(&lcf.ras_address).unwrap_or(neighbour),
        aliases: aliases.filter_map(from_alias).collect(),
    })
}
