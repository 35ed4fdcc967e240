//! Full registration (H.225.0 7.9).
//!
//! Who registers is looked for among the registrations before it is judged: an endpoint that starts anew is the one that
//! it was (same endpointIdentifier from the same host, or same callSignalAddress), keeps its endpointIdentifier, and its
//! calls. An alias that another endpoint holds is a duplicate; that one is asked at once whether it still lives (IRQ), so
//! that who moved can register as soon as its former self is known to be gone.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::messages::alias;
use rasline_h225::text::{from_alias, from_bmp, from_transport, to_bmp, to_transport};
use rasline_h225::types::{
    RasMessage, RegistrationConfirm, RegistrationReject, RegistrationRejectReason as Why,
    RegistrationRequest,
};

use super::capacity::no_room;
use super::entries::{Entry, Life};
use super::machine::Registrar;
use super::message::Asked;
use super::registration_claim::RegistrationClaim;
use super::reply::{Reply, alternates, this_time};
use super::timers::Timer;
use super::{Ended, EntryId, Event, Output};
use crate::{Reserved, octets};

impl Registrar {
    pub(super) fn full(
        &mut self,
        asked: &Asked<'_>,
        rrq: &RegistrationRequest,
        out: &mut Vec<Output>,
    ) -> Reply {
        match self.claim(asked.from, &asked.mode, rrq) {
            Ok(claim) => self.register(asked, rrq, claim, out),
            Err(refusal) => {
                for owner in refusal.owners {
                    self.doubt(owner, out);
                }
                self.rrj(asked, rrq, refusal.reason)
            }
        }
    }

    fn register(
        &mut self,
        asked: &Asked<'_>,
        rrq: &RegistrationRequest,
        claim: RegistrationClaim,
        out: &mut Vec<Output>,
    ) -> Reply {
        for id in &claim.replaced {
            self.end(*id, Ended::Replaced, out);
        }
        if let (Some(()), Some(id)) = (rrq.restart.as_ref(), claim.same) {
            self.leave_calls(id, out);
        }
        if let Some(id) = claim.same {
            self.revoked.reinstate(id);
        }
        let id = claim.same.unwrap_or_else(|| self.entries.fresh());
        let mut entry = self.entry(asked, rrq, claim, id);
        entry.until = self.now.after(lease(&entry));
        let before = self.entries.get(id);
        if before.is_some_and(|before| before.published.is_some()) {
            out.push(Output::Withdraw { id });
        }
        let renamed = before.is_some_and(|before| before.identifier != entry.identifier);
        if renamed {
            out.push(Output::Forget { id });
        }
        entry.lightweight = before
            .filter(|before| before.is_as(&entry))
            .and_then(|before| before.lightweight.clone());
        tell_registered(before, &entry, out);
        self.timers.set(Timer::Entry(id), entry.until);
        let rcf = self.rcf(asked.seq, rrq, &entry, true);
        self.stays(entry.ras);
        self.entries.insert(id, entry);
        self.predict(id, rrq, out);
        self.store(id, out);
        if renamed {
            self.store_calls(id, out);
        }
        self.stats.full += 1;
        match rcf {
            Some(rcf) => Reply::to(Some(id), RasMessage::RegistrationConfirm(rcf)),
            None => Reply::Nothing,
        }
    }

    fn entry(
        &mut self,
        asked: &Asked<'_>,
        rrq: &RegistrationRequest,
        claim: RegistrationClaim,
        id: EntryId,
    ) -> Entry {
        let before = self.entries.get(id);
        let kept = before.map(|before| before.identifier.clone());
        let calls = before.map(|before| before.calls.clone());
        let almost_full = before.is_some_and(|before| before.almost_full);
        let identifier = claim.identifier.or(kept);
        Entry {
            identifier: identifier.unwrap_or_else(|| self.make_identifier()),
            signalling: claim.signalling,
            aliases: claim.aliases,
            prefixes: claim.prefixes,
            endpoint: asked.from,
            seen_as: asked.to,
            ras: claim.ras,
            time_to_live: self.granted(id, rrq.time_to_live),
            asked: rrq.time_to_live,
            last_seen: self.now,
            until: self.now,
            life: Life::Held,
            full: octets::full(asked.payload).unwrap_or_default(),
            lightweight: None,
            stored: self.now,
            published: None,
            predicted: None,
            other: None,
            almost_full,
            full_up: no_room(rrq.capacity.as_ref()) == Some(true),
            calls: calls.unwrap_or_default(),
            supports_alternates: rrq.supports_alt_gk.is_some(),
            mode: asked.mode.clone(),
        }
    }

    /// One that was never given: a counter, and what tells this registrar from others, as long as the kernel can look
    /// for it.
    fn make_identifier(&mut self) -> String {
        loop {
            self.made += 1;
            let seed = self.settings.seed;
            let zone = &self.settings.profile.gatekeeper_identifier;
            let whole = format!("{:04x}{seed:016x}_{zone}", self.made);
            let mut length = 0;
            let fits = |c: &char| {
                length += c.len_utf16();
                length <= octets::EID / 2
            };
            let identifier: String = whole.chars().take_while(fits).collect();
            let taken = self.profile_index.identifiers.contains_key(&identifier)
                || self.entries.by_identifier(&identifier).is_some();
            if !taken {
                return identifier;
            }
        }
    }

    /// timeToLive for one who asks for this, or for none: as the profile bounds it, and then up to a twentieth less, so
    /// that those that registered together do not keep coming together. The same at each keep-alive: an endpoint that
    /// asks for what it was given, less a bit, would come down step by step otherwise.
    pub(super) fn granted(&self, id: EntryId, asked: Option<u32>) -> u32 {
        let policy = self.settings.profile.time_to_live;
        let wanted = asked.unwrap_or(policy.default);
        let bounded = wanted.min(policy.max).max(policy.min).max(1);
        let spread = u64::from(bounded / 20) + 1;
        let less = crate::transaction::digest(&(self.settings.seed, id)) % spread;
        (bounded - less as u32).max(policy.min)
    }

    /// The RCF. It is a function of the registration and of the request: the kernel gives it again and again.
    pub(super) fn rcf(
        &self,
        seq: u16,
        rrq: &RegistrationRequest,
        entry: &Entry,
        full: bool,
    ) -> Option<RegistrationConfirm> {
        let mut rcf = RegistrationConfirm::new(seq, to_bmp(&entry.identifier).ok()?);
        rcf.protocol_identifier = rrq.protocol_identifier.clone();
        let calls = self.settings.call_signal_address;
        rcf.call_signal_address = calls.map(to_transport).into_iter().collect();
        rcf.gatekeeper_identifier = to_bmp(&self.settings.profile.gatekeeper_identifier).ok();
        rcf.time_to_live = Some(entry.time_to_live);
        rcf.will_respond_to_irr = Some(true);
        rcf.maintain_connection = Some(false);
        if !full {
            return Some(rcf);
        }
        let given = rrq.terminal_alias.iter().flatten();
        let mut aliases: Vec<_> = given
            .filter(|one| from_alias(one).is_some_and(|text| entry.aliases.contains(&text)))
            .cloned()
            .collect();
        if aliases.is_empty() {
            aliases = entry
                .aliases
                .iter()
                .filter_map(|text| alias(text).ok())
                .collect();
        }
        rcf.terminal_alias = (!aliases.is_empty()).then_some(aliases.into());
        if rrq.supports_alt_gk.is_some() {
            rcf.alternate_gatekeeper = alternates(&self.settings.alternates);
        }
        rcf.supports_additive_registration = rrq.additive_registration;
        Some(rcf)
    }

    pub(super) fn rrj(&self, asked: &Asked<'_>, rrq: &RegistrationRequest, why: Why) -> Reply {
        let elsewhere = why == Why::ResourceUnavailable && rrq.supports_alt_gk.is_some();
        let mut rrj = RegistrationReject::new(asked.seq, why);
        rrj.protocol_identifier = rrq.protocol_identifier.clone();
        rrj.gatekeeper_identifier = to_bmp(&self.settings.profile.gatekeeper_identifier).ok();
        if elsewhere {
            rrj.alt_gk_info = this_time(&self.settings.alternates);
        }
        Reply::anyone(RasMessage::RegistrationReject(rrj))
    }
}

/// Its timeToLive.
pub(super) fn lease(entry: &Entry) -> Duration {
    Duration::from_secs(entry.time_to_live.into())
}

fn tell_registered(before: Option<&Entry>, entry: &Entry, out: &mut Vec<Output>) {
    fn told(one: &Entry) -> (&str, SocketAddr, &[String]) {
        (&one.identifier, one.endpoint, &one.aliases)
    }
    if before.map(told) != Some(told(entry)) {
        out.push(Output::Event(registered(entry)));
    }
}

pub(super) fn registered(entry: &Entry) -> Event {
    Event::Registered {
        endpoint_identifier: entry.identifier.clone(),
        endpoint: entry.endpoint,
        aliases: entry.aliases.clone(),
    }
}

/// callSignalAddress: those of IP that an endpoint can have, not too many.
pub(super) fn signalling(rrq: &RegistrationRequest, reserved: &Reserved) -> Vec<SocketAddr> {
    let all = rrq.call_signal_address.iter().filter_map(from_transport);
    let all = all.filter(|address| reserved.allows(address));
    let mut usable: Vec<_> = all.take(8).collect();
    let mut seen = std::collections::BTreeSet::new();
    usable.retain(|address| seen.insert(*address));
    usable
}

/// Where it wants to be asked: rasAddress, if that is on the host that it comes from, else where it comes from. `None`:
/// it names no usable one.
pub(super) fn ras_address(from: SocketAddr, rrq: &RegistrationRequest) -> Option<SocketAddr> {
    let mut all = rrq
        .ras_address
        .iter()
        .filter_map(from_transport)
        .filter(usable)
        .peekable();
    all.peek()?;
    Some(all.find(|ras| ras.ip() == from.ip()).unwrap_or(from))
}

fn usable(address: &SocketAddr) -> bool {
    let ip = address.ip();
    address.port() != 0 && !ip.is_unspecified() && !ip.is_multicast()
}

/// endpointIdentifier of an RRQ.
pub(super) fn identifier(rrq: &RegistrationRequest) -> Option<String> {
    rrq.endpoint_identifier.as_ref().map(from_bmp)
}
