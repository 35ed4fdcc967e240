//! Warnings about valid configurations that are probably not what was intended.

use super::{Failback, Upstream, UpstreamSource, Zone};
use crate::config::{probe::RasProbe, units::milliseconds as ms};

impl Zone {
    /// Warnings about values that conflict, each with the zone and the consequence.
    pub(in crate::config) fn warnings(&self) -> impl Iterator<Item = String> {
        let about = |text: String| format!("zone {}: {text}", self.name);
        let all = [self.probe.warnings(), of_keys(self), of_proxy(self)];
        all.into_iter().flatten().map(about)
    }
}

fn of_keys(zone: &Zone) -> Vec<String> {
    let mut all = Vec::new();
    let several = zone.gatekeepers.len() > 1;
    if zone.probe.ras != RasProbe::Off && zone.dead_after < zone.probe.dead_time {
        all.push(format!(
            "dead_after ({}) is shorter than [zone.probe] dead_time ({}): the kernel program abandons a gatekeeper \
             before the probes do; use a longer dead_after",
            ms(zone.dead_after),
            ms(zone.probe.dead_time),
        ));
    }
    if zone.hold_for < zone.dead_after {
        all.push(format!(
            "hold_for ({}) is shorter than dead_after ({}): keep-alives are not answered for a dead gatekeeper; \
             use a longer hold_for",
            ms(zone.hold_for),
            ms(zone.dead_after),
        ));
    }
    if let (Some(ttl), Some(refresh)) = (zone.endpoint_ttl, zone.refresh_every)
        && ttl >= refresh
    {
        all.push(format!(
            "endpoint_ttl ({}) is not shorter than refresh_every ({}): the gatekeeper gets nearly every keep-alive; \
             use a longer refresh_every",
            ms(ttl),
            ms(refresh),
        ));
    }
    if let Failback::After(time) = zone.failback
        && several
        && time < zone.probe.stable
    {
        all.push(format!(
            "failback \"after {}\" is shorter than [zone.probe] stable ({}), the time that a gatekeeper must be healthy anyway; \
             use a longer time",
            ms(time),
            ms(zone.probe.stable),
        ));
    }
    all
}

/// Warnings about gatekeepers or endpoints that a proxy cannot serve.
fn of_proxy(zone: &Zone) -> Vec<String> {
    let mut all = Vec::new();
    let Some(uplink) = zone.mode.uplink() else {
        return all;
    };
    if uplink.signalling_ports.is_some() {
        all.push(
            "call_signalling = \"proxy\": the calls of this zone end when the controller ends or is restarted".to_owned(),
        );
        return all;
    }
    if let (UpstreamSource::Own, Some(own)) = (uplink.source, uplink.address) {
        let advice = match uplink.upstream {
            Upstream::Each => {
                "remove upstream_source if this machine routes between endpoints and gatekeepers"
            }
            Upstream::Aggregate => "use upstream = \"each\" with such gatekeepers",
        };
        all.push(format!(
            "endpoints are registered from {own}: a gatekeeper that compares callSignalAddress with the source of an \
             RRQ (GnuGk does by default) rejects all of them (invalidCallSignalAddress), or, with its NAT support \
             switched on, sends their calls to {own}, where they fail; {advice}"
        ));
        return all;
    }
    let outside = || zone.gatekeepers.iter().filter(|g| !g.is_own());
    let mut own = zone.gatekeepers.iter().filter(|g| g.is_own());
    let cannot = own.find(|own| {
        let v4 = own.address.is_ipv4();
        let reached = |v4: bool| outside().any(|g| g.address.is_ipv4() == v4);
        let by_own = uplink.address.is_some_and(|a| reached(a.is_ipv4()));
        let wanted = zone.endpoints.iter().any(|net| net.addr().is_ipv4() == v4);
        wanted && !reached(v4) && !by_own
    });
    if let Some(own) = cannot {
        let family = if own.address.is_ipv4() {
            "IPv4"
        } else {
            "IPv6"
        };
        all.push(format!(
            "no gatekeeper has an {family} address, so endpoints of that family cannot be registered from their own \
             addresses; add an upstream_address for them"
        ));
    }
    all
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use crate::config::Config;

    fn warnings(zone: &str, probe: &str) -> Vec<String> {
        warnings_of(zone, probe, true)
    }

    fn warnings_of(zone: &str, probe: &str, endpoints: bool) -> Vec<String> {
        let endpoints = if endpoints {
            "endpoints = [\"10.0.0.0/8\"]"
        } else {
            ""
        };
        let text = format!(
            "[[interface]]\nname = \"x\"\nside = \"both\"\n[[zone]]\nname = \"a\"\n{endpoints}\n{zone}\n\
             [zone.probe]\n{probe}\n[[zone.gatekeeper]]\nid = \"g\"\naddress = \"192.0.2.1\"\n"
        );
        Config::parse(Path::new("t"), &text).unwrap().warnings()
    }

    #[test]
    fn defaults_are_fine() {
        assert_eq!(warnings("", ""), Vec::<String>::new());
        let usual = "endpoint_ttl = \"5s\"\nrefresh_every = \"300s\"";
        assert_eq!(warnings(usual, ""), Vec::<String>::new());
    }

    #[test]
    fn what_a_proxy_cannot_do_is_said() {
        let proxy = "ras = \"proxy\"\nservice_address = [\"10.9.0.1\", \"fd00:9::1\"]\n";
        let own = "upstream_address = \"192.0.2.9\"\n";
        let v6 = "endpoints = [\"10.0.0.0/8\", \"fd00::/48\"]\n";
        let refused = "registered from 192.0.2.9: a gatekeeper that compares callSignalAddress";
        for (lines, said) in [
            (String::new(), None),
            (own.to_owned(), None),
            (format!("{own}upstream_source = \"own\""), Some(refused)),
            (format!("{own}upstream = \"aggregate\""), Some(refused)),
            (v6.to_owned(), Some("no gatekeeper has an IPv6 address")),
            (format!("{v6}{own}"), None),
        ] {
            let all = warnings_of(&format!("{proxy}{lines}"), "", !lines.contains(v6));
            let found = all
                .iter()
                .any(|it| said.is_some_and(|said| it.contains(said)));
            assert_eq!(
                (found, all.len()),
                (said.is_some(), usize::from(said.is_some())),
                "{lines}: {all:?}"
            );
        }
    }

    #[test]
    fn each_is_said() {
        for (zone, probe, said) in [
            (
                "",
                "interval = \"500ms\"",
                "interval (500 ms) is longer than dead_time (110 ms)",
            ),
            (
                "",
                "dead_time = \"5s\"\nstable = \"6s\"",
                "is longer than the maximum for slow gatekeepers",
            ),
            (
                "",
                "stable = \"50ms\"",
                "stable (50 ms) is shorter than dead_time",
            ),
            (
                "dead_after = \"100ms\"",
                "",
                "dead_after (100 ms) is shorter",
            ),
            (
                "endpoint_ttl = \"60s\"\nrefresh_every = \"60s\"",
                "",
                "endpoint_ttl (60000 ms) is not shorter",
            ),
        ] {
            let all = warnings(zone, probe);
            assert!(
                all.iter()
                    .any(|it| it.starts_with("zone a: ") && it.contains(said)),
                "{all:?}"
            );
        }
        assert_eq!(
            warnings("", "ras = \"off\"\ninterval = \"500ms\""),
            Vec::<String>::new()
        );
    }
}
