//! Endpoints that go dark are missed: events, listings, counts, metrics; and those that speak are not.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rasline_testkit::{Controller, Endpoint, Settings, wait};
use serde_json::Value;

use crate::{
    metrics,
    own::{Own, await_event, registrar},
    scene::{SOON, Scene},
};

const METRICS: &str = "127.0.0.1:9719";

/// Endpoints are silent 14 s after their last message.
fn five_seconds() -> Settings {
    let usual = Settings::default();
    Settings {
        endpoint_ttl: Some("5s"),
        daemon: format!("{}\n[metrics]\nlisten = {METRICS:?}", usual.daemon),
        ..usual
    }
}

fn missing(controller: &Controller) -> Result<Vec<Value>> {
    let all = controller.json(&["registration", "list", "--silent"])?;
    Ok(all.as_array().context("a list")?.clone())
}

fn presence(controller: &Controller, state: &str) -> Result<u64> {
    let zones = controller.json(&["zone", "list"])?;
    let count = &zones[0]["presence"][state];
    count.as_u64().with_context(|| format!("{state}: {zones}"))
}

/// How many endpoints the events of this kind speak of, in all.
fn told(controller: &Controller, event: &str) -> Result<u64> {
    let all = controller.json(&["events", "--kind", event])?;
    let all = all.as_array().context("a list")?.iter();
    Ok(all.filter_map(|e| e["count"].as_u64()).sum())
}

fn metric(scene: &Scene, state: &str) -> Option<f64> {
    let all = metrics::get(&scene.net.gateway, METRICS, "/metrics")?;
    let start = format!("rasline_endpoints{{zone=\"site\",state=\"{state}\"}} ");
    let line = all.lines().find_map(|l| l.strip_prefix(&start))?;
    line.parse().ok()
}

#[test]
fn forty_endpoints_go_dark_and_come_back() {
    let scene = Scene::new(&five_seconds());
    let mut swarm = scene.swarm(40);
    let mut witness = scene.learned(50);
    let controller = &scene.controller;
    wait::until_true("the metric", SOON, || {
        Ok(metric(&scene, "silent") == Some(0.0))
    })
    .unwrap();
    wait::until_true("forty silent endpoints", SOON, || {
        witness.keep_alive(SOON)?.context("no answer")?;
        Ok(presence(controller, "silent")? + presence(controller, "gone")? == 40)
    })
    .unwrap();
    let listed = missing(controller).unwrap();
    assert_eq!(listed.len(), 40);
    for one in &listed {
        assert_ne!(one["endpoint_identifier"], witness.eid());
        let quiet = one["silent_for"].as_f64().unwrap();
        assert!(quiet > 13.0, "{one}");
        assert_eq!(one["silent_after"], 14.0, "{one}");
    }
    wait::until_true("all to be told", SOON, || {
        witness.keep_alive(SOON)?.context("no answer")?;
        Ok(told(controller, "endpoint_silent")? == 40)
    })
    .unwrap();
    wait::until_true("the metric", SOON, || {
        witness.keep_alive(SOON)?.context("no answer")?;
        let (silent, gone) = (metric(&scene, "silent"), metric(&scene, "gone"));
        Ok(silent
            .zip(gone)
            .is_some_and(|(a, b)| (a + b - 40.0).abs() < 0.5))
    })
    .unwrap();
    let events = controller.json(&["events", "--kind", "endpoint_silent"]);
    let events = events.unwrap().as_array().unwrap().len();
    assert!(events < 10, "{events} events for forty endpoints");
    let table = controller.text(&["zone", "show", "site"]).unwrap();
    assert!(table.contains("presence"), "{table}");
    // They are back.
    wait::until_true("all to be told", SOON, || {
        for endpoint in &mut swarm.endpoints {
            endpoint.keep_alive(SOON)?.context("no answer")?;
        }
        Ok(told(controller, "endpoint_back")? == 40)
    })
    .unwrap();
    assert_eq!(missing(controller).unwrap(), Vec::<Value>::new());
}

/// Waits until one is missed while the others do something, and says who is missed then.
fn while_one_is_missed(
    controller: &Controller,
    dark: &Endpoint,
    mut others: impl FnMut() -> Result<()>,
) -> Vec<Value> {
    let mut last = Vec::new();
    wait::until_true("the dark one to be missed", SOON, || {
        others()?;
        last = missing(controller)?;
        Ok(last.iter().any(|r| r["endpoint_identifier"] == dark.eid()))
    })
    .unwrap();
    last
}

#[test]
fn an_endpoint_that_only_asks_for_admission_is_alive() {
    let scene = Scene::new(&five_seconds());
    let (mut asks, dark) = (scene.learned(1), scene.learned(2));
    let mut lives = scene.learned(3);
    let missed = while_one_is_missed(&scene.controller, &dark, || {
        asks.send(&admission_request())?;
        lives.keep_alive(SOON)?.context("no answer")?;
        Ok(())
    });
    assert_eq!(missed.len(), 1, "{missed:?}");
    assert!(asks.keep_alive(SOON).unwrap().is_some());
}

/// An ARQ, as far as the program reads it; no gatekeeper can.
fn admission_request() -> Vec<u8> {
    vec![
        0x26, 0x40, 0x00, 0x0a, 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99,
    ]
}

#[test]
fn a_controller_that_stood_still_knows_nothing_at_first() {
    let scene = Scene::new(&five_seconds());
    let (mut lives, dark) = (scene.learned(1), scene.learned(2));
    let began = Instant::now();
    scene.controller.freeze().unwrap();
    // Longer than silence takes.
    while began.elapsed() < Duration::from_secs(16) {
        lives
            .keep_alive(SOON)
            .unwrap()
            .expect("the kernel's answer");
        lives.answer_within(0, Duration::from_millis(200)).unwrap();
    }
    scene.controller.thaw().unwrap();
    let thawed = Instant::now();
    wait::until_true("the dark one to be unknown", SOON, || {
        lives.keep_alive(SOON)?.context("no answer")?;
        anyhow::ensure!(missing(&scene.controller)?.is_empty() || thawed.elapsed().as_secs() > 12);
        Ok(presence(&scene.controller, "unknown")? == 1)
    })
    .unwrap();
    let missed = while_one_is_missed(&scene.controller, &dark, || {
        lives.keep_alive(SOON)?.context("no answer")?;
        Ok(())
    });
    assert_eq!(missed.len(), 1, "{missed:?}");
}

#[test]
fn an_endpoint_of_a_registrar_is_missed() {
    let own = Own::new(&registrar("endpoint_ttl = \"5s\""));
    let (mut lives, mut dark) = (own.registered(1), own.registered(2));
    own.kept_by_kernel(&mut lives);
    own.kept_by_kernel(&mut dark);
    let mut last = Value::Null;
    wait::until_true("the dark one to be missed", SOON, || {
        lives.keep_alive(SOON)?.context("no answer")?;
        last = own.controller.json(&["events"])?;
        let all = last.as_array().context("a list")?.iter();
        let mut missed =
            all.filter(|e| e["event"] == "endpoint_silent" || e["event"] == "endpoint_gone");
        Ok(missed.any(|e| e.to_string().contains(&dark.address().to_string())))
    })
    .with_context(|| last.to_string())
    .unwrap();
    assert_eq!(presence(&own.controller, "alive").unwrap(), 1);
    dark.register(SOON).unwrap();
    await_event(&own.controller, "endpoint_registered", dark.eid());
}
