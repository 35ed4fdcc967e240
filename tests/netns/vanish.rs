//! What keeps the program alive without the controller vanishes, or cannot be looked at for a while.

use std::{fs, path::Path, process::Command};

use rasline_testkit::{
    Settings,
    topology::{LAN, WAN},
    wait,
};

use crate::{
    boot::shown,
    own::await_event,
    scene::{SOON, Scene},
    steady::{entries, folder},
};

/// Someone removes all pins: they are made again, and the controller may die as ever.
#[test]
fn pins_that_are_removed_are_made_again() {
    let mut scene = Scene::new(&Settings::default());
    let mut endpoint = scene.learned(1);
    let (pins, _) = folder(&scene.controller);
    let before = entries(&pins);
    for pin in &before {
        fs::remove_file(pins.join(pin)).unwrap();
    }
    fs::remove_dir(&pins).unwrap();
    wait::until_true("the pins to be back", SOON, || {
        Ok(pins.exists() && entries(&pins) == before)
    })
    .unwrap();
    await_event(&scene.controller, "pins_mended", "");
    scene.by_kernel(&mut endpoint);
    scene.controller.kill().unwrap();
    scene.by_kernel(&mut endpoint);
    scene.controller.start_again(&scene.net).unwrap();
    scene.by_kernel(&mut endpoint);
}

/// A bpffs of its own, unmounted at the end.
struct Mounted(tempfile::TempDir);

impl Mounted {
    fn new() -> Self {
        let mounted = Self(tempfile::tempdir().unwrap());
        mounted.mount();
        mounted
    }

    fn mount(&self) {
        let mut mount = Command::new("mount");
        let done = mount.args(["-t", "bpf", "bpf"]).arg(self.0.path()).status();
        assert!(done.unwrap().success());
    }

    fn unmount(&self) -> bool {
        let mut unmount = Command::new("umount");
        let done = unmount.arg("--lazy").arg(self.0.path()).status();
        done.is_ok_and(|status| status.success())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        while self.unmount() {}
    }
}

fn pinned(folder: &Path) -> bool {
    let Ok(versions) = fs::read_dir(folder) else {
        return false;
    };
    let mut links = versions
        .flatten()
        .flat_map(|version| fs::read_dir(version.path()));
    links.any(|pins| {
        pins.flatten()
            .filter(|p| p.file_name().to_string_lossy().starts_with("link-"))
            .count()
            == 2
    })
}

#[test]
fn a_bpffs_that_is_unmounted_is_mounted_again_with_all_pins() {
    let mounted = Mounted::new();
    let mut scene = Scene::new(&Settings::default());
    scene.controller.text(&["stop", "--detach"]).unwrap();
    let config = scene.controller.place().config();
    let text = fs::read_to_string(&config).unwrap();
    let pins = mounted.0.path().join("rasline");
    let old = format!("{:?}", scene.controller.place().pins());
    assert!(text.contains(&old), "{text}");
    fs::write(&config, text.replace(&old, &format!("{pins:?}"))).unwrap();
    scene.controller.kill().unwrap();
    scene.controller.start_again(&scene.net).unwrap();
    let mut endpoint = scene.learned(1);
    assert!(pinned(&pins));
    assert!(mounted.unmount());
    wait::until_true("bpffs and pins to be back", SOON, || Ok(pinned(&pins))).unwrap();
    scene.controller.kill().unwrap();
    scene.by_kernel(&mut endpoint);
    scene.controller.start_again(&scene.net).unwrap();
    scene.by_kernel(&mut endpoint);
    scene.controller.text(&["stop", "--detach"]).unwrap();
}

/// Without a file descriptor for several looks: that it cannot look does not say that anything is gone.
#[test]
fn no_file_descriptors_for_a_while() {
    let scene = Scene::new(&Settings::default());
    let mut endpoint = scene.learned(1);
    let pid = scene.controller.json(&["status"]).unwrap()["pid"].to_string();
    let limit = |soft: &str| {
        let mut prlimit = Command::new("prlimit");
        let done = prlimit
            .args(["--pid", &pid, &format!("--nofile={soft}:20000")])
            .status();
        assert!(done.unwrap().success());
    };
    let (pins, _) = folder(&scene.controller);
    let before = entries(&pins);
    limit("3");
    let looked = || {
        Ok(scene
            .controller
            .log()
            .matches("cannot be looked at")
            .count()
            >= 2)
    };
    wait::until_true("looks without a descriptor", SOON, looked).unwrap();
    // The data path needs none.
    for _ in 0..50 {
        scene.by_kernel(&mut endpoint);
    }
    limit("10000");
    for interface in [LAN, WAN] {
        let shown = shown(&scene.controller, interface, |i| {
            i["attached"] == true && i["trouble"] == ""
        });
        assert_eq!(shown["link"], "up", "{shown}");
    }
    assert_eq!(entries(&pins), before);
    let log = scene.controller.log();
    assert!(!log.contains("another XDP program"), "{log}");
    scene.by_kernel(&mut endpoint);
}
