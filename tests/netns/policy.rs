//! `answer = "hold"` and `answer = "off"`.

use rasline_testkit::{Settings, wait};

use crate::scene::{BRIEFLY, SOON, Scene};

#[test]
fn hold_answers_only_for_a_silent_gatekeeper() {
    let mut scene = Scene::new(&Settings {
        answer: "hold",
        dead_after: "200ms",
        ..Settings::default()
    });
    let mut endpoint = scene.endpoint(1);
    endpoint.register(SOON).unwrap();
    wait::until_true("the endpoint to be known", SOON, || {
        assert!(scene.by_gatekeeper(&mut endpoint).is_rcf());
        Ok(scene.counter("pass_hold") > 0)
    })
    .unwrap();
    for _ in 0..20 {
        assert!(scene.by_gatekeeper(&mut endpoint).is_rcf());
    }
    scene.gatekeeper.kill();
    wait::until_true("an answer for the dead gatekeeper", SOON, || {
        Ok(endpoint.keep_alive(BRIEFLY)?.is_some())
    })
    .unwrap();
    let answered = (0..10)
        .filter(|_| endpoint.keep_alive(BRIEFLY).unwrap().is_some())
        .count();
    assert!(answered >= 8, "{answered}");
    scene.gatekeeper.resume(&scene.net.gatekeepers).unwrap();
    // A probe finds it; then everything passes again.
    wait::until_true("the gatekeeper to be asked again", SOON, || {
        endpoint.keep_alive(BRIEFLY)?;
        Ok(scene.seen(&endpoint))
    })
    .unwrap();
    for _ in 0..20 {
        assert!(scene.by_gatekeeper(&mut endpoint).is_rcf());
    }
}

#[test]
fn off_only_watches() {
    let mut scene = Scene::new(&Settings {
        answer: "off",
        dead_after: "200ms",
        ..Settings::default()
    });
    let mut endpoint = scene.endpoint(1);
    endpoint.register(SOON).unwrap();
    for _ in 0..20 {
        let reply = scene.by_gatekeeper(&mut endpoint);
        assert_eq!(
            reply.bytes,
            scene.gatekeeper.last_rcf(endpoint.eid()).unwrap()
        );
    }
    let shown = scene.registration(&endpoint, |r| r["last_seen"].is_number());
    assert_eq!(shown["answered_by"], "gatekeeper", "{shown}");
    assert_ne!(shown["why_not"], "", "{shown}");
    scene.gatekeeper.kill();
    for _ in 0..8 {
        assert_eq!(endpoint.keep_alive(BRIEFLY).unwrap(), None);
    }
    assert_eq!(scene.counter("answer"), 0);
}
