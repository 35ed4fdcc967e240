//! What goes through: requests of endpoints that wait for an answer, answers that were given, and the calls that both are
//! about.

use super::Output;
use crate::Time;
use crate::transaction::{CachedReply, ReplyCache, RequestKey};
use calls::Calls;
use waits::Waits;

mod call_facts;
pub(super) mod call_ref;
pub(super) mod calls;
pub(super) mod waits;

/// Answers kept for retransmissions.
const ANSWERS: usize = 50_000;

/// What waits, what was answered, and the calls.
#[derive(Clone, Debug)]
pub(super) struct Relay {
    pub waits: Waits,
    pub calls: Calls,
    replies: ReplyCache<()>,
}

impl Relay {
    pub fn new() -> Self {
        Self {
            waits: Waits::default(),
            calls: Calls::default(),
            replies: ReplyCache::new(ANSWERS),
        }
    }

    /// The answer that this request got before, if it is a retransmission.
    pub fn find_answer(&self, key: RequestKey, now: Time) -> Option<&CachedReply<()>> {
        self.replies.get(now, key)
    }

    /// Keeps an answer for retransmissions of its request.
    pub fn keep_answer(
        &mut self,
        key: RequestKey,
        to: std::net::SocketAddr,
        octets: &[u8],
        now: Time,
    ) {
        let reply = CachedReply {
            to,
            octets: octets.into(),
            about: (),
        };
        self.replies.insert(now, key, reply);
    }

    /// Ends a wait by this answer, which is kept for retransmissions.
    pub fn answer(
        &mut self,
        ticket: u64,
        octets: Vec<u8>,
        endpoint_identifier: &str,
        now: Time,
        out: &mut Vec<Output>,
    ) {
        let Some(wait) = self.waits.remove(ticket) else {
            return;
        };
        self.keep_answer(wait.key, wait.answer_to, &octets, now);
        self.calls
            .on_answer(&wait, &octets, endpoint_identifier, now, out);
        out.push(wait.answer(octets));
    }
}
