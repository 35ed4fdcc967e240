//! ARQ: may it call, and whom does it reach where (H.225.0 7.11)?
//!
//! Bandwidth: who asks for more than a call may have gets what a call may have; when all calls together would have too
//! much it is requestDenied. A known call that is asked for again (another requestSeqNum) is changed, not counted twice.
//! What the ARQ carries for the other side (tokens, circuits, vendors' content) is not a gatekeeper's to carry.

use rasline_h225::messages::alias;
use rasline_h225::text::{from_bmp, from_transport, to_transport};
use rasline_h225::types::{
    AdmissionConfirm, AdmissionReject, AdmissionRejectReason as Why, AdmissionRequest,
    CallModel as Model, RasMessage, UuiesRequested,
};

use super::aliases::texts;
use super::calls::{Call, CallId, IRR_EVERY, Leg, QUIET};
use super::destination::Nowhere;
use super::machine::Registrar;
use super::message::Asked;
use super::reply::{Reply, this_time};
use super::search::Asker;
use super::timers::Timer;
use super::{Destination, EntryId, Event, Output};
use crate::profile::CallModel;
use crate::ras_server::CallKey;

/// hopCount of an LRQ of our own.
const HOPS: u8 = 7;

impl Registrar {
    pub(super) fn admission(
        &mut self,
        asked: &Asked<'_>,
        arq: AdmissionRequest,
        out: &mut Vec<Output>,
    ) -> Reply {
        let id = match self.caller(asked, &arq, out) {
            Ok(id) => id,
            Err(why) => return self.arj(asked.seq, None, why),
        };
        self.heard(id, self.now);
        let found = match self.wanted(id, &arq) {
            Ok(Some(found)) => found,
            Err(why) => return self.arj(asked.seq, Some(id), why),
            Ok(None) => {
                let planned = self.planned(&texts(arq.destination_info.as_deref()));
                let who = Asker::Caller(id, Box::new(arq));
                return self.search(asked, who, (planned, HOPS), out);
            }
        };
        self.admit(asked.seq, id, &arq, &found, out)
    }

    fn caller(
        &mut self,
        asked: &Asked<'_>,
        arq: &AdmissionRequest,
        out: &mut Vec<Output>,
    ) -> Result<EntryId, Why> {
        let identifier = from_bmp(&arq.endpoint_identifier);
        let found = self.whose(&identifier, asked, out);
        let known = self.entries.by_identifier(&identifier).is_some();
        found.ok_or(if known {
            Why::InvalidEndpointIdentifier
        } else {
            Why::CallerNotRegistered
        })
    }

    /// Where the call is to go, `None` if that must be looked for elsewhere.
    fn wanted(&self, id: EntryId, arq: &AdmissionRequest) -> Result<Option<Destination>, Why> {
        self.check_calls(id, arq)?;
        if arq.answer_call {
            return self.answering(id).map(Some).ok_or(Why::UndefinedReason);
        }
        let aliases = texts(arq.destination_info.as_deref());
        let address = arq
            .dest_call_signal_address
            .as_ref()
            .and_then(from_transport);
        if aliases.is_empty() && address.is_none() {
            return Err(Why::IncompleteAddress);
        }
        let planned = self.planned(&aliases);
        let found = self.resolve(&planned).map_err(|nowhere| match nowhere {
            Nowhere::Inconsistent => Why::AliasesInconsistent,
            Nowhere::Full => Why::ExceedsCallCapacity,
        })?;
        if let Some(found) = found.or_else(|| self.at(address?)) {
            return Ok(Some(found));
        }
        match address {
            // One who is nobody's: only where unknown ones are admitted.
            Some(address) if aliases.is_empty() && self.settings.profile.admit_unknown => {
                Ok(Some(Destination {
                    call_signal_address: address,
                    ras_address: address,
                    aliases: Vec::new(),
                }))
            }
            _ if aliases.is_empty() => Err(Why::CalledPartyNotRegistered),
            _ => Ok(None),
        }
    }

    /// Who answers is told its own address.
    fn answering(&self, id: EntryId) -> Option<Destination> {
        let entry = self.entries.get(id)?;
        Some(Destination {
            call_signal_address: entry.signalled_at().unwrap_or(entry.endpoint),
            ras_address: entry.ras,
            aliases: entry.aliases.clone(),
        })
    }

    /// Whether there may be one more call.
    fn check_calls(&self, id: EntryId, arq: &AdmissionRequest) -> Result<(), Why> {
        let call = self.calls.find(&key(arq));
        match call {
            None if self.calls.len() >= self.settings.profile.limits.calls as usize => {
                Err(Why::ResourceUnavailable)
            }
            Some(call) if self.leg(call, id, arq).is_none() && !self.calls.has_room(call) => {
                Err(Why::RequestDenied)
            }
            _ => Ok(()),
        }
    }

    fn leg(&self, call: CallId, id: EntryId, arq: &AdmissionRequest) -> Option<usize> {
        let call = self.calls.get(call)?;
        let own = |leg: &Leg| leg.entry == id && leg.answers == arq.answer_call;
        call.legs.iter().position(own)
    }

    /// Admits the call, if there is bandwidth.
    pub(super) fn admit(
        &mut self,
        seq: u16,
        id: EntryId,
        arq: &AdmissionRequest,
        found: &Destination,
        out: &mut Vec<Output>,
    ) -> Reply {
        if let Err(why) = self.check_calls(id, arq) {
            return self.arj(seq, Some(id), why);
        }
        let limits = self.settings.profile.limits;
        let bandwidth = arq.band_width.min(limits.call_bandwidth);
        let call = self.calls.find(&key(arq));
        let leg = call.and_then(|call| self.leg(call, id, arq));
        if !self.calls.fits(call, leg, bandwidth, limits.bandwidth) {
            return self.arj(seq, Some(id), Why::RequestDenied);
        }
        let call = call.unwrap_or_else(|| self.start(id, arq, out));
        self.take_part(call, id, (arq, bandwidth), out);
        self.stats.admitted += 1;
        let acf = self.acf(seq, arq, bandwidth, found);
        Reply::to(Some(id), RasMessage::AdmissionConfirm(acf))
    }

    fn start(&mut self, id: EntryId, arq: &AdmissionRequest, out: &mut Vec<Output>) -> CallId {
        let own = self.entries.get(id).map(|entry| entry.name().to_owned());
        let first = |list: Option<&[_]>| texts(list).into_iter().next();
        let address = arq
            .dest_call_signal_address
            .as_ref()
            .and_then(from_transport);
        let own = own.unwrap_or_default();
        let (from, to) = if arq.answer_call {
            (first(Some(&arq.src_info)).unwrap_or_default(), own)
        } else {
            let called = first(arq.destination_info.as_deref());
            let called = called.or_else(|| address.map(|address| address.to_string()));
            (own, called.unwrap_or_default())
        };
        let key = key(arq);
        out.push(Output::Event(Event::CallStarted {
            call: key.hex(),
            from,
            to,
        }));
        let call = self.calls.add(Call {
            key,
            identifier: arq.call_identifier.clone(),
            legs: Vec::new(),
            started: self.now,
            reported: self.now,
            asking: None,
        });
        self.timers.set(Timer::Call(call), self.now.after(QUIET));
        call
    }

    fn take_part(
        &mut self,
        call: CallId,
        id: EntryId,
        (arq, bandwidth): (&AdmissionRequest, u32),
        out: &mut Vec<Output>,
    ) {
        let leg = self.leg(call, id, arq);
        let part = Leg {
            entry: id,
            answers: arq.answer_call,
            reference: arq.call_reference_value,
            conference: <[u8; 16]>::try_from(&arq.conference_id[..]).unwrap_or_default(),
            bandwidth,
            polled: None,
        };
        let before = leg.and_then(|leg| self.calls.get(call)?.legs.get(leg));
        let changed = before.is_none_or(|before| !before.is_like(&part));
        self.calls.change(call, |call| match leg {
            Some(leg) => call.legs[leg] = part,
            None => call.legs.push(part),
        });
        self.call_reported(call);
        if changed {
            self.store_call(call, out);
        }
        if let Some(entry) = self.entries.get_mut(id) {
            entry.calls.insert(call);
        }
    }

    fn acf(
        &self,
        seq: u16,
        arq: &AdmissionRequest,
        bandwidth: u32,
        found: &Destination,
    ) -> AdmissionConfirm {
        let (model, address) = match self.settings.profile.call_model {
            CallModel::Direct => (Model::Direct, found.call_signal_address),
            CallModel::GatekeeperRouted(address) => (Model::GatekeeperRouted, address),
        };
        let mut acf = AdmissionConfirm::new(seq, bandwidth, model, to_transport(address));
        acf.irr_frequency = Some(IRR_EVERY);
        acf.will_respond_to_irr = Some(true);
        let mut uuies = UuiesRequested::new();
        uuies.status = Some(false);
        uuies.status_inquiry = Some(false);
        uuies.setup_acknowledge = Some(false);
        uuies.notify = Some(false);
        acf.uuies_requested = Some(uuies);
        let dialled = texts(arq.destination_info.as_deref());
        let planned = self.planned(&dialled);
        if arq.can_map_alias == Some(true) && !arq.answer_call && planned != dialled {
            let mapped: Vec<_> = planned.iter().filter_map(|text| alias(text).ok()).collect();
            acf.destination_info = (!mapped.is_empty()).then_some(mapped.into());
        }
        acf
    }

    /// ARJ; when we have no room, the alternates may.
    pub(super) fn arj(&self, seq: u16, id: Option<EntryId>, why: Why) -> Reply {
        let entry = id.and_then(|id| self.entries.get(id));
        let elsewhere =
            why == Why::ResourceUnavailable && entry.is_some_and(|entry| entry.supports_alternates);
        let mut arj = AdmissionReject::new(seq, why);
        if elsewhere {
            arj.alt_gk_info = this_time(&self.settings.alternates);
        }
        Reply::to(id, RasMessage::AdmissionReject(arj))
    }
}

fn key(arq: &AdmissionRequest) -> CallKey {
    let reference = arq.call_reference_value;
    CallKey::new(
        arq.call_identifier.as_ref(),
        &arq.conference_id[..],
        reference,
    )
}
