//! Access to the cryptoTokens of a message, and to the sender that it names.

use crate::RasMessage;
use crate::text::{from_alias, from_bmp};
use crate::types::{AliasAddress, BmpString, CryptoH323Token, List};

/// Every kind that has cryptoTokens.
macro_rules! crypto_tokens {
    ($message:expr, $found:ident => $give:expr) => {
        crypto_tokens!($message, $found => $give;
            GatekeeperRequest GatekeeperConfirm GatekeeperReject
            RegistrationRequest RegistrationConfirm RegistrationReject
            UnregistrationRequest UnregistrationConfirm UnregistrationReject
            AdmissionRequest AdmissionConfirm AdmissionReject
            BandwidthRequest BandwidthConfirm BandwidthReject
            DisengageRequest DisengageConfirm DisengageReject
            LocationRequest LocationConfirm LocationReject
            InfoRequest InfoRequestResponse NonStandardMessage UnknownMessageResponse
            RequestInProgress ResourcesAvailableIndicate ResourcesAvailableConfirm
            InfoRequestAck InfoRequestNak ServiceControlIndication ServiceControlResponse)
    };
    ($message:expr, $found:ident => $give:expr; $($kind:ident)*) => {
        match $message {
            $(RasMessage::$kind($found) => Some($give),)*
            RasMessage::AdmissionConfirmSequence(_) => None,
        }
    };
}

/// The tokens of a message, if it has any.
pub(super) fn get(message: &RasMessage) -> Option<&List<CryptoH323Token>> {
    crypto_tokens!(message, found => found.crypto_tokens.as_ref()).flatten()
}

/// The field for the tokens; `None` if this kind has none.
pub(super) fn get_mut(message: &mut RasMessage) -> Option<&mut Option<List<CryptoH323Token>>> {
    crypto_tokens!(message, found => &mut found.crypto_tokens)
}

/// Whether only gatekeepers send this kind to endpoints.
pub(super) const fn is_gatekeepers(message: &RasMessage) -> bool {
    matches!(
        message,
        RasMessage::GatekeeperConfirm(_)
            | RasMessage::GatekeeperReject(_)
            | RasMessage::RegistrationConfirm(_)
            | RasMessage::RegistrationReject(_)
            | RasMessage::AdmissionConfirm(_)
            | RasMessage::AdmissionReject(_)
            | RasMessage::LocationConfirm(_)
            | RasMessage::LocationReject(_)
            | RasMessage::InfoRequest(_)
            | RasMessage::InfoRequestAck(_)
            | RasMessage::InfoRequestNak(_)
            | RasMessage::ResourcesAvailableConfirm(_)
    )
}

/// endpointIdentifier of an endpoint's request, else its first alias.
pub(super) fn own_name(message: &RasMessage) -> Option<String> {
    let alias = |aliases: Option<&List<AliasAddress>>| aliases?.iter().find_map(from_alias);
    let known = |id: Option<&BmpString>| id.map(from_bmp);
    match message {
        RasMessage::GatekeeperRequest(grq) => alias(grq.endpoint_alias.as_ref()),
        RasMessage::RegistrationRequest(rrq) => {
            known(rrq.endpoint_identifier.as_ref()).or_else(|| alias(rrq.terminal_alias.as_ref()))
        }
        RasMessage::UnregistrationRequest(urq) => {
            known(urq.endpoint_identifier.as_ref()).or_else(|| alias(urq.endpoint_alias.as_ref()))
        }
        RasMessage::LocationRequest(lrq) => known(lrq.endpoint_identifier.as_ref()),
        RasMessage::AdmissionRequest(arq) => Some(from_bmp(&arq.endpoint_identifier)),
        RasMessage::BandwidthRequest(brq) => Some(from_bmp(&brq.endpoint_identifier)),
        RasMessage::DisengageRequest(drq) => Some(from_bmp(&drq.endpoint_identifier)),
        RasMessage::InfoRequestResponse(irr) => Some(from_bmp(&irr.endpoint_identifier)),
        RasMessage::ResourcesAvailableIndicate(rai) => Some(from_bmp(&rai.endpoint_identifier)),
        _ => None,
    }
}
