//! The primary is back, and the operator has a say.

use rasline_testkit::{Endpoint, wait};

use crate::{
    scene::SOON,
    site::{Plan, Site, admitted},
};

/// On the backup, the primary alive again.
fn away(lines: &str) -> (Site, Endpoint) {
    let site = Site::new(&Plan::zone(lines));
    let mut endpoint = site.learned(1);
    site.gk(1).kill();
    site.moves_to(2, &mut endpoint);
    site.await_active("gk2");
    site.restart(1);
    (site, endpoint)
}

/// The primary serves again: RAS and calls reach it.
fn is_back(site: &Site, endpoint: &mut Endpoint) {
    site.await_active("gk1");
    wait::until_true("the endpoint to be back", SOON, || {
        Ok(admitted(endpoint).is_acf() && site.saw(1, endpoint))
    })
    .unwrap();
    let mut line = site.line_to(1, 1, site.address(1));
    site.call(1, &mut line);
}

/// Gatekeeper 1 is well, and the zone stays at gatekeeper 2.
fn stays_away(site: &Site, endpoint: &mut Endpoint) {
    site.await_state(1, "up");
    for _ in 0..10 {
        endpoint.stay(SOON).unwrap();
        assert_eq!(site.active(), "gk2");
        assert!(admitted(endpoint).is_acf() && site.saw(2, endpoint));
    }
}

#[test]
fn after_a_time() {
    let (site, mut endpoint) = away("failback = \"after 1s\"");
    is_back(&site, &mut endpoint);
    assert_eq!(site.events("returned to"), 1);
}

#[test]
fn never() {
    let (site, mut endpoint) = away("failback = \"none\"");
    stays_away(&site, &mut endpoint);
}

#[test]
fn switch_hold_and_release() {
    let site = Site::new(&Plan::zone("failback = \"after 1s\""));
    let mut endpoint = site.learned(1);
    let order = |words: &[&str]| site.controller.text(words).unwrap();
    order(&["zone", "switch", "site", "gk2"]);
    site.await_active("gk2");
    stays_away(&site, &mut endpoint);
    // A preference, no more: the primary serves when the chosen one is gone, until it is back.
    site.gk(2).kill();
    site.await_active("gk1");
    site.restart(2);
    site.await_active("gk2");
    order(&["zone", "release", "site"]);
    is_back(&site, &mut endpoint);
    // Held, it stays with the dead.
    order(&["zone", "hold", "site"]);
    site.gk(1).freeze().unwrap();
    site.await_state(1, "down");
    assert_eq!(site.active(), "gk1");
    order(&["zone", "release", "site"]);
    site.await_active("gk2");
}

/// Up and down faster than it could be trusted: the zone stays where it is, and returns once when that is over.
#[test]
fn a_flapping_primary_is_not_returned_to() {
    let (site, mut endpoint) = away("failback = \"after 5s\"");
    for _ in 0..4 {
        site.gk(1).kill();
        site.await_state(1, "down");
        site.restart(1);
        site.await_state(1, "up");
        endpoint.stay(SOON).unwrap();
        assert_eq!(site.active(), "gk2");
    }
    assert_eq!(site.events("returned to"), 0);
    is_back(&site, &mut endpoint);
    let moves = (site.events("failed over"), site.events("returned to"));
    assert_eq!(moves, (1, 1));
}

#[test]
fn when_calls_are_over() {
    let (site, mut endpoint) = away("failback = \"after_calls\"");
    let mut line = site.line_to(2, 1, site.address(1));
    site.call(2, &mut line);
    stays_away(&site, &mut endpoint);
    // The connection is the primary's no more, and goes on.
    site.call(2, &mut line);
    drop(line);
    is_back(&site, &mut endpoint);
}
