use proptest::prelude::*;
use serde_json::json;

use super::*;

fn profile() -> Profile {
    serde_json::from_value(json!({
        "zone": "hq",
        "gatekeeper_identifier": "GK1",
        "prefixes": ["1", "00#"],
        "plan": [{"prefix": "0", "strip": 1}, {"prefix": "", "add": "9"}],
        "reach": ["branch"],
        "neighbours": [{"id": "GK2", "address": "192.0.2.7:1719", "prefixes": ["44"]}],
        "endpoints": [
            {"aliases": ["1001", "alice", "h323:alice@example.com"], "password": "x"},
            {"aliases": ["gw"], "prefixes": ["9"], "ras_address": "10.0.0.1:1719", "endpoint_identifier": "a"},
        ],
    }))
    .unwrap()
}

fn faults(change: impl FnOnce(&mut Profile)) -> Vec<String> {
    let mut changed = profile();
    change(&mut changed);
    let faults = changed.check().unwrap_err();
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn a_sound_profile_passes() {
    assert_eq!(profile().check(), Ok(()));
}

type Change = fn(&mut Profile);

/// One row for each rule.
#[test]
fn every_fault_is_named_with_its_place() {
    let rows: &[(Change, &str)] = &[
        (|p| p.zone.clear(), "zone: is empty"),
        (
            |p| p.zone = "z".repeat(129),
            "zone: has more than 128 characters",
        ),
        (
            |p| p.tenant = "a\nb".into(),
            "tenant: has a control character",
        ),
        (
            |p| p.gatekeeper_identifier = " ".into(),
            "gatekeeper_identifier: is empty",
        ),
        (
            |p| p.time_to_live.min = 301,
            "time_to_live: min 301, default 300, max 3600 are not in order",
        ),
        (
            |p| p.time_to_live.max = 299,
            "time_to_live: min 30, default 300, max 299 are not in order",
        ),
        (
            |p| p.time_to_live.min = 0,
            "time_to_live: min 0, default 300, max 3600 are not in order",
        ),
        (
            |p| p.call_model = CallModel::GatekeeperRouted("0.0.0.0:1720".parse().unwrap()),
            "call_model: 0.0.0.0:1720 is not the address and port of a host",
        ),
        (
            |p| p.prefixes[1] = "0x".into(),
            "prefixes[1]: \"0x\" is not made of digits",
        ),
        (
            |p| p.prefixes[1] = "1".into(),
            "prefixes[1]: duplicate \"1\"",
        ),
        (
            |p| p.plan[0].add = "a".into(),
            "plan[0] (0).add: \"a\" is not made of digits",
        ),
        (
            |p| p.plan[1].prefix = "0".into(),
            "plan[1] (0): duplicate \"0\"",
        ),
        (
            |p| p.reach.push("hq".into()),
            "reach[1]: names the zone itself",
        ),
        (
            |p| p.reach.push("branch".into()),
            "reach[1]: duplicate \"branch\"",
        ),
        (
            |p| p.neighbours[0].address.set_port(0),
            "neighbours[0] (GK2).address: 192.0.2.7:0 is not the address and port of a host",
        ),
        (
            |p| p.neighbours[0].prefixes.push(String::new()),
            "neighbours[0] (GK2).prefixes: \"\" is not made of digits",
        ),
        (
            |p| p.neighbours.push(p.neighbours[0].clone()),
            "neighbours[1].id: duplicate \"GK2\"",
        ),
    ];
    told(rows);
}

/// The same of endpoints.
#[test]
fn every_fault_of_an_endpoint_is_named_with_its_place() {
    let rows: &[(Change, &str)] = &[
        (
            |p| p.endpoints[1].aliases.clear(),
            "endpoints[1].aliases: is empty",
        ),
        (
            |p| p.endpoints[1].aliases[0] = "1".repeat(129),
            &format!(
                "endpoints[1] ({0}).aliases: \"{0}\" is not a valid H.323 alias",
                "1".repeat(129)
            ),
        ),
        (
            |p| p.endpoints[1].aliases.push("h323:\u{fc}".into()),
            "endpoints[1] (gw).aliases: \"h323:\u{fc}\" is not a valid H.323 alias",
        ),
        (
            |p| p.endpoints[1].aliases.push("1001".into()),
            "endpoints[1] (gw).aliases: duplicate \"1001\", already used by endpoints[0]",
        ),
        (
            |p| p.endpoints[1].prefixes[0].push('a'),
            "endpoints[1] (gw).prefixes: \"9a\" is not made of digits",
        ),
        (
            |p| p.endpoints[0].password = Some(String::new()),
            "endpoints[0] (1001).password: is empty",
        ),
        (
            |p| p.endpoints[0].endpoint_identifier = Some("a".into()),
            "endpoints[1] (gw).endpoint_identifier: duplicate \"a\"",
        ),
        (
            |p| p.endpoints[1].ras_address = Some("224.0.1.41:1718".parse().unwrap()),
            "endpoints[1] (gw).ras_address: 224.0.1.41:1718 is not the address and port of a host",
        ),
        (
            |p| p.endpoints[1].call_signal_address = Some("255.255.255.255:1".parse().unwrap()),
            "endpoints[1] (gw).call_signal_address: 255.255.255.255:1 is not the address and port of a host",
        ),
    ];
    told(rows);
}

fn told(rows: &[(Change, &str)]) {
    for (change, told) in rows {
        assert_eq!(faults(change), [*told]);
    }
}

#[test]
fn faults_told_are_bounded() {
    let many = faults(|p| p.endpoints = vec![KnownEndpoint::default(); 1000]);
    assert_eq!(many.len(), 50);
}

#[test]
fn dates_come_as_text_number_or_day() {
    for (text, unix) in [
        ("1795237445", 1_795_237_445),
        ("2026-11-21T05:04:05Z", 1_795_237_445),
        ("2026-11-21T06:04:05+01:00", 1_795_237_445),
        ("2026-11-21", 1_795_219_200),
    ] {
        assert_eq!(parse_date(text), Ok(unix), "{text}");
    }
    for text in [
        "",
        "tomorrow",
        "2026-02-30",
        "1969-12-31T00:00:00Z",
        "2026-11-21T05:04:05",
    ] {
        parse_date(text).unwrap_err();
    }
    assert_eq!(show_date(1_795_237_445).unwrap(), "2026-11-21T05:04:05Z");
    assert_eq!(show_date(u64::MAX), None);
}

#[test]
fn until_is_written_as_a_date_and_read_back() {
    for until in [None, Some(0), Some(1_795_237_445), Some(u64::MAX)] {
        let subscription = Subscription { on: true, until };
        let text = serde_json::to_string(&subscription).unwrap();
        assert_eq!(
            serde_json::from_str::<Subscription>(&text).unwrap(),
            subscription,
            "{text}"
        );
    }
    serde_json::from_str::<Subscription>(r#"{"until": -1}"#).unwrap_err();
    serde_json::from_str::<Subscription>(r#"{"until": {}}"#).unwrap_err();
    let null: Subscription = serde_json::from_str(r#"{"until": null}"#).unwrap();
    assert_eq!(null.until, None);
}

#[test]
fn passwords_are_not_in_debug_output() {
    let endpoint = KnownEndpoint {
        password: Some("opensesame".into()),
        ..KnownEndpoint::default()
    };
    assert!(!format!("{endpoint:?}").contains("opensesame"));
}

proptest! {
    /// Whatever an alias that passes is made of, it can be encoded.
    #[test]
    fn an_alias_that_passes_can_be_encoded(alias in "\\PC{0,300}|[0-9*#,]{0,140}|h323:[ -~]{0,520}") {
        let endpoint = KnownEndpoint { aliases: vec![alias.clone()], ..KnownEndpoint::default() };
        let address = "192.0.2.1:1719".parse().unwrap();
        let mut rrq = rasline_h225::messages::Rrq::full(1, address, address);
        rrq.aliases = vec![alias];
        if check_endpoint(&endpoint).is_ok() {
            prop_assert!(rrq.encode().is_ok());
        }
    }
}
