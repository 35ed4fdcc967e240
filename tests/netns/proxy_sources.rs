//! A proxy that registers endpoints from their own addresses: gatekeepers that compare callSignalAddress with the source
//! of an RRQ take them, and what these say to the endpoints is for the proxy.

use std::net::SocketAddr;

use rasline_h225::RasMessage;
use rasline_testkit::{Capture, Endpoint, Policy, Seen, What, messages, topology, wait};

use crate::{
    own::{await_event, await_stored, destination, endpoint, kept_by_kernel},
    proxy::{Proxied, service},
    scene::{SOON, ras},
};

/// As a widespread gatekeeper is, with a timeToLive of which half is soon over.
fn strict(policy: &mut Policy) {
    policy.compares_addresses = true;
    policy.time_to_live = 6;
}

/// A zone without an address of rasline's own towards gatekeepers, and two endpoints. It stays with its first gatekeeper,
/// however busy this machine is.
fn two(v6: bool) -> (Proxied, [Endpoint; 2]) {
    let proxied = Proxied::of_family(v6, "endpoint_ttl = \"60s\"", strict);
    proxied.hold();
    registered(proxied, v6)
}

fn registered(proxied: Proxied, v6: bool) -> (Proxied, [Endpoint; 2]) {
    let endpoints = [1, 2].map(|n| {
        let mut endpoint = endpoint(&proxied.net, n, ras(service(v6)));
        endpoint.register(SOON).unwrap();
        endpoint
    });
    (proxied, endpoints)
}

impl Proxied {
    fn hold(&self) {
        self.controller.text(&["zone", "hold", "site"]).unwrap();
    }

    /// endpointIdentifier that gatekeeper `n` gave to the endpoint at this address last.
    fn known_as(&self, n: usize, from: SocketAddr) -> String {
        let all = self.rrqs(n).into_iter().rev();
        let mut full = all.filter(|s| s.what == What::FullRrq && s.from == from);
        let seen = full.find_map(|s| s.eid);
        seen.unwrap_or_else(|| panic!("{from}: {:?}", self.rrqs(n)))
    }

    /// Waits until gatekeeper `n` has seen `count` of these from this address.
    fn await_from(&self, n: usize, count: usize, what: What, from: SocketAddr) {
        let like = |s: &Seen| s.what == what && s.from == from;
        self.gatekeepers[n - 1]
            .await_seen(count, SOON, like)
            .unwrap();
    }

    fn count_from(&self, n: usize, what: What, from: SocketAddr) -> usize {
        self.gatekeepers[n - 1].count(|s| s.what == what && s.from == from)
    }

    /// Nothing but probes came from the gateway itself.
    fn all_are_the_endpoints(&self) {
        for seen in self.rrqs(1).into_iter().chain(self.rrqs(2)) {
            let probe = seen.eid.as_deref() == Some("rasline-probe");
            assert!(seen.by_endpoint() || probe, "{seen:?}");
        }
    }
}

/// Endpoints heard nothing from gatekeepers' addresses.
fn heard_by_nobody(capture: Capture, v6: bool) {
    let taken = capture.finish();
    taken.all_is_well(false).unwrap();
    let net = if v6 {
        "ipv6.src == fd00:1::/64"
    } else {
        "ip.src == 10.1.0.0/24"
    };
    let heard = format!("{net} && h225 && !icmp && !icmpv6");
    let heard = taken
        .fields(&heard, &["frame.number", "_ws.col.Info"])
        .unwrap();
    assert!(heard.is_empty(), "{heard:?}");
}

#[test]
fn a_gatekeeper_that_compares_addresses_takes_all_endpoints() {
    for v6 in [false, true] {
        let (proxied, mut endpoints) = two(v6);
        let capture = Capture::start(&proxied.net.endpoints, "ep0").unwrap();
        let known = [0, 1].map(|n| proxied.known_as(1, endpoints[n].address()));
        assert_ne!(known[0], known[1]);
        for endpoint in &mut endpoints {
            assert!(!known.iter().any(|eid| eid == endpoint.eid()));
            kept_by_kernel(&proxied.controller, endpoint);
            let acf = endpoint.admit(SOON).unwrap();
            assert!(acf.is_acf(), "{acf:?}");
            assert_eq!(acf.from, ras(service(v6)));
            let from = endpoint.address();
            proxied.await_from(1, 1, What::Arq, from);
            proxied.await_from(1, 2, What::KeepAlive, from);
            assert_eq!(proxied.count_from(1, What::FullRrq, from), 1);
        }
        // Who leaves, leaves there, too.
        let from = endpoints[1].address();
        endpoints[1].unregister(SOON).unwrap();
        proxied.await_from(1, 1, What::Urq, from);
        proxied.all_are_the_endpoints();
        heard_by_nobody(capture, v6);
    }
}

#[test]
fn what_the_gatekeeper_asks_of_endpoints_goes_through_the_proxy() {
    for v6 in [false, true] {
        let (proxied, mut endpoints) = two(v6);
        let capture = Capture::start(&proxied.net.endpoints, "ep0").unwrap();
        let [first, second] = &mut endpoints;
        // An IRQ is the endpoint's to answer.
        let (gatekeeper, from) = (&proxied.gatekeepers[0], second.address());
        gatekeeper.inquire(&proxied.known_as(1, from)).unwrap();
        let irq = second.unasked(SOON).unwrap();
        assert_eq!(irq.from, ras(service(v6)));
        let message = irq.message().unwrap();
        assert!(matches!(message, RasMessage::InfoRequest(_)), "{irq:?}");
        second.inform(&irq).unwrap();
        let eid = Some(proxied.known_as(1, from));
        let irr = |s: &Seen| s.what == What::Irr && s.from == from && s.eid == eid;
        gatekeeper.await_seen(1, SOON, irr).unwrap();
        // A URQ is answered for it, and it is registered again.
        let from = first.address();
        gatekeeper.unregister(&proxied.known_as(1, from)).unwrap();
        proxied.await_from(1, 1, What::Ucf, from);
        proxied.await_from(1, 2, What::FullRrq, from);
        kept_by_kernel(&proxied.controller, first);
        wait::until_true("calls to go on", SOON, || Ok(first.admit(SOON)?.is_acf())).unwrap();
        proxied.all_are_the_endpoints();
        heard_by_nobody(capture, v6);
    }
}

#[test]
fn the_next_gatekeeper_takes_them_from_the_same_addresses() {
    for v6 in [false, true] {
        let proxied = Proxied::of_family(v6, "endpoint_ttl = \"60s\"", strict);
        let (mut proxied, mut endpoints) = registered(proxied, v6);
        let capture = Capture::start(&proxied.net.endpoints, "ep0").unwrap();
        proxied.gatekeepers[0].kill();
        for endpoint in &mut endpoints {
            proxied.await_from(2, 1, What::FullRrq, endpoint.address());
            proxied.await_from(2, 1, What::KeepAlive, endpoint.address());
            kept_by_kernel(&proxied.controller, endpoint);
            let acf = endpoint.admit(SOON).unwrap();
            assert!(acf.is_acf(), "{acf:?}");
            assert_eq!(destination(&acf).is_ipv6(), v6);
        }
        await_event(&proxied.controller, "upstream_moved", "2 endpoints");
        proxied.all_are_the_endpoints();
        heard_by_nobody(capture, v6);
    }
}

#[test]
fn a_restart_of_the_controller_is_unseen_on_both_sides() {
    for v6 in [false, true] {
        let (mut proxied, mut endpoints) = two(v6);
        let eids = [0, 1].map(|n| endpoints[n].eid().to_owned());
        for endpoint in &mut endpoints {
            kept_by_kernel(&proxied.controller, endpoint);
        }
        await_stored(&proxied.controller);
        let capture = Capture::start(&proxied.net.endpoints, "ep0").unwrap();
        proxied.controller.kill().unwrap();
        let kept = [0, 1].map(|n| proxied.count_from(1, What::KeepAlive, endpoints[n].address()));
        proxied.controller.start_again(&proxied.net).unwrap();
        for (n, endpoint) in endpoints.iter_mut().enumerate() {
            let from = endpoint.address();
            proxied.await_from(1, kept[n] + 2, What::KeepAlive, from);
            assert_eq!(proxied.count_from(1, What::FullRrq, from), 1);
            kept_by_kernel(&proxied.controller, endpoint);
            assert_eq!(endpoint.eid(), eids[n]);
            assert!(endpoint.admit(SOON).unwrap().is_acf());
        }
        proxied.all_are_the_endpoints();
        heard_by_nobody(capture, v6);
    }
}

/// One that registers with the gatekeeper itself gets what that says.
#[test]
fn an_endpoint_of_the_gatekeeper_itself_is_left_alone() {
    for v6 in [false, true] {
        let (proxied, mut endpoints) = two(v6);
        let gatekeeper = ras(proxied.addresses[0]);
        let mut other = endpoint(&proxied.net, 3, gatekeeper);
        let rcf = other.register(SOON).unwrap();
        assert_eq!(rcf.from, gatekeeper);
        assert!(other.keep_alive(SOON).unwrap().unwrap().is_rcf());
        assert!(other.admit(SOON).unwrap().is_acf());
        proxied.gatekeepers[0].inquire(other.eid()).unwrap();
        let irq = other.unasked(SOON).unwrap();
        assert_eq!(irq.from, gatekeeper);
        assert!(endpoints[0].admit(SOON).unwrap().is_acf());
    }
}

/// A full RRQ that is longer than a packet leaves in fragments.
#[test]
fn long_rrqs_arrive_from_the_endpoint() {
    for v6 in [false, true] {
        let habit = |policy: &mut Policy| {
            strict(policy);
            policy.aliases_in_rcf = false;
        };
        let proxied = Proxied::of_family(v6, "endpoint_ttl = \"60s\"", habit);
        proxied.hold();
        let many: Vec<String> = (0..40)
            .map(|n| format!("one-of-many-names-{n:09}"))
            .collect();
        let mut endpoint = endpoint(&proxied.net, 1, ras(service(v6)));
        endpoint = endpoint.with(|who| who.aliases.extend(many));
        assert!(messages::full_rrq(&endpoint.identity(), 1, None).len() > 1500);
        endpoint.register(SOON).unwrap();
        let from = endpoint.address();
        assert_eq!(proxied.count_from(1, What::FullRrq, from), 1);
        proxied.await_from(1, 1, What::KeepAlive, from);
        assert!(endpoint.admit(SOON).unwrap().is_acf());
    }
}

/// Endpoints of another family than the gatekeepers are registered from rasline's own address.
#[test]
fn endpoints_of_another_family_have_raslines_address() {
    let own = topology::GATEWAY[0];
    let lines = format!("endpoint_ttl = \"60s\"\nupstream_address = \"{own}\"");
    let proxied = Proxied::between(service(true), false, &lines, |_| {});
    proxied.hold();
    let mut endpoint = endpoint(&proxied.net, 1, ras(service(true)));
    endpoint.register(SOON).unwrap();
    assert_eq!(proxied.count_from(1, What::FullRrq, ras(own)), 1);
    assert!(endpoint.admit(SOON).unwrap().is_acf());
}

/// Registrations go on after a reload, from other addresses, and endpoints notice nothing.
#[test]
fn a_reload_changes_whose_address_it_is() {
    let proxied = Proxied::new("upstream_source = \"own\"");
    proxied.hold();
    let mut endpoint = proxied.registered(1);
    let (from, eid) = (endpoint.address(), endpoint.eid().to_owned());
    let own = ras(topology::GATEWAY[0]);
    assert_eq!(proxied.count_from(1, What::FullRrq, own), 1);
    await_stored(&proxied.controller);
    for gatekeeper in &proxied.gatekeepers {
        gatekeeper.set(strict);
    }
    let capture = Capture::start(&proxied.net.endpoints, "ep0").unwrap();
    let file = proxied.controller.place().config();
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replace("upstream_source = \"own\"", "");
    std::fs::write(&file, text).unwrap();
    proxied.controller.text(&["reload"]).unwrap();
    proxied.await_from(1, 1, What::FullRrq, from);
    proxied.await_from(1, 2, What::KeepAlive, from);
    kept_by_kernel(&proxied.controller, &mut endpoint);
    assert_eq!(endpoint.eid(), eid);
    assert!(endpoint.admit(SOON).unwrap().is_acf());
    heard_by_nobody(capture, false);
}

/// The gatekeeper's answers take another way than through the gateway: people are told.
#[test]
fn a_gatekeeper_whose_answers_pass_the_gateway_by_is_told_of() {
    let proxied = Proxied::of_family(false, "endpoint_ttl = \"60s\"", strict);
    proxied.hold();
    let elsewhere = "route add blackhole 10.0.64.0/18";
    proxied.net.gatekeepers.ip(elsewhere).unwrap();
    let endpoint = endpoint(&proxied.net, 1, ras(service(false)));
    let rrq = messages::full_rrq(&endpoint.identity(), 7, None);
    endpoint.send(&rrq).unwrap();
    let from = endpoint.address().to_string();
    await_event(&proxied.controller, "upstream_unanswered", &from);
}
