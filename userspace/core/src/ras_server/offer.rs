//! Keep-alives that the kernel is to answer.

use std::net::SocketAddr;
use std::time::Duration;

use super::EntryId;
use crate::Time;

/// A keep-alive and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Registration.
    pub id: EntryId,
    /// Where its keep-alives come from.
    pub endpoint: SocketAddr,
    /// The gatekeeper's address as the endpoint knows it.
    pub seen_as: SocketAddr,
    /// The lightweight RRQ, requestSeqNum zeroed.
    pub rrq: Vec<u8>,
    /// The RCF, requestSeqNum zeroed.
    pub rcf: Vec<u8>,
    /// endpointIdentifier, UTF-16BE.
    pub endpoint_identifier: Vec<u8>,
    /// timeToLive.
    pub time_to_live: Duration,
    /// When it was confirmed last.
    pub confirmed: Time,
}
