//! LRQs to neighbours (H.225.0 7.13).

use std::collections::BTreeSet;
use std::net::SocketAddr;

use rasline_h225::messages::alias;
use rasline_h225::text::{to_bmp, to_transport};
use rasline_h225::types::{AliasAddress, LocationRequest, RasMessage};

use super::Output;
use super::auth::Mode;
use super::machine::Registrar;
use super::own_requests::{LOCATE, Wanted};
use super::search::{Asker, Search, Stage};

/// Neighbours that are asked at once.
const MAX_ASKED: usize = 8;

impl Registrar {
    /// Asks those whose turn it is.
    pub(super) fn ask_neighbours(&mut self, ticket: u64, out: &mut Vec<Output>) {
        let Some(search) = self.searches.get(ticket).cloned() else {
            return;
        };
        let indices: BTreeSet<usize> = match search.stage {
            Stage::Specific => {
                let fitting = |number: &String| self.profile_index.neighbours.longest(number);
                let fit = search.numbers.iter().filter_map(fitting);
                fit.flat_map(|(_, indices)| indices).copied().collect()
            }
            Stage::Zones => BTreeSet::new(),
            Stage::Any => self.profile_index.any.iter().copied().collect(),
        };
        let profile = self.settings.profile.clone();
        let neighbours = indices
            .into_iter()
            .filter_map(|index| profile.neighbours.get(index));
        // Not back to who asks.
        let others = neighbours.filter(|one| one.address.ip() != search.from.ip());
        for neighbour in others.take(MAX_ASKED) {
            let from = self.asks_from(search.to, neighbour.address);
            let Some(lrq) = self.lrq(&search, from) else {
                return;
            };
            let way = (from, neighbour.address);
            let wanted = (LOCATE, Wanted::Location(ticket));
            let seq = self.request(way, lrq, &Mode::Open, wanted, out);
            if let Some(search) = self.searches.get_mut(ticket) {
                search.asked.extend(seq);
            }
        }
    }

    /// Where a neighbour's answer reaches us. What an endpoint asked may be the address of a gatekeeper that is gone.
    fn asks_from(&self, asked_at: SocketAddr, neighbour: SocketAddr) -> SocketAddr {
        let reaches = |own: &&SocketAddr| own.is_ipv4() == neighbour.is_ipv4();
        let mut here = self.settings.here.iter().filter(reaches);
        let same = here.clone().find(|own| **own == asked_at);
        *same.or_else(|| here.next()).unwrap_or(&asked_at)
    }

    fn lrq(&self, search: &Search, from: SocketAddr) -> Option<RasMessage> {
        let mut lrq = LocationRequest::new(1, to_transport(from));
        let numbers = search.numbers.iter();
        lrq.destination_info = numbers.filter_map(|text| alias(text).ok()).collect();
        let own = to_bmp(&self.settings.profile.gatekeeper_identifier).ok();
        lrq.source_info = own.map(|own| vec![AliasAddress::H323Id(own)].into());
        lrq.hop_count = Some(search.hops.max(1));
        lrq.can_map_alias = Some(true);
        lrq.call_identifier = match &search.asker {
            Asker::Caller(_, arq) => arq.call_identifier.clone(),
            Asker::Seeker(lrq) => lrq.call_identifier.clone(),
        };
        (!lrq.destination_info.is_empty()).then_some(RasMessage::LocationRequest(lrq))
    }
}
