//! The controller goes and comes back, as itself or another version, under a steady stream of keep-alives: each of them
//! is answered, and what was learned goes on being answered by the kernel.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use aya::maps::{HashMap, Map, MapData};
use rasline_testkit::{
    Controller, Endpoint, Gateway, KeepAlives, Settings, Swarm, controller,
    stream::Counts,
    topology::{self, LAN},
    wait, xdp,
};
use serde_json::Value;

use crate::{
    controller::nothing_is_left,
    scene::{BRIEFLY, SOON, Scene, ras},
};

/// Fewer than a veth's ring has room for.
const ENDPOINTS: u16 = 100;
/// Keep-alives between one thing and the next.
const SOME: u64 = 20_000;

fn staying() -> Settings {
    Settings {
        daemon: "max_registrations = 4096\non_stop = \"stay\"".into(),
        ..Settings::default()
    }
}

/// Waits until so many more keep-alives were sent.
fn more(stream: &KeepAlives, n: u64) {
    let until = stream.sent() + n;
    wait::until_true("keep-alives", 3 * SOON, || Ok(stream.sent() >= until)).unwrap();
}

/// The scene, its endpoints, and their stream.
struct Steady {
    stream: KeepAlives,
    swarm: Swarm,
    scene: Scene,
    seen: usize,
    since: Instant,
}

impl Steady {
    fn new(settings: &Settings) -> Self {
        let scene = Scene::new(settings);
        let swarm = scene.swarm(ENDPOINTS);
        let stream = KeepAlives::start(&swarm.endpoints).unwrap();
        let seen = scene.gatekeeper.keep_alives(None);
        let steady = Self {
            stream,
            swarm,
            scene,
            seen,
            since: Instant::now(),
        };
        steady.go_on();
        steady
    }

    /// Some more keep-alives.
    fn go_on(&self) {
        more(&self.stream, SOME);
    }

    /// Each keep-alive had one answer.
    fn end(self) -> (Scene, Swarm, Counts) {
        self.go_on();
        let counts = self.stream.stop().unwrap();
        let rate = u128::from(counts.sent) * 1000 / self.since.elapsed().as_millis().max(1);
        println!("{counts:?}, {rate} a second");
        assert_eq!(
            (counts.sent, counts.others),
            (counts.confirmed, 0),
            "{counts:?}\n{}",
            self.scene.controller.log()
        );
        (self.scene, self.swarm, counts)
    }

    /// Each keep-alive had one answer, all but a few from the kernel.
    fn end_by_kernel(self) -> Scene {
        let seen = self.seen;
        let (scene, _, counts) = self.end();
        let by_gatekeeper = (scene.gatekeeper.keep_alives(None) - seen) as u64;
        assert!(
            by_gatekeeper * 100 < counts.sent,
            "the gatekeeper saw {by_gatekeeper} of {}",
            counts.sent
        );
        scene
    }
}

/// The folders of pins, by name.
fn folders(controller: &Controller) -> Vec<String> {
    let entries = fs::read_dir(controller.place().pins()).unwrap();
    let mut names: Vec<String> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The one folder of pins.
fn folder(controller: &Controller) -> (PathBuf, u32) {
    let names = folders(controller);
    assert_eq!(names.len(), 1, "{names:?}");
    let path = controller.place().pins().join(&names[0]);
    (path, names[0][1..].parse().unwrap())
}

fn answered(status: &Value) -> u64 {
    let tables = &status["tables"];
    assert!(tables["unclaimed"].as_u64() <= tables["slots"].as_u64());
    tables["slots"].as_u64().unwrap()
}

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
    steady.scene.controller.kill().unwrap();
    for i in 0..24 {
        // Spread over what a start takes; wherever it is, nothing may be lost.
        let after = Duration::from_millis(5 * i);
        let Scene {
            controller, net, ..
        } = &mut steady.scene;
        controller.start_and_kill(net, after).unwrap();
    }
    steady
        .scene
        .controller
        .start_again(&steady.scene.net)
        .unwrap();
    let scene = steady.end_by_kernel();
    assert_eq!(folders(&scene.controller).len(), 1);
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

/// Pins of another ABI version are taken over: every keep-alive is answered.
fn from_abi(change: impl Fn(u32) -> u32) -> Steady {
    let mut steady = Steady::new(&Settings::default());
    steady.scene.controller.kill().unwrap();
    let (ours, version) = folder(&steady.scene.controller);
    let theirs = ours.with_file_name(format!("v{}", change(version)));
    fs::rename(&ours, &theirs).unwrap();
    steady.go_on();
    let Scene {
        controller, net, ..
    } = &mut steady.scene;
    controller.start_again(net).unwrap();
    assert_eq!(folder(controller), (ours, version));
    steady
}

#[test]
fn from_an_abi_with_the_same_tables() {
    from_abi(|version| if version == 1 { 2 } else { 1 }).end_by_kernel();
}

/// What the controller does not remember is learned anew.
#[test]
fn from_an_older_abi() {
    let (scene, mut swarm, _) = from_abi(|_| 0).end();
    for endpoint in &mut swarm.endpoints {
        scene.learn(endpoint);
    }
}

#[test]
fn from_a_newer_abi() {
    let (scene, mut swarm, _) = from_abi(|version| version + 7).end();
    for endpoint in &mut swarm.endpoints {
        scene.learn(endpoint);
    }
}

/// Flows of this controller's data path, as octets and words.
fn flows(controller: &Controller) -> HashMap<MapData, [u8; 40], [u64; 10]> {
    let pin = folder(controller).0.join("FLOWS");
    Map::LruHashMap(MapData::from_pin(pin).unwrap())
        .try_into()
        .unwrap()
}

/// Restarts with other sizes: what fits goes on, the rest is made anew and filled from the old.
fn resized(daemon: &str) -> Scene {
    let mut steady = Steady::new(&staying());
    let flow = ([7; 40], [9; 10]);
    let mut before = flows(&steady.scene.controller);
    before.insert(flow.0, flow.1, 0).unwrap();
    assert!(steady.scene.controller.stop().unwrap().success());
    let settings = Settings {
        daemon: daemon.into(),
        ..Settings::default()
    };
    let Scene {
        controller, net, ..
    } = &mut steady.scene;
    controller.place().write(&settings).unwrap();
    controller.start_again(net).unwrap();
    let after = flows(controller).get(&flow.0, 0).unwrap();
    assert_eq!(after, flow.1);
    // Counters are those of the data path, not of the controller.
    let seen = SOME * 8 / 10;
    assert!(
        steady.scene.counter("answer") > seen,
        "{}",
        steady.scene.counter("answer")
    );
    let scene = steady.end_by_kernel();
    let status = scene.controller.json(&["status"]).unwrap();
    assert_eq!(answered(&status), u64::from(ENDPOINTS), "{status}");
    folder(&scene.controller);
    scene
}

#[test]
fn tables_of_another_size() {
    let scene = resized("max_registrations = 9000");
    let status = scene.controller.json(&["status"]).unwrap();
    assert_eq!(status["tables"]["slots_max"], 9000, "{status}");
}

#[test]
fn buffers_of_another_size() {
    let scene = resized("max_registrations = 4096\nring_buffer = \"64KiB\"\nflows = 2048");
    scene.learned(200);
}

#[test]
fn half_a_set_of_pins_is_cleaned_up() {
    let mut scene = Scene::new(&Settings::default());
    let mut endpoint = scene.learned(1);
    scene.controller.kill().unwrap();
    let (pins, _) = folder(&scene.controller);
    fs::remove_file(pins.join("PROFILES")).unwrap();
    scene.controller.start_again(&scene.net).unwrap();
    scene.learn(&mut endpoint);
    assert!(scene.controller.log().contains("PROFILES"));
    // No links at all: it never came to attaching, or the interfaces are gone.
    scene.controller.kill().unwrap();
    for entry in fs::read_dir(&pins).unwrap().map(Result::unwrap) {
        if entry.file_name().to_str().unwrap().starts_with("link-") {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    scene.controller.start_again(&scene.net).unwrap();
    scene.learn(&mut endpoint);
    assert!(
        scene
            .controller
            .log()
            .contains("no interface runs their program")
    );
    folder(&scene.controller);
}

#[test]
fn an_interface_that_is_no_longer_configured_is_left() {
    let mut scene = Scene::new(&Settings::default());
    scene.controller.kill().unwrap();
    let interfaces = vec![("wan0".into(), "both")];
    let settings = Settings {
        interfaces,
        ..Settings::default()
    };
    scene.controller.place().write(&settings).unwrap();
    scene.controller.start_again(&scene.net).unwrap();
    drop(xdp::attach_pass(&scene.net.gateway, LAN, "after").unwrap());
    let status = scene.controller.json(&["status"]).unwrap();
    assert_eq!(status["interfaces"][0]["attached"], true, "{status}");
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
