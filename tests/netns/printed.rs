//! What operators read: text of the network escaped, failovers that many registrations and a restart do not flush, and
//! words about a broken file or a second controller.

use rasline_testkit::{Controller, Endpoint, Settings, topology, wait};

use crate::{
    scene::{SOON, Scene, ras},
    site::{Plan, Site},
};

/// Escape sequences, a line feed with a forged line, C1, a separator, zero width, a change of direction.
const EVIL: &str = "I\u{1b}]0;owned\u{7}\u{1b}[2J\n2026-01-01T00:00:00Z  zone  own: gk9: failed over\u{9b}2J\u{2028}\u{200b}\u{202e}";

fn assert_harmless(text: &str) {
    let bad = text
        .chars()
        .find(|c| *c != '\n' && !(' '..='~').contains(c));
    assert_eq!(bad, None, "{text:?}");
    assert!(
        !text
            .lines()
            .any(|line| line.contains("own: gk9") && line.starts_with("2026-01-01")),
        "{text}"
    );
}

#[test]
fn an_alias_cannot_write_to_the_terminal() {
    let scene = Scene::new(&Settings::default());
    let from = ras(topology::endpoint(1));
    let to = ras(topology::GATEKEEPER);
    let mut endpoint = Endpoint::new(&scene.net.endpoints, from, to, &[EVIL, "5001"]).unwrap();
    endpoint.register(SOON).unwrap();
    scene.learn(&mut endpoint);
    let one = scene.registration(&endpoint, |r| r["answered_by"] == "kernel");
    let exact = one["aliases"].as_array().unwrap();
    assert!(exact.iter().any(|alias| alias == EVIL), "{one}");
    let id = one["id"].to_string();
    for words in [
        &["registration", "list"][..],
        &["registration", "show", &id],
        &["events"],
        &["status"],
    ] {
        assert_harmless(&scene.controller.text(words).unwrap());
    }
    let listed = scene.controller.text(&["registration", "list"]).unwrap();
    assert!(listed.contains("I\\u{1b}]0;owned\\u{7}"), "{listed}");
    assert_harmless(
        &scene
            .controller
            .text(&["registration", "list", "--json"])
            .unwrap(),
    );
    assert_harmless(&scene.controller.log());
}

#[test]
fn a_failover_survives_a_restart_and_can_be_asked_for() {
    let mut site = Site::new(&Plan::default());
    let mut endpoint = site.learned(1);
    site.gk(1).freeze().unwrap();
    site.moves_to(2, &mut endpoint);
    let failovers = |site: &Site| {
        let words = [
            "events", "--zone", "site", "--kind", "failover", "--limit", "1",
        ];
        let all = site.controller.json(&words).unwrap();
        all.as_array().unwrap().clone()
    };
    let mut before = Vec::new();
    wait::until_true("the failover to be an event", SOON, || {
        before = failovers(&site);
        Ok(!before.is_empty())
    })
    .unwrap();
    assert_eq!(
        (&before[0]["severity"], &before[0]["about"]),
        (&"warning".into(), &"zone".into())
    );
    assert!(site.controller.stop().unwrap().success());
    assert!(
        site.controller
            .log()
            .contains(" WARN zone site: gk2: the zone failed over"),
        "{}",
        site.controller.log()
    );
    site.controller.start_again(&site.net).unwrap();
    let all = site
        .controller
        .json(&["events", "--about", "zone"])
        .unwrap();
    assert!(all.as_array().unwrap().contains(&before[0]), "{all}");
    let refused = site.controller.cli(&["events", "--zone", "siet"]).unwrap();
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(text.contains("did you mean \"site\"?"), "{text}");
}

#[test]
fn a_second_controller_is_named_whatever_it_shares() {
    let usual = Settings::default();
    let settings = Settings {
        daemon: format!("{}\n[metrics]\nlisten = \"127.0.0.1:9719\"", usual.daemon),
        ..usual
    };
    let scene = Scene::new(&settings);
    let again = Controller::refused(&scene.net, scene.controller.place()).unwrap();
    let said = String::from_utf8(again.stderr).unwrap();
    assert!(
        !again.status.success() && said.contains("another controller is running"),
        "{said}"
    );
}

/// Somebody broke the file, and then the controller died.
#[test]
fn a_broken_file_hides_no_dead_controller() {
    let mut scene = Scene::new(&Settings::default());
    let mut endpoint = scene.learned(1);
    let file = scene.controller.place().config();
    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, good.replace("[[zone]]", "[[zone]\nnonsense")).unwrap();
    let config = file.to_str().unwrap().to_owned();
    let status = |scene: &Scene| {
        let binary = rasline_testkit::controller::binary().unwrap();
        let output = scene
            .net
            .gateway
            .command(&binary)
            .args(["--config", &config, "status"])
            .output();
        let output = output.unwrap();
        (
            output.status.success(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (succeeded, said) = status(&scene);
    assert!(succeeded && said.contains("configuration: "), "{said}");
    scene.controller.kill().unwrap();
    scene.by_kernel(&mut endpoint);
    let (succeeded, said) = status(&scene);
    assert!(
        !succeeded && said.contains("still attached to") && said.contains("answering"),
        "{said}"
    );
}
