//! The content of messages that the state machines need, without ASN.1 types.
//!
//! Texts are for people and for comparison (malformed UTF-16 is replaced); values that are sent are
//! taken from the raw message.

use std::net::SocketAddr;

use crate::RasKind;
use crate::text::{from_alias, from_bmp, from_transport};
use crate::types::{
    AliasAddress, AlternateGk, ClearToken, CryptoH323Token, Icv, List, RasMessage, TransportAddress,
};

mod prefixes;
mod reason;

pub use prefixes::supported_prefixes;
pub use reason::{gatekeeper_reject, registration_reject, unregistration_request};

/// An alternate gatekeeper.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Alternate {
    /// rasAddress.
    pub address: SocketAddr,
    /// gatekeeperIdentifier.
    pub gatekeeper_identifier: Option<String>,
    /// needToRegister: whether an endpoint must register with it before using it.
    pub need_to_register: bool,
    /// Priority, 0 to 127; the lowest is tried first.
    pub priority: u8,
}

/// A list of alternate gatekeepers in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternates {
    /// The alternates, in the order of the message.
    pub list: Vec<Alternate>,
    /// altGKisPermanent; if false the list is for this request only. Lists in a confirmation or URQ are always
    /// permanent.
    pub permanent: bool,
}

/// Content of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Summary {
    /// RegistrationRequest.
    Rrq {
        /// requestSeqNum.
        seq: u16,
        /// keepAlive: whether it is lightweight.
        keep_alive: bool,
        /// endpointIdentifier.
        endpoint_identifier: Option<String>,
        /// gatekeeperIdentifier.
        gatekeeper_identifier: Option<String>,
        /// terminalAlias.
        aliases: Vec<String>,
        /// callSignalAddress, IP addresses only.
        call_signal_addresses: Vec<SocketAddr>,
        /// rasAddress, IP addresses only.
        ras_addresses: Vec<SocketAddr>,
        /// timeToLive in seconds.
        time_to_live: Option<u32>,
        /// Whether it carries tokens or an integrity check value.
        secured: bool,
    },
    /// RegistrationConfirm.
    Rcf {
        /// requestSeqNum.
        seq: u16,
        /// endpointIdentifier.
        endpoint_identifier: String,
        /// gatekeeperIdentifier.
        gatekeeper_identifier: Option<String>,
        /// terminalAlias.
        aliases: Vec<String>,
        /// timeToLive in seconds.
        time_to_live: Option<u32>,
        /// alternateGatekeeper, IP addresses only.
        alternates: Vec<Alternate>,
        /// Whether it carries tokens or an integrity check value.
        secured: bool,
    },
    /// RegistrationReject.
    Rrj {
        /// requestSeqNum.
        seq: u16,
        /// rejectReason, by its name in the standard.
        reason: &'static str,
    },
    /// UnregistrationRequest.
    Urq {
        /// requestSeqNum.
        seq: u16,
        /// endpointIdentifier.
        endpoint_identifier: Option<String>,
        /// gatekeeperIdentifier.
        gatekeeper_identifier: Option<String>,
        /// endpointAlias.
        aliases: Vec<String>,
        /// reason, by its name in the standard.
        reason: Option<&'static str>,
    },
    /// UnregistrationConfirm.
    Ucf {
        /// requestSeqNum.
        seq: u16,
    },
    /// GatekeeperConfirm.
    Gcf {
        /// requestSeqNum.
        seq: u16,
        /// gatekeeperIdentifier.
        gatekeeper_identifier: Option<String>,
        /// alternateGatekeeper, IP addresses only.
        alternates: Vec<Alternate>,
    },
    /// Any other message.
    Other {
        /// Kind of the message.
        kind: RasKind,
        /// requestSeqNum; 0 for an empty sequence of ACF, which has none.
        seq: u16,
    },
}

/// Summarises a message.
#[must_use]
pub fn summarise(message: &RasMessage) -> Summary {
    let seq = message.request_seq_num();
    match message {
        RasMessage::RegistrationRequest(rrq) => Summary::Rrq {
            seq,
            keep_alive: rrq.keep_alive == Some(true),
            endpoint_identifier: rrq.endpoint_identifier.as_ref().map(from_bmp),
            gatekeeper_identifier: rrq.gatekeeper_identifier.as_ref().map(from_bmp),
            aliases: texts(rrq.terminal_alias.as_deref()),
            call_signal_addresses: sockets(&rrq.call_signal_address),
            ras_addresses: sockets(&rrq.ras_address),
            time_to_live: rrq.time_to_live,
            secured: secured(
                rrq.tokens.as_ref(),
                rrq.crypto_tokens.as_ref(),
                rrq.integrity_check_value.as_ref(),
            ),
        },
        RasMessage::RegistrationConfirm(rcf) => Summary::Rcf {
            seq,
            endpoint_identifier: from_bmp(&rcf.endpoint_identifier),
            gatekeeper_identifier: rcf.gatekeeper_identifier.as_ref().map(from_bmp),
            aliases: texts(rcf.terminal_alias.as_deref()),
            time_to_live: rcf.time_to_live,
            alternates: list(rcf.alternate_gatekeeper.as_deref()),
            secured: secured(
                rcf.tokens.as_ref(),
                rcf.crypto_tokens.as_ref(),
                rcf.integrity_check_value.as_ref(),
            ),
        },
        RasMessage::RegistrationReject(rrj) => Summary::Rrj {
            seq,
            reason: registration_reject(&rrj.reject_reason),
        },
        RasMessage::UnregistrationRequest(urq) => Summary::Urq {
            seq,
            endpoint_identifier: urq.endpoint_identifier.as_ref().map(from_bmp),
            gatekeeper_identifier: urq.gatekeeper_identifier.as_ref().map(from_bmp),
            aliases: texts(urq.endpoint_alias.as_deref()),
            reason: urq.reason.as_ref().map(unregistration_request),
        },
        RasMessage::UnregistrationConfirm(_) => Summary::Ucf { seq },
        RasMessage::GatekeeperConfirm(gcf) => Summary::Gcf {
            seq,
            gatekeeper_identifier: gcf.gatekeeper_identifier.as_ref().map(from_bmp),
            alternates: list(gcf.alternate_gatekeeper.as_deref()),
        },
        other => Summary::Other {
            kind: other.kind(),
            seq,
        },
    }
}

/// The alternate gatekeepers of any message that can carry them, `None` if it carries no list. A newer list replaces
/// the older one.
#[must_use]
pub fn alternates(message: &RasMessage) -> Option<Alternates> {
    let info = match message {
        RasMessage::GatekeeperConfirm(gcf) => {
            return permanent(gcf.alternate_gatekeeper.as_deref());
        }
        RasMessage::RegistrationConfirm(rcf) => {
            return permanent(rcf.alternate_gatekeeper.as_deref());
        }
        RasMessage::UnregistrationRequest(urq) => {
            return permanent(urq.alternate_gatekeeper.as_deref());
        }
        RasMessage::GatekeeperReject(reject) => reject.alt_gk_info.as_ref(),
        RasMessage::RegistrationReject(reject) => reject.alt_gk_info.as_ref(),
        RasMessage::UnregistrationReject(reject) => reject.alt_gk_info.as_ref(),
        RasMessage::AdmissionReject(reject) => reject.alt_gk_info.as_ref(),
        RasMessage::BandwidthReject(reject) => reject.alt_gk_info.as_ref(),
        RasMessage::LocationReject(reject) => reject.alt_gk_info.as_ref(),
        RasMessage::DisengageReject(reject) => reject.alt_gk_info.as_ref(),
        RasMessage::InfoRequestNak(reject) => reject.alt_gk_info.as_ref(),
        _ => None,
    }?;
    Some(Alternates {
        list: list(Some(&info.alternate_gatekeeper)),
        permanent: info.alt_gk_is_permanent,
    })
}

fn permanent(alternates: Option<&[AlternateGk]>) -> Option<Alternates> {
    alternates.map(|all| Alternates {
        list: list(Some(all)),
        permanent: true,
    })
}

fn list(alternates: Option<&[AlternateGk]>) -> Vec<Alternate> {
    let all = alternates.unwrap_or_default().iter();
    all.filter_map(|one| {
        Some(Alternate {
            address: from_transport(&one.ras_address)?,
            gatekeeper_identifier: one.gatekeeper_identifier.as_ref().map(from_bmp),
            need_to_register: one.need_to_register,
            priority: one.priority,
        })
    })
    .collect()
}

fn texts(aliases: Option<&[AliasAddress]>) -> Vec<String> {
    aliases
        .unwrap_or_default()
        .iter()
        .filter_map(from_alias)
        .collect()
}

fn sockets(addresses: &[TransportAddress]) -> Vec<SocketAddr> {
    addresses.iter().filter_map(from_transport).collect()
}

const fn secured(
    tokens: Option<&List<ClearToken>>,
    crypto_tokens: Option<&List<CryptoH323Token>>,
    integrity_check_value: Option<&Icv>,
) -> bool {
    tokens.is_some() || crypto_tokens.is_some() || integrity_check_value.is_some()
}
