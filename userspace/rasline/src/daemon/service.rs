//! What a service manager is told (sd_notify): ready, reloading, stopping, and that the event loop still turns.
//!
//! Without one (no NOTIFY_SOCKET) nothing happens.

use sd_notify::NotifyState;

use crate::printable::escape;

fn tell(states: &[NotifyState<'_>]) {
    if let Err(e) = sd_notify::notify(states) {
        tracing::debug!("service manager: {e}");
    }
}

/// Everything is attached and answering.
pub(super) fn ready(status: &str) {
    // A line feed would begin another assignment.
    tell(&[NotifyState::Ready, NotifyState::Status(&escape(status))]);
}

/// A reload begins; [`ready`] ends it.
pub(super) fn reloading() {
    tell(&[NotifyState::Reloading]);
}

/// The controller is about to end.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// The event loop turns.
pub(super) fn alive() {
    tell(&[NotifyState::Watchdog]);
}
