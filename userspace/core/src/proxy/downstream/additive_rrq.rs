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

use rasline_h225::encode_ras;
use rasline_h225::types::{List, RasMessage, RegistrationRequest};

use crate::proxy::endpoints::Endpoint;
use crate::proxy::rrq;

/// What becomes of an endpoint by an additive RRQ.
pub(in crate::proxy) enum Addition {
    /// One of its RRQs cannot be read, or the whole is too long.
    Impossible,
    /// It has all that already.
    Nothing,
    Wanted {
        /// The full RRQ that says what it is then.
        whole: Box<[u8]>,
        /// What is added to what the gatekeeper has confirmed.
        added: Option<Box<[u8]>>,
    },
}

/// Adds what this RRQ says to an endpoint; `refused`: its gatekeeper does not have it.
pub(in crate::proxy) fn add_to(
    endpoint: &Endpoint,
    refused: bool,
    rrq: &RegistrationRequest,
    payload: &[u8],
) -> Addition {
    let newest = endpoint.newest_rrq();
    let (Some(before), Some(whole)) = (rrq::parse(newest), merge(newest, rrq)) else {
        return Addition::Impossible;
    };
    let settled = endpoint.wanted.is_none() && !refused;
    let nothing =
        rrq::digest_content(&before) == rrq::parse(&whole).as_ref().and_then(rrq::digest_content);
    if nothing && settled && !rrq::is_secured(rrq) {
        return Addition::Nothing;
    }
    let added = match &endpoint.adding {
        Some(_) if nothing => endpoint.adding.clone(),
        Some(before) => merge(before, rrq),
        None => Some(rrq::mask_number(payload)),
    };
    if whole.len() > rrq::LONGEST || added.as_ref().is_none_or(|one| one.len() > rrq::LONGEST) {
        return Addition::Impossible;
    }
    Addition::Wanted { whole, added }
}

/// Merges what an additive RRQ adds into a full one, requestSeqNum zeroed. Its tokens are the newer ones.
fn merge(full: &[u8], adding: &RegistrationRequest) -> Option<Box<[u8]>> {
    let mut whole = rrq::parse(full)?;
    let adding = adding.clone();
    append_missing(&mut whole.terminal_alias, adding.terminal_alias);
    append_missing(
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
        append_missing(&mut gateway.protocol, more.protocol);
    }
    if adding.tokens.is_some() || adding.crypto_tokens.is_some() {
        (whole.tokens, whole.crypto_tokens) = (adding.tokens, adding.crypto_tokens);
        whole.integrity_check_value = adding.integrity_check_value;
    }
    let octets = encode_ras(&RasMessage::RegistrationRequest(whole)).ok()?;
    Some(rrq::mask_number(&octets))
}

/// Appends those that are not there yet.
fn append_missing<T: PartialEq>(to: &mut Option<List<T>>, more: Option<List<T>>) {
    for one in more.into_iter().flatten() {
        let there = to.get_or_insert_default();
        if !there.contains(&one) {
            there.push(one);
        }
    }
}
