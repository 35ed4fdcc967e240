//! The controller comes and goes.

use std::io::{BufRead, BufReader};

use rasline_testkit::{
    Controller, Endpoint, Gateway, Settings,
    settings::Place,
    topology::{LAN, WAN},
    wait, xdp,
};

use crate::scene::{SOON, Scene};

#[test]
fn killed_while_answers_go_on() {
    let mut scene = Scene::new(&Settings {
        refresh_every: Some("1s"),
        ..Settings::default()
    });
    let mut endpoint = scene.learned(1);
    scene.controller.kill().unwrap();
    let before = scene.gatekeeper.keep_alives(None);
    let mut by_kernel = 0;
    while scene.gatekeeper.keep_alives(None) < before + 4 {
        let reply = endpoint.keep_alive(SOON).unwrap().expect("an answer");
        assert!(reply.is_rcf());
        by_kernel += usize::from(!scene.seen(&endpoint));
    }
    assert!(by_kernel > 100, "{by_kernel}");
    assert!(scene.controller.place().pins().exists());
}

#[test]
fn started_again_after_sigkill() {
    let mut scene = Scene::new(&Settings::default());
    let mut endpoint = scene.learned(1);
    scene.controller.kill().unwrap();
    scene.by_kernel(&mut endpoint);
    scene.controller.start_again(&scene.net).unwrap();
    scene.by_kernel(&mut endpoint);
    scene.controller.stop().unwrap();
    nothing_is_left(&scene.net, scene.controller.place());
}

#[test]
fn generic_mode_when_asked_for() {
    let scene = Scene::new(&Settings {
        xdp_mode: "generic",
        ..Settings::default()
    });
    let mut endpoint = scene.learned(1);
    scene.by_kernel(&mut endpoint);
    let status = scene.controller.json(&["status"]).unwrap();
    assert_eq!(status["interfaces"][0]["mode"], "generic", "{status}");
}

#[test]
fn events_are_followed() {
    let scene = Scene::new(&Settings::default());
    let mut follower = scene
        .controller
        .follow(&["events", "--follow", "--json"])
        .unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    let endpoint = scene.learned(1);
    let about = lines.find(|line| {
        let line = line.as_ref().unwrap();
        line.contains(endpoint.eid()) || line.contains("ep1")
    });
    let line = about.expect("the connection goes on").unwrap();
    let event: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(event["event"], "registered", "{event}");
    assert_eq!(event["endpoint_identifier"], endpoint.eid(), "{event}");
    assert_eq!(event["endpoint"], endpoint.address().to_string(), "{event}");
    assert_eq!(
        (&event["zone"], &event["gatekeeper"]),
        (&"site".into(), &"gk1".into()),
        "{event}"
    );
    assert!(
        event["registration"].is_u64() && event["time"].is_f64(),
        "{event}"
    );
    follower.kill().unwrap();
    follower.wait().unwrap();
}

#[test]
fn a_clean_stop_detaches() {
    let mut scene = Scene::new(&Settings::default());
    let mut endpoint = scene.learned(1);
    let status = scene.controller.stop().unwrap();
    assert!(status.success(), "{status}: {}", scene.controller.log());
    nothing_is_left(&scene.net, scene.controller.place());
    for _ in 0..5 {
        assert!(scene.by_gatekeeper(&mut endpoint).is_rcf());
    }
}

#[test]
fn a_stop_may_leave_it_answering() {
    let mut scene = Scene::new(&Settings {
        daemon: "on_stop = \"stay\"".into(),
        ..Settings::default()
    });
    let mut endpoint = scene.learned(1);
    assert!(scene.controller.stop().unwrap().success());
    scene.by_kernel(&mut endpoint);
}

/// No pins, and no program: another one can be attached.
pub(crate) fn nothing_is_left(net: &Gateway, place: &Place) {
    let entries = std::fs::read_dir(place.pins()).map_or(0, Iterator::count);
    assert_eq!(entries, 0, "{}", place.pins().display());
    for interface in [LAN, WAN] {
        drop(xdp::attach_pass(&net.gateway, interface, "after").unwrap());
    }
}

pub(crate) fn refused(net: &Gateway, place: &Place, words: &[&str]) {
    let output = Controller::refused(net, place).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for word in words {
        assert!(said.contains(word), "no \"{word}\" in: {said}");
    }
}

#[test]
fn a_second_one_is_refused() {
    let scene = Scene::new(&Settings::default());
    let mut endpoint = scene.learned(1);
    let pid = scene.controller.json(&["status"]).unwrap()["pid"].to_string();
    refused(&scene.net, scene.controller.place(), &[&pid]);
    // One with folders of its own cannot have the interfaces.
    let place = Place::new().unwrap();
    place.write(&Settings::default()).unwrap();
    refused(&scene.net, &place, &[LAN]);
    assert_eq!(
        std::fs::read_dir(place.pins()).map_or(0, Iterator::count),
        0
    );
    scene.by_kernel(&mut endpoint);
    scene.controller.json(&["status"]).unwrap();
}

#[test]
fn a_program_of_someone_else_is_left_alone() {
    let net = Gateway::new().unwrap();
    let place = Place::new().unwrap();
    place.write(&Settings::default()).unwrap();
    let theirs = xdp::attach_pass(&net.gateway, WAN, "someone_else").unwrap();
    refused(&net, &place, &[WAN, "someone_else"]);
    drop(theirs);
    nothing_is_left(&net, &place);
}

/// Keep-alives until the gatekeeper sees all of them, or none.
fn settle(scene: &Scene, endpoint: &mut Endpoint, by_gatekeeper: bool) {
    wait::until_true("the new configuration", SOON, || {
        assert!(endpoint.keep_alive(SOON)?.expect("an answer").is_rcf());
        Ok(scene.seen(endpoint) == by_gatekeeper)
    })
    .unwrap();
}

#[test]
fn reload() {
    let scene = Scene::new(&Settings::default());
    let mut endpoint = scene.learned(1);
    let off = Settings {
        answer: "off",
        ..Settings::default()
    };
    let place = scene.controller.place();
    place.write(&off).unwrap();
    scene.controller.text(&["reload"]).unwrap();
    settle(&scene, &mut endpoint, true);
    assert!(scene.by_gatekeeper(&mut endpoint).is_rcf());
    // SIGHUP does the same.
    place.write(&Settings::default()).unwrap();
    scene.controller.signal(libc::SIGHUP).unwrap();
    settle(&scene, &mut endpoint, false);
    scene.by_kernel(&mut endpoint);
    // What is wrong changes nothing.
    std::fs::write(place.config(), "[daemon]\nnonsense = 1\n").unwrap();
    let output = scene.controller.cli(&["reload"]).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("nonsense") && said.contains(":2"), "{said}");
    scene.by_kernel(&mut endpoint);
    let zones = scene.controller.json(&["zone", "list"]).unwrap();
    assert_eq!(zones[0]["answer"], "offload", "{zones}");
}

#[test]
fn an_interface_can_be_left_and_taken_again() {
    let scene = Scene::new(&Settings::default());
    let mut endpoint = scene.learned(1);
    scene.controller.text(&["detach", LAN]).unwrap();
    assert!(scene.by_gatekeeper(&mut endpoint).is_rcf());
    scene.controller.text(&["attach", LAN]).unwrap();
    scene.learn(&mut endpoint);
}

#[test]
fn every_listing_is_shown() {
    let scene = Scene::new(&Settings::default());
    let endpoint = scene.learned(1);
    for words in [
        &["status"][..],
        &["zone", "list"],
        &["zone", "show", "site"],
        &["gatekeeper", "list"],
        &["registration", "list"],
        &["counters"],
        &["events"],
    ] {
        assert!(
            !scene.controller.text(words).unwrap().is_empty(),
            "{words:?}"
        );
        scene.controller.json(words).unwrap();
    }
    let listed = scene.controller.text(&["registration", "list"]).unwrap();
    assert!(
        listed.contains("ep1") && listed.contains(endpoint.eid()),
        "{listed}"
    );
    wait::until_true("an uptime", SOON, || {
        let status = scene.controller.json(&["status"])?;
        Ok(status["uptime"].as_f64() > Some(0.0))
    })
    .unwrap();
}
