//! The primary fails, in every way: RAS, admission and new calls reach the backup and return, and nobody else notices.

use std::net::IpAddr;

use rasline_testkit::{CallLine, Endpoint, Seen, capture::Taken, topology, wait};

use crate::{
    scene::{BRIEFLY, SOON, ras},
    site::{Plan, Site, admitted},
};

/// From before the failure to a call through the backup. `known` is the gatekeeper as the endpoint knows it.
fn fails_over(plan: &Plan, known: Option<IpAddr>, fail: impl FnOnce(&mut Site)) -> Site {
    let mut site = Site::new(plan);
    let known = known.unwrap_or_else(|| site.address(1));
    let mut endpoint = site.learned_at(1, known);
    let mut other = site.learned_at(2, known);
    let streams = site.streams();
    let capture = site.capture();
    fail(&mut site);
    site.moves_to(2, &mut endpoint);
    // Right after the failover: this one is not registered there, and goes first.
    let acf = admitted(&mut other);
    assert_eq!(acf.from.ip(), known);
    let mut line = site.line_to(2, 1, known);
    site.call(2, &mut line);
    let acf = admitted(&mut endpoint);
    assert_eq!(acf.from.ip(), known);
    assert!(site.saw(2, &endpoint));
    endpoint.disengage(SOON).unwrap();
    streams.end_undisturbed();
    // What the controller itself sends leaves checksums to the gateway's card.
    let finished = !plan.offload && plan.settings.endpoint_ttl.is_none();
    as_the_endpoint_knows_it(&site, &capture.finish(), known, finished);
    site
}

/// Nothing on the endpoints' side came from the backup's address, or went to it; tshark finds every message in order.
fn as_the_endpoint_knows_it(site: &Site, taken: &Taken, known: IpAddr, checksums: bool) {
    taken.all_is_well(checksums).unwrap();
    let ip = if known.is_ipv6() { "ipv6" } else { "ip" };
    let backup = site.address(2);
    let strange = taken
        .fields(
            &format!("{ip}.addr == {backup} && (tcp || udp.port == 1719)"),
            &["frame.number"],
        )
        .unwrap();
    assert!(strange.is_empty(), "{strange:?}");
    let of = |filter: &str| {
        let filter = format!("{filter} && {ip}.src == {known}");
        taken.fields(&filter, &["frame.number"]).unwrap().len()
    };
    for message in [
        "h225.registrationConfirm_element",
        "h225.admissionConfirm_element",
    ] {
        assert!(of(message) > 0, "no {message}");
    }
    for message in ["callProceeding", "alerting", "connect"] {
        assert!(of(&format!("h225.{message}_element")) > 0, "no {message}");
    }
}

fn kill(site: &mut Site) {
    site.gk(1).kill();
}

fn freeze(site: &mut Site) {
    site.gk(1).freeze().unwrap();
}

fn unplug(site: &mut Site) {
    site.net.hosts[0].unplug().unwrap();
}

fn v6() -> Plan {
    Plan {
        v6: true,
        ..Plan::default()
    }
}

#[test]
fn killed() {
    fails_over(&Plan::default(), None, kill);
}

#[test]
fn frozen() {
    fails_over(&Plan::default(), None, freeze);
}

#[test]
fn unplugged() {
    fails_over(&Plan::default(), None, unplug);
}

#[test]
fn killed_over_ipv6() {
    fails_over(&v6(), None, kill);
}

#[test]
fn unplugged_over_ipv6() {
    fails_over(&v6(), None, unplug);
}

#[test]
fn with_checksums_left_to_the_card() {
    for v6 in [false, true] {
        let plan = Plan {
            offload: true,
            v6,
            ..Plan::default()
        };
        let site = fails_over(&plan, None, freeze);
        assert!(site.counter("redirect") > 0);
    }
}

/// RCFs of the backup have the timeToLive that endpoints are given, and come from the address that they know.
#[test]
fn with_a_rhythm_of_their_own() {
    for known in [None, Some(topology::SERVICE)] {
        let mut plan = Plan::zone(&format!("service_address = [\"{}\"]", topology::SERVICE));
        plan.settings.endpoint_ttl = Some("1s");
        plan.settings.refresh_every = Some("2s");
        let site = fails_over(&plan, known, freeze);
        let known = known.unwrap_or_else(|| site.address(1));
        let mut endpoint = site.endpoint_at(7, known);
        let rcf = endpoint.register(SOON).unwrap();
        assert_eq!((rcf.from.ip(), rcf.time_to_live()), (known, Some(1)));
        assert!(site.saw(2, &endpoint));
        site.learn(&mut endpoint);
        let rcf = endpoint.stay(SOON).unwrap();
        assert_eq!((rcf.from.ip(), rcf.time_to_live()), (known, Some(1)));
    }
}

#[test]
fn in_generic_mode() {
    let mut plan = Plan::default();
    plan.settings.xdp_mode = "generic";
    fails_over(&plan, None, freeze);
}

#[test]
fn in_generic_mode_with_checksums_left_to_the_card() {
    let mut plan = Plan {
        offload: true,
        ..Plan::default()
    };
    plan.settings.xdp_mode = "generic";
    let site = fails_over(&plan, None, freeze);
    assert!(site.counter("redirect_stack") > 0);
}

/// Nobody says which side is which.
#[test]
fn with_both_on_either_side() {
    let mut plan = Plan::default();
    for (_, side) in &mut plan.settings.interfaces {
        *side = "both";
    }
    fails_over(&plan, None, kill);
}

#[test]
fn behind_a_service_address() {
    let plan = Plan::zone(&format!("service_address = [\"{}\"]", topology::SERVICE));
    fails_over(&plan, Some(topology::SERVICE), kill);
}

#[test]
fn behind_a_service_address_over_ipv6() {
    let mut plan = Plan::zone(&format!("service_address = [\"{}\"]", topology::SERVICE_V6));
    plan.v6 = true;
    fails_over(&plan, Some(topology::SERVICE_V6), freeze);
}

#[test]
fn frames_are_sent_on_by_the_program_itself() {
    let site = fails_over(&Plan::default(), None, freeze);
    assert!(site.counter("redirect") > 0);
}

/// The program decides by itself, and the controller goes on with what it decided.
#[test]
fn without_the_controller() {
    let mut site = fails_over(&Plan::default(), None, |site| {
        site.controller.kill().unwrap();
        site.gk(1).freeze().unwrap();
    });
    site.controller.start_again(&site.net).unwrap();
    site.gk(1).thaw().unwrap();
    let mut third = site.endpoint_at(3, site.address(1));
    third.register(SOON).unwrap();
    assert!(site.saw(2, &third));
    assert_eq!(admitted(&mut third).from.ip(), site.address(1));
}

#[test]
fn without_the_controller_over_ipv6() {
    fails_over(&v6(), None, |site| {
        site.controller.kill().unwrap();
        site.net.hosts[0].unplug().unwrap();
    });
}

/// The backup fails in its turn, and the primary is back: the program goes back to it.
#[test]
fn there_and_back_without_the_controller() {
    let mut site = Site::new(&Plan::default());
    let mut endpoint = site.learned(1);
    // What is known of the backup rests on this one: nobody learns that the first is there too.
    let mut witness = site.learned_at(2, site.address(2));
    site.controller.kill().unwrap();
    site.gk(1).freeze().unwrap();
    site.moves_to(2, &mut endpoint);
    site.gk(1).thaw().unwrap();
    site.gk(2).kill();
    let from = endpoint.address();
    let before = site.gk(1).count(|s| s.from == from).unwrap();
    wait::until_true("gk1 to be found again", SOON * 2, || {
        let _ = witness.keep_alive(BRIEFLY)?;
        let _ = endpoint.keep_alive(BRIEFLY)?;
        Ok(site.gk(1).count(|s| s.from == from)? > before + 1)
    })
    .unwrap();
    assert_eq!(admitted(&mut endpoint).from.ip(), site.address(1));
    assert!(site.saw(1, &endpoint));
}

/// Two endpoints on different gatekeepers of one zone: the one whose gatekeeper lives is left alone.
#[test]
fn an_endpoint_of_the_backup_is_left_alone() {
    let site = Site::new(&Plan::default());
    let mut moved = site.learned(1);
    let mut content: Endpoint = site.learned_at(2, site.address(2));
    let mut line: CallLine = site.line(2, site.address(2));
    site.call(2, &mut line);
    site.gk(1).kill();
    site.moves_to(2, &mut moved);
    assert_eq!(admitted(&mut content).from.ip(), site.address(2));
    site.call(2, &mut line);
    site.learn(&mut content);
}

/// While the primary is well, everything goes there.
#[test]
fn a_primary_that_is_well_is_left_alone() {
    for v6 in [false, true] {
        let plan = Plan {
            v6,
            ..Plan::default()
        };
        let site = Site::new(&plan);
        let mut endpoint = site.learned(1);
        let streams = site.streams();
        let capture = site.capture();
        let mut line = site.line(1, site.address(1));
        for _ in 0..10 {
            assert_eq!(admitted(&mut endpoint).from.ip(), site.address(1));
            assert!(site.saw(1, &endpoint));
            site.call(1, &mut line);
            endpoint.stay(SOON).unwrap();
        }
        streams.end_undisturbed();
        capture.finish().all_is_well(true).unwrap();
        assert_eq!(site.gk(2).count(Seen::by_endpoint).unwrap(), 0);
    }
}

/// One socket speaks with both, a message to each in turn: every answer comes from the address that was asked.
#[test]
fn one_socket_two_gatekeepers() {
    for v6 in [false, true] {
        let plan = Plan {
            v6,
            ..Plan::default()
        };
        let site = Site::new(&plan);
        let mut witness = site.learned(2);
        let mut one = site.learned(1);
        let mut two = one.also_at(ras(site.address(2)), &["second"]).unwrap();
        two.register(SOON).unwrap();
        site.gk(1).freeze().unwrap();
        // That it is gone is found by this one: the others are two endpoints to nobody but themselves.
        site.moves_to(2, &mut witness);
        assert_eq!(admitted(&mut one).from.ip(), site.address(1));
        for _ in 0..10 {
            assert_eq!(admitted(&mut one).from.ip(), site.address(1));
            assert_eq!(admitted(&mut two).from.ip(), site.address(2));
            assert_eq!(one.stay(SOON).unwrap().from.ip(), site.address(1));
            assert_eq!(two.stay(SOON).unwrap().from.ip(), site.address(2));
        }
    }
}
