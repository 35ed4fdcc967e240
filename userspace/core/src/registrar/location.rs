//! LRQ, of neighbours and to neighbours (H.225.0 7.13).
//!
//! Answered are neighbours that the profile says are, and registered endpoints; others are rejected (requestDenied).
//! One whom this zone does not have is looked for further if the LRQ has hops left: without hopCount it is not sent on.

use std::net::SocketAddr;

use rasline_h225::messages::alias;
use rasline_h225::text::{from_alias, from_bmp, from_transport, to_transport};
use rasline_h225::types::{
    LocationConfirm, LocationReject, LocationRejectReason as Why, LocationRequest, RasMessage,
};

use super::aliases::texts;
use super::destination::Nowhere;
use super::machine::Registrar;
use super::message::Asked;
use super::own_requests::Wanted;
use super::reply::Reply;
use super::search::Asker;
use super::{Destination, Output};
use crate::profile::CallModel;

/// hopCount of a search for an endpoint that gave none.
const HOPS: u8 = 7;
/// Aliases in an LCF at most.
const MAX_ALIASES: usize = 16;

impl Registrar {
    pub(super) fn location(
        &mut self,
        asked: &Asked<'_>,
        lrq: LocationRequest,
        out: &mut Vec<Output>,
    ) -> Reply {
        let neighbour = self.profile_index.answered.contains_key(&asked.from.ip());
        let named = lrq.endpoint_identifier.as_ref().map(from_bmp);
        let endpoint = named.is_some_and(|named| self.registered_as(&named, asked).is_some());
        if !neighbour && !endpoint {
            return Self::lrj(asked.seq, Why::RequestDenied);
        }
        let numbers = self.planned(&texts(Some(&lrq.destination_info)));
        match self.resolve(&numbers) {
            Ok(Some(found)) => {
                self.stats.located += 1;
                let routed = self.settings.profile.call_model != CallModel::Direct;
                let mut found = self.as_called(found);
                if routed {
                    found.ras_address = asked.to;
                }
                return Self::lcf(asked.seq, &found);
            }
            Err(Nowhere::Inconsistent) => return Self::lrj(asked.seq, Why::AliasesInconsistent),
            Err(Nowhere::Full) => return Self::lrj(asked.seq, Why::ResourceUnavailable),
            Ok(None) if numbers.is_empty() => return Self::lrj(asked.seq, Why::IncompleteAddress),
            Ok(None) => {}
        }
        let hops = match lrq.hop_count {
            Some(1) => return Self::lrj(asked.seq, Why::HopCountExceeded),
            Some(hops) => hops - 1,
            None if endpoint => HOPS,
            None => return Self::lrj(asked.seq, Why::NotRegistered),
        };
        let who = Asker::Seeker(Box::new(lrq));
        self.search(asked, who, (numbers, hops), out)
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

    /// A neighbour knows.
    pub(super) fn found(
        &mut self,
        asked: &Asked<'_>,
        lcf: &LocationConfirm,
        out: &mut Vec<Output>,
    ) {
        let Some(Wanted::Location(ticket)) = self.answered(asked.seq, asked.from) else {
            self.stats.ignored += 1;
            return;
        };
        let usable = |address: &SocketAddr| address.port() != 0 && !address.ip().is_unspecified();
        let signalled = from_transport(&lcf.call_signal_address).filter(usable);
        let Some(call_signal_address) = signalled else {
            return self.not_there(ticket, asked.seq, out);
        };
        let aliases = lcf.destination_info.iter().flatten().take(MAX_ALIASES);
        let found = Destination {
            call_signal_address,
            ras_address: from_transport(&lcf.ras_address).unwrap_or(asked.from),
            aliases: aliases.filter_map(from_alias).collect(),
        };
        self.finish(ticket, Some(found), out);
    }

    /// A neighbour does not know.
    pub(super) fn not_found(&mut self, asked: &Asked<'_>, out: &mut Vec<Output>) {
        match self.answered(asked.seq, asked.from) {
            Some(Wanted::Location(ticket)) => self.not_there(ticket, asked.seq, out),
            _ => self.stats.ignored += 1,
        }
    }
}
