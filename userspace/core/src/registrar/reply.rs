//! Answers: how they are given, and what they have in common.

use std::time::Duration;

use rasline_h225::messages::rip;
use rasline_h225::text::{to_bmp, to_transport};
use rasline_h225::types::{AltGkInfo, AlternateGk, RasMessage};
use rasline_h225::view::{Alternate, registration_reject};

use super::EntryId;

/// What becomes of a request.
pub(super) enum Reply {
    /// It is answered, and so are its retransmissions; `of`: the registration that it is about.
    Answer {
        message: Box<RasMessage>,
        of: Option<EntryId>,
    },
    /// It is put off: its retransmission is handled anew.
    Once(Box<RasMessage>),
    /// It has no answer, or none yet.
    Nothing,
}

impl Reply {
    pub fn to(of: Option<EntryId>, message: RasMessage) -> Self {
        let message = Box::new(message);
        Self::Answer { message, of }
    }

    pub fn anyone(message: RasMessage) -> Self {
        Self::to(None, message)
    }
}

/// A RIP that announces the answer after this delay.
pub(super) fn in_progress(seq: u16, delay: Duration) -> RasMessage {
    let delay = u16::try_from(delay.as_millis()).unwrap_or(u16::MAX);
    rip(seq, delay.max(1))
}

/// rejectReason in the standard's words, if the message is a rejection.
pub(crate) fn rejection(message: &RasMessage) -> Option<String> {
    let name = |reason: &dyn std::fmt::Debug| {
        let text = format!("{reason:?}");
        let name: String = text.chars().take_while(|c| c.is_alphanumeric()).collect();
        let mut rest = name.chars();
        let first = rest.next().map(|first| first.to_ascii_lowercase());
        first.into_iter().chain(rest).collect::<String>()
    };
    Some(match message {
        RasMessage::RegistrationReject(one) => registration_reject(&one.reject_reason).to_owned(),
        RasMessage::GatekeeperReject(one) => name(&one.reject_reason),
        RasMessage::UnregistrationReject(one) => name(&one.reject_reason),
        RasMessage::AdmissionReject(one) => name(&one.reject_reason),
        RasMessage::BandwidthReject(one) => name(&one.reject_reason),
        RasMessage::DisengageReject(one) => name(&one.reject_reason),
        RasMessage::LocationReject(one) => name(&one.reject_reason),
        RasMessage::InfoRequestNak(one) => name(&one.nak_reason),
        _ => return None,
    })
}

/// alternateGatekeeper, `None` if there are none.
pub(super) fn alternates(list: &[Alternate]) -> Option<rasline_h225::types::List<AlternateGk>> {
    let all = list.iter().filter_map(|one| {
        let mut alternate = AlternateGk::new(to_transport(one.address), one.priority.min(127));
        let identifier = one.gatekeeper_identifier.as_deref().map(to_bmp);
        alternate.gatekeeper_identifier = identifier.transpose().ok()?;
        alternate.need_to_register = one.need_to_register;
        Some(alternate)
    });
    let all: rasline_h225::types::List<_> = all.collect();
    (!all.is_empty()).then_some(all)
}

/// altGKInfo: whom to ask this time.
pub(super) fn this_time(list: &[Alternate]) -> Option<AltGkInfo> {
    let mut info = AltGkInfo::new();
    info.alternate_gatekeeper = alternates(list)?;
    Some(info)
}

#[cfg(test)]
mod tests {
    use rasline_h225::messages::urj;
    use rasline_h225::types::{AdmissionReject, AdmissionRejectReason, UnregRejectReason};

    use super::*;

    #[test]
    fn reasons_in_the_words_of_the_standard() {
        let reason = rejection(&urj(1, UnregRejectReason::NotCurrentlyRegistered));
        assert_eq!(reason.as_deref(), Some("notCurrentlyRegistered"));
        let scn = AdmissionRejectReason::RouteCallToScn(rasline_h225::types::List::default());
        let arj = RasMessage::AdmissionReject(AdmissionReject::new(1, scn));
        assert_eq!(rejection(&arj).as_deref(), Some("routeCallToScn"));
        assert_eq!(rejection(&rasline_h225::messages::ucf(1)), None);
    }
}
