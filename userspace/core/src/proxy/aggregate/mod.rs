//! All endpoints behind one gateway registration.

pub(super) mod gateway;
pub(super) mod registration;
