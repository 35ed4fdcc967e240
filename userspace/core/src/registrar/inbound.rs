//! A message on its way through.

use std::net::SocketAddr;

use super::auth::Mode;
use crate::transaction::RequestKey;

/// A message that came, and where its answer goes.
#[derive(Clone, Debug)]
pub(super) struct Inbound<'a> {
    pub from: SocketAddr,
    /// The gatekeeper's address that the answer comes from.
    pub to: SocketAddr,
    /// Whether it was sent to the multicast group, where a gatekeeper that it does not concern stays silent.
    pub called_out: bool,
    /// Where the answer goes.
    pub answer_to: SocketAddr,
    pub payload: &'a [u8],
    pub seq: u16,
    pub key: RequestKey,
    pub mode: Mode,
}
