//! RRQs that add aliases to a registration (additiveRegistration).
//!
//! What an endpoint then is, is one full RRQ again: the one before with what was added, and this is what is kept, stored
//! and said to the next gatekeeper. The gatekeeper that serves gets the additive RRQ if it takes such, else the whole:
//!
//! | the endpoint | the gatekeeper | goes upstream | rejected |
//! |---|---|---|---|
//! | registered there | takes additive RRQs | the additive RRQ | as before the endpoint asked |
//! | | says additiveRegistrationNotSupported then | the whole | as before |
//! | | does not | the whole | as before |
//! | not (yet) registered there | | the whole | as before |
//!
//! As `aggregate`, the gateway's RRQ says what its endpoints are as a whole. An additive RRQ that comes while a full one is
//! under way is not answered: it counts on what is not so yet. The endpoint sends it again.

use std::net::SocketAddr;

use rasline_h225::text::{from_alias, from_bmp, from_transport};
use rasline_h225::types::{
    AliasAddress, List, RasMessage, RegistrationReject, RegistrationRejectReason as Rrj,
    RegistrationRequest,
};
use rasline_h225::{RasKind, encode_ras};

use crate::claimed::may_claim;
use crate::proxy::downstream::dispatch::Asked;
use crate::proxy::downstream::refuse::Why;
use crate::proxy::entries::Entry;
use crate::proxy::machine::Proxy;
use crate::proxy::{EntryId, Output, UpstreamState, rrq};

impl Proxy {
    pub(in crate::proxy) fn additive(
        &mut self,
        asked: &Asked<'_>,
        rrq: &RegistrationRequest,
        out: &mut Vec<Output>,
    ) {
        let named = rrq.endpoint_identifier.as_ref().map(from_bmp);
        let Some(id) = named.and_then(|named| self.whose(&named, asked.from)) else {
            return self.rrj(asked, Rrj::FullRegistrationRequired, out);
        };
        let taken = self.others_have(id, rrq);
        if !taken.is_empty() {
            return self.rrj(asked, Rrj::DuplicateAlias(taken.into()), out);
        }
        let mut addresses = rrq.call_signal_address.iter().filter_map(from_transport);
        let owner = |address| self.entries.by_signalling(address);
        let may = |address: &SocketAddr| {
            self.settings.reserved.allows(address)
                && may_claim(asked.from.ip(), address, self.entries.hosts())
        };
        if addresses.any(|address| !may(&address) || owner(address).is_some_and(|o| o != id)) {
            return self.rrj(asked, Rrj::InvalidCallSignalAddress, out);
        }
        let Some(entry) = self.entries.get(id) else {
            return;
        };
        if entry.wanted.is_some() && entry.adding.is_none() {
            self.stats.ignored += 1;
            return;
        }
        let (Some(before), Some(whole)) = (rrq::parse(entry.wanted()), with(entry.wanted(), rrq))
        else {
            return self.turn_down(asked, Why::Unavailable, out);
        };
        let settled = entry.wanted.is_none() && entry.up.standing != UpstreamState::Refused;
        let nothing = rrq::essence(&before) == rrq::parse(&whole).as_ref().and_then(rrq::essence);
        if nothing && settled && !rrq::is_secured(rrq) {
            return self.confirm_again(id, asked, rrq, out);
        }
        let added = match &entry.adding {
            Some(_) if nothing => entry.adding.clone(),
            Some(before) => with(before, rrq),
            None => Some(rrq::masked(asked.payload)),
        };
        if whole.len() > rrq::LONGEST || added.as_ref().is_none_or(|one| one.len() > rrq::LONGEST) {
            return self.turn_down(asked, Why::Unavailable, out);
        }
        self.forward(id, asked, (whole, added), out);
    }

    /// Aliases in it that other endpoints have.
    fn others_have(&self, id: EntryId, rrq: &RegistrationRequest) -> Vec<AliasAddress> {
        let others = |alias: &&AliasAddress| {
            let owner = from_alias(alias).and_then(|text| self.entries.by_alias(&text));
            owner.is_some_and(|owner| owner != id)
        };
        let all = rrq.terminal_alias.iter().flatten();
        all.filter(others).cloned().collect()
    }

    /// The RRQ of this endpoint that says what the gatekeeper has not heard.
    pub(in crate::proxy) fn to_say<'a>(&self, entry: &'a Entry, here: bool) -> &'a [u8] {
        let adds = here && entry.up.additive && !entry.up.is_over(self.now);
        entry
            .adding
            .as_deref()
            .filter(|_| adds)
            .unwrap_or_else(|| entry.wanted())
    }

    /// What it wants to add was rejected: it is told, and stays what it was.
    pub(in crate::proxy) fn not_added(
        &mut self,
        id: EntryId,
        rrj: &RegistrationReject,
        out: &mut Vec<Output>,
    ) {
        if let Some(entry) = self.entries.get_mut(id) {
            (entry.wanted, entry.adding) = (None, None);
            // Some gatekeepers drop what they had when they reject a full RRQ.
            entry.up.doubtful = true;
        }
        for ticket in self.waiting(id, |kind| kind == RasKind::RegistrationRequest) {
            self.stats.rejected += 1;
            self.relay_answer(ticket, RasMessage::RegistrationReject(rrj.clone()), out);
        }
        self.settle(id);
        let settled =
            self.entries.get(id).map(|entry| entry.up.standing) == Some(UpstreamState::Registered);
        if settled {
            self.send_waiting(id, out);
        }
    }
}

/// A full RRQ with what an additive one adds, requestSeqNum zeroed. Its tokens are the newer ones.
fn with(full: &[u8], adding: &RegistrationRequest) -> Option<Box<[u8]>> {
    let mut whole = rrq::parse(full)?;
    let adding = adding.clone();
    add(&mut whole.terminal_alias, adding.terminal_alias);
    add(
        &mut whole.terminal_alias_pattern,
        adding.terminal_alias_pattern,
    );
    for address in adding.call_signal_address {
        if !whole.call_signal_address.contains(&address) {
            whole.call_signal_address.push(address);
        }
    }
    if let (Some(gateway), Some(more)) = (
        &mut whole.terminal_type.gateway,
        adding.terminal_type.gateway,
    ) {
        add(&mut gateway.protocol, more.protocol);
    }
    if adding.tokens.is_some() || adding.crypto_tokens.is_some() {
        (whole.tokens, whole.crypto_tokens) = (adding.tokens, adding.crypto_tokens);
        whole.integrity_check_value = adding.integrity_check_value;
    }
    let octets = encode_ras(&RasMessage::RegistrationRequest(whole)).ok()?;
    Some(rrq::masked(&octets))
}

/// Those that are not there yet.
fn add<T: PartialEq>(to: &mut Option<List<T>>, more: Option<List<T>>) {
    for one in more.into_iter().flatten() {
        let there = to.get_or_insert_default();
        if !there.contains(&one) {
            there.push(one);
        }
    }
}
