//! RRQ, RCF and RRJ.

use std::net::SocketAddr;

use super::{
    addresses, alias, aliases, alternate_list, endpoint_type, identifier, listed, tokens, vendor,
};
use crate::EncodeError;
use crate::text::to_bmp;
use crate::types::{
    AliasAddress, AltGkInfo, List, RasMessage, RegistrationConfirm, RegistrationReject,
    RegistrationRejectReason, RegistrationRequest,
};
use crate::view::Alternate;

/// An RRQ.
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a field of the message"
)]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rrq {
    /// requestSeqNum, 1 to 65535.
    pub seq: u16,
    /// keepAlive: whether the RRQ is lightweight.
    pub keep_alive: bool,
    /// discoveryComplete: whether the gatekeeper was found by GRQ.
    pub discovery_complete: bool,
    /// callSignalAddress.
    pub call_signal_addresses: Vec<SocketAddr>,
    /// rasAddress.
    pub ras_addresses: Vec<SocketAddr>,
    /// terminalAlias: digits become dialedDigits, `scheme:...` a URL, everything else an h323-ID.
    pub aliases: Vec<String>,
    /// gatekeeperIdentifier.
    pub gatekeeper_identifier: Option<String>,
    /// endpointIdentifier.
    pub endpoint_identifier: Option<String>,
    /// timeToLive in seconds.
    pub time_to_live: Option<u32>,
    /// supportsAltGK: gatekeepers send alternates only to endpoints that set it.
    pub supports_alt_gk: bool,
    /// Product and version, in terminalType (then a terminal) and endpointVendor.
    pub product: Option<(String, String)>,
    /// Whether to add a clear token, which makes the message secured.
    pub token: bool,
}

impl Rrq {
    /// A full RRQ of a terminal with one address for calls and one for RAS.
    #[must_use]
    pub fn full(seq: u16, call_signal: SocketAddr, ras: SocketAddr) -> Self {
        Self {
            seq,
            discovery_complete: true,
            call_signal_addresses: vec![call_signal],
            ras_addresses: vec![ras],
            supports_alt_gk: true,
            product: Some(("rasline".into(), "0.1".into())),
            ..Self::default()
        }
    }

    /// A lightweight RRQ.
    #[must_use]
    pub fn lightweight(seq: u16, ras: SocketAddr, endpoint_identifier: &str) -> Self {
        Self {
            seq,
            keep_alive: true,
            discovery_complete: true,
            ras_addresses: vec![ras],
            endpoint_identifier: Some(endpoint_identifier.into()),
            ..Self::default()
        }
    }

    /// Builds the message.
    ///
    /// # Errors
    /// When a text does not fit its field.
    pub fn message(&self) -> Result<RasMessage, EncodeError> {
        let product = self.product.as_ref();
        Ok(RasMessage::RegistrationRequest(RegistrationRequest {
            discovery_complete: self.discovery_complete,
            call_signal_address: addresses(&self.call_signal_addresses),
            ras_address: addresses(&self.ras_addresses),
            terminal_alias: aliases(&self.aliases)?,
            gatekeeper_identifier: identifier(self.gatekeeper_identifier.as_ref())?,
            time_to_live: self.time_to_live,
            tokens: tokens(self.token),
            keep_alive: Some(self.keep_alive),
            endpoint_identifier: identifier(self.endpoint_identifier.as_ref())?,
            will_supply_uuies: Some(false),
            maintain_connection: Some(false),
            supports_alt_gk: self.supports_alt_gk.then_some(()),
            ..RegistrationRequest::new(self.seq, endpoint_type(product), vendor(product))
        }))
    }
}

/// An RCF.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rcf {
    /// requestSeqNum of the RRQ.
    pub seq: u16,
    /// callSignalAddress of the gatekeeper.
    pub call_signal_addresses: Vec<SocketAddr>,
    /// terminalAlias, as in [`Rrq::aliases`].
    pub aliases: Vec<String>,
    /// gatekeeperIdentifier.
    pub gatekeeper_identifier: Option<String>,
    /// endpointIdentifier, 1 to 128 characters.
    pub endpoint_identifier: String,
    /// timeToLive in seconds; without it the endpoint concludes that there are no keep-alives.
    pub time_to_live: Option<u32>,
    /// alternateGatekeeper.
    pub alternates: Vec<Alternate>,
    /// Whether to add a clear token, which makes the message secured.
    pub token: bool,
}

impl Rcf {
    /// Builds the message.
    ///
    /// # Errors
    /// When a text does not fit its field.
    pub fn message(&self) -> Result<RasMessage, EncodeError> {
        Ok(RasMessage::RegistrationConfirm(RegistrationConfirm {
            call_signal_address: addresses(&self.call_signal_addresses),
            terminal_alias: aliases(&self.aliases)?,
            gatekeeper_identifier: identifier(self.gatekeeper_identifier.as_ref())?,
            alternate_gatekeeper: listed(alternate_list(&self.alternates)?),
            time_to_live: self.time_to_live,
            tokens: tokens(self.token),
            will_respond_to_irr: Some(false),
            maintain_connection: Some(false),
            ..RegistrationConfirm::new(self.seq, to_bmp(&self.endpoint_identifier)?)
        }))
    }
}

/// An RRJ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rrj {
    /// requestSeqNum of the RRQ.
    pub seq: u16,
    /// rejectReason.
    pub reason: RegistrationRejectReason,
    /// gatekeeperIdentifier.
    pub gatekeeper_identifier: Option<String>,
    /// altGKInfo, sent if not empty; the alternates are not permanent.
    pub alternates: Vec<Alternate>,
}

impl Rrj {
    /// An RRJ with this reason.
    #[must_use]
    pub const fn new(seq: u16, reason: RegistrationRejectReason) -> Self {
        Self {
            seq,
            reason,
            gatekeeper_identifier: None,
            alternates: Vec::new(),
        }
    }

    /// An RRJ duplicateAlias that names the aliases.
    ///
    /// # Errors
    /// When a text cannot be an alias.
    pub fn duplicate_alias(seq: u16, texts: &[String]) -> Result<Self, EncodeError> {
        let list = texts
            .iter()
            .map(|text| alias(text))
            .collect::<Result<List<AliasAddress>, _>>()?;
        Ok(Self::new(
            seq,
            RegistrationRejectReason::DuplicateAlias(list),
        ))
    }

    /// Builds the message.
    ///
    /// # Errors
    /// When a text does not fit its field.
    pub fn message(&self) -> Result<RasMessage, EncodeError> {
        let alternates = listed(alternate_list(&self.alternates)?);
        Ok(RasMessage::RegistrationReject(RegistrationReject {
            gatekeeper_identifier: identifier(self.gatekeeper_identifier.as_ref())?,
            alt_gk_info: alternates.map(|alternate_gatekeeper| AltGkInfo {
                alternate_gatekeeper,
                alt_gk_is_permanent: false,
            }),
            ..RegistrationReject::new(self.seq, self.reason.clone())
        }))
    }
}
