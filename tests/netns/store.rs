//! What the controller remembers on disk: over restarts, and when the disk does not play along.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::ensure;
use rasline_testkit::{Endpoint, Settings, wait};
use serde_json::Value;

use crate::scene::{SOON, Scene};

fn state(scene: &Scene) -> PathBuf {
    scene.controller.place().socket().with_file_name("state")
}

fn status(scene: &Scene) -> Value {
    scene.controller.json(&["status"]).unwrap()["store"].clone()
}

fn until(scene: &Scene, what: &str, holds: impl Fn(&Value) -> bool) {
    let mut last = Value::Null;
    let held = wait::until_true(what, 3 * SOON, || {
        last = status(scene);
        Ok(holds(&last))
    });
    held.unwrap_or_else(|e| panic!("{e}: {last}"));
}

/// Until everything is on disk.
fn until_stored(scene: &Scene, registrations: u64) {
    until(scene, "all to be written", |s| {
        s["registrations"] == registrations && s["waiting"] == 0
    });
}

/// A file system on the controller's folder, for as long as it lives.
struct Mounted(PathBuf);

impl Mounted {
    fn new(folder: &Path, options: &str) -> Self {
        fs::create_dir_all(folder).unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(folder)
            .status();
        assert!(mount.unwrap().success());
        Self(folder.to_owned())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_restart_answers_before_anything_is_learned() {
    let mut scene = Scene::new(&Settings::default());
    let mut swarm = scene.swarm(20);
    let mut gone = scene.learned(100);
    gone.unregister(SOON).unwrap();
    let before = scene.registration(&swarm.endpoints[0], |r| r["answered_by"] == "kernel");
    assert!(scene.controller.stop().unwrap().success());
    scene.controller.start_again(&scene.net).unwrap();
    for endpoint in &mut swarm.endpoints {
        scene.by_kernel(endpoint);
    }
    assert!(scene.by_gatekeeper(&mut gone).is_rrj());
    let after = scene.registration(&swarm.endpoints[0], |r| r["answered_by"] == "kernel");
    for same in ["id", "aliases", "zone", "gatekeeper", "time_to_live"] {
        assert_eq!(before[same], after[same], "{same}");
    }
    assert_eq!(status(&scene)["restored"], 20);
    let text = scene.controller.text(&["status"]).unwrap();
    assert!(
        text.contains("state.db: 20 registrations, 20 restored"),
        "{text}"
    );
    let events = scene.controller.text(&["events"]).unwrap();
    assert!(events.contains("20 registrations restored"), "{events}");
}

#[test]
fn killed_and_all_pins_gone() {
    let mut scene = Scene::new(&Settings::default());
    let mut swarm = scene.swarm(20);
    until_stored(&scene, 20);
    scene.controller.kill().unwrap();
    // As after a reset of the machine.
    fs::remove_dir_all(scene.controller.place().pins()).unwrap();
    scene.controller.start_again(&scene.net).unwrap();
    for endpoint in &mut swarm.endpoints {
        scene.by_kernel(endpoint);
    }
}

#[test]
fn not_for_longer_than_the_gatekeeper_gave() {
    let mut scene = Scene::with(
        &Settings {
            refresh_every: None,
            ..Settings::default()
        },
        rasline_testkit::Policy {
            time_to_live: 2,
            ..rasline_testkit::Policy::default()
        },
    );
    let mut endpoint = scene.learned(1);
    until_stored(&scene, 1);
    assert!(scene.controller.stop().unwrap().success());
    let confirmed = std::time::Instant::now();
    wait::until_true("its timeToLive to run out", SOON, || {
        Ok(confirmed.elapsed().as_secs() >= 2)
    })
    .unwrap();
    scene.controller.start_again(&scene.net).unwrap();
    scene.by_gatekeeper(&mut endpoint);
    assert_eq!(status(&scene)["restored"], 0);
    until_stored(&scene, 0);
}

#[test]
fn a_full_disk_stops_nothing() {
    let mut scene = Scene::new(&Settings::default());
    scene.controller.stop().unwrap();
    let folder = state(&scene);
    let _disk = Mounted::new(&folder, "size=1m");
    scene.controller.start_again(&scene.net).unwrap();
    let filler = folder.join("filler");
    fill(&filler);
    let mut endpoint = scene.learned(1);
    until(&scene, "the trouble to be told", |s| {
        s["error"].as_str().is_some_and(|e| e.contains("full"))
    });
    let log = scene.controller.log();
    assert_eq!(log.matches("is full").count(), 1, "{log}");
    let mut more: Vec<Endpoint> = (2..6).map(|n| scene.learned(n)).collect();
    scene.by_kernel(&mut endpoint);
    fs::remove_file(filler).unwrap();
    until_stored(&scene, 5);
    assert_eq!(status(&scene)["error"], "");
    wait::until_true("that to be told", SOON, || {
        Ok(scene
            .controller
            .text(&["events"])?
            .contains("writing works again"))
    })
    .unwrap();
    scene.controller.stop().unwrap();
    scene.controller.start_again(&scene.net).unwrap();
    more.push(endpoint);
    for endpoint in &mut more {
        scene.by_kernel(endpoint);
    }
}

/// Until nothing more goes in.
fn fill(path: &Path) {
    use std::io::Write;
    let mut file = fs::File::create(path).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
}

#[test]
fn a_corrupt_file_is_moved_aside() {
    let mut scene = Scene::new(&Settings::default());
    let mut endpoint = scene.learned(1);
    scene.controller.stop().unwrap();
    fs::write(state(&scene).join("state.db"), vec![0x55; 20_000]).unwrap();
    scene.controller.start_again(&scene.net).unwrap();
    let aside = status(&scene)["set_aside"].as_str().unwrap().to_owned();
    assert_eq!(fs::read(aside).unwrap(), vec![0x55; 20_000]);
    let events = scene.controller.text(&["events"]).unwrap();
    for told in [scene.controller.log(), events] {
        assert!(told.contains("moved to"), "{told}");
    }
    scene.learn(&mut endpoint);
    until_stored(&scene, 1);
}

#[test]
fn without_a_store_it_runs() {
    let mut scene = Scene::new(&Settings::default());
    scene.controller.stop().unwrap();
    let _disk = Mounted::new(&state(&scene), "ro");
    scene.controller.start_again(&scene.net).unwrap();
    let mut endpoint = scene.learned(1);
    scene.by_kernel(&mut endpoint);
    let error = status(&scene)["error"].as_str().unwrap().to_owned();
    assert!(
        error.contains("state.db") && error.contains("state is not saved"),
        "{error}"
    );
    let again = rasline_testkit::Controller::refused(&scene.net, scene.controller.place());
    let said = String::from_utf8_lossy(&again.unwrap().stderr).into_owned();
    assert!(said.contains("another controller"), "{said}");
}

#[test]
fn a_decision_of_the_operator_outlives_the_machine() {
    let backup = rasline_testkit::topology::GATEKEEPER_2;
    let mut settings = Settings::default();
    settings.gatekeepers.push(backup);
    let mut scene = Scene::new(&settings);
    let _backup = rasline_testkit::FakeGatekeeper::start(
        &scene.net.gatekeepers,
        crate::scene::ras(backup),
        rasline_testkit::Policy::default(),
    )
    .unwrap();
    scene
        .controller
        .text(&["zone", "switch", "site", "gk2"])
        .unwrap();
    let zone = |scene: &Scene| scene.controller.json(&["zone", "show", "site"]).unwrap();
    // It may have been found down before it was started.
    wait::until_true("the zone to move", SOON, || {
        Ok(zone(&scene)["steering"]["active"] == "gk2")
    })
    .unwrap();
    let before = zone(&scene);
    wait::until_true("the decision to be written", SOON, || {
        ensure!(status(&scene)["error"] == "");
        let s = status(&scene);
        Ok(s["waiting"] == 0 && !s["last_write"].is_null())
    })
    .unwrap();
    scene.controller.kill().unwrap();
    fs::remove_dir_all(scene.controller.place().pins()).unwrap();
    scene.controller.start_again(&scene.net).unwrap();
    let after = zone(&scene);
    println!("{before}\n{after}");
    for same in ["active", "manual"] {
        assert!(!before["steering"][same].is_null(), "{before}");
        assert_eq!(before["steering"][same], after["steering"][same], "{after}");
    }
}
