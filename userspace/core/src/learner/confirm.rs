//! RCFs (H.225.0 7.9.2): which request one confirms, and whether the kernel can give it from now on.

use std::time::Duration;

use super::pending::Asked;
use super::phase::Stimulus;
use super::registry::{Pair, Place};
use super::{Learner, Message, NotAnsweredReason, Output, Reason};
use crate::octets::{self, masked};
use crate::{Cause, Event, EventKind, GatekeeperIndex, RegistrationId, Time, ZoneIndex};

/// A published keep-alive that comes as unknown this long after it was published was missed by the kernel.
const MISSED_AFTER: Duration = Duration::from_secs(1);
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

impl Learner {
    /// An RCF: belongs to a request that waits, or to a keep-alive that the kernel let through.
    pub(crate) fn confirm(
        &mut self,
        now: Time,
        message: &Message<'_>,
        confirm: &Confirm<'_>,
        out: &mut Vec<Output>,
    ) {
        let source = (message.gatekeeper, message.endpoint);
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
            self.confirm_known(now, message.reason, &place, confirm, out);
            return;
        };
        self.stats.paired += 1;
        let in_full = matches!(request.asked, Asked::Register { .. });
        let Some(id) = self.find_or_add(now, place, in_full, out) else {
            return;
        };
        self.registrations.note_confirm(now, id, confirm);
        self.note_given(id);
        self.registrations.note_heard(now, id, asked_at);
        match request.asked {
            Asked::Register {
                rrq,
                aliases,
                call_signal_addresses,
            } => {
                let secured = request.secured || confirm.secured;
                if let Some(record) = self.registrations.registry.get_mut(id) {
                    record.full_rrq = rrq;
                }
                self.registrations.handle_registered(
                    now,
                    id,
                    aliases,
                    call_signal_addresses,
                    secured,
                    out,
                );
            }
            Asked::KeepAlive(rrq) => {
                let pair = Pair {
                    seq: confirm.seq,
                    rrq,
                    rcf: masked(confirm.raw),
                };
                self.registrations
                    .replace_same_keep_alive(now, id, &pair.rrq, out);
                let secured = request.secured || confirm.secured;
                self.handle_pair(
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

    /// What timeToLive the endpoint of a registration that is not published got with the RCF at hand.
    fn note_given(&mut self, id: RegistrationId) {
        let given = self.given;
        if let Some(record) = self.registrations.registry.get_mut(id)
            && !record.shown.state.is_published()
        {
            record.shown.endpoint_ttl =
                given.map(|ttl| Duration::from_secs(octets::seconds(ttl).into()));
        }
    }

    /// The registration at this place: the known one, the one that moved here, or a new one if there is room. A
    /// keep-alive from another address moves nothing while the registration is alive at its own: a gatekeeper that
    /// looks at the endpointIdentifier only would confirm it to anybody.
    fn find_or_add(
        &mut self,
        now: Time,
        place: Place,
        in_full: bool,
        out: &mut Vec<Output>,
    ) -> Option<RegistrationId> {
        if let Some(id) = self.registrations.registry.find(&place) {
            return Some(id);
        }
        if let Some(id) = self.registrations.registry.find_elsewhere(&place) {
            if !in_full && self.registrations.is_alive_elsewhere(now, id, &place) {
                self.stats.elsewhere += 1;
                return None;
            }
            self.registrations
                .step(now, id, Stimulus::Forget, Cause::Moved, out);
            self.registrations.registry.move_to(id, place);
            return Some(id);
        }
        if self.registrations.registry.len() >= self.registrations.config.max_registrations {
            self.tell_table_full(now, &place, out);
            return None;
        }
        let kind = EventKind::Registered {
            endpoint: place.endpoint,
            endpoint_identifier: place.endpoint_identifier.clone(),
        };
        let id = self.registrations.registry.add(now, place);
        out.extend(self.registrations.event_about(now, id, kind));
        Some(id)
    }

    fn tell_table_full(&mut self, now: Time, place: &Place, out: &mut Vec<Output>) {
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
            zone: ZoneIndex(place.zone),
            gatekeeper: Some(GatekeeperIndex(place.gatekeeper)),
            registration: None,
            kind: EventKind::TableFull {
                refused: self.stats.refused,
            },
        }));
    }

    /// A keep-alive and its RCF.
    fn handle_pair(
        &mut self,
        now: Time,
        asked_at: Time,
        id: RegistrationId,
        pair: Pair,
        (secured, time_to_live): (bool, Option<u32>),
        out: &mut Vec<Output>,
    ) {
        let Some(record) = self.registrations.registry.get_mut(id) else {
            return;
        };
        record.shown.secured |= secured;
        if let Some(why) = unfit(&pair, record.shown.secured, time_to_live) {
            self.registrations
                .step(now, id, Stimulus::Unfit(why), Cause::NotAnswerable, out);
            return;
        }
        let mut cause = Cause::KeepAliveChanged;
        let stimulus = match &record.pair {
            Some(kept) if kept.rrq == pair.rrq && kept.rcf == pair.rcf => {
                let missed = asked_at >= record.published_at.after(MISSED_AFTER);
                match (kept.seq == pair.seq, missed) {
                    (true, _) => Stimulus::Repeat,
                    (false, true) => Stimulus::MissedByKernel,
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
        self.registrations.step(now, id, stimulus, cause, out);
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
        let id = self.registrations.registry.find(place);
        let record = id.and_then(|id| self.registrations.registry.get(id));
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
            _ if pair.rcf == rcf => self.registrations.note_confirm(now, id, confirm),
            Reason::ChangedRcf => {
                let pair = Pair {
                    seq: confirm.seq,
                    rrq: pair.rrq.clone(),
                    rcf,
                };
                self.confirm_changed(now, id, pair, confirm, out);
            }
            // It may be the changed RCF to the keep-alive or one to a full RRQ: learn again what holds.
            Reason::Diverted => {
                let registrations = &mut self.registrations;
                registrations.step(now, id, Stimulus::Forget, Cause::ConfirmChanged, out);
            }
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
        let Some(record) = self.registrations.registry.get_mut(id) else {
            return;
        };
        record.shown.secured |= confirm.secured;
        let stimulus = match unfit(&pair, record.shown.secured, confirm.time_to_live) {
            Some(why) => Stimulus::Unfit(why),
            None => Stimulus::Changed,
        };
        record.shown.settling = true;
        record.pair = Some(pair);
        self.registrations
            .step(now, id, stimulus, Cause::ConfirmChanged, out);
        self.registrations.note_confirm(now, id, confirm);
    }
}

/// Why the kernel cannot answer this pair, whatever comes.
pub(crate) fn unfit(
    pair: &Pair,
    secured: bool,
    time_to_live: Option<u32>,
) -> Option<NotAnsweredReason> {
    if secured {
        Some(NotAnsweredReason::Secured)
    } else if time_to_live.is_none() {
        Some(NotAnsweredReason::NoTimeToLive)
    } else if pair.rrq.len() > *octets::RRQ.end() {
        Some(NotAnsweredReason::RrqTooLong)
    } else if pair.rcf.len() > *octets::RCF.end() {
        Some(NotAnsweredReason::RcfTooLong)
    } else if pair.rrq.len() < *octets::RRQ.start() || pair.rcf.len() < *octets::RCF.start() {
        Some(NotAnsweredReason::TooShort)
    } else {
        None
    }
}
