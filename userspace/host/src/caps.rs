//! Capabilities of the process (`/proc/self/status`, CapEff).

use crate::failure::{Failure, Result};

/// A capability by number and name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability(pub u32, pub &'static str);

/// Attach programs, transparent sockets.
pub const NET_ADMIN: Capability = Capability(12, "CAP_NET_ADMIN");
/// Includes what `CAP_BPF` allows.
pub const SYS_ADMIN: Capability = Capability(21, "CAP_SYS_ADMIN");
/// Load programs, make maps.
pub const BPF: Capability = Capability(39, "CAP_BPF");

/// The effective set, or 0 if it cannot be read.
#[must_use]
pub fn effective() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    parse(&status)
}

fn parse(status: &str) -> u64 {
    status
        .lines()
        .find_map(|l| l.strip_prefix("CapEff:"))
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .unwrap_or(0)
}

/// Names of the missing ones among [`NET_ADMIN`] and [`BPF`] (or [`SYS_ADMIN`]).
#[must_use]
pub fn missing(effective: u64) -> Vec<&'static str> {
    let has = |c: Capability| effective & (1 << c.0) != 0;
    let mut missing = Vec::new();
    if !has(NET_ADMIN) {
        missing.push(NET_ADMIN.1);
    }
    if !has(BPF) && !has(SYS_ADMIN) {
        missing.push(BPF.1);
    }
    missing
}

/// Fails if a required capability is missing.
///
/// # Errors
/// The names of the missing capabilities.
pub fn require() -> Result<()> {
    let missing = missing(effective());
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        "permission",
        format!("{} missing", missing.join(" and ")),
        "run as root, or grant them with AmbientCapabilities= in the systemd unit or with setcap",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_is_missing() {
        assert_eq!(
            missing(parse("Name:\tx\nCapEff:\t0000000000000000\n")),
            ["CAP_NET_ADMIN", "CAP_BPF"]
        );
        assert_eq!(missing(1 << 12 | 1 << 21), [""; 0]);
        assert_eq!(missing(1 << 12 | 1 << 39), [""; 0]);
        assert_eq!(missing(1 << 39), ["CAP_NET_ADMIN"]);
    }
}
