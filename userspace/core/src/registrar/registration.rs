//! Registrations: how they begin, go on and end (H.225.0 7.9, 7.10).
//!
//! - Full RRQ. Who registers is looked for among the registrations before it is judged: an endpoint that starts anew is the
//!   one that it was (same endpointIdentifier from the same host, or same callSignalAddress), keeps its endpointIdentifier,
//!   and its calls. An alias that another endpoint holds is a duplicate; that one is asked at once whether it still lives
//!   (IRQ), so that who moved can register as soon as its former self is known to be gone.
//! - Lightweight RRQ (keepAlive). The registration is the one of the endpointIdentifier, else of callSignalAddress. Another
//!   host, another callSignalAddress, or nothing that is known: RRJ fullRegistrationRequired. Another source port or
//!   gatekeeperIdentifier does not matter, nor do aliases.
//! - URQ. One that names some of its aliases gives up these only; one that names all of them, or none of them, leaves. Its
//!   calls end with it: real stacks leave without disengaging.
//! - Another profile. Who must not be registered under it any more is revoked ([`super::revoke`]).

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use rasline_h225::messages::{ucf, urj};
use rasline_h225::text::{from_bmp, from_transport};
use rasline_h225::types::{
    RasMessage, RegistrationRejectReason as Why, RegistrationRequest, UnregRejectReason,
    UnregRequestReason, UnregistrationRequest,
};

use super::additive::add_names;
use super::aliases::texts;
use super::auth::{Accounts, Mode, gate};
use super::entries::{Entry, PredictedKeepAlive};
use super::inbound::Inbound;
use super::machine::Registrar;
use super::own_requests::Wanted;
use super::publish::KeepAlive;
use super::registration_claim::{ClaimCheck, RegistrationClaim};
use super::reply::Reply;
use super::revoke::AT_ONCE;
use super::rrq::{identifier, make_full_rrq, ras_address, rebuild_full_rrq, signalling};
use super::{Ended, EntryId, Event, Output, Stored};
use crate::profile::{Authentication, Profile};

impl Registrar {
    fn claims(&self) -> ClaimCheck<'_> {
        ClaimCheck::new(&self.policy, &self.entries)
    }

    pub(super) fn note_heard(&mut self, id: EntryId) {
        self.entries.note_heard(id, self.now, self.now);
    }

    fn store(&mut self, id: EntryId, out: &mut Vec<Output>) {
        self.entries.store(id, &self.policy, out);
    }

    pub(super) fn handle_full_rrq(
        &mut self,
        asked: &Inbound<'_>,
        rrq: &RegistrationRequest,
        out: &mut Vec<Output>,
    ) -> Reply {
        match self.claims().check(asked.from, &asked.mode, rrq) {
            Ok(claim) => self.register(asked, rrq, claim, out),
            Err(refusal) => {
                for owner in refusal.owners {
                    if self.entries.is_held(owner) {
                        self.poll_entry(owner, None, out);
                    }
                }
                self.policy.rrj(asked.seq, rrq, refusal.reason)
            }
        }
    }

    fn register(
        &mut self,
        asked: &Inbound<'_>,
        rrq: &RegistrationRequest,
        mut claim: RegistrationClaim,
        out: &mut Vec<Output>,
    ) -> Reply {
        for id in &claim.replaced {
            self.end(*id, Ended::Replaced, out);
        }
        if let Some(id) = claim.same {
            if rrq.restart.is_some() {
                self.calls.leave_all(id, self.now, out);
            }
            self.revoked.remove(id);
        }
        let id = claim.same.unwrap_or_else(|| self.entries.fresh());
        let granted = claim.identifier.take();
        let before = self.entries.get(id);
        let kept = granted.or_else(|| before.map(|before| before.identifier.clone()));
        let identifier = kept.unwrap_or_else(|| self.entries.make_identifier(&self.policy));
        let before = self.entries.get(id);
        let renamed = before.is_some_and(|before| before.identifier != identifier);
        let mut entry = claim.into_entry(identifier, asked, rrq, self.now);
        entry.time_to_live = self.policy.grant_time_to_live(id, rrq.time_to_live);
        entry.almost_full = before.is_some_and(|before| before.almost_full);
        if before.is_some_and(|before| before.published.is_some()) {
            out.push(Output::Withdraw { id });
        }
        if renamed {
            out.push(Output::Forget { id });
        }
        entry.lightweight = before
            .filter(|before| before.is_as(&entry))
            .and_then(|before| before.lightweight.clone());
        if before.is_none_or(|before| !before.is_shown_as(&entry)) {
            out.push(Output::Event(entry.registered()));
        }
        let rcf = self.policy.rcf(asked.seq, rrq, &entry, true);
        self.sender.requests.forget_urq(entry.ras);
        self.entries.begin(id, entry, self.now);
        let parts = (&self.policy, &mut self.makes);
        self.entries.publish_expected(id, rrq, parts, out);
        self.store(id, out);
        if renamed && let Some(entry) = self.entries.get(id) {
            self.calls.rename(id, &entry.identifier, out);
        }
        self.stats.full += 1;
        match rcf {
            Some(rcf) => Reply::to(Some(id), RasMessage::RegistrationConfirm(rcf)),
            None => Reply::Nothing,
        }
    }

    /// Aliases and prefixes more, for one that is registered.
    pub(super) fn handle_additive_rrq(
        &mut self,
        asked: &Inbound<'_>,
        rrq: &RegistrationRequest,
        out: &mut Vec<Output>,
    ) -> Reply {
        let whose = identifier(rrq);
        let id = whose.and_then(|whose| self.find_or_adopt(&whose, asked, out));
        let names = id.ok_or(Why::FullRegistrationRequired).and_then(|id| {
            let (aliases, prefixes) = add_names(self.claims(), id, rrq)?;
            Ok((id, aliases, prefixes))
        });
        let (id, aliases, prefixes) = match names {
            Ok(names) => names,
            Err(why) => return self.policy.rrj(asked.seq, rrq, why),
        };
        let policy = &self.policy;
        let rcf = self.entries.change(id, |entry| {
            (entry.aliases, entry.prefixes) = (aliases, prefixes);
            entry.full = rebuild_full_rrq(entry);
            out.push(Output::Event(entry.registered()));
            policy.rcf(asked.seq, rrq, entry, true)
        });
        self.note_heard(id);
        self.store(id, out);
        self.stats.full += 1;
        match rcf.flatten() {
            Some(rcf) => Reply::to(Some(id), RasMessage::RegistrationConfirm(rcf)),
            None => Reply::Nothing,
        }
    }

    pub(super) fn handle_keep_alive(
        &mut self,
        asked: &Inbound<'_>,
        rrq: &RegistrationRequest,
        out: &mut Vec<Output>,
    ) -> Reply {
        let Some(id) = self.find_kept_alive(asked, rrq, out) else {
            let why = Why::FullRegistrationRequired;
            return self.policy.rrj(asked.seq, rrq, why);
        };
        self.note_heard(id);
        let Some(entry) = self.entries.get_mut(id) else {
            return Reply::Nothing;
        };
        entry.endpoint = asked.from;
        entry.seen_as = asked.to;
        entry.mode = asked.mode.clone();
        entry.mode.registered_as(&entry.identifier);
        entry.ras = ras_address(asked.from, rrq).unwrap_or(entry.ras);
        let Some(rcf) = self.policy.rcf(asked.seq, rrq, entry, false) else {
            return Reply::Nothing;
        };
        self.stats.lightweight += 1;
        let octets = asked.payload;
        let parts = (&self.policy, &mut self.makes);
        let keep_alive = KeepAlive { rrq, octets };
        self.entries.publish(id, keep_alive, parts, out);
        Reply::to(Some(id), RasMessage::RegistrationConfirm(rcf))
    }

    fn find_kept_alive(
        &mut self,
        asked: &Inbound<'_>,
        rrq: &RegistrationRequest,
        out: &mut Vec<Output>,
    ) -> Option<EntryId> {
        let named = signalling(rrq, &self.policy.settings.reserved);
        let id = match identifier(rrq) {
            Some(identifier) => self.find_or_adopt(&identifier, asked, out)?,
            None => named
                .iter()
                .find_map(|one| self.entries.by_signalling(*one))?,
        };
        let entry = self.entries.get(id)?;
        let unknown = |one: &SocketAddr| !entry.signalling.contains(one);
        let elsewhere =
            !entry.signalling.is_empty() && !named.is_empty() && named.iter().all(unknown);
        let own = !elsewhere && entry.is_of(asked.from.ip(), &asked.mode);
        (own && !self.dismiss_by_answer(id, out)).then_some(id)
    }

    /// The registration of this endpointIdentifier, if the message comes from its host and is proved as its are.
    pub(super) fn find_own(&self, identifier: &str, asked: &Inbound<'_>) -> Option<EntryId> {
        let host = asked.from.ip();
        self.entries.find_own(identifier, host, &asked.mode)
    }

    /// The registration of this endpointIdentifier, if the message comes from its host and is proved as it is. An endpoint
    /// that the profile knows by its endpointIdentifier and RAS address is registered herewith: its own gatekeeper
    /// confirmed it.
    pub(super) fn find_or_adopt(
        &mut self,
        identifier: &str,
        asked: &Inbound<'_>,
        out: &mut Vec<Output>,
    ) -> Option<EntryId> {
        if self.entries.by_identifier(identifier).is_some() {
            let id = self.find_own(identifier, asked)?;
            return (!self.dismiss_by_answer(id, out)).then_some(id);
        }
        if let Some(usurper) = self.claims().find_usurper(identifier, asked.from) {
            self.end(usurper, Ended::Replaced, out);
        }
        let way = (asked.from, asked.to);
        let adopted = self.claims().adopt(identifier, way, &asked.mode, self.now);
        let mut entry = adopted?;
        let id = self.entries.fresh();
        entry.time_to_live = self.policy.grant_time_to_live(id, None);
        entry.full = make_full_rrq(&entry);
        out.push(Output::Event(entry.registered()));
        self.sender.requests.forget_urq(entry.ras);
        self.entries.begin(id, entry, self.now);
        self.store(id, out);
        Some(id)
    }

    pub(super) fn handle_urq(
        &mut self,
        asked: &Inbound<'_>,
        urq: &UnregistrationRequest,
        out: &mut Vec<Output>,
    ) -> Reply {
        let Some(id) = self.find_leaving(asked, urq, out) else {
            let reason = UnregRejectReason::NotCurrentlyRegistered;
            return Reply::anyone(urj(asked.seq, reason));
        };
        let entry = self.entries.get(id);
        let Some(entry) = entry.filter(|one| one.is_of(asked.from.ip(), &asked.mode)) else {
            return Reply::anyone(urj(asked.seq, UnregRejectReason::PermissionDenied));
        };
        let given_up: BTreeSet<String> = texts(urq.endpoint_alias.as_deref()).into_iter().collect();
        let own = entry.aliases.iter();
        let count = own.filter(|alias| given_up.contains(*alias)).count();
        if (1..entry.aliases.len()).contains(&count) {
            self.entries.change(id, |entry| {
                entry.aliases.retain(|alias| !given_up.contains(alias));
                entry.full = rebuild_full_rrq(entry);
                out.push(Output::Event(entry.registered()));
            });
            self.store(id, out);
        } else {
            self.end(id, Ended::Left, out);
        }
        Reply::anyone(ucf(asked.seq))
    }

    /// Whom a URQ is about: the endpointIdentifier says, or callSignalAddress.
    fn find_leaving(
        &mut self,
        asked: &Inbound<'_>,
        urq: &UnregistrationRequest,
        out: &mut Vec<Output>,
    ) -> Option<EntryId> {
        if let Some(identifier) = &urq.endpoint_identifier {
            let identifier = from_bmp(identifier);
            let known = self.entries.by_identifier(&identifier);
            return known.or_else(|| self.find_or_adopt(&identifier, asked, out));
        }
        let mut addresses = urq.call_signal_address.iter().filter_map(from_transport);
        addresses.find_map(|one| self.entries.by_signalling(one))
    }

    /// Ends a registration and tells the endpoint.
    pub(super) fn unregister(
        &mut self,
        id: EntryId,
        why: Ended,
        reason: UnregRequestReason,
        out: &mut Vec<Output>,
    ) {
        if let Some(entry) = self.end(id, why, out)
            && let Some(urq) = self.policy.urq(&entry, reason)
        {
            let peer = entry.peer();
            self.outbox(out).request(peer, urq, Wanted::Leave);
        }
    }

    /// Ends a registration.
    fn end(&mut self, id: EntryId, why: Ended, out: &mut Vec<Output>) -> Option<Entry> {
        match why {
            Ended::Expired => self.calls.end_all(id, self.now, out),
            _ => self.calls.leave_all(id, self.now, out),
        }
        self.entries.withdraw(id, out);
        let entry = self.entries.end(id)?;
        self.revoked.remove(id);
        out.push(Output::Forget { id });
        out.push(Output::Event(Event::Unregistered {
            endpoint_identifier: entry.identifier.clone(),
            endpoint: entry.endpoint,
            why,
        }));
        Some(entry)
    }

    /// Ends the calls of an endpoint: all who take part are told (DRQ forcedDrop).
    pub(super) fn force_calls(&mut self, id: EntryId, out: &mut Vec<Output>) {
        for call in self.calls.of(id) {
            let accounts = Accounts::new(&self.policy, &self.entries);
            let mut outbox = self.sender.outbox(self.now, accounts, out);
            let Some(known) = self.calls.get(call) else {
                continue;
            };
            for leg in &known.legs {
                if let Some(entry) = self.entries.get(leg.entry)
                    && let Some(drq) = self.policy.drq(entry, known, leg)
                {
                    outbox.request(entry.peer(), drq, Wanted::Note);
                }
            }
            self.calls.end(call, self.now, out);
        }
    }

    /// Puts another profile in force.
    pub(super) fn apply_profile(&mut self, profile: Arc<Profile>, out: &mut Vec<Output>) {
        let before = self.policy.replace_profile(profile);
        let now = self.policy.profile();
        if before.gatekeeper_identifier != now.gatekeeper_identifier {
            self.gate = gate(now);
        }
        let alike = before.gatekeeper_identifier == now.gatekeeper_identifier
            && before.time_to_live == now.time_to_live
            && before.authentication == now.authentication;
        let all = self.entries.iter().map(|(id, _)| id);
        let ids: Vec<EntryId> = all.filter(|id| !self.revoked.contains(*id)).collect();
        for id in ids {
            if !self.keep_allowed(id) {
                self.revoke(id, out);
            } else if !alike {
                self.grant_again(id, out);
            }
        }
        if self.revoked.begin() {
            self.dismiss_revoked(out);
        }
    }

    /// Whether a registration may go on; it does with the prefixes that it has now. Who proved nothing must register again
    /// where that is asked now.
    fn keep_allowed(&mut self, id: EntryId) -> bool {
        let is_open = self.policy.profile().authentication == Authentication::None;
        let Some(mut entry) = self.entries.remove(id) else {
            return false;
        };
        if is_open {
            entry.mode = Mode::Open;
        }
        let has = (entry.aliases.clone(), entry.prefixes.clone());
        let who = (entry.endpoint.ip(), &entry.mode);
        let claims = self.claims();
        let allowed = claims.allow(who, Some(&entry.identifier), &entry.signalling, has);
        let may = allowed.is_ok() && claims.accounts.accepts(&entry.mode);
        if let Ok((_, prefixes)) = allowed {
            entry.prefixes = prefixes;
        }
        self.entries.insert(id, entry);
        may
    }

    /// Gives a registration another timeToLive: its RCF will be another one.
    fn grant_again(&mut self, id: EntryId, out: &mut Vec<Output>) {
        self.entries.withdraw(id, out);
        // Until it comes again it counts as it was told: `until` stays.
        if let Some(entry) = self.entries.get_mut(id) {
            entry.time_to_live = self.policy.grant_time_to_live(id, entry.asked);
            self.store(id, out);
        }
    }

    fn revoke(&mut self, id: EntryId, out: &mut Vec<Output>) {
        self.entries.withdraw(id, out);
        let revoked = self.entries.change(id, |entry| {
            entry.aliases.clear();
            entry.prefixes.clear();
        });
        if revoked.is_some() {
            self.entries.timers.clear(id);
            self.revoked.insert(id);
            out.push(Output::Forget { id });
        }
    }

    /// Tells the next ones who were revoked.
    pub(super) fn dismiss_revoked(&mut self, out: &mut Vec<Output>) {
        let mut told = 0;
        while told < AT_ONCE
            && let Some(id) = self.revoked.pop()
        {
            let before = out.len();
            self.dismiss(id, out);
            let sent = out[before..].iter();
            let sent = sent.filter(|one| matches!(one, Output::Send { .. }));
            told += sent.count();
        }
        if told > 0 {
            self.revoked.wait(self.now);
        }
    }

    fn dismiss(&mut self, id: EntryId, out: &mut Vec<Output>) {
        let reason = UnregRequestReason::ReregistrationRequired;
        self.force_calls(id, out);
        if self.revoked.few {
            return self.unregister(id, Ended::NotAllowed, reason, out);
        }
        let Some(entry) = self.end(id, Ended::NotAllowed, out) else {
            return;
        };
        if let Some(mut urq) = self.policy.urq(&entry, reason) {
            urq.set_request_seq_num(self.sender.requests.next_number());
            self.outbox(out).send(entry.peer(), urq);
        }
    }

    /// A revoked registration says something: the answer will tell it. False if it was not revoked.
    fn dismiss_by_answer(&mut self, id: EntryId, out: &mut Vec<Output>) -> bool {
        if !self.revoked.remove(id) {
            return false;
        }
        self.force_calls(id, out);
        self.end(id, Ended::NotAllowed, out);
        true
    }

    /// Takes up a stored registration, and publishes its keep-alive.
    pub(super) fn restore(&mut self, stored: &Stored, out: &mut Vec<Output>) {
        self.entries.taken(stored.id);
        let Some(entry) = self.claims().restore(stored, self.now) else {
            // What is registered under this number meanwhile is another one.
            if self.entries.get(stored.id).is_none() {
                out.push(Output::Forget { id: stored.id });
            }
            return;
        };
        let id = match self.entries.get(stored.id) {
            Some(_) => self.entries.fresh(),
            None => stored.id,
        };
        self.entries.begin(id, entry, self.now);
        if id != stored.id {
            self.store(id, out);
        }
        if let Some(octets) = &stored.lightweight {
            let (source, policy) = (PredictedKeepAlive::Before, &self.policy);
            self.entries
                .publish_predicted(id, octets, source, policy, out);
        }
    }
}
