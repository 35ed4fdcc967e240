//! The controller goes and comes back, as itself or another version, under a steady stream of keep-alives: each of them
//! is answered, and what was learned goes on being answered by the kernel.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use rasline_testkit::{Endpoint, Gateway, Settings, controller, topology, wait};

use crate::{
    controller::nothing_is_left,
    scene::{BRIEFLY, SOON, Scene, ras},
    site::{Plan, Site},
    steady::{ENDPOINTS, SOME, Steady, answered, folder, more, staying},
};

#[test]
fn stopped_and_started() {
    let mut steady = Steady::new(&staying());
    for _ in 0..2 {
        assert!(steady.scene.controller.stop().unwrap().success());
        steady.go_on();
        steady
            .scene
            .controller
            .start_again(&steady.scene.net)
            .unwrap();
        steady.go_on();
    }
    let mut scene = steady.end_by_kernel();
    let status = scene.controller.json(&["status"]).unwrap();
    assert_eq!(answered(&status), u64::from(ENDPOINTS), "{status}");
    // What comes later is learned as ever.
    scene.learned(200);
    scene.controller.text(&["stop", "--detach"]).unwrap();
    wait::until_true("it to have ended", SOON, || {
        Ok(scene.controller.cli(&["status"])?.status.code() != Some(0))
    })
    .unwrap();
    scene.controller.kill().unwrap();
    nothing_is_left(&scene.net, scene.controller.place());
}

#[test]
fn killed_and_started() {
    let mut steady = Steady::new(&Settings::default());
    for _ in 0..3 {
        steady.scene.controller.kill().unwrap();
        steady.go_on();
        steady
            .scene
            .controller
            .start_again(&steady.scene.net)
            .unwrap();
    }
    let scene = steady.end_by_kernel();
    let status = scene.controller.json(&["status"]).unwrap();
    assert_eq!(answered(&status), u64::from(ENDPOINTS), "{status}");
}

#[test]
fn killed_at_any_moment_of_its_start() {
    let mut steady = Steady::new(&Settings::default());
    let Scene {
        controller, net, ..
    } = &mut steady.scene;
    controller.kill().unwrap();
    let began = Instant::now();
    controller.start_again(net).unwrap();
    let took = began.elapsed();
    println!("a start takes {took:?}");
    controller.kill().unwrap();
    for i in 0..16 {
        // Spread over what a start takes; wherever it is, nothing may be lost.
        let began = Instant::now();
        let now = || began.elapsed() >= took * i / 16;
        controller.start_and_kill(net, now).unwrap();
    }
    controller.start_again(net).unwrap();
    let scene = steady.end_by_kernel();
    folder(&scene.controller);
    scene.learned(200);
}

/// Registers and learns endpoints over and over, until told to stop.
fn churn(net: &Gateway, stop: &AtomicBool) -> u64 {
    let mut rounds = 0;
    while !stop.load(Ordering::Relaxed) {
        for n in 200..230 {
            let (from, to) = (ras(topology::endpoint(n)), ras(topology::GATEKEEPER));
            let aliases = [format!("churn{n}"), format!("{}", 7000 + n)];
            let aliases = [aliases[0].as_str(), &aliases[1]];
            let mut endpoint = Endpoint::new(&net.endpoints, from, to, &aliases).unwrap();
            endpoint.register(SOON).unwrap();
            for _ in 0..3 {
                // The controller may have died with an RCF that it was to send on.
                while endpoint.keep_alive(BRIEFLY).unwrap().is_none() {}
            }
        }
        rounds += 1;
    }
    rounds
}

#[test]
fn killed_while_it_publishes() {
    let mut steady = Steady::new(&Settings {
        endpoint_ttl: Some("5s"),
        ..Settings::default()
    });
    let Scene {
        controller, net, ..
    } = &mut steady.scene;
    let stop = AtomicBool::new(false);
    let rounds = std::thread::scope(|threads| {
        let churning = threads.spawn(|| churn(net, &stop));
        for _ in 0..6 {
            more(&steady.stream, SOME / 4);
            controller.kill().unwrap();
            controller.start_again(net).unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        churning.join().unwrap()
    });
    assert!(rounds > 0);
    let scene = steady.end_by_kernel();
    scene.learned(300);
}

/// The binary under test as another version of itself: same length, so that everything else stays.
fn other_version(folder: &Path, from: &str, to: &str) -> PathBuf {
    assert_eq!(from.len(), to.len());
    let mut octets = fs::read(controller::binary().unwrap()).unwrap();
    let found: Vec<usize> = octets
        .windows(from.len())
        .enumerate()
        .filter(|(_, w)| *w == from.as_bytes())
        .map(|(at, _)| at)
        .collect();
    assert!(!found.is_empty());
    for at in found {
        octets[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    let path = folder.join("rasline-other");
    fs::write(&path, octets).unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&path, executable).unwrap();
    path
}

#[test]
fn upgraded_and_downgraded() {
    let mut steady = Steady::new(&staying());
    let version = |s: &Steady| {
        let status = s.scene.controller.json(&["status"]).unwrap();
        status["version"].as_str().unwrap().to_owned()
    };
    let old = version(&steady);
    let new: String = old
        .chars()
        .map(|c| if c == '.' { c } else { '7' })
        .collect();
    let config = steady.scene.controller.place().config();
    let binary = other_version(config.parent().unwrap(), &old, &new);
    let Scene {
        controller, net, ..
    } = &mut steady.scene;
    assert!(controller.stop().unwrap().success());
    controller.start_again_as(net, &binary).unwrap();
    assert_eq!(version(&steady), new);
    steady.go_on();
    let Scene {
        controller, net, ..
    } = &mut steady.scene;
    assert!(controller.stop().unwrap().success());
    controller.start_again(net).unwrap();
    assert_eq!(version(&steady), old);
    steady.end_by_kernel();
}

#[test]
fn a_zone_keeps_its_answers_under_another_name_and_loses_them_with_its_gatekeeper() {
    let mut scene = Scene::new(&Settings::default());
    let mut endpoint = scene.learned(1);
    let config = scene.controller.place().config();
    let text = fs::read_to_string(&config).unwrap();
    scene.controller.kill().unwrap();
    fs::write(&config, text.replace("\"site\"", "\"renamed\"")).unwrap();
    scene.controller.start_again(&scene.net).unwrap();
    scene.by_kernel(&mut endpoint);
    scene.controller.kill().unwrap();
    fs::write(&config, text.replace("10.1.0.1", "10.1.0.2")).unwrap();
    scene.controller.start_again(&scene.net).unwrap();
    assert!(scene.by_gatekeeper(&mut endpoint).is_rcf());
}

#[test]
fn a_reload_changes_only_what_changed() {
    let steady = Steady::new(&Settings::default());
    let Scene { controller, .. } = &steady.scene;
    let config = controller.place().config();
    let text = fs::read_to_string(&config).unwrap();
    let more = format!(
        "{}\n[[zone]]\nname = \"more\"\nendpoints = [\"10.9.0.0/16\"]\n\
         [[zone.gatekeeper]]\nid = \"g\"\naddress = \"10.1.0.2\"\n",
        text.replace("hold_for = \"15m\"", "hold_for = \"20m\"")
            .replace("side = \"endpoints\"", "side = \"both\"")
    );
    for text in [&more, &text, &more] {
        fs::write(&config, text).unwrap();
        controller.text(&["reload"]).unwrap();
        steady.go_on();
    }
    let scene = steady.end_by_kernel();
    let zones = scene.controller.json(&["zone", "list"]).unwrap();
    assert_eq!(zones[0]["hold_for"], 1200.0, "{zones}");
    assert_eq!(zones[0]["answered"], ENDPOINTS, "{zones}");
    assert_eq!(zones[1]["name"], "more", "{zones}");
}

/// A call-signalling connection through the service address outlives the controller, and a flow table of another size.
#[test]
fn a_connection_goes_on() {
    let mut plan = Plan::zone(&format!("service_address = [\"{}\"]", topology::SERVICE));
    let mut site = Site::new(&plan);
    let mut line = site.line_to(1, 1, topology::SERVICE);
    site.call(1, &mut line);
    for flows in [131_072, 2048] {
        site.controller.kill().unwrap();
        site.call(1, &mut line);
        plan.settings.daemon = format!("max_registrations = 4096\nflows = {flows}");
        site.controller.place().write(&plan.settings).unwrap();
        site.controller.start_again(&site.net).unwrap();
        site.call(1, &mut line);
    }
}
