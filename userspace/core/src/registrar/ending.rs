//! How calls end, other than by DRQ of their endpoints.
//!
//! A call that nobody reports for [`QUIET`] is asked for (IRQ to each party, 3 s, once more); when none of them knows of
//! it, or none answers, it is over.

use std::time::Duration;

use rasline_h225::text::{to_bmp, to_transport};
use rasline_h225::types::{DisengageReason, DisengageRequest, InfoRequest, RasMessage};

use super::calls::{Call, CallId, Leg, QUIET};
use super::expiry::POLLS;
use super::machine::Registrar;
use super::own_requests::{DISENGAGE, Wanted};
use super::timers::Timer;
use super::{EntryId, Event, Output};

/// How long an IRR is waited for, each time.
const IRQ: Duration = Duration::from_secs(3);
/// When it is tried again to ask, if too many are asked now.
const SOON: Duration = Duration::from_secs(1);

impl Registrar {
    /// A call was reported.
    pub(super) fn call_reported(&mut self, id: CallId) {
        self.calls.report(id, self.now);
    }

    pub(super) fn call_due(&mut self, id: CallId, out: &mut Vec<Output>) {
        let Some(call) = self.calls.get(id) else {
            return;
        };
        let quiet = call.reported.after(QUIET);
        match call.asking {
            None if quiet > self.now => self.timers.set(Timer::Call(id), quiet),
            None => self.ask_for(id, 1, out),
            Some(left) if left > 0 => self.ask_for(id, left - 1, out),
            Some(_) => self.end_call(id, out),
        }
    }

    fn ask_for(&mut self, id: CallId, left: u8, out: &mut Vec<Output>) {
        let Some(call) = self.calls.get(id).cloned() else {
            return;
        };
        if !self.polls.try_take(self.now, POLLS) {
            self.timers.set(Timer::Call(id), self.now.after(SOON));
            return;
        }
        for (index, leg) in call.legs.iter().enumerate() {
            let seq = leg.polled.unwrap_or_else(|| self.own_requests.next());
            self.calls.poll(id, index, seq);
            self.ask_leg(&call, leg, seq, out);
        }
        self.calls.change(id, |call| call.asking = Some(left));
        self.timers.set(Timer::Call(id), self.now.after(IRQ));
    }

    fn ask_leg(&mut self, call: &Call, leg: &Leg, seq: u16, out: &mut Vec<Output>) {
        let Some(entry) = self.entries.get(leg.entry) else {
            return;
        };
        let mut irq = InfoRequest::new(seq, leg.reference);
        irq.reply_address = Some(to_transport(entry.seen_as));
        irq.call_identifier.clone_from(&call.identifier);
        let (from, to, mode) = (entry.seen_as, entry.ras, entry.mode.clone());
        if let Some(payload) = self.seal(&mut RasMessage::InfoRequest(irq), &mode) {
            out.push(Output::Send { from, to, payload });
        }
    }

    /// An endpoint takes part no more; the call is over when nobody does.
    pub(super) fn leave_call(&mut self, id: CallId, leg: usize, out: &mut Vec<Output>) {
        let left = self.calls.change(id, |call| {
            let left = (leg < call.legs.len()).then(|| call.legs.remove(leg))?;
            let still = call.legs.iter().any(|leg| leg.entry == left.entry);
            Some((left, still, call.legs.is_empty()))
        });
        let Some(Some((left, still, empty))) = left else {
            return;
        };
        self.calls.forget_poll(left.polled);
        if let Some(entry) = self.entries.get_mut(left.entry).filter(|_| !still) {
            entry.calls.remove(&id);
        }
        if empty {
            self.end_call(id, out);
        } else {
            self.store_call(id, out);
        }
    }

    pub(super) fn end_call(&mut self, id: CallId, out: &mut Vec<Output>) {
        let Some(call) = self.calls.remove(id) else {
            return;
        };
        self.timers.clear(Timer::Call(id));
        for leg in &call.legs {
            if let Some(entry) = self.entries.get_mut(leg.entry) {
                entry.calls.remove(&id);
            }
        }
        out.push(Output::ForgetCall {
            call: call.key.name(),
        });
        out.push(Output::Event(Event::CallEnded {
            call: call.key.hex(),
            seconds: self.now.since(call.started).as_secs(),
        }));
    }

    pub(super) fn calls_of(&self, id: EntryId) -> Vec<CallId> {
        let entry = self.entries.get(id);
        entry
            .into_iter()
            .flat_map(|entry| entry.calls.iter().copied())
            .collect()
    }

    /// An endpoint leaves: the others go on until they disengage.
    pub(super) fn leave_calls(&mut self, id: EntryId, out: &mut Vec<Output>) {
        for call in self.calls_of(id) {
            while let Some(leg) = self.calls.get(call).and_then(|call| call.leg(id, None)) {
                self.leave_call(call, leg, out);
            }
        }
    }

    /// An endpoint vanished, and nobody reports its calls.
    pub(super) fn end_calls(&mut self, id: EntryId, out: &mut Vec<Output>) {
        for call in self.calls_of(id) {
            self.end_call(call, out);
        }
    }

    /// The calls of an endpoint must end: all who take part are told (DRQ forcedDrop).
    pub(super) fn force_calls(&mut self, id: EntryId, out: &mut Vec<Output>) {
        for call in self.calls_of(id) {
            let Some(known) = self.calls.get(call).cloned() else {
                continue;
            };
            for leg in &known.legs {
                self.force_leg(&known, leg, out);
            }
            self.end_call(call, out);
        }
    }

    fn force_leg(&mut self, call: &Call, leg: &Leg, out: &mut Vec<Output>) {
        let Some(entry) = self.entries.get(leg.entry) else {
            return;
        };
        let Ok(identifier) = to_bmp(&entry.identifier) else {
            return;
        };
        let conference = leg.conference.to_vec().into();
        let why = DisengageReason::ForcedDrop;
        let mut drq = DisengageRequest::new(1, identifier, conference, leg.reference, why);
        drq.call_identifier.clone_from(&call.identifier);
        drq.gatekeeper_identifier = to_bmp(&self.settings.profile.gatekeeper_identifier).ok();
        drq.answered_call = Some(leg.answers);
        let (way, mode) = ((entry.seen_as, entry.ras), entry.mode.clone());
        let message = RasMessage::DisengageRequest(drq);
        self.request(way, message, &mode, (DISENGAGE, Wanted::Note), out);
    }
}
