//! What people are told about their configuration, word by word.

use super::*;

const GOOD: &str = r#"
[[interface]]
name = "lan0"
side = "endpoints"

[[interface]]
name = "wan0"
side = "gatekeepers"

[[zone]]
name = "site-a"
endpoint_ttl = "5s"
endpoints = ["10.0.0.0/8"]

[[zone.gatekeeper]]
id = "gk1"
address = "192.0.2.1"
"#;

fn errors(text: &str) -> Vec<String> {
    Config::parse(Path::new("r.toml"), text)
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// The errors of the good configuration with one text in place of another.
fn with(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "{from}");
    errors(&GOOD.replacen(from, to, 1))
}

#[test]
fn defaults() {
    let config = Config::parse(Path::new("r.toml"), GOOD).unwrap();
    assert_eq!(config.daemon.max_registrations, 131_072);
    assert_eq!(config.daemon.ring_buffer, 8 << 20);
    assert_eq!(
        config.daemon.control_socket,
        Path::new("/run/rasline/control.sock")
    );
    let zone = &config.zones[0];
    assert_eq!(
        (zone.answer, zone.hold_for),
        (Answer::Offload, Duration::from_mins(15))
    );
    assert_eq!(
        (zone.refresh_every, zone.dead_after),
        (None, Duration::from_millis(600))
    );
    assert_eq!(
        (
            zone.gatekeepers[0].ras_port,
            zone.gatekeepers[0].call_signal_port
        ),
        (1719, 1720)
    );
    assert_eq!(config.interfaces[0].xdp_mode, XdpMode::Native);
}

#[test]
fn the_example_is_fine() {
    let text = include_str!("../../../../docs/rasline.toml");
    Config::parse(Path::new("docs/rasline.toml"), text).unwrap();
}

#[test]
fn unknown_keys() {
    let error = &with("endpoint_ttl", "endpoint_tll")[0];
    assert!(
        error.starts_with(
            "r.toml:12: endpoint_tll: is not a key that is known here; remove it or correct its name (known here: \
             `name`, `ras`, `upstream`,"
        ),
        "{error}"
    );
    assert!(
        with("[[interface]]", "[[interfaces]]")[0]
            .starts_with("r.toml:2: interfaces: is not a key")
    );
}

#[test]
fn bad_values() {
    assert_eq!(
        with("\"5s\"", "\"5 seconds\""),
        [
            "r.toml:12: endpoint_ttl: \"5 seconds\" is not a duration; write a number and a unit (ms, s, m, h, d), \
          as in \"5s\" or \"1h30m\""
        ]
    );
    assert_eq!(
        with("\"5s\"", "5"),
        [
            "r.toml:12: endpoint_ttl: invalid type: integer `5`, expected a duration in quotes, such as \"5s\""
        ]
    );
    assert_eq!(
        with("\"5s\"", "\"100ms\""),
        [
            "r.toml:12: endpoint_ttl: 100ms is out of range; give 1s to 1d",
            "r.toml:12: endpoint_ttl: timeToLive counts whole seconds; leave out the fraction"
        ]
    );
    assert_eq!(
        with("\"5s\"", "\"5s\"\nrefresh_every = \"3s\""),
        [
            "r.toml:13: refresh_every: 3s is shorter than endpoint_ttl (5s), so no keep-alive would be answered; \
          make it longer"
        ]
    );
    assert_eq!(
        with("side = \"endpoints\"", "side = \"lan\""),
        [
            "r.toml:4: side: unknown variant `lan`, expected one of `endpoints`, `gatekeepers`, `both`"
        ]
    );
}

#[test]
fn failback_and_probes() {
    let zone = |lines: &str| {
        let text = GOOD.replacen("endpoint_ttl = \"5s\"", lines, 1);
        let text = text.replacen("[[zone.gatekeeper]]", "\n[[zone.gatekeeper]]", 1);
        Config::parse(Path::new("r.toml"), &text).unwrap().zones[0].clone()
    };
    let plain = zone("");
    assert_eq!(plain.failback, Failback::After(Duration::from_mins(1)));
    assert_eq!(
        plain.probe.settings(),
        rasline_core::health::Settings::default()
    );
    for (text, failback) in [
        ("none", Failback::None),
        ("after 90s", Failback::After(Duration::from_secs(90))),
        ("after_calls", Failback::AfterCalls),
        (
            "window 22:30-04:00",
            Failback::Window {
                from: 1350,
                to: 240,
            },
        ),
    ] {
        assert_eq!(zone(&format!("failback = {text:?}")).failback, failback);
    }
    for bad in ["", "never", "after", "after 60", "window 2-4", "60s"] {
        let errors = with("endpoint_ttl = \"5s\"", &format!("failback = {bad:?}"));
        let expected = format!(
            "r.toml:12: failback: {bad:?} is no policy; write \"none\", \"after 60s\", \"after_calls\" or \
             \"window 02:00-04:00\""
        );
        assert_eq!(errors, [expected]);
    }
}

#[test]
fn probe_thresholds() {
    let probe = |lines: &str| {
        let table = format!("[zone.probe]\n{lines}\n[[zone.gatekeeper]]");
        with("[[zone.gatekeeper]]", &table)
    };
    assert_eq!(
        probe("ras = \"rrj\""),
        ["r.toml:16: ras: unknown variant `rrj`, expected one of `grq`, `rrq`, `off`"]
    );
    assert_eq!(
        probe("tcp = true\ninterval = \"1ms\""),
        ["r.toml:17: interval: 1ms is out of range; give 5ms to 1m"]
    );
    // The line is that of whichever of the two was written.
    let late = "30 ms leave no time for 5 probes; give at least 45 ms, or a smaller fall";
    assert_eq!(
        probe("dead_time = \"30ms\""),
        [format!("r.toml:16: dead_time: {late}")]
    );
    assert_eq!(
        probe("tcp = true\nfall = 50"),
        [
            "r.toml:17: dead_time: 110 ms leave no time for 50 probes; give at least 270 ms, or a smaller fall"
        ]
    );
    assert!(probe("pace = 3")[0].starts_with("r.toml:16: pace: is not a key"));
}

#[test]
fn syntax() {
    let error = &with("name = \"lan0\"", "name = \"lan0")[0];
    assert!(error.starts_with("r.toml:3: name: "), "{error}");
    assert!(errors("= 3\n")[0].starts_with("r.toml:1: "));
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
            "r.toml:20: endpoints: 10.1.0.0/16 of zone \"b\" overlaps 10.0.0.0/8 of zone \"site-a\"; an endpoint can be \
          of one zone only"
        ]
    );
    assert_eq!(
        errors(&second("172.16.0.0/12", "10.9.9.9")),
        [
            "r.toml:23: address: gatekeeper \"g\" (10.9.9.9) lies inside 10.0.0.0/8 of zone \"site-a\"'s endpoints; \
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
            "r.toml:13: endpoints: ::/0 covers IPv4 too, as ::ffff:0:0/96; write a longer prefix, such as 2000::/3"
        ]
    );
    assert!(with("10.0.0.0/8", "10.0.0.0/33")[0].starts_with("r.toml:13: endpoints: "));
}

#[test]
fn names() {
    assert_eq!(
        with("wan0", "lan0"),
        [
            "r.toml:7: name: interface \"lan0\" stands twice; use side = \"both\" for a box on a stick"
        ]
    );
    let twice = format!("{GOOD}[[zone.gatekeeper]]\nid = \"gk1\"\naddress = \"192.0.2.1\"\n");
    assert_eq!(
        errors(&twice),
        [
            "r.toml:19: id: gatekeeper \"gk1\" stands twice in zone \"site-a\"; rename one",
            "r.toml:20: address: 192.0.2.1 stands twice in zone \"site-a\"; a gatekeeper is known by its address"
        ]
    );
    assert_eq!(
        with("side = \"gatekeepers\"", "side = \"endpoints\""),
        [
            "r.toml: interface: none is on the side of the gatekeepers; add an [[interface]] with \
          side = \"gatekeepers\" or \"both\""
        ]
    );
    assert_eq!(
        with("endpoints = [\"10.0.0.0/8\"]", ""),
        ["r.toml:10: endpoints: zone \"site-a\" has none; list the prefixes of its endpoints"]
    );
    assert_eq!(
        errors(&GOOD.replace(
            "[[zone.gatekeeper]]\nid = \"gk1\"\naddress = \"192.0.2.1\"\n",
            ""
        )),
        ["r.toml:10: gatekeeper: zone \"site-a\" has none; add a [[zone.gatekeeper]]"]
    );
}

#[test]
fn daemon() {
    let with = |line: &str| errors(&format!("[daemon]\n{line}\n{GOOD}"));
    assert_eq!(
        with("state_dir = \"lib\""),
        ["r.toml:2: state_dir: \"lib\" is relative; give a path from /"]
    );
    assert_eq!(
        with("ring_buffer = \"3MiB\""),
        [
            "r.toml:2: ring_buffer: 3145728 octets cannot be; give a power of two from \"64KiB\" to \"1024MiB\""
        ]
    );
    assert_eq!(
        with("max_registrations = 1"),
        ["r.toml:2: max_registrations: 1 is out of range; give 16 to 4194304"]
    );
    assert!(with("max_registrations = -1")[0].starts_with("r.toml:2: max_registrations: "));
    assert!(with("on_stop = \"fly\"")[0].starts_with("r.toml:2: on_stop: unknown variant `fly`"));
}

#[test]
fn a_missing_file_is_said() {
    let error = Config::load(Path::new("/nonexistent/r.toml")).unwrap_err();
    assert!(
        error[0]
            .to_string()
            .starts_with("/nonexistent/r.toml: cannot be read: No such file"),
        "{}",
        error[0]
    );
}

#[test]
fn metrics_are_off_unless_they_have_an_address() {
    let parsed = |text: &str| Config::parse(Path::new("r.toml"), text).unwrap().metrics;
    assert_eq!(parsed(GOOD), None);
    assert_eq!(parsed(&format!("[metrics]\n{GOOD}")), None);
    let at = parsed(&format!("[metrics]\nlisten = \"[::1]:9719\"\n{GOOD}"));
    assert_eq!(at, Some("[::1]:9719".parse().unwrap()));
    for (wrong, why) in [
        ("9719", "is no address and port"),
        ("127.0.0.1:0", "has no port"),
        ("224.0.0.1:9719", "is a multicast address"),
    ] {
        let said = errors(&format!("[metrics]\nlisten = \"{wrong}\"\n{GOOD}"));
        assert_eq!(said.len(), 1);
        assert!(
            said[0].starts_with("r.toml:2: listen: ") && said[0].contains(why),
            "{said:?}"
        );
    }
}
