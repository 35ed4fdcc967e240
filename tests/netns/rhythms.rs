//! Refreshes, and endpoint_ttl: two rhythms, one towards endpoints, one towards the gatekeeper.

use std::time::{Duration, Instant};

use rasline_testkit::{Oracle, Settings, What, messages, topology};

use crate::scene::{SOON, Scene, ras};

/// Ticks of the kernel's clock are coarser than those of ours.
const TICKS: Duration = Duration::from_millis(50);

fn refreshing() -> Settings {
    Settings {
        refresh_every: Some("2s"),
        ..Settings::default()
    }
}

fn two_rhythms() -> Settings {
    Settings {
        endpoint_ttl: Some("2s"),
        refresh_every: Some("2s"),
        daemon: "max_registrations = 4096\nheartbeat_timeout = \"1s\"".into(),
        ..Settings::default()
    }
}

#[test]
fn the_gatekeeper_sees_one_keep_alive_an_interval() {
    let scene = Scene::new(&refreshing());
    let mut endpoint = scene.learned(1);
    let before = scene.gatekeeper.keep_alives(None);
    let mut by_kernel = 0;
    while scene.gatekeeper.keep_alives(None) < before + 4 {
        let reply = endpoint.keep_alive(SOON).unwrap().expect("an answer");
        assert!(reply.is_rcf());
        by_kernel += usize::from(!scene.seen(&endpoint));
    }
    let log = scene.gatekeeper.log();
    let refreshes: Vec<Instant> = log
        .iter()
        .filter(|s| s.what == What::KeepAlive)
        .map(|s| s.at)
        .collect();
    // An interval is shortened by at most an eighth, so that not all endpoints refresh at once.
    for pair in refreshes[before..].windows(2) {
        let interval = pair[1].duration_since(pair[0]);
        assert!(
            interval + TICKS >= Duration::from_millis(1750),
            "{interval:?}"
        );
    }
    assert!(by_kernel > 100, "{by_kernel}");
    assert!(scene.counter("pass_refresh") >= 4);
    assert!(scene.counter("renewed") >= 4);
}

#[test]
fn the_cli_shows_when_the_next_refresh_is_due() {
    let scene = Scene::new(&refreshing());
    let endpoint = scene.learned(1);
    let shown = scene.registration(&endpoint, |r| r["answered_by"] == "kernel");
    let due = shown["next_refresh"].as_f64().unwrap();
    assert!((0.0..=2.1).contains(&due), "{shown}");
    assert!(shown["time_left"].as_f64().unwrap() <= 600.0, "{shown}");
    assert_eq!(shown["aliases"], serde_json::json!(["ep1", "5001"]));
    assert_eq!(shown["why_not"], "");
}

#[test]
fn the_endpoint_never_sees_the_gatekeepers_time_to_live() {
    let scene = Scene::new(&two_rhythms());
    let mut endpoint = scene.endpoint(1);
    let rcf = endpoint.register(SOON).unwrap();
    assert_eq!(rcf.time_to_live(), Some(2));
    assert_eq!(rcf.from, ras(topology::GATEKEEPER));
    let (mut by_kernel, mut refreshed) = (0, 0);
    while by_kernel < 100 || refreshed < 4 {
        let reply = endpoint.keep_alive(SOON).unwrap().expect("an answer");
        assert_eq!(
            (reply.time_to_live(), reply.from),
            (Some(2), ras(topology::GATEKEEPER))
        );
        if scene.seen(&endpoint) {
            // Before the first answer of the kernel it was learning.
            refreshed += usize::from(by_kernel > 0);
        } else {
            by_kernel += 1;
        }
    }
    assert!(scene.counter("substitute") >= 3);
    assert!(scene.counter("divert") >= 1);
}

#[test]
fn a_patched_rcf_differs_in_time_to_live_only() {
    let scene = Scene::new(&Settings {
        endpoint_ttl: Some("2s"),
        ..Settings::default()
    });
    let mut endpoint = scene.learned(1);
    let reply = scene.by_kernel(&mut endpoint);
    let oracle = Oracle::new().unwrap();
    let ours = oracle.decode(&reply.bytes).unwrap();
    let theirs = scene.gatekeeper.last_rcf(endpoint.eid()).unwrap();
    let theirs = oracle.decode(&theirs).unwrap();
    assert_eq!(
        (ours.time_to_live, theirs.time_to_live),
        (Some(2), Some(600))
    );
    assert_eq!(ours.seq, u64::from(endpoint.seq()));
    assert_eq!(ours.tshark, theirs.tshark);
    assert_eq!(ours.pycrate, theirs.pycrate);
}

#[test]
fn without_the_controller_the_gatekeepers_rcf_passes() {
    let mut scene = Scene::new(&two_rhythms());
    let mut known = scene.learned(1);
    scene.controller.kill().unwrap();
    // A new endpoint registers: the first RCFs may still be diverted to nobody, a retransmission gets one.
    let mut new = scene.endpoint(2);
    let rcf = new.register(SOON).unwrap();
    assert_eq!(rcf.time_to_live(), Some(600));
    assert_eq!(rcf.bytes, scene.gatekeeper.last_rcf(new.eid()).unwrap());
    assert!(!rcf.by_gateway());
    let reply = new.keep_alive(SOON).unwrap().expect("an answer");
    assert_eq!(reply.time_to_live(), Some(600));
    // The known one goes on as before, refreshes included.
    let (mut by_kernel, mut refreshed) = (0, 0);
    while by_kernel < 100 || refreshed < 3 {
        let reply = known.keep_alive(SOON).unwrap().expect("an answer");
        assert_eq!(reply.time_to_live(), Some(2));
        if scene.seen(&known) {
            refreshed += 1;
        } else {
            by_kernel += 1;
        }
    }
}

#[test]
fn without_endpoint_ttl_no_rcf_is_changed() {
    let scene = Scene::new(&refreshing());
    let mut endpoint = scene.endpoint(1);
    let rcf = endpoint.register(SOON).unwrap();
    assert_eq!(
        rcf.bytes,
        scene.gatekeeper.last_rcf(endpoint.eid()).unwrap()
    );
    assert!(!rcf.by_gateway());
    let before = scene.gatekeeper.keep_alives(None);
    while scene.gatekeeper.keep_alives(None) < before + 4 {
        let reply = endpoint.keep_alive(SOON).unwrap().expect("an answer");
        let mut known = scene.gatekeeper.last_rcf(endpoint.eid()).unwrap();
        messages::set_seq(&mut known, endpoint.seq());
        assert_eq!(reply.bytes, known);
    }
    assert_eq!(scene.counter("divert"), 0);
    assert_eq!(scene.counter("substitute"), 0);
}
