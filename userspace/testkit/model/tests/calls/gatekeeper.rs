//! What the routed gatekeeper does, rule by rule.

use std::time::Duration;

use rasline_h225::q931::{self, cause};
use rasline_h225::types::ReleaseCompleteReason as Reason;
use rasline_h225::uuie::build::{facility_h245, release_complete};
use rasline_h225::uuie::decode_uuie;
use rasline_testkit_model::call::{Ended, Phone, PhoneSettings, RoutedGatekeeper, Stack, State};

use crate::site::*;
use crate::wire::{Peer, setup};

const BOTH: [Stack; 2] = [Stack::H323plus; 2];

fn reason(octets: &[u8]) -> (Option<u8>, Option<Reason>) {
    let message = q931::Message::parse(octets).unwrap();
    let information = decode_uuie(message.user_user().unwrap()).unwrap();
    (message.cause(), information.release_reason().cloned())
}

#[test]
fn who_is_not_registered_is_not_called() {
    let mut site = Site::new(BOTH);
    site.tell(0, |phone, now| phone.call(now, "5099"));
    site.network.pass(SOON);
    assert_eq!(site.phone(0).ended(), [Ended::Refused]);
    let call = &site.phone(0).terminal().calls()[0];
    let state = format!("{:?}", call.state);
    assert!(state.contains("CalledPartyNotRegistered"), "{state}");
}

#[test]
fn the_second_with_a_call_signal_address_replaces_the_first() {
    let mut site = Site::new(BOTH);
    let eid = |site: &Site, alias: &str| {
        let found = site.gatekeeper().registrar().find_alias(alias);
        found.map(|(eid, _)| eid.to_owned())
    };
    let before = eid(&site, "5001");
    assert!(before.is_some());
    let twin = PhoneSettings {
        alias: "6000".into(),
        ..settings(Stack::H323plus, 1)
    };
    site.network.add(Phone::new(twin));
    site.network.pass(SOON);
    assert_eq!(eid(&site, "6000"), before);
    assert_eq!(eid(&site, "5001"), None);
}

#[test]
fn setup_without_admission_is_refused() {
    let mut site = Site::new(BOTH);
    let peer = Peer::add(&mut site, vec![setup([7; 16])]);
    let (received, closed) = Peer::see(&site, peer);
    assert_eq!(
        reason(&received[0]),
        (Some(cause::CALL_REJECTED), Some(Reason::UndefinedReason))
    );
    assert!(closed);
}

#[test]
fn a_setup_of_a_running_call_kills_it() {
    let mut site = Site::in_call(BOTH);
    let ids = site.phone(0).ids().unwrap();
    let peer = Peer::add(&mut site, vec![setup(ids.identifier)]);
    let (received, closed) = Peer::see(&site, peer);
    assert_eq!(reason(&received[0]).0, Some(cause::CALL_REJECTED));
    assert!(closed);
    site.network.pass(SOON);
    assert!(site.gatekeeper().calls().is_empty());
    assert_eq!(site.phone(0).ended(), [Ended::Broken], "FIN alone");
    assert!(matches!(site.phone(1).ended(), [Ended::There(_)]));
}

#[test]
fn two_calls_on_a_connection_need_another_one() {
    let mut site = Site::in_call(BOTH);
    let connection = site.phone(0).connection().unwrap();
    site.network
        .inject(site.phones[0], connection, setup([7; 16]));
    site.network.pass(SOON);
    let last = site.phone(0).received().last().unwrap();
    assert_eq!(kind(last), Some(q931::RELEASE_COMPLETE));
    assert_eq!(reason(&last.octets).1, Some(Reason::NewConnectionNeeded));
    assert_eq!(
        site.states(),
        [State::Up; 2],
        "its callIdentifier is of another call"
    );
}

#[test]
fn first_messages_other_than_setup() {
    let inquiry = q931::status_enquiry(q931::CallReference::GLOBAL);
    let status = q931::status(q931::CallReference::GLOBAL, 30, 0);
    let global = q931::CallReference::GLOBAL;
    let release = release_complete(global, Some([7; 16]), 16, None)
        .to_tpkt()
        .unwrap();
    let facility = facility_h245(global, [7; 16], &[&[9, 0, 1]])
        .to_tpkt()
        .unwrap();
    for (first, is_answered) in [
        (inquiry, true),
        (facility, true),
        (status, false),
        (release, false),
    ] {
        let mut site = Site::new(BOTH);
        let peer = Peer::add(&mut site, vec![first]);
        let (received, closed) = Peer::see(&site, peer);
        assert_eq!(
            (received.len(), closed),
            (usize::from(is_answered), is_answered)
        );
        site.network.pass(8 * SECOND);
        assert!(Peer::see(&site, peer).1);
    }
}

#[test]
fn a_status_inquiry_comes_out_at_the_other_leg() {
    let mut site = Site::in_call(BOTH);
    let connection = site.phone(0).connection().unwrap();
    let inquiry = q931::status_enquiry(q931::CallReference::GLOBAL);
    site.network.inject(site.phones[0], connection, inquiry);
    site.network.pass(SOON);
    assert_eq!(site.types(1).last(), Some(&q931::STATUS_ENQUIRY));
}

#[test]
fn killed_it_leaves_fin_only() {
    let mut site = Site::in_call(BOTH);
    let before = site.phone(0).received().len();
    site.network.kill(site.gatekeeper);
    site.network.pass(SOON);
    for n in [0, 1] {
        assert_eq!(site.phone(n).ended(), [Ended::Broken]);
    }
    assert_eq!(site.phone(0).received().len(), before);
}

#[test]
fn frozen_it_holds_messages_back() {
    let mut site = Site::in_call(BOTH);
    site.network.freeze(site.gatekeeper);
    site.tell(0, |phone, _| phone.press("5"));
    site.network.pass(10 * SECOND);
    let digits = |site: &Site| site.phone(1).control().unwrap().digits().to_owned();
    assert_eq!(
        (site.states(), digits(&site)),
        ([State::Up; 2], String::new())
    );
    site.network.thaw(site.gatekeeper);
    site.network.pass(SOON);
    assert_eq!(digits(&site), "5");
}

#[test]
fn after_a_restart_phones_register_and_call_again() {
    let mut site = Site::in_call(BOTH);
    site.network.kill(site.gatekeeper);
    site.network.pass(SOON);
    let again = RoutedGatekeeper::new(host(100), "gk");
    site.network.replace(site.gatekeeper, again);
    // Their next keep-alives are refused, and full RRQs follow.
    site.network.pass(600 * SECOND);
    site.call();
}

/// Whether a phone ended its call by DRQ, and when.
fn ended_by_drq(site: &Site, n: usize) -> bool {
    site.phone(n).ended() == [Ended::ByGatekeeper]
}

#[test]
fn stopped_it_drops_calls_and_registrations() {
    let mut site = Site::in_call(BOTH);
    site.order(|gatekeeper, _| gatekeeper.stop());
    site.network.kill(site.gatekeeper);
    site.network.pass(Duration::from_millis(10));
    assert!(ended_by_drq(&site, 0) && ended_by_drq(&site, 1));
    assert!(![0, 1].iter().any(|n| site.phone(*n).is_registered()));
    assert!(!site.types(0).contains(&q931::RELEASE_COMPLETE));
}

#[test]
fn an_operators_disconnect_is_drq() {
    let mut site = Site::in_call(BOTH);
    let call = site.gatekeeper().calls()[0];
    site.order(|gatekeeper, now| gatekeeper.disconnect(now, call));
    site.network.pass(SOON);
    assert!(ended_by_drq(&site, 0) && ended_by_drq(&site, 1));
}

#[test]
fn calls_end_with_the_registration_of_a_party() {
    for by_itself in [true, false] {
        let mut site = Site::in_call(BOTH);
        if by_itself {
            site.tell(0, Phone::leave);
        } else {
            let eid = site
                .gatekeeper()
                .registrar()
                .find_alias("5001")
                .unwrap()
                .0
                .to_owned();
            site.order(|gatekeeper, now| gatekeeper.unregister(now, &eid));
        }
        site.network.pass(SOON);
        assert!(ended_by_drq(&site, 1));
        assert_eq!(site.states(), [State::Idle; 2]);
    }
}
