//! How calls end.
//!
//! A call that nobody reports for [`QUIET`] is asked for (IRQ to each party, 3 s, once more); when none of them knows of
//! it, or none answers, it is over. A DRQ, or an endpoint that leaves, ends a leg; a call without legs is over.

use std::time::Duration;

use rasline_h225::types::{CallIdentifier, InfoRequestResponse};

use super::calls::{CallId, Calls, Leg, QUIET};
use super::{EntryId, Event, Output};
use crate::Time;
use crate::ras_server::CallKey;

/// How long an IRR is waited for, each time.
const IRQ: Duration = Duration::from_secs(3);
/// When it is tried again to ask, if too many are asked now.
const SOON: Duration = Duration::from_secs(1);
/// Calls of an IRR that are looked at.
const MAX_REPORTED: usize = 256;

/// What becomes of a call that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallDue {
    /// Its parties are to be asked for it, and as often again.
    Ask(u8),
    /// Nobody knows of it.
    Over,
}

/// An IRQ that asks an endpoint for a call.
#[derive(Clone, Debug)]
pub(super) struct Inquiry {
    pub entry: EntryId,
    pub seq: u16,
    pub reference: u16,
    pub identifier: Option<CallIdentifier>,
}

impl Calls {
    /// When a call is to be looked at next.
    pub fn next_due(&self) -> Option<Time> {
        self.timers.next_due()
    }

    /// Takes the first call that is due, and says what becomes of it, if anything does.
    pub fn expire(&mut self, now: Time) -> Option<(CallId, CallDue)> {
        let id = self.timers.pop(now)?;
        let call = self.all.get(&id)?;
        let quiet = call.reported.after(QUIET);
        match call.asking {
            None if quiet > now => {
                self.timers.set(id, quiet);
                None
            }
            None => Some((id, CallDue::Ask(1))),
            Some(left) if left > 0 => Some((id, CallDue::Ask(left - 1))),
            Some(_) => Some((id, CallDue::Over)),
        }
    }

    /// Puts off the question for a call.
    pub fn ask_soon(&mut self, id: CallId, now: Time) {
        self.timers.set(id, now.after(SOON));
    }

    /// Asks all parties for a call. Returns the question to each endpoint. `number` gives requestSeqNums for those who were not asked yet.
    pub fn ask(
        &mut self,
        id: CallId,
        left: u8,
        now: Time,
        mut number: impl FnMut() -> u16,
    ) -> Vec<Inquiry> {
        let Some(call) = self.all.get_mut(&id) else {
            return Vec::new();
        };
        call.asking = Some(left);
        self.timers.set(id, now.after(IRQ));
        let (polls, identifier) = (&mut self.polls, &call.identifier);
        let legs = call.legs.iter_mut().map(|leg| {
            let seq = *leg.polled.get_or_insert_with(&mut number);
            polls.insert(seq, id);
            Inquiry {
                entry: leg.entry,
                seq,
                reference: leg.part.reference,
                identifier: identifier.clone(),
            }
        });
        legs.collect()
    }

    /// An endpoint reported its calls, in answer to the IRQ of this number if there was one. Those that it names go on; the
    /// one that it was asked for and does not name goes on without it.
    pub fn handle_report(
        &mut self,
        entry: EntryId,
        irr: &InfoRequestResponse,
        is_whole: bool,
        now: Time,
        out: &mut Vec<Output>,
    ) {
        for one in irr.per_call_info.iter().flatten().take(MAX_REPORTED) {
            let identifier = one.call_identifier.as_ref();
            let key = CallKey::new(identifier, &one.conference_id[..], one.call_reference_value);
            if let Some(call) = self.find(&key).filter(|id| self.takes_part(entry, *id)) {
                self.report(call, now);
            }
        }
        // A call that was named is not asked for any more, so this finds only one that was not.
        let seq = irr.request_seq_num;
        let asked = self.polls.get(&seq).copied().filter(|_| is_whole);
        let own = |leg: &Leg| leg.entry == entry && leg.polled == Some(seq);
        if let Some(call) = asked
            && let Some(leg) = self
                .get(call)
                .and_then(|call| call.legs.iter().position(own))
        {
            self.leave(call, leg, now, out);
        }
    }

    /// An endpoint takes part no more; the call is over when nobody does.
    pub fn leave(&mut self, id: CallId, leg: usize, now: Time, out: &mut Vec<Output>) {
        let left = self.change(id, |call| {
            let left = (leg < call.legs.len()).then(|| call.legs.remove(leg))?;
            let still = call.legs.iter().any(|leg| leg.entry == left.entry);
            Some((left, still, call.legs.is_empty()))
        });
        let Some(Some((left, still, is_empty))) = left else {
            return;
        };
        self.forget_leg(id, &left, still);
        if is_empty {
            self.end(id, now, out);
        } else {
            self.store(id, out);
        }
    }

    /// A call is over.
    pub fn end(&mut self, id: CallId, now: Time, out: &mut Vec<Output>) {
        let Some(call) = self.remove(id) else {
            return;
        };
        out.push(Output::ForgetCall {
            call: call.key.name(),
        });
        out.push(Output::Event(Event::CallEnded {
            call: call.key.hex(),
            seconds: now.since(call.started).as_secs(),
        }));
    }

    /// An endpoint leaves all its calls: the others go on until they disengage.
    pub fn leave_all(&mut self, entry: EntryId, now: Time, out: &mut Vec<Output>) {
        for call in self.of(entry) {
            while let Some(leg) = self.get(call).and_then(|call| call.leg(entry, None)) {
                self.leave(call, leg, now, out);
            }
        }
    }

    /// An endpoint vanished, and nobody reports its calls: they are over.
    pub fn end_all(&mut self, entry: EntryId, now: Time, out: &mut Vec<Output>) {
        for call in self.of(entry) {
            self.end(call, now, out);
        }
    }
}
