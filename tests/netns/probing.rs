//! What a gatekeeper answers is found out before its silence means anything, and what comes from elsewhere is no answer.
//! A zone with one gatekeeper says as much as one with several.

use std::{net::SocketAddr, time::Duration};

use rasline_testkit::{
    Controller, Fleet, GatekeeperProcess, Gateway, GatewayOptions, Netns, Policy, Seen, Settings,
    What, fleet, flood, host, messages, wait,
};
use serde_json::Value;

use crate::{
    metrics,
    scene::{BRIEFLY, SOON, ras},
    site::{Plan, Site, admitted},
};

const METRICS: &str = "127.0.0.1:9719";

/// A plan whose first gatekeeper starts with this policy.
fn with(plan: Plan, policy: fn(&mut Policy)) -> Plan {
    Plan { policy, ..plan }
}

fn gatekeeper(controller: &Controller, n: usize) -> Value {
    controller.json(&["gatekeeper", "list"]).unwrap()[n - 1].clone()
}

/// Waits until gatekeeper `n` is shown like this.
fn shown(controller: &Controller, n: usize, what: &str, like: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    let found = wait::until(what, SOON * 2, || {
        last = gatekeeper(controller, n);
        Ok(like(&last).then(|| last.clone()))
    });
    found.map_err(|e| e.context(last.to_string())).unwrap()
}

/// Until the probes of gatekeeper `n` went on for a while.
fn probed_on(site: &Site, n: usize, more: u64) {
    let sent = |g: &Value| g["probe"]["sent"].as_u64().unwrap_or(0);
    let before = sent(&gatekeeper(&site.controller, n));
    shown(&site.controller, n, "more probes", |g| {
        sent(g) > before + more
    });
}

fn answers(g: &Value, kind: &str) -> bool {
    let all = g["probe"]["answers"].as_array();
    all.is_some_and(|all| all.iter().any(|it| it == kind))
}

/// Discovery is switched off, as it is at gatekeepers in the field.
#[test]
fn one_that_ignores_discovery_is_asked_by_rrq() {
    let site = Site::new(&with(Plan::default(), |p| p.ignore = vec![What::Discovery]));
    let known = shown(&site.controller, 1, "gk1 to answer an RRQ", |g| {
        answers(g, "rrq")
    });
    assert!(!answers(&known, "grq"), "{known}");
    site.await_state(1, "up");
    let mut endpoint = site.learned(1);
    probed_on(&site, 1, 100);
    assert_eq!(site.active(), "gk1");
    assert_eq!(site.events("failed over"), 0);
    // Nothing of rasline's is registered there.
    let ours = |s: &Seen| s.what == What::FullRrq && !s.by_endpoint();
    assert_eq!(site.gk(1).count(ours).unwrap(), 0);
    let status = site.controller.text(&["status"]).unwrap();
    assert!(
        status.contains("ANSWERS") && status.contains("rrq"),
        "{status}"
    );
    site.gk(1).freeze().unwrap();
    site.await_active("gk2");
    assert_eq!(admitted(&mut endpoint).from.ip(), site.address(1));
}

/// It answers what is registered, and nothing that rasline may ask; its port shows that it is there.
#[test]
fn one_that_answers_no_probe_is_not_dead() {
    let site = Site::new(&with(Plan::default(), |p| {
        p.ignore = vec![What::Discovery];
        p.ignore_strangers = true;
    }));
    shown(&site.controller, 1, "gk1 to be known by its port", |g| {
        answers(g, "tcp")
    });
    let _endpoint = site.learned(1);
    shown(&site.controller, 1, "gk1 to answer endpoints", |g| {
        answers(g, "endpoints")
    });
    probed_on(&site, 1, 30);
    site.await_state(1, "up");
    assert_eq!(site.active(), "gk1");
    assert_eq!(site.events("failed over"), 0);
}

/// It ignores what it has always answered, and confirms its endpoints all the time.
#[test]
fn what_endpoints_are_answered_is_life() {
    let mut plan = Plan::zone("[zone.probe]\nras = \"grq\"");
    plan.settings.refresh_every = Some("1s");
    let mut site = Site::new(&plan);
    // The gatekeeper gets each keep-alive, since each comes when a refresh is due. They are spread over the whole interval,
    // so that it answers one every few milliseconds.
    let options = fleet::Options {
        every: Duration::from_millis(1100),
        register_rate: 90,
        ..fleet::Options::new(100, ras(site.address(1)))
    };
    let fleet = Fleet::start(&site.net.endpoints, &options).unwrap();
    fleet.await_registered(SOON * 3).unwrap();
    site.await_state(1, "up");
    site.gatekeepers[0]
        .set(|p| p.ignore = vec![What::Discovery])
        .unwrap();
    probed_on(&site, 1, 300);
    assert_eq!(site.active(), "gk1");
    assert_eq!(site.events("failed over"), 0);
    assert_eq!(fleet.tally().lapsed, 0);
}

/// Asked at one address it answers from another.
#[test]
fn one_that_answers_from_another_address_lives() {
    let other = host::address_of(9);
    let net = Gateway::with(GatewayOptions {
        hosts: 2,
        ..GatewayOptions::default()
    })
    .unwrap();
    let address = host::address_of(1);
    let host = &net.hosts[0].netns;
    host.ip(&format!("addr add {other}/32 dev lo")).unwrap();
    let policy = Policy {
        answers_from: Some(other),
        ..Policy::default()
    };
    let _gk = GatekeeperProcess::start(host, ras(address), policy).unwrap();
    let settings = Settings {
        gatekeepers: vec![address],
        ..Settings::default()
    };
    let controller = Controller::start(&net, &settings).unwrap();
    let seen = shown(&controller, 1, "gk1 to be up", |g| {
        g["probe"]["state"] == "up"
    });
    let from = seen["probe"]["answers_from"].as_str().unwrap_or_default();
    assert!(from.starts_with(&format!("{other}:")), "{seen}");
}

/// With number and port, but on the endpoints' side: whoever sends that has seen our requests, and is no gatekeeper.
#[test]
fn an_answer_from_the_endpoints_side_is_none() {
    let mut site = Site::new(&Plan::default());
    for interface in ["all", "lan0"] {
        let key = format!("ipv4/conf/{interface}/rp_filter");
        site.net.gateway.sysctl(&key, "0").unwrap();
    }
    site.await_state(1, "up");
    site.gatekeepers[0].set(|p| p.silent = true).unwrap();
    site.await_state(1, "down");
    let SocketAddr::V4(gk) = ras(site.address(1)) else {
        panic!("IPv4")
    };
    wait::until_true("forged answers to be refused", SOON * 2, || {
        let log = site.gk(1).log()?;
        let asked = log.iter().rev().filter(|s| !s.by_endpoint()).take(20);
        for seen in asked {
            let SocketAddr::V4(to) = seen.from else {
                continue;
            };
            let gcf = messages::gcf(seen.seq, "gk1", gk.into());
            flood::forge(&site.net.endpoints, gk, to, &gcf)?;
        }
        let strangers = gatekeeper(&site.controller, 1)["probe"]["strangers"].as_u64();
        Ok(strangers.unwrap_or(0) >= 100)
    })
    .unwrap();
    assert_eq!(gatekeeper(&site.controller, 1)["probe"]["state"], "down");
    assert_eq!(site.active(), "gk2");
}

/// Numbers of requests, and the ports that they come from, are not to be guessed.
#[test]
fn what_is_asked_is_not_to_be_guessed() {
    let site = Site::new(&Plan::default());
    let ours = |s: &Seen| s.what == What::Discovery && !s.by_endpoint();
    site.gk(1).await_seen(50, SOON, ours).unwrap();
    let log = site.gk(1).log().unwrap();
    let numbers: Vec<u16> = log.iter().filter(|s| ours(s)).map(|s| s.seq).collect();
    let next = numbers.windows(2).filter(|w| w[1] == w[0].wrapping_add(1));
    assert!(next.count() < 5, "{numbers:?}");
}

fn one(lines: &str) -> Plan {
    let mut plan = Plan::zone(lines);
    (plan.gatekeepers, plan.configured) = (1, 1);
    plan.settings.daemon = format!("{}\n[metrics]\nlisten = {METRICS:?}", plan.settings.daemon);
    plan
}

fn sample(gateway: &Netns, start: &str) -> Option<f64> {
    let all = metrics::get(gateway, METRICS, "/metrics")?;
    let line = all.lines().find(|l| l.starts_with(start))?;
    line.rsplit(' ').next()?.parse().ok()
}

fn await_sample(site: &Site, start: &str, value: f64) {
    wait::until_true(&format!("{start} {value}"), SOON, || {
        Ok(sample(&site.net.gateway, start) == Some(value))
    })
    .unwrap();
}

/// README's minimal configuration.
#[test]
fn a_zone_with_one_gatekeeper_says_that_it_is_dead() {
    let site = Site::new(&one(""));
    site.await_state(1, "up");
    await_sample(&site, "rasline_zone_dark{zone=\"site\"}", 0.0);
    let failovers = "rasline_zone_failovers_total{zone=\"site\",cause=\"down\"}";
    await_sample(&site, failovers, 0.0);
    await_sample(
        &site,
        "rasline_events_total{event=\"no_candidate\",zone=\"site\"}",
        0.0,
    );
    let list = || site.controller.text(&["zone", "list"]).unwrap();
    assert!(list().contains("first of the list"), "{}", list());
    let started = sample(&site.net.gateway, "rasline_start_time_seconds");
    site.gk(1).kill();
    site.await_state(1, "down");
    await_sample(&site, "rasline_zone_dark{zone=\"site\"}", 1.0);
    await_sample(
        &site,
        "rasline_events_total{event=\"no_candidate\",zone=\"site\"}",
        1.0,
    );
    assert!(list().contains("gk1, DEAD"), "{}", list());
    assert_eq!(site.events("no gatekeeper of the zone is alive"), 1);
    assert_eq!(site.events("gatekeeper down"), 1);
    site.restart(1);
    await_sample(&site, "rasline_zone_dark{zone=\"site\"}", 0.0);
    assert!(!list().contains("DEAD"), "{}", list());
    assert_eq!(
        sample(&site.net.gateway, "rasline_start_time_seconds"),
        started
    );
}

/// Nothing is asked: what endpoints meet says it.
#[test]
fn a_zone_with_one_gatekeeper_that_is_not_probed_says_it_too() {
    let site = Site::new(&one("[zone.probe]\nras = \"off\""));
    let mut endpoint = site.learned(1);
    assert_eq!(gatekeeper(&site.controller, 1)["probe"], Value::Null);
    site.gk(1).freeze().unwrap();
    wait::until_true("the zone to be dark", SOON * 2, || {
        endpoint.keep_alive(BRIEFLY)?;
        let zone = site.controller.json(&["zone", "show", "site"])?;
        Ok(zone["steering"]["dark"] == true)
    })
    .unwrap();
    site.gk(1).thaw().unwrap();
    wait::until_true("the zone to be served", SOON * 2, || {
        endpoint.keep_alive(BRIEFLY)?;
        let zone = site.controller.json(&["zone", "show", "site"])?;
        Ok(zone["steering"]["dark"] == false)
    })
    .unwrap();
}
