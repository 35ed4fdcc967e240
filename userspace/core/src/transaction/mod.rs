//! What every machine needs that exchanges requests and answers: parts without a parent.
//!
//! Invariant: a part owns its state, takes what it needs by argument (the time, too) and returns what follows.

mod backoff;
mod dice;
mod digest;
mod pacer;
mod rate_limit;
mod reply_cache;
mod request;
mod timer_queue;

pub(crate) use backoff::Backoff;
pub(crate) use dice::Dice;
pub(crate) use digest::digest;
pub(crate) use pacer::Pacer;
pub(crate) use rate_limit::RateLimit;
pub(crate) use reply_cache::{CachedReply, ReplyCache, RequestKey};
pub(crate) use request::{Overdue, PendingRequest, PendingRequests, Retry};
pub(crate) use timer_queue::TimerQueue;
