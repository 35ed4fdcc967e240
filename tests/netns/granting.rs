//! `endpoint_ttl` is for endpoints whose keep-alives the kernel can answer. The load of the others stays what their
//! gatekeeper's timeToLive makes it, and nobody takes a registration over by a keep-alive or a rejected RRQ.

use anyhow::{Context, Result};
use rasline_testkit::{Endpoint, Policy, Reply, Settings, What, topology};

use crate::scene::{SOON, Scene, ras};

/// What the gatekeeper grants, and what the zone gives, in seconds.
const GRANTED: u64 = 600;
const GIVEN: u64 = 5;
/// An endpoint's time that is looked at: two hours of it, one RRQ per timeToLive that it was given.
const LIFE: u64 = 7200;
/// RRQs with a short timeToLive after which it must be clear that the kernel cannot answer.
const TRIED: u64 = 8;

fn settings() -> Settings {
    Settings {
        endpoint_ttl: Some("5s"),
        refresh_every: Some("300s"),
        ..Settings::default()
    }
}

/// Lives for [`LIFE`]: how many RRQs the gatekeeper saw of it.
fn live(
    scene: &Scene,
    endpoint: &mut Endpoint,
    mut ask: impl FnMut(&mut Endpoint) -> Result<Reply>,
) -> u64 {
    let from = endpoint.address();
    let heard = |scene: &Scene| scene.gatekeeper.count(|s| s.is_rrq() && s.from == from) as u64;
    let before = heard(scene);
    let mut lived = 0;
    while lived < LIFE {
        let rcf = ask(endpoint).unwrap();
        let given = u64::from(rcf.time_to_live().expect("a timeToLive"));
        assert!([GIVEN, GRANTED].contains(&given), "{given}");
        if given == GRANTED {
            let theirs = scene.gatekeeper.last_rcf(endpoint.eid()).unwrap();
            assert_eq!(rcf.bytes, theirs, "untouched");
        }
        lived += given;
    }
    heard(scene) - before
}

fn keep_alive(endpoint: &mut Endpoint) -> Result<Reply> {
    endpoint.keep_alive(SOON)?.context("an answer")
}

#[test]
fn a_gatekeeper_hears_no_more_than_its_own_time_to_live_makes() {
    let scene = Scene::new(&settings());
    // One that the kernel answers: nearly nothing, though it speaks every five seconds.
    let mut open = scene.learned(1);
    assert!(live(&scene, &mut open, keep_alive) <= TRIED);

    let mut counting = scene.endpoint(2);
    counting.register(SOON).unwrap();
    let mut n = 0;
    let heard = live(&scene, &mut counting, |endpoint| {
        n += 1;
        endpoint.vary(n);
        keep_alive(endpoint)
    });
    assert!(heard <= LIFE / GRANTED + TRIED, "a counter: {heard}");
    let shown = scene.registration(&counting, |r| r["answered_by"] == "gatekeeper");
    assert!(
        shown["why_not"].as_str().unwrap().contains("change"),
        "{shown}"
    );

    let mut secured = scene.endpoint(3).with(|who| who.secured = true);
    assert_eq!(secured.register(SOON).unwrap().time_to_live(), Some(600));
    let heard = live(&scene, &mut secured, keep_alive);
    assert_eq!(heard, LIFE / GRANTED, "tokens");

    // One that never sends a lightweight RRQ.
    let mut full = scene.endpoint(4);
    let heard = live(&scene, &mut full, |endpoint| endpoint.register(SOON));
    assert!(heard <= LIFE / GRANTED + TRIED, "full RRQs: {heard}");
    scene.by_kernel(&mut open);
}

/// A gatekeeper that looks at the endpointIdentifier only, and another host that has read it.
#[test]
fn a_keep_alive_from_elsewhere_takes_no_registration() {
    let policy = Policy {
        confirm_unknown: true,
        ..Policy::default()
    };
    let scene = Scene::with(&settings(), policy);
    let mut endpoint = scene.learned(1);
    let mut stranger = scene.endpoint(2);
    stranger.pretend(endpoint.eid());
    for _ in 0..6 {
        let rcf = keep_alive(&mut stranger).unwrap();
        assert_eq!(rcf.time_to_live(), Some(600));
        assert!(scene.seen(&stranger));
        scene.by_kernel(&mut endpoint);
    }
    let shown = scene.registration(&endpoint, |r| r["answered_by"] == "kernel");
    assert_eq!(shown["address"], endpoint.address().to_string());
}

/// An RRQ in its name, sent from its own address, that its gatekeeper rejects.
#[test]
fn a_rejected_rrq_in_its_name_withdraws_nothing() {
    let scene = Scene::new(&settings());
    let mut endpoint = scene.learned(1);
    for n in 0..4 {
        let mut forger = endpoint.beside(&["forger"]).unwrap();
        forger.pretend(endpoint.eid());
        forger.vary(n);
        scene.gatekeeper.reject_next(endpoint.eid());
        let reply = forger.keep_alive(SOON).unwrap().expect("an answer");
        assert!(!reply.is_rcf(), "{reply:?}");
        assert_eq!(reply.from, ras(topology::GATEKEEPER));
        scene.by_kernel(&mut endpoint);
    }
    let kept = scene.gatekeeper.count(|s| s.what == What::FullRrq);
    assert_eq!(kept, 1, "it never had to register again");
}
