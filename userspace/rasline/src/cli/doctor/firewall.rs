//! Firewall and connection tracking. Packets answered or redirected before netfilter renew no conntrack entry, and of
//! readdressed connections conntrack sees one direction only.

use std::time::Duration;

use super::{Consequence, Findings, Verdict};
use crate::{
    config::{Config, Zone, human_duration},
    firewall,
    host::{
        conntrack,
        netfilter::{Chain, Survey},
    },
};

const SEE: &str = "see \"Firewalls and connection tracking\" in the guide";

pub(super) fn examine(f: &mut Findings, config: &Config, survey: &Survey) {
    if config.zones.is_empty() {
        return;
    }
    forward(f, survey);
    if survey.tracks() {
        match (survey.has_table(firewall::TABLE), conntrack::udp_timeout()) {
            (true, _) => f.ok("connection tracking", "RAS and call signalling are exempt"),
            (false, Some(timeout)) => timeouts(f, config, timeout),
            (false, None) => {}
        }
    }
    helper(f, survey, modules().as_deref());
}

/// Looks for chains that drop forwarded packets.
fn forward(f: &mut Findings, survey: &Survey) {
    let strict: Vec<&Chain> = (survey.chains.iter())
        .filter(|chain| chain.forwards && chain.drops)
        .collect();
    let exempt = survey.has_table(firewall::TABLE);
    let Some(chain) = strict.first() else {
        let found = if survey.legacy {
            "iptables-legacy is in use; its rules cannot be read"
        } else {
            "no forward chain drops by policy"
        };
        return f.ok("firewall", found);
    };
    let found = format!(
        "table {} drops by policy in its forward chain {}",
        chain.table, chain.name
    );
    if exempt || !survey.stateful.contains(&chain.table) {
        let rule = if exempt {
            format!("it needs `{}`", firewall::ACCEPT)
        } else {
            "it does not match on connection state".to_owned()
        };
        return f.ok("firewall", format!("{found}; {rule}"));
    }
    f.bad(
        Verdict::Warn,
        "firewall",
        format!("{found}, and matches on connection state"),
        &Consequence {
            means: "readdressed packets that take the stack (VLANs, an unknown next hop) are invalid to it and dropped: \
                    after a failover some RAS and call signalling may be lost",
            advice: &format!(
                "rasline firewall | nft -f -, and in {} {} before the rule that drops: {}; {SEE}",
                chain.table,
                chain.name,
                firewall::ACCEPT
            ),
        },
    );
}

/// Compares the lifetime of conntrack entries with the interval between packets that the stack sees.
fn timeouts(f: &mut Findings, config: &Config, timeout: Duration) {
    let what = "connection tracking";
    let refresh = |zone: &Zone| {
        let refresh = zone.refresh_every.filter(|_| zone.mode.is_transparent())?;
        (refresh > timeout).then_some((refresh, zone.name.clone()))
    };
    let (lives, longest) = (
        human_duration(timeout),
        config.zones.iter().filter_map(refresh).max(),
    );
    let Some((refresh, zone)) = longest else {
        return f.ok(what, format!("a UDP entry expires after {lives}"));
    };
    f.bad(
        Verdict::Warn,
        what,
        format!(
            "a UDP entry expires after {lives}, but zone {zone} lets a keep-alive through only every {}",
            human_duration(refresh)
        ),
        &Consequence {
            means: "the controller renews the entries of registrations that the kernel answers; while it is not running they \
                    expire, and a stateful rule drops what gatekeepers send to endpoints",
            advice: &format!(
                "sysctl -w net.netfilter.nf_conntrack_udp_timeout_stream={0} net.netfilter.nf_conntrack_udp_timeout={0}, or \
                 rasline firewall | nft -f -; {SEE}",
                refresh.as_secs() + 10
            ),
        },
    );
}

/// Looks for the H.323 helper: it rewrites messages, drops what it cannot parse, and does not see what rasline answers.
fn helper(f: &mut Findings, survey: &Survey, modules: Option<&str>) {
    let loaded = modules.is_some_and(|all| {
        all.lines()
            .any(|line| line.split(' ').next() == Some("nf_conntrack_h323"))
    });
    let by_itself = conntrack::setting("nf_conntrack_helper") == Some(1);
    let of_h323 = |name: &&String| matches!(name.as_str(), "RAS" | "Q.931" | "H.245");
    let assigned = survey.helpers.iter().find(of_h323);
    let found = match (assigned, loaded) {
        (Some(name), _) => format!("nftables assigns the helper {name}"),
        (None, true) if by_itself => {
            "nf_conntrack_h323 is loaded, and helpers are assigned automatically".to_owned()
        }
        (None, true) => "nf_conntrack_h323 is loaded".to_owned(),
        (None, false) => return f.ok("nf_conntrack_h323", "not in use"),
    };
    f.bad(
        Verdict::Warn,
        "nf_conntrack_h323",
        found,
        &Consequence {
            means: "it drops H.323 messages that it cannot parse, and with NAT changes addresses in them; it does not see \
                    what rasline answers",
            advice: &format!(
                "remove the helper from your rules, then modprobe -r nf_nat_h323 nf_conntrack_h323; {SEE}"
            ),
        },
    );
}

fn modules() -> Option<String> {
    std::fs::read_to_string("/proc/modules").ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(zone: &str) -> Config {
        let text = format!(
            "[[interface]]\nname = \"lan0\"\nside = \"both\"\n[[zone]]\nname = \"a\"\n{zone}\nendpoints = [\"10.0.0.0/16\"]\n\
             [[zone.gatekeeper]]\nid = \"gk1\"\naddress = \"10.1.0.1\"\n"
        );
        Config::parse(std::path::Path::new("x"), &text).unwrap()
    }

    fn forward_chain(drops: bool) -> Survey {
        let chain = Chain {
            table: "filter".into(),
            name: "forward".into(),
            forwards: true,
            drops,
            nat: false,
        };
        Survey {
            chains: vec![chain],
            stateful: vec!["filter".into()],
            ..Survey::default()
        }
    }

    fn verdicts(examine: impl FnOnce(&mut Findings)) -> Vec<Verdict> {
        let mut findings = Findings::default();
        examine(&mut findings);
        findings.0.iter().map(|f| f.verdict).collect()
    }

    #[test]
    fn a_timeout_shorter_than_the_refresh_interval_is_a_warning() {
        for (zone, seconds, verdict) in [
            ("refresh_every = \"60s\"", 59, Verdict::Warn),
            ("refresh_every = \"60s\"", 60, Verdict::Ok),
            ("", 8, Verdict::Ok),
        ] {
            let found = verdicts(|f| timeouts(f, &config(zone), Duration::from_secs(seconds)));
            assert_eq!(found, [verdict], "{zone} {seconds}");
        }
    }

    #[test]
    fn a_forward_chain_that_drops_and_looks_at_connections_is_a_warning() {
        let mut exempt = forward_chain(true);
        exempt.chains.push(Chain {
            table: firewall::TABLE.into(),
            name: "prerouting".into(),
            forwards: false,
            drops: false,
            nat: false,
        });
        let stateless = Survey {
            stateful: vec![],
            ..forward_chain(true)
        };
        for (survey, verdict) in [
            (forward_chain(true), Verdict::Warn),
            (forward_chain(false), Verdict::Ok),
            (exempt, Verdict::Ok),
            (stateless, Verdict::Ok),
            (Survey::default(), Verdict::Ok),
        ] {
            assert_eq!(verdicts(|f| forward(f, &survey)), [verdict], "{survey:?}");
        }
    }

    #[test]
    fn the_helper_is_found_as_a_module_and_in_rules() {
        let other = "nf_conntrack 1 2 - Live 0x0\nnf_conntrack_h323x 1 0 - Live 0x0\n";
        let module = "nf_conntrack_h323 81920 0 - Live 0x0\n";
        let assigned = Survey {
            helpers: vec!["sip".into(), "RAS".into()],
            ..Survey::default()
        };
        let none = Survey::default();
        for (survey, modules, verdict) in [
            (&none, other, Verdict::Ok),
            (&none, module, Verdict::Warn),
            (&assigned, other, Verdict::Warn),
        ] {
            let found = verdicts(|f| helper(f, survey, Some(modules)));
            assert_eq!(found, [verdict], "{modules}");
        }
    }
}
