//! The configuration: one TOML file. Unknown keys are refused, and every error has file, line and key.
//!
//! A file for each table: as written (`Raw...`), checked, and the checks in between. A new key touches that file only.
//!
//! Invariant: a [`Config`] has passed all checks; it is not validated again later.

mod agent;
mod backup;
mod checker;
mod daemon;
mod gatekeeper;
mod interface;
mod last_good;
mod metrics;
mod probe;
mod recover;
mod source;
#[cfg(test)]
mod tests;
mod units;
mod zone;

use std::{collections::BTreeSet, net::SocketAddr, path::Path};

use serde::Deserialize;
use toml::Spanned;

pub use self::{
    agent::Agent,
    backup::Backup,
    daemon::{Daemon, OnStop},
    gatekeeper::{Gatekeeper, Origin, own_id},
    last_good::LastGood,
    probe::{Probe, RasProbe},
    source::ConfigError,
    units::{human_duration, parse_duration, parse_size},
    zone::{Answer, Failback, OnLoss, Shape, Standby, Steering, Uplink, Zone, ZoneMode},
};
use self::{
    agent::RawAgent, backup::RawBackup, checker::Checker, daemon::RawDaemon,
    interface::RawInterface, metrics::RawMetrics, source::Source, zone::RawZone,
};
pub use rasline_core::proxy::{Source as UpstreamSource, Upstream};
pub use rasline_host::interface::{Interface, Side, XdpMode};

/// Path of the configuration unless `--config` gives another one.
pub const DEFAULT_PATH: &str = "/etc/rasline/rasline.toml";

/// A configuration that passed all checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `[daemon]`: paths, sizes and limits.
    pub daemon: Daemon,
    /// `[metrics]`: address of the HTTP server for metrics; `None` serves none.
    pub metrics: Option<SocketAddr>,
    /// `[backup]`: rasline's own gatekeeper, the last candidate of zones with `backup = true`.
    pub backup: Option<Backup>,
    /// `[[interface]]`: where the program is attached.
    pub interfaces: Vec<Interface>,
    /// `[[zone]]`: endpoints and their gatekeepers.
    pub zones: Vec<Zone>,
    /// `[[agent]]`: rasline's own endpoints.
    pub agents: Vec<Agent>,
}

/// The configuration as written in the file, with positions for errors.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename = "Config")]
struct RawConfig {
    #[serde(default)]
    daemon: RawDaemon,
    #[serde(default)]
    metrics: RawMetrics,
    backup: Option<Spanned<RawBackup>>,
    #[serde(default)]
    interface: Vec<Spanned<RawInterface>>,
    #[serde(default)]
    zone: Vec<Spanned<RawZone>>,
    #[serde(default)]
    agent: Vec<Spanned<RawAgent>>,
}

impl RawConfig {
    /// Applies defaults and checks everything.
    ///
    /// # Errors
    /// All errors, by line.
    fn check(self, source: &Source<'_>) -> Result<Config, Vec<ConfigError>> {
        let mut checker = Checker::new(source);
        let c = &mut checker;
        // A configuration with agents alone needs neither zones nor interfaces.
        let agents_only =
            !self.agent.is_empty() && self.zone.is_empty() && self.interface.is_empty();
        let daemon = self.daemon.check(c);
        let metrics = self.metrics.check(c);
        let agents = agent::check_all(c, self.agent);
        let backup = self.backup.map(|raw| {
            let span = raw.span();
            raw.into_inner().check(span, c)
        });
        let (interfaces, zones) = if agents_only {
            (Vec::new(), Vec::new())
        } else {
            let own_only = zone::have_own_gatekeepers_only(&self.zone);
            let interfaces = interface::check_all(c, self.interface, own_only);
            zone::check_own_addresses(c, &self.zone, backup.as_ref());
            (interfaces, zone::check_all(c, self.zone, backup.as_ref()))
        };
        let errors = checker.into_errors();
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Config {
            daemon,
            metrics,
            backup,
            interfaces,
            zones,
            agents,
        })
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
        let source = Source { file, text };
        let mut found = recover::read(&source);
        let checked = found.raw.take().map(|raw| raw.check(&source));
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

    /// RAS addresses of rasline's own gatekeepers and proxies, each of them once.
    #[must_use]
    pub fn own_ras_addresses(&self) -> Vec<SocketAddr> {
        let gatekeepers = self.zones.iter().flat_map(|z| &z.gatekeepers);
        let own = gatekeepers.filter(|g| g.is_own()).map(Gatekeeper::ras);
        let uplinks = self.zones.iter().filter_map(|z| z.mode.uplink());
        let all = own.chain(uplinks.filter_map(Uplink::ras_address));
        all.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Addresses that rasline itself answers at.
    #[must_use]
    pub fn own_addresses(&self) -> Vec<SocketAddr> {
        let mut addresses = self.own_ras_addresses();
        addresses.extend(self.metrics);
        addresses
    }

    /// Warnings about values that conflict, each with its zone and the consequence.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.zones.iter().flat_map(Zone::warnings).collect()
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
                let source = Source { file, text: &text };
                let raw = recover::read(&source).raw.map(|raw| raw.daemon);
                let daemon = raw.unwrap_or_default().check(&mut Checker::new(&source));
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
