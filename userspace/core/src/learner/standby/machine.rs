//! What the alternate says, and what that means.

use std::time::Duration;

use rasline_h225::view::Summary;
use rasline_h225::{RasKind, carry, encode_ras, messages};

use super::pace::{KNOWN, REST};
use super::{ColdWhy, Standby, WarmCounts, Warmth};
use crate::learner::registry::Registry;
use crate::learner::{Message, Output, Registration};
use crate::octets::masked;
use crate::{RegistrationId, Time};

/// What the alternate's RCF grants.
struct Granted<'a> {
    endpoint_identifier: &'a str,
    ttl: Option<Duration>,
    rcf: &'a [u8],
}

impl Standby {
    /// A message that the kernel took out of the traffic because the gatekeeper is on standby; false: it is not about
    /// what is kept warm there, and is to be sent on.
    pub(crate) fn handle_message(
        &mut self,
        now: Time,
        registry: &Registry,
        (message, summary): (&Message<'_>, Option<&Summary>),
        out: &mut Vec<Output>,
    ) -> bool {
        let target = self.targets.get(&message.zone);
        if target.is_none_or(|target| target.gatekeeper != message.gatekeeper) {
            return false;
        }
        match summary {
            Some(Summary::Rcf {
                seq,
                endpoint_identifier,
                time_to_live,
                ..
            }) => {
                let Some(id) = self.find_asked(registry, message, *seq) else {
                    return false;
                };
                let ttl = time_to_live.map(|ttl| Duration::from_secs(ttl.into()));
                let shown = registry.get(id).map(|record| &record.shown);
                let granted = Granted {
                    endpoint_identifier,
                    ttl,
                    rcf: message.payload,
                };
                self.handle_confirm(now, (id, shown), &granted, out);
            }
            Some(Summary::Rrj { seq, .. }) => {
                let Some(id) = self.find_asked(registry, message, *seq) else {
                    return false;
                };
                self.handle_reject(now, id);
            }
            Some(Summary::Urq {
                seq,
                endpoint_identifier,
                ..
            }) => {
                let named = endpoint_identifier.as_deref();
                return self.handle_urq(now, registry, (message, *seq, named), out);
            }
            Some(Summary::Other {
                kind: RasKind::RequestInProgress,
                seq,
            }) => {
                let Some(id) = self.find_asked(registry, message, *seq) else {
                    return false;
                };
                self.schedule(id, now.after(REST / 6));
            }
            Some(Summary::Other {
                kind: RasKind::InfoRequest,
                seq,
            }) => return self.answer_irq(registry, message, *seq, out),
            // To a URQ of ours: an endpoint that is registered there by itself would have been asked for, too.
            Some(Summary::Ucf { .. }) => {
                return registry
                    .at_gatekeeper(message.zone, message.gatekeeper, message.endpoint)
                    .is_empty();
            }
            _ => return false,
        }
        true
    }

    /// The registration whose RRQ with this number is under way.
    fn find_asked(
        &self,
        registry: &Registry,
        message: &Message<'_>,
        seq: u16,
    ) -> Option<RegistrationId> {
        let here = registry.at(message.zone, message.endpoint).iter();
        here.copied().find(|id| {
            let entry = self.entries.get(id);
            entry.is_some_and(|entry| entry.asked.is_some_and(|asked| asked.seq == seq))
        })
    }

    fn handle_confirm(
        &mut self,
        now: Time,
        (id, shown): (RegistrationId, Option<&Registration>),
        granted: &Granted<'_>,
        out: &mut Vec<Output>,
    ) {
        let endpoint_identifier = granted.endpoint_identifier;
        let same = shown.is_some_and(|shown| shown.endpoint_identifier == endpoint_identifier);
        if !same {
            if let (Some(entry), Some(shown)) = (self.entries.get(&id), shown) {
                self.give_back(entry.zone, shown, endpoint_identifier, out);
            }
            self.cool(now, id, ColdWhy::OtherIdentifier);
            return;
        }
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        let lightweight = entry.asked.take().is_some_and(|asked| !asked.full);
        entry.warmth = Warmth::Warm;
        entry.confirmed = now;
        // Without timeToLive it is kept until it is unregistered (H.225.0 7.9.1).
        entry.ttl = granted.ttl.unwrap_or(Duration::from_hours(1));
        if lightweight {
            let rcf = masked(granted.rcf);
            let alike = entry.rcf.as_ref() == Some(&rcf);
            entry.alike = if alike {
                (entry.alike + 1).min(KNOWN)
            } else {
                1
            };
            entry.rcf = Some(rcf);
        }
        let at = Self::refresh_at(now, entry);
        self.schedule(id, at);
    }

    /// What was granted under another identifier is given back.
    fn give_back(
        &self,
        zone: u32,
        shown: &Registration,
        endpoint_identifier: &str,
        out: &mut Vec<Output>,
    ) {
        let urq = messages::Urq {
            seq: 1,
            call_signal_addresses: shown.call_signal_addresses.clone(),
            endpoint_identifier: Some(endpoint_identifier.to_owned()),
            ..messages::Urq::default()
        };
        if let Ok(payload) = urq.encode() {
            self.send_as(zone, shown.endpoint, payload, out);
        }
    }

    fn handle_reject(&mut self, now: Time, id: RegistrationId) {
        let full = self
            .entries
            .get(&id)
            .and_then(|entry| entry.asked)
            .is_some_and(|asked| asked.full);
        if full {
            self.cool(now, id, ColdWhy::Refused);
        } else {
            self.register_again(id, now);
        }
    }

    /// The alternate does not have it any more: it is registered anew.
    fn register_again(&mut self, id: RegistrationId, at: Time) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.warmth = Warmth::Waiting;
            entry.asked = None;
            (entry.rcf, entry.alike) = (None, 0);
        }
        self.schedule(id, at);
    }

    /// A URQ for what is kept warm; false: it is for another registration.
    fn handle_urq(
        &mut self,
        now: Time,
        registry: &Registry,
        (message, seq, endpoint_identifier): (&Message<'_>, u16, Option<&str>),
        out: &mut Vec<Output>,
    ) -> bool {
        let here = registry.at(message.zone, message.endpoint).to_vec();
        let meant: Vec<RegistrationId> = here
            .into_iter()
            .filter(|id| self.entries.contains_key(id))
            .filter(|id| {
                let eid = registry.get(*id).map(|r| &r.shown.endpoint_identifier);
                endpoint_identifier.is_none_or(|named| eid.is_some_and(|eid| eid == named))
            })
            .collect();
        for id in &meant {
            self.register_again(*id, now.after(REST));
        }
        if !meant.is_empty()
            && let Ok(payload) = encode_ras(&messages::ucf(seq))
        {
            self.send_as(message.zone, message.endpoint, payload, out);
        }
        !meant.is_empty()
    }

    /// An IRQ: answered with an IRR (without calls) for what is kept warm.
    fn answer_irq(
        &self,
        registry: &Registry,
        message: &Message<'_>,
        seq: u16,
        out: &mut Vec<Output>,
    ) -> bool {
        let here = registry.at(message.zone, message.endpoint).to_vec();
        for id in here {
            let warm = self.entries.get(&id);
            if warm.is_none_or(|entry| entry.warmth != Warmth::Warm) {
                continue;
            }
            let Some(record) = registry.get(id) else {
                continue;
            };
            let Some(full) = &record.full_rrq else {
                continue;
            };
            if let Ok(payload) = carry::status(full, &record.shown.endpoint_identifier, seq) {
                self.send_as(message.zone, message.endpoint, payload, out);
                return true;
            }
        }
        false
    }

    /// How a registration stands at its zone's alternate; none: its zone has none.
    pub(crate) fn warmth(&self, id: RegistrationId) -> Option<Warmth> {
        self.entries.get(&id).map(|entry| entry.warmth)
    }

    /// How a zone's registrations stand at its alternate.
    pub(crate) fn warm_counts(&self, zone: u32) -> WarmCounts {
        let mut counts = WarmCounts {
            gatekeeper: self.targets.get(&zone).map(|t| t.gatekeeper),
            ..WarmCounts::default()
        };
        for entry in self.entries.values().filter(|e| e.zone == zone) {
            match entry.warmth {
                Warmth::Warm => counts.warm += 1,
                Warmth::Waiting | Warmth::Asked => counts.waiting += 1,
                Warmth::Cold { .. } => counts.cold += 1,
            }
        }
        counts
    }
}
