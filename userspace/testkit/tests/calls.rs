//! The tools for calls and for many endpoints by themselves: hosts behind a switch, a plain router before them.
#![allow(clippy::unwrap_used)]

use std::{io, net::SocketAddr, time::Duration};

use rasline_testkit::{
    Alternate, CallLine, Capture, Endpoint, FakeGatekeeper, Fleet, Gateway, GatewayOptions, Policy,
    Stream, What, call::End, fleet, signalling::Kind, topology, wait,
};

const SOON: Duration = wait::PATIENCE;
const BRIEFLY: Duration = Duration::from_millis(300);

fn hosts(offload: bool) -> Gateway {
    Gateway::with(GatewayOptions {
        hosts: 2,
        offload,
        ..GatewayOptions::default()
    })
    .unwrap()
}

fn ras(ip: std::net::IpAddr) -> SocketAddr {
    SocketAddr::new(ip, 1719)
}

#[test]
fn a_call_is_one_to_tshark() {
    let net = hosts(false);
    for (from, to) in [
        (topology::endpoint(1), net.hosts[0].address()),
        (topology::endpoint_v6(1), net.hosts[0].address_v6()),
    ] {
        let host = &net.hosts[0].netns;
        let mut gatekeeper = FakeGatekeeper::start(host, ras(to), Policy::default()).unwrap();
        let capture = Capture::start(&net.endpoints, "ep0").unwrap();
        let mut endpoint = Endpoint::new(&net.endpoints, ras(from), ras(to), &["ep1"]).unwrap();
        endpoint.register(SOON).unwrap();
        endpoint.unregister(SOON).unwrap();
        assert!(endpoint.admit(SOON).unwrap().is_arj());
        endpoint.register(SOON).unwrap();
        assert!(endpoint.admit(SOON).unwrap().is_acf());
        let signalling = SocketAddr::new(to, 1720);
        let mut line = CallLine::connect(&net.endpoints, from, signalling, SOON).unwrap();
        for _ in 0..2 {
            let answers = line.call(endpoint.eid(), SOON).unwrap();
            let kinds: Vec<Kind> = answers.iter().map(|a| a.kind).collect();
            assert_eq!(kinds, [Kind::CallProceeding, Kind::Alerting, Kind::Connect]);
            line.release().unwrap();
        }
        endpoint.disengage(SOON).unwrap();
        gatekeeper.inquire(endpoint.eid()).unwrap();
        let irq = endpoint.unasked(SOON).unwrap();
        endpoint.inform(&irq).unwrap();
        gatekeeper
            .await_seen(1, SOON, |s| s.what == What::Irr)
            .unwrap();
        gatekeeper
            .await_seen(2, SOON, |s| s.what == What::Setup)
            .unwrap();
        gatekeeper.kill();
        assert_eq!(line.end(SOON).unwrap(), End::Closed);

        let taken = capture.finish();
        taken.all_is_well(true).unwrap();
        let fields = ["q931.message_type", "h225.guid", "h225.endpointIdentifier"];
        let calls = taken.fields("h225 && tpkt", &fields).unwrap();
        let types: Vec<u8> = calls.iter().flat_map(|c| octets(&c[0])).collect();
        let once = [5, 2, 1, 7, 0x5a];
        assert_eq!(types, [once, once].concat(), "{calls:?}");
        assert!(calls[0][2].contains(endpoint.eid()), "{calls:?}");
        assert!(calls.iter().all(|c| !c[1].is_empty()), "{calls:?}");
        let messages = taken.fields("h225 && udp", &["h225.RasMessage"]).unwrap();
        // RRQ RCF URQ UCF ARQ ARJ RRQ RCF ARQ ACF DRQ DCF IRQ IRR
        let expected = "3 4 6 7 9 11 3 4 9 10 15 16 21 22";
        assert_eq!(messages.concat().join(" "), expected);
    }
}

/// Numbers as tshark lists them, some messages to a segment.
fn octets(list: &str) -> Vec<u8> {
    let number = |n: &str| match n.strip_prefix("0x") {
        Some(hex) => u8::from_str_radix(hex, 16).unwrap(),
        None => n.parse().unwrap(),
    };
    list.split(',').map(number).collect()
}

#[test]
fn a_host_can_be_unplugged_and_lossy() {
    let net = hosts(false);
    let to = ras(net.hosts[0].address());
    let _gatekeeper = FakeGatekeeper::start(&net.hosts[0].netns, to, Policy::default()).unwrap();
    let other = ras(net.hosts[1].address_v6());
    let _other = FakeGatekeeper::start(&net.hosts[1].netns, other, Policy::default()).unwrap();
    let from = ras(topology::endpoint(1));
    let mut endpoint = Endpoint::new(&net.endpoints, from, to, &["ep1"]).unwrap();
    let from = ras(topology::endpoint_v6(1));
    let mut bystander = Endpoint::new(&net.endpoints, from, other, &["ep2"]).unwrap();
    endpoint.register(SOON).unwrap();
    bystander.register(SOON).unwrap();
    net.hosts[0].unplug().unwrap();
    assert!(endpoint.keep_alive(BRIEFLY).unwrap().is_none());
    assert!(bystander.keep_alive(SOON).unwrap().is_some());
    net.hosts[0].plug().unwrap();
    assert!(endpoint.stay(SOON).unwrap().is_rcf());
    net.hosts[0].lose(100).unwrap();
    assert!(endpoint.keep_alive(BRIEFLY).unwrap().is_none());
    net.hosts[0].lose(30).unwrap();
    assert!(endpoint.stay(SOON).unwrap().is_rcf());
    net.hosts[0].lose_nothing().unwrap();
    assert!(endpoint.keep_alive(SOON).unwrap().is_some());
}

#[test]
fn a_slow_gatekeeper_is_waited_for() {
    let net = hosts(true);
    let to = ras(net.hosts[0].address());
    let policy = Policy {
        rip: Some(100),
        alternates: vec![Alternate {
            ras: ras(net.hosts[1].address()),
            name: "gk2".into(),
            need_to_register: true,
            priority: 1,
        }],
        ..Policy::default()
    };
    let gatekeeper = FakeGatekeeper::start(&net.hosts[0].netns, to, policy).unwrap();
    let from = ras(topology::endpoint(1));
    let mut endpoint = Endpoint::new(&net.endpoints, from, to, &["ep1"]).unwrap();
    let rcf = endpoint.register(SOON).unwrap();
    assert_eq!(endpoint.delayed(), 1);
    let alternate = format!("{:?}", rcf.message().unwrap());
    assert!(
        alternate.contains("alternate_gatekeeper: Some"),
        "{alternate}"
    );
    assert_eq!(gatekeeper.count(|s| s.what == What::FullRrq), 2);
}

#[test]
fn a_fleet_lives() {
    let net = hosts(false);
    let to = ras(net.hosts[0].address());
    let mut gatekeeper = FakeGatekeeper::start(&net.hosts[0].netns, to, Policy::default()).unwrap();
    // Few, and patient enough that a gatekeeper on a busy machine keeps up: what comes too late is sent again.
    let options = fleet::Options {
        retry_after: 2 * BRIEFLY,
        every: 2 * BRIEFLY,
        ..fleet::Options::new(100, to)
    };
    let fleet = Fleet::start(&net.endpoints, &options).unwrap();
    fleet.await_registered(SOON).unwrap();
    gatekeeper.inquire("0001_endp").unwrap();
    gatekeeper.unregister("0002_endp").unwrap();
    let all = |what: &str, like: &dyn Fn(&fleet::Tally) -> bool| {
        wait::until_true(what, SOON, || Ok(like(&fleet.tally()))).unwrap();
    };
    all("keep-alives", &|t| {
        t.confirmed >= 400 && t.unregistered >= 1 && t.asked >= 1
    });
    gatekeeper.forget();
    all("RRJs", &|t| {
        t.rejected >= 100 && t.full >= 201 && t.registered == 100
    });
    gatekeeper.set(|p| p.rip = Some(50));
    all("RIPs", &|t| t.rips >= 100);
    gatekeeper.set(|p| p.rip = None);
    gatekeeper.kill();
    all("silence", &|t| t.given_up >= 100);
    gatekeeper.resume(&net.hosts[0].netns).unwrap();
    fleet.await_registered(SOON).unwrap();
    assert_eq!(fleet.tally().by_gateway, 0);
    assert_eq!(fleet.tally().lapsed, 0);
}

#[test]
fn a_stream_counts_what_is_lost() {
    let net = hosts(false);
    let from = SocketAddr::new(topology::endpoint(1), 5000);
    let to = SocketAddr::new(net.hosts[1].address(), 6000);
    let stream = |last: Duration| {
        let stream = Stream::start((&net.endpoints, from), (&net.hosts[1].netns, to)).unwrap();
        std::thread::sleep(last);
        stream.finish()
    };
    for heard in stream(Duration::from_millis(500)) {
        assert!(heard.sent >= 10 && heard.lost.is_empty(), "{heard:?}");
    }
    net.hosts[1].lose(50).unwrap();
    let [back, there] = stream(Duration::from_millis(500));
    assert!(back.lost.is_empty(), "{back:?}");
    assert!(!there.lost.is_empty() && there.received > 0, "{there:?}");
}

#[test]
fn a_killed_gatekeeper_refuses() {
    let net = hosts(false);
    let to = net.hosts[0].address();
    let host = &net.hosts[0].netns;
    let mut gatekeeper = FakeGatekeeper::start(host, ras(to), Policy::default()).unwrap();
    gatekeeper.kill();
    let to = SocketAddr::new(to, 1720);
    let refused = CallLine::connect(&net.endpoints, topology::endpoint(1), to, SOON).unwrap_err();
    let cause = refused.downcast_ref::<io::Error>().unwrap();
    assert_eq!(cause.kind(), io::ErrorKind::ConnectionRefused);
}
