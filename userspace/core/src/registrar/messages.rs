//! Messages of the gatekeeper that follow from the policy: each is a function of the policy and of its receiver.

use rasline_h225::messages::alias;
use rasline_h225::text::{from_alias, to_bmp, to_transport};
use rasline_h225::types::{
    AdmissionConfirm, AdmissionReject, AdmissionRejectReason, AdmissionRequest, CallModel as Model,
    DisengageReason, DisengageRequest, InfoRequest, RasMessage, RegistrationConfirm,
    RegistrationReject, RegistrationRejectReason, RegistrationRequest, UnregRequestReason,
    UnregistrationRequest, UuiesRequested,
};

use super::aliases::texts;
use super::call_end::Inquiry;
use super::calls::{Call, IRR_EVERY, Leg};
use super::entries::Entry;
use super::policy::Policy;
use super::reply::{Reply, alternates, this_time};
use super::{Destination, EntryId};
use crate::profile::CallModel;

impl Policy {
    /// The RCF. It is a function of the registration and of the request: the kernel gives it again and again. `full`: it
    /// answers a full RRQ.
    pub fn rcf(
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
        rcf.gatekeeper_identifier = self.gatekeeper_identifier();
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

    /// RRJ; when there is no room here, the alternates may have some.
    pub fn rrj(
        &self,
        seq: u16,
        rrq: &RegistrationRequest,
        reason: RegistrationRejectReason,
    ) -> Reply {
        let full = reason == RegistrationRejectReason::ResourceUnavailable;
        let mut rrj = RegistrationReject::new(seq, reason);
        rrj.protocol_identifier = rrq.protocol_identifier.clone();
        rrj.gatekeeper_identifier = self.gatekeeper_identifier();
        if full && rrq.supports_alt_gk.is_some() {
            rrj.alt_gk_info = this_time(&self.settings.alternates);
        }
        Reply::anyone(RasMessage::RegistrationReject(rrj))
    }

    /// A URQ for this registration: with both identifiers, since some endpoints ignore one that lacks either.
    pub fn urq(&self, entry: &Entry, reason: UnregRequestReason) -> Option<RasMessage> {
        let mut urq = UnregistrationRequest::new(1);
        urq.call_signal_address = entry.signalling.iter().copied().map(to_transport).collect();
        urq.endpoint_identifier = Some(to_bmp(&entry.identifier).ok()?);
        urq.gatekeeper_identifier = self.gatekeeper_identifier();
        urq.reason = Some(reason);
        if entry.supports_alternates {
            urq.alternate_gatekeeper = alternates(&self.settings.alternates);
        }
        Some(RasMessage::UnregistrationRequest(urq))
    }

    /// A DRQ forcedDrop for an endpoint's leg of a call.
    pub fn drq(&self, entry: &Entry, call: &Call, leg: &Leg) -> Option<RasMessage> {
        let identifier = to_bmp(&entry.identifier).ok()?;
        let conference = leg.part.conference.to_vec().into();
        let (reference, reason) = (leg.part.reference, DisengageReason::ForcedDrop);
        let mut drq = DisengageRequest::new(1, identifier, conference, reference, reason);
        drq.call_identifier.clone_from(&call.identifier);
        drq.gatekeeper_identifier = self.gatekeeper_identifier();
        drq.answered_call = Some(leg.part.answers);
        Some(RasMessage::DisengageRequest(drq))
    }

    pub fn acf(
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
        let planned = self.plan_numbers(&dialled);
        if arq.can_map_alias == Some(true) && !arq.answer_call && planned != dialled {
            let mapped: Vec<_> = planned.iter().filter_map(|text| alias(text).ok()).collect();
            acf.destination_info = (!mapped.is_empty()).then_some(mapped.into());
        }
        acf
    }

    /// ARJ for a caller, if it is registered; when there is no room here, the alternates may have some.
    pub fn arj(
        &self,
        seq: u16,
        caller: Option<(EntryId, &Entry)>,
        reason: AdmissionRejectReason,
    ) -> Reply {
        let full = reason == AdmissionRejectReason::ResourceUnavailable;
        let mut arj = AdmissionReject::new(seq, reason);
        if full && caller.is_some_and(|(_, entry)| entry.supports_alternates) {
            arj.alt_gk_info = this_time(&self.settings.alternates);
        }
        Reply::to(caller.map(|(id, _)| id), RasMessage::AdmissionReject(arj))
    }
}

/// An IRQ to a registered endpoint.
pub(super) fn irq(inquiry: Inquiry, entry: &Entry) -> RasMessage {
    let mut irq = InfoRequest::new(inquiry.seq, inquiry.reference);
    irq.reply_address = Some(to_transport(entry.seen_as));
    irq.call_identifier = inquiry.identifier;
    RasMessage::InfoRequest(irq)
}
