//! Every metric stands in docs/metrics.md with its kind and labels and the other way round; alerts and dashboard use
//! only what there is.
#![allow(clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use rasline::{
    metrics::{FAMILIES, Kind, Snapshot, encode},
    view,
};
use rasline_core::{CensusState, NotAnsweredReason};
use rasline_kernel::CounterRow;

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn gatekeeper(id: &str, state: &str) -> view::Gatekeeper {
    view::Gatekeeper {
        zone: "site".into(),
        id: id.into(),
        state: "alive".into(),
        last_reply: Some(1.5),
        requests: 7,
        probe: Some(view::Probe {
            state: state.into(),
            round_trip: Some(0.002),
            sent: 9,
            ..view::Probe::default()
        }),
        ..view::Gatekeeper::default()
    }
}

fn zone() -> view::Zone {
    view::Zone {
        name: "site".into(),
        gatekeepers: vec![gatekeeper("gk1", "down"), gatekeeper("gk2", "up")],
        steering: Some(view::Steering {
            active: Some("gk2".into()),
            preferred: Some("gk1".into()),
            standby: Some("gk1".into()),
            migrated: 3,
            ..view::Steering::default()
        }),
        serving: Some(view::Serving {
            phase: "running".into(),
            registrations: 5,
            registered_upstream: Some(4),
            ..view::Serving::default()
        }),
        ..view::Zone::default()
    }
}

/// A snapshot that has something for every family.
fn full() -> Snapshot {
    let event = |event: &str, cause: &str| (event.into(), "site".into(), cause.into());
    Snapshot {
        taken_ns: 1_000_000_000,
        started: 1.0,
        heartbeat_timeout: Duration::from_secs(3),
        status: view::Status {
            version: "0.1.0".into(),
            interfaces: vec![view::Interface {
                name: "lan0".into(),
                side: "endpoints".into(),
                attached: true,
                ..view::Interface::default()
            }],
            zones: vec![zone()],
            agents: vec![view::Agent {
                name: "gw".into(),
                registered: true,
                losses: [("reset".into(), 1)].into(),
                unproved: [("wrong".into(), 1)].into(),
                last_recovery: Some(0.004),
                ..view::Agent::default()
            }],
            store: view::Store {
                last_write: Some(0.5),
                ..view::Store::default()
            },
            ..view::Status::default()
        },
        counters: vec![CounterRow {
            interface: Some("lan0".into()),
            values: vec![("answer", 12)],
        }],
        registrations: vec![
            ("site".into(), CensusState::Answered, 5),
            (
                "site".into(),
                CensusState::NotAnswered(NotAnsweredReason::Secured),
                2,
            ),
        ],
        events: [(event("failover", "down"), 2), (event("failback", ""), 1)].into(),
    }
}

/// Label names by family, in an exposition.
fn labels(exposition: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in exposition.lines().filter(|l| !l.starts_with('#')) {
        let (name, rest) = line.split_once(['{', ' ']).unwrap();
        let names = rest.split_once('}').map_or("", |(labels, _)| labels);
        let names = names
            .split("\",")
            .filter_map(|l| Some(l.split_once('=')?.0.to_owned()));
        all.entry(name.to_owned()).or_default().extend(names);
    }
    all
}

#[test]
fn every_metric_is_documented() {
    let exposition = encode(&full(), 2_000_000_000).unwrap();
    let given = labels(&exposition);
    let expected: BTreeMap<String, (String, BTreeSet<String>)> = FAMILIES
        .iter()
        .map(|f| {
            let name = f.sample_name();
            let labels = given
                .get(&name)
                .unwrap_or_else(|| panic!("no sample of {name}:\n{exposition}"));
            let kind = match f.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Info => "info",
            };
            (name, (kind.to_owned(), labels.clone()))
        })
        .collect();
    let document = text("docs/metrics.md");
    let documented: BTreeMap<String, (String, BTreeSet<String>)> = document
        .lines()
        .filter(|line| line.starts_with("| `rasline_"))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            let plain = |cell: &str| cell.trim_matches('`').to_owned();
            let labels = cells[2].split(", ").filter(|l| !l.is_empty()).map(plain);
            (plain(cells[0]), (cells[1].to_owned(), labels.collect()))
        })
        .collect();
    assert_eq!(documented, expected);
}

#[test]
fn values_are_those_of_the_snapshot() {
    let exposition = encode(&full(), 2_000_000_000).unwrap();
    for line in [
        "rasline_build_info{version=\"0.1.0\"} 1",
        "rasline_heartbeat_age_seconds 1.0",
        "rasline_packets_total{interface=\"lan0\",verdict=\"answer\"} 12",
        "rasline_registrations{zone=\"site\",state=\"not_answered\",why=\"secured\"} 2.0",
        "rasline_endpoints{zone=\"site\",state=\"silent\"} 0.0",
        "rasline_endpoints{zone=\"site\",state=\"unknown\"} 0.0",
        "rasline_gatekeeper_up{zone=\"site\",gatekeeper=\"gk1\"} 0.0",
        "rasline_gatekeeper_up{zone=\"site\",gatekeeper=\"gk2\"} 1.0",
        "rasline_gatekeeper_state{zone=\"site\",gatekeeper=\"gk1\",state=\"down\"} 1.0",
        "rasline_gatekeeper_last_reply_age_seconds{zone=\"site\",gatekeeper=\"gk1\"} 2.5",
        "rasline_zone_active_gatekeeper_info{zone=\"site\",gatekeeper=\"gk2\"} 1",
        "rasline_zone_on_preferred_gatekeeper{zone=\"site\"} 0.0",
        "rasline_zone_failovers_total{zone=\"site\",cause=\"down\"} 2",
        "rasline_zone_failovers_total{zone=\"site\",cause=\"failback\"} 1",
        "rasline_zone_migrated_total{zone=\"site\"} 3",
        "rasline_store_last_write_age_seconds 1.5",
    ] {
        assert!(
            exposition.lines().any(|l| l == line),
            "no {line} in:\n{exposition}"
        );
    }
}

/// Words that look like a metric.
fn metrics_in(text: &str) -> BTreeSet<&str> {
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    let words = text.split(word).filter(|w| w.starts_with("rasline_"));
    words.collect()
}

#[test]
fn alerts_and_dashboard_use_what_there_is() {
    let known: BTreeSet<String> = FAMILIES
        .iter()
        .map(rasline::metrics::Family::sample_name)
        .collect();
    for path in [
        "packaging/prometheus/rasline.rules.yml",
        "packaging/grafana/rasline.json",
    ] {
        let text = text(path);
        let used = metrics_in(&text);
        assert!(used.len() > 5, "{path}: {used:?}");
        let unknown: Vec<_> = used.iter().filter(|m| !known.contains(**m)).collect();
        assert!(unknown.is_empty(), "{path}: {unknown:?}");
    }
    let dashboard: serde_json::Value =
        serde_json::from_str(&text("packaging/grafana/rasline.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert!(
        panels
            .iter()
            .all(|p| p["title"].is_string() && p["gridPos"].is_object())
    );
}
