//! Registrations are kept warm at the alternate: when the zone moves, nobody has to register, and calls go on.

use rasline_testkit::{Seen, What, wait};

use crate::{
    scene::{SOON, ras},
    site::{Plan, Site, admitted},
};

fn warm() -> Plan {
    Plan::zone("standby = \"warm\"")
}

/// Full RRQs that gatekeeper `n` saw from this endpoint's address.
fn registrations(site: &Site, n: usize, from: std::net::SocketAddr) -> usize {
    let full = |s: &Seen| s.what == What::FullRrq && s.from == from;
    site.gk(n).count(full).unwrap()
}

#[test]
fn an_admission_request_right_after_the_failover_is_granted() {
    for v6 in [false, true] {
        let site = Site::new(&Plan { v6, ..warm() });
        let capture = site.capture();
        let mut endpoint = site.learned(1);
        let mut other = site.learned(2);
        for endpoint in [&endpoint, &other] {
            let from = endpoint.address();
            let eid = Some(endpoint.eid().to_owned());
            let there = |s: &Seen| s.what == What::FullRrq && s.from == from && s.eid == eid;
            site.gk(2).await_seen(1, SOON, there).unwrap();
            let kept = |s: &Seen| s.what == What::KeepAlive && s.from == from && s.eid == eid;
            site.gk(2).await_seen(1, SOON * 2, kept).unwrap();
        }
        site.gk(1).freeze().unwrap();
        wait::until_true("the zone to move", SOON, || {
            endpoint.stay(SOON)?;
            Ok(site.counter("decided") + site.counter("redirect") > 0)
        })
        .unwrap();
        // The very first one, retransmitted at most.
        for endpoint in [&mut other, &mut endpoint] {
            let answer = endpoint.admit(SOON).unwrap();
            assert!(answer.is_acf(), "{answer:?}");
            assert_eq!(answer.from.ip(), site.address(1));
            assert!(site.saw(2, endpoint));
            assert!(endpoint.stay(SOON).unwrap().is_rcf());
            assert_eq!(registrations(&site, 2, endpoint.address()), 1);
        }
        // Nobody was asked to register, and the alternate was heard by nobody.
        let taken = capture.finish();
        taken.all_is_well(true).unwrap();
        let ip = if v6 { "ipv6" } else { "ip" };
        let backup = site.address(2);
        let strange = format!("{ip}.addr == {backup} || h225.registrationReject_element");
        let strange = taken.fields(&strange, &["frame.number"]).unwrap();
        assert!(strange.is_empty(), "{strange:?}");
    }
}

/// The alternate gives endpointIdentifiers of its own: the endpoint moves as a cold one does.
#[test]
fn a_gatekeeper_that_grants_another_identifier() {
    let mut site = Site::new(&warm());
    site.gatekeepers[1].set(|p| p.own_eids = true).unwrap();
    let mut endpoint = site.learned(1);
    let from = endpoint.address();
    let there = |s: &Seen| s.what == What::FullRrq && s.from == from;
    site.gk(2).await_seen(1, SOON, there).unwrap();
    site.learn(&mut endpoint);
    site.gk(1).freeze().unwrap();
    wait::until_true("the endpoint to register at the backup", SOON, || {
        endpoint.stay(SOON)?;
        Ok(endpoint.eid().ends_with("_gk2"))
    })
    .unwrap();
    assert_eq!(admitted(&mut endpoint).from.ip(), site.address(1));
    site.learn(&mut endpoint);
}

/// What the alternate asks of an endpoint meanwhile is not for the endpoint, which does not know it.
#[test]
fn questions_of_the_alternate_do_not_reach_the_endpoint() {
    let site = Site::new(&warm());
    let mut endpoint = site.learned(1);
    let from = endpoint.address();
    site.gk(2)
        .await_seen(1, SOON, |s| s.what == What::FullRrq && s.from == from)
        .unwrap();
    let capture = site.capture();
    site.gk(2).inquire(endpoint.eid()).unwrap();
    wait::until_true("the question to be taken", SOON, || {
        endpoint.stay(SOON)?;
        Ok(site.counter("divert_standby") > 0)
    })
    .unwrap();
    let heard = format!("ip.src == {}", ras(site.address(2)).ip());
    let heard = capture.finish().fields(&heard, &["frame.number"]).unwrap();
    assert!(heard.is_empty(), "{heard:?}");
}
