//! What phones do.

use std::time::Duration;

use rasline_h225::h245::{Head, read_head};
use rasline_h225::q931::{self, CallReference, Message, cause};
use rasline_testkit_model::call::{Ended, Phone, Stack, State, Via};

use crate::site::*;

const STACKS: [Stack; 2] = [Stack::H323plus, Stack::Ooh323c];

/// Each stack calls each, with H.245 tunnelled and on its own connection.
#[test]
fn calls_from_setup_to_release() {
    for (one, other, tunnels) in [
        (Stack::H323plus, Stack::H323plus, true),
        (Stack::H323plus, Stack::Ooh323c, true),
        (Stack::Ooh323c, Stack::H323plus, true),
        (Stack::Ooh323c, Stack::Ooh323c, true),
        (Stack::H323plus, Stack::H323plus, false),
        (Stack::H323plus, Stack::Ooh323c, false),
        (Stack::Ooh323c, Stack::H323plus, false),
        (Stack::Ooh323c, Stack::Ooh323c, false),
    ] {
        let mut site = Site::with([one, other], |phone| phone.tunnels = tunnels);
        site.call();
        assert_eq!(
            site.types(0)[..3],
            [q931::CALL_PROCEEDING, q931::ALERTING, q931::CONNECT]
        );
        assert_eq!(site.types(1)[0], q931::SETUP);
        assert_eq!(site.phone(0).ids(), site.phone(1).ids());
        let way = if tunnels { Via::Tunnel } else { Via::H245 };
        let via = |n: usize| {
            let all = site.phone(n).received().iter();
            all.map(|one| one.via).filter(|via| *via != Via::Signalling)
        };
        assert!(via(0).chain(via(1)).all(|via| via == way));
        site.tell(0, |phone, _| phone.press("12#"));
        site.tell(1, |phone, _| phone.press("*"));
        site.network.pass(SOON);
        assert_eq!(site.phone(1).control().unwrap().digits(), "12#");
        assert_eq!(site.phone(0).control().unwrap().digits(), "*");
        site.tell(0, Phone::hang_up);
        site.network.pass(SOON);
        assert_eq!(site.states(), [State::Idle; 2]);
        assert_eq!(site.phone(0).ended(), [Ended::Here]);
        assert_eq!(
            site.phone(1).ended(),
            [Ended::There(Some(cause::NORMAL_CALL_CLEARING))]
        );
        for n in [0, 1] {
            let phone = site.phone(n);
            assert!(phone.reception().received() > 20, "{one:?} {other:?}");
            assert_eq!(phone.reception().lost(), 0);
        }
        assert!(site.gatekeeper().calls().is_empty());
        site.all_is_well();
        // And again.
        site.call();
        site.all_is_well();
    }
}

/// With fast connect audio flows from Connect on, without H.245 of h323plus.
#[test]
fn fast_connect() {
    for (one, other) in [
        (STACKS[0], STACKS[0]),
        (STACKS[0], STACKS[1]),
        (STACKS[1], STACKS[0]),
        (STACKS[1], STACKS[1]),
    ] {
        let mut site = Site::with([one, other], |phone| phone.fast_start = true);
        site.call();
        let h245 = |n: usize| {
            let all = site.phone(n).received().iter();
            all.filter(|one| one.via != Via::Signalling).count()
        };
        let begins = one == Stack::Ooh323c;
        assert_eq!([h245(0) > 0, h245(1) > 0], [begins; 2], "{one:?} {other:?}");
        let opened = site
            .phone(1)
            .received()
            .iter()
            .any(|one| matches!(read_head(&one.octets), Head::OpenLogicalChannel { .. }));
        assert!(!opened);
        site.tell(1, |phone, _| phone.press("7"));
        site.tell(1, Phone::hang_up);
        site.network.pass(SOON);
        assert_eq!(site.states(), [State::Idle; 2]);
        for n in [0, 1] {
            assert!(site.phone(n).reception().received() > 10);
            assert_eq!(site.phone(n).reception().lost(), 0);
        }
        site.all_is_well();
    }
}

/// An H.245 connection that breaks ends the call, too.
#[test]
fn a_broken_h245_connection_ends_the_call() {
    for stack in STACKS {
        let mut site = Site::with([stack; 2], |phone| phone.tunnels = false);
        site.call();
        let connection = site.phone(0).h245_connection().unwrap();
        site.network.break_connection(site.phones[0], connection);
        site.network.pass(Duration::from_millis(150));
        assert_eq!(site.states(), [State::Idle; 2]);
        assert!(
            site.phone(0).ended() == [Ended::Broken] || site.phone(1).ended() == [Ended::Broken]
        );
    }
}

#[test]
fn a_busy_phone_refuses() {
    let mut site = Site::in_call([Stack::H323plus; 2]);
    let third = site.network.add(Phone::new(settings(Stack::Ooh323c, 3)));
    site.network.pass(SOON);
    site.network
        .tell(third, |phone: &mut Phone, now| phone.call(now, "5001"));
    site.network.pass(SOON);
    let third: &Phone = site.network.get(third);
    assert_eq!(third.ended(), [Ended::There(Some(cause::USER_BUSY))]);
    assert_eq!(site.states(), [State::Up; 2]);
    site.all_is_well();
}

#[test]
fn a_phone_that_is_not_answered_rings() {
    let mut site = Site::with(STACKS, |phone| phone.answers_after = None);
    site.tell(0, |phone, now| phone.call(now, "5002"));
    site.network.pass(10 * SECOND);
    assert_eq!(site.states(), [State::Ringing; 2]);
    site.tell(1, Phone::answer);
    site.network.pass(SOON);
    assert_eq!(site.states(), [State::Up; 2]);
}

/// Whichever connection breaks, the phones drop the call within 150 ms.
#[test]
fn a_broken_connection_ends_the_call() {
    for (stack, n) in [
        (STACKS[0], 0),
        (STACKS[1], 0),
        (STACKS[0], 1),
        (STACKS[1], 1),
    ] {
        let mut site = Site::in_call([stack; 2]);
        let connection = site.phone(n).connection().unwrap();
        site.network.break_connection(site.phones[n], connection);
        site.network.pass(Duration::from_millis(50));
        assert_eq!(site.phone(n).state(), State::Up);
        site.network.pass(Duration::from_millis(100));
        assert_eq!(site.states(), [State::Idle; 2]);
        assert_eq!(site.phone(n).ended(), [Ended::Broken]);
        assert!(matches!(site.phone(1 - n).ended(), [Ended::There(_)]));
    }
}

/// A message to a phone in its call, past the gatekeeper.
fn inject(site: &mut Site, reference: CallReference, octets: &[u8]) {
    let to_phone = site.gatekeeper_connection(1);
    let mut message = Message::parse(octets).unwrap();
    message.reference = reference;
    let tpkt = message.to_tpkt().unwrap();
    site.network.inject(site.gatekeeper, to_phone, tpkt);
    site.network.pass(SOON);
}

#[test]
fn call_reference_and_call_identifier_are_checked() {
    for stack in STACKS {
        let mut site = Site::in_call([stack; 2]);
        let received = site.phone(1).received().iter();
        let setup = received
            .into_iter()
            .find(|one| kind(one) == Some(q931::SETUP))
            .unwrap();
        let right = q931::header(&setup.octets).unwrap().reference;
        let reference = |value, to_originator| CallReference {
            value,
            to_originator,
        };
        let inquiry = q931::status_enquiry(right)[4..].to_vec();
        let answered = |site: &Site| site.types(0).contains(&q931::STATUS);
        for wrong in [
            reference(right.value + 1, false),
            reference(right.value, true),
        ] {
            inject(&mut site, wrong, &inquiry);
        }
        assert_eq!(site.phone(1).violations().len(), 2);
        assert!(!answered(&site));
        inject(&mut site, right, &inquiry);
        assert_eq!(site.phone(1).violations().len(), 2);
        assert!(answered(&site), "the gatekeeper passes the answer on");
        let other = rasline_h225::uuie::build::release_complete(right, Some([9; 16]), 16, None);
        inject(&mut site, right, &other.to_tpkt().unwrap()[4..]);
        assert_eq!(site.phone(1).violations().len(), 3);
        assert_eq!(site.states(), [State::Up; 2]);
    }
}

#[test]
fn ooh323c_clears_at_a_split_header_and_at_an_empty_tpkt() {
    for stack in STACKS {
        for split in [true, false] {
            let mut site = Site::in_call([Stack::H323plus, stack]);
            if split {
                site.network.splits_segments = true;
                site.tell(0, |phone, _| phone.press("1"));
            } else {
                let to_phone = site.gatekeeper_connection(1);
                site.network
                    .inject(site.gatekeeper, to_phone, vec![3, 0, 0, 4]);
            }
            site.network.pass(SOON);
            let (state, causes) = match stack {
                Stack::H323plus => (State::Up, vec![]),
                Stack::Ooh323c => (State::Idle, vec![Ended::There(Some(cause::PROTOCOL_ERROR))]),
            };
            assert_eq!(site.states(), [state; 2], "{stack:?} {split}");
            assert_eq!(site.phone(0).ended(), causes);
        }
    }
}

#[test]
fn a_held_phone_closes_its_channel_and_opens_another() {
    let mut site = Site::in_call([Stack::H323plus; 2]);
    site.tell(0, |phone, _| phone.hold(true));
    site.network.pass(SOON);
    assert_eq!(site.phone(1).control().unwrap().peer_media(), None);
    let before = site.phone(1).sent_packets();
    site.network.pass(SECOND);
    assert_eq!(site.phone(1).sent_packets(), before);
    site.tell(0, |phone, _| phone.hold(false));
    site.network.pass(SOON);
    assert!(site.phone(1).sent_packets() > before);
    let closed = site.phone(0).received().iter().any(|one| {
        one.via == Via::Tunnel && matches!(read_head(&one.octets), Head::CloseLogicalChannel { .. })
    });
    assert!(closed);
    site.all_is_well();
}
