//! The first keep-alive of a registration, predicted, so that the kernel answers that one already.
//!
//! It is what the same endpoint sent before, if it registers again as the same; else it is made of its full RRQ in the way
//! in which another endpoint of the same make (endpointVendor) went from its full RRQ to its keep-alive. So the first
//! endpoint of a make shows how, and the others profit. A guess that is wrong equals nothing that is ever sent: the
//! keep-alive comes here as if nothing had been published, and takes its place.
//!
//! Invariants: a make is learned from a keep-alive only if that can be predicted octet for octet itself; not more than
//! [`MOST`] makes are known, and one whose endpoints were not as predicted [`MISSES`] times is not tried any more.

use std::collections::VecDeque;

use rasline_h225::text::to_bmp;
use rasline_h225::types::{RasMessage, RegistrationRequest, VendorIdentifier};
use rasline_h225::{decode_ras, encode_ras};

use super::entries::Entry;
use super::publish::KeepAlive;
use crate::octets;

/// Makes that are known at most; the oldest is forgotten first.
const MOST: usize = 32;
/// Guesses that may be wrong.
const MISSES: u8 = 4;

/// What is known of a registration when its keep-alive is to be predicted.
#[derive(Clone, Debug)]
struct Registered {
    full: RegistrationRequest,
    endpoint_identifier: String,
    /// timeToLive granted, seconds.
    time_to_live: u32,
}

impl Registered {
    fn new(entry: &Entry, full: RegistrationRequest) -> Self {
        Self {
            full,
            endpoint_identifier: entry.identifier.clone(),
            time_to_live: entry.time_to_live,
        }
    }
}

/// Endpoints of one make: the example.
#[derive(Clone, Debug)]
struct Make {
    shown_by: Registered,
    keep_alive: RegistrationRequest,
    misses: u8,
}

/// Those that are known.
#[derive(Clone, Debug, Default)]
pub(super) struct Makes(VecDeque<Make>);

impl Make {
    /// The keep-alive of another one. `None`: the example names something of its own that stands in no full RRQ.
    fn predict(&self, other: &Registered) -> Option<RegistrationRequest> {
        let (seen, full) = (&self.keep_alive, &self.shown_by.full);
        let mut rrq = seen.clone();
        macro_rules! as_in_the_full_one {
            ($($field:ident)*) => { $(
                if seen.$field == full.$field {
                    rrq.$field.clone_from(&other.full.$field);
                }
            )* };
        }
        // What the example leaves out is left out.
        macro_rules! if_it_is_there {
            ($($field:ident)*) => { $(
                if seen.$field.iter().next().is_some() {
                    as_in_the_full_one!($field);
                }
            )* };
        }
        as_in_the_full_one!(protocol_identifier discovery_complete terminal_type endpoint_vendor);
        if_it_is_there! {
            non_standard_data call_signal_address ras_address terminal_alias gatekeeper_identifier alternate_endpoints
            time_to_live will_supply_uuies maintain_connection alternate_transport_addresses terminal_alias_pattern
            supports_alt_gk usage_reporting_capability multiple_calls supported_h248_packages call_credit_capability
            capacity_reporting_capability capacity feature_set generic_data supports_acf_sequences
            supports_assigned_gk assigned_gatekeeper transport_qos language
        }
        let own = |named: bool, same: bool| named && !same;
        let addresses = own(
            !seen.call_signal_address.is_empty(),
            seen.call_signal_address == full.call_signal_address,
        ) || own(
            !seen.ras_address.is_empty(),
            seen.ras_address == full.ras_address,
        );
        let aliases = own(
            seen.terminal_alias.is_some(),
            seen.terminal_alias == full.terminal_alias,
        );
        if addresses || aliases {
            return None;
        }
        // What it was granted, if it did not ask for the same anyway.
        let granted = Some(self.shown_by.time_to_live);
        if seen.time_to_live == granted && seen.time_to_live != full.time_to_live {
            rrq.time_to_live = Some(other.time_to_live);
        }
        if seen.endpoint_identifier.is_some() {
            rrq.endpoint_identifier = Some(to_bmp(&other.endpoint_identifier).ok()?);
        }
        Some(rrq)
    }
}

impl Makes {
    /// By endpointVendor of a full RRQ: keep-alives may tell less.
    fn of(&mut self, vendor: &VendorIdentifier) -> Option<&mut Make> {
        let same = |make: &&mut Make| make.shown_by.full.endpoint_vendor == *vendor;
        self.0.iter_mut().find(same)
    }

    /// The keep-alive of one who has just registered with this full RRQ, if its make is known.
    pub fn predict(&mut self, entry: &Entry, full: &RegistrationRequest) -> Option<Box<[u8]>> {
        let make = self.of(&full.endpoint_vendor)?;
        if make.misses >= MISSES {
            return None;
        }
        encode(make.predict(&Registered::new(entry, full.clone()))?)
    }

    /// Learns from a keep-alive that was seen; `right`: whether it is as predicted by its make, if it was.
    pub fn note_seen(&mut self, entry: &Entry, keep_alive: KeepAlive<'_>, right: Option<bool>) {
        let Ok(RasMessage::RegistrationRequest(full)) = decode_ras(&entry.full) else {
            return;
        };
        let mut misses = 0;
        if let Some(known) = self.of(&full.endpoint_vendor) {
            match right {
                None => return,
                Some(true) => return known.misses = 0,
                Some(false) => misses = known.misses.saturating_add(1),
            }
            known.misses = misses;
        }
        let make = Make {
            shown_by: Registered::new(entry, full),
            keep_alive: keep_alive.rrq.clone(),
            misses,
        };
        self.learn(make, keep_alive.octets);
    }

    /// This one keeps itself alive in this way.
    fn learn(&mut self, make: Make, payload: &[u8]) {
        let predicted = make.predict(&make.shown_by).and_then(encode);
        if predicted.is_none_or(|octets| *octets != *octets::masked(payload)) {
            return;
        }
        if let Some(known) = self.of(&make.shown_by.full.endpoint_vendor) {
            *known = make;
            return;
        }
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back(make);
    }
}

/// With requestSeqNum zeroed.
fn encode(mut rrq: RegistrationRequest) -> Option<Box<[u8]>> {
    rrq.request_seq_num = 1;
    let octets = encode_ras(&RasMessage::RegistrationRequest(rrq)).ok()?;
    Some(octets::masked(&octets))
}
