//! A flood of made-up keep-alives beside legitimate endpoints.

use std::net::{Ipv4Addr, SocketAddrV4};

use anyhow::Context;
use rasline_testkit::{Endpoint, Settings, flood::Flood, wait};

use crate::scene::{BRIEFLY, SOON, Scene};

const ROUNDS: usize = 20;

/// The answer to one keep-alive, retransmitted as endpoints do: the flood also fills the queue of the interface.
fn answered(endpoint: &mut Endpoint) -> bool {
    if endpoint.keep_alive(BRIEFLY).unwrap().is_some() {
        return true;
    }
    (0..20).any(|_| endpoint.retransmit(BRIEFLY).unwrap().is_some())
}

#[test]
fn legitimate_endpoints_are_answered_all_the_same() {
    let scene = Scene::new(&Settings {
        daemon: "max_registrations = 4096\ncopies_per_second = 1000\ncopies_per_source = 20".into(),
        // the bound on unknown sources would leave too little for the limits of copies
        zone: "unknown_rate = 0".into(),
        ..Settings::default()
    });
    let mut swarm = scene.swarm(20);
    let gatekeeper = SocketAddrV4::new(Ipv4Addr::new(10, 1, 0, 1), 1719);
    let first = Ipv4Addr::new(10, 0, 96, 0);
    let flood = Flood::start(&scene.net.endpoints, first, 200, gatekeeper).unwrap();
    wait::until_true("the flood", SOON, || Ok(flood.sent() > 20_000)).unwrap();
    for _ in 0..ROUNDS {
        for endpoint in &mut swarm.endpoints {
            assert!(
                answered(endpoint),
                "{} after {}",
                endpoint.address(),
                flood.sent()
            );
            assert!(!scene.seen(endpoint));
        }
    }
    assert!(scene.counter("copy_limited_source") > 0);
    assert!(scene.counter("copy_limited_total") > 0);
    assert_eq!(scene.counter("copy_lost"), 0);
    drop(flood);
    // What was made up was not learned, and what comes next is.
    let known = scene.registrations().unwrap();
    let answered_by_kernel = known.as_array().unwrap().iter();
    let kernel = answered_by_kernel
        .filter(|r| r["answered_by"] == "kernel")
        .count();
    assert_eq!(kernel, 20, "{known}");
    let mut late = scene.endpoint(300);
    late.register(SOON).context("after the flood").unwrap();
    scene.learn(&mut late);
}
