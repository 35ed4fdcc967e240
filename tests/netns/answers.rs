//! The kernel's answer is the gatekeeper's RCF.

use rasline_testkit::{
    Endpoint, FakeGatekeeper, Gateway, GatewayOptions, Oracle, Policy, Settings, messages,
    topology, wait,
};

use crate::scene::{SOON, Scene, ras};

/// The kernel's answer, as tshark and pycrate read it, is what the gatekeeper would send.
fn equals_the_gatekeepers(scene: &Scene, endpoint: &mut Endpoint) {
    let reply = scene.by_kernel(endpoint);
    let theirs = scene.gatekeeper.last_rcf(endpoint.eid()).unwrap();
    let oracle = Oracle::new().unwrap();
    let (ours, theirs) = (
        oracle.decode(&reply.bytes).unwrap(),
        oracle.decode(&theirs).unwrap(),
    );
    assert_eq!(ours.seq, u64::from(endpoint.seq()));
    assert_ne!(ours.seq, theirs.seq);
    assert_eq!(ours.time_to_live, Some(600));
    assert_eq!(ours.tshark, theirs.tshark);
    assert_eq!(ours.pycrate, theirs.pycrate);
}

#[test]
fn over_ipv4() {
    let scene = Scene::new(&Settings::default());
    let mut endpoint = scene.learned(1);
    equals_the_gatekeepers(&scene, &mut endpoint);
    let reply = scene.by_kernel(&mut endpoint);
    assert_eq!(reply.from, ras(topology::GATEKEEPER));
}

#[test]
fn over_ipv6() {
    let settings = Settings {
        gatekeepers: vec![topology::GATEKEEPER_V6],
        ..Settings::default()
    };
    let scene = Scene::new(&settings);
    let (from, to) = (ras(topology::endpoint_v6(1)), ras(topology::GATEKEEPER_V6));
    let mut endpoint = Endpoint::new(&scene.net.endpoints, from, to, &["six", "6001"]).unwrap();
    endpoint.register(SOON).unwrap();
    scene.learn(&mut endpoint);
    equals_the_gatekeepers(&scene, &mut endpoint);
    let reply = scene.by_kernel(&mut endpoint);
    assert_eq!(reply.from, to);
}

#[test]
fn ipv4_and_ipv6_in_one_zone() {
    let settings = Settings {
        gatekeepers: vec![topology::GATEKEEPER, topology::GATEKEEPER_V6],
        ..Settings::default()
    };
    let scene = Scene::new(&settings);
    let mut four = scene.learned(1);
    let to = ras(topology::GATEKEEPER_V6);
    let second = Policy {
        name: "gk2".into(),
        ..Policy::default()
    };
    let second = FakeGatekeeper::start(&scene.net.gatekeepers, to, second).unwrap();
    let from = ras(topology::endpoint_v6(1));
    let mut six = Endpoint::new(&scene.net.endpoints, from, to, &["six"]).unwrap();
    six.register(SOON).unwrap();
    wait::until_true("the kernel to answer over IPv6", SOON, || {
        let before = second.keep_alives(None);
        assert!(six.keep_alive(SOON)?.expect("an answer").is_rcf());
        Ok(second.keep_alives(None) == before)
    })
    .unwrap();
    // Both gatekeepers gave the same endpointIdentifier.
    let shown = scene.registration(&six, |r| r["gatekeeper"] == "gk2");
    assert_eq!(shown["answered_by"], "kernel", "{shown}");
    assert_eq!(shown["address"], from.to_string(), "{shown}");
    scene.by_kernel(&mut four);
}

#[test]
fn any_sequence_number() {
    let scene = Scene::new(&Settings::default());
    let mut endpoint = scene.learned(1);
    let mut known = scene.gatekeeper.last_rcf(endpoint.eid()).unwrap();
    let mut keep_alive = messages::light_rrq(&endpoint.identity(), 1, endpoint.eid());
    for seq in [1, 2, 0x00ff, 0x0100, 0x7fff, 0x8000, 0xfffe, 0xffff, 3] {
        messages::set_seq(&mut keep_alive, seq);
        endpoint.send(&keep_alive).unwrap();
        let reply = endpoint
            .answer_within(seq, SOON)
            .unwrap()
            .expect("an answer");
        messages::set_seq(&mut known, seq);
        assert_eq!(reply.bytes, known);
        assert!(reply.by_gateway());
    }
}

#[test]
fn a_retransmission_too() {
    let scene = Scene::new(&Settings::default());
    let mut endpoint = scene.learned(1);
    let first = scene.by_kernel(&mut endpoint);
    for _ in 0..3 {
        assert_eq!(endpoint.retransmit(SOON).unwrap().as_ref(), Some(&first));
    }
    assert!(!scene.seen(&endpoint));
}

#[test]
fn two_registrations_behind_one_address_and_port() {
    let scene = Scene::new(&Settings::default());
    let mut one = scene.endpoint(1);
    let mut two = one.beside(&["second", "7777"]).unwrap();
    one.register(SOON).unwrap();
    two.register(SOON).unwrap();
    scene.learn(&mut one);
    scene.learn(&mut two);
    equals_the_gatekeepers(&scene, &mut one);
    equals_the_gatekeepers(&scene, &mut two);
    let replies = [scene.by_kernel(&mut one), scene.by_kernel(&mut two)];
    assert_ne!(replies[0].bytes[4..], replies[1].bytes[4..]);
    // One leaves. The other one may be learned again, and is answered again.
    two.unregister(SOON).unwrap();
    assert!(scene.by_gatekeeper(&mut two).is_rrj());
    scene.learn(&mut one);
    scene.by_kernel(&mut one);
}

#[test]
fn many_endpoints() {
    let scene = Scene::new(&Settings::default());
    let mut swarm = scene.swarm(100);
    let before = scene.gatekeeper.keep_alives(None);
    for _ in 0..20 {
        let round = swarm.round(SOON).unwrap();
        assert_eq!(
            (round.sent, round.confirmed, round.by_gateway),
            (100, 100, 100)
        );
    }
    assert_eq!(scene.gatekeeper.keep_alives(None), before);
    assert!(scene.counter("answer") >= 2000);
}

#[test]
fn on_large_frames() {
    let net = Gateway::with(GatewayOptions {
        mtu: 9000,
        ..GatewayOptions::default()
    })
    .unwrap();
    let scene = Scene::on(net, &Settings::default(), Policy::default());
    let mut endpoint = scene.learned(1);
    equals_the_gatekeepers(&scene, &mut endpoint);
}

#[test]
fn rcfs_that_differ_only_in_the_endpoint_identifier() {
    let policy = Policy {
        aliases_in_rcf: false,
        ..Policy::default()
    };
    let scene = Scene::with(&Settings::default(), policy);
    let mut swarm = scene.swarm(10);
    for endpoint in &mut swarm.endpoints {
        equals_the_gatekeepers(&scene, endpoint);
    }
    let status = scene.controller.json(&["status"]).unwrap();
    assert_eq!(status["tables"]["slots"], 10, "{status}");
    assert!(status["tables"]["profiles"].as_u64() < Some(10), "{status}");
}
