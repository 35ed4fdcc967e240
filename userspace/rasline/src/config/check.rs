//! Turns the raw configuration into a checked one: defaults, ranges, names, prefixes.

use std::{collections::HashSet, net::SocketAddr, ops::Range, path::PathBuf, time::Duration};

use toml::Spanned;

use super::{
    Config, ConfigError, Daemon, Interface, OnStop, Ras, human_duration, raw, serving,
    source::Source, units::Span,
};
use crate::bpf::Dataplane;

const MAX_REGISTRATIONS: u32 = 131_072;
pub(super) const DAY: Duration = Duration::from_hours(24);
/// Checks keys and collects the errors.
pub(super) struct Checker<'a> {
    source: &'a Source<'a>,
    errors: Vec<ConfigError>,
}

/// Applies defaults and checks everything; reports all errors at once.
pub(super) fn check(source: &Source<'_>, raw: raw::Config) -> Result<Config, Vec<ConfigError>> {
    let mut c = Checker {
        source,
        errors: Vec::new(),
    };
    let daemon = c.daemon(raw.daemon);
    let metrics = c.metrics(raw.metrics);
    // A configuration with agents alone needs neither zones nor interfaces.
    let agents_only = !raw.agent.is_empty() && raw.zone.is_empty() && raw.interface.is_empty();
    let agents = c.agents(raw.agent);
    let backup = raw.backup.map(|raw| c.backup(raw));
    let (interfaces, zones) = if agents_only {
        (Vec::new(), Vec::new())
    } else {
        let own_only = !raw.zone.is_empty()
            && raw
                .zone
                .iter()
                .all(|z| serving::ras(z.get_ref()) == Ras::Registrar);
        let interfaces = c.interfaces(raw.interface, own_only);
        c.apart(&raw.zone, backup.as_ref());
        (interfaces, c.zones(raw.zone, backup.as_ref()))
    };
    if c.errors.is_empty() {
        Ok(Config {
            daemon,
            metrics,
            backup,
            interfaces,
            zones,
            agents,
        })
    } else {
        c.errors.sort_by_key(|e| e.line);
        Err(c.errors)
    }
}

/// `[daemon]` of a configuration with errors; invalid values are taken as written.
pub(super) fn daemon(source: &Source<'_>, raw: raw::Daemon) -> Daemon {
    let mut checker = Checker {
        source,
        errors: Vec::new(),
    };
    checker.daemon(raw)
}

impl Checker<'_> {
    /// Adds an error.
    pub(super) fn fail(&mut self, span: Option<Range<usize>>, key: &str, what: impl Into<String>) {
        self.errors.push(self.source.error(span, key, what));
    }

    pub(super) fn duration(
        &mut self,
        key: &str,
        value: Option<Spanned<Span>>,
        range: (Duration, Duration),
    ) -> Option<Duration> {
        let value = value?;
        let d = value.get_ref().0;
        if d < range.0 || d > range.1 {
            self.fail(
                Some(value.span()),
                key,
                format!(
                    "{} is out of range; use {} to {}",
                    human_duration(d),
                    human_duration(range.0),
                    human_duration(range.1)
                ),
            );
        }
        Some(d)
    }

    pub(super) fn number<T: PartialOrd + std::fmt::Display + Copy>(
        &mut self,
        key: &str,
        value: Option<Spanned<T>>,
        range: (T, T),
        default: T,
    ) -> T {
        let Some(value) = value else { return default };
        let n = *value.get_ref();
        if n < range.0 || n > range.1 {
            self.fail(
                Some(value.span()),
                key,
                format!("{n} is out of range; use {} to {}", range.0, range.1),
            );
        }
        n
    }

    fn path(&mut self, key: &str, value: Option<Spanned<PathBuf>>, default: &str) -> PathBuf {
        let Some(value) = value else {
            return default.into();
        };
        if !value.get_ref().is_absolute() {
            self.fail(
                Some(value.span()),
                key,
                format!(
                    "\"{}\" is a relative path; use an absolute path",
                    value.get_ref().display()
                ),
            );
        }
        value.into_inner()
    }

    fn daemon(&mut self, raw: raw::Daemon) -> Daemon {
        let ring_buffer = raw.ring_buffer.map_or(8 << 20, |size| {
            let n = size.get_ref().0;
            let what = if !n.is_power_of_two() {
                format!("{n} bytes is not a power of two; use \"64KiB\" to \"1024MiB\"")
            } else if !(1 << 16..=1 << 30).contains(&n) {
                format!("{n} bytes is out of range; use \"64KiB\" to \"1024MiB\"")
            } else {
                return n as u32;
            };
            self.fail(Some(size.span()), "ring_buffer", what);
            n as u32
        });
        Daemon {
            control_socket: self.path(
                "control_socket",
                raw.control_socket,
                "/run/rasline/control.sock",
            ),
            control_group: raw.control_group,
            state_dir: self.path("state_dir", raw.state_dir, "/var/lib/rasline"),
            bpffs: self.path("bpffs", raw.bpffs, "/sys/fs/bpf/rasline"),
            max_registrations: self.number(
                "max_registrations",
                raw.max_registrations,
                (16, 4_194_304),
                MAX_REGISTRATIONS,
            ),
            ring_buffer,
            flows: self.number("flows", raw.flows, (1024, 16_777_216), 131_072),
            copies_per_second: self.number(
                "copies_per_second",
                raw.copies_per_second,
                (10, 1_000_000),
                20_000,
            ),
            copies_per_source: self.number(
                "copies_per_source",
                raw.copies_per_source,
                (1, 100_000),
                50,
            ),
            heartbeat_timeout: self
                .duration(
                    "heartbeat_timeout",
                    raw.heartbeat_timeout,
                    (Duration::from_secs(1), Duration::from_mins(1)),
                )
                .unwrap_or(Duration::from_secs(3)),
            on_stop: raw.on_stop.unwrap_or(OnStop::Detach),
        }
    }

    fn metrics(&mut self, raw: raw::Metrics) -> Option<SocketAddr> {
        let listen = raw.listen?;
        let wrong = match listen.get_ref().parse::<SocketAddr>() {
            Ok(address) if address.port() == 0 => "has no port",
            Ok(address) if address.ip().is_multicast() => "is a multicast address",
            Ok(address) => return Some(address),
            Err(_) => "is not ADDRESS:PORT",
        };
        let what = format!(
            "\"{}\" {wrong}; write \"127.0.0.1:9719\" or \"[::1]:9719\"",
            listen.get_ref()
        );
        self.fail(Some(listen.span()), "listen", what);
        None
    }

    /// Checks all interfaces. `own_only`: rasline is the only gatekeeper of every zone, so none has to be on the side
    /// of gatekeepers.
    fn interfaces(&mut self, raw: Vec<Spanned<raw::Interface>>, own_only: bool) -> Vec<Interface> {
        let mut names = HashSet::new();
        let mut all = Vec::new();
        if raw.len() > Dataplane::MAX_INTERFACES {
            self.fail(
                None,
                "interface",
                format!(
                    "{} interfaces configured; the maximum is {}",
                    raw.len(),
                    Dataplane::MAX_INTERFACES
                ),
            );
        }
        for interface in raw {
            let interface = interface.into_inner();
            let (span, name) = (interface.name.span(), interface.name.into_inner());
            if name.is_empty() || name.len() > 15 || name.contains(['/', ' ']) {
                self.fail(Some(span.clone()), "name", format!("\"{name}\" is not a valid interface name; use 1 to 15 characters, as shown by `ip link`"));
            }
            if !names.insert(name.clone()) {
                self.fail(
                    Some(span),
                    "name",
                    format!(
                        "duplicate interface \"{name}\"; use side = \"both\" for a box on a stick"
                    ),
                );
            }
            all.push(Interface {
                name,
                side: interface.side,
                xdp_mode: interface.xdp_mode,
            });
        }
        for (side, present) in [
            (
                "endpoints",
                all.iter().any(|i: &Interface| i.side.endpoints()),
            ),
            (
                "gatekeepers",
                own_only || all.iter().any(|i| i.side.gatekeepers()),
            ),
        ] {
            if !present {
                self.fail(None, "interface", format!("no interface towards the {side}; add an [[interface]] with side = \"{side}\" or \"both\""));
            }
        }
        all
    }
}
