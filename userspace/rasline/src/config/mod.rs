//! The configuration: one TOML file. Unknown keys are refused, and every error has file, line and key.
//!
//! Invariant: a [`Config`] has passed all checks of `check`; it is not validated again later.

mod agents;
mod check;
mod last_good;
mod moving;
mod raw;
mod recover;
mod serving;
mod source;
mod units;
mod warnings;
mod zones;

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

pub use agents::Agent;
pub use last_good::LastGood;
pub use rasline_core::proxy::{Source as UpstreamSource, Upstream};
pub use serving::own_id;
pub use units::{human_duration, parse_duration, parse_size};

/// Path of the configuration unless `--config` gives another one.
pub const DEFAULT_PATH: &str = "/etc/rasline/rasline.toml";

/// A configuration that passed all checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `[daemon]`.
    pub daemon: Daemon,
    /// `[metrics]`: address of the HTTP server for metrics; `None` serves none.
    pub metrics: Option<SocketAddr>,
    /// `[backup]`: rasline's own gatekeeper, the last candidate of zones with `backup = true`.
    pub backup: Option<Backup>,
    /// `[[interface]]`.
    pub interfaces: Vec<Interface>,
    /// `[[zone]]`.
    pub zones: Vec<Zone>,
    /// `[[agent]]`.
    pub agents: Vec<Agent>,
}

/// `[daemon]`.
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

/// `[backup]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Addresses of this machine, at most one of each family.
    pub addresses: Vec<IpAddr>,
    /// UDP port for RAS.
    pub ras_port: u16,
}

/// Which gatekeeper a zone's endpoints register with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ras {
    /// The zone's gatekeepers themselves.
    #[default]
    Transparent,
    /// rasline, at the zone's service address; it registers the endpoints with the zone's gatekeepers.
    Proxy,
    /// rasline, at the zone's service address, without a gatekeeper behind it.
    Registrar,
}

/// `[[interface]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Name in the network namespace of the controller.
    pub name: String,
    /// Which side of the network it leads to.
    pub side: Side,
    /// How the program is attached.
    pub xdp_mode: XdpMode,
}

/// The side of the network that an interface leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Towards endpoints.
    Endpoints,
    /// Towards gatekeepers.
    Gatekeepers,
    /// Towards both (a box on a stick).
    Both,
}

/// How the program is attached. Generic mode is never used as a fallback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum XdpMode {
    /// In the driver.
    #[default]
    Native,
    /// In the network stack: slow, for drivers without XDP.
    Generic,
}

/// When the kernel answers keep-alives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// Always, except for one per refresh interval, which goes to the gatekeeper.
    #[default]
    Offload,
    /// Only while the gatekeeper is silent.
    Hold,
    /// Never.
    Off,
}

/// What happens to call-signalling connections of a dead gatekeeper.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnLoss {
    /// The endpoint's next segment is answered with RST, so that it connects again at once. The controller makes silent
    /// endpoints send a segment.
    #[default]
    Reset,
    /// They are left alone.
    Pin,
}

/// What happens to RRQs above the migrate rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// They are answered with a RIP, so that the endpoint waits.
    #[default]
    Rip,
    /// They are dropped and counted.
    Drop,
}

/// When a zone returns to a better gatekeeper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failback {
    /// Only by command of the operator.
    None,
    /// When it has been healthy for this long.
    After(Duration),
    /// When no call-signalling connection to the active gatekeeper is open.
    AfterCalls,
    /// Within this time of day (minutes since midnight, local time); it may span midnight.
    Window {
        /// Start of the window.
        from: u16,
        /// End of the window.
        to: u16,
    },
}

/// Which requests probe a gatekeeper.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RasProbe {
    /// GRQs, or lightweight RRQs if it does not answer GRQs.
    #[default]
    Auto,
    /// GRQs only.
    Grq,
    /// Lightweight RRQs of a registration that rasline makes for this purpose.
    Rrq,
    /// No RAS probes.
    Off,
}

/// `[zone.probe]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// RAS requests to send.
    pub ras: RasProbe,
    /// Whether a healthy gatekeeper must also accept connections at its call-signalling port.
    pub tcp: bool,
    /// Interval between probes.
    pub interval: Duration,
    /// A gatekeeper silent for this long is dead, once `fall` probes are unanswered.
    pub dead_time: Duration,
    /// Minimum number of unanswered probes before a gatekeeper is dead.
    pub fall: u32,
    /// Consecutive answers before a dead gatekeeper is alive again.
    pub rise: u32,
    /// Time without silence before a dead gatekeeper is alive again.
    pub stable: Duration,
}

/// When endpoints are registered with the alternate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standby {
    /// After a failover, at the migrate rate.
    #[default]
    Cold,
    /// Ahead of time: their registrations are kept alive there as well.
    Warm,
}

/// `[[zone]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Name in messages, commands and metrics.
    pub name: String,
    /// Who is the gatekeeper towards its endpoints.
    pub ras: Ras,
    /// gatekeeperIdentifier of rasline's own gatekeeper unless the profile has one; `None`: that of the zone's first
    /// gatekeeper if known, else the zone's name.
    pub gatekeeper_identifier: Option<String>,
    /// How a proxy registers endpoints.
    pub upstream: Upstream,
    /// Source address of a proxy's messages to gatekeepers.
    pub upstream_source: UpstreamSource,
    /// A proxy's own address towards gatekeepers.
    pub upstream_address: Option<IpAddr>,
    /// Whether rasline's own gatekeeper answers GRQs to the multicast group.
    pub multicast: bool,
    /// When the kernel answers keep-alives.
    pub answer: Answer,
    /// timeToLive given to endpoints, in whole seconds; `None`: the gatekeeper's own.
    pub endpoint_ttl: Option<Duration>,
    /// Interval at which one keep-alive is let through; `None`: half the gatekeeper's timeToLive.
    pub refresh_every: Option<Duration>,
    /// How long the kernel answers endpoints of a silent gatekeeper.
    pub hold_for: Duration,
    /// An endpoint that sends nothing for longer is silent; `None`: the threshold follows its own rhythm.
    pub silent_after: Option<Duration>,
    /// A gatekeeper that leaves a request unanswered for longer is silent.
    pub dead_after: Duration,
    /// Whether registrations are kept alive at the first alternate ahead of time.
    pub standby: Standby,
    /// Maximum number of RRQs per second to the active gatekeeper while the zone moves; 0: unlimited.
    pub migrate_rate: u32,
    /// Maximum number of messages per second from unregistered sources to the zone's gatekeepers; 0: unlimited.
    pub unknown_rate: u32,
    /// What happens to call-signalling connections of a dead gatekeeper.
    pub on_loss: OnLoss,
    /// What happens to RRQs above `migrate_rate`.
    pub shape: Shape,
    /// Mean delay in the RIPs that answer them; each is random within 50 % of it.
    pub rip_delay: Duration,
    /// Logical gatekeeper addresses that endpoints use; empty where rasline has them itself ([`Origin::Own`]).
    pub service_address: Vec<IpAddr>,
    /// Whether alternates that its gatekeepers name become candidates.
    pub learn_alternates: bool,
    /// Prefixes that such alternates must lie in.
    pub allowed_alternates: Vec<IpNet>,
    /// When the zone returns to a better gatekeeper.
    pub failback: Failback,
    /// How its gatekeepers are probed.
    pub probe: Probe,
    /// Prefixes of the zone's endpoints.
    pub endpoints: Vec<IpNet>,
    /// Gatekeepers of the zone, rasline's own included.
    pub gatekeepers: Vec<Gatekeeper>,
}

/// `[[zone.gatekeeper]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gatekeeper {
    /// Id in messages, commands and metrics.
    pub id: String,
    /// IP address.
    pub address: IpAddr,
    /// UDP port for RAS.
    pub ras_port: u16,
    /// TCP port for call signalling.
    pub call_signal_port: u16,
    /// As in H.225.0, the lowest is tried first. Learned alternates have 128 added, so that all configured ones precede
    /// them.
    pub priority: u8,
    /// How it became a gatekeeper of the zone.
    pub origin: Origin,
}

impl Gatekeeper {
    /// Address and port for RAS.
    #[must_use]
    pub const fn ras(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.ras_port)
    }

    /// Whether this is rasline's own gatekeeper.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.origin == Origin::Own
    }
}

/// How a gatekeeper became a candidate of its zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is configured.
    Configured,
    /// It is rasline itself.
    Own,
    /// Another gatekeeper named it as an alternate.
    Learned {
        /// Id of the gatekeeper that named it.
        from: String,
        /// Kind of the message that named it.
        message: String,
        /// Whether endpoints must register before they use it (H.225.0, needToRegister).
        need_to_register: bool,
    },
}

/// An error in a configuration and its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// Path of the file.
    pub file: PathBuf,
    /// Line, from 1; `None` if the error concerns the whole file.
    pub line: Option<usize>,
    /// Key; empty if the error concerns no single key.
    pub key: String,
    /// Cause and next step.
    pub what: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.what)
    }
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// All errors in the file, by line.
    pub fn load(file: &Path) -> Result<Self, Vec<ConfigError>> {
        let text = read(file).map_err(|e| vec![e])?;
        Self::parse(file, &text)
    }

    /// Parses and checks a text; errors name `file`.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(file: &Path, text: &str) -> Result<Self, Vec<ConfigError>> {
        let source = source::Source { file, text };
        let mut found = recover::read(&source);
        let checked = found.raw.take().map(|raw| check::check(&source, raw));
        match checked {
            Some(Ok(config)) if found.errors.is_empty() => return Ok(config),
            Some(Err(more)) => {
                let more = more.into_iter();
                let known = more.filter(|e| e.line.is_some() || !found.incomplete);
                let real = known.filter_map(|e| recover::without_placeholders(e, &found.broken));
                found.errors.extend(real);
            }
            Some(Ok(_)) | None => {}
        }
        // Errors that concern the whole file come last.
        found.errors.sort_by_key(|e| (e.line.is_none(), e.line));
        Err(found.errors)
    }

    /// Reads `[daemon]` of a file that may be broken, as far as possible. Returns it and the first error of the file.
    /// For commands that must find the controller even if its file was broken since.
    #[must_use]
    pub fn load_daemon(file: &Path) -> (Daemon, Option<ConfigError>) {
        let (text, unreadable) = match read(file) {
            Ok(text) => (text, None),
            Err(e) => (String::new(), Some(e)),
        };
        match Self::parse(file, &text) {
            Ok(config) => (config.daemon, None),
            Err(errors) => {
                let source = source::Source { file, text: &text };
                let raw = recover::read(&source).raw.map(|raw| raw.daemon);
                let daemon = check::daemon(&source, raw.unwrap_or_default());
                (daemon, unreadable.or_else(|| errors.into_iter().next()))
            }
        }
    }
}

fn read(file: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(file).map_err(|e| {
        let next = match e.kind() {
            std::io::ErrorKind::NotFound => "create it, or name another file with --config",
            std::io::ErrorKind::PermissionDenied => {
                "run as root, or give this user read permission"
            }
            _ => "it must be a text file in UTF-8",
        };
        ConfigError {
            file: file.to_owned(),
            line: None,
            key: String::new(),
            what: format!("cannot be read: {e}; {next}"),
        }
    })
}

impl Side {
    /// Whether endpoints are on this side.
    #[must_use]
    pub const fn endpoints(self) -> bool {
        matches!(self, Self::Endpoints | Self::Both)
    }
    /// Whether gatekeepers are on this side.
    #[must_use]
    pub const fn gatekeepers(self) -> bool {
        matches!(self, Self::Gatekeepers | Self::Both)
    }
}

#[cfg(test)]
mod serving_tests;
#[cfg(test)]
mod tests;
