//! LRQs to neighbours (H.225.0 7.13).

use std::collections::BTreeSet;
use std::net::SocketAddr;

use rasline_h225::messages::alias;
use rasline_h225::text::to_transport;
use rasline_h225::types::{AliasAddress, LocationRequest, RasMessage};

use super::auth::Mode;
use super::own_requests::Wanted;
use super::policy::Policy;
use super::search::{Asker, Search, Stage};
use super::sender::{Outbox, Peer};

/// Neighbours that are asked at once.
const MAX_ASKED: usize = 8;

/// Asks the neighbours whose turn it is at this stage, and notes the numbers of the LRQs.
pub(super) fn ask_neighbours(ticket: u64, search: &mut Search, outbox: &mut Outbox<'_>) {
    let policy = outbox.accounts.policy;
    let all = &policy.profile().neighbours;
    let neighbours = choose(policy, search).into_iter();
    let neighbours = neighbours.filter_map(|index| all.get(index));
    // Not back to who asks.
    let others = neighbours.filter(|one| one.address.ip() != search.from.ip());
    let mut numbers = Vec::new();
    for neighbour in others.take(MAX_ASKED) {
        let from = asks_from(policy, search.to, neighbour.address);
        let Some(lrq) = lrq(policy, search, from) else {
            break;
        };
        let peer = Peer {
            from,
            to: neighbour.address,
            mode: &Mode::Open,
        };
        numbers.extend(outbox.request(peer, lrq, Wanted::Location(ticket)));
    }
    search.asked.extend(numbers);
}

/// Indices of the neighbours that are asked at this stage.
fn choose(policy: &Policy, search: &Search) -> BTreeSet<usize> {
    match search.stage {
        Stage::Specific => {
            let fitting = |number: &String| policy.index.neighbours.longest(number);
            let fit = search.numbers.iter().filter_map(fitting);
            fit.flat_map(|(_, indices)| indices).copied().collect()
        }
        Stage::Zones => BTreeSet::new(),
        Stage::Any => policy.index.any.iter().copied().collect(),
    }
}

/// Where a neighbour's answer reaches us. What an endpoint asked may be the address of a gatekeeper that is gone.
fn asks_from(policy: &Policy, asked_at: SocketAddr, neighbour: SocketAddr) -> SocketAddr {
    let reaches = |own: &&SocketAddr| own.is_ipv4() == neighbour.is_ipv4();
    let mut here = policy.settings.here.iter().filter(reaches);
    let same = here.clone().find(|own| **own == asked_at);
    *same.or_else(|| here.next()).unwrap_or(&asked_at)
}

fn lrq(policy: &Policy, search: &Search, from: SocketAddr) -> Option<RasMessage> {
    let mut lrq = LocationRequest::new(1, to_transport(from));
    let numbers = search.numbers.iter();
    lrq.destination_info = numbers.filter_map(|text| alias(text).ok()).collect();
    let own = policy.gatekeeper_identifier();
    lrq.source_info = own.map(|own| vec![AliasAddress::H323Id(own)].into());
    lrq.hop_count = Some(search.hops.max(1));
    lrq.can_map_alias = Some(true);
    lrq.call_identifier = match &search.asker {
        Asker::Caller(_, arq) => arq.call_identifier.clone(),
        Asker::Seeker(lrq) => lrq.call_identifier.clone(),
    };
    (!lrq.destination_info.is_empty()).then_some(RasMessage::LocationRequest(lrq))
}
