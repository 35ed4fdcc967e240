//! The gatekeeper fails: answers go on for hold_for, no longer.

use std::time::{Duration, Instant};

use rasline_testkit::{Endpoint, Policy, Settings, wait};

use crate::scene::{BRIEFLY, SOON, Scene};

const HOLD_FOR: Duration = Duration::from_secs(4);

/// Nothing but what endpoints' refreshes do not get tells that the gatekeeper is gone.
fn holding() -> Settings {
    Settings {
        zone: "[zone.probe]\nras = \"off\"".into(),
        ..probed()
    }
}

fn probed() -> Settings {
    Settings {
        refresh_every: Some("1s"),
        hold_for: "4s",
        dead_after: "200ms",
        ..Settings::default()
    }
}

/// Answers go on until a refresh is due, which nobody answers. When that was over.
fn first_refresh_is_lost(scene: &Scene, endpoint: &mut Endpoint) -> Instant {
    wait::until_true("a refresh", SOON, || {
        Ok(endpoint.keep_alive(BRIEFLY)?.is_none())
    })
    .unwrap();
    assert!(scene.counter("pass_refresh") > 0);
    Instant::now()
}

/// Answers come for the dead gatekeeper, and none to a keep-alive sent hold_for after the one that it did not answer.
fn answered_until_hold_for(scene: &Scene, endpoint: &mut Endpoint) {
    let end = first_refresh_is_lost(scene, endpoint) + HOLD_FOR;
    let (mut held, mut missed) = (0, 0);
    while missed < 4 || Instant::now() < end {
        let sent = Instant::now();
        if endpoint.keep_alive(BRIEFLY).unwrap().is_some() {
            assert!(sent < end, "answered {:?} after", sent - end);
            held += 1;
            missed = 0;
        } else {
            missed += 1;
        }
    }
    assert!(held > 0);
    assert!(scene.counter("answer_held") > 0);
    assert!(scene.counter("pass_expired") > 0);
}

#[test]
fn killed() {
    let mut scene = Scene::new(&holding());
    let mut endpoint = scene.learned(1);
    scene.gatekeeper.kill();
    answered_until_hold_for(&scene, &mut endpoint);
    // It comes back with its memory: the next keep-alives reach it, and the kernel goes on.
    scene.gatekeeper.resume(&scene.net.gatekeepers).unwrap();
    scene.learn(&mut endpoint);
}

#[test]
fn frozen() {
    let scene = Scene::new(&holding());
    let mut endpoint = scene.learned(1);
    scene.gatekeeper.set(|p| p.silent = true);
    answered_until_hold_for(&scene, &mut endpoint);
    let silent = scene.controller.json(&["gatekeeper", "list"]).unwrap();
    assert_eq!(silent[0]["state"], "down", "{silent}");
}

/// The controller's probes find it dead: from then on no keep-alive is lost to it, until hold_for is over.
#[test]
fn found_dead_by_probes() {
    let mut scene = Scene::new(&probed());
    let mut endpoint = scene.learned(1);
    let state = |scene: &Scene| -> anyhow::Result<String> {
        let all = scene.controller.json(&["gatekeeper", "list"])?;
        Ok(all[0]["state"].to_string())
    };
    scene.gatekeeper.kill();
    wait::until_true("the probes", SOON, || Ok(state(&scene)? == "\"down\"")).unwrap();
    let found = Instant::now();
    // Refreshes would have been due.
    while found.elapsed() < HOLD_FOR / 2 {
        assert!(
            endpoint
                .keep_alive(SOON)
                .unwrap()
                .expect("an answer")
                .is_rcf()
        );
    }
    assert!(scene.counter("answer_held") > 0);
    wait::until_true("the end of hold_for", SOON, || {
        Ok(endpoint.keep_alive(BRIEFLY)?.is_none())
    })
    .unwrap();
    scene.gatekeeper.resume(&scene.net.gatekeepers).unwrap();
    wait::until_true("the probes", SOON, || Ok(state(&scene)? == "\"alive\"")).unwrap();
    scene.learn(&mut endpoint);
}

#[test]
fn a_gatekeeper_that_is_back_is_found_by_a_probe() {
    let mut scene = Scene::new(&Settings {
        hold_for: "15m",
        ..holding()
    });
    let mut endpoint = scene.learned(1);
    scene.gatekeeper.kill();
    first_refresh_is_lost(&scene, &mut endpoint);
    // It takes three lost requests of the only endpoint to call the gatekeeper silent.
    wait::until_true("an answer for the dead gatekeeper", SOON, || {
        endpoint.keep_alive(BRIEFLY)?;
        Ok(scene.counter("answer_held") > 0)
    })
    .unwrap();
    scene.gatekeeper.resume(&scene.net.gatekeepers).unwrap();
    let before = scene.gatekeeper.keep_alives(None);
    wait::until_true("a probe", SOON, || {
        endpoint.keep_alive(BRIEFLY)?;
        Ok(scene.gatekeeper.keep_alives(None) > before)
    })
    .unwrap();
    assert!(scene.counter("pass_probe") > 0);
    // It answers, so refreshes follow.
    let before = scene.gatekeeper.keep_alives(None);
    wait::until_true("refreshes", SOON, || {
        assert!(endpoint.keep_alive(SOON)?.is_some());
        Ok(scene.gatekeeper.keep_alives(None) >= before + 2)
    })
    .unwrap();
    wait::until_true("it to be alive", SOON, || {
        assert!(endpoint.keep_alive(SOON)?.is_some());
        let list = scene.controller.json(&["gatekeeper", "list"])?;
        Ok(list[0]["state"] == "alive")
    })
    .unwrap();
}

#[test]
fn a_restarted_gatekeeper_without_memory_is_believed() {
    let scene = Scene::new(&holding());
    let mut endpoint = scene.learned(1);
    scene.gatekeeper.forget();
    // The next refresh is rejected; from then on the kernel is silent and the gatekeeper rejects.
    wait::until_true("an RRJ", SOON, || {
        Ok(endpoint.keep_alive(SOON)?.is_some_and(|r| r.is_rrj()))
    })
    .unwrap();
    for _ in 0..5 {
        assert!(scene.by_gatekeeper(&mut endpoint).is_rrj());
    }
    endpoint.register(SOON).unwrap();
    scene.learn(&mut endpoint);
}

#[test]
fn lost_messages_delay_but_do_not_stop() {
    let policy = Policy {
        lost_per_mille: 300,
        ..Policy::default()
    };
    let scene = Scene::with(
        &Settings {
            dead_after: "60s",
            ..holding()
        },
        policy,
    );
    let mut endpoint = scene.endpoint(1);
    endpoint.register(SOON).unwrap();
    let before = scene.gatekeeper.keep_alives(None);
    wait::until_true("refreshes and answers", SOON * 2, || {
        let answered = endpoint.keep_alive(BRIEFLY)?.is_some();
        let by_kernel = answered && !scene.seen(&endpoint);
        Ok(by_kernel && scene.gatekeeper.keep_alives(None) >= before + 6)
    })
    .unwrap();
}
