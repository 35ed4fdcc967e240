//! Learning from the RAS messages that the kernel hands over (H.225.0 7.9, 7.9.1).
//!
//! An RRQ waits in [`pending`](crate::pending) until its RCF comes. A full pair makes a registration known; two equal
//! lightweight pairs with different requestSeqNum make it ready for the kernel.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::decode_ras;
use rasline_h225::view::{Alternate, Summary, summarise};

use crate::octets::{self, masked};
use crate::pending::{Asked, Inserted, Request, Source};
use crate::phase::Stimulus;
use crate::registry::{Pair, Place};
use crate::{Cause, Core, Event, EventKind, Message, Output, Reason, RegistrationId, Time, Why};

/// A published keep-alive that comes as unknown this long after it was published was missed by the kernel.
const MISSED_AFTER: Duration = Duration::from_secs(1);
/// Alias names and addresses kept of one registration.
const KEPT: usize = 16;
/// `EventKind::TableFull` at most this often.
const TABLE_FULL_EVERY: Duration = Duration::from_mins(1);

/// An RCF.
pub(crate) struct Confirm<'a> {
    pub(crate) raw: &'a [u8],
    pub(crate) seq: u16,
    pub(crate) endpoint_identifier: String,
    pub(crate) gatekeeper_identifier: Option<String>,
    pub(crate) aliases: Vec<String>,
    pub(crate) time_to_live: Option<u32>,
    pub(crate) secured: bool,
}

impl Core {
    pub(crate) fn message(&mut self, now: Time, message: &Message<'_>, out: &mut Vec<Output>) {
        let endpoint = SocketAddr::new(
            message.endpoint.ip().to_canonical(),
            message.endpoint.port(),
        );
        let message = &Message {
            endpoint,
            ..*message
        };
        self.stats.messages += 1;
        let summary = decode_ras(message.payload)
            .ok()
            .map(|decoded| summarise(&decoded));
        if message.reason == Reason::Diverted {
            self.send_on(message, summary.as_ref(), out);
        }
        if !self.is_configured(message.zone, message.gatekeeper) {
            self.stats.foreign += 1;
            return;
        }
        let Some(summary) = summary else {
            self.stats.undecodable += 1;
            return;
        };
        if message.reason.from_endpoint() {
            self.request(now, message, summary);
        } else {
            self.answer(now, message, summary, out);
        }
    }

    fn is_configured(&self, zone: u32, gatekeeper: u32) -> bool {
        self.zone(zone)
            .is_some_and(|zone| zone.gatekeepers.iter().any(|g| g.index == gatekeeper))
    }

    /// A diverted message goes to the endpoint whatever it is; an RCF with the timeToLive that its zone gives.
    fn send_on(&mut self, message: &Message<'_>, summary: Option<&Summary>, out: &mut Vec<Output>) {
        let endpoint_ttl = self.zone(message.zone).and_then(|zone| zone.endpoint_ttl);
        let patched = match summary {
            Some(Summary::Rcf {
                time_to_live,
                secured: false,
                ..
            }) => octets::patched(message.payload, *time_to_live, endpoint_ttl),
            _ => None,
        };
        self.stats.sent += 1;
        if patched.is_some() {
            self.stats.patched += 1;
        } else {
            self.stats.unpatched += 1;
        }
        out.push(Output::Send {
            gatekeeper: message.gatekeeper,
            endpoint: message.endpoint,
            payload: patched.unwrap_or_else(|| message.payload.to_vec()),
        });
    }

    /// A message of an endpoint.
    fn request(&mut self, now: Time, message: &Message<'_>, summary: Summary) {
        let (seq, endpoint_identifier, secured, asked) = match summary {
            Summary::Rrq {
                seq,
                keep_alive: true,
                endpoint_identifier,
                secured,
                ..
            } => (
                seq,
                endpoint_identifier,
                secured,
                Asked::KeepAlive(masked(message.payload)),
            ),
            Summary::Rrq {
                seq,
                endpoint_identifier,
                mut aliases,
                mut call_signal_addresses,
                secured,
                ..
            } => {
                aliases.truncate(KEPT);
                call_signal_addresses.truncate(KEPT);
                (
                    seq,
                    endpoint_identifier,
                    secured,
                    Asked::Register {
                        aliases,
                        call_signal_addresses,
                    },
                )
            }
            Summary::Urq {
                seq,
                endpoint_identifier,
                ..
            } => (seq, endpoint_identifier, false, Asked::Unregister),
            _ => return,
        };
        let source = (message.gatekeeper, message.endpoint);
        let request = Request {
            zone: message.zone,
            source,
            seq,
            endpoint_identifier,
            secured,
            asked,
        };
        if !matches!(request.asked, Asked::Unregister) {
            self.seen(now, &request);
        }
        match self.pendings.insert(now, self.config.max_pending, request) {
            Inserted::New => {}
            Inserted::Repeated => self.stats.repeated += 1,
            Inserted::Evicted => self.stats.pending_evicted += 1,
            Inserted::EvictedSource => self.stats.pending_evicted_source += 1,
        }
    }

    fn seen(&mut self, now: Time, request: &Request) {
        let Some(endpoint_identifier) = request.endpoint_identifier.clone() else {
            return;
        };
        let (gatekeeper, endpoint) = request.source;
        let place = Place {
            zone: request.zone,
            gatekeeper,
            endpoint,
            endpoint_identifier,
        };
        if let Some(id) = self.registry.find(&place)
            && let Some(record) = self.registry.get_mut(id)
        {
            record.shown.last_seen = now;
        }
    }

    /// A message of a gatekeeper.
    fn answer(
        &mut self,
        now: Time,
        message: &Message<'_>,
        summary: Summary,
        out: &mut Vec<Output>,
    ) {
        match summary {
            Summary::Rcf {
                seq,
                endpoint_identifier,
                gatekeeper_identifier,
                aliases,
                time_to_live,
                alternates,
                secured,
            } => {
                let list = (!alternates.is_empty()).then_some(alternates);
                self.introduced(now, message, gatekeeper_identifier.as_ref(), list, out);
                let confirm = Confirm {
                    raw: message.payload,
                    seq,
                    endpoint_identifier,
                    gatekeeper_identifier,
                    aliases,
                    time_to_live,
                    secured,
                };
                self.confirm(now, message, confirm, out);
            }
            Summary::Gcf {
                gatekeeper_identifier,
                alternates,
                ..
            } => {
                self.introduced(
                    now,
                    message,
                    gatekeeper_identifier.as_ref(),
                    Some(alternates),
                    out,
                );
            }
            Summary::Rrj { seq, reason } => self.rejected(now, message, seq, reason, out),
            Summary::Urq {
                endpoint_identifier,
                reason,
                ..
            } => {
                let cause = Cause::UnregisteredByGatekeeper {
                    reason: reason.map(str::to_owned),
                };
                self.unregistered(now, message, &[endpoint_identifier], &cause, out);
            }
            Summary::Ucf { seq } => self.unregistration_confirmed(now, message, seq, out),
            _ => {}
        }
    }

    /// What the gatekeeper says about itself.
    fn introduced(
        &mut self,
        now: Time,
        message: &Message<'_>,
        gatekeeper_identifier: Option<&String>,
        alternates: Option<Vec<Alternate>>,
        out: &mut Vec<Output>,
    ) {
        let info = self.gatekeepers.entry(message.gatekeeper).or_default();
        if info.gatekeeper_identifier.as_ref() != gatekeeper_identifier
            && gatekeeper_identifier.is_some()
        {
            info.gatekeeper_identifier = gatekeeper_identifier.cloned();
        }
        let Some(alternates) = alternates else { return };
        info.alternates_at = Some(now);
        if info.alternates == alternates {
            return;
        }
        let addresses = alternates
            .iter()
            .map(|alternate| alternate.address)
            .collect();
        info.alternates = alternates;
        out.push(Output::Event(Event {
            time: now,
            zone: message.zone,
            gatekeeper: message.gatekeeper,
            registration: None,
            kind: EventKind::Alternates { addresses },
        }));
    }

    /// An RCF: belongs to a request that waits, or to a keep-alive that the kernel let through.
    fn confirm(
        &mut self,
        now: Time,
        message: &Message<'_>,
        confirm: Confirm<'_>,
        out: &mut Vec<Output>,
    ) {
        let source: Source = (message.gatekeeper, message.endpoint);
        let place = Place {
            zone: message.zone,
            gatekeeper: message.gatekeeper,
            endpoint: message.endpoint,
            endpoint_identifier: confirm.endpoint_identifier.clone(),
        };
        let request = self
            .pendings
            .confirmed(source, confirm.seq, &confirm.endpoint_identifier);
        let Some((asked_at, request)) = request else {
            self.confirm_known(now, message.reason, &place, &confirm, out);
            return;
        };
        self.stats.paired += 1;
        let Some(id) = self.known_or_new(now, place, out) else {
            return;
        };
        self.note_confirm(now, id, &confirm);
        match request.asked {
            Asked::Register {
                aliases,
                call_signal_addresses,
            } => {
                let secured = request.secured || confirm.secured;
                self.registered(now, id, aliases, call_signal_addresses, secured, out);
            }
            Asked::KeepAlive(rrq) => {
                let pair = Pair {
                    seq: confirm.seq,
                    rrq,
                    rcf: masked(confirm.raw),
                };
                self.one_keep_alive_one_registration(now, id, &pair.rrq, out);
                let secured = request.secured || confirm.secured;
                self.pair(
                    now,
                    asked_at,
                    id,
                    pair,
                    (secured, confirm.time_to_live),
                    out,
                );
            }
            Asked::Unregister => {}
        }
    }

    /// What every RCF tells.
    fn note_confirm(&mut self, now: Time, id: RegistrationId, confirm: &Confirm<'_>) {
        let Some(record) = self.registry.get_mut(id) else {
            return;
        };
        let shown = &mut record.shown;
        shown.last_seen = now;
        shown.confirmed = now;
        shown
            .gatekeeper_identifier
            .clone_from(&confirm.gatekeeper_identifier);
        if !confirm.aliases.is_empty() {
            shown.aliases.clone_from(&confirm.aliases);
            shown.aliases.truncate(KEPT);
        }
        if !shown.state.is_published() {
            shown.gatekeeper_ttl = confirm
                .time_to_live
                .map(|ttl| Duration::from_secs(ttl.into()));
        }
    }

    /// The registration at this place: the known one, the one that moved here, or a new one if there is room.
    fn known_or_new(
        &mut self,
        now: Time,
        place: Place,
        out: &mut Vec<Output>,
    ) -> Option<RegistrationId> {
        if let Some(id) = self.registry.find(&place) {
            return Some(id);
        }
        if let Some(id) = self.registry.find_elsewhere(&place) {
            self.step(now, id, Stimulus::Forget, Cause::Moved, out);
            self.registry.move_to(id, place);
            return Some(id);
        }
        if self.registry.len() >= self.config.max_registrations {
            self.table_full(now, &place, out);
            return None;
        }
        let kind = EventKind::Registered {
            endpoint: place.endpoint,
            endpoint_identifier: place.endpoint_identifier.clone(),
        };
        let id = self.registry.add(now, place);
        out.extend(self.event_about(now, id, kind));
        Some(id)
    }

    fn table_full(&mut self, now: Time, place: &Place, out: &mut Vec<Output>) {
        self.stats.refused += 1;
        if self
            .table_full_told
            .is_some_and(|told| now.since(told) < TABLE_FULL_EVERY)
        {
            return;
        }
        self.table_full_told = Some(now);
        out.push(Output::Event(Event {
            time: now,
            zone: place.zone,
            gatekeeper: place.gatekeeper,
            registration: None,
            kind: EventKind::TableFull {
                refused: self.stats.refused,
            },
        }));
    }

    /// A full registration was confirmed.
    fn registered(
        &mut self,
        now: Time,
        id: RegistrationId,
        aliases: Vec<String>,
        call_signal_addresses: Vec<SocketAddr>,
        secured: bool,
        out: &mut Vec<Output>,
    ) {
        self.replace_earlier(now, id, &aliases, &call_signal_addresses, out);
        let Some(record) = self.registry.get_mut(id) else {
            return;
        };
        let shown = &mut record.shown;
        if !aliases.is_empty() {
            shown.aliases = aliases;
        }
        shown.call_signal_addresses = call_signal_addresses;
        let was_secured = std::mem::replace(&mut shown.secured, secured);
        if secured {
            self.step(
                now,
                id,
                Stimulus::Unfit(Why::Secured),
                Cause::NotAnswerable,
                out,
            );
        } else if was_secured {
            self.step(now, id, Stimulus::Anew, Cause::Replaced, out);
        }
    }

    /// An earlier registration of the same endpoint is no more: same address and port, same call signalling address
    /// (or same alias names, if none is given).
    fn replace_earlier(
        &mut self,
        now: Time,
        id: RegistrationId,
        aliases: &[String],
        call_signal_addresses: &[SocketAddr],
        out: &mut Vec<Output>,
    ) {
        let Some(shown) = self.registry.get(id).map(|record| &record.shown) else {
            return;
        };
        let here = self.registry.at(shown.zone, shown.endpoint).iter().copied();
        let earlier: Vec<_> = here
            .filter(|other| {
                *other != id
                    && self.registry.get(*other).is_some_and(|record| {
                        let other = &record.shown;
                        if call_signal_addresses.is_empty()
                            || other.call_signal_addresses.is_empty()
                        {
                            !aliases.is_empty() && other.aliases == aliases
                        } else {
                            other
                                .call_signal_addresses
                                .iter()
                                .any(|a| call_signal_addresses.contains(a))
                        }
                    })
            })
            .collect();
        for other in earlier {
            self.remove(now, other, Cause::Replaced, out);
        }
    }

    /// One keep-alive cannot stand for two registrations: what it stood for before is no more.
    fn one_keep_alive_one_registration(
        &mut self,
        now: Time,
        id: RegistrationId,
        rrq: &[u8],
        out: &mut Vec<Output>,
    ) {
        let Some(shown) = self.registry.get(id).map(|record| &record.shown) else {
            return;
        };
        let here = self.registry.at(shown.zone, shown.endpoint).iter().copied();
        let same = |record: &crate::registry::Record| {
            record.pair.as_ref().is_some_and(|pair| *pair.rrq == *rrq)
        };
        let earlier: Vec<_> = here
            .filter(|other| *other != id && self.registry.get(*other).is_some_and(same))
            .collect();
        for other in earlier {
            self.remove(now, other, Cause::Replaced, out);
        }
    }

    /// A keep-alive and its RCF.
    fn pair(
        &mut self,
        now: Time,
        asked_at: Time,
        id: RegistrationId,
        pair: Pair,
        (secured, time_to_live): (bool, Option<u32>),
        out: &mut Vec<Output>,
    ) {
        let Some(record) = self.registry.get_mut(id) else {
            return;
        };
        record.shown.secured |= secured;
        if let Some(why) = unfit(&pair, record.shown.secured, time_to_live) {
            self.step(now, id, Stimulus::Unfit(why), Cause::NotAnswerable, out);
            return;
        }
        let mut cause = Cause::KeepAliveChanged;
        let stimulus = match &record.pair {
            Some(kept) if kept.rrq == pair.rrq && kept.rcf == pair.rcf => {
                let missed = asked_at >= record.published_at.after(MISSED_AFTER);
                match (kept.seq == pair.seq, missed) {
                    (true, _) => Stimulus::Repeat,
                    (false, true) => Stimulus::Missed,
                    (false, false) => Stimulus::Second,
                }
            }
            kept => {
                if kept.as_ref().is_some_and(|kept| kept.rrq == pair.rrq) {
                    cause = Cause::ConfirmChanged;
                }
                Stimulus::First
            }
        };
        if stimulus == Stimulus::Repeat {
            self.stats.repeated += 1;
        }
        record.shown.settling = stimulus == Stimulus::First && record.pair.is_some();
        record.shown.gatekeeper_ttl = time_to_live.map(|ttl| Duration::from_secs(ttl.into()));
        record.pair = Some(pair);
        self.step(now, id, stimulus, cause, out);
    }

    /// An RCF that no request waits for: to a published keep-alive that the kernel let through, or to an RRQ that the
    /// kernel did not hand over.
    fn confirm_known(
        &mut self,
        now: Time,
        reason: Reason,
        place: &Place,
        confirm: &Confirm<'_>,
        out: &mut Vec<Output>,
    ) {
        let id = self.registry.find(place);
        let record = id.and_then(|id| self.registry.get(id));
        let (Some(id), Some(record)) = (id, record) else {
            self.stats.unpaired += 1;
            return;
        };
        let Some(pair) = record
            .pair
            .as_ref()
            .filter(|_| record.shown.state.is_published())
        else {
            self.stats.unpaired += 1;
            return;
        };
        let rcf = masked(confirm.raw);
        match reason {
            _ if pair.rcf == rcf => self.note_confirm(now, id, confirm),
            Reason::ChangedRcf => {
                let pair = Pair {
                    seq: confirm.seq,
                    rrq: pair.rrq.clone(),
                    rcf,
                };
                self.confirm_changed(now, id, pair, confirm, out);
            }
            // It may be the changed RCF to the keep-alive or one to a full RRQ: learn again what holds.
            Reason::Diverted => self.step(now, id, Stimulus::Forget, Cause::ConfirmChanged, out),
            _ => self.stats.unpaired += 1,
        }
    }

    fn confirm_changed(
        &mut self,
        now: Time,
        id: RegistrationId,
        pair: Pair,
        confirm: &Confirm<'_>,
        out: &mut Vec<Output>,
    ) {
        let Some(record) = self.registry.get_mut(id) else {
            return;
        };
        record.shown.secured |= confirm.secured;
        let stimulus = match unfit(&pair, record.shown.secured, confirm.time_to_live) {
            Some(why) => Stimulus::Unfit(why),
            None => Stimulus::Changed,
        };
        record.shown.settling = true;
        record.pair = Some(pair);
        self.step(now, id, stimulus, Cause::ConfirmChanged, out);
        self.note_confirm(now, id, confirm);
    }
}

/// Why the kernel cannot answer this pair, whatever comes.
fn unfit(pair: &Pair, secured: bool, time_to_live: Option<u32>) -> Option<Why> {
    if secured {
        Some(Why::Secured)
    } else if time_to_live.is_none() {
        Some(Why::NoTimeToLive)
    } else if pair.rrq.len() > *octets::RRQ.end() {
        Some(Why::RrqTooLong)
    } else if pair.rcf.len() > *octets::RCF.end() {
        Some(Why::RcfTooLong)
    } else if pair.rrq.len() < *octets::RRQ.start() || pair.rcf.len() < *octets::RCF.start() {
        Some(Why::TooShort)
    } else {
        None
    }
}
