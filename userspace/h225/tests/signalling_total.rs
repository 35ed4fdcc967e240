//! Any octets in call signalling give a value or an error, and a message that was parsed can be worked with.

mod common;

use std::net::SocketAddr;

use proptest::prelude::*;
use rasline_h225::MAX_MESSAGE;
use rasline_h225::h245::{decode_open_logical_channel_ack, read_head};
use rasline_h225::q931::{Message, element};
use rasline_h225::uuie::{
    AddressField, DecodeError, decode_uuie, encode_uuie, patch_addresses, remove_h245_address,
};

/// What every caller does with a message from the network.
fn exercise(octets: &[u8]) {
    let Ok(message) = Message::parse(octets) else {
        return;
    };
    let again = message.to_tpkt().expect("it came in one");
    assert_eq!(&again[4..], octets);
    if let Some(user) = message.user_user() {
        exercise_user(user);
    }
    let mut edited = message;
    edited.set_cause(16);
    edited.remove_element(element::DISPLAY);
    edited.set_user_user(&[1]);
    assert_eq!(edited.user_user(), Some(&[1][..]));
}

fn exercise_user(octets: &[u8]) {
    let Ok(information) = decode_uuie(octets) else {
        return;
    };
    for message in information.h245_control() {
        let _ = (read_head(message), decode_open_logical_channel_ack(message));
    }
    let address: SocketAddr = "192.0.2.1:1".parse().expect("an address");
    if let Ok(patched) = patch_addresses(octets, &[(AddressField::H245, address)]) {
        let patched = decode_uuie(&patched).expect("decodes");
        assert_eq!(patched.h245_address(), Some(address));
    }
    let _ = remove_h245_address(octets);
    if let Ok(again) = encode_uuie(&information) {
        assert_eq!(decode_uuie(&again), Ok(information));
    }
}

#[test]
fn corpora_of_the_fuzzer() {
    for (name, exercise) in [("q931", exercise as fn(&[u8])), ("uuie", exercise_user)] {
        let folder = common::root().join("fuzz/corpus").join(name);
        let entries = std::fs::read_dir(&folder).expect("a corpus");
        let mut seen = 0;
        for entry in entries {
            exercise(&std::fs::read(entry.expect("an entry").path()).expect("a file"));
            seen += 1;
        }
        assert!(seen > 20, "only {seen} files in {}", folder.display());
    }
}

#[test]
fn every_cut_and_every_flipped_bit() {
    for vector in common::signalling() {
        if !vector.at.contains("routed-ipv6") {
            continue;
        }
        common::each_mutilation(&vector.bytes, exercise);
    }
}

#[test]
fn length_is_bounded() {
    let long = vec![0; MAX_MESSAGE + 1];
    assert_eq!(decode_uuie(&long), Err(DecodeError::TooLong(long.len())));
    assert!(decode_uuie(&[]).is_err());
    for fill in 0..=u8::MAX {
        exercise_user(&vec![fill; MAX_MESSAGE]);
        let mut message = vec![8, 2, 0, 1, 5];
        message.resize(60_000, fill);
        exercise(&message);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn random_octets(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        exercise_user(&octets);
        exercise(&[&[8, 2, 0, 1, 5], &octets[..]].concat());
    }
}
