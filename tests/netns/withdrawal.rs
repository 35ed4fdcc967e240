//! What the gatekeeper takes back, the kernel no longer promises.

use rasline_testkit::{Settings, What, wait};

use crate::scene::{SOON, Scene};

#[test]
fn by_rrj() {
    let scene = Scene::new(&Settings {
        refresh_every: Some("1s"),
        ..Settings::default()
    });
    let mut endpoint = scene.learned(1);
    let mut other = scene.learned(2);
    scene.gatekeeper.reject_next(endpoint.eid());
    wait::until_true("the RRJ", SOON, || {
        Ok(endpoint.keep_alive(SOON)?.is_some_and(|r| r.is_rrj()))
    })
    .unwrap();
    // The very next one goes to the gatekeeper, and so do all until the endpoint registers.
    for _ in 0..10 {
        assert!(scene.by_gatekeeper(&mut endpoint).is_rrj());
    }
    assert!(scene.counter("withdrawn_rrj") > 0);
    scene.learn(&mut other);
    endpoint.register(SOON).unwrap();
    scene.learn(&mut endpoint);
}

#[test]
fn by_urq_of_the_gatekeeper() {
    let scene = Scene::new(&Settings::default());
    let mut endpoint = scene.learned(1);
    scene.gatekeeper.unregister(endpoint.eid()).unwrap();
    let urq = endpoint.unasked(SOON).unwrap();
    for _ in 0..5 {
        assert!(scene.by_gatekeeper(&mut endpoint).is_rrj());
    }
    endpoint.confirm_unregistration(&urq).unwrap();
    scene
        .gatekeeper
        .await_seen(1, SOON, |s| s.what == What::Ucf)
        .unwrap();
    assert!(scene.counter("withdrawn_urq") > 0);
    endpoint.register(SOON).unwrap();
    scene.learn(&mut endpoint);
}

#[test]
fn by_ucf_to_the_endpoint() {
    let scene = Scene::new(&Settings::default());
    let mut endpoint = scene.learned(1);
    endpoint.unregister(SOON).unwrap();
    for _ in 0..5 {
        assert!(scene.by_gatekeeper(&mut endpoint).is_rrj());
    }
    assert!(scene.counter("withdrawn_ucf") > 0);
    endpoint.register(SOON).unwrap();
    scene.learn(&mut endpoint);
}

#[test]
fn by_hand() {
    let scene = Scene::new(&Settings::default());
    let mut endpoint = scene.learned(1);
    let shown = scene.registration(&endpoint, |_| true);
    let id = shown["id"].to_string();
    scene
        .controller
        .text(&["registration", "show", &id])
        .unwrap();
    scene
        .controller
        .text(&["registration", "drop", &id])
        .unwrap();
    assert!(scene.by_gatekeeper(&mut endpoint).is_rcf());
    scene.learn(&mut endpoint);
}

#[test]
fn by_another_rcf() {
    let scene = Scene::new(&Settings {
        refresh_every: Some("1s"),
        ..Settings::default()
    });
    let mut endpoint = scene.learned(1);
    scene.gatekeeper.set(|p| p.time_to_live = 300);
    wait::until_true("the new timeToLive by the kernel", SOON, || {
        let reply = endpoint.keep_alive(SOON)?.expect("an answer");
        Ok(reply.time_to_live() == Some(300) && !scene.seen(&endpoint))
    })
    .unwrap();
    // The old one is never given again.
    let before = scene.gatekeeper.keep_alives(None);
    while scene.gatekeeper.keep_alives(None) < before + 2 {
        let reply = endpoint.keep_alive(SOON).unwrap().expect("an answer");
        assert_eq!(reply.time_to_live(), Some(300));
    }
}
