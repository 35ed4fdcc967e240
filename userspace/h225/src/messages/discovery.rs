//! GRQ and GCF.

use std::net::SocketAddr;

use super::{aliases, alternate_list, endpoint_type, identifier, listed};
use crate::EncodeError;
use crate::text::to_transport;
use crate::types::{GatekeeperConfirm, GatekeeperRequest, RasMessage};
use crate::view::Alternate;

/// A GRQ of a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grq {
    /// requestSeqNum, 1 to 65535.
    pub seq: u16,
    /// rasAddress, to which the answer is sent.
    pub ras_address: SocketAddr,
    /// endpointAlias, as in [`super::Rrq::aliases`].
    pub aliases: Vec<String>,
    /// gatekeeperIdentifier of the wanted gatekeeper; any gatekeeper if absent.
    pub gatekeeper_identifier: Option<String>,
    /// supportsAltGK.
    pub supports_alt_gk: bool,
}

impl Grq {
    /// A GRQ for any gatekeeper.
    #[must_use]
    pub const fn new(seq: u16, ras_address: SocketAddr) -> Self {
        Self {
            seq,
            ras_address,
            aliases: Vec::new(),
            gatekeeper_identifier: None,
            supports_alt_gk: true,
        }
    }

    /// Builds the message.
    ///
    /// # Errors
    /// When a text does not fit its field.
    pub fn message(&self) -> Result<RasMessage, EncodeError> {
        let ras_address = to_transport(self.ras_address);
        let endpoint_type = endpoint_type(Some(&("rasline".into(), "0.1".into())));
        Ok(RasMessage::GatekeeperRequest(GatekeeperRequest {
            gatekeeper_identifier: identifier(self.gatekeeper_identifier.as_ref())?,
            endpoint_alias: aliases(&self.aliases)?,
            supports_alt_gk: self.supports_alt_gk.then_some(()),
            ..GatekeeperRequest::new(self.seq, ras_address, endpoint_type)
        }))
    }
}

/// A GCF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gcf {
    /// requestSeqNum of the GRQ.
    pub seq: u16,
    /// gatekeeperIdentifier.
    pub gatekeeper_identifier: Option<String>,
    /// rasAddress of the gatekeeper.
    pub ras_address: SocketAddr,
    /// alternateGatekeeper.
    pub alternates: Vec<Alternate>,
}

impl Gcf {
    /// Builds the message.
    ///
    /// # Errors
    /// When a text does not fit its field.
    pub fn message(&self) -> Result<RasMessage, EncodeError> {
        Ok(RasMessage::GatekeeperConfirm(GatekeeperConfirm {
            gatekeeper_identifier: identifier(self.gatekeeper_identifier.as_ref())?,
            alternate_gatekeeper: listed(alternate_list(&self.alternates)?),
            ..GatekeeperConfirm::new(self.seq, to_transport(self.ras_address))
        }))
    }
}
