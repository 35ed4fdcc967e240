//! URQ, UCF and URJ.

use std::net::SocketAddr;

use super::{addresses, aliases, alternate_list, identifier, listed};
use crate::EncodeError;
use crate::types::{
    RasMessage, UnregRejectReason, UnregRequestReason, UnregistrationConfirm, UnregistrationReject,
    UnregistrationRequest,
};
use crate::view::Alternate;

/// A URQ. Some endpoints ignore one that lacks either identifier.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Urq {
    /// requestSeqNum, 1 to 65535.
    pub seq: u16,
    /// callSignalAddress.
    pub call_signal_addresses: Vec<SocketAddr>,
    /// endpointAlias, as in [`super::Rrq::aliases`].
    pub aliases: Vec<String>,
    /// endpointIdentifier.
    pub endpoint_identifier: Option<String>,
    /// gatekeeperIdentifier.
    pub gatekeeper_identifier: Option<String>,
    /// reason of the URQ.
    pub reason: Option<UnregRequestReason>,
    /// alternateGatekeeper, of a gatekeeper's URQ.
    pub alternates: Vec<Alternate>,
}

impl Urq {
    /// Builds the message.
    ///
    /// # Errors
    /// When a text does not fit its field.
    pub fn message(&self) -> Result<RasMessage, EncodeError> {
        Ok(RasMessage::UnregistrationRequest(UnregistrationRequest {
            call_signal_address: addresses(&self.call_signal_addresses),
            endpoint_alias: aliases(&self.aliases)?,
            endpoint_identifier: identifier(self.endpoint_identifier.as_ref())?,
            gatekeeper_identifier: identifier(self.gatekeeper_identifier.as_ref())?,
            reason: self.reason.clone(),
            alternate_gatekeeper: listed(alternate_list(&self.alternates)?),
            ..UnregistrationRequest::new(self.seq)
        }))
    }
}

/// A UCF.
#[must_use]
pub fn ucf(seq: u16) -> RasMessage {
    RasMessage::UnregistrationConfirm(UnregistrationConfirm::new(seq))
}

/// A URJ.
#[must_use]
pub fn urj(seq: u16, reason: UnregRejectReason) -> RasMessage {
    RasMessage::UnregistrationReject(UnregistrationReject::new(seq, reason))
}
