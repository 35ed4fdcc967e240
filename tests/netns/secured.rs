//! Endpoints with H.235 are left alone.

use rasline_testkit::Settings;

use crate::scene::{SOON, Scene};

fn left_alone(settings: &Settings) {
    let scene = Scene::new(settings);
    let mut open = scene.learned(1);
    let mut secured = scene.endpoint(2).with(|who| who.secured = true);
    let rcf = secured.register(SOON).unwrap();
    assert_eq!(rcf.bytes, scene.gatekeeper.last_rcf(secured.eid()).unwrap());
    for _ in 0..20 {
        let reply = scene.by_gatekeeper(&mut secured);
        assert_eq!(
            reply.bytes,
            scene.gatekeeper.last_rcf(secured.eid()).unwrap()
        );
    }
    let shown = scene.registration(&secured, |r| r["answered_by"] == "gatekeeper");
    let why = shown["why_not"].as_str().unwrap();
    assert!(!why.is_empty(), "{shown}");
    assert!(
        scene
            .controller
            .text(&["registration", "list"])
            .unwrap()
            .contains(why)
    );
    scene.by_kernel(&mut open);
}

#[test]
fn with_one_rhythm() {
    left_alone(&Settings::default());
}

#[test]
fn with_endpoint_ttl() {
    left_alone(&Settings {
        endpoint_ttl: Some("2s"),
        ..Settings::default()
    });
}
