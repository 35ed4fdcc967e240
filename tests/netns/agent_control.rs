//! Agents by hand and over restarts: what the CLI says and does, reload, stop, and what is remembered.

use std::fs;

use rasline_testkit::{GatekeeperProcess, Policy, Seen, What, topology, wait};

use crate::{
    agent::{AgentSite, Mood, agent, own_address, settings},
    scene::{SOON, ras},
};

fn seen(what: What) -> impl Fn(&Seen) -> bool {
    move |s| s.what == what
}

#[test]
fn what_is_shown() {
    let site = AgentSite::new(&[Mood::Takes], "");
    let list = site.controller.text(&["agent", "list"]).unwrap();
    let head = list.lines().next().unwrap();
    assert!(
        head.starts_with("AGENT") && head.contains("SIGNALLING"),
        "{list}"
    );
    let line = list.lines().nth(1).unwrap();
    for part in ["gw", "registered", "10.1.0.1:1719", "10.1.0.1:1720", "10m"] {
        assert!(line.contains(part), "{part}: {list}");
    }
    let shown = site.controller.text(&["agent", "show", "gw"]).unwrap();
    for part in [
        "endpointIdentifier    0001_gk1",
        "gatekeeperIdentifier  gk1",
        "aliases               gw, 4400",
        "candidates            10.1.0.1:1719, 10.1.0.2:1719",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let status = site.controller.text(&["status"]).unwrap();
    let line = "agents   1 of 1 registered, 1 signalling connections, 0 lost, 0 recoveries";
    assert!(status.contains(line), "{status}");
    let output = site.controller.cli(&["agent", "show", "nobody"]).unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        error,
        "rasline: agent nobody: no such agent; see `rasline agent list`\n"
    );
    let events = site.controller.json(&["events"]).unwrap();
    let registered = events.as_array().unwrap().iter();
    let registered = registered.filter(|e| e["event"] == "agent_registered");
    let registered: Vec<_> = registered.collect();
    assert_eq!(registered.len(), 1, "{events}");
    assert_eq!(registered[0]["agent"], "gw");
    assert_eq!(registered[0]["gatekeeper"], "10.1.0.1:1719");
    assert_eq!(registered[0]["lightweight"], false);
}

#[test]
fn by_hand_it_registers_in_full() {
    let site = AgentSite::new(&[], "");
    let before = site.gk(1).count(seen(What::FullRrq)).unwrap();
    let done = site
        .controller
        .text(&["agent", "reregister", "gw"])
        .unwrap();
    assert_eq!(done, "agent gw: registers in full\n");
    site.gk(1)
        .await_seen(before + 1, SOON, seen(What::FullRrq))
        .unwrap();
    site.await_shown("a second registration", |a| a["registrations"] == 2);
}

#[test]
fn a_reload_brings_and_removes_agents() {
    let site = AgentSite::new(&[], "");
    let place = site.controller.place();
    let second = agent(
        "second",
        &format!("{}:1819", own_address()),
        "signalling = false",
    );
    place.write(&settings(second)).unwrap();
    site.controller.text(&["reload"]).unwrap();
    // The first one leaves, the second one comes.
    site.gk(1).await_seen(1, SOON, seen(What::Urq)).unwrap();
    wait::until_true("the second agent to be registered", SOON, || {
        let all = site.controller.json(&["agent", "list"])?;
        let all = all.as_array().cloned().unwrap_or_default();
        Ok(all.len() == 1 && all[0]["name"] == "second" && all[0]["registered"] == true)
    })
    .unwrap();
    let urqs = site.gk(1).count(seen(What::Urq)).unwrap();
    assert_eq!(urqs, 1, "answered, so not repeated");
}

#[test]
fn a_clean_stop_unregisters_and_one_that_stays_does_not() {
    let mut site = AgentSite::new(&[], "");
    site.controller.text(&["stop", "--stay"]).unwrap();
    assert_eq!(site.gk(1).count(seen(What::Urq)).unwrap(), 0);
    site.controller.start_again(&site.net).unwrap();
    // As it was: a lightweight RRQ is enough.
    site.await_at(1);
    assert_eq!(site.shown()["endpoint_identifier"], "0001_gk1");
    assert_eq!(site.gk(1).count(seen(What::FullRrq)).unwrap(), 1);
    assert!(site.gk(1).count(seen(What::KeepAlive)).unwrap() >= 1);
    site.controller.stop().unwrap();
    assert_eq!(site.gk(1).count(seen(What::Urq)).unwrap(), 1);
}

/// Killed while its only configured gatekeeper dies: the alternates that it named are known all the same.
#[test]
fn alternates_survive_a_crash() {
    let mut site = AgentSite::new(&[Mood::Dead, Mood::Takes], "");
    wait::until_true("the store to be written", SOON, || {
        let status = site.controller.json(&["status"])?;
        Ok(status["store"]["waiting"] == 0 && !status["store"]["last_write"].is_null())
    })
    .unwrap();
    site.controller.kill().unwrap();
    site.gk(1).kill();
    let text = fs::read_to_string(site.controller.place().config()).unwrap();
    assert!(
        !text.contains("10.1.0.3"),
        "it knows that one by name only: {text}"
    );
    site.controller.start_again(&site.net).unwrap();
    let after = site.await_at(3);
    assert_eq!(after["endpoint_identifier"], "0001_gk1", "{after}");
    assert_eq!(site.gk(3).count(seen(What::FullRrq)).unwrap(), 0);
}

/// An address that the machine does not have yet: said, and taken as soon as it is there.
#[test]
fn a_socket_that_cannot_be_had_is_tried_again() {
    let lines = "signalling = false";
    let site = AgentSite::unregistered(&[], &settings(agent("gw", "10.1.0.77", lines)));
    let shown = site.await_shown("the trouble", |a| {
        a["trouble"] != "" && a["not_sent"].as_u64() > Some(0)
    });
    assert_eq!(shown["registered"], false);
    site.net
        .gateway
        .ip("addr add 10.1.0.77/24 dev wan0")
        .unwrap();
    site.await_shown("the agent to register", |a| {
        a["registered"] == true && a["trouble"] == ""
    });
}

/// GRQ to the group that all gatekeepers are in, from the agent's own address; nobody is there, so to the configured one.
#[test]
fn discovery_by_multicast() {
    let other = agent(
        "other",
        &format!("{}:1819", own_address()),
        "signalling = false",
    );
    let site = AgentSite::unregistered(&[], &settings(other));
    let capture = site.capture();
    let lines = "discovery = \"multicast\"";
    let place = site.controller.place();
    place
        .write(&settings(agent("gw", &own_address(), lines)))
        .unwrap();
    site.controller.text(&["reload"]).unwrap();
    site.await_at(1);
    let rows = capture
        .finish()
        .fields(
            "ip.dst == 224.0.0.0/4 && h225",
            &["ip.src", "ip.dst", "udp.dstport"],
        )
        .unwrap();
    let own = own_address();
    assert!(!rows.is_empty(), "no GRQ to the group");
    for row in &rows {
        assert_eq!(*row, [own.as_str(), "224.0.1.41", "1718"], "{rows:?}");
    }
}

/// With a password its requests carry proof of who it is.
#[test]
fn requests_are_signed() {
    for (h235, element) in [
        ("md5", "h225.cryptoEPPwdHash_element"),
        ("hmac-sha1", "h225.nestedcryptoToken"),
    ] {
        let lines = format!("password = \"secret\"\nh235 = \"{h235}\"\nsignalling = false");
        let settings = settings(agent("gw", &own_address(), &lines));
        let site = AgentSite::unregistered(&[], &settings);
        site.gk(1)
            .await_seen(1, SOON, seen(What::Discovery))
            .unwrap();
        let capture = site.capture();
        let before = site.gk(1).count(seen(What::FullRrq)).unwrap();
        site.controller
            .text(&["agent", "reregister", "gw"])
            .unwrap();
        site.gk(1)
            .await_seen(before + 1, SOON, seen(What::FullRrq))
            .unwrap();
        let taken = capture.finish();
        taken.all_is_well(false).unwrap();
        let filter = format!("h225.RasMessage == 3 && {element}");
        let signed = taken.fields(&filter, &["ip.src"]).unwrap();
        assert!(!signed.is_empty(), "{h235}");
    }
}

/// The same over IPv6.
#[test]
fn over_ipv6() {
    let site = AgentSite::unregistered(&[], &settings(agent("other", "10.1.0.254", "")));
    let host = &site.net.hosts[1];
    let address = host.address_v6();
    let gatekeeper =
        GatekeeperProcess::start(&host.netns, ras(address), Policy::default()).unwrap();
    let lines = "discovery = \"off\"";
    let agent = agent("gw", &topology::GATEWAY[1].to_string(), lines);
    let agent = agent.replace(&topology::GATEKEEPER.to_string(), &address.to_string());
    site.controller.place().write(&settings(agent)).unwrap();
    site.controller.text(&["reload"]).unwrap();
    let connected = |a: &serde_json::Value| a["connected_to"] == format!("[{address}]:1720");
    wait::until_true("the agent to be registered and connected", SOON, || {
        let all = site.controller.json(&["agent", "list"])?;
        Ok(all[0]["name"] == "gw" && all[0]["registered"] == true && connected(&all[0]))
    })
    .unwrap();
    gatekeeper.reset_calls().unwrap();
    let again = site.await_shown("the agent to recover", |a| {
        a["recoveries"] == 1 && connected(a)
    });
    assert_eq!(again["losses"]["reset"], 1, "{again}");
}
