//! Full RRQs of endpoints (H.225.0 7.9): sent on, unless they change nothing.

use std::net::SocketAddr;

use rasline_h225::encode_ras;
use rasline_h225::text::{from_alias, from_bmp, from_transport, to_bmp};
use rasline_h225::types::{
    AliasAddress, RasMessage, RegistrationReject, RegistrationRejectReason as Rrj,
    RegistrationRequest, TransportAddress, UnregRequestReason,
};

use crate::claimed::may_claim;
use crate::octets;
use crate::proxy::downstream::dispatch::Asked;
use crate::proxy::downstream::refuse::Why;
use crate::proxy::entries::{Entry, Life, Up};
use crate::proxy::machine::Proxy;
use crate::proxy::upstream::queue::Lane;
use crate::proxy::{EntryId, Output, UpstreamState, rrq};
use crate::ras_server::Ended;

/// Whose RRQ it is.
enum Found {
    Known(EntryId),
    New,
    /// Its callSignalAddress is that of an endpoint on another host.
    Taken,
}

impl Proxy {
    pub(in crate::proxy) fn full(
        &mut self,
        asked: &Asked<'_>,
        said: &RegistrationRequest,
        out: &mut Vec<Output>,
    ) {
        let rrq = said;
        if rrq.additive_registration.is_some() {
            return self.additive(asked, rrq, out);
        }
        let taken = self.held_elsewhere(asked.from, rrq);
        if !taken.is_empty() {
            return self.rrj(asked, Rrj::DuplicateAlias(taken.into()), out);
        }
        let Some(theirs) = self.own_addresses(asked.from, rrq) else {
            return self.rrj(asked, Rrj::InvalidCallSignalAddress, out);
        };
        let without = encode_ras(&RasMessage::RegistrationRequest(theirs.clone()));
        let rrq = &theirs;
        self.oust(asked.from, rrq, out);
        let id = match self.found(asked.from, rrq) {
            Found::Taken => return self.rrj(asked, Rrj::InvalidCallSignalAddress, out),
            Found::Known(id) if self.changes_nothing(id, rrq) => {
                return self.confirm_again(id, asked, rrq, out);
            }
            _ if asked.payload.len() > rrq::LONGEST => {
                return self.turn_down(asked, Why::Unavailable, out);
            }
            Found::Known(id) => id,
            Found::New if self.entries.len() >= self.settings.max_endpoints => {
                return self.turn_down(asked, Why::Unavailable, out);
            }
            Found::New => self.newcomer(asked, rrq),
        };
        let octets = match without {
            Ok(octets) if *rrq != *said => rrq::masked(&octets),
            _ => rrq::masked(asked.payload),
        };
        self.forward(id, asked, (octets, None), out);
    }

    pub(in crate::proxy) fn rrj(&mut self, asked: &Asked<'_>, reason: Rrj, out: &mut Vec<Output>) {
        self.stats.rejected += 1;
        let mut rrj = RegistrationReject::new(asked.seq, reason);
        rrj.gatekeeper_identifier = Some(self.own_identifier.clone());
        self.reply(asked, &RasMessage::RegistrationReject(rrj), out);
    }

    fn found(&self, from: SocketAddr, rrq: &RegistrationRequest) -> Found {
        let same_host = |id: &EntryId| {
            let entry = self.entries.get(*id);
            entry.is_some_and(|entry| entry.endpoint.ip() == from.ip())
        };
        let named = rrq.endpoint_identifier.as_ref().map(from_bmp);
        let named = named.and_then(|name| self.entries.by_identifier(&name));
        let there = self.entries.by_signalling(rrq::signalling(rrq, from));
        match (named.filter(same_host), there) {
            (_, Some(id)) if !same_host(&id) => Found::Taken,
            (Some(id), _) | (None, Some(id)) => Found::Known(id),
            (None, None) => Found::New,
        }
    }

    /// The RRQ with those addresses only that its sender may claim: gatekeepers look at nothing else, since all endpoints
    /// are at rasline's address. `None`: it has none of those that it names.
    fn own_addresses(
        &self,
        from: SocketAddr,
        rrq: &RegistrationRequest,
    ) -> Option<RegistrationRequest> {
        let mut own = rrq.clone();
        let may = |address: &TransportAddress| {
            // Calls over anything but IP are none of ours.
            from_transport(address).is_none_or(|address| {
                let nowhere = !rrq::usable(&address);
                nowhere
                    || self.settings.reserved.allows(&address)
                        && may_claim(from.ip(), &address, self.entries.hosts())
            })
        };
        own.call_signal_address.retain(&may);
        if let Some(alternates) = &mut own.alternate_endpoints {
            alternates.retain(|one| {
                let mut calls = one.call_signal_address.iter().flatten();
                let ras = one.ras_address.iter().flatten();
                calls.all(&may) && ras.into_iter().all(&may)
            });
        }
        let named = rrq
            .alternate_endpoints
            .as_ref()
            .is_some_and(|all| !all.is_empty());
        own.alternate_endpoints
            .take_if(|all| named && all.is_empty());
        let lost = own.call_signal_address.is_empty() && !rrq.call_signal_address.is_empty();
        (!lost).then_some(own)
    }

    /// Whoever claims, from elsewhere, an address on the host that this RRQ comes from, is unregistered.
    fn oust(&mut self, from: SocketAddr, rrq: &RegistrationRequest, out: &mut Vec<Output>) {
        let named = rrq.call_signal_address.iter().filter_map(from_transport);
        let own = named.filter(|address| address.ip() == from.ip());
        let holders: Vec<EntryId> = own
            .filter_map(|address| self.entries.by_signalling(address))
            .collect();
        for id in holders {
            let entry = self.entries.get(id);
            if entry.is_some_and(|entry| entry.endpoint.ip() != from.ip()) {
                let reason = UnregRequestReason::ReregistrationRequired;
                self.dismiss(id, reason, Ended::Replaced, out);
            }
        }
    }

    /// Aliases that an endpoint on another host has: gatekeepers cannot tell, since both are at rasline's address.
    fn held_elsewhere(&self, from: SocketAddr, rrq: &RegistrationRequest) -> Vec<AliasAddress> {
        let elsewhere = |alias: &&AliasAddress| {
            let owner = from_alias(alias).and_then(|text| self.entries.by_alias(&text));
            let owner = owner.and_then(|id| self.entries.get(id));
            owner.is_some_and(|entry| entry.endpoint.ip() != from.ip())
        };
        let all = rrq.terminal_alias.iter().flatten();
        all.filter(elsewhere).cloned().collect()
    }

    /// Whether the gatekeeper has heard this already, or will without being told by this RRQ.
    fn changes_nothing(&self, id: EntryId, rrq: &RegistrationRequest) -> bool {
        let Some(entry) = self.entries.get(id) else {
            return false;
        };
        let plain = !rrq::is_secured(rrq) && rrq.restart.is_none();
        let held = entry.confirmed && entry.wanted.is_none();
        plain
            && held
            && entry.up.standing != UpstreamState::Refused
            && rrq::parse(&entry.full)
                .is_some_and(|before| rrq::essence(&before) == rrq::essence(rrq))
    }

    pub(in crate::proxy) fn confirm_again(
        &mut self,
        id: EntryId,
        asked: &Asked<'_>,
        rrq: &RegistrationRequest,
        out: &mut Vec<Output>,
    ) {
        self.heard(id);
        let ras = rrq::ras_address(rrq, asked.from);
        self.entries.met(id, asked.from, asked.to, ras);
        let Some(entry) = self.entries.get(id) else {
            return;
        };
        let kept = entry.rcf.as_deref().map(rasline_h225::decode_ras);
        let mut message = if let Some(Ok(message)) = kept {
            message
        } else {
            let Some(mut rcf) = self.own_rcf(entry, asked.seq, rrq) else {
                return;
            };
            rcf.terminal_alias.clone_from(&rrq.terminal_alias);
            RasMessage::RegistrationConfirm(rcf)
        };
        message.set_request_seq_num(asked.seq);
        self.stats.full += 1;
        if let Ok(octets) = encode_ras(&message) {
            asked.send(octets, out);
        }
    }

    fn newcomer(&mut self, asked: &Asked<'_>, rrq: &RegistrationRequest) -> EntryId {
        let id = self.entries.fresh();
        let entry = Entry {
            identifier: self.identifier(),
            signalling: Some(rrq::signalling(rrq, asked.from)),
            endpoint: asked.from,
            seen_as: asked.to,
            ras: rrq::ras_address(rrq, asked.from),
            aliases: rrq::aliases(rrq.terminal_alias.as_deref()),
            full: Box::default(),
            wanted: None,
            adding: None,
            rcf: None,
            lightweight: None,
            confirmed: false,
            time_to_live: 0,
            last_seen: self.now,
            life: Life::Held,
            stored: self.now,
            published: None,
            other: None,
            waits: std::collections::BTreeSet::new(),
            moving: false,
            up: Up::default(),
        };
        self.entries.insert(id, entry);
        id
    }

    /// An endpointIdentifier that was never given.
    fn identifier(&mut self) -> String {
        loop {
            self.made += 1;
            let (made, seed) = (self.made, self.settings.seed);
            let whole = format!("{made:04x}{seed:016x}_{}", from_bmp(&self.own_identifier));
            let mut length = 0;
            let fits = |c: &char| {
                length += c.len_utf16();
                length <= octets::EID / 2
            };
            let identifier: String = whole.chars().take_while(fits).collect();
            if to_bmp(&identifier).is_ok() && self.entries.by_identifier(&identifier).is_none() {
                return identifier;
            }
        }
    }

    /// Sends it on, when it is its turn.
    pub(in crate::proxy) fn forward(
        &mut self,
        id: EntryId,
        asked: &Asked<'_>,
        (octets, adding): (Box<[u8]>, Option<Box<[u8]>>),
        out: &mut Vec<Output>,
    ) {
        if self.wait(asked.wait(Some(id), self.now)).is_none() {
            return self.not_registered(id, out);
        }
        let ras = self.entries.get(id).map_or(asked.from, |entry| entry.ras);
        self.entries.met(id, asked.from, asked.to, ras);
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        if entry.wanted.as_deref() == Some(&octets) {
            // The endpoint counts requestSeqNum up when it repeats itself.
            return;
        }
        (entry.wanted, entry.adding) = (Some(octets), adding);
        // One that is under way says something else: what comes back for it does not count.
        if let Some(seq) = entry.up.flight.take() {
            self.land(seq);
        }
        self.stand(id, UpstreamState::Queued);
        self.enqueue(id, Lane::Wanted);
    }
}
