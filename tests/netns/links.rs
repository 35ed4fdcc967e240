//! Links of this machine that are down: shown as that, and no gatekeeper behind them is found dead for it.

use rasline_testkit::{
    Settings,
    topology::{GATEKEEPER, GATEKEEPER_2, WAN},
    wait,
};

use crate::{
    boot::shown,
    scene::{SOON, Scene},
};

fn two() -> Settings {
    Settings {
        gatekeepers: vec![GATEKEEPER, GATEKEEPER_2],
        // Long, so that a busy machine is not taken for a dead gatekeeper.
        zone: "[zone.probe]\ndead_time = \"2s\"\n".into(),
        ..Settings::default()
    }
}

fn gatekeepers_are(scene: &Scene, state: &str) {
    wait::until_true(&format!("both gatekeepers to be {state}"), SOON, || {
        let list = scene.controller.json(&["gatekeeper", "list"])?;
        Ok((0..2).all(|n| list[n]["state"] == state))
    })
    .unwrap();
}

/// Whether any event says that a gatekeeper is dead, or that the zone moved.
fn events(scene: &Scene) -> Vec<String> {
    let all = scene.controller.json(&["events"]).unwrap();
    let all = all.as_array().expect("a list").iter();
    all.filter_map(|e| e["event"].as_str().map(str::to_owned))
        .collect()
}

/// Taken down, and with a carrier lost: both gatekeepers are behind it.
#[test]
fn gatekeepers_behind_a_link_that_is_down_are_cut_off_not_dead() {
    for carrier in [false, true] {
        let scene = Scene::new(&two());
        let second = rasline_testkit::FakeGatekeeper::start(
            &scene.net.gatekeepers,
            crate::scene::ras(GATEKEEPER_2),
            rasline_testkit::Policy::default(),
        );
        let _second = second.unwrap();
        gatekeepers_are(&scene, "alive");
        let (netns, link) = if carrier {
            (&scene.net.gatekeepers, "gk0")
        } else {
            (&scene.net.gateway, WAN)
        };
        netns.ip(&format!("link set {link} down")).unwrap();
        let link_shown = if carrier { "no carrier" } else { "down" };
        let interface = shown(&scene.controller, WAN, |i| {
            i["link"] == link_shown && i["trouble"] != ""
        });
        assert_eq!(interface["attached"], true, "{interface}");
        gatekeepers_are(&scene, "cut off");
        let list = scene.controller.json(&["gatekeeper", "list"]).unwrap();
        assert!(list[0]["cut_off"].to_string().contains(WAN), "{list}");
        // For longer than it takes to die.
        wait::until_true("a long silence", SOON, || {
            let list = scene.controller.json(&["gatekeeper", "list"])?;
            Ok(list[0]["probe"]["last_answer"].as_f64() > Some(3.0))
        })
        .unwrap();
        gatekeepers_are(&scene, "cut off");
        let zones = scene.controller.json(&["zone", "list"]).unwrap();
        assert_eq!(zones[0]["steering"]["dark"], false, "{zones}");
        assert_eq!(zones[0]["steering"]["active"], "gk1", "{zones}");
        netns.ip(&format!("link set {link} up")).unwrap();
        shown(&scene.controller, WAN, |i| {
            i["link"] == "up" && i["trouble"] == ""
        });
        gatekeepers_are(&scene, "alive");
        let events = events(&scene);
        for wanted in [
            "interface_trouble",
            "interface_recovered",
            "cut_off",
            "reached",
        ] {
            assert!(
                events.iter().any(|e| e == wanted),
                "no {wanted}: {events:?}"
            );
        }
        for dead in ["failover", "no_candidate"] {
            assert!(!events.iter().any(|e| e == dead), "{dead}: {events:?}");
        }
    }
}
