//! Where rasline is a gatekeeper itself: zones of its own, zones that it proxies, and zones that it backs up.
//!
//! Invariant: rasline's own gatekeepers are among a zone's gatekeepers as [`Origin::Own`]: first where it serves the
//! zone itself, last where it is the backup.

use std::{collections::HashMap, net::IpAddr};

use rasline_core::profile::MAX_IDENTIFIER;
use toml::Spanned;

use super::{Backup, Gatekeeper, Origin, Ras, Upstream, UpstreamSource, check::Checker, raw};

/// Id of rasline's own gatekeeper of the family of this address, as in `rasline gatekeeper list`.
#[must_use]
pub const fn own_id(address: IpAddr) -> &'static str {
    match address {
        IpAddr::V4(_) => "rasline",
        IpAddr::V6(_) => "rasline-v6",
    }
}

/// Its priority as a backup: after all others, including learned alternates.
pub const LAST: u8 = u8::MAX;

/// Keys of a zone about rasline's own gatekeeper, checked.
pub(super) struct Serving {
    pub(super) own: Vec<Gatekeeper>,
    pub(super) gatekeeper_identifier: Option<String>,
    pub(super) upstream: Upstream,
    pub(super) upstream_source: UpstreamSource,
    pub(super) upstream_address: Option<IpAddr>,
    pub(super) multicast: bool,
}

/// Which gatekeeper a zone's endpoints register with.
pub(super) fn ras(zone: &raw::Zone) -> Ras {
    zone.ras.as_ref().map_or(Ras::default(), |r| *r.get_ref())
}

/// How a proxy registers endpoints.
fn upstream(zone: &raw::Zone) -> Upstream {
    zone.upstream
        .as_ref()
        .map_or_else(Upstream::default, |u| *u.get_ref())
}

/// Source address of a proxy's messages. An aggregate is one registration, so it has one address.
fn upstream_source(zone: &raw::Zone) -> UpstreamSource {
    match (&zone.upstream_source, upstream(zone)) {
        (Some(source), _) => *source.get_ref(),
        (None, Upstream::Each) => UpstreamSource::Endpoint,
        (None, Upstream::Aggregate) => UpstreamSource::Own,
    }
}

impl Checker<'_> {
    pub(super) fn backup(&mut self, raw: Spanned<raw::Backup>) -> Backup {
        let span = raw.span();
        let raw = raw.into_inner();
        let mut addresses: Vec<IpAddr> = Vec::new();
        if raw.address.is_empty() {
            self.fail(
                Some(span),
                "address",
                "no addresses configured; add an address of this machine that endpoints can reach",
            );
        }
        for address in raw.address {
            let a = *address.get_ref();
            let what = if a.is_unspecified() || a.is_multicast() {
                format!("{a} is not a unicast address; use an address of this machine")
            } else if addresses.iter().any(|b| b.is_ipv4() == a.is_ipv4()) {
                format!("second address of this family: {a}; remove one")
            } else {
                addresses.push(a);
                continue;
            };
            self.fail(Some(address.span()), "address", what);
        }
        Backup {
            addresses,
            ras_port: self.number("ras_port", raw.ras_port, (1, 65_535), 1719),
        }
    }

    /// Checks that no own address is used by two zones, or by a zone and the backup.
    pub(super) fn apart(&mut self, zones: &[Spanned<raw::Zone>], backup: Option<&Backup>) {
        let mut services: HashMap<IpAddr, &str> = HashMap::new();
        let mut upstreams: HashMap<IpAddr, &str> = HashMap::new();
        let taken = backup.map_or(&[][..], |b| b.addresses.as_slice());
        services.extend(taken.iter().map(|a| (*a, "[backup]")));
        let mut wrong = Vec::new();
        for zone in zones
            .iter()
            .map(Spanned::get_ref)
            .filter(|z| ras(z) != Ras::Transparent)
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
            self.fail(Some(span), key, what);
        }
    }

    pub(super) fn serving(
        &mut self,
        zone: &raw::Zone,
        service_address: &[IpAddr],
        backup: Option<&Backup>,
    ) -> Serving {
        let ras = ras(zone);
        self.fits(zone, ras, backup);
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
        let wanted = zone.backup.as_ref().is_some_and(|b| *b.get_ref());
        let own = match (ras, backup) {
            (Ras::Transparent, Some(backup)) if wanted => {
                let of_family = |a: &&IpAddr| {
                    let mut gatekeepers = zone.gatekeeper.iter();
                    gatekeepers.any(|g| g.get_ref().address.get_ref().is_ipv4() == a.is_ipv4())
                };
                // Gatekeepers replace each other within an address family only: an own gatekeeper of another family
                // could never serve.
                let all = backup.addresses.iter().filter(of_family);
                all.map(own(LAST, backup.ras_port)).collect()
            }
            (Ras::Transparent, _) => Vec::new(),
            (Ras::Proxy | Ras::Registrar, _) => service_address.iter().map(own(0, 1719)).collect(),
        };
        Serving {
            own,
            gatekeeper_identifier: self.identifier(zone),
            upstream: upstream(zone),
            upstream_source: upstream_source(zone),
            upstream_address: zone.upstream_address.as_ref().map(|a| *a.get_ref()),
            multicast: self.multicast(zone, ras),
        }
    }

    /// Multicast discovery is defined for IPv4 only.
    fn multicast(&mut self, zone: &raw::Zone, ras: Ras) -> bool {
        let Some(wanted) = zone.multicast.as_ref().filter(|m| *m.get_ref()) else {
            return false;
        };
        let mut service = zone.service_address.iter();
        let what = if ras != Ras::Registrar {
            "is valid only with ras = \"registrar\"; remove it"
        } else if !service.any(|a| a.get_ref().is_ipv4()) {
            "multicast discovery works over IPv4 only; add an IPv4 service_address, or remove this key"
        } else {
            return true;
        };
        self.fail(Some(wanted.span()), "multicast", what);
        false
    }

    /// Checks a gatekeeperIdentifier: 1 to 128 characters.
    fn identifier(&mut self, zone: &raw::Zone) -> Option<String> {
        let given = zone.gatekeeper_identifier.as_ref()?;
        let text = given.get_ref();
        if text.is_empty() || text.encode_utf16().count() > MAX_IDENTIFIER {
            self.fail(
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
    fn fits(&mut self, zone: &raw::Zone, ras: Ras, backup: Option<&Backup>) {
        let name = zone.name.get_ref();
        let service = &zone.service_address;
        if ras != Ras::Transparent {
            let span = zone.ras.as_ref().map(Spanned::span);
            if service.is_empty() {
                let what = format!(
                    "zone \"{name}\" has no service_address; add an address of this machine where its endpoints register"
                );
                self.fail(span.clone(), "ras", what);
            }
            for family in [IpAddr::is_ipv4, IpAddr::is_ipv6] {
                if let Some(second) = service.iter().filter(|a| family(a.get_ref())).nth(1) {
                    let what = format!(
                        "second service address of this family in zone \"{name}\", which rasline serves itself; remove one"
                    );
                    self.fail(Some(second.span()), "service_address", what);
                }
            }
            if zone.learn_alternates {
                let what = "is valid only with ras = \"transparent\"; remove it";
                self.fail(span.clone(), "learn_alternates", what);
            }
            if zone.standby == super::Standby::Warm {
                let what = "is valid only with ras = \"transparent\"; remove it";
                self.fail(span.clone(), "standby", what);
            }
        }
        if ras == Ras::Registrar
            && let Some(g) = zone.gatekeeper.first()
        {
            let what = format!(
                "rasline is the gatekeeper of zone \"{name}\" (ras = \"registrar\"); remove this one, or set ras = \"proxy\""
            );
            self.fail(Some(g.span()), "gatekeeper", what);
        }
        self.only_proxy(zone, ras);
        if let Some(wanted) = zone.backup.as_ref().filter(|b| *b.get_ref()) {
            let what = if ras != Ras::Transparent {
                "is valid only with ras = \"transparent\"; remove it"
            } else if let Some(backup) = backup {
                let mut all = zone.gatekeeper.iter();
                let has = |v4: bool| backup.addresses.iter().any(|a| a.is_ipv4() == v4);
                if all.all(|g| has(g.get_ref().address.get_ref().is_ipv4())) {
                    return;
                }
                "[backup] lacks an address of a family that the zone's gatekeepers have; add one"
            } else {
                "[backup] is missing; add it with an address of this machine"
            };
            self.fail(Some(wanted.span()), "backup", what);
        }
    }

    /// Checks keys that are valid for a proxy only.
    fn only_proxy(&mut self, zone: &raw::Zone, ras: Ras) {
        let what = "is valid only with ras = \"proxy\"; remove it";
        if ras != Ras::Proxy {
            if let Some(upstream) = &zone.upstream {
                self.fail(Some(upstream.span()), "upstream", what);
            }
            if let Some(source) = &zone.upstream_source {
                self.fail(Some(source.span()), "upstream_source", what);
            }
            if let Some(address) = &zone.upstream_address {
                self.fail(Some(address.span()), "upstream_address", what);
            }
            return;
        }
        let source = upstream_source(zone);
        if let Some(given) = &zone.upstream_source
            && source == UpstreamSource::Endpoint
            && upstream(zone) == Upstream::Aggregate
        {
            let what = "an aggregate is registered from upstream_address; remove this key, or set upstream = \"each\"";
            self.fail(Some(given.span()), "upstream_source", what);
        }
        if zone.upstream_address.is_none() && source == UpstreamSource::Own {
            let what = format!(
                "zone \"{}\" has no upstream_address; add the address of this machine that its gatekeepers will see",
                zone.name.get_ref()
            );
            self.fail(
                zone.ras.as_ref().map(Spanned::span),
                "upstream_address",
                what,
            );
        }
    }
}
