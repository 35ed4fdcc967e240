//! The gatekeeper as a process: what a test sees of it whatever became of it.

use rasline_testkit::{
    Endpoint, GatekeeperProcess, Gateway, GatewayOptions, Policy, What, topology,
};

use crate::scene::{BRIEFLY, SOON, ras};

#[test]
fn a_gatekeeper_is_killed_frozen_and_back() {
    let net = Gateway::with(GatewayOptions {
        hosts: 1,
        ..GatewayOptions::default()
    });
    let net = net.unwrap();
    let host = &net.hosts[0];
    let to = ras(host.address());
    let policy = Policy {
        eid_suffix: "gk1".into(),
        ..Policy::default()
    };
    let mut gatekeeper = GatekeeperProcess::start(&host.netns, to, policy).unwrap();
    let from = ras(topology::endpoint(1));
    let mut endpoint = Endpoint::new(&net.endpoints, from, to, &["ep1"]).unwrap();
    endpoint.register(SOON).unwrap();
    assert_eq!(endpoint.eid(), "0001_gk1");
    let reply = endpoint.keep_alive(SOON).unwrap().unwrap();
    assert_eq!(gatekeeper.last_rcf("0001_gk1").unwrap(), Some(reply.bytes));
    let log = gatekeeper.log().unwrap();
    let seen: Vec<_> = log.iter().map(|s| (s.what, s.seq)).collect();
    assert_eq!(seen, [(What::FullRrq, 2), (What::KeepAlive, 3)]);
    assert!(log[1].at >= endpoint.asked() && log[1].at.elapsed() < SOON);

    gatekeeper.freeze().unwrap();
    assert!(endpoint.keep_alive(BRIEFLY).unwrap().is_none());
    assert!(gatekeeper.forget().is_err());
    gatekeeper.thaw().unwrap();
    // It reads what came meanwhile.
    gatekeeper
        .await_seen(1, SOON, |s| s.seq == endpoint.seq())
        .unwrap();
    gatekeeper.set(|p| p.time_to_live = 77).unwrap();
    assert_eq!(endpoint.stay(SOON).unwrap().time_to_live(), Some(77));

    gatekeeper.kill();
    assert!(endpoint.keep_alive(BRIEFLY).unwrap().is_none());
    gatekeeper.restart(&host.netns).unwrap();
    assert!(endpoint.keep_alive(SOON).unwrap().unwrap().is_rrj());
    assert!(endpoint.stay(SOON).unwrap().is_rcf());
    assert_eq!(endpoint.eid(), "0001_gk1");
    assert!(gatekeeper.unregister("nobody").is_err());
}
