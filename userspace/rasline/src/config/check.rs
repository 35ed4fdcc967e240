//! From what stands in the file to what holds together: defaults, ranges, names, prefixes.

use std::{collections::HashSet, net::IpAddr, ops::Range, path::Path, time::Duration};

use ipnet::IpNet;
use toml::Spanned;

use super::{
    Config, ConfigError, Daemon, Gatekeeper, Interface, OnStop, Zone, human_duration, raw,
    units::Span,
};

const MAX_REGISTRATIONS: u32 = 131_072;
const DAY: Duration = Duration::from_hours(24);

/// The text and its name, to say where an error is.
pub(super) struct Source<'a> {
    pub(super) file: &'a Path,
    pub(super) text: &'a str,
}

impl Source<'_> {
    fn line(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or(self.text);
        before.matches('\n').count() + 1
    }

    fn error(&self, span: Option<Range<usize>>, key: &str, what: impl Into<String>) -> ConfigError {
        ConfigError {
            file: self.file.to_owned(),
            line: span.map(|s| self.line(s.start)),
            key: key.to_owned(),
            what: what.into(),
        }
    }

    /// An error of the TOML parser or of serde. The key is what stands left of `=` in that line.
    pub(super) fn syntax(&self, e: &toml::de::Error) -> ConfigError {
        let message = e.message().replace('\n', ", ");
        let Some(span) = e.span() else {
            return self.error(None, "", message);
        };
        let line = self
            .text
            .lines()
            .nth(self.line(span.start) - 1)
            .unwrap_or_default();
        let key = line
            .split_once('=')
            .map(|(key, _)| key.trim())
            .unwrap_or_default();
        let key = if key.starts_with('#') || key.starts_with('[') {
            ""
        } else {
            key
        };
        let what = if let Some(rest) = message.strip_prefix("unknown field ") {
            let known = rest.split_once(", ").map_or("", |(_, known)| known);
            let name = self.text.get(span.clone()).unwrap_or_default();
            let known = known.replace("expected one of ", "known here: ");
            return self.error(
                Some(span.clone()),
                if key.is_empty() { name } else { key },
                format!("is not a key that is known here; remove it or correct its name ({known})"),
            );
        } else {
            message
        };
        self.error(Some(span), key, what)
    }
}

struct Checker<'a> {
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
    let interfaces = c.interfaces(raw.interface);
    let zones = c.zones(raw.zone);
    if c.errors.is_empty() {
        Ok(Config {
            daemon,
            interfaces,
            zones,
        })
    } else {
        c.errors.sort_by_key(|e| e.line);
        Err(c.errors)
    }
}

impl Checker<'_> {
    fn fail(&mut self, span: Option<Range<usize>>, key: &str, what: impl Into<String>) {
        self.errors.push(self.source.error(span, key, what));
    }

    fn duration(
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
                    "{} is out of range; give {} to {}",
                    human_duration(d),
                    human_duration(range.0),
                    human_duration(range.1)
                ),
            );
        }
        Some(d)
    }

    fn number<T: PartialOrd + std::fmt::Display + Copy>(
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
                format!("{n} is out of range; give {} to {}", range.0, range.1),
            );
        }
        n
    }

    fn path(
        &mut self,
        key: &str,
        value: Option<Spanned<std::path::PathBuf>>,
        default: &str,
    ) -> std::path::PathBuf {
        let Some(value) = value else {
            return default.into();
        };
        if !value.get_ref().is_absolute() {
            self.fail(
                Some(value.span()),
                key,
                format!(
                    "\"{}\" is relative; give a path from /",
                    value.get_ref().display()
                ),
            );
        }
        value.into_inner()
    }

    fn daemon(&mut self, raw: raw::Daemon) -> Daemon {
        let ring_buffer = raw.ring_buffer.map_or(8 << 20, |size| {
            let n = size.get_ref().0;
            if !n.is_power_of_two() || !(1 << 16..=1 << 30).contains(&n) {
                self.fail(
                    Some(size.span()),
                    "ring_buffer",
                    format!(
                        "{n} octets cannot be; give a power of two from \"64KiB\" to \"1024MiB\""
                    ),
                );
            }
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

    fn interfaces(&mut self, raw: Vec<Spanned<raw::Interface>>) -> Vec<Interface> {
        let mut names = HashSet::new();
        let mut all = Vec::new();
        if raw.len() > rasline_abi::MAX_INTERFACES {
            self.fail(
                None,
                "interface",
                format!(
                    "{} are more than the {} that can be",
                    raw.len(),
                    rasline_abi::MAX_INTERFACES
                ),
            );
        }
        for interface in raw {
            let interface = interface.into_inner();
            let (span, name) = (interface.name.span(), interface.name.into_inner());
            if name.is_empty() || name.len() > 15 || name.contains(['/', ' ']) {
                self.fail(Some(span.clone()), "name", format!("\"{name}\" cannot be an interface; give 1 to 15 characters, as `ip link` shows them"));
            }
            if !names.insert(name.clone()) {
                self.fail(Some(span), "name", format!("interface \"{name}\" stands twice; use side = \"both\" for a box on a stick"));
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
            ("gatekeepers", all.iter().any(|i| i.side.gatekeepers())),
        ] {
            if !present {
                self.fail(None, "interface", format!("none is on the side of the {side}; add an [[interface]] with side = \"{side}\" or \"both\""));
            }
        }
        all
    }

    fn zones(&mut self, raw: Vec<Spanned<raw::Zone>>) -> Vec<Zone> {
        if raw.is_empty() {
            self.fail(None, "zone", "there is none; add a [[zone]]");
        }
        if raw.len() > rasline_abi::MAX_ZONES as usize {
            self.fail(
                None,
                "zone",
                format!(
                    "{} are more than the {} that can be",
                    raw.len(),
                    rasline_abi::MAX_ZONES
                ),
            );
        }
        let gatekeepers: usize = raw.iter().map(|z| z.get_ref().gatekeeper.len()).sum();
        if gatekeepers > rasline_abi::MAX_GATEKEEPERS as usize {
            self.fail(
                None,
                "zone.gatekeeper",
                format!(
                    "{gatekeepers} are more than the {} that can be",
                    rasline_abi::MAX_GATEKEEPERS
                ),
            );
        }
        self.prefixes(&raw);
        let mut names = HashSet::new();
        raw.into_iter()
            .map(|zone| self.zone(zone, &mut names))
            .collect()
    }

    /// Prefixes of different zones apart, and no gatekeeper inside any.
    fn prefixes(&mut self, zones: &[Spanned<raw::Zone>]) {
        let prefixes: Vec<(&str, &Spanned<IpNet>)> = zones
            .iter()
            .flat_map(|z| {
                z.get_ref()
                    .endpoints
                    .iter()
                    .map(|p| (z.get_ref().name.get_ref().as_str(), p))
            })
            .collect();
        let overlaps = |a: &IpNet, b: &IpNet| a.contains(b) || b.contains(a);
        for (i, (zone, prefix)) in prefixes.iter().enumerate() {
            let net = prefix.get_ref();
            if net.trunc() != *net {
                self.fail(
                    Some(prefix.span()),
                    "endpoints",
                    format!(
                        "{net} has bits set after its prefix; write \"{}\"",
                        net.trunc()
                    ),
                );
            }
            if let IpNet::V6(v6) = net
                && v6.contains(&std::net::Ipv4Addr::UNSPECIFIED.to_ipv6_mapped())
            {
                self.fail(Some(prefix.span()), "endpoints", format!("{net} covers IPv4 too, as ::ffff:0:0/96; write a longer prefix, such as 2000::/3"));
            }
            if let Some((other, theirs)) = prefixes[..i]
                .iter()
                .find(|(other, p)| other != zone && overlaps(p.get_ref(), net))
            {
                self.fail(Some(prefix.span()), "endpoints", format!("{net} of zone \"{zone}\" overlaps {} of zone \"{other}\"; an endpoint can be of one zone only", theirs.get_ref()));
            }
        }
        for gatekeeper in zones.iter().flat_map(|z| &z.get_ref().gatekeeper) {
            let address = &gatekeeper.get_ref().address;
            if let Some((zone, prefix)) = prefixes
                .iter()
                .find(|(_, p)| p.get_ref().contains(address.get_ref()))
            {
                self.fail(Some(address.span()), "address", format!("gatekeeper \"{}\" ({}) lies inside {} of zone \"{zone}\"'s endpoints; narrow that prefix", gatekeeper.get_ref().id.get_ref(), address.get_ref(), prefix.get_ref()));
            }
        }
    }

    fn zone(&mut self, zone: Spanned<raw::Zone>, names: &mut HashSet<String>) -> Zone {
        let second = Duration::from_secs(1);
        let span = zone.span();
        let zone = zone.into_inner();
        let name = zone.name.get_ref().clone();
        if name.is_empty() || !names.insert(name.clone()) {
            let what = if name.is_empty() {
                "is empty; give the zone a name".to_owned()
            } else {
                format!("zone \"{name}\" stands twice; rename one")
            };
            self.fail(Some(zone.name.span()), "name", what);
        }
        if zone.endpoints.is_empty() {
            self.fail(
                Some(span.clone()),
                "endpoints",
                format!("zone \"{name}\" has none; list the prefixes of its endpoints"),
            );
        }
        if zone.gatekeeper.is_empty() {
            self.fail(
                Some(span),
                "gatekeeper",
                format!("zone \"{name}\" has none; add a [[zone.gatekeeper]]"),
            );
        }
        let ttl_span = zone.endpoint_ttl.as_ref().map(Spanned::span);
        let refresh_span = zone.refresh_every.as_ref().map(Spanned::span);
        let endpoint_ttl = self.duration("endpoint_ttl", zone.endpoint_ttl, (second, DAY));
        if endpoint_ttl.is_some_and(|d| d.subsec_nanos() != 0) {
            self.fail(
                ttl_span,
                "endpoint_ttl",
                "timeToLive counts whole seconds; leave out the fraction",
            );
        }
        let refresh_every = self.duration("refresh_every", zone.refresh_every, (second, 365 * DAY));
        if let (Some(ttl), Some(every)) = (endpoint_ttl, refresh_every)
            && every < ttl
        {
            self.fail(refresh_span, "refresh_every", format!("{} is shorter than endpoint_ttl ({}), so no keep-alive would be answered; make it longer", human_duration(every), human_duration(ttl)));
        }
        let hold_for = self
            .duration("hold_for", zone.hold_for, (second, 365 * DAY))
            .unwrap_or(Duration::from_mins(15));
        let dead_after = self
            .duration(
                "dead_after",
                zone.dead_after,
                (Duration::from_millis(50), Duration::from_mins(1)),
            )
            .unwrap_or(Duration::from_millis(600));
        Zone {
            gatekeepers: self.gatekeepers(&name, zone.gatekeeper),
            name,
            answer: zone.answer,
            endpoint_ttl,
            refresh_every,
            hold_for,
            dead_after,
            endpoints: zone
                .endpoints
                .into_iter()
                .map(Spanned::into_inner)
                .collect(),
        }
    }

    fn gatekeepers(&mut self, zone: &str, raw: Vec<Spanned<raw::Gatekeeper>>) -> Vec<Gatekeeper> {
        let mut ids: HashSet<String> = HashSet::new();
        let mut addresses: HashSet<IpAddr> = HashSet::new();
        let mut all = Vec::new();
        for gatekeeper in raw {
            let g = gatekeeper.into_inner();
            let (id, address) = (g.id.get_ref().clone(), *g.address.get_ref());
            if id.is_empty() || !ids.insert(id.clone()) {
                let what = if id.is_empty() {
                    "is empty; give the gatekeeper a name".to_owned()
                } else {
                    format!("gatekeeper \"{id}\" stands twice in zone \"{zone}\"; rename one")
                };
                self.fail(Some(g.id.span()), "id", what);
            }
            if !addresses.insert(address) {
                self.fail(Some(g.address.span()), "address", format!("{address} stands twice in zone \"{zone}\"; a gatekeeper is known by its address"));
            }
            if address.is_unspecified() || address.is_multicast() {
                self.fail(
                    Some(g.address.span()),
                    "address",
                    format!("{address} cannot be a gatekeeper; give a unicast address"),
                );
            }
            all.push(Gatekeeper {
                id,
                address,
                ras_port: self.number("ras_port", g.ras_port, (1, 65_535), 1719),
                call_signal_port: self.number(
                    "call_signal_port",
                    g.call_signal_port,
                    (1, 65_535),
                    1720,
                ),
                priority: self.number("priority", g.priority, (0, 127), 0),
            });
        }
        all
    }
}
