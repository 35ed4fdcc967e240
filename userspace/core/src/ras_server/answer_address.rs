//! Where an endpoint's request is answered.

use std::net::SocketAddr;

use rasline_h225::text::from_transport;
use rasline_h225::types::RasMessage;

/// Reply address: the sender, or the address given in the message if it is on the same host. GRQ and LRQ may come from a
/// socket that is used for nothing else.
pub(crate) fn answer_address(from: SocketAddr, message: &RasMessage) -> SocketAddr {
    let said = match message {
        RasMessage::GatekeeperRequest(grq) => from_transport(&grq.ras_address),
        RasMessage::LocationRequest(lrq) => from_transport(&lrq.reply_address),
        _ => None,
    };
    said.filter(|said| said.ip() == from.ip() && said.port() != 0)
        .unwrap_or(from)
}
