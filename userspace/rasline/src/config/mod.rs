//! The configuration: one TOML file, unknown keys refused, every error with file, line and key.
//!
//! Invariant: a [`Config`] has passed all checks of `check`; nothing after it validates again.

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

/// Where the configuration is looked for.
pub const DEFAULT_PATH: &str = "/etc/rasline/rasline.toml";

/// A configuration that holds together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `[daemon]`.
    pub daemon: Daemon,
    /// `[metrics]`: where they are given over HTTP; none: nowhere.
    pub metrics: Option<SocketAddr>,
    /// `[backup]`: where rasline's own gatekeeper is, as zones' last candidate; none: nowhere.
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
    /// Group that may use it besides its owner.
    pub control_group: Option<String>,
    /// Where the controller keeps its lock.
    pub state_dir: PathBuf,
    /// Folder of the pins, in a bpffs.
    pub bpffs: PathBuf,
    /// Registrations that the kernel may answer for.
    pub max_registrations: u32,
    /// Octets of ring buffer between kernel and controller, a power of two.
    pub ring_buffer: u32,
    /// Flows that the kernel remembers.
    pub flows: u32,
    /// Messages a second that the kernel copies to the controller, each CPU.
    pub copies_per_second: u32,
    /// The same, from one source.
    pub copies_per_source: u32,
    /// A controller silent for so long counts as gone.
    pub heartbeat_timeout: Duration,
    /// What a clean stop does.
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
    /// Addresses of this machine, one of each family at most.
    pub addresses: Vec<IpAddr>,
    /// RAS port.
    pub ras_port: u16,
}

/// Who is the gatekeeper towards a zone's endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ras {
    /// The zone's gatekeepers themselves.
    #[default]
    Transparent,
    /// rasline, at the zone's service address; it registers the endpoints with the zone's gatekeepers.
    Proxy,
    /// rasline, at the zone's service address, and nobody behind it.
    Registrar,
}

/// `[[interface]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name in the network namespace of the controller.
    pub name: String,
    /// Who is behind it.
    pub side: Side,
    /// How the program is attached.
    pub xdp_mode: XdpMode,
}

/// Who is behind an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Endpoints.
    Endpoints,
    /// Gatekeepers.
    Gatekeepers,
    /// Both: a box on a stick.
    Both,
}

/// How the program is attached; generic is never a fallback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum XdpMode {
    /// In the driver.
    #[default]
    Native,
    /// In the network stack; slow, for drivers without XDP.
    Generic,
}

/// Whether the kernel answers keep-alives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// All but one a refresh interval.
    #[default]
    Offload,
    /// While the gatekeeper is silent.
    Hold,
    /// Never.
    Off,
}

/// What becomes of a call-signalling connection whose gatekeeper is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnLoss {
    /// The endpoint's next segment is answered with RST, so that it connects again at once; the controller asks silent
    /// endpoints for one.
    #[default]
    Reset,
    /// It is left alone.
    Pin,
}

/// What becomes of RRQs beyond the migrate rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// The endpoint gets a RIP: wait.
    #[default]
    Rip,
    /// They are dropped and counted.
    Drop,
}

/// When a zone returns to a better gatekeeper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failback {
    /// When the operator says so.
    None,
    /// When it has been well for so long.
    After(Duration),
    /// When no call-signalling connection is open at the one that serves.
    AfterCalls,
    /// At this time of day (minutes since midnight, local time), which may go past midnight.
    Window {
        /// From.
        from: u16,
        /// To.
        to: u16,
    },
}

/// What a gatekeeper is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RasProbe {
    /// A GRQ, and a lightweight RRQ where it does not answer those.
    #[default]
    Auto,
    /// A GRQ.
    Grq,
    /// A lightweight RRQ of a registration of rasline's own.
    Rrq,
    /// Nothing.
    Off,
}

/// `[zone.probe]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What is asked.
    pub ras: RasProbe,
    /// Whether a gatekeeper must accept connections at its call-signalling port, too.
    pub tcp: bool,
    /// Between probes.
    pub interval: Duration,
    /// Silence that is death.
    pub dead_time: Duration,
    /// Unanswered probes that death takes at least.
    pub fall: u32,
    /// Answers in a row that life takes.
    pub rise: u32,
    /// Time without silence that life takes.
    pub stable: Duration,
}

/// How endpoints come to be registered with the alternate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standby {
    /// After a failover, at the migrate rate.
    #[default]
    Cold,
    /// Ahead of time: their registrations are kept alive there, too.
    Warm,
}

/// `[[zone]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Its name.
    pub name: String,
    /// Who is the gatekeeper towards its endpoints.
    pub ras: Ras,
    /// gatekeeperIdentifier of rasline's own gatekeeper, where no profile says another; none: as its first gatekeeper calls
    /// itself, or the zone's name.
    pub gatekeeper_identifier: Option<String>,
    /// How a proxy registers endpoints.
    pub upstream: Upstream,
    /// Whose address a proxy's messages to gatekeepers come from.
    pub upstream_source: UpstreamSource,
    /// A proxy's own address towards gatekeepers.
    pub upstream_address: Option<IpAddr>,
    /// Whether rasline's own gatekeeper answers GRQs to the multicast group.
    pub multicast: bool,
    /// Who answers.
    pub answer: Answer,
    /// timeToLive given to endpoints, in whole seconds; none: the gatekeeper's own.
    pub endpoint_ttl: Option<Duration>,
    /// How often a keep-alive is let through; none: half the gatekeeper's timeToLive.
    pub refresh_every: Option<Duration>,
    /// How long a silent gatekeeper's endpoints are answered.
    pub hold_for: Duration,
    /// An endpoint that says nothing for longer is silent; none: by its own rhythm.
    pub silent_after: Option<Duration>,
    /// A gatekeeper that leaves a request unanswered for longer is silent.
    pub dead_after: Duration,
    /// Whether registrations are kept alive at the first alternate ahead of time.
    pub standby: Standby,
    /// RRQs a second at most that reach the active gatekeeper while the zone moves; 0: no bound.
    pub migrate_rate: u32,
    /// Messages a second at most that reach the zone's gatekeepers from sources without a registration; 0: no bound.
    pub unknown_rate: u32,
    /// What becomes of call-signalling connections whose gatekeeper is gone.
    pub on_loss: OnLoss,
    /// What becomes of RRQs beyond `migrate_rate`.
    pub shape: Shape,
    /// Delay of the RIP that such RRQs get, spread by half of that either way.
    pub rip_delay: Duration,
    /// Logical gatekeeper addresses that endpoints point at; empty where rasline has them itself ([`Origin::Own`]).
    pub service_address: Vec<IpAddr>,
    /// Whether alternates that its gatekeepers name become candidates.
    pub learn_alternates: bool,
    /// Prefixes that such alternates must lie in.
    pub allowed_alternates: Vec<IpNet>,
    /// When it returns to a better gatekeeper.
    pub failback: Failback,
    /// How its gatekeepers are probed.
    pub probe: Probe,
    /// Prefixes of its endpoints.
    pub endpoints: Vec<IpNet>,
    /// Its gatekeepers.
    pub gatekeepers: Vec<Gatekeeper>,
}

/// `[[zone.gatekeeper]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gatekeeper {
    /// Name of your choice.
    pub id: String,
    /// Address.
    pub address: IpAddr,
    /// RAS port.
    pub ras_port: u16,
    /// Call signalling port.
    pub call_signal_port: u16,
    /// As in H.225.0: the lowest is tried first. Learned ones come after all of the file: 128 is added.
    pub priority: u8,
    /// Where it comes from.
    pub origin: Origin,
}

impl Gatekeeper {
    /// RAS address.
    #[must_use]
    pub const fn ras(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.ras_port)
    }

    /// Whether it is rasline itself.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.origin == Origin::Own
    }
}

/// Where a gatekeeper of a zone comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The configuration.
    Configured,
    /// It is rasline itself.
    Own,
    /// Another gatekeeper named it.
    Learned {
        /// Id of that one.
        from: String,
        /// Kind of the message that did.
        message: String,
        /// Endpoints must register before they use it (H.225.0, needToRegister).
        need_to_register: bool,
    },
}

/// What is wrong with a configuration, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// Line, from 1; none: the file as a whole.
    pub line: Option<usize>,
    /// The key; empty: none in particular.
    pub key: String,
    /// What is wrong, and what to do.
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
    /// All that is wrong with it, in the order of its lines.
    pub fn load(file: &Path) -> Result<Self, Vec<ConfigError>> {
        let text = read(file).map_err(|e| vec![e])?;
        Self::parse(file, &text)
    }

    /// Parses and checks a text; `file` is what errors name.
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
        // What concerns the whole file comes last.
        found.errors.sort_by_key(|e| (e.line.is_none(), e.line));
        Err(found.errors)
    }

    /// `[daemon]` of a file that may be broken, as far as it can be read, and the first thing that is wrong. For
    /// commands that must find a running or dead controller whatever somebody wrote into its file since.
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
            std::io::ErrorKind::NotFound => "name the right one with --config, or write it",
            std::io::ErrorKind::PermissionDenied => "run as root, or let this user read it",
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
    /// Whether endpoints are behind it.
    #[must_use]
    pub const fn endpoints(self) -> bool {
        matches!(self, Self::Endpoints | Self::Both)
    }
    /// Whether gatekeepers are behind it.
    #[must_use]
    pub const fn gatekeepers(self) -> bool {
        matches!(self, Self::Gatekeepers | Self::Both)
    }
}

#[cfg(test)]
mod serving_tests;
#[cfg(test)]
mod tests;
