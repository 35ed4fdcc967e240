//! Messages of a signalling proxy's own.
//!
//! All but [`facility_start_h245`] leave H.245 tunnelling on, since a FALSE would end it for the rest of the call. None
//! allows several calls on a connection.

use std::net::SocketAddr;

use super::{decode_uuie, encode_uuie};
use crate::messages::endpoint_type;
use crate::q931::{self, CallReference, Message, cause, element};
use crate::text::{to_bmp, to_transport};
use crate::types::{
    CallIdentifier, CallProceedingUuie, ConnectUuie, FacilityReason, FacilityUuie, H323UuPdu,
    H323UuPduH323MessageBody as Body, ReleaseCompleteReason, ReleaseCompleteUuie, SetupUuie,
    SetupUuieConferenceGoal, StatusInquiryUuie, StatusUuie, UserInformation,
};

/// Information elements of a Setup that describe the call to any gatekeeper.
const ANNOUNCED: [u8; 8] = [
    element::BEARER_CAPABILITY,
    element::DISPLAY,
    element::CALLING_PARTY_NUMBER,
    element::CALLING_PARTY_SUBADDRESS,
    element::CALLED_PARTY_NUMBER,
    element::CALLED_PARTY_SUBADDRESS,
    element::REDIRECTING_NUMBER,
    element::PROGRESS_INDICATOR,
];

/// What changes in a Setup when its call is announced to another gatekeeper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// Call reference at the other gatekeeper.
    pub reference: CallReference,
    /// sourceCallSignalAddress, where the caller is reached now.
    pub source: SocketAddr,
    /// destCallSignalAddress, the address of the other gatekeeper.
    pub destination: SocketAddr,
    /// endpointIdentifier of the caller at the other gatekeeper.
    pub endpoint_identifier: Option<String>,
}

/// Makes the Setup that announces an established call to another gatekeeper: identifiers, parties and bearer are those
/// of the original Setup; addresses of H.245 and media, tokens and features of the first gatekeeper are left out.
/// `None` if the original is not a Setup with User-User, or an identifier does not fit its field.
#[must_use]
pub fn setup(original: &Message, announcement: &Announcement) -> Option<Message> {
    let Body::Setup(original_body) = decode_uuie(original.user_user()?)
        .ok()?
        .h323_uu_pdu
        .h323_message_body
    else {
        return None;
    };
    let body = SetupUuie {
        source_address: original_body.source_address,
        destination_address: original_body.destination_address,
        dest_call_signal_address: Some(to_transport(announcement.destination)),
        source_call_signal_address: Some(to_transport(announcement.source)),
        call_identifier: original_body.call_identifier,
        media_wait_for_connect: Some(false),
        can_overlap_send: Some(false),
        endpoint_identifier: match &announcement.endpoint_identifier {
            Some(identifier) => Some(to_bmp(identifier).ok()?),
            None => None,
        },
        multiple_calls: Some(false),
        maintain_connection: Some(false),
        language: original_body.language,
        presentation_indicator: original_body.presentation_indicator,
        screening_indicator: original_body.screening_indicator,
        additional_source_addresses: original_body.additional_source_addresses,
        display_name: original_body.display_name,
        ..SetupUuie::new(
            original_body.source_info,
            original_body.conference_id,
            SetupUuieConferenceGoal::Create,
            original_body.call_type,
        )
    };
    let per = encode_uuie(&tunnelling(Body::Setup(body.into()))).ok()?;
    let mut message = Message::new(announcement.reference, q931::SETUP);
    for id in ANNOUNCED {
        if let Some(contents) = original.element(id) {
            message.set_element(id, contents);
        }
    }
    message.set_user_user(&per);
    Some(message)
}

/// Makes a CallProceeding that does not yet say whether the called endpoint tunnels H.245.
#[must_use]
pub fn call_proceeding(reference: CallReference, call_identifier: [u8; 16]) -> Message {
    let body = CallProceedingUuie {
        call_identifier: Some(CallIdentifier::new(call_identifier)),
        multiple_calls: Some(false),
        maintain_connection: Some(false),
        ..CallProceedingUuie::new(endpoint_type(None))
    };
    let mut information = tunnelling(Body::CallProceeding(body.into()));
    information.h323_uu_pdu.provisional_resp_to_h245_tunnelling = Some(());
    message(reference, q931::CALL_PROCEEDING, &information)
}

/// Makes a Connect.
#[must_use]
pub fn connect(
    reference: CallReference,
    call_identifier: [u8; 16],
    conference_id: [u8; 16],
) -> Message {
    let body = ConnectUuie {
        call_identifier: Some(CallIdentifier::new(call_identifier)),
        multiple_calls: Some(false),
        maintain_connection: Some(false),
        ..ConnectUuie::new(endpoint_type(None), conference_id.to_vec().into())
    };
    let information = tunnelling(Body::Connect(body.into()));
    message(reference, q931::CONNECT, &information)
}

/// Makes a ReleaseComplete. A call of version 1 has no callIdentifier; [`cause::of_reason`] gives the cause that belongs
/// to a reason.
#[must_use]
pub fn release_complete(
    reference: CallReference,
    call_identifier: Option<[u8; 16]>,
    cause: u8,
    reason: Option<ReleaseCompleteReason>,
) -> Message {
    let body = ReleaseCompleteUuie {
        reason,
        call_identifier: call_identifier.map(CallIdentifier::new),
        ..ReleaseCompleteUuie::new()
    };
    let information = tunnelling(Body::ReleaseComplete(body.into()));
    let mut message = message(reference, q931::RELEASE_COMPLETE, &information);
    message.set_cause(cause);
    message
}

/// Makes a Status that answers a StatusInquiry (call state as in Q.931, 10: active).
#[must_use]
pub fn status(reference: CallReference, call_identifier: [u8; 16], call_state: u8) -> Message {
    let body = StatusUuie::new(CallIdentifier::new(call_identifier));
    let information = tunnelling(Body::Status(body.into()));
    let mut message = message(reference, q931::STATUS, &information);
    message.set_cause(cause::RESPONSE_TO_STATUS_ENQUIRY);
    message.set_element(element::CALL_STATE, &[call_state & 0x3f]);
    message
}

/// Makes a StatusInquiry.
#[must_use]
pub fn status_inquiry(reference: CallReference, call_identifier: [u8; 16]) -> Message {
    let body = StatusInquiryUuie::new(CallIdentifier::new(call_identifier));
    let information = tunnelling(Body::StatusInquiry(body.into()));
    message(reference, q931::STATUS_ENQUIRY, &information)
}

/// Makes a Facility that carries tunnelled H.245 messages.
#[must_use]
pub fn facility_h245(
    reference: CallReference,
    call_identifier: [u8; 16],
    messages: &[&[u8]],
) -> Message {
    let body = facility(call_identifier, FacilityReason::TransportedInformation);
    let mut information = tunnelling(Body::Facility(body.into()));
    let messages = messages.iter().map(|message| message.to_vec().into());
    information.h323_uu_pdu.h245_control = Some(messages.collect());
    facility_message(reference, &information)
}

/// Makes a Facility that asks the receiver to connect to this address for H.245, which ends tunnelling.
#[must_use]
pub fn facility_start_h245(
    reference: CallReference,
    call_identifier: [u8; 16],
    conference_id: Option<[u8; 16]>,
    h245_address: SocketAddr,
) -> Message {
    let mut body = facility(call_identifier, FacilityReason::StartH245);
    body.conference_id = conference_id.map(|id| id.to_vec().into());
    body.h245_address = Some(to_transport(h245_address));
    let mut information = tunnelling(Body::Facility(body.into()));
    information.h323_uu_pdu.h245_tunnelling = Some(false);
    facility_message(reference, &information)
}

fn facility(call_identifier: [u8; 16], reason: FacilityReason) -> FacilityUuie {
    FacilityUuie {
        call_identifier: Some(CallIdentifier::new(call_identifier)),
        multiple_calls: Some(false),
        maintain_connection: Some(false),
        ..FacilityUuie::new(reason)
    }
}

fn facility_message(reference: CallReference, information: &UserInformation) -> Message {
    let mut message = message(reference, q931::FACILITY, information);
    message.set_element(element::FACILITY, &[]);
    message
}

fn tunnelling(body: Body) -> UserInformation {
    let mut pdu = H323UuPdu::new(body);
    pdu.h245_tunnelling = Some(true);
    UserInformation::new(pdu)
}

/// A message with this User-User; without one if the value does not encode, which only a reason with values out of
/// range can cause.
fn message(reference: CallReference, message_type: u8, information: &UserInformation) -> Message {
    let mut message = Message::new(reference, message_type);
    if let Ok(per) = encode_uuie(information) {
        message.set_user_user(&per);
    }
    message
}
