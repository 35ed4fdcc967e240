//! The mode of a zone: who is the gatekeeper towards its endpoints, and the keys that depend on it.
//!
//! Invariant: rasline's own gatekeepers are among a zone's gatekeepers as [`Origin::Own`]: first where it serves the
//! zone itself, last where it is the backup.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use ipnet::IpNet;
use rasline_core::{
    profile::MAX_IDENTIFIER,
    proxy::{Source as UpstreamSource, Upstream},
};
use serde::Deserialize;
use toml::Spanned;

use super::{OnLoss, RawZone, Shape, Standby};
use crate::config::{
    backup::Backup,
    checker::Checker,
    gatekeeper::{Gatekeeper, LAST, Origin, own_id},
};

/// UDP port of a proxy's RAS towards gatekeepers.
const UPLINK_PORT: u16 = 1719;
/// Default of `rip_delay`.
const RIP_DELAY: Duration = Duration::from_secs(2);

/// The key `ras` as written: which gatekeeper a zone's endpoints register with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum Ras {
    /// The zone's gatekeepers themselves.
    #[default]
    Transparent,
    /// rasline, at the zone's service address; it registers the endpoints with the zone's gatekeepers.
    Proxy,
    /// rasline, at the zone's service address, without a gatekeeper behind it.
    Registrar,
}

/// The mode of a zone, with what holds in that mode only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ZoneMode {
    /// Endpoints register with the zone's gatekeepers; rasline is between them.
    Transparent(Steering),
    /// Endpoints register with rasline, which registers them with the zone's gatekeepers.
    Proxy(Uplink),
    /// Endpoints register with rasline, and nobody is behind it.
    Registrar {
        /// Whether it answers GRQs to the multicast group.
        multicast: bool,
    },
}

impl ZoneMode {
    /// The value of the key `ras`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Transparent(_) => "transparent",
            Self::Proxy(_) => "proxy",
            Self::Registrar { .. } => "registrar",
        }
    }

    /// Whether endpoints register with the zone's gatekeepers.
    #[must_use]
    pub const fn is_transparent(&self) -> bool {
        matches!(self, Self::Transparent(_))
    }

    /// Whether rasline is a proxy for the zone.
    #[must_use]
    pub const fn is_proxy(&self) -> bool {
        matches!(self, Self::Proxy(_))
    }

    /// Whether rasline is the zone's only gatekeeper.
    #[must_use]
    pub const fn is_registrar(&self) -> bool {
        matches!(self, Self::Registrar { .. })
    }

    /// How the zone's traffic is steered; `None` if rasline is a gatekeeper itself.
    #[must_use]
    pub const fn steering(&self) -> Option<&Steering> {
        match self {
            Self::Transparent(steering) => Some(steering),
            Self::Proxy(_) | Self::Registrar { .. } => None,
        }
    }

    /// How a proxy registers endpoints; `None` if the zone has no proxy.
    #[must_use]
    pub const fn uplink(&self) -> Option<&Uplink> {
        match self {
            Self::Proxy(uplink) => Some(uplink),
            Self::Transparent(_) | Self::Registrar { .. } => None,
        }
    }

    /// Whether rasline's own gatekeeper answers GRQs to the multicast group.
    #[must_use]
    pub const fn answers_multicast(&self) -> bool {
        matches!(self, Self::Registrar { multicast: true })
    }
}

/// How the traffic of a transparent zone finds the gatekeeper that serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steering {
    /// Logical gatekeeper addresses that endpoints use.
    pub service_address: Vec<IpAddr>,
    /// Whether registrations are kept alive at the first alternate ahead of time.
    pub standby: Standby,
    /// What happens to call-signalling connections of a dead gatekeeper.
    pub on_loss: OnLoss,
    /// What happens to RRQs above `migrate_rate`.
    pub shape: Shape,
    /// Mean delay in the RIPs that answer them; each is random within 50 % of it.
    pub rip_delay: Duration,
    /// Whether alternates that the zone's gatekeepers name become candidates.
    pub learn_alternates: bool,
    /// Prefixes that such alternates must lie in.
    pub allowed_alternates: Vec<IpNet>,
}

/// The defaults of the keys.
impl Default for Steering {
    fn default() -> Self {
        Self {
            service_address: Vec::new(),
            standby: Standby::default(),
            on_loss: OnLoss::default(),
            shape: Shape::default(),
            rip_delay: RIP_DELAY,
            learn_alternates: false,
            allowed_alternates: Vec::new(),
        }
    }
}

/// How a proxy reaches the zone's gatekeepers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uplink {
    /// How it registers endpoints.
    pub upstream: Upstream,
    /// Source address of its messages to gatekeepers.
    pub source: UpstreamSource,
    /// Its own address towards gatekeepers.
    pub address: Option<IpAddr>,
    /// Ports of the callSignalAddresses that stand for endpoints at that address, if rasline ends their call signalling.
    pub signalling_ports: Option<PortRange>,
}

/// The key `call_signalling` as written: where call signalling ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum CallSignalling {
    /// At the endpoints and at the gatekeepers.
    #[default]
    Off,
    /// At rasline, on both sides.
    Proxy,
}

/// A range of ports, as `first-last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PortRange {
    /// The lowest port.
    pub first: u16,
    /// The highest port.
    pub last: u16,
}

/// Default of `signalling_ports`.
const SIGNALLING_PORTS: PortRange = PortRange {
    first: 20_000,
    last: 29_999,
};

impl TryFrom<String> for PortRange {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let parse = |port: &str| port.trim().parse::<u16>().ok().filter(|port| *port > 0);
        let ports = text.split_once('-');
        let ports = ports.and_then(|(first, last)| Some((parse(first)?, parse(last)?)));
        match ports {
            Some((first, last)) if first <= last => Ok(Self { first, last }),
            _ => Err(format!(
                "\"{text}\" is not a range of ports; write it as \"20000-29999\""
            )),
        }
    }
}

impl Uplink {
    /// A proxy's own RAS address towards gatekeepers.
    #[must_use]
    pub fn ras_address(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.address?, UPLINK_PORT))
    }
}

impl RawZone {
    /// The mode that the zone is to have.
    pub(in crate::config) fn ras(&self) -> Ras {
        self.ras.as_ref().map_or(Ras::default(), |r| *r.get_ref())
    }

    /// How a proxy registers endpoints.
    fn upstream(&self) -> Upstream {
        self.upstream
            .as_ref()
            .map_or_else(Upstream::default, |u| *u.get_ref())
    }

    /// Source address of a proxy's messages. An aggregate is one registration, so it has one address.
    fn upstream_source(&self) -> UpstreamSource {
        match (&self.upstream_source, self.upstream()) {
            (Some(source), _) => *source.get_ref(),
            (None, Upstream::Each) if !self.ends_calls() => UpstreamSource::Endpoint,
            (None, _) => UpstreamSource::Own,
        }
    }

    /// Whether rasline ends call signalling.
    fn ends_calls(&self) -> bool {
        let wanted = self.call_signalling.as_ref();
        wanted.is_some_and(|wanted| *wanted.get_ref() == CallSignalling::Proxy)
    }

    /// The ports that stand for endpoints in call signalling, if rasline ends it.
    fn signalling_ports(&self) -> Option<PortRange> {
        let ports = self.signalling_ports.as_ref();
        let ports = ports.map_or(SIGNALLING_PORTS, |ports| *ports.get_ref());
        self.ends_calls().then_some(ports)
    }

    /// Checks what depends on the mode. `service_address` has been checked already.
    pub(super) fn check_mode(
        &self,
        c: &mut Checker<'_>,
        service_address: Vec<IpAddr>,
        backup: Option<&Backup>,
    ) -> ZoneMode {
        let ras = self.ras();
        self.check_keys_of_mode(c, ras, backup);
        let rip_delay = (Duration::from_millis(10), Duration::from_secs(30));
        let rip_delay = c.duration("rip_delay", self.rip_delay.clone(), rip_delay);
        let multicast = self.check_multicast(c, ras);
        match ras {
            Ras::Transparent => ZoneMode::Transparent(Steering {
                service_address,
                standby: self.standby,
                on_loss: self.on_loss,
                shape: self.shape,
                rip_delay: rip_delay.unwrap_or(RIP_DELAY),
                learn_alternates: self.learn_alternates,
                allowed_alternates: (self.allowed_alternates.iter())
                    .map(|net| *net.get_ref())
                    .collect(),
            }),
            Ras::Proxy => ZoneMode::Proxy(Uplink {
                upstream: self.upstream(),
                source: self.upstream_source(),
                address: self.upstream_address.as_ref().map(|a| *a.get_ref()),
                signalling_ports: self.signalling_ports(),
            }),
            Ras::Registrar => ZoneMode::Registrar { multicast },
        }
    }

    /// Returns rasline's own gatekeepers in the zone.
    pub(super) fn own_gatekeepers(
        &self,
        service_address: &[IpAddr],
        backup: Option<&Backup>,
    ) -> Vec<Gatekeeper> {
        let own = |priority, ras_port| {
            move |address: &IpAddr| Gatekeeper {
                id: own_id(*address).to_owned(),
                address: *address,
                ras_port,
                call_signal_port: 1720,
                priority,
                origin: Origin::Own,
            }
        };
        let wanted = self.backup.as_ref().is_some_and(|b| *b.get_ref());
        match (self.ras(), backup) {
            (Ras::Transparent, Some(backup)) if wanted => {
                let of_family = |a: &&IpAddr| {
                    let mut gatekeepers = self.gatekeeper.iter();
                    gatekeepers.any(|g| g.get_ref().address.get_ref().is_ipv4() == a.is_ipv4())
                };
                // Gatekeepers replace each other within an address family only: an own gatekeeper of another family
                // could never serve.
                let all = backup.addresses.iter().filter(of_family);
                all.map(own(LAST, backup.ras_port)).collect()
            }
            (Ras::Transparent, _) => Vec::new(),
            (Ras::Proxy | Ras::Registrar, _) => service_address.iter().map(own(0, 1719)).collect(),
        }
    }

    /// Multicast discovery is defined for IPv4 only.
    fn check_multicast(&self, c: &mut Checker<'_>, ras: Ras) -> bool {
        let Some(wanted) = self.multicast.as_ref().filter(|m| *m.get_ref()) else {
            return false;
        };
        let mut service = self.service_address.iter();
        let what = if ras != Ras::Registrar {
            "is valid only with ras = \"registrar\"; remove it"
        } else if !service.any(|a| a.get_ref().is_ipv4()) {
            "multicast discovery works over IPv4 only; add an IPv4 service_address, or remove this key"
        } else {
            return true;
        };
        c.fail(Some(wanted.span()), "multicast", what);
        false
    }

    /// Checks a gatekeeperIdentifier: 1 to 128 characters.
    pub(super) fn check_identifier(&self, c: &mut Checker<'_>) -> Option<String> {
        let given = self.gatekeeper_identifier.as_ref()?;
        let text = given.get_ref();
        if text.is_empty() || text.encode_utf16().count() > MAX_IDENTIFIER {
            c.fail(
                Some(given.span()),
                "gatekeeper_identifier",
                format!(
                    "is not a valid gatekeeperIdentifier; use 1 to {MAX_IDENTIFIER} characters"
                ),
            );
        }
        Some(text.clone())
    }

    /// Checks keys that depend on each other.
    fn check_keys_of_mode(&self, c: &mut Checker<'_>, ras: Ras, backup: Option<&Backup>) {
        let name = self.name.get_ref();
        let service = &self.service_address;
        if ras != Ras::Transparent {
            let span = self.ras.as_ref().map(Spanned::span);
            if service.is_empty() {
                let what = format!(
                    "zone \"{name}\" has no service_address; add an address of this machine where its endpoints register"
                );
                c.fail(span.clone(), "ras", what);
            }
            for family in [IpAddr::is_ipv4, IpAddr::is_ipv6] {
                if let Some(second) = service.iter().filter(|a| family(a.get_ref())).nth(1) {
                    let what = format!(
                        "second service address of this family in zone \"{name}\", which rasline serves itself; remove one"
                    );
                    c.fail(Some(second.span()), "service_address", what);
                }
            }
            if self.learn_alternates {
                let what = "is valid only with ras = \"transparent\"; remove it";
                c.fail(span.clone(), "learn_alternates", what);
            }
            if self.standby == Standby::Warm {
                let what = "is valid only with ras = \"transparent\"; remove it";
                c.fail(span.clone(), "standby", what);
            }
        }
        if ras == Ras::Registrar
            && let Some(g) = self.gatekeeper.first()
        {
            let what = format!(
                "rasline is the gatekeeper of zone \"{name}\" (ras = \"registrar\"); remove this one, or set ras = \"proxy\""
            );
            c.fail(Some(g.span()), "gatekeeper", what);
        }
        self.check_keys_of_proxy(c, ras);
        self.check_call_signalling(c, ras);
        if let Some(wanted) = self.backup.as_ref().filter(|b| *b.get_ref()) {
            let what = if ras != Ras::Transparent {
                "is valid only with ras = \"transparent\"; remove it"
            } else if let Some(backup) = backup {
                let mut all = self.gatekeeper.iter();
                let has = |v4: bool| backup.addresses.iter().any(|a| a.is_ipv4() == v4);
                if all.all(|g| has(g.get_ref().address.get_ref().is_ipv4())) {
                    return;
                }
                "[backup] lacks an address of a family that the zone's gatekeepers have; add one"
            } else {
                "[backup] is missing; add it with an address of this machine"
            };
            c.fail(Some(wanted.span()), "backup", what);
        }
    }

    /// Checks the keys of call signalling.
    fn check_call_signalling(&self, c: &mut Checker<'_>, ras: Ras) {
        if let Some(ports) = self
            .signalling_ports
            .as_ref()
            .filter(|_| !self.ends_calls())
        {
            let what = "is valid only with call_signalling = \"proxy\"; remove it";
            c.fail(Some(ports.span()), "signalling_ports", what);
        }
        let Some(wanted) = self.call_signalling.as_ref().filter(|_| self.ends_calls()) else {
            return;
        };
        let what = if ras != Ras::Proxy {
            "\"proxy\" is valid only with ras = \"proxy\"; set that, or remove this key"
        } else if self.upstream() == Upstream::Aggregate {
            "\"proxy\" needs upstream = \"each\": gatekeepers must know endpoints one by one to call them"
        } else if self.upstream_source() == UpstreamSource::Endpoint {
            "\"proxy\" needs upstream_source = \"own\": gatekeepers take endpoints for hidden by NAT otherwise"
        } else {
            return;
        };
        c.fail(Some(wanted.span()), "call_signalling", what);
    }

    /// Checks keys that are valid for a proxy only.
    fn check_keys_of_proxy(&self, c: &mut Checker<'_>, ras: Ras) {
        let what = "is valid only with ras = \"proxy\"; remove it";
        if ras != Ras::Proxy {
            if let Some(upstream) = &self.upstream {
                c.fail(Some(upstream.span()), "upstream", what);
            }
            if let Some(source) = &self.upstream_source {
                c.fail(Some(source.span()), "upstream_source", what);
            }
            if let Some(address) = &self.upstream_address {
                c.fail(Some(address.span()), "upstream_address", what);
            }
            return;
        }
        let source = self.upstream_source();
        if let Some(given) = &self.upstream_source
            && source == UpstreamSource::Endpoint
            && self.upstream() == Upstream::Aggregate
        {
            let what = "an aggregate is registered from upstream_address; remove this key, or set upstream = \"each\"";
            c.fail(Some(given.span()), "upstream_source", what);
        }
        if self.upstream_address.is_none() && source == UpstreamSource::Own {
            let what = format!(
                "zone \"{}\" has no upstream_address; add the address of this machine that its gatekeepers will see",
                self.name.get_ref()
            );
            c.fail(
                self.ras.as_ref().map(Spanned::span),
                "upstream_address",
                what,
            );
        }
    }
}

/// Checks that no own address is used by two zones, or by a zone and the backup.
pub(in crate::config) fn check_own_addresses(
    c: &mut Checker<'_>,
    zones: &[Spanned<RawZone>],
    backup: Option<&Backup>,
) {
    let mut services: HashMap<IpAddr, &str> = HashMap::new();
    let mut upstreams: HashMap<IpAddr, &str> = HashMap::new();
    let taken = backup.map_or(&[][..], |b| b.addresses.as_slice());
    services.extend(taken.iter().map(|a| (*a, "[backup]")));
    let mut wrong = Vec::new();
    for zone in zones
        .iter()
        .map(Spanned::get_ref)
        .filter(|z| z.ras() != Ras::Transparent)
    {
        let own = zone.service_address.iter().map(|a| (a, "service_address"));
        let upstream = zone
            .upstream_address
            .iter()
            .map(|a| (a, "upstream_address"));
        for (address, key) in own.chain(upstream) {
            let a = *address.get_ref();
            let all = if key == "service_address" {
                &mut services
            } else {
                &mut upstreams
            };
            if let Some(other) = all.insert(a, zone.name.get_ref())
                && other != zone.name.get_ref()
            {
                wrong.push((
                    address.span(),
                    key,
                    format!("{a} is already used by {other}; give this zone its own address"),
                ));
            }
        }
    }
    for (span, key, what) in wrong {
        c.fail(Some(span), key, what);
    }
}
