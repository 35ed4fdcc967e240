//! What the data path takes for life and silence of a gatekeeper by itself, seen from outside: nobody's keep-alives are
//! spent while the controller asks, one lost datagram moves nothing, endpoints that start are evidence, and a gatekeeper that
//! lost its registrations is asked.

use std::time::{Duration, Instant};

use rasline_testkit::{Endpoint, Seen, Settings, What, wait};
use serde_json::Value;

use crate::{
    scene::{self, SOON},
    site::{Plan, Site, admitted},
};

fn gatekeeper(site: &Site, n: usize) -> Value {
    site.controller.json(&["gatekeeper", "list"]).unwrap()[n - 1].clone()
}

fn await_state(site: &Site, n: usize, state: &str) {
    wait::until_true(&format!("gk{n} to be {state}"), SOON, || {
        Ok(gatekeeper(site, n)["probe"]["state"] == state)
    })
    .unwrap();
}

/// One gatekeeper that is seldom asked by refreshes.
fn one_gatekeeper() -> Plan {
    let defaults = Plan::default();
    Plan {
        configured: 1,
        settings: Settings {
            refresh_every: Some("120s"),
            ..defaults.settings
        },
        ..defaults
    }
}

/// Sends keep-alives for this long, each once; how many, and how many were answered.
fn keep_alive_for(endpoint: &mut Endpoint, time: Duration) -> (u32, u32) {
    let end = Instant::now() + time;
    let (mut sent, mut answered) = (0, 0);
    while Instant::now() < end {
        sent += 1;
        if endpoint
            .keep_alive(Duration::from_millis(500))
            .unwrap()
            .is_some()
        {
            answered += 1;
        }
    }
    (sent, answered)
}

/// One gatekeeper, dead; an endpoint that never repeats a keep-alive would be lost with the first one that is spent.
#[test]
fn no_keep_alive_is_spent_while_the_controller_asks() {
    let site = Site::new(&Plan {
        configured: 1,
        ..Plan::default()
    });
    let mut endpoint = site.learned(1);
    await_state(&site, 1, "up");
    site.gk(1).kill();
    await_state(&site, 1, "down");
    // Longer than it took before a keep-alive was let through to see whether the gatekeeper is back.
    let (sent, answered) = keep_alive_for(&mut endpoint, Duration::from_secs(17));
    assert!(sent > 100, "{sent}");
    assert_eq!(answered, sent);
    assert_eq!(scene::counter(&site.controller, "pass_probe"), 0);
    // The controller finds out by itself that it is back.
    site.restart(1);
    await_state(&site, 1, "up");
}

/// Without the controller: the only endpoint's keep-alive is lost once, and repeated.
#[test]
fn one_lost_keep_alive_moves_nothing() {
    let mut site = Site::new(&Plan::default());
    let mut endpoint = site.learned(1);
    await_state(&site, 1, "up");
    site.controller.kill().unwrap();
    site.gk(1).freeze().unwrap();
    // The refresh, and its repetition, which is answered here.
    let before = site.gk(2).count(Seen::by_endpoint).unwrap();
    endpoint.stay(SOON).unwrap();
    site.gk(1).thaw().unwrap();
    for _ in 0..3 {
        keep_alive_for(&mut endpoint, Duration::from_millis(1500));
    }
    assert_eq!(site.gk(2).count(Seen::by_endpoint).unwrap(), before);
    assert_eq!(admitted(&mut endpoint).from.ip(), site.address(1));
    assert!(site.saw(1, &endpoint));
}

/// Nobody is registered; the controller is dead, and so is the gatekeeper. Endpoints that start look for one in vain.
#[test]
fn endpoints_that_start_move_a_zone_without_the_controller() {
    let mut site = Site::new(&Plan::default());
    await_state(&site, 1, "up");
    await_state(&site, 2, "up");
    // What probes found is written to the maps once a second.
    wait::until_true("gk1 to be known to answer", SOON, || {
        Ok(gatekeeper(&site, 1)["probe"]["answered"].as_u64() > Some(30))
    })
    .unwrap();
    site.controller.kill().unwrap();
    site.gk(1).kill();
    let mut starting: Vec<Endpoint> = (1..=3)
        .map(|n| site.endpoint_at(n, site.address(1)))
        .collect();
    wait::until_true("an endpoint to reach gk2", SOON, || {
        for endpoint in &mut starting {
            // No answer is what is to be expected for a while.
            let _none_yet = endpoint.discover(Duration::from_millis(200));
            let _none_yet = endpoint.register(Duration::from_millis(200));
        }
        site.gk(2)
            .count(|s| s.by_endpoint() && s.what == What::FullRrq)
            .map(|n| n > 0)
    })
    .unwrap();
    for endpoint in &mut starting {
        endpoint.register(SOON).unwrap();
        assert!(site.saw(2, endpoint));
    }
}

/// It was restarted between two probes: nobody saw it die, and it knows nobody. The first call says so.
#[test]
fn a_gatekeeper_that_forgot_is_asked_after_the_first_reject() {
    let site = Site::new(&one_gatekeeper());
    let mut endpoint = site.learned(1);
    site.gk(1).forget().unwrap();
    let full = |site: &Site| {
        site.gk(1)
            .count(|s| s.what == What::FullRrq && s.by_endpoint())
    };
    let before = full(&site).unwrap();
    let arj = endpoint.admit(SOON).unwrap();
    assert!(arj.is_arj(), "{:02x?}", arj.bytes);
    // The keep-alive reaches the gatekeeper, which asks for a full registration.
    endpoint.stay(SOON).unwrap();
    assert_eq!(full(&site).unwrap(), before + 1);
    assert_eq!(scene::counter(&site.controller, "refresh_due"), 1);
    admitted(&mut endpoint);
}

/// One that was away is asked early about what it confirmed before.
#[test]
fn one_that_is_back_is_asked_early() {
    let site = Site::new(&one_gatekeeper());
    let mut endpoint = site.learned(1);
    await_state(&site, 1, "up");
    site.gk(1).kill();
    await_state(&site, 1, "down");
    endpoint.stay(SOON).unwrap();
    site.restart(1);
    await_state(&site, 1, "up");
    let from = endpoint.address();
    let full = |site: &Site| {
        site.gk(1)
            .count(|s| s.what == What::FullRrq && s.from == from)
    };
    let before = full(&site).unwrap();
    wait::until_true("the endpoint to register again", SOON, || {
        endpoint.stay(SOON)?;
        Ok(full(&site)? > before)
    })
    .unwrap();
    admitted(&mut endpoint);
}
