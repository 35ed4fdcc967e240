//! What goes through: requests of one side that the other one answers, and the calls that they are about.

pub(super) mod call_ref;
pub(super) mod calls;
pub(super) mod endpoint_requests;
pub(super) mod gatekeeper_requests;
pub(super) mod recall;
pub(super) mod translate;
pub(super) mod waits;
