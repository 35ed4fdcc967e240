//! Recorded calls: every message parses and serialises to the same octets, and its User-User decodes.

mod common;

use std::collections::BTreeSet;

use rasline_h225::h245::{Head, read_head};
use rasline_h225::q931::{self, Message};
use rasline_h225::types::H323UuPduH323MessageBody as Body;
use rasline_h225::uuie::{UserInformation, decode_uuie, encode_uuie};

/// Every recorded message with its User-User.
fn recorded() -> Vec<(String, Message, UserInformation)> {
    let all = common::signalling().into_iter();
    all.map(|vector| {
        let at = format!("{} ({})", vector.at, vector.origin);
        let message = Message::parse(&vector.bytes).unwrap_or_else(|e| panic!("{at}: {e}"));
        let user = message.user_user().unwrap_or_else(|| panic!("{at}"));
        let information = decode_uuie(user).unwrap_or_else(|e| panic!("{at}: {e}"));
        (at, message, information)
    })
    .collect()
}

#[test]
fn every_message_survives_a_round_trip() {
    for vector in common::signalling() {
        let message = Message::parse(&vector.bytes).expect("parses");
        let octets = message.to_tpkt().expect("serialises");
        assert_eq!(octets[4..], vector.bytes, "{}", vector.at);
        let same = message.user_user().map(<[u8]>::to_vec).expect("User-User");
        let mut again = message.clone();
        again.set_user_user(&same);
        assert_eq!(again, message, "{}", vector.at);
    }
}

#[test]
fn every_user_information_survives_a_round_trip() {
    for (at, _, information) in recorded() {
        let octets = encode_uuie(&information).unwrap_or_else(|e| panic!("{at}: {e}"));
        assert_eq!(decode_uuie(&octets).as_ref(), Ok(&information), "{at}");
    }
}

#[test]
fn types_and_bodies_agree() {
    let mut seen = BTreeSet::new();
    for (at, message, information) in recorded() {
        let fits = match information.body() {
            Body::Setup(_) => message.message_type == q931::SETUP,
            Body::CallProceeding(_) => message.message_type == q931::CALL_PROCEEDING,
            Body::Alerting(_) => message.message_type == q931::ALERTING,
            Body::Connect(_) => message.message_type == q931::CONNECT,
            Body::ReleaseComplete(_) => message.message_type == q931::RELEASE_COMPLETE,
            Body::Facility(_) | Body::Empty => message.message_type == q931::FACILITY,
            other => panic!("{at}: {other:?}"),
        };
        assert!(fits, "{at}: {:#04x}", message.message_type);
        seen.insert(message.message_type);
        let ids: Vec<u8> = message.elements().map(|(_, id, _)| id).collect();
        assert!(ids.is_sorted(), "{at}: {ids:02x?}");
        if message.message_type == q931::RELEASE_COMPLETE {
            let has_reason = information.release_reason().is_some();
            assert!(has_reason || message.cause().is_some(), "{at}");
        }
    }
    assert_eq!(seen.len(), 6, "{seen:02x?}");
}

#[test]
fn a_call_has_one_identifier() {
    let mut calls: Vec<(String, BTreeSet<[u8; 16]>)> = Vec::new();
    for (at, _, information) in recorded() {
        let capture = at.split(':').next().expect("a file").to_owned();
        if calls.last().is_none_or(|(last, _)| *last != capture) {
            calls.push((capture, BTreeSet::new()));
        }
        if let (Some(call), Some((_, known))) = (information.call_identifier(), calls.last_mut()) {
            known.insert(call);
        } else {
            assert_eq!(information.body(), &Body::Empty, "{at}");
        }
    }
    for (capture, known) in calls {
        assert!((1..=3).contains(&known.len()), "{capture}: {known:02x?}");
    }
}

#[test]
fn addresses_of_a_setup_are_read() {
    for (at, message, information) in recorded() {
        let is_setup = message.message_type == q931::SETUP;
        let destination = information.destination_call_signal_address();
        assert_eq!(destination.is_some(), is_setup, "{at}");
        if let Some(address) = destination {
            assert_eq!(address.is_ipv6(), at.contains("ipv6"), "{at}: {address}");
        }
        if is_setup {
            assert!(information.source_call_signal_address().is_some(), "{at}");
            assert!(information.conference_id().is_some(), "{at}");
        }
        assert!(!information.is_secured(), "{at}");
    }
}

#[test]
fn fast_start_and_tunnels_are_read() {
    let all = recorded();
    let fast = |(at, _, information): &&(String, Message, UserInformation)| {
        at.contains("fast-start") && !information.fast_start().is_empty()
    };
    assert!(all.iter().filter(fast).count() >= 8);
    for (at, _, information) in &all {
        let messages = information.h245_control();
        assert!(messages.is_empty() || information.tunnels_h245(), "{at}");
        for message in messages {
            assert_ne!(read_head(message), Head::Other, "{at}");
        }
        let has_address = information.h245_address().is_some();
        assert!(!has_address || at.contains("on-tcp"), "{at}");
    }
}
