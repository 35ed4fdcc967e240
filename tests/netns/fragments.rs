//! RAS that is longer than the MTU: a full RRQ with many aliases, and its RCF, each in two fragments, go where whole
//! messages go.

use std::net::IpAddr;

use rasline_testkit::{Capture, Endpoint, FakeGatekeeper, Reply, What, capture::Taken, topology};

use crate::{
    backup::{Zones, gatekeeper},
    own::{Own, registrar_at},
    proxy::Proxied,
    scene::{SOON, ras},
    site::{Plan, Site, admitted},
};

/// Longest payload of a datagram over IPv4 that needs no fragments.
const LONGEST_WHOLE: usize = 1472;

/// The endpoint with `aliases` aliases of 27 characters.
fn with_aliases(endpoint: Endpoint, aliases: usize) -> Endpoint {
    endpoint.with(|who| {
        let name = who.aliases[0].clone();
        who.aliases = (0..aliases)
            .map(|n| format!("{:-<27}", format!("{name}-{n:02}")))
            .collect();
    })
}

fn with_many_aliases(endpoint: Endpoint) -> Endpoint {
    with_aliases(endpoint, 40)
}

/// Registers in full; the RCF came from this address, and in fragments.
fn registers(endpoint: &mut Endpoint, known: IpAddr) -> Reply {
    let rcf = endpoint.register(SOON).unwrap();
    assert_eq!(rcf.from, ras(known));
    assert!(rcf.bytes.len() > LONGEST_WHOLE, "{}", rcf.bytes.len());
    rcf
}

fn plan(v6: bool) -> Plan {
    let service = service(v6);
    Plan {
        v6,
        ..Plan::zone(&format!("service_address = [\"{service}\"]"))
    }
}

const fn service(v6: bool) -> IpAddr {
    if v6 {
        topology::SERVICE_V6
    } else {
        topology::SERVICE
    }
}

/// Fragments went both ways, none of them from or to this address; checksums are right.
fn in_fragments(taken: &Taken, known: IpAddr, never: IpAddr) {
    taken.all_is_well(true).unwrap();
    let (ip, fragment) = if known.is_ipv6() {
        ("ipv6", "ipv6.fraghdr")
    } else {
        ("ip", "(ip.flags.mf == 1 || ip.frag_offset > 0)")
    };
    let frames = |filter: &str| {
        let filter = format!("{fragment} && {filter}");
        taken.fields(&filter, &["frame.number"]).unwrap().len()
    };
    for (end, least) in [("src", 2), ("dst", 2)] {
        let seen = frames(&format!("{ip}.{end} == {known}"));
        assert!(seen >= least, "{seen} {end} {known}");
    }
    assert_eq!(frames(&format!("{ip}.addr == {never}")), 0);
}

#[test]
fn reach_the_gatekeeper_that_serves_behind_a_service_address() {
    for v6 in [false, true] {
        let site = Site::new(&plan(v6));
        let known = service(v6);
        let mut endpoint = with_many_aliases(site.endpoint_at(1, known));
        let capture = site.capture();
        registers(&mut endpoint, known);
        assert!(site.saw(1, &endpoint));
        site.gk(1).kill();
        site.await_active("gk2");
        registers(&mut endpoint, known);
        assert!(site.saw(2, &endpoint));
        // What follows in one piece finds the same gatekeeper.
        assert_eq!(admitted(&mut endpoint).from.ip(), known);
        in_fragments(&capture.finish(), known, site.address(2));
        assert!(site.counter("redirect_stack") >= 6);
    }
}

#[test]
fn reach_the_backup_of_a_gatekeeper_that_died() {
    for v6 in [false, true] {
        let site = Site::new(&Plan {
            v6,
            ..Plan::default()
        });
        let known = site.address(1);
        let mut endpoint = with_many_aliases(site.endpoint_at(1, known));
        let capture = site.capture();
        registers(&mut endpoint, known);
        assert!(site.saw(1, &endpoint));
        site.gk(1).freeze().unwrap();
        site.await_active("gk2");
        registers(&mut endpoint, known);
        assert!(site.saw(2, &endpoint));
        in_fragments(&capture.finish(), known, site.address(2));
    }
}

/// The program does it alone, and messages of up to 9 KB pass in seven fragments.
#[test]
fn need_no_controller() {
    let mut site = Site::new(&plan(false));
    let known = topology::SERVICE;
    site.controller.kill().unwrap();
    let mut endpoint = with_aliases(site.endpoint_at(1, known), 150);
    let rcf = registers(&mut endpoint, known);
    assert!(rcf.bytes.len() > 8000, "{}", rcf.bytes.len());
    assert!(site.saw(1, &endpoint));
}

#[test]
fn reach_a_registrar() {
    for v6 in [false, true] {
        let known = service(v6);
        let own = Own::new(&registrar_at(known, "endpoint_ttl = \"60s\""));
        let capture = Capture::start(&own.net.endpoints, "ep0").unwrap();
        let mut endpoint = crate::own::endpoint(&own.net, 1, ras(known));
        endpoint = with_aliases(endpoint, 150);
        let rcf = endpoint.register(SOON).unwrap();
        assert_eq!((rcf.from, rcf.time_to_live()), (ras(known), Some(60)));
        let shown = own.shown(&endpoint, |_| true);
        assert_eq!(shown["aliases"].as_array().unwrap().len(), 150);
        capture.finish().all_is_well(false).unwrap();
    }
}

/// rasline serves the zone of gatekeepers that are gone, and answers under their address.
#[test]
fn reach_rasline_as_the_last_resort() {
    let mut zones = Zones::new(1, "");
    let mut endpoint = with_many_aliases(zones.endpoint(1, 1, &["5001"]));
    let known = gatekeeper(1).ip();
    registers(&mut endpoint, known);
    zones.kill(1);
    zones.await_active(1, "rasline");
    let rcf = endpoint.register(SOON).unwrap();
    assert_eq!(rcf.from.ip(), known);
    let all = zones.controller.json(&["registration", "list"]).unwrap();
    let served = all.as_array().unwrap().iter();
    let served: Vec<_> = served.filter(|r| r["gatekeeper"] == "rasline").collect();
    assert_eq!(served.len(), 1, "{all}");
    assert_eq!(served[0]["aliases"].as_array().unwrap().len(), 40);
}

/// Through a proxy, which sends it on in fragments, too: from its own address, since the answer comes in fragments.
#[test]
fn reach_the_gatekeeper_behind_a_proxy() {
    for lines in ["", "upstream_source = \"own\""] {
        let proxied = Proxied::new(lines);
        let mut endpoint = crate::own::endpoint(&proxied.net, 1, ras(topology::SERVICE));
        endpoint = with_many_aliases(endpoint);
        registers(&mut endpoint, topology::SERVICE);
        let full = |gatekeeper: &FakeGatekeeper| {
            gatekeeper
                .count(|seen| seen.what == What::FullRrq && seen.from.ip() == topology::GATEWAY[0])
        };
        assert_eq!(full(&proxied.gatekeepers[0]), 1);
    }
}
