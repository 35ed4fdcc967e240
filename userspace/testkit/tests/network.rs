//! The tools by themselves: endpoints and a gatekeeper with a plain router between them.
#![allow(clippy::unwrap_used)]

use std::{net::SocketAddr, time::Duration};

use rasline_testkit::{
    Endpoint, FakeGatekeeper, Gateway, GatewayOptions, Netns, Policy, Swarm, What, topology, wait,
};

const SOON: Duration = wait::PATIENCE;
const BRIEFLY: Duration = Duration::from_millis(300);

fn at(ip: std::net::IpAddr) -> SocketAddr {
    SocketAddr::new(ip, 1719)
}

fn network(gatekeeper: SocketAddr, policy: Policy) -> (Gateway, FakeGatekeeper) {
    let net = Gateway::new().unwrap();
    let gatekeeper = FakeGatekeeper::start(&net.gatekeepers, gatekeeper, policy).unwrap();
    (net, gatekeeper)
}

#[test]
fn an_endpoint_lives_its_life() {
    for (from, to) in [
        (topology::endpoint(1), topology::GATEKEEPER),
        (topology::endpoint_v6(1), topology::GATEKEEPER_V6),
    ] {
        let (net, gatekeeper) = network(at(to), Policy::default());
        let mut endpoint =
            Endpoint::new(&net.endpoints, at(from), at(to), &["ep1", "5001"]).unwrap();
        endpoint.discover(SOON).unwrap();
        let rcf = endpoint.register(SOON).unwrap();
        assert_eq!(
            (rcf.time_to_live(), rcf.hops, rcf.from),
            (Some(600), 63, at(to))
        );
        let reply = endpoint.keep_alive(SOON).unwrap().unwrap();
        assert!(reply.is_rcf() && !reply.by_gateway());
        assert_eq!(gatekeeper.last_rcf(endpoint.eid()).unwrap(), reply.bytes);
        gatekeeper.reject_next(endpoint.eid());
        assert!(endpoint.keep_alive(SOON).unwrap().unwrap().is_rrj());
        let eid = endpoint.eid().to_owned();
        endpoint.register(SOON).unwrap();
        assert_eq!(endpoint.eid(), eid);
        gatekeeper.unregister(&eid).unwrap();
        let urq = endpoint.unasked(SOON).unwrap();
        endpoint.confirm_unregistration(&urq).unwrap();
        gatekeeper
            .await_seen(1, SOON, |s| s.what == What::Ucf)
            .unwrap();
        endpoint.register(SOON).unwrap();
        endpoint.unregister(SOON).unwrap();
        assert!(endpoint.keep_alive(SOON).unwrap().unwrap().is_rrj());
    }
}

#[test]
fn a_gatekeeper_can_be_silent_dead_and_back() {
    let (net, mut gatekeeper) = network(at(topology::GATEKEEPER), Policy::default());
    let to = at(topology::GATEKEEPER);
    let mut endpoint =
        Endpoint::new(&net.endpoints, at(topology::endpoint(1)), to, &["ep1"]).unwrap();
    endpoint.register(SOON).unwrap();
    gatekeeper.set(|p| p.silent = true);
    assert!(endpoint.keep_alive(BRIEFLY).unwrap().is_none());
    gatekeeper.set(|p| p.silent = false);
    gatekeeper.kill();
    assert!(endpoint.keep_alive(BRIEFLY).unwrap().is_none());
    assert_eq!(gatekeeper.keep_alives(None), 1);
    gatekeeper.resume(&net.gatekeepers).unwrap();
    assert!(endpoint.keep_alive(SOON).unwrap().unwrap().is_rcf());
    gatekeeper.forget();
    assert!(endpoint.keep_alive(SOON).unwrap().unwrap().is_rrj());
    endpoint.register(SOON).unwrap();
    gatekeeper.set(|p| p.lost_per_mille = 1000);
    assert!(endpoint.keep_alive(BRIEFLY).unwrap().is_none());
}

#[test]
fn two_behind_one_address_are_two() {
    let (net, _gatekeeper) = network(at(topology::GATEKEEPER), Policy::default());
    let to = at(topology::GATEKEEPER);
    let mut one = Endpoint::new(&net.endpoints, at(topology::endpoint(1)), to, &["one"]).unwrap();
    let mut two = one.beside(&["two"]).unwrap();
    one.register(SOON).unwrap();
    two.register(SOON).unwrap();
    assert_ne!(one.eid(), two.eid());
    assert!(one.keep_alive(SOON).unwrap().unwrap().is_rcf());
    assert!(two.keep_alive(SOON).unwrap().unwrap().is_rcf());
}

#[test]
fn a_swarm_is_answered() {
    let (net, gatekeeper) = network(at(topology::GATEKEEPER), Policy::default());
    let addresses = (0..300).map(|n| at(topology::endpoint(n)));
    let mut swarm = Swarm::new(&net.endpoints, addresses, at(topology::GATEKEEPER)).unwrap();
    swarm.register(SOON).unwrap();
    let round = swarm.round(SOON).unwrap();
    assert_eq!(
        (round.sent, round.confirmed, round.by_gateway),
        (300, 300, 0)
    );
    assert_eq!(gatekeeper.keep_alives(None), 300);
}

#[test]
fn large_frames_fit() {
    let net = Gateway::with(GatewayOptions {
        mtu: 9000,
        ..GatewayOptions::default()
    })
    .unwrap();
    net.gateway.ip("link show lan0").unwrap();
    let gatekeeper = FakeGatekeeper::start(
        &net.gatekeepers,
        at(topology::GATEKEEPER),
        Policy::default(),
    );
    let _gatekeeper = gatekeeper.unwrap();
    let to = at(topology::GATEKEEPER);
    let mut endpoint =
        Endpoint::new(&net.endpoints, at(topology::endpoint(1)), to, &["ep1"]).unwrap();
    endpoint.register(SOON).unwrap();
}

#[test]
fn a_panic_leaves_no_namespace() {
    let name = std::thread::spawn(|| {
        let netns = Netns::new("panic").unwrap();
        std::panic::panic_any(netns.name().to_owned());
    })
    .join()
    .unwrap_err();
    let name = name.downcast_ref::<String>().unwrap();
    assert!(!std::path::Path::new("/run/netns").join(name).exists());
}
