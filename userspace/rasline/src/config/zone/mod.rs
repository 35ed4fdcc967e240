//! `[[zone]]`: endpoints that share gatekeepers, and what happens to their traffic.

mod failback;
mod mode;
mod prefixes;
#[cfg(test)]
mod tests;
mod warnings;

use std::{collections::HashSet, net::IpAddr, ops::Range, time::Duration};

use ipnet::IpNet;
use rasline_abi::{MAX_GATEKEEPERS, MAX_ZONES};
use rasline_core::proxy::{Source as UpstreamSource, Upstream};
use serde::{Deserialize, Serialize};
use toml::Spanned;

pub(super) use self::mode::check_own_addresses;
pub use self::{
    failback::Failback,
    mode::{Steering, Uplink, ZoneMode},
};
use self::{failback::RawFailback, mode::Ras};
use super::{
    backup::Backup,
    checker::{Checker, DAY},
    gatekeeper::{self, Gatekeeper, RawGatekeeper},
    human_duration,
    probe::{Probe, RawProbe},
    units::Span,
};

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

/// A `[[zone]]` table: endpoints that share gatekeepers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Name in messages, commands and metrics.
    pub name: String,
    /// Who is the gatekeeper towards its endpoints.
    pub mode: ZoneMode,
    /// gatekeeperIdentifier of rasline's own gatekeeper unless the profile has one; `None`: that of the zone's first
    /// gatekeeper if known, else the zone's name.
    pub gatekeeper_identifier: Option<String>,
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
    /// Maximum number of RRQs per second to the active gatekeeper while the zone moves; 0: unlimited.
    pub migrate_rate: u32,
    /// Maximum number of messages per second from unregistered sources to the zone's gatekeepers; 0: unlimited.
    pub unknown_rate: u32,
    /// When the zone returns to a better gatekeeper.
    pub failback: Failback,
    /// How its gatekeepers are probed.
    pub probe: Probe,
    /// Prefixes of the zone's endpoints.
    pub endpoints: Vec<IpNet>,
    /// Gatekeepers of the zone, rasline's own included.
    pub gatekeepers: Vec<Gatekeeper>,
}

impl Zone {
    /// Logical gatekeeper addresses that endpoints use; none where rasline has them itself ([`super::Origin::Own`]).
    #[must_use]
    pub fn service_addresses(&self) -> &[IpAddr] {
        let steering = self.mode.steering();
        steering.map_or(&[], |steering| steering.service_address.as_slice())
    }

    /// RAS and call-signalling port of the service addresses: those of the zone's first gatekeeper.
    #[must_use]
    pub fn service_ports(&self) -> (u16, u16) {
        self.gatekeepers
            .iter()
            .min_by_key(|g| g.priority)
            .map_or((1719, 1720), |g| (g.ras_port, g.call_signal_port))
    }

    /// Whether the zone's traffic may have to be steered.
    #[must_use]
    pub fn is_steered(&self) -> bool {
        self.mode.is_transparent()
            && (self.gatekeepers.len() > 1 || !self.service_addresses().is_empty())
    }

    /// Whether somebody decides which of the zone's gatekeepers serves it.
    #[must_use]
    pub fn is_decided(&self) -> bool {
        self.is_steered() || self.mode.is_proxy()
    }

    /// Whether it is watched which of the zone's gatekeepers live: one that lives outside may die.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        !self.mode.is_registrar() && self.gatekeepers.iter().any(|g| !g.is_own())
    }

    /// Whether rasline serves the zone itself while all of its other gatekeepers are down.
    #[must_use]
    pub fn is_backed_up(&self) -> bool {
        self.mode.is_transparent() && self.gatekeepers.iter().any(Gatekeeper::is_own)
    }
}

/// A `[[zone]]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename = "Zone")]
pub(super) struct RawZone {
    name: Spanned<String>,
    ras: Option<Spanned<Ras>>,
    upstream: Option<Spanned<Upstream>>,
    backup: Option<Spanned<bool>>,
    gatekeeper_identifier: Option<Spanned<String>>,
    upstream_source: Option<Spanned<UpstreamSource>>,
    upstream_address: Option<Spanned<IpAddr>>,
    multicast: Option<Spanned<bool>>,
    call_signalling: Option<Spanned<mode::CallSignalling>>,
    signalling_ports: Option<Spanned<mode::PortRange>>,
    #[serde(default)]
    answer: Answer,
    endpoint_ttl: Option<Spanned<Span>>,
    refresh_every: Option<Spanned<Span>>,
    hold_for: Option<Spanned<Span>>,
    silent_after: Option<Spanned<Span>>,
    dead_after: Option<Spanned<Span>>,
    #[serde(default)]
    standby: Standby,
    migrate_rate: Option<Spanned<u32>>,
    unknown_rate: Option<Spanned<u32>>,
    #[serde(default)]
    on_loss: OnLoss,
    #[serde(default)]
    shape: Shape,
    rip_delay: Option<Spanned<Span>>,
    #[serde(default)]
    service_address: Vec<Spanned<IpAddr>>,
    #[serde(default)]
    learn_alternates: bool,
    #[serde(default)]
    allowed_alternates: Vec<Spanned<IpNet>>,
    failback: Option<Spanned<RawFailback>>,
    #[serde(default)]
    probe: RawProbe,
    #[serde(default)]
    endpoints: Vec<Spanned<IpNet>>,
    #[serde(default)]
    gatekeeper: Vec<Spanned<RawGatekeeper>>,
}

/// Checks all zones.
pub(super) fn check_all(
    c: &mut Checker<'_>,
    raw: Vec<Spanned<RawZone>>,
    backup: Option<&Backup>,
) -> Vec<Zone> {
    if raw.is_empty() {
        c.fail(None, "zone", "no zones configured; add a [[zone]]");
    }
    if raw.len() > MAX_ZONES as usize {
        c.fail(
            None,
            "zone",
            format!("{} zones configured; the maximum is {MAX_ZONES}", raw.len()),
        );
    }
    let gatekeepers: usize = raw.iter().map(|z| z.get_ref().gatekeeper.len()).sum();
    if gatekeepers > MAX_GATEKEEPERS as usize {
        c.fail(
            None,
            "zone.gatekeeper",
            format!("{gatekeepers} gatekeepers configured; the maximum is {MAX_GATEKEEPERS}"),
        );
    }
    prefixes::check_all(c, &raw);
    let mut names = HashSet::new();
    raw.into_iter()
        .map(|zone| {
            let span = zone.span();
            zone.into_inner().check(c, &span, &mut names, backup)
        })
        .collect()
}

/// Whether rasline is the only gatekeeper of every zone.
pub(super) fn have_own_gatekeepers_only(zones: &[Spanned<RawZone>]) -> bool {
    let mut all = zones.iter();
    !zones.is_empty() && all.all(|zone| zone.get_ref().ras() == Ras::Registrar)
}

impl RawZone {
    /// Checks a zone, which starts at `span`; `names` are those of the zones before it.
    #[allow(clippy::too_many_lines)] // a check for each key of the table
    fn check(
        self,
        c: &mut Checker<'_>,
        span: &Range<usize>,
        names: &mut HashSet<String>,
        backup: Option<&Backup>,
    ) -> Zone {
        let second = Duration::from_secs(1);
        let name = self.name.get_ref().clone();
        if name.is_empty() || !names.insert(name.clone()) {
            let what = if name.is_empty() {
                "is empty; give the zone a name".to_owned()
            } else {
                format!("duplicate zone name \"{name}\"; rename one")
            };
            c.fail(Some(self.name.span()), "name", what);
        }
        if self.endpoints.is_empty() {
            c.fail(
                Some(span.clone()),
                "endpoints",
                format!("zone \"{name}\" has no endpoints; list their prefixes"),
            );
        }
        let ras = self.ras();
        if self.gatekeeper.is_empty() && ras != Ras::Registrar {
            c.fail(
                Some(span.clone()),
                "gatekeeper",
                format!("zone \"{name}\" has no gatekeepers; add a [[zone.gatekeeper]]"),
            );
        }
        let service_address =
            check_service_addresses(c, &name, &self.service_address, &self.gatekeeper);
        let own = self.own_gatekeepers(&service_address, backup);
        let mode = self.check_mode(c, service_address, backup);
        let gatekeeper_identifier = self.check_identifier(c);
        let ttl_span = self.endpoint_ttl.as_ref().map(Spanned::span);
        let refresh_span = self.refresh_every.as_ref().map(Spanned::span);
        let endpoint_ttl = c.duration("endpoint_ttl", self.endpoint_ttl, (second, DAY));
        if endpoint_ttl.is_some_and(|d| d.subsec_nanos() != 0) {
            c.fail(
                ttl_span,
                "endpoint_ttl",
                "timeToLive is in whole seconds; remove the fraction",
            );
        }
        let refresh_every = c.duration("refresh_every", self.refresh_every, (second, 365 * DAY));
        if let (Some(ttl), Some(every)) = (endpoint_ttl, refresh_every)
            && every < ttl
        {
            c.fail(refresh_span, "refresh_every", format!("{} is shorter than endpoint_ttl ({}), so no keep-alive would be answered; use a longer time", human_duration(every), human_duration(ttl)));
        }
        let hold_for = c
            .duration("hold_for", self.hold_for, (second, 365 * DAY))
            .unwrap_or(Duration::from_mins(15));
        let silent_span = self.silent_after.as_ref().map(Spanned::span);
        let silent_after = c.duration("silent_after", self.silent_after, (second, 7 * DAY));
        if let (Some(ttl), Some(silent)) = (endpoint_ttl, silent_after)
            && silent <= ttl
        {
            c.fail(silent_span, "silent_after", format!("{} is not longer than endpoint_ttl ({}), the time between two keep-alives; use a longer time", human_duration(silent), human_duration(ttl)));
        }
        let dead_after = c
            .duration(
                "dead_after",
                self.dead_after,
                (Duration::from_millis(50), Duration::from_mins(1)),
            )
            .unwrap_or(Duration::from_millis(600));
        Zone {
            migrate_rate: c.number("migrate_rate", self.migrate_rate, (0, 1_000_000), 200),
            unknown_rate: c.number("unknown_rate", self.unknown_rate, (0, 1_000_000), 2000),
            mode,
            gatekeeper_identifier,
            failback: failback::check(c, self.failback),
            probe: self.probe.check(c),
            gatekeepers: [gatekeeper::check_all(c, &name, self.gatekeeper), own].concat(),
            name,
            answer: self.answer,
            endpoint_ttl,
            refresh_every,
            hold_for,
            silent_after,
            dead_after,
            endpoints: self
                .endpoints
                .into_iter()
                .map(Spanned::into_inner)
                .collect(),
        }
    }
}

/// Checks service addresses: no duplicates, and none of a gatekeeper.
fn check_service_addresses(
    c: &mut Checker<'_>,
    zone: &str,
    raw: &[Spanned<IpAddr>],
    gatekeepers: &[Spanned<RawGatekeeper>],
) -> Vec<IpAddr> {
    let mut all = Vec::new();
    for address in raw {
        let a = *address.get_ref();
        let what = if a.is_unspecified() || a.is_multicast() {
            format!("{a} is not a unicast address; use an address that endpoints can send to")
        } else if all.contains(&a) {
            format!("duplicate address {a} in zone \"{zone}\"; remove one")
        } else if gatekeepers
            .iter()
            .any(|g| *g.get_ref().address.get_ref() == a)
        {
            format!(
                "{a} is a gatekeeper of zone \"{zone}\"; use another address as service address"
            )
        } else {
            all.push(a);
            continue;
        };
        c.fail(Some(address.span()), "service_address", what);
    }
    all
}
