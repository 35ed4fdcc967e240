//! Zones that rasline serves itself: what goes together, and what is said of what does not.

use std::{net::IpAddr, path::Path};

use crate::config::{
    tests::{GOOD, errors, with},
    *,
};

const INTERFACE: &str = "[[interface]]\nname = \"lan0\"\nside = \"both\"\n";

fn zone(lines: &str) -> String {
    format!("[[zone]]\nname = \"a\"\nendpoints = [\"10.0.0.0/16\"]\n{lines}\n")
}

const GATEKEEPER: &str = "[[zone.gatekeeper]]\nid = \"gk1\"\naddress = \"192.0.2.1\"\n";

fn parse(text: &str) -> Result<Config, Vec<String>> {
    Config::parse(Path::new("r.toml"), &format!("{INTERFACE}{text}"))
        .map_err(|all| all.iter().map(ToString::to_string).collect())
}

/// Id, address, priority and whether it is rasline itself.
fn gatekeepers(config: &Config) -> Vec<(String, String, u8, bool)> {
    let all = config.zones[0].gatekeepers.iter();
    all.map(|g| (g.id.clone(), g.ras().to_string(), g.priority, g.is_own()))
        .collect()
}

fn row(id: &str, ras: &str, priority: u8, own: bool) -> (String, String, u8, bool) {
    (id.into(), ras.into(), priority, own)
}

#[test]
fn a_registrar_is_its_zones_gatekeeper() {
    let text = zone("ras = \"registrar\"\nservice_address = [\"10.9.0.1\", \"fd00:9::1\"]");
    let config = parse(&text).unwrap();
    assert_eq!(
        gatekeepers(&config),
        [
            row("rasline", "10.9.0.1:1719", 0, true),
            row("rasline-v6", "[fd00:9::1]:1719", 0, true)
        ]
    );
    assert_eq!(config.zones[0].service_addresses(), [] as [IpAddr; 0]);
    assert!(!config.zones[0].mode.answers_multicast());
    assert!(
        parse(&format!("{text}multicast = true\n")).unwrap().zones[0]
            .mode
            .answers_multicast()
    );
    // Nobody else is a gatekeeper, so no interface need be on their side.
    let text = text.replace("\"both\"", "\"endpoints\"");
    Config::parse(
        Path::new("r"),
        &format!("{}{text}", INTERFACE.replace("both", "endpoints")),
    )
    .unwrap();
}

#[test]
fn a_proxy_stands_before_gatekeepers() {
    let text = zone(
        "ras = \"proxy\"\nservice_address = [\"10.9.0.1\"]\nupstream_address = \"10.1.0.254\"\nupstream = \"aggregate\"",
    );
    let config = parse(&format!("{text}{GATEKEEPER}")).unwrap();
    assert_eq!(
        gatekeepers(&config),
        [
            row("gk1", "192.0.2.1:1719", 0, false),
            row("rasline", "10.9.0.1:1719", 0, true)
        ]
    );
    assert_eq!(
        config.zones[0].mode.uplink().unwrap().upstream,
        Upstream::Aggregate
    );
}

#[test]
fn a_proxy_speaks_from_its_endpoints_addresses_unless_it_cannot() {
    let proxy = "ras = \"proxy\"\nservice_address = [\"10.9.0.1\"]";
    let own = "upstream_address = \"10.1.0.254\"";
    let endpoint = UpstreamSource::Endpoint;
    for (lines, source) in [
        (String::new(), endpoint),
        (own.to_owned(), endpoint),
        (format!("{own}\nupstream = \"each\""), endpoint),
        ("upstream_source = \"endpoint\"".to_owned(), endpoint),
        (
            format!("{own}\nupstream_source = \"own\""),
            UpstreamSource::Own,
        ),
        (
            format!("{own}\nupstream = \"aggregate\""),
            UpstreamSource::Own,
        ),
    ] {
        let text = zone(&format!("{proxy}\n{lines}"));
        let config = parse(&format!("{text}{GATEKEEPER}")).unwrap();
        assert_eq!(
            config.zones[0].mode.uplink().unwrap().source,
            source,
            "{lines}"
        );
    }
}

#[test]
fn a_backup_comes_last() {
    let backup = "[backup]\naddress = [\"10.1.0.254\"]\nras_port = 2719\n";
    let text = format!("{backup}{}{GATEKEEPER}", zone("backup = true"));
    let config = parse(&text).unwrap();
    assert_eq!(
        gatekeepers(&config),
        [
            row("gk1", "192.0.2.1:1719", 0, false),
            row("rasline", "10.1.0.254:2719", 255, true)
        ]
    );
    let without = format!("{backup}{}{GATEKEEPER}", zone(""));
    assert_eq!(gatekeepers(&parse(&without).unwrap()).len(), 1);
    // Of two families, with the one that the zone's gatekeepers have.
    let both = text.replace("\"10.1.0.254\"", "\"10.1.0.254\", \"fd00:1::fe\"");
    assert_eq!(gatekeepers(&parse(&both).unwrap()).len(), 2);
    let v6 = both.replace("192.0.2.1", "fd00:1::1");
    assert_eq!(
        gatekeepers(&parse(&v6).unwrap()),
        [
            row("gk1", "[fd00:1::1]:1719", 0, false),
            row("rasline-v6", "[fd00:1::fe]:2719", 255, true)
        ]
    );
}

/// The configuration is refused, and this is said of it.
#[track_caller]
fn refused(text: &str, says: &str) {
    let said = parse(text).unwrap_err();
    assert!(said.iter().any(|s| s == says), "{text}\n{said:?}");
}

#[test]
fn what_does_not_go_together_is_said() {
    let service = "service_address = [\"10.9.0.1\"]";
    for (text, says) in [
        (
            zone("ras = \"registrar\""),
            "r.toml:7: ras: zone \"a\" has no service_address; add an address of this machine where its endpoints register",
        ),
        (
            format!(
                "{}{GATEKEEPER}",
                zone(&format!("ras = \"registrar\"\n{service}"))
            ),
            "r.toml:9: gatekeeper: rasline is the gatekeeper of zone \"a\" (ras = \"registrar\"); remove this one, or set ras = \"proxy\"",
        ),
        (
            format!("{}{GATEKEEPER}", zone("backup = true")),
            "r.toml:7: backup: [backup] is missing; add it with an address of this machine",
        ),
        (
            format!("[backup]\n{}{GATEKEEPER}", zone("")),
            "r.toml:4: address: no addresses configured; add an address of this machine that endpoints can reach",
        ),
        (
            format!(
                "[backup]\naddress = [\"10.1.0.1\", \"10.1.0.2\"]\n{}{GATEKEEPER}",
                zone("")
            ),
            "r.toml:5: address: second address of this family: 10.1.0.2; remove one",
        ),
        (
            zone(&format!(
                "ras = \"registrar\"\n{service}\nlearn_alternates = true\nallowed_alternates = [\"10.1.0.0/24\"]"
            )),
            "r.toml:7: learn_alternates: is valid only with ras = \"transparent\"; remove it",
        ),
        (
            zone(&format!(
                "ras = \"registrar\"\n{service}\nstandby = \"warm\""
            )),
            "r.toml:7: standby: is valid only with ras = \"transparent\"; remove it",
        ),
        (
            zone("ras = \"registrar\"\nservice_address = [\"10.9.0.1\", \"10.9.0.2\"]"),
            "r.toml:8: service_address: second service address of this family in zone \"a\", which rasline serves itself; remove one",
        ),
        (
            format!(
                "[backup]\naddress = [\"10.1.0.254\"]\n{}{}",
                zone("backup = true"),
                GATEKEEPER.replace("192.0.2.1", "fd00:1::1")
            ),
            "r.toml:9: backup: [backup] lacks an address of a family that the zone's gatekeepers have; add one",
        ),
        (
            zone("ras = \"registrar\"\nservice_address = [\"fd00:9::1\"]\nmulticast = true"),
            "r.toml:9: multicast: multicast discovery works over IPv4 only; add an IPv4 service_address, or remove this key",
        ),
        (
            format!("{}{GATEKEEPER}", zone("multicast = true")),
            "r.toml:7: multicast: is valid only with ras = \"registrar\"; remove it",
        ),
        (
            zone(&format!(
                "ras = \"registrar\"\n{service}\ngatekeeper_identifier = \"\""
            )),
            "r.toml:9: gatekeeper_identifier: is not a valid gatekeeperIdentifier; use 1 to 128 characters",
        ),
        (
            format!(
                "{}[[zone]]\nname = \"b\"\nendpoints = [\"10.2.0.0/16\"]\nras = \"registrar\"\n{service}\n",
                zone(&format!("ras = \"registrar\"\n{service}"))
            ),
            "r.toml:13: service_address: 10.9.0.1 is already used by a; give this zone its own address",
        ),
    ] {
        refused(&text, says);
    }
}

#[test]
fn what_does_not_go_with_a_proxy_is_said() {
    let service = "service_address = [\"10.9.0.1\"]";
    let upstream = "upstream_address = \"10.1.0.254\"";
    for (text, says) in [
        (
            format!(
                "{}{GATEKEEPER}",
                zone(&format!(
                    "ras = \"proxy\"\nupstream_source = \"own\"\n{service}"
                ))
            ),
            "r.toml:7: upstream_address: zone \"a\" has no upstream_address; add the address of this machine that its gatekeepers will see",
        ),
        (
            zone(&format!("ras = \"proxy\"\n{service}\n{upstream}")),
            "r.toml:4: gatekeeper: zone \"a\" has no gatekeepers; add a [[zone.gatekeeper]]",
        ),
        (
            format!("{}{GATEKEEPER}", zone(upstream)),
            "r.toml:7: upstream_address: is valid only with ras = \"proxy\"; remove it",
        ),
        (
            format!("{}{GATEKEEPER}", zone("upstream = \"each\"")),
            "r.toml:7: upstream: is valid only with ras = \"proxy\"; remove it",
        ),
        (
            format!("{}{GATEKEEPER}", zone("upstream_source = \"own\"")),
            "r.toml:7: upstream_source: is valid only with ras = \"proxy\"; remove it",
        ),
        (
            format!(
                "{}{GATEKEEPER}",
                zone(&format!(
                    "ras = \"proxy\"\nupstream = \"aggregate\"\nupstream_source = \"endpoint\"\n{service}\n{upstream}"
                ))
            ),
            "r.toml:9: upstream_source: an aggregate is registered from upstream_address; remove this key, or set upstream = \"each\"",
        ),
    ] {
        refused(&text, says);
    }
}

#[test]
fn prefixes() {
    let second = |endpoints: &str, address: &str| {
        format!(
            "{GOOD}[[zone]]\nname = \"b\"\nendpoints = [\"{endpoints}\"]\n[[zone.gatekeeper]]\nid = \"g\"\naddress = \"{address}\"\n"
        )
    };
    assert_eq!(
        errors(&second("10.1.0.0/16", "192.0.2.2")),
        [
            "r.toml:20: endpoints: 10.1.0.0/16 of zone \"b\" overlaps 10.0.0.0/8 of zone \"site-a\"; an endpoint belongs to one zone only, so separate them"
        ]
    );
    assert_eq!(
        errors(&second("172.16.0.0/12", "10.9.9.9")),
        [
            "r.toml:23: address: gatekeeper \"g\" (10.9.9.9) is inside 10.0.0.0/8 of zone \"site-a\"'s endpoints; \
          narrow that prefix"
        ]
    );
    assert_eq!(
        with("10.0.0.0/8", "10.0.0.1/8"),
        ["r.toml:13: endpoints: 10.0.0.1/8 has bits set after its prefix; write \"10.0.0.0/8\""]
    );
    assert_eq!(
        with("10.0.0.0/8", "::/0"),
        [
            "r.toml:13: endpoints: ::/0 includes IPv4 (::ffff:0:0/96); use a longer prefix, such as 2000::/3"
        ]
    );
    assert!(with("10.0.0.0/8", "10.0.0.0/33")[0].starts_with("r.toml:13: endpoints: "));
}

#[test]
fn names() {
    assert_eq!(
        with("wan0", "lan0"),
        ["r.toml:7: name: duplicate interface \"lan0\"; use side = \"both\" for a box on a stick"]
    );
    let twice = format!("{GOOD}[[zone.gatekeeper]]\nid = \"gk1\"\naddress = \"192.0.2.1\"\n");
    assert_eq!(
        errors(&twice),
        [
            "r.toml:19: id: duplicate gatekeeper id \"gk1\" in zone \"site-a\"; rename one",
            "r.toml:20: address: duplicate gatekeeper address 192.0.2.1 in zone \"site-a\"; give each gatekeeper its own address"
        ]
    );
    assert_eq!(
        with("side = \"gatekeepers\"", "side = \"endpoints\""),
        [
            "r.toml: interface: no interface towards the gatekeepers; add an [[interface]] with \
          side = \"gatekeepers\" or \"both\""
        ]
    );
    assert_eq!(
        with("endpoints = [\"10.0.0.0/8\"]", ""),
        ["r.toml:10: endpoints: zone \"site-a\" has no endpoints; list their prefixes"]
    );
    assert_eq!(
        errors(&GOOD.replace(
            "[[zone.gatekeeper]]\nid = \"gk1\"\naddress = \"192.0.2.1\"\n",
            ""
        )),
        ["r.toml:10: gatekeeper: zone \"site-a\" has no gatekeepers; add a [[zone.gatekeeper]]"]
    );
}

#[test]
fn call_signalling_needs_endpoints_that_are_registered_one_by_one() {
    let own =
        "ras = \"proxy\"\nservice_address = [\"10.9.0.1\"]\nupstream_address = \"192.0.2.9\"\n";
    let with = |lines: &str| format!("{}{GATEKEEPER}", zone(&format!("{own}{lines}")));
    let config = parse(&with("call_signalling = \"proxy\"")).unwrap();
    let uplink = config.zones[0].mode.uplink().unwrap();
    let ports = uplink
        .signalling_ports
        .map(|ports| (ports.first, ports.last));
    assert_eq!(ports, Some((20_000, 29_999)));
    assert_eq!(uplink.source, UpstreamSource::Own);
    let warnings = config.warnings();
    assert!(
        warnings[0].contains("end when the controller ends"),
        "{warnings:?}"
    );
    let ports = with("call_signalling = \"proxy\"\nsignalling_ports = \"5000-5009\"");
    let config = parse(&ports).unwrap();
    let uplink = config.zones[0].mode.uplink().unwrap();
    assert_eq!(uplink.signalling_ports.map(|ports| ports.last), Some(5009));
    for (text, wrong) in [
        (
            with("call_signalling = \"proxy\"\nupstream = \"aggregate\""),
            "call_signalling: \"proxy\" needs upstream = \"each\"",
        ),
        (
            with("call_signalling = \"proxy\"\nupstream_source = \"endpoint\""),
            "call_signalling: \"proxy\" needs upstream_source = \"own\"",
        ),
        (
            with("signalling_ports = \"5000-5009\""),
            "signalling_ports: is valid only with call_signalling = \"proxy\"",
        ),
        (
            with("call_signalling = \"proxy\"\nsignalling_ports = \"9-5\""),
            "is not a range of ports",
        ),
        (
            format!("{}{GATEKEEPER}", zone("call_signalling = \"proxy\"")),
            "call_signalling: \"proxy\" is valid only with ras = \"proxy\"",
        ),
    ] {
        let errors = parse(&text).unwrap_err();
        assert!(errors.iter().any(|e| e.contains(wrong)), "{errors:?}");
    }
}
