//! An endpoint as far as its messages tell: the least that the standard allows, for tests of state machines.

use std::net::{IpAddr, SocketAddr};

use rasline_h225::RasMessage;
use rasline_h225::messages::{Rrq, Urq, alias};
use rasline_h225::text::{from_bmp, to_bmp};
use rasline_h225::types::{AdmissionRequest, CallType};

use crate::messages::CALL_SIGNALLING;

/// RAS port of endpoints and gatekeepers.
const RAS: u16 = 1719;

/// An endpoint with its addresses.
#[derive(Clone, Debug)]
pub struct Party {
    /// Its RAS address.
    pub ras: SocketAddr,
    /// Its only callSignalAddress.
    pub signalling: SocketAddr,
    /// Aliases that it registers.
    pub aliases: Vec<String>,
}

impl Party {
    /// An endpoint on this host, on the usual ports.
    #[must_use]
    pub fn new(host: IpAddr, alias: impl Into<String>) -> Self {
        Self {
            ras: SocketAddr::new(host, RAS),
            signalling: SocketAddr::new(host, CALL_SIGNALLING),
            aliases: vec![alias.into()],
        }
    }

    /// Makes a full RRQ.
    #[must_use]
    pub fn full(&self, seq: u16) -> Rrq {
        Rrq {
            aliases: self.aliases.clone(),
            ..Rrq::full(seq, self.signalling, self.ras)
        }
    }

    /// Makes a lightweight RRQ.
    #[must_use]
    pub fn keep_alive(&self, seq: u16, eid: &str) -> Rrq {
        Rrq::lightweight(seq, self.ras, eid)
    }

    /// Makes a URQ.
    #[must_use]
    pub fn urq(&self, seq: u16, eid: &str) -> Urq {
        Urq {
            seq,
            call_signal_addresses: vec![self.signalling],
            endpoint_identifier: Some(eid.into()),
            ..Urq::default()
        }
    }
}

/// ARQ for a call to these aliases, with a conferenceID of 16 octets `call`.
///
/// # Panics
/// When an alias or the endpointIdentifier is too long, or has a character that cannot be in it.
#[must_use]
pub fn admission_request(
    seq: u16,
    eid: &str,
    (call, reference): (u8, u16),
    to: &[&str],
) -> AdmissionRequest {
    let eid = to_bmp(eid).expect("an endpointIdentifier");
    let mut arq = AdmissionRequest::new(seq, eid, 1280, reference, vec![call; 16].into());
    arq.call_type = CallType::PointToPoint;
    let to = to.iter().map(|one| alias(one).expect("an alias"));
    arq.destination_info = (to.len() > 0).then(|| to.collect());
    arq
}

/// Kind of a message as people call it: `RRQ` for a full one, `rrq` for a lightweight one.
#[must_use]
pub fn kind_name(message: &RasMessage) -> &'static str {
    match message {
        RasMessage::RegistrationRequest(rrq) if rrq.keep_alive == Some(true) => "rrq",
        other => other.kind().name(),
    }
}

/// endpointIdentifier in an RCF.
///
/// # Panics
/// When it is no RCF.
#[must_use]
pub fn granted_identifier(message: &RasMessage) -> String {
    match message {
        RasMessage::RegistrationConfirm(rcf) => from_bmp(&rcf.endpoint_identifier),
        other => panic!("{} is no RCF: {other:?}", other.kind().name()),
    }
}
