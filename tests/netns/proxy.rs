//! rasline between a zone's endpoints and its gatekeepers: endpoints keep one endpointIdentifier, whichever gatekeeper they
//! are registered with.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use rasline_h225::RasMessage;
use rasline_testkit::{
    Capture, Controller, Endpoint, FakeGatekeeper, Gateway, Policy, Seen, Settings, What, host,
    messages, topology, wait,
};

use crate::{
    own::{await_event, destination, endpoint, kept_by_kernel, network},
    scene::{SOON, ras},
};

/// RRQs a second upstream while all register again.
const RATE: usize = 20;

/// A proxied zone with two gatekeepers. Fields are dropped in this order.
pub(crate) struct Proxied {
    pub(crate) controller: Controller,
    pub(crate) gatekeepers: [FakeGatekeeper; 2],
    pub(crate) addresses: [IpAddr; 2],
    pub(crate) net: Gateway,
}

impl Proxied {
    pub(crate) fn new(lines: &str) -> Self {
        Self::with_ttl("60s", lines)
    }

    /// With this `endpoint_ttl`.
    pub(crate) fn with_ttl(ttl: &str, lines: &str) -> Self {
        let upstream = format!("upstream_address = \"{}\"\n", topology::GATEWAY[0]);
        let lines = format!("endpoint_ttl = {ttl:?}\n{upstream}{lines}");
        Self::of_family(false, &lines, |_| {})
    }

    /// Over IPv4 or IPv6, with these lines in the zone, and gatekeepers with this habit.
    pub(crate) fn of_family(v6: bool, lines: &str, habit: fn(&mut Policy)) -> Self {
        Self::between(service(v6), v6, lines, habit)
    }

    /// The same, with a service address of any family.
    pub(crate) fn between(service: IpAddr, v6: bool, lines: &str, habit: fn(&mut Policy)) -> Self {
        let net = network();
        let addresses = gatekeepers(&net, v6);
        let start = |address, name: &str| {
            let mut policy = Policy {
                name: name.to_owned(),
                eid_suffix: name.to_owned(),
                ..Policy::default()
            };
            habit(&mut policy);
            FakeGatekeeper::start(&net.gatekeepers, ras(address), policy).unwrap()
        };
        let gatekeepers = [start(addresses[0], "gk1"), start(addresses[1], "gk2")];
        let settings = Settings {
            gatekeepers: addresses.to_vec(),
            // Longer than a busy machine holds the controller up: what is for the proxy goes to nobody else.
            daemon: "max_registrations = 4096\nheartbeat_timeout = \"60s\"".into(),
            zone: format!(
                "ras = \"proxy\"\nservice_address = [\"{service}\"]\nmigrate_rate = {RATE}\n{lines}\n[zone.probe]\n\
                 dead_time = \"400ms\"\n"
            ),
            ..Settings::default()
        };
        let controller = Controller::start(&net, &settings).unwrap();
        Self {
            controller,
            gatekeepers,
            addresses,
            net,
        }
    }

    pub(crate) fn registered(&self, n: u16) -> Endpoint {
        let mut endpoint = endpoint(&self.net, n, ras(topology::SERVICE));
        endpoint.register(SOON).unwrap();
        endpoint
    }

    /// RRQs of the proxy that gatekeeper `n` saw, probes aside.
    pub(crate) fn rrqs(&self, n: usize) -> Vec<Seen> {
        let all = self.gatekeepers[n - 1].log().into_iter();
        all.filter(|s| matches!(s.what, What::FullRrq | What::KeepAlive))
            .collect()
    }
}

/// The zone's service address.
pub(crate) fn service(v6: bool) -> IpAddr {
    if v6 {
        topology::SERVICE_V6
    } else {
        topology::SERVICE
    }
}

/// Addresses for two gatekeepers; the second one over IPv6 is given to their namespace.
fn gatekeepers(net: &Gateway, v6: bool) -> [IpAddr; 2] {
    if !v6 {
        return [topology::GATEKEEPER, topology::GATEKEEPER_2];
    }
    let second = host::address_v6_of(2);
    net.gatekeepers
        .ip(&format!("addr add {second}/64 dev gk0 nodad"))
        .unwrap();
    [topology::GATEKEEPER_V6, second]
}

/// Most of these in any second.
fn most_a_second(seen: &[Seen]) -> usize {
    let starts = seen.iter().map(|s| s.at);
    let within = |from: Instant| {
        seen.iter()
            .filter(move |s| s.at >= from && s.at < from + Duration::from_secs(1))
    };
    starts.map(|from| within(from).count()).max().unwrap_or(0)
}

#[test]
fn endpoints_see_nothing_of_a_failover() {
    let mut proxied = Proxied::new("");
    let mut endpoints: Vec<Endpoint> = (1..=40).map(|n| proxied.registered(n)).collect();
    assert_eq!(
        proxied
            .rrqs(1)
            .iter()
            .filter(|s| s.what == What::FullRrq)
            .count(),
        40
    );
    for endpoint in &mut endpoints {
        kept_by_kernel(&proxied.controller, endpoint);
    }
    let capture = Capture::start(&proxied.net.endpoints, "ep0").unwrap();
    proxied.gatekeepers[0].kill();
    wait::until_true("all to be registered with the other one", SOON * 3, || {
        for endpoint in &mut endpoints {
            let reply = endpoint.keep_alive(SOON)?.expect("an answer");
            assert!(reply.is_rcf(), "{reply:?}");
        }
        Ok(proxied
            .rrqs(2)
            .iter()
            .filter(|s| s.what == What::FullRrq)
            .count()
            >= 40)
    })
    .unwrap();
    // A bucket may be full at the start.
    let most = most_a_second(&proxied.rrqs(2));
    assert!(most <= 2 * RATE, "{most}");
    await_event(&proxied.controller, "upstream_moved", "10.1.0.2");
    // A call, granted by the new gatekeeper.
    let acf = endpoints[0].admit(SOON).unwrap();
    assert!(acf.is_acf(), "{acf:?}");
    assert_eq!(acf.from, ras(topology::SERVICE));
    assert_eq!(destination(&acf).ip(), topology::GATEKEEPER_2);
    // Who leaves, leaves there too.
    endpoints[1].unregister(SOON).unwrap();
    wait::until_true("its URQ upstream", SOON, || {
        Ok(proxied.gatekeepers[1].count(|s| s.what == What::Urq) > 0)
    })
    .unwrap();
    let taken = capture.finish();
    taken.all_is_well(false).unwrap();
    let from = format!("ip.src == {}", topology::SERVICE);
    for strange in [
        "registrationReject",
        "unregistrationRequest",
        "gatekeeperReject",
        "requestInProgress",
    ] {
        let rows = taken
            .fields(
                &format!("{from} && h225.{strange}_element"),
                &["frame.number"],
            )
            .unwrap();
        assert!(rows.is_empty(), "{strange}: {rows:?}");
    }
}

/// One that compares callSignalAddress with the source takes nobody from rasline's own address, and people are told why.
#[test]
fn a_gatekeeper_that_compares_addresses_is_told_of() {
    let proxied = Proxied::new("upstream_source = \"own\"");
    for gatekeeper in &proxied.gatekeepers {
        gatekeeper.set(|policy| policy.compares_addresses = true);
    }
    for n in [1, 2] {
        let mut endpoint = endpoint(&proxied.net, n, ras(topology::SERVICE));
        let refused = endpoint.register(SOON).unwrap_err().to_string();
        assert!(refused.contains("not an RCF"), "{refused}");
    }
    let own = ras(topology::GATEWAY[0]).to_string();
    await_event(&proxied.controller, "upstream_address_refused", &own);
    let all = proxied.controller.json(&["events"]).unwrap();
    let all = all.as_array().expect("a list").iter();
    let told = all.filter(|e| e["event"] == "upstream_address_refused");
    assert_eq!(told.count(), 1, "not one for each endpoint");
}

/// The address speaks for who sends from it.
#[test]
fn nobody_takes_the_address_of_another() {
    let proxied = Proxied::new("");
    let claim = |endpoint: &Endpoint, seq, of: &Endpoint| {
        let rrq = messages::full_rrq(&endpoint.identity(), seq, None);
        let Ok(RasMessage::RegistrationRequest(mut rrq)) = rasline_h225::decode_ras(&rrq) else {
            panic!("an RRQ")
        };
        let address = std::net::SocketAddr::new(of.address().ip(), 1720);
        rrq.call_signal_address = vec![rasline_h225::text::to_transport(address)].into();
        let octets = rasline_h225::encode_ras(&RasMessage::RegistrationRequest(rrq)).unwrap();
        endpoint.send(&octets).unwrap();
    };
    let mut owner = endpoint(&proxied.net, 1, ras(topology::SERVICE));
    let mut thief = endpoint(&proxied.net, 2, ras(topology::SERVICE));
    claim(&thief, 77, &owner);
    let first = thief.answer_within(77, SOON).unwrap().unwrap();
    assert!(first.is_rcf(), "nobody sends from there yet: {first:?}");
    owner.register(SOON).unwrap();
    let urq = thief.unasked(SOON).unwrap();
    assert!(
        matches!(urq.message().unwrap(), RasMessage::UnregistrationRequest(_)),
        "{urq:?}"
    );
    claim(&thief, 78, &owner);
    let second = thief.answer_within(78, SOON).unwrap().unwrap();
    assert!(second.is_rrj(), "{second:?}");
    kept_by_kernel(&proxied.controller, &mut owner);
}

#[test]
fn identifiers_are_of_one_side_each() {
    let proxied = Proxied::new("");
    let mut endpoint = proxied.registered(1);
    let RasMessage::RegistrationConfirm(rcf) = endpoint.register(SOON).unwrap().message().unwrap()
    else {
        panic!("no RCF");
    };
    let given = rasline_h225::text::from_bmp(&rcf.endpoint_identifier);
    let upstream: Vec<Option<String>> = proxied.rrqs(1).into_iter().map(|s| s.eid).collect();
    assert!(!upstream.is_empty());
    assert!(
        upstream.iter().all(|eid| eid.as_deref() != Some(&given)),
        "{upstream:?}"
    );
    assert!(rcf.alternate_gatekeeper.is_none());
}

#[test]
fn a_restart_keeps_endpoints_and_their_identifiers() {
    let mut proxied = Proxied::new("");
    let mut endpoint = proxied.registered(1);
    let eid = endpoint.eid().to_owned();
    kept_by_kernel(&proxied.controller, &mut endpoint);
    crate::own::await_stored(&proxied.controller);
    proxied.controller.kill().unwrap();
    assert!(endpoint.keep_alive(SOON).unwrap().unwrap().is_rcf());
    proxied.controller.start_again(&proxied.net).unwrap();
    kept_by_kernel(&proxied.controller, &mut endpoint);
    endpoint.register(SOON).unwrap();
    assert_eq!(endpoint.eid(), eid);
}
#[test]
fn an_aggregate_has_one_registration_upstream() {
    let proxied = Proxied::new("upstream = \"aggregate\"");
    let mut endpoints: Vec<Endpoint> = (1..=3).map(|n| proxied.registered(n)).collect();
    for endpoint in &mut endpoints {
        kept_by_kernel(&proxied.controller, endpoint);
    }
    let mut upstream: Vec<Option<String>> = proxied.rrqs(1).into_iter().map(|s| s.eid).collect();
    upstream.sort();
    upstream.dedup();
    assert_eq!(upstream.iter().flatten().count(), 1, "{upstream:?}");
    let acf = endpoints[2].admit(SOON).unwrap();
    assert!(acf.is_acf(), "{acf:?}");
}

#[test]
fn an_aggregate_goes_on_after_a_restart() {
    let mut proxied = Proxied::new("upstream = \"aggregate\"");
    let mut endpoints: Vec<Endpoint> = (1..=3).map(|n| proxied.registered(n)).collect();
    let eids: Vec<String> = endpoints.iter().map(|e| e.eid().to_owned()).collect();
    for endpoint in &mut endpoints {
        kept_by_kernel(&proxied.controller, endpoint);
    }
    crate::own::await_stored(&proxied.controller);
    let before = proxied.rrqs(1);
    let upstream = before.last().unwrap().eid.clone();
    assert!(upstream.is_some());
    let capture = Capture::start(&proxied.net.endpoints, "ep0").unwrap();
    proxied.controller.kill().unwrap();
    proxied.controller.start_again(&proxied.net).unwrap();
    wait::until_true("the gateway to be kept alive", SOON, || {
        Ok(proxied.rrqs(1).len() > before.len())
    })
    .unwrap();
    for (endpoint, eid) in endpoints.iter_mut().zip(&eids) {
        kept_by_kernel(&proxied.controller, endpoint);
        assert_eq!(endpoint.eid(), eid);
    }
    // Nothing but keep-alives of the same registration.
    for seen in &proxied.rrqs(1)[before.len()..] {
        assert_eq!((seen.what, &seen.eid), (What::KeepAlive, &upstream));
    }
    let acf = endpoints[2].admit(SOON).unwrap();
    assert!(acf.is_acf(), "{acf:?}");
    let taken = capture.finish();
    taken.all_is_well(false).unwrap();
    let strange = format!(
        "ip.src == {} && (h225.registrationReject_element || h225.unregistrationRequest_element \
         || h225.requestInProgress_element)",
        topology::SERVICE
    );
    let rows = taken.fields(&strange, &["frame.number"]).unwrap();
    assert!(rows.is_empty(), "{rows:?}");
}
