//! Who decides where a zone goes, and for how long that holds: probes of every kind, the operator, the program alone.

use rasline_testkit::{Endpoint, Seen, What, wait};
use serde_json::Value;

use crate::{
    scene::{BRIEFLY, SOON},
    site::{Plan, Site, admitted},
};

fn zone(site: &Site) -> Value {
    site.controller.json(&["zone", "show", "site"]).unwrap()
}

fn gatekeeper(site: &Site, n: usize) -> Value {
    zone(site)["gatekeepers"][n - 1].clone()
}

/// Waits until the zone is shown like this.
fn shown(site: &Site, what: &str, like: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    let found = wait::until(what, SOON, || {
        last = zone(site);
        Ok(like(&last).then(|| last.clone()))
    });
    found.map_err(|e| e.context(last.to_string())).unwrap()
}

fn served_by(site: &Site, id: &str) -> Value {
    let what = format!("{id} to serve the zone");
    shown(site, &what, |zone| zone["steering"]["active"] == id)["steering"].clone()
}

fn in_state(site: &Site, n: usize, state: &str) {
    let what = format!("gk{n} to be {state}");
    shown(site, &what, |zone| {
        zone["gatekeepers"][n - 1]["probe"]["state"] == state
    });
}

fn order(site: &Site, words: &[&str]) -> String {
    site.controller.text(words).unwrap()
}

/// Writes the configuration with other lines in its zone, and has it read.
fn reload(site: &Site, plan: &Plan, lines: &str) {
    let mut settings = plan.settings.clone();
    settings.gatekeepers = vec![site.address(1), site.address(2)];
    settings.zone = lines.into();
    site.controller.place().write(&settings).unwrap();
    order(site, &["reload"]);
}

/// What a test sees of the probes by the lines of `[zone.probe]`: the dead one is found without traffic of endpoints,
/// the zone returns when it is back.
fn found_dead_and_alive(probe: &str) -> Site {
    let site = Site::new(&Plan::zone(&format!(
        "failback = \"after 100ms\"\n[zone.probe]\n{probe}"
    )));
    in_state(&site, 1, "up");
    let steering = served_by(&site, "gk1");
    assert_eq!(steering["cause"], "first of the list", "{steering}");
    site.gk(1).kill();
    let steering = served_by(&site, "gk2");
    assert_eq!(steering["cause"], "the one before is down", "{steering}");
    assert_eq!(gatekeeper(&site, 1)["state"], "down");
    let mut endpoint = site.endpoint_at(1, site.address(1));
    endpoint.register(SOON).unwrap();
    assert!(site.saw(2, &endpoint));
    site.restart(1);
    let steering = served_by(&site, "gk1");
    assert_eq!(steering["cause"], "the better one is back", "{steering}");
    site
}

#[test]
fn by_grq() {
    let site = found_dead_and_alive("");
    let asked = |s: &Seen| s.what == What::Discovery && !s.by_endpoint();
    assert!(site.gk(1).count(asked).unwrap() > 0);
    assert_eq!(site.gk(1).count(Seen::is_rrq).unwrap(), 0);
}

/// A registration of rasline's own; it is made again when the gatekeeper has forgotten it.
#[test]
fn by_rrq() {
    let site = found_dead_and_alive("ras = \"rrq\"");
    let ours = |what| move |s: &Seen| s.what == what && !s.by_endpoint();
    let gk = site.gk(2);
    gk.await_seen(10, SOON, ours(What::KeepAlive)).unwrap();
    let before = gk.count(ours(What::FullRrq)).unwrap();
    gk.forget().unwrap();
    gk.await_seen(before + 1, SOON, ours(What::FullRrq))
        .unwrap();
    let after = gk.count(ours(What::KeepAlive)).unwrap();
    gk.await_seen(after + 5, SOON, ours(What::KeepAlive))
        .unwrap();
    assert_eq!(gatekeeper(&site, 2)["probe"]["state"], "up");
}

#[test]
fn by_tcp_alone() {
    let site = found_dead_and_alive("ras = \"off\"\ntcp = true");
    let udp = |s: &Seen| s.what != What::Connected && s.what != What::Disconnected;
    assert_eq!(site.gk(2).count(|s| udp(s) && !s.by_endpoint()).unwrap(), 0);
}

/// Nothing is asked: the program finds out by itself, by what endpoints do not get.
#[test]
fn without_probes() {
    let site = Site::new(&Plan::zone("[zone.probe]\nras = \"off\""));
    let mut endpoint = site.learned(1);
    assert_eq!(gatekeeper(&site, 1)["probe"], Value::Null);
    site.gk(1).freeze().unwrap();
    site.moves_to(2, &mut endpoint);
    let steering = served_by(&site, "gk2");
    let cause = "the kernel found the one before silent";
    assert_eq!(steering["cause"], cause, "{steering}");
    assert_eq!(steering["kernel_decisions"], 1, "{steering}");
    assert_eq!(site.gk(1).count(|s| !s.by_endpoint()).unwrap(), 0);
}

/// What the program decided while the controller was dead is shown and respected.
#[test]
fn the_program_decided_meanwhile() {
    let mut site = Site::new(&Plan::default());
    let mut endpoint = site.learned(1);
    site.controller.kill().unwrap();
    site.gk(1).freeze().unwrap();
    site.moves_to(2, &mut endpoint);
    site.gk(1).thaw().unwrap();
    site.controller.start_again(&site.net).unwrap();
    let steering = served_by(&site, "gk2");
    let cause = "the kernel found the one before silent";
    assert_eq!(steering["cause"], cause, "{steering}");
    let events = order(&site, &["events"]);
    assert!(
        events.contains(&format!("failed over: {cause}")),
        "{events}"
    );
    // The first is well, and waits for its minute.
    in_state(&site, 1, "up");
    let waiting = zone(&site)["steering"]["waiting_for"].to_string();
    assert!(waiting.contains("stay up for another"), "{waiting}");
    assert_eq!(admitted(&mut endpoint).from.ip(), site.address(1));
    assert!(site.saw(2, &endpoint));
}

/// What the controller decided outlives it: the next one finds the zone where it is, and does not hurry back.
#[test]
fn a_restart_leaves_the_zone_where_it_is() {
    let mut site = Site::new(&Plan::default());
    let mut endpoint = site.learned(1);
    site.gk(1).freeze().unwrap();
    served_by(&site, "gk2");
    site.gk(1).thaw().unwrap();
    site.controller.kill().unwrap();
    site.controller.start_again(&site.net).unwrap();
    in_state(&site, 1, "up");
    let steering = served_by(&site, "gk2");
    assert_eq!(steering["cause"], "active before the restart", "{steering}");
    assert_eq!(steering["steered"], serde_json::json!(["gk1"]));
    let waiting = steering["waiting_for"].to_string();
    assert!(waiting.contains("the better gatekeeper"), "{waiting}");
    admitted(&mut endpoint);
    assert!(site.saw(2, &endpoint));
}

/// Requests that nobody answers, until the program must have seen that.
fn unanswered(site: &Site, endpoint: &mut Endpoint) {
    let from = endpoint.address();
    let before = site.gk(1).count(|s| s.from == from).unwrap();
    for _ in 0..8 {
        assert!(
            endpoint
                .keep_alive(BRIEFLY)
                .unwrap()
                .is_none_or(|r| r.is_rcf())
        );
        let arq = endpoint.admit(BRIEFLY);
        assert!(arq.is_err(), "{arq:?}");
    }
    assert_eq!(site.gk(1).count(|s| s.from == from).unwrap(), before);
    assert_eq!(site.gk(2).count(Seen::by_endpoint).unwrap(), 0);
}

/// Held, a zone stays with the dead: whatever is reloaded, whether there is a controller or not, and after a restart.
#[test]
fn a_hold_is_a_hold() {
    let plan = Plan::default();
    let mut site = Site::new(&plan);
    let mut endpoint = site.learned(1);
    order(&site, &["zone", "hold", "site"]);
    reload(&site, &plan, "migrate_rate = 77");
    site.gk(1).freeze().unwrap();
    in_state(&site, 1, "down");
    unanswered(&site, &mut endpoint);
    site.controller.kill().unwrap();
    unanswered(&site, &mut endpoint);
    site.controller.start_again(&site.net).unwrap();
    in_state(&site, 1, "down");
    let steering = served_by(&site, "gk1");
    assert_eq!(steering["manual"], "held", "{steering}");
    assert_eq!(steering["kernel_decisions"], 0, "{steering}");
    order(&site, &["zone", "release", "site"]);
    served_by(&site, "gk2");
    admitted(&mut endpoint);
    assert!(site.saw(2, &endpoint));
}

/// A reload neither moves a zone nor forgets what is steered, and what was found by probes that are no more is void.
#[test]
fn a_reload_leaves_decisions_alone() {
    let plan = Plan::zone("failback = \"none\"");
    let site = Site::new(&plan);
    let mut endpoint = site.learned(1);
    site.gk(1).freeze().unwrap();
    served_by(&site, "gk2");
    admitted(&mut endpoint);
    site.gk(1).thaw().unwrap();
    in_state(&site, 1, "up");
    for lines in [
        "failback = \"none\"\nmigrate_rate = 78",
        "failback = \"none\"\n[zone.probe]\nras = \"off\"",
    ] {
        reload(&site, &plan, lines);
        let steering = zone(&site)["steering"].clone();
        assert_eq!(steering["active"], "gk2", "{steering}");
        assert_eq!(
            steering["steered"],
            serde_json::json!(["gk1"]),
            "{steering}"
        );
        assert_eq!(admitted(&mut endpoint).from.ip(), site.address(1));
        assert!(site.saw(2, &endpoint));
    }
    wait::until_true("the probes to be forgotten", SOON, || {
        Ok(gatekeeper(&site, 1)["probe"].is_null())
    })
    .unwrap();
    assert_ne!(gatekeeper(&site, 1)["state"], "down");
}

#[test]
fn what_cannot_be_decided_is_refused() {
    let site = Site::new(&Plan::default());
    for (words, why) in [
        (["zone", "switch", "elsewhere", "gk1"], "no such zone"),
        (
            ["zone", "switch", "site", "gk7"],
            "has no gatekeeper of this id; did you mean \"gk",
        ),
    ] {
        let refused = site.controller.cli(&words).unwrap();
        let text = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && text.contains(why), "{text}");
    }
}
