//! Datagrams in the gatekeeper's name that come from the endpoints' network.

use std::net::{IpAddr, SocketAddr, SocketAddrV4};

use rasline_h225::{messages::Urq, types::UnregRequestReason, view::Alternate};
use rasline_testkit::{What, flood::forge, topology};

use crate::{
    agent::{AgentSite, agent, own_address},
    own::await_event,
    scene::SOON,
};

fn v4(address: SocketAddr) -> SocketAddrV4 {
    match address {
        SocketAddr::V4(address) => address,
        SocketAddr::V6(address) => panic!("{address} is IPv6"),
    }
}

/// A URQ that names an alternate of the attacker's.
fn urq(identifier: Option<&str>) -> Vec<u8> {
    let urq = Urq {
        seq: 4_711,
        endpoint_identifier: identifier.map(str::to_owned),
        gatekeeper_identifier: Some("gk1".into()),
        reason: Some(UnregRequestReason::Maintenance),
        alternates: vec![Alternate {
            address: SocketAddr::new(topology::endpoint(66), 1719),
            gatekeeper_identifier: Some("attacker".into()),
            need_to_register: false,
            priority: 0,
        }],
        ..Urq::default()
    };
    urq.encode().unwrap()
}

#[test]
fn a_forged_urq_moves_nobody() {
    for rp_filter in ["0", "2"] {
        let site = AgentSite::new(&[], "");
        let all = ["all", "default", topology::LAN, topology::WAN];
        for one in all {
            let key = format!("ipv4/conf/{one}/rp_filter");
            site.net.gateway.sysctl(&key, rp_filter).unwrap();
        }
        let gatekeeper = v4(SocketAddr::new(topology::GATEKEEPER, 1719));
        let own: IpAddr = own_address().parse().unwrap();
        let to = v4(SocketAddr::new(own, 1719));
        let seen = |what| move |s: &rasline_testkit::Seen| s.what == what;
        let asked = site.gk(1).count(seen(What::KeepAlive)).unwrap();
        forge(&site.net.endpoints, gatekeeper, to, &urq(None)).unwrap();
        forge(&site.net.endpoints, gatekeeper, to, &urq(Some("0001_gk1"))).unwrap();
        // Nothing says where it came by, as there are no interfaces: the gatekeeper is asked, and contradicts.
        site.gk(1)
            .await_seen(asked + 1, SOON, seen(What::KeepAlive))
            .unwrap();
        await_event(&site.controller, "agent_contradicted", "gw");
        let shown = site.await_at(1);
        assert_eq!(shown["registrations"], 1, "{shown}");
        let candidates = shown["candidates"].to_string();
        let attacker = topology::endpoint(66).to_string();
        assert!(!candidates.contains(&attacker), "{candidates}");
    }
}

#[test]
fn with_interfaces_it_is_not_even_looked_at() {
    let settings = rasline_testkit::Settings {
        agents: agent("gw", &own_address(), ""),
        ..rasline_testkit::Settings::default()
    };
    let site = AgentSite::unregistered(&[], &settings);
    site.await_at(1);
    for one in ["all", topology::LAN, topology::WAN] {
        let key = format!("ipv4/conf/{one}/rp_filter");
        site.net.gateway.sysctl(&key, "0").unwrap();
    }
    let gatekeeper = v4(SocketAddr::new(topology::GATEKEEPER, 1719));
    let to = v4(SocketAddr::new(own_address().parse().unwrap(), 1719));
    let seen = |what| move |s: &rasline_testkit::Seen| s.what == what;
    let asked = site.gk(1).count(seen(What::KeepAlive)).unwrap();
    forge(&site.net.endpoints, gatekeeper, to, &urq(Some("0001_gk1"))).unwrap();
    // What comes after it is answered, and it is not.
    site.controller
        .text(&["agent", "reregister", "gw"])
        .unwrap();
    site.gk(1).await_seen(2, SOON, seen(What::FullRrq)).unwrap();
    assert_eq!(site.gk(1).count(seen(What::KeepAlive)).unwrap(), asked);
}
