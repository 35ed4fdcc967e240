//! What a command does on this machine while no controller runs: finds the program that a dead one left attached,
//! detaches it, and captures frames.

use std::path::{Path, PathBuf};

use rasline_kernel::pins::{self, Pin};
pub use rasline_kernel::{Capture, Captured, pins::describe_program};

use crate::{config::Daemon, failure::Result, host::lock};

/// Whether a controller holds the lock of this folder.
#[must_use]
pub fn controller_runs(daemon: &Daemon) -> bool {
    lock::held(&daemon.state_dir.join("lock")).is_some()
}

/// Path of the file that a running capture keeps locked.
#[must_use]
pub fn capture_lock(daemon: &Daemon) -> PathBuf {
    daemon.state_dir.join("capture.lock")
}

/// Returns the pinned links: the interfaces to which a program is attached, with its id.
///
/// # Errors
/// When the folder of pins cannot be read.
pub fn pinned_links(bpffs: &Path) -> Result<Vec<Pin>> {
    pins::links(bpffs)
}

/// Detaches the program from an interface. Returns whether it was pinned there.
///
/// # Errors
/// When a pin cannot be removed.
pub fn detach_interface(bpffs: &Path, interface: &str) -> Result<bool> {
    pins::remove_link(bpffs, interface)
}

/// Detaches the program from all interfaces, and returns their names.
///
/// # Errors
/// When a pin cannot be removed.
pub fn detach_all(bpffs: &Path) -> Result<Vec<String>> {
    pins::remove_all(bpffs)
}
