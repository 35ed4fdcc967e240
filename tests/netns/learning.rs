//! Endpoints change; what was learned changes with them.

use std::net::SocketAddr;

use rasline_testkit::{Endpoint, Settings, topology};

use crate::scene::{SOON, Scene, ras};

#[test]
fn a_new_endpoint_identifier() {
    let scene = Scene::new(&Settings::default());
    let mut endpoint = scene.learned(1);
    endpoint.unregister(SOON).unwrap();
    let old = endpoint.eid().to_owned();
    let mut again = endpoint.anew().unwrap();
    again.register(SOON).unwrap();
    assert_ne!(again.eid(), old);
    scene.learn(&mut again);
    // The old identifier is the gatekeeper's to reject.
    assert!(scene.by_gatekeeper(&mut endpoint).is_rrj());
}

#[test]
fn another_address_and_port() {
    let scene = Scene::new(&Settings::default());
    let mut endpoint = scene.learned(1);
    let from = SocketAddr::new(topology::endpoint(9), 31_719);
    let to = ras(topology::GATEKEEPER);
    let mut moved = Endpoint::new(&scene.net.endpoints, from, to, &["ep1", "5001"]).unwrap();
    moved.register_as(endpoint.eid(), SOON).unwrap();
    assert_eq!(moved.eid(), endpoint.eid());
    scene.learn(&mut moved);
    let reply = scene.by_kernel(&mut moved);
    assert_eq!(reply.from, to);
    // Its gatekeeper knows it at the new address only.
    let shown = scene.registration(&moved, |r| r["address"] == from.to_string());
    assert_eq!(shown["answered_by"], "kernel", "{shown}");
    assert!(scene.by_gatekeeper(&mut endpoint).is_rrj());
}

#[test]
fn a_time_to_live_that_settles() {
    let scene = Scene::new(&Settings::default());
    let mut endpoint = scene.endpoint(1).with(|who| who.time_to_live = Some(87));
    endpoint.register(SOON).unwrap();
    for asked in [63, 45, 42, 40] {
        endpoint.ask_for(Some(asked));
        let reply = endpoint.keep_alive(SOON).unwrap().expect("an answer");
        assert!(reply.is_rcf());
        assert!(
            scene.seen(&endpoint),
            "never seen before, so the gatekeeper's"
        );
    }
    scene.learn(&mut endpoint);
}

#[test]
fn the_table_is_full() {
    let scene = Scene::new(&Settings {
        daemon: "max_registrations = 16".into(),
        ..Settings::default()
    });
    let mut swarm = scene.swarm(16);
    let mut late = scene.endpoint(100);
    late.register(SOON).unwrap();
    for _ in 0..10 {
        assert!(scene.by_gatekeeper(&mut late).is_rcf());
    }
    let status = scene.controller.json(&["status"]).unwrap();
    assert!(status["learning"]["refused"].as_u64() > Some(0), "{status}");
    let events = scene.controller.text(&["events"]).unwrap();
    assert!(events.contains("max_registrations"), "{events}");
    let round = swarm.round(SOON).unwrap();
    assert_eq!((round.confirmed, round.by_gateway), (16, 16));
}
