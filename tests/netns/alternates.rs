//! Alternates that a gatekeeper names take over for it; those that may not are refused.

use std::net::{SocketAddr, UdpSocket};

use rasline_testkit::{Alternate, admission, host, messages, wait};
use serde_json::Value;

use crate::{
    scene::{BRIEFLY, SOON, ras},
    site::{Plan, Site, admitted},
};

fn alternate(ras: SocketAddr, name: &str) -> Alternate {
    Alternate {
        ras,
        name: name.into(),
        need_to_register: true,
        priority: 1,
    }
}

/// Only gatekeeper 1 is configured, and it names gatekeeper 2.
fn plan(lines: &str) -> Plan {
    Plan {
        configured: 1,
        alternates: vec![alternate(ras(host::address_of(2)), "gk2")],
        ..Plan::zone(lines)
    }
}

/// Addresses of the gatekeepers that the CLI lists.
fn listed(site: &Site) -> Vec<Value> {
    let list = site.controller.json(&["gatekeeper", "list"]).unwrap();
    let all = list.as_array().expect("a list").iter();
    all.map(|g| g["address"].clone()).collect()
}

#[test]
fn a_named_one_takes_over() {
    let site = Site::new(&plan(
        "learn_alternates = true\nallowed_alternates = [\"10.1.0.0/30\"]",
    ));
    let mut endpoint = site.learned(1);
    wait::until_true("the alternate to be listed", SOON, || {
        Ok(listed(&site) == ["10.1.0.1:1719", "10.1.0.2:1719"])
    })
    .unwrap();
    site.learn(&mut endpoint);
    site.gk(1).freeze().unwrap();
    site.moves_to(2, &mut endpoint);
    assert_eq!(admitted(&mut endpoint).from.ip(), site.address(1));
    let mut line = site.line_to(2, 1, site.address(1));
    site.call(2, &mut line);
}

#[test]
fn a_named_one_outlives_the_controller() {
    let mut site = Site::new(&plan(
        "learn_alternates = true\nallowed_alternates = [\"10.1.0.0/30\"]",
    ));
    let _endpoint = site.learned(1);
    let both = ["10.1.0.1:1719", "10.1.0.2:1719"];
    wait::until_true("the alternate to be listed", SOON, || {
        Ok(listed(&site) == both)
    })
    .unwrap();
    wait::until_true("everything to be written", SOON, || {
        let status = site.controller.json(&["status"])?;
        Ok(status["store"]["waiting"] == 0)
    })
    .unwrap();
    site.controller.kill().unwrap();
    site.controller.start_again(&site.net).unwrap();
    wait::until_true("the alternate to be listed again", SOON, || {
        Ok(listed(&site) == both)
    })
    .unwrap();
}

/// The primary is gone, and nothing goes to gatekeeper 2.
fn is_not_steered(lines: &str) -> Site {
    let site = Site::new(&plan(lines));
    let mut endpoint = site.learned(1);
    // One that is no gatekeeper says the same.
    let stranger = ras(host::address_of(3));
    let netns = &site.net.hosts[2].netns;
    let socket = netns.run(|| UdpSocket::bind(stranger)).unwrap().unwrap();
    let forged = messages::gcf(9, "gk1", stranger);
    let list = [alternate(ras(host::address_of(2)), "gk2")];
    let forged = admission::with_alternates(forged, &list);
    socket.send_to(&forged, endpoint.address()).unwrap();
    assert_eq!(endpoint.unasked(SOON).unwrap().bytes, forged);
    for _ in 0..3 {
        endpoint.register(SOON).unwrap();
    }
    site.learn(&mut endpoint);
    assert_eq!(listed(&site), ["10.1.0.1:1719"]);
    site.gk(1).freeze().unwrap();
    wait::until_true("answers for the dead gatekeeper", SOON, || {
        let _ = endpoint.keep_alive(BRIEFLY)?;
        Ok(site.counter("answer_held") > 3)
    })
    .unwrap();
    assert!(site.gk(2).log().unwrap().is_empty());
    site
}

#[test]
fn one_outside_the_allowed_prefixes_is_refused() {
    let lines = "learn_alternates = true\nallowed_alternates = [\"10.1.0.16/28\"]";
    let site = is_not_steered(lines);
    let zone = site.controller.json(&["zone", "list"]).unwrap();
    let refused = zone[0]["refused_alternates"].to_string();
    assert!(refused.contains("10.1.0.2"), "{zone}");
}

#[test]
fn none_is_learned_unasked() {
    is_not_steered("");
}
