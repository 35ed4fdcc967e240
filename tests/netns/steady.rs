//! A controller, endpoints that it knows, and a steady stream of their keep-alives, of which each must be answered.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use rasline_testkit::{Controller, KeepAlives, Settings, Swarm, stream::Counts, wait};
use serde_json::Value;

use crate::scene::{SOON, Scene};

/// Fewer than a veth's ring has room for.
pub(crate) const ENDPOINTS: u16 = 100;

/// Keep-alives between one thing and the next.
pub(crate) const SOME: u64 = 20_000;

pub(crate) fn staying() -> Settings {
    Settings {
        daemon: "max_registrations = 4096\non_stop = \"stay\"".into(),
        ..Settings::default()
    }
}

/// Waits until so many more keep-alives were sent.
pub(crate) fn more(stream: &KeepAlives, n: u64) {
    let until = stream.sent() + n;
    wait::until_true("keep-alives", 3 * SOON, || Ok(stream.sent() >= until)).unwrap();
}

/// The scene, its endpoints, and their stream.
pub(crate) struct Steady {
    pub(crate) stream: KeepAlives,
    pub(crate) swarm: Swarm,
    pub(crate) scene: Scene,
    pub(crate) seen: usize,
    pub(crate) since: Instant,
}

impl Steady {
    pub(crate) fn new(settings: &Settings) -> Self {
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
    pub(crate) fn go_on(&self) {
        more(&self.stream, SOME);
    }

    /// Each keep-alive had one answer.
    pub(crate) fn end(self) -> (Scene, Swarm, Counts) {
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
    pub(crate) fn end_by_kernel(self) -> Scene {
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

pub(crate) fn entries(folder: &Path) -> Vec<String> {
    let all = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = all
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The one folder of pins.
pub(crate) fn folder(controller: &Controller) -> (PathBuf, u32) {
    let names = entries(controller.place().pins());
    assert_eq!(names.len(), 1, "{names:?}");
    let path = controller.place().pins().join(&names[0]);
    (path, names[0][1..].parse().unwrap())
}

pub(crate) fn answered(status: &Value) -> u64 {
    let tables = &status["tables"];
    assert!(tables["unclaimed"].as_u64() <= tables["slots"].as_u64());
    tables["slots"].as_u64().unwrap()
}
