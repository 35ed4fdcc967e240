//! `[daemon]`: where the controller keeps its files, and how much the program may hold.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::{
    checker::Checker,
    units::{Size, Span},
};

/// Default of `max_registrations`.
const MAX_REGISTRATIONS: u32 = 131_072;

/// The `[daemon]` table: paths, sizes and limits of the controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Daemon {
    /// Unix socket that the CLI talks to.
    pub control_socket: PathBuf,
    /// Group whose members may use the socket.
    pub control_group: Option<String>,
    /// Folder of the lock, the store and the profiles.
    pub state_dir: PathBuf,
    /// Folder of the pinned program, links and maps, in a bpffs.
    pub bpffs: PathBuf,
    /// Maximum number of registrations that the kernel answers for.
    pub max_registrations: u32,
    /// Size of the ring buffer between kernel and controller in octets, a power of two.
    pub ring_buffer: u32,
    /// Maximum number of flows in the kernel's table.
    pub flows: u32,
    /// Maximum number of messages per second that each CPU copies to the controller.
    pub copies_per_second: u32,
    /// Maximum number of messages per second that are copied from one source.
    pub copies_per_source: u32,
    /// After this long without a heartbeat the data path treats the controller as dead.
    pub heartbeat_timeout: Duration,
    /// What a clean stop does with the program.
    pub on_stop: OnStop,
}

/// What a clean stop does with the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnStop {
    /// Detach it and remove the pins.
    Detach,
    /// Leave it attached and answering.
    Stay,
}

/// `[daemon]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename = "Daemon")]
pub(super) struct RawDaemon {
    control_socket: Option<Spanned<PathBuf>>,
    control_group: Option<String>,
    state_dir: Option<Spanned<PathBuf>>,
    bpffs: Option<Spanned<PathBuf>>,
    max_registrations: Option<Spanned<u32>>,
    ring_buffer: Option<Spanned<Size>>,
    flows: Option<Spanned<u32>>,
    copies_per_second: Option<Spanned<u32>>,
    copies_per_source: Option<Spanned<u32>>,
    heartbeat_timeout: Option<Spanned<Span>>,
    on_stop: Option<OnStop>,
}

impl RawDaemon {
    /// Checks the table; invalid values are taken as written.
    pub(super) fn check(self, c: &mut Checker<'_>) -> Daemon {
        let ring_buffer = self.ring_buffer.map_or(8 << 20, |size| {
            let n = size.get_ref().0;
            let what = if !n.is_power_of_two() {
                format!("{n} bytes is not a power of two; use \"64KiB\" to \"1024MiB\"")
            } else if !(1 << 16..=1 << 30).contains(&n) {
                format!("{n} bytes is out of range; use \"64KiB\" to \"1024MiB\"")
            } else {
                return n as u32;
            };
            c.fail(Some(size.span()), "ring_buffer", what);
            n as u32
        });
        Daemon {
            control_socket: c.path(
                "control_socket",
                self.control_socket,
                "/run/rasline/control.sock",
            ),
            control_group: self.control_group,
            state_dir: c.path("state_dir", self.state_dir, "/var/lib/rasline"),
            bpffs: c.path("bpffs", self.bpffs, "/sys/fs/bpf/rasline"),
            max_registrations: c.number(
                "max_registrations",
                self.max_registrations,
                (16, 4_194_304),
                MAX_REGISTRATIONS,
            ),
            ring_buffer,
            flows: c.number("flows", self.flows, (1024, 16_777_216), 131_072),
            copies_per_second: c.number(
                "copies_per_second",
                self.copies_per_second,
                (10, 1_000_000),
                20_000,
            ),
            copies_per_source: c.number(
                "copies_per_source",
                self.copies_per_source,
                (1, 100_000),
                50,
            ),
            heartbeat_timeout: c
                .duration(
                    "heartbeat_timeout",
                    self.heartbeat_timeout,
                    (Duration::from_secs(1), Duration::from_mins(1)),
                )
                .unwrap_or(Duration::from_secs(3)),
            on_stop: self.on_stop.unwrap_or(OnStop::Detach),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::config::tests::{GOOD, errors};

    #[test]
    fn daemon() {
        let with = |line: &str| errors(&format!("[daemon]\n{line}\n{GOOD}"));
        assert_eq!(
            with("state_dir = \"lib\""),
            ["r.toml:2: state_dir: \"lib\" is a relative path; use an absolute path"]
        );
        assert_eq!(
            with("ring_buffer = \"3MiB\""),
            [
                "r.toml:2: ring_buffer: 3145728 bytes is not a power of two; use \"64KiB\" to \"1024MiB\""
            ]
        );
        assert_eq!(
            with("max_registrations = 1"),
            ["r.toml:2: max_registrations: 1 is out of range; use 16 to 4194304"]
        );
        assert!(with("max_registrations = -1")[0].starts_with("r.toml:2: max_registrations: "));
        assert!(
            with("on_stop = \"fly\"")[0].starts_with("r.toml:2: on_stop: unknown value \"fly\"")
        );
    }
}
