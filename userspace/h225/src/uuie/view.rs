//! What a signalling proxy reads of an H323-UserInformation.

use std::net::SocketAddr;

use crate::text::from_transport;
use crate::types::{
    CryptoH323Token, H323UuPduH323MessageBody as Body, List, OctetString, ReleaseCompleteReason,
    TransportAddress, UserInformation,
};

impl UserInformation {
    /// The message body of the PDU.
    #[must_use]
    pub const fn body(&self) -> &Body {
        &self.h323_uu_pdu.h323_message_body
    }

    /// callIdentifier; `None` in messages of version 1 and in an empty body.
    #[must_use]
    pub fn call_identifier(&self) -> Option<[u8; 16]> {
        let identifier = match self.body() {
            Body::Setup(body) => body.call_identifier.as_ref(),
            Body::CallProceeding(body) => body.call_identifier.as_ref(),
            Body::Connect(body) => body.call_identifier.as_ref(),
            Body::Alerting(body) => body.call_identifier.as_ref(),
            Body::Information(body) => body.call_identifier.as_ref(),
            Body::ReleaseComplete(body) => body.call_identifier.as_ref(),
            Body::Facility(body) => body.call_identifier.as_ref(),
            Body::Progress(body) => Some(&body.call_identifier),
            Body::Empty => None,
            Body::Status(body) => Some(&body.call_identifier),
            Body::StatusInquiry(body) => Some(&body.call_identifier),
            Body::SetupAcknowledge(body) => Some(&body.call_identifier),
            Body::Notify(body) => Some(&body.call_identifier),
        };
        identifier?.guid[..].try_into().ok()
    }

    /// conferenceID of a Setup, Connect or Facility.
    #[must_use]
    pub fn conference_id(&self) -> Option<[u8; 16]> {
        let identifier = match self.body() {
            Body::Setup(body) => Some(&body.conference_id),
            Body::Connect(body) => Some(&body.conference_id),
            Body::Facility(body) => body.conference_id.as_ref(),
            _ => None,
        };
        identifier?[..].try_into().ok()
    }

    /// h245Address, if it is an IP address.
    #[must_use]
    pub fn h245_address(&self) -> Option<SocketAddr> {
        self.h245_transport().and_then(from_transport)
    }

    /// h245Address of any kind.
    pub(super) fn h245_transport(&self) -> Option<&TransportAddress> {
        match self.body() {
            Body::Setup(body) => body.h245_address.as_ref(),
            Body::CallProceeding(body) => body.h245_address.as_ref(),
            Body::Connect(body) => body.h245_address.as_ref(),
            Body::Alerting(body) => body.h245_address.as_ref(),
            Body::Facility(body) => body.h245_address.as_ref(),
            Body::Progress(body) => body.h245_address.as_ref(),
            _ => None,
        }
    }

    /// sourceCallSignalAddress of a Setup, if it is an IP address.
    #[must_use]
    pub fn source_call_signal_address(&self) -> Option<SocketAddr> {
        match self.body() {
            Body::Setup(body) => body.source_call_signal_address.as_ref(),
            _ => None,
        }
        .and_then(from_transport)
    }

    /// destCallSignalAddress of a Setup, if it is an IP address.
    #[must_use]
    pub fn destination_call_signal_address(&self) -> Option<SocketAddr> {
        match self.body() {
            Body::Setup(body) => body.dest_call_signal_address.as_ref(),
            _ => None,
        }
        .and_then(from_transport)
    }

    /// alternativeAddress of a Facility, if it is an IP address.
    #[must_use]
    pub fn alternative_address(&self) -> Option<SocketAddr> {
        match self.body() {
            Body::Facility(body) => body.alternative_address.as_ref(),
            _ => None,
        }
        .and_then(from_transport)
    }

    /// fastStart: an `OpenLogicalChannel` each.
    #[must_use]
    pub fn fast_start(&self) -> &[OctetString] {
        slice(match self.body() {
            Body::Setup(body) => body.fast_start.as_ref(),
            Body::CallProceeding(body) => body.fast_start.as_ref(),
            Body::Connect(body) => body.fast_start.as_ref(),
            Body::Alerting(body) => body.fast_start.as_ref(),
            Body::Information(body) => body.fast_start.as_ref(),
            Body::Facility(body) => body.fast_start.as_ref(),
            Body::Progress(body) => body.fast_start.as_ref(),
            _ => None,
        })
    }

    /// Whether h245Tunnelling is TRUE.
    #[must_use]
    pub fn tunnels_h245(&self) -> bool {
        self.h323_uu_pdu.h245_tunnelling == Some(true)
    }

    /// The tunnelled H.245 messages.
    #[must_use]
    pub fn h245_control(&self) -> &[OctetString] {
        slice(self.h323_uu_pdu.h245_control.as_ref())
    }

    /// Reason of a `ReleaseComplete`.
    #[must_use]
    pub fn release_reason(&self) -> Option<&ReleaseCompleteReason> {
        match self.body() {
            Body::ReleaseComplete(body) => body.reason.as_ref(),
            _ => None,
        }
    }

    /// Whether it has cryptoTokens that cover more than themselves, so that a change would break them.
    #[must_use]
    pub fn is_secured(&self) -> bool {
        let tokens = match self.body() {
            Body::Setup(body) => body.crypto_tokens.as_ref(),
            Body::CallProceeding(body) => body.crypto_tokens.as_ref(),
            Body::Connect(body) => body.crypto_tokens.as_ref(),
            Body::Alerting(body) => body.crypto_tokens.as_ref(),
            Body::Information(body) => body.crypto_tokens.as_ref(),
            Body::ReleaseComplete(body) => body.crypto_tokens.as_ref(),
            Body::Facility(body) => body.crypto_tokens.as_ref(),
            Body::Progress(body) => body.crypto_tokens.as_ref(),
            Body::Empty => None,
            Body::Status(body) => body.crypto_tokens.as_ref(),
            Body::StatusInquiry(body) => body.crypto_tokens.as_ref(),
            Body::SetupAcknowledge(body) => body.crypto_tokens.as_ref(),
            Body::Notify(body) => body.crypto_tokens.as_ref(),
        };
        // Only the hash of H.235.1 and the signature of H.235.2 cover the whole message.
        let is_nested = |token| matches!(token, &CryptoH323Token::NestedcryptoToken(_));
        slice(tokens).iter().any(is_nested)
    }
}

fn slice<T>(list: Option<&List<T>>) -> &[T] {
    list.map_or(&[], |list| list)
}
