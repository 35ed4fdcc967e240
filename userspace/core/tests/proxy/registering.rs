//! Endpoints come, stay and leave.

use std::time::Duration;

use rasline_core::proxy::{Input, Proxy, UpstreamState};
use rasline_core::registrar;
use rasline_h225::messages::Rrq;
use rasline_h225::security::Mechanism;
use rasline_h225::types::{RasMessage, RegistrationRejectReason};
use rasline_h225::{decode_ras, view};

use crate::proxy::world::*;

#[test]
fn a_full_rrq_is_registered_upstream_and_confirmed_in_the_name_of_rasline() {
    let mut world = World::new(0);
    let eid = world.register(1);
    let RasMessage::RegistrationConfirm(rcf) = world.last(1) else {
        panic!("{:?}", world.last(1))
    };
    assert!(rcf.alternate_gatekeeper.is_none());
    assert_eq!(rcf.time_to_live, Some(120));
    let view::Summary::Rcf {
        gatekeeper_identifier,
        aliases,
        ..
    } = view::summarise(&RasMessage::RegistrationConfirm(rcf))
    else {
        unreachable!()
    };
    assert_eq!(gatekeeper_identifier.as_deref(), Some("zone"));
    assert_eq!(aliases, [alias(1)]);
    let [upstream] = &world.known_as(ONE, 1)[..] else {
        panic!("registered {:?}", world.known_as(ONE, 1))
    };
    assert_ne!(*upstream, eid);
    let view = &world.views()[0];
    assert_eq!(view.upstream_identifier.as_ref(), Some(upstream));
    assert_eq!(
        (view.upstream, view.gatekeeper),
        (UpstreamState::Registered, Some(ONE))
    );
    assert_eq!(world.kinds_at(ONE), ["RRQ"]);
}

#[test]
fn keep_alives_are_answered_at_once_and_published_with_the_first() {
    let mut world = World::new(0);
    let eid = world.register(1);
    world.forget();
    world.keep_alive(1, &eid);
    world.pass(2 * MS);
    assert_eq!(world.kinds(1), ["RCF"]);
    assert_eq!(world.kinds_at(ONE), Vec::<&str>::new());
    assert_eq!(world.offers.len(), 1);
    let offer = &world.offers[0];
    assert_eq!((offer.endpoint, offer.seen_as), (ras(1), SERVICE));
    let mut rcf = world.at_endpoints[0].2.clone();
    rcf[2..4].fill(0);
    assert_eq!(rcf, offer.rcf);
    // The next ones are octet for octet the same, but for requestSeqNum, and what the kernel
    // promises is renewed.
    world.keep_alive(1, &eid);
    world.pass(SECOND);
    let mut again = world.at_endpoints[1].2.clone();
    again[2..4].fill(0);
    assert_eq!((again, world.offers.len()), (rcf.clone(), 2));
    assert_eq!(world.offers[1].rcf, rcf);
}

#[test]
fn a_full_rrq_that_changes_nothing_goes_no_further() {
    let mut world = World::new(0);
    let eid = world.register(1);
    world.forget();
    world.active(None);
    assert_eq!(world.register(1), eid);
    assert_eq!(world.kinds(1), ["RCF"]);
    world.active(Some(ONE));
    world.pass(SECOND);
    assert_eq!(world.kinds_at(ONE), Vec::<&str>::new());
    // Another alias does go further.
    let seq = world.next_seq();
    let mut rrq = full(seq, 1);
    rrq.aliases = vec!["77".into()];
    world.send(1, &rrq.message().unwrap());
    world.pass(SECOND);
    assert_eq!(world.kinds_at(ONE), ["RRQ"]);
    assert_eq!(world.views()[0].aliases, ["77"]);
    assert_eq!(world.views()[0].endpoint_identifier, eid);
    assert_eq!(world.registered_at(ONE), 1);
}

#[test]
fn upstream_keep_alives_hold_the_registration() {
    let mut world = World::new(0);
    world.register(1);
    // The gatekeeper's timeToLive is 60 s; the endpoint is silent for less than its own.
    world.pass(Duration::from_secs(115));
    assert_eq!(world.registered_at(ONE), 1);
    let kinds = world.kinds_at(ONE);
    let light = kinds.iter().filter(|kind| **kind == "rrq").count();
    assert!((2..=4).contains(&light), "{kinds:?}");
    assert_eq!(light + 1, kinds.len());
}

#[test]
fn who_leaves_or_expires_is_unregistered_upstream() {
    let mut world = World::new(0);
    let eid = world.register(1);
    world.unregister(1, &eid);
    world.pass(SECOND);
    assert_eq!(world.kinds(1), ["RCF", "UCF"]);
    assert_eq!(world.kinds_at(ONE), ["RRQ", "URQ"]);
    assert_eq!((world.registered_at(ONE), world.views().len()), (0, 0));
    assert!(world.stored.is_empty());

    let eid = world.register(2);
    world.keep_alive(2, &eid);
    world.forget();
    world.pass(Duration::from_secs(140));
    assert_eq!(world.kinds(2), ["RCF", "IRQ", "IRQ", "URQ", "URQ"]);
    assert_eq!((world.asked_seen.len(), world.withdrawn.len()), (1, 1));
    assert_eq!((world.registered_at(ONE), world.views().len()), (0, 0));
}

#[test]
fn who_was_seen_by_the_kernel_does_not_expire() {
    let mut world = World::new(0);
    let eid = world.register(1);
    world.keep_alive(1, &eid);
    world.pass(SECOND);
    world.forget();
    for _ in 0..10 {
        world.pass(Duration::from_secs(100));
        let id = world.views()[0].id;
        let at = world.now;
        world.input(Input::Seen { id, at });
    }
    assert_eq!(world.kinds(1), Vec::<&str>::new());
    assert_eq!((world.registered_at(ONE), world.views().len()), (1, 1));
}

#[test]
fn a_rejection_reaches_the_endpoint_without_alternates() {
    let mut world = World::new(0);
    world.register(1);
    let seq = world.next_seq();
    let mut rrq = full(seq, 2);
    rrq.aliases = vec![alias(1)];
    world.send(2, &rrq.message().unwrap());
    world.pass(SECOND);
    let RasMessage::RegistrationReject(rrj) = world.last(2) else {
        panic!("{:?}", world.last(2))
    };
    assert!(matches!(
        rrj.reject_reason,
        RegistrationRejectReason::DuplicateAlias(_)
    ));
    assert!(rrj.alt_gk_info.is_none());
    assert_eq!(world.views().len(), 1);
}

#[test]
fn the_unknown_must_register_fully() {
    let mut world = World::new(0);
    world.keep_alive(1, "0001_ep");
    world.call(2, "0001_ep", 3);
    world.pass(SECOND);
    assert_eq!((world.kinds(1), world.kinds(2)), (vec!["RRJ"], vec!["ARJ"]));
    // Not even with the endpointIdentifier of another.
    let eid = world.register(4);
    world.keep_alive(1, &eid);
    world.pass(SECOND);
    assert_eq!(world.kinds(1), ["RRJ", "RRJ"]);
    assert_eq!(world.stats().rejected, 3);
}

#[test]
fn nobody_waits_for_ever_for_a_gatekeeper() {
    let mut world = World::new(0);
    world.active(None);
    let rrq = full(1, 1).message().unwrap();
    world.send(1, &rrq);
    world.pass(3 * SECOND);
    assert_eq!(world.kinds(1), ["RIP"]);
    world.send(1, &rrq);
    world.pass(Duration::from_secs(20));
    assert_eq!(world.kinds(1).last(), Some(&"RRJ"));
    let others = world.kinds(1).iter().filter(|kind| **kind != "RIP").count();
    assert_eq!((others, world.stats().endpoints), (1, 0));
    // A retransmission that is late gets the same.
    world.send(1, &rrq);
    world.pass(SECOND);
    assert_eq!(world.stats().repeated, 2);
    assert_eq!(world.kinds(1).last(), Some(&"RRJ"));
}

#[test]
fn what_the_gatekeeper_ends_is_registered_again_unseen() {
    let mut world = World::new(0);
    let eid = world.register(1);
    world.pass(6 * SECOND);
    world.forget();
    let id = world.gatekeepers[&ONE].views().next().unwrap().id;
    world.gatekeeper_input(ONE, registrar::Input::Drop { id });
    world.pass(SECOND);
    assert_eq!(world.kinds_at(ONE), ["UCF", "RRQ"]);
    assert_eq!(world.registered_at(ONE), 1);
    // It restarts and knows nothing any more: the next keep-alive shows it.
    world.gatekeepers.insert(ONE, gatekeeper(ONE, "gk-one"));
    world.pass(Duration::from_secs(50));
    assert_eq!(world.registered_at(ONE), 1);
    assert_eq!(world.kinds(1), Vec::<&str>::new());
    assert_eq!(world.views()[0].endpoint_identifier, eid);
}

#[test]
fn endpoints_outlive_a_restart() {
    let mut world = World::new(0);
    let eid = world.register(1);
    world.keep_alive(1, &eid);
    world.pass(SECOND);
    let stored: Vec<_> = world.stored.values().cloned().collect();
    assert_eq!(stored.len(), 1);
    let upstream = stored[0].upstream_identifier.clone();
    world.proxy = Proxy::new(settings(0), world.now);
    world.offers.clear();
    world.forget();
    for one in stored {
        world.input(Input::Restore(Box::new(one)));
    }
    world.active(Some(ONE));
    assert_eq!(world.offers.len(), 1, "published at once");
    world.keep_alive(1, &eid);
    world.pass(Duration::from_secs(25));
    assert_eq!(world.kinds(1), ["RCF"]);
    assert_eq!(world.kinds_at(ONE), ["rrq"]);
    assert_eq!(world.views()[0].upstream_identifier, upstream);
    // A newcomer gets another endpointIdentifier.
    assert_ne!(world.register(2), eid);
}

#[test]
fn only_as_many_as_are_allowed() {
    let mut world = World::with(rasline_core::proxy::Settings {
        max_endpoints: 2,
        ..settings(0)
    });
    world.active(Some(ONE));
    world.register(1);
    world.register(2);
    world.send(3, &full(9, 3).message().unwrap());
    world.pass(SECOND);
    assert_eq!(world.kinds(3), ["RRJ"]);
    assert_eq!(world.registered_at(ONE), 2);
}

#[test]
fn discovery_leads_to_rasline() {
    let mut world = World::new(0);
    let grq = rasline_h225::messages::Grq::new(5, ras(1));
    world.send(1, &grq.message().unwrap());
    world.pass(SECOND);
    let RasMessage::GatekeeperConfirm(gcf) = world.last(1) else {
        panic!("{:?}", world.last(1))
    };
    assert_eq!(
        rasline_h225::text::from_transport(&gcf.ras_address),
        Some(SERVICE)
    );
    // What a gatekeeper chose would not hold when rasline speaks for the endpoint.
    let RasMessage::GatekeeperRequest(mut able) = grq.message().unwrap() else {
        unreachable!()
    };
    able.request_seq_num = 6;
    able.authentication_capability = Some(vec![Mechanism::Md5.authentication()].into());
    able.algorithm_oids = Some(vec![Mechanism::Md5.algorithm()].into());
    world.send(1, &RasMessage::GatekeeperRequest(able));
    world.pass(SECOND);
    let RasMessage::GatekeeperConfirm(gcf) = world.last(1) else {
        panic!("{:?}", world.last(1))
    };
    assert_eq!((gcf.authentication_mode, gcf.algorithm_oid), (None, None));
    let mut grq = grq;
    grq.gatekeeper_identifier = Some("elsewhere".into());
    world.send(1, &grq.message().unwrap());
    world.pass(SECOND);
    assert_eq!(world.kinds(1), ["GCF", "GCF", "GRJ"]);
    assert!(world.at_gatekeepers.is_empty());
}

#[test]
fn malformed_messages_cost_a_counter() {
    let mut world = World::new(0);
    world.register(1);
    world.forget();
    let rrq = Rrq::lightweight(9, ras(1), "x").encode().unwrap();
    world.send_octets(1, rrq[..20].to_vec());
    world.send_octets(1, vec![0xff; 40]);
    world.send_octets(1, Vec::new());
    world.pass(SECOND);
    assert_eq!(world.stats().malformed, 3);
    assert_eq!(world.kinds(1), ["XRS"]);
    let cut = decode_ras(&world.at_endpoints[0].2).unwrap();
    assert_eq!(cut.request_seq_num(), 9);
}
