//! What an earlier controller left in bpffs: of another ABI version, of other sizes, half of it, or not ours. A steady
//! stream of keep-alives is answered all the while.

use std::fs;

use aya::maps::{HashMap, Map, MapData};
use rasline_testkit::{Controller, Settings, topology::LAN, xdp};

use crate::{
    scene::Scene,
    steady::{ENDPOINTS, SOME, Steady, answered, entries, folder, more, staying},
};

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
fn flows(controller: &Controller) -> HashMap<MapData, [u8; 40], [u64; 11]> {
    let pin = folder(controller).0.join("FLOWS");
    Map::LruHashMap(MapData::from_pin(pin).unwrap())
        .try_into()
        .unwrap()
}

/// Restarts with other sizes: what fits goes on, the rest is made anew and filled from the old.
fn resized(daemon: &str) -> Scene {
    let mut steady = Steady::new(&staying());
    let flow = ([7; 40], [9; 11]);
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
fn killed_at_any_moment_of_taking_over() {
    let mut steady = Steady::new(&Settings::default());
    let Scene {
        controller, net, ..
    } = &mut steady.scene;
    let (ours, _) = folder(controller);
    let theirs = ours.with_file_name("v1");
    assert_ne!(ours, theirs);
    let all = entries(&ours).len();
    controller.kill().unwrap();
    let mut halves = 0;
    for pins in 1..=all {
        if !theirs.exists() {
            fs::rename(&ours, &theirs).unwrap();
        }
        // Maps and program first, then the links move.
        let now = || fs::read_dir(&ours).is_ok_and(|made| made.count() >= pins);
        controller.start_and_kill(net, now).unwrap();
        halves += usize::from(ours.exists() && theirs.exists());
    }
    println!("{halves} of {all} were killed between");
    assert!(halves > 0);
    controller.start_again(net).unwrap();
    let scene = steady.end_by_kernel();
    assert_eq!(folder(&scene.controller).0, ours);
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
fn a_start_that_is_refused_changes_nothing() {
    let mut steady = Steady::new(&Settings::default());
    let Scene {
        controller, net, ..
    } = &mut steady.scene;
    controller.kill().unwrap();
    let (pins, _) = folder(controller);
    let before = entries(&pins);
    // Not ours: an interface more, which carries a program of someone else.
    let config = controller.place().config();
    let text = fs::read_to_string(&config).unwrap();
    let other = "[[interface]]\nname = \"other0\"\nside = \"endpoints\"\n";
    fs::write(&config, format!("{text}\n{other}")).unwrap();
    net.gateway
        .ip("link add other0 type veth peer name other1")
        .unwrap();
    let theirs = xdp::attach_pass(&net.gateway, "other0", "someone_else").unwrap();
    let output = Controller::refused(net, controller.place()).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("someone_else") && said.contains("other0"),
        "{said}"
    );
    assert_eq!(entries(&pins), before);
    // One without Ethernet headers, likewise.
    net.gateway.ip("tuntap add tun7 mode tun").unwrap();
    fs::write(
        &config,
        format!("{text}\n{}", other.replace("other0", "tun7")),
    )
    .unwrap();
    let output = Controller::refused(net, controller.place()).unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("tun7"));
    assert_eq!(entries(&pins), before);
    more(&steady.stream, SOME);
    drop(theirs);
    fs::write(&config, text).unwrap();
    let Scene {
        controller, net, ..
    } = &mut steady.scene;
    controller.start_again(net).unwrap();
    steady.end_by_kernel();
}
