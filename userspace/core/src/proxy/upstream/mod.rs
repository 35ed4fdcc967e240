//! The side of the gatekeepers: registrations, their keep-alives, and what gatekeepers say.

pub(super) mod dispatch;
pub(super) mod keep_alive;
pub(super) mod moving;
pub(super) mod on_rcf;
pub(super) mod queue;
pub(super) mod registration;
pub(super) mod requests_to_gatekeeper;
pub(super) mod source;
