//! What people are told about their configuration, word by word.

use std::time::Duration;

use super::*;

pub(super) const GOOD: &str = r#"
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

/// Returns the errors of a text.
pub(super) fn errors(text: &str) -> Vec<String> {
    Config::parse(Path::new("r.toml"), text)
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// Returns the errors of the good configuration with one text in place of another.
pub(super) fn with(from: &str, to: &str) -> Vec<String> {
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

/// Every key of every table is in the example, at least as a comment.
#[test]
fn the_example_has_every_key() {
    let text = include_str!("../../../../docs/rasline.toml");
    let zone = "[[zone]]\nname = \"a\"\nendpoints = [\"10.0.0.0/8\"]\n";
    let tables = [
        String::new(),
        "[daemon]\n".to_owned(),
        "[metrics]\n".to_owned(),
        "[backup]\n".to_owned(),
        "[[interface]]\n".to_owned(),
        zone.to_owned(),
        format!("{zone}[zone.probe]\n"),
        format!("{zone}[[zone.gatekeeper]]\n"),
        "[[agent]]\n".to_owned(),
        "[[agent]]\n[[agent.device]]\n".to_owned(),
    ];
    let mut keys = 0;
    for table in tables {
        let errors = Config::parse(Path::new("t"), &format!("{table}no_key = 1\n")).unwrap_err();
        let error = errors.iter().map(ToString::to_string);
        let mut error = error.filter(|it| it.contains("valid keys: "));
        let error = error
            .next()
            .unwrap_or_else(|| panic!("{table}: {errors:?}"));
        let valid = error.split("valid keys: ").nth(1).unwrap();
        for key in valid.split('`').skip(1).step_by(2) {
            let is_there = |line: &str| {
                let line = line.trim_start_matches('#').trim();
                let value = line.strip_prefix(key).map(str::trim_start);
                value.is_some_and(|rest| rest.starts_with('='))
                    || line.trim_matches(['[', ']']).rsplit('.').next() == Some(key)
            };
            assert!(text.lines().any(is_there), "{key} of {table:?}");
            keys += 1;
        }
    }
    assert!(keys > 60, "{keys}");
}

#[test]
fn unknown_keys() {
    let error = &with("endpoint_ttl", "endpoint_tll")[0];
    assert!(
        error.starts_with(
            "r.toml:12: endpoint_tll: unknown key; did you mean \"endpoint_ttl\"? remove it or correct \
             its name (valid keys: `name`, `ras`, `upstream`,"
        ),
        "{error}"
    );
    assert!(
        with("[[interface]]", "[[interfaces]]")[0].starts_with("r.toml:2: interfaces: unknown key")
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
            "r.toml:12: endpoint_ttl: 100ms is out of range; use 1s to 1d",
            "r.toml:12: endpoint_ttl: timeToLive is in whole seconds; remove the fraction"
        ]
    );
    assert_eq!(
        with("\"5s\"", "\"5s\"\nrefresh_every = \"3s\""),
        [
            "r.toml:13: refresh_every: 3s is shorter than endpoint_ttl (5s), so no keep-alive would be answered; use a longer time"
        ]
    );
    assert_eq!(
        with("side = \"endpoints\"", "side = \"lan\""),
        ["r.toml:4: side: unknown value \"lan\"; use \"endpoints\", \"gatekeepers\", \"both\""]
    );
}

#[test]
fn syntax() {
    let error = &with("name = \"lan0\"", "name = \"lan0")[0];
    assert!(error.starts_with("r.toml:3: name: "), "{error}");
    assert!(errors("= 3\n")[0].starts_with("r.toml:1: "));
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

/// Mistakes of every kind, all in one run: keys, values, types, elements of lists, what is missing, and what the checks
/// say of the rest.
#[test]
fn all_mistakes_are_found_in_one_run() {
    let text = r#"[daemon]
max_registrations = "many"
ringbuffer = "8MiB"
state_dir = "lib"

[[interface]]
name = "lan0"
side = "endpoint"
xdp_mode = "natvie"

[[interface]]
side = "gatekeepers"

[[zone]]
name = "a"
answer = true
endpoint_ttl = "5 s"
endpoints = [
    "10.0.0.0/33",
    "10.1.0.1/16",
]

[[zone.gatekeeper]]
id = "gk1"
address = "192.0.2"
ras_port = 70000

[[zone.gatekeeper]]
address = "10.1.2.3"

[[zone]]
name = "a"
endpoints = "10.2.0.0/16"
hold_for = "15m"
holdfor = "15m"

[[zone.gatekeeper]]
id = "gk1"
address = "192.0.2.1"

[[agent]]
name = "gw"
ras_address = "0.0.0.0"
gatekeepers = ["192.0.2.1", "x"]
t1 = "1ns"
"#;
    let all = errors(text);
    let expected = [
        "r.toml:2: max_registrations: ",
        "r.toml:3: ringbuffer: unknown key; did you mean \"ring_buffer\"? ",
        "r.toml:4: state_dir: \"lib\" is a relative path; ",
        "r.toml:8: side: unknown value \"endpoint\"; did you mean \"endpoints\"? ",
        "r.toml:9: xdp_mode: unknown value \"natvie\"; did you mean \"native\"? ",
        "r.toml:11: name: is missing; ",
        "r.toml:16: answer: ",
        "r.toml:17: endpoint_ttl: \"5 s\" is not a duration; ",
        "r.toml:19: endpoints: \"10.0.0.0/33\" is not a prefix; ",
        "r.toml:20: endpoints: 10.1.0.1/16 has bits set after its prefix; ",
        "r.toml:25: address: \"192.0.2\" is not an IP address; ",
        "r.toml:26: ras_port: ",
        "r.toml:28: id: is missing; ",
        "r.toml:29: address: gatekeeper \"?\" (10.1.2.3) is inside ",
        "r.toml:32: name: duplicate zone name \"a\"; ",
        "r.toml:33: endpoints: ",
        "r.toml:35: holdfor: unknown key; did you mean \"hold_for\"? ",
        "r.toml:41: device: ",
        "r.toml:43: ras_address: \"0.0.0.0\" is a wildcard address, ",
        "r.toml:44: gatekeepers: \"x\" is not an address; ",
        "r.toml:45: t1: ",
    ];
    for (error, start) in all.iter().zip(expected) {
        assert!(error.starts_with(start), "{error}\nnot {start}\n{all:#?}");
    }
    assert_eq!(all.len(), expected.len(), "{all:#?}");
    for value in ["70000", "many", "true", "10.2.0.0/16"] {
        assert!(all.iter().any(|e| e.contains(value)), "{value} in {all:#?}");
    }
}

#[test]
fn a_mistake_of_syntax_hides_no_other() {
    let all = errors(&format!(
        "[daemon]\nstate_dir = \nbpff = \"/x\"\n{GOOD}priority = 900\n"
    ));
    assert!(all[0].starts_with("r.toml:2: state_dir: "), "{all:#?}");
    assert!(
        all[1].starts_with("r.toml:3: bpff: unknown key"),
        "{all:#?}"
    );
    assert!(all[2].starts_with("r.toml:21: priority: "), "{all:#?}");
    assert_eq!(all.len(), 3, "{all:#?}");
}

/// Whatever is broken, the controller's socket and pins are found where the file says.
#[test]
fn the_daemon_is_found_in_a_broken_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("r.toml");
    for broken in [
        "zon = 3\n",
        "= 3\n",
        "[[zone]]\nname = 7\n",
        "[[zone]\n",
        "x = \"\n",
    ] {
        let text = format!(
            "[daemon]\ncontrol_socket = \"/a/s\"\nbpffs = \"/a/b\"\nflows = \"x\"\n{broken}"
        );
        std::fs::write(&file, text).unwrap();
        let (daemon, wrong) = Config::load_daemon(&file);
        assert_eq!(daemon.control_socket, Path::new("/a/s"), "{broken}");
        assert_eq!(daemon.bpffs, Path::new("/a/b"), "{broken}");
        assert!(wrong.is_some(), "{broken}");
    }
    std::fs::write(&file, GOOD).unwrap();
    assert!(Config::load_daemon(&file).1.is_none());
    let (daemon, wrong) = Config::load_daemon(Path::new("/nonexistent"));
    assert_eq!(
        daemon.control_socket,
        Path::new("/run/rasline/control.sock")
    );
    assert!(wrong.unwrap().what.contains("cannot be read"));
}
