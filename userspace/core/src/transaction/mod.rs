//! What every machine needs that exchanges requests and answers: parts without a parent.
//!
//! Invariant: a part owns its state, takes what it needs by argument (the time, too) and returns what follows.

mod digest;
mod reply_cache;
mod timer_queue;

pub(crate) use digest::digest;
pub(crate) use reply_cache::{CachedReply, ReplyCache, RequestKey};
pub(crate) use timer_queue::TimerQueue;
