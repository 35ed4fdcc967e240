//! The side of the endpoints: what they say, and what they are asked.

pub(super) mod additive_rrq;
pub(super) mod dispatch;
pub(super) mod ending;
pub(super) mod expiry;
pub(super) mod full_rrq;
pub(super) mod keep_alive;
pub(super) mod refuse;
pub(super) mod requests_to_endpoints;
