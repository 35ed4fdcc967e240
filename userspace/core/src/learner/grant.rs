//! Which timeToLive the endpoint of the RCF at hand is given: the zone's where the kernel can answer its keep-alives,
//! else the gatekeeper's own.
//!
//! A short timeToLive multiplies the keep-alives. Where nobody but the gatekeeper can answer them, it would get all of
//! them.

use std::time::Duration;

use rasline_h225::decode_ras;
use rasline_h225::view::{Summary, summarise};

use super::pending::{Asked, Request};
use super::registrations::Registrations;
use super::registry::{Pair, Place, Record};
use super::trial::Compared;
use super::{Answer, Message, NotAnsweredReason, State};
use crate::Time;
use crate::octets::{self, masked};

/// What the RCF at hand confirms.
enum Confirmed {
    /// A request with tokens or an integrity check value.
    Secured,
    /// A full RRQ.
    Full,
    /// A keep-alive, requestSeqNum zeroed.
    KeepAlive(Box<[u8]>),
    /// Nothing that was seen.
    Unseen,
}

impl From<Option<&Request>> for Confirmed {
    fn from(request: Option<&Request>) -> Self {
        match request {
            Some(request) if request.secured => Self::Secured,
            Some(request) => match &request.asked {
                Asked::KeepAlive(rrq) => Self::KeepAlive(rrq.clone()),
                Asked::Register { .. } => Self::Full,
                Asked::Unregister => Self::Unseen,
            },
            None => Self::Unseen,
        }
    }
}

/// An RCF that is about to be sent on.
pub(crate) struct GrantingRcf<'a> {
    pub(crate) seq: u16,
    pub(crate) time_to_live: Option<u32>,
    pub(crate) endpoint_identifier: &'a str,
    /// The request that it confirms, if that was seen.
    pub(crate) request: Option<&'a Request>,
}

/// The timeToLive that goes into a diverted RCF, if it is to be the zone's.
pub(crate) fn grant(
    registrations: &mut Registrations,
    now: Time,
    message: &Message<'_>,
    rcf: &GrantingRcf<'_>,
) -> Option<Duration> {
    let zone = registrations.config.zone(message.zone)?;
    let endpoint_ttl = zone.endpoint_ttl?;
    if zone.answer == Answer::Off {
        return None;
    }
    let place = Place {
        zone: message.zone,
        gatekeeper: message.gatekeeper,
        endpoint: message.endpoint,
        endpoint_identifier: rcf.endpoint_identifier.to_owned(),
    };
    let (seq, time_to_live, request) = (rcf.seq, rcf.time_to_live, rcf.request);
    let confirmed = Confirmed::from(request);
    let earlier = match request.map(|request| &request.asked) {
        Some(Asked::Register {
            aliases,
            call_signal_addresses,
            ..
        }) => {
            registrations.find_earlier(place.zone, place.endpoint, aliases, call_signal_addresses)
        }
        _ => Vec::new(),
    };
    let fits = match &confirmed {
        Confirmed::Secured => false,
        Confirmed::KeepAlive(rrq) => {
            rrq.len() <= *octets::RRQ.end() && message.payload.len() <= *octets::RCF.end()
        }
        Confirmed::Full | Confirmed::Unseen => true,
    };
    let granted = if let Some(id) = registrations.registry.find(&place) {
        let record = registrations.registry.get_mut(id)?;
        let was_over = record.trial.is_over();
        try_on(record, seq, &confirmed, message.payload, time_to_live);
        let over = record.trial.is_over();
        let granted = !over && may_be_answered(record, &confirmed);
        if was_over && !over && record.shown.state.is_published() {
            registrations.renewals.insert(id);
        }
        granted
    } else {
        // Registered before, under another endpointIdentifier.
        let mut over = false;
        for id in earlier {
            if let Some(record) = registrations.registry.get_mut(id) {
                try_on(record, seq, &confirmed, message.payload, time_to_live);
                over |= record.trial.is_over();
            }
        }
        !over && may_become_known(registrations, now, &place, &confirmed)
    };
    (granted && fits).then_some(endpoint_ttl)
}

/// Whether an endpoint that is not known at its address becomes known with this RCF.
fn may_become_known(
    registrations: &Registrations,
    now: Time,
    place: &Place,
    confirmed: &Confirmed,
) -> bool {
    match (registrations.registry.find_elsewhere(place), confirmed) {
        (_, Confirmed::Secured | Confirmed::Unseen) => false,
        (Some(id), Confirmed::KeepAlive(_)) => !registrations.is_alive_elsewhere(now, id, place),
        (Some(_), Confirmed::Full) => true,
        (None, _) => registrations.registry.len() < registrations.config.max_registrations,
    }
}

/// Takes what is confirmed into account.
fn try_on(
    record: &mut Record,
    seq: u16,
    confirmed: &Confirmed,
    rcf: &[u8],
    time_to_live: Option<u32>,
) {
    match confirmed {
        Confirmed::Full => {
            record.trial.full(seq);
        }
        Confirmed::KeepAlive(rrq) => {
            let same_ttl =
                record.shown.gatekeeper_ttl.map(|ttl| ttl.as_secs()) == time_to_live.map(u64::from);
            let compared = record
                .pair
                .as_ref()
                .map_or(Compared::First, |kept| compare(kept, rrq, rcf, same_ttl));
            record.trial.keep_alive(seq, compared);
        }
        // What the kernel let through of a published one is not seen.
        Confirmed::Unseen if !record.shown.state.is_published() => record.trial.unseen(seq),
        Confirmed::Secured | Confirmed::Unseen => {}
    }
}

fn compare(kept: &Pair, rrq: &[u8], rcf: &[u8], same_ttl: bool) -> Compared {
    if *kept.rrq == *rrq && kept.rcf == masked(rcf) {
        Compared::Same
    } else if !same_ttl || (*kept.rrq != *rrq && asked_for(&kept.rrq) != asked_for(rrq)) {
        Compared::OtherTimeToLive
    } else {
        Compared::Other
    }
}

/// timeToLive of an RRQ.
fn asked_for(rrq: &[u8]) -> Option<u32> {
    match summarise(&decode_ras(rrq).ok()?) {
        Summary::Rrq { time_to_live, .. } => time_to_live,
        _ => None,
    }
}

/// Whether nothing is known that keeps the kernel from answering it.
const fn may_be_answered(record: &Record, confirmed: &Confirmed) -> bool {
    match (record.shown.state, confirmed) {
        // Registers again, and without tokens this time.
        (State::NotAnswered { .. }, Confirmed::Full) => true,
        (State::NotAnswered { why }, _) => matches!(why, NotAnsweredReason::Unconfirmed),
        (State::Learning { .. } | State::Publishing | State::Answered, _) => !record.shown.secured,
    }
}
