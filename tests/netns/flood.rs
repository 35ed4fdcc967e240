//! Floods of made-up packets beside legitimate endpoints.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    time::Instant,
};

use anyhow::Context;
use rasline_testkit::{
    Endpoint, Netns, Policy, Settings,
    flood::{Flood, datagram, syn},
    messages::{self, Identity},
    topology, wait,
};

use crate::{
    scene::{BRIEFLY, SOON, Scene, ras},
    site::{Plan, Site, admitted},
};

const ROUNDS: usize = 20;

/// The answer to one keep-alive, retransmitted as endpoints do: the flood also fills the queue of the interface.
fn answered(endpoint: &mut Endpoint) -> bool {
    if endpoint.keep_alive(BRIEFLY).unwrap().is_some() {
        return true;
    }
    (0..20).any(|_| endpoint.retransmit(BRIEFLY).unwrap().is_some())
}

#[test]
fn legitimate_endpoints_are_answered_all_the_same() {
    let scene = Scene::new(&Settings {
        daemon: "max_registrations = 4096\ncopies_per_second = 1000\ncopies_per_source = 20".into(),
        // the bound on unknown sources would leave too little for the limits of copies
        zone: "unknown_rate = 0".into(),
        ..Settings::default()
    });
    let mut swarm = scene.swarm(20);
    let gatekeeper = SocketAddrV4::new(Ipv4Addr::new(10, 1, 0, 1), 1719);
    let first = Ipv4Addr::new(10, 0, 96, 0);
    let flood = Flood::start(&scene.net.endpoints, first, 200, gatekeeper).unwrap();
    wait::until_true("the flood", SOON, || Ok(flood.sent() > 20_000)).unwrap();
    for _ in 0..ROUNDS {
        for endpoint in &mut swarm.endpoints {
            assert!(
                answered(endpoint),
                "{} after {}",
                endpoint.address(),
                flood.sent()
            );
            assert!(!scene.seen(endpoint));
        }
    }
    assert!(scene.counter("copy_limited_source") > 0);
    assert!(scene.counter("copy_limited_total") > 0);
    assert_eq!(scene.counter("copy_lost"), 0);
    drop(flood);
    // What was made up was not learned, and what comes next is.
    let known = scene.registrations().unwrap();
    let answered_by_kernel = known.as_array().unwrap().iter();
    let kernel = answered_by_kernel
        .filter(|r| r["answered_by"] == "kernel")
        .count();
    assert_eq!(kernel, 20, "{known}");
    let mut late = scene.endpoint(300);
    late.register(SOON).context("after the flood").unwrap();
    scene.learn(&mut late);
}

/// Messages a second of unknown sources, as by default (`unknown_rate`).
const UNKNOWN_RATE: u32 = 2000;

/// Keep-alives of 2,000 sources that are registered with nobody, by number.
fn bogus() -> impl FnMut(u32) -> Vec<u8> + Send {
    let first = Ipv4Addr::new(10, 0, 96, 0);
    let gatekeeper = SocketAddrV4::new(Ipv4Addr::new(10, 1, 0, 1), 1719);
    let who = Identity {
        ras: (first, 1719).into(),
        aliases: vec!["flood".into()],
        secured: false,
        time_to_live: None,
    };
    let mut rrq = messages::light_rrq(&who, 1, "99999999_endp");
    move |n| {
        messages::set_seq(&mut rrq, 1 + (n % 65_535) as u16);
        let source = Ipv4Addr::from(u32::from(first) + n % 2000);
        datagram(SocketAddrV4::new(source, 1719), gatekeeper, &rrq)
    }
}

/// UDP datagrams that came to the sockets of a namespace, those among them that found no room there.
fn datagrams(netns: &Netns) -> u64 {
    let read = || std::fs::read_to_string("/proc/thread-self/net/snmp");
    let text = netns.run(read).unwrap().unwrap();
    let rows: Vec<&str> = text.lines().filter(|l| l.starts_with("Udp: ")).collect();
    let fields = rows[0].split(' ').zip(rows[1].split(' '));
    let counted = fields.filter(|(name, _)| ["InDatagrams", "RcvbufErrors"].contains(name));
    counted.map(|(_, n)| n.parse::<u64>().unwrap()).sum()
}

/// At the default `unknown_rate`, the gatekeeper hears that much of a flood from unknown sources and no more, while
/// every keep-alive of the others is answered, those that go on to the gatekeeper among them.
#[test]
fn the_gatekeeper_hears_a_bounded_part_of_it() {
    let settings = Settings {
        refresh_every: Some("1s"),
        ..Settings::default()
    };
    let policy = Policy {
        ignore_strangers: true,
        ..Policy::default()
    };
    let scene = Scene::with(&settings, policy);
    let mut swarm = scene.swarm(10);
    let heard_of = |endpoint: &Endpoint| {
        let from = endpoint.address();
        scene.gatekeeper.count(|s| s.from == from)
    };
    let before: Vec<usize> = swarm.endpoints.iter().map(heard_of).collect();
    let (begun, arrived) = (Instant::now(), datagrams(&scene.net.gatekeepers));
    let flood = Flood::of(&scene.net.endpoints, Some(5 * UNKNOWN_RATE), bogus()).unwrap();
    wait::until_true("refreshes of all endpoints, and a flood", SOON * 2, || {
        for endpoint in &mut swarm.endpoints {
            anyhow::ensure!(answered(endpoint), "{}", endpoint.address());
        }
        let mut since = swarm.endpoints.iter().zip(&before);
        Ok(flood.sent() > 50_000 && since.all(|(one, before)| heard_of(one) > before + 1))
    })
    .unwrap();
    let sent = flood.sent();
    drop(flood);
    let limited = scene.counter("unknown_limited_source") + scene.counter("unknown_limited_zone");
    let arrived = datagrams(&scene.net.gatekeepers) - arrived;
    // As much as the rate allows in this time, a second's burst, and a second of what endpoints and probes say.
    let most = u64::from(UNKNOWN_RATE) * (begun.elapsed().as_secs() + 3);
    assert!(arrived <= most, "{arrived} of {most}; {sent} sent");
    assert!(limited > sent / 4, "{limited} of {sent}");
    // Who comes next is heard.
    let mut late = scene.endpoint(300);
    late.register(SOON).context("after the flood").unwrap();
}

/// Packets of a flood that lasts fifteen seconds.
const FLOOD: u64 = 300_000;
/// Datagrams a second.
const FLOOD_RATE: u32 = 20_000;

/// Some address of the endpoints' prefix, and some port; not those of endpoint 1.
fn anybody(n: u32) -> SocketAddrV4 {
    let mix = n.wrapping_mul(0x9e37_79b1);
    let host = u32::from(Ipv4Addr::new(10, 0, 80, 0)) + (mix >> 20);
    SocketAddrV4::new(host.into(), 1024 + (mix as u16 & 0x7fff))
}

/// A connection through the service address is silent during such a flood, and goes on afterwards where it was.
fn a_silent_connection_survives(packet: impl FnMut(u32) -> Vec<u8> + Send + 'static) {
    let site = Site::new(&Plan::zone(&format!(
        "service_address = [\"{}\"]",
        topology::SERVICE
    )));
    let mut endpoint = site.learned_at(1, topology::SERVICE);
    let mut line = site.line(1, topology::SERVICE);
    site.call(1, &mut line);
    let flood = Flood::of(&site.net.endpoints, Some(FLOOD_RATE), packet).unwrap();
    wait::until_true("the flood", SOON * 2, || Ok(flood.sent() >= FLOOD)).unwrap();
    // While it goes on, and when it is over.
    site.call(1, &mut line);
    drop(flood);
    site.call(1, &mut line);
    assert_eq!(site.counter("reset"), 0);
    assert_eq!(site.events("failover"), 0);
    assert_eq!(admitted(&mut endpoint).from.ip(), topology::SERVICE);
}

#[test]
fn a_silent_connection_survives_a_flood_of_syns() {
    let service = SocketAddrV4::new(Ipv4Addr::new(10, 9, 0, 1), 1720);
    a_silent_connection_survives(move |n| syn(anybody(n), service, n));
}

#[test]
fn a_silent_connection_survives_a_flood_of_grqs() {
    let service = SocketAddrV4::new(Ipv4Addr::new(10, 9, 0, 1), 1719);
    let who = Identity {
        ras: ras(topology::endpoint(1)),
        aliases: vec!["flood".into()],
        secured: false,
        time_to_live: None,
    };
    let mut grq = messages::grq(&who, 1);
    a_silent_connection_survives(move |n| {
        messages::set_seq(&mut grq, 1 + (n % 65_535) as u16);
        datagram(anybody(n), service, &grq)
    });
}
