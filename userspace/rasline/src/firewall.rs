//! nftables rules that exempt what rasline readdresses from connection tracking: `rasline firewall`.
//!
//! The kernel program works before netfilter. Packets that the stack forwards after it may have another address than the
//! original ones in one direction, so connection tracking sees halves of two connections, and treats them as invalid or new.

use std::{collections::BTreeMap, fmt::Write as _, net::IpAddr};

use ipnet::IpNet;

use crate::config::{Config, Zone};

/// Name of the table.
pub const TABLE: &str = "rasline";
/// The rule that accepts what the table exempts, for the administrator's own chains.
pub const ACCEPT: &str = "ct state untracked accept";

const HEAD: &str = "\
# Connection tracking sees only a part of what rasline answers, readdresses or redirects, so that is not tracked.
# Load it with `rasline firewall | nft -f -`, again whenever zones change. Your own chains at the forward hook need
#     ct state untracked accept
# before any rule that drops.
";
/// RAS and call-signalling ports of learned gatekeepers, unless they announce other ones.
const USUAL_PORTS: Ports = Ports {
    ras: 1719,
    call: 1720,
};

/// Ports of gatekeepers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ports {
    ras: u16,
    call: u16,
}

/// The rules of a configuration, as a file for `nft -f`.
#[must_use]
pub fn rules(config: &Config) -> String {
    let mut text = HEAD.to_owned();
    // The table is created if it does not exist, so that it can be replaced in one transaction.
    let _ = write!(
        text,
        "table inet {TABLE}\ndelete table inet {TABLE}\ntable inet {TABLE} {{\n"
    );
    chain(&mut text, config, "prerouting", &[Way::Up, Way::Down]);
    // The controller sends RCFs with the addresses of gatekeepers.
    chain(&mut text, config, "output", &[Way::Down]);
    text.push_str("}\n");
    text
}

/// Direction of a packet.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// From endpoints to gatekeepers.
    Up,
    /// From gatekeepers to endpoints.
    Down,
}

fn chain(text: &mut String, config: &Config, hook: &str, ways: &[Way]) {
    let _ = writeln!(
        text,
        "\tchain {hook} {{\n\t\ttype filter hook {hook} priority raw; policy accept;"
    );
    let transparent = config.zones.iter().filter(|z| z.mode.is_transparent());
    for zone in transparent {
        let _ = writeln!(text, "\t\t# zone {:?}", zone.name);
        for v6 in [false, true] {
            for (ports, gatekeepers) in gatekeepers(zone, v6) {
                for way in ways {
                    pair(text, zone, v6, ports, &gatekeepers, *way);
                }
            }
        }
    }
    text.push_str("\t}\n");
}

/// The rules between a zone's endpoints and gatekeepers that have the same ports.
fn pair(text: &mut String, zone: &Zone, v6: bool, ports: Ports, gatekeepers: &[IpNet], way: Way) {
    let endpoints: Vec<IpNet> = of_family(&zone.endpoints, v6).collect();
    if endpoints.is_empty() {
        return;
    }
    let family = if v6 { "ip6" } else { "ip" };
    let (endpoints, gatekeepers) = (set(&endpoints), set(gatekeepers));
    let (from, to, port) = match way {
        Way::Up => (endpoints, gatekeepers, "dport"),
        Way::Down => (gatekeepers, endpoints, "sport"),
    };
    let mut rule = |protocol: &str, number: u16| {
        let _ = writeln!(
            text,
            "\t\t{family} saddr {from} {family} daddr {to} {protocol} {port} {number} notrack"
        );
    };
    rule("udp", ports.ras);
    if zone.is_steered() {
        rule("tcp", ports.call);
    }
}

/// Addresses at which a zone's gatekeepers may be, by port; without rasline's own gatekeepers.
fn gatekeepers(zone: &Zone, v6: bool) -> BTreeMap<Ports, Vec<IpNet>> {
    let mut all: BTreeMap<Ports, Vec<IpNet>> = BTreeMap::new();
    let mut add = |ports, net: IpNet| {
        if net.addr().is_ipv6() == v6 {
            all.entry(ports).or_default().push(net);
        }
    };
    for gatekeeper in zone.gatekeepers.iter().filter(|g| !g.is_own()) {
        let ports = Ports {
            ras: gatekeeper.ras_port,
            call: gatekeeper.call_signal_port,
        };
        add(ports, gatekeeper.address.into());
    }
    let (ras, call) = zone.service_ports();
    for address in zone.service_addresses() {
        add(Ports { ras, call }, IpNet::from(*address));
    }
    if let Some(steering) = zone.mode.steering().filter(|s| s.learn_alternates) {
        for net in &steering.allowed_alternates {
            add(USUAL_PORTS, *net);
        }
    }
    all
}

fn of_family(nets: &[IpNet], v6: bool) -> impl Iterator<Item = IpNet> {
    nets.iter()
        .copied()
        .filter(move |net| matches!(net.addr(), IpAddr::V6(_)) == v6)
}

/// An nftables set, without prefixes contained in others, which nft would refuse.
fn set(nets: &[IpNet]) -> String {
    let names: Vec<String> = IpNet::aggregate(&nets.to_vec())
        .iter()
        .map(|net| {
            if net.prefix_len() == net.max_prefix_len() {
                net.addr().to_string()
            } else {
                net.to_string()
            }
        })
        .collect();
    format!("{{ {} }}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules_of(zone: &str) -> Vec<String> {
        let text = format!(
            "[[interface]]\nname = \"lan0\"\nside = \"both\"\n[[zone]]\nname = \"a\"\n{zone}"
        );
        let config: Config = Config::parse(std::path::Path::new("x"), &text).unwrap();
        let rules = rules(&config);
        let lines = rules.lines().filter(|line| line.ends_with("notrack"));
        lines.map(|line| line.trim().to_owned()).collect()
    }

    const GK1: &str = "[[zone.gatekeeper]]\nid = \"gk1\"\naddress = \"10.1.0.1\"\n";

    #[test]
    fn one_gatekeeper_has_ras_only() {
        let zone = format!("endpoints = [\"10.0.0.0/16\", \"10.0.3.0/24\"]\n{GK1}");
        let down = "ip saddr { 10.1.0.1 } ip daddr { 10.0.0.0/16 } udp sport 1719 notrack";
        assert_eq!(
            rules_of(&zone),
            [
                "ip saddr { 10.0.0.0/16 } ip daddr { 10.1.0.1 } udp dport 1719 notrack",
                down,
                down
            ]
        );
    }

    #[test]
    fn families_and_ports_stay_apart() {
        let zone = format!(
            "endpoints = [\"10.0.0.0/16\", \"fd00::/64\"]\nservice_address = [\"10.9.0.1\"]\n{GK1}\
             [[zone.gatekeeper]]\nid = \"gk2\"\naddress = \"fd01::2\"\nras_port = 1800\ncall_signal_port = 1801\n"
        );
        let rules = rules_of(&zone);
        for rule in [
            "ip saddr { 10.0.0.0/16 } ip daddr { 10.1.0.1, 10.9.0.1 } tcp dport 1720 notrack",
            "ip6 saddr { fd01::2 } ip6 daddr { fd00::/64 } tcp sport 1801 notrack",
            "ip6 saddr { fd00::/64 } ip6 daddr { fd01::2 } udp dport 1800 notrack",
        ] {
            assert!(rules.iter().any(|r| r == rule), "{rule}: {rules:#?}");
        }
        assert_eq!(rules.len(), 12);
    }

    #[test]
    fn the_head_names_the_rule_that_accepts() {
        assert!(HEAD.contains(ACCEPT));
    }
}
