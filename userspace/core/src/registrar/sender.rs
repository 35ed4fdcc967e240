//! What the gatekeeper says: messages are signed as their receiver signs his, and requests are sent until answered.

use std::net::SocketAddr;

use rasline_h225::types::RasMessage;

use super::Output;
use super::auth::{Accounts, Mode, Signer};
use super::own_requests::{OwnRequests, Wanted};
use crate::Time;
use crate::transaction::PendingRequest;

/// Somebody who is spoken to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer<'a> {
    /// The gatekeeper's address that the peer knows.
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub mode: &'a Mode,
}

/// Signs and numbers what is sent.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    pub requests: OwnRequests,
    signer: Signer,
}

impl Sender {
    pub fn new(seed: u64) -> Self {
        Self {
            requests: OwnRequests::new(seed),
            signer: Signer::new(seed),
        }
    }

    /// A way to send messages now, to peers who prove themselves by these accounts.
    pub const fn outbox<'a>(
        &'a mut self,
        now: Time,
        accounts: Accounts<'a>,
        out: &'a mut Vec<Output>,
    ) -> Outbox<'a> {
        Outbox {
            now,
            accounts,
            sender: self,
            out,
        }
    }
}

/// A way to send messages at one moment.
#[derive(Debug)]
pub(super) struct Outbox<'a> {
    pub now: Time,
    pub accounts: Accounts<'a>,
    pub sender: &'a mut Sender,
    pub out: &'a mut Vec<Output>,
}

impl Outbox<'_> {
    /// The octets of a message; `None` if it cannot be encoded.
    pub fn seal(&mut self, message: &mut RasMessage, mode: &Mode) -> Option<Vec<u8>> {
        let signer = &mut self.sender.signer;
        signer.seal(self.now, self.accounts, message, mode)
    }

    /// Sends a message once.
    pub fn send(&mut self, peer: Peer<'_>, mut message: RasMessage) {
        if let Some(payload) = self.seal(&mut message, peer.mode) {
            let (from, to) = (peer.from, peer.to);
            self.out.push(Output::Send { from, to, payload });
        }
    }

    /// Sends a request, which gets its number here, until it is answered. Returns the number.
    pub fn request(
        &mut self,
        peer: Peer<'_>,
        mut message: RasMessage,
        wanted: Wanted,
    ) -> Option<u16> {
        let seq = self.sender.requests.next_number();
        message.set_request_seq_num(seq);
        let octets = self.seal(&mut message, peer.mode)?;
        let (from, to) = (peer.from, peer.to);
        self.out.push(Output::Send {
            from,
            to,
            payload: octets.clone(),
        });
        let request = PendingRequest {
            from,
            to,
            octets: octets.into(),
            retry: wanted.retry(),
            purpose: wanted,
        };
        self.sender.requests.insert(seq, request, self.now);
        Some(seq)
    }
}
