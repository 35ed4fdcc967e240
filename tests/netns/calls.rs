//! Calls through rasline, which ends their signalling on both sides: real phones' habits, a routed gatekeeper's habits, and
//! what becomes of calls when the gatekeeper is lost.

use std::{net::SocketAddr, time::Duration};

use rasline_testkit::{Capture, Ended, RoutedGatekeeper, Stack, topology, wait};
use rasline_tests::call_site::CallSite;

use crate::{own::await_event, scene::SOON};

/// What no endpoint must notice lasts at least this long.
const LONG: Duration = Duration::from_secs(5);

/// Phone `n` hangs up; the other one hears of it by a ReleaseComplete.
fn hang_up(site: &CallSite, n: usize) {
    site.hang_up(n).unwrap();
    for (phone, by_itself) in [(&site.phones[n], true), (&site.phones[1 - n], false)] {
        let ended = phone.see(|phone| phone.ended().last().copied());
        assert_eq!(ended == Some(Ended::Here), by_itself, "{ended:?}");
        assert_ne!(ended, Some(Ended::Broken));
    }
}

/// Nobody broke a rule, and no packet of audio was lost.
fn check_phones(site: &CallSite) {
    for phone in &site.phones {
        let violations = phone.see(|phone| phone.violations().to_vec());
        assert!(violations.is_empty(), "{violations:?}");
        let audio = phone.see(|phone| phone.reception().clone());
        assert!(audio.received() > 10, "{audio:?}");
        assert_eq!(audio.lost(), 0, "{audio:?}");
    }
}

/// Calls of both stacks with each other, tunnelled and not; each side decoded by tshark.
#[test]
fn calls_go_through() {
    for tunnels in [true, false] {
        let site = CallSite::new(&[Stack::H323plus, Stack::Ooh323c], tunnels).unwrap();
        let captures = [
            Capture::start(&site.net.endpoints, "ep0").unwrap(),
            Capture::start(&site.net.gatekeepers, "gk0").unwrap(),
        ];
        for by in [0, 1] {
            site.call().unwrap();
            site.press(0, "42#", "42#").unwrap();
            let calls = site.calls().unwrap();
            assert_eq!(calls.len(), 1, "{calls:?}");
            assert_eq!(calls[0]["state"], "connected");
            assert_eq!(calls[0]["caller"], "5001");
            assert_eq!(calls[0]["callee"], "5002");
            assert_eq!(calls[0]["legs"].as_array().unwrap().len(), 4);
            let number = calls[0]["number"].to_string();
            let shown = site.controller.text(&["call", "show", &number]).unwrap();
            assert!(shown.contains("called-gatekeeper"), "{shown}");
            hang_up(&site, by);
        }
        check_phones(&site);
        for capture in captures {
            capture.finish().all_is_well(false).unwrap();
        }
    }
}

/// A gatekeeper is killed: no endpoint notices, whatever one sends reaches the other, and so does the hang-up.
#[test]
fn a_killed_gatekeeper_is_not_noticed() {
    for tunnels in [true, false] {
        let mut site = CallSite::new(&[Stack::H323plus, Stack::Ooh323c], tunnels).unwrap();
        site.call().unwrap();
        let capture = Capture::start(&site.net.endpoints, "ep0").unwrap();
        site.gatekeepers[0] = None;
        site.await_joined().unwrap();
        site.stay_undisturbed(LONG).unwrap();
        site.press(0, "1", "1").unwrap();
        site.press(1, "2", "2").unwrap();
        hang_up(&site, 1);
        check_phones(&site);
        let status = site.controller.text(&["status"]).unwrap();
        assert!(status.contains("calls    "), "{status}");
        let taken = capture.finish();
        let fields = ["q931.message_type", "ip.src"];
        let messages = taken.fields("q931", &fields).unwrap();
        let service = topology::SERVICE.to_string();
        let ours = |one: &&Vec<String>| one[0].contains("0x5a") && one[1] == service;
        assert_eq!(messages.iter().filter(ours).count(), 1, "{messages:?}");
        let events = site.controller.text(&["events"]).unwrap();
        for event in ["call_orphaned", "call_joined", "call_ended"] {
            let named = site.controller.text(&["events", "--kind", event]).unwrap();
            assert!(!named.trim().is_empty(), "{event}: {events}");
        }
    }
}

/// One that is stopped orders its calls to end and leaves: that is no order.
#[test]
fn a_gatekeeper_that_shuts_down_takes_no_call_with_it() {
    let mut site = CallSite::new(&[Stack::H323plus, Stack::H323plus], true).unwrap();
    site.call().unwrap();
    let gatekeeper = site.gatekeepers[0].take().unwrap();
    gatekeeper.tell(|gatekeeper, _| gatekeeper.stop());
    site.await_joined().unwrap();
    drop(gatekeeper);
    site.stay_undisturbed(LONG).unwrap();
    site.press(0, "7", "7").unwrap();
    hang_up(&site, 0);
    check_phones(&site);
}

/// The operator of a living gatekeeper ends a call.
#[test]
fn an_order_of_the_gatekeeper_is_obeyed() {
    let site = CallSite::new(&[Stack::H323plus, Stack::Ooh323c], true).unwrap();
    site.call().unwrap();
    let gatekeeper = site.gatekeepers[0].as_ref().unwrap();
    gatekeeper.tell(|gatekeeper, now| {
        let call = gatekeeper.calls()[0];
        gatekeeper.disconnect(now, call);
    });
    site.await_idle().unwrap();
    assert!(site.calls().unwrap().is_empty());
}

/// The operator of rasline ends one.
#[test]
fn a_call_is_released_by_the_operator() {
    let site = CallSite::new(&[Stack::H323plus, Stack::H323plus], true).unwrap();
    site.call().unwrap();
    let number = site.calls().unwrap()[0]["number"].to_string();
    (site.controller.text(&["call", "release", &number])).unwrap();
    site.await_idle().unwrap();
    for phone in &site.phones {
        let ended = phone.see(|phone| phone.ended().last().copied());
        assert_ne!(ended, Some(Ended::Broken));
    }
    let unknown = site.controller.cli(&["call", "show", &number]).unwrap();
    assert!(!unknown.status.success());
    let error = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(error.contains("no such call"), "{error}");
}

/// callIdentifiers of the calls that a gatekeeper has.
fn calls_at(site: &CallSite, n: usize) -> Vec<[u8; 16]> {
    let gatekeeper = site.gatekeepers[n].as_ref().unwrap();
    gatekeeper.see(RoutedGatekeeper::calls)
}

/// Kills the first gatekeeper during a call; the second one gets it.
fn hand_over(site: &mut CallSite) {
    let calls = calls_at(site, 0);
    assert_eq!(calls.len(), 1);
    site.gatekeepers[0] = None;
    let second = SocketAddr::new(topology::GATEKEEPER_2, 1719).to_string();
    let controlled = wait::until_true("control by the second gatekeeper", SOON, || {
        Ok(site.calls()?[0]["gatekeeper"] == *second)
    });
    controlled.unwrap();
    assert_eq!(calls_at(site, 1), calls);
    await_event(&site.controller, "call_announced", &second);
}

/// The next gatekeeper gets the call of a killed one, under the same callIdentifier; no endpoint notices, and the hang-up
/// reaches it.
#[test]
fn the_next_gatekeeper_takes_control() {
    for (tunnels, by) in [(true, 0), (false, 1)] {
        let mut site = CallSite::new(&[Stack::H323plus, Stack::Ooh323c], tunnels).unwrap();
        site.call().unwrap();
        let capture = Capture::start(&site.net.gatekeepers, "gk0").unwrap();
        let before = site.received();
        hand_over(&mut site);
        assert_eq!(site.received(), before);
        site.stay_undisturbed(LONG).unwrap();
        site.press(0, "1", "1").unwrap();
        site.press(1, "2", "2").unwrap();
        hang_up(&site, by);
        let gatekeeper = site.gatekeepers[1].as_ref().unwrap();
        let is_idle = |gatekeeper: &RoutedGatekeeper| gatekeeper.calls().is_empty();
        gatekeeper.wait("the end", SOON, is_idle).unwrap();
        check_phones(&site);
        capture.finish().all_is_well(false).unwrap();
    }
}

#[test]
fn an_order_of_the_next_gatekeeper_is_obeyed() {
    let mut site = CallSite::new(&[Stack::H323plus, Stack::H323plus], true).unwrap();
    site.call().unwrap();
    hand_over(&mut site);
    let gatekeeper = site.gatekeepers[1].as_ref().unwrap();
    gatekeeper.tell(|gatekeeper, now| {
        let call = gatekeeper.calls()[0];
        gatekeeper.disconnect(now, call);
    });
    site.await_idle().unwrap();
    for phone in &site.phones {
        let ended = phone.see(|phone| phone.ended().last().copied());
        assert_ne!(ended, Some(Ended::Broken));
    }
    assert!(site.calls().unwrap().is_empty());
}
