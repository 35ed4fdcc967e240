//! Metrics of a running controller, over HTTP.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
};

use rasline_testkit::{Netns, Settings, wait};

use crate::scene::{SOON, Scene};

const FIRST: &str = "127.0.0.1:9719";
const SECOND: &str = "[::1]:9720";

fn with_metrics(listen: &str) -> Settings {
    let usual = Settings::default();
    Settings {
        daemon: format!("{}\n[metrics]\nlisten = {listen:?}", usual.daemon),
        ..usual
    }
}

/// None: nobody listens.
pub(crate) fn get(gateway: &Netns, from: &str, path: &str) -> Option<String> {
    let asked = gateway.run(|| {
        let mut stream = TcpStream::connect(from)?;
        stream.set_read_timeout(Some(SOON))?;
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes())?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply)?;
        std::io::Result::Ok(reply)
    });
    asked.unwrap().ok()
}

/// Waits for a sample with this start and a value above zero.
fn await_sample(scene: &Scene, from: &str, start: &str) -> String {
    let mut last = String::new();
    let found = wait::until("the sample", SOON, || {
        last = get(&scene.net.gateway, from, "/metrics").unwrap_or_default();
        let mut samples = last.lines().filter(|l| l.starts_with(start));
        let above_zero = |l: &&str| {
            let value = l.rsplit(' ').next().and_then(|v| v.parse::<f64>().ok());
            value.is_some_and(|v| v > 0.0)
        };
        Ok(samples.find(above_zero).map(str::to_owned))
    });
    found.unwrap_or_else(|e| panic!("{start}: {e:#}\n{last}"))
}

#[test]
fn scraped_from_a_running_controller() {
    let scene = Scene::new(&with_metrics(FIRST));
    let _endpoint = scene.learned(1);
    for start in [
        "rasline_registrations{zone=\"site\",state=\"answered\",why=\"\"}",
        "rasline_registrations_answered{zone=\"site\"}",
        "rasline_packets_total{interface=\"lan0\",verdict=\"answer\"}",
        "rasline_interface_attached{interface=\"wan0\",side=\"gatekeepers\"}",
        "rasline_gatekeeper_replies_total{zone=\"site\",gatekeeper=\"gk1\"}",
        "rasline_zone_active_gatekeeper_info{zone=\"site\",gatekeeper=\"gk1\"}",
        "rasline_table_slots ",
        "rasline_events_total{event=\"learned\",zone=\"site\"}",
        "rasline_learner_messages_total{outcome=\"paired\"}",
    ] {
        await_sample(&scene, FIRST, start);
    }
    let health = get(&scene.net.gateway, FIRST, "/healthz").unwrap();
    assert!(health.starts_with("HTTP/1.1 200"), "{health}");
}

#[test]
fn a_reload_moves_them_and_turns_them_off() {
    let scene = Scene::new(&with_metrics(FIRST));
    await_sample(&scene, FIRST, "rasline_start_time_seconds ");
    let place = scene.controller.place();
    // A port that somebody else has: the old one stays.
    let other = scene.net.gateway.run(|| TcpListener::bind(SECOND)).unwrap();
    let other = other.unwrap();
    place.write(&with_metrics(SECOND)).unwrap();
    let refused = scene.controller.cli(&["reload"]).unwrap();
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains(&format!("metrics {SECOND}")), "{said}");
    drop(other);
    await_sample(&scene, FIRST, "rasline_start_time_seconds ");

    place.write(&with_metrics(SECOND)).unwrap();
    // A process that another test starts may hold the listener for a moment.
    wait::until_true("the port to be free", SOON, || {
        Ok(scene.controller.cli(&["reload"])?.status.success())
    })
    .unwrap();
    await_sample(&scene, SECOND, "rasline_start_time_seconds ");
    assert_eq!(get(&scene.net.gateway, FIRST, "/metrics"), None);

    place.write(&Settings::default()).unwrap();
    scene.controller.text(&["reload"]).unwrap();
    assert_eq!(get(&scene.net.gateway, SECOND, "/metrics"), None);
}
