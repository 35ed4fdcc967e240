//! All endpoints behind one gateway registration, which carries their aliases.
//!
//! ```text
//!                       RRQ with all, or what joins if the gatekeeper adds         RCF
//! endpoint: Queued (joins) -------------------------------------------------> Asked ---> Registered
//!              ^  ^                                                            | RRJ duplicateAlias, others
//!              |  +---------------- who is not at fault -----------------------+
//!              +------ after a rest ------ Refused <--- who is -----------------+
//! ```
//!
//! Invariant: one RRQ of the gateway is under way at most. Who joins meanwhile goes with the next one.

use std::collections::BTreeSet;
use std::time::Duration;

use rasline_h225::RasKind;
use rasline_h225::text::from_alias;
use rasline_h225::types::{
    AliasAddress, RegistrationConfirm, RegistrationReject, RegistrationRejectReason as Rrj,
};

use crate::proxy::entries::{Entry, GATEWAY, Up};
use crate::proxy::machine::{Proxy, Timer};
use crate::proxy::upstream::queue::Lane;
use crate::proxy::upstream::registration::REST;
use crate::proxy::upstream::requests_to_gatekeeper::{Purpose, RequestToGatekeeper, retries};
use crate::proxy::{EntryId, Output, Upstream, UpstreamState, rrq};

/// The gateway registration.
#[derive(Clone, Debug, Default)]
pub(in crate::proxy) struct Gateway {
    pub up: Up,
    /// Its last full RRQ that was confirmed.
    pub full: Box<[u8]>,
    /// Endpoints that want to be in it.
    pub joining: BTreeSet<EntryId>,
    /// What the gatekeeper has is more than there is.
    pub dirty: bool,
}

impl Gateway {
    pub fn joins(&self, id: EntryId) -> bool {
        self.joining.contains(&id)
    }
}

impl Proxy {
    pub(in crate::proxy) fn is_aggregate(&self) -> bool {
        self.settings.upstream == Upstream::Aggregate
    }

    /// An endpoint wants to be carried, or it is the gateway's own turn to try again.
    pub(in crate::proxy) fn join(&mut self, id: EntryId, lane: Lane) {
        self.timers.clear(Timer::Retry(id));
        let Some(entry) = self.entries.get(id) else {
            return self.queue.push(GATEWAY, lane);
        };
        let lane = if entry.waits.is_empty() {
            lane
        } else {
            Lane::Wanted
        };
        self.stand(id, UpstreamState::Queued);
        self.gateway.joining.insert(id);
        if self.gateway.up.flight.is_none() {
            self.queue.push(GATEWAY, lane);
        }
    }

    /// Its turn: an RRQ with who joins, and, unless the gatekeeper adds to what it has, with all the others.
    pub(in crate::proxy) fn register_gateway(&mut self, out: &mut Vec<Output>) {
        let (Some(from), Some(to)) = (self.settings.ras_address, self.active) else {
            return;
        };
        if let Some(seq) = self.gateway.up.flight {
            return self.repeat_registration(seq, out);
        }
        let holds = self.gateway.up.gatekeeper == Some(to) && !self.gateway.up.is_over(self.now);
        let adds = holds && self.gateway.up.additive && !self.gateway.dirty;
        let (all, joining) = self.to_carry(adds);
        if all.is_empty() || (joining.is_empty() && !self.gateway.dirty) {
            // Nothing new is to be said, or there is no room for it.
            return;
        }
        let Some(seq) = self.to_gatekeeper.number() else {
            return;
        };
        let known = holds.then_some(&self.gateway.up);
        let octets = self.gateway_rrq(&all).and_then(|mut rrq| {
            rrq.additive_registration = adds.then_some(());
            rrq::full(rrq, seq, known, from).ok()
        });
        let Some(octets) = octets else {
            return self.carry_again(&joining, REST);
        };
        for id in &joining {
            self.gateway.joining.remove(id);
            self.stand(*id, UpstreamState::Asked);
        }
        self.gateway.dirty = false;
        self.gateway.up.flight = Some(seq);
        let retry = retries(RasKind::RegistrationRequest);
        let flight = RequestToGatekeeper {
            from,
            to,
            purpose: Purpose::Carry(joining),
            octets: octets.into(),
            retry,
        };
        self.spend();
        self.launch(seq, flight, out);
    }

    /// RCF to the gateway's RRQ.
    pub(in crate::proxy) fn carried(
        &mut self,
        ids: &[EntryId],
        flight: &RequestToGatekeeper,
        rcf: &RegistrationConfirm,
        out: &mut Vec<Output>,
    ) {
        let before = std::mem::take(&mut self.gateway.up);
        let added = before.additive && before.gatekeeper == Some(flight.to);
        if before.gatekeeper.is_some_and(|old| old != flight.to)
            && let (Some(to), Some((seq, payload))) = (
                before.gatekeeper,
                self.urq(&self.gateway.full.clone(), &before),
            )
        {
            self.stats.upstream_left += 1;
            self.send_once(seq, (flight.from, to), payload, out);
        }
        let named = rcf.gatekeeper_identifier.clone();
        self.gateway.up = Up {
            gatekeeper: Some(flight.to),
            identifier: Some(rcf.endpoint_identifier.clone()),
            gatekeeper_identifier: named.or(before.gatekeeper_identifier),
            ttl: rcf.time_to_live.or(before.ttl),
            confirmed: self.now,
            additive: added || rcf.supports_additive_registration.is_some(),
            ..Up::default()
        };
        self.keep_alives.clear(GATEWAY);
        self.gateway_keep_up();
        for id in ids {
            match self.entries.get_mut(*id) {
                // It changed meanwhile, and joins again.
                Some(_) if self.gateway.joining.contains(id) => {}
                Some(entry) => {
                    entry.up.gatekeeper = Some(flight.to);
                    // The aliases of the others are none of its business.
                    let mut own = rcf.clone();
                    own.terminal_alias =
                        rrq::parse(entry.wanted()).and_then(|rrq| rrq.terminal_alias);
                    self.admitted(*id, &own, out);
                }
                None => self.gateway.dirty = true,
            }
        }
        let adds =
            rrq::parse(&flight.octets).is_some_and(|rrq| rrq.additive_registration.is_some());
        self.gateway.full = match self.gateway_now().filter(|_| adds) {
            Some(whole) => whole,
            None => flight.octets.clone(),
        };
        self.store_gateway(out);
        self.go_on();
    }

    /// The next RRQ, if there is something to say.
    pub(in crate::proxy) fn go_on(&mut self) {
        if self.gateway.dirty || !self.gateway.joining.is_empty() {
            self.queue.push(GATEWAY, Lane::Wanted);
        }
    }

    /// RRJ to the gateway's RRQ: who is at fault is turned away, the others go with the next one.
    pub(in crate::proxy) fn not_carried(
        &mut self,
        ids: &[EntryId],
        rrj: &RegistrationReject,
        out: &mut Vec<Output>,
    ) {
        self.stats.upstream_rejected += 1;
        self.gateway.up.flight = None;
        let at_fault: Vec<EntryId> = match &rrj.reject_reason {
            Rrj::AdditiveRegistrationNotSupported => {
                self.gateway.up.additive = false;
                Vec::new()
            }
            Rrj::FullRegistrationRequired | Rrj::DiscoveryRequired
                if self.gateway.up.identifier.is_some() =>
            {
                self.forgotten(out);
                Vec::new()
            }
            Rrj::DuplicateAlias(list) => {
                let texts: Vec<String> = list.iter().filter_map(from_alias).collect();
                let has = |id: &&EntryId| {
                    let own = self.claimed(**id);
                    let mut own = own.iter().filter_map(from_alias);
                    own.any(|alias| texts.contains(&alias))
                };
                let found: Vec<EntryId> = ids.iter().filter(has).copied().collect();
                if found.is_empty() {
                    ids.to_vec()
                } else {
                    found
                }
            }
            _ => ids.to_vec(),
        };
        for id in ids {
            if at_fault.contains(id) {
                let mut own = rrj.clone();
                if let Rrj::DuplicateAlias(list) = &mut own.reject_reason {
                    let claimed = self.claimed(*id);
                    list.retain(|alias| claimed.contains(alias));
                }
                self.turned_away(*id, &own, out);
            } else {
                self.enqueue(*id, Lane::Quiet);
            }
        }
        self.go_on();
    }

    /// terminalAlias that it wants.
    fn claimed(&self, id: EntryId) -> rasline_h225::types::List<AliasAddress> {
        let full = self.entries.get(id).map(Entry::wanted);
        let full = full.and_then(rrq::parse);
        full.and_then(|rrq| rrq.terminal_alias).unwrap_or_default()
    }

    /// No answer to the gateway's RRQ: again, after a while.
    pub(in crate::proxy) fn carry_again(&mut self, ids: &[EntryId], rest: Duration) {
        self.gateway.up.flight = None;
        for id in ids {
            self.enqueue(*id, Lane::Quiet);
        }
        self.queue.remove(GATEWAY);
        self.timers.set(Timer::Retry(GATEWAY), self.now.after(rest));
    }

    /// The gatekeeper knows the gateway no more: all join anew.
    pub(in crate::proxy) fn forgotten(&mut self, out: &mut Vec<Output>) {
        self.gateway.up.identifier = None;
        self.gateway.up.gatekeeper = None;
        self.keep_alives.clear(GATEWAY);
        self.store_gateway(out);
        let is_in = |(id, entry): (EntryId, &Entry)| {
            (entry.up.standing == UpstreamState::Registered).then_some(id)
        };
        let mut ids: Vec<EntryId> = self.entries.iter().filter_map(is_in).collect();
        ids.sort_unstable();
        for id in ids {
            self.enqueue(id, Lane::Quiet);
        }
    }
}

impl Entry {
    /// The full RRQ that counts.
    pub fn wanted(&self) -> &[u8] {
        self.wanted.as_ref().unwrap_or(&self.full)
    }
}
