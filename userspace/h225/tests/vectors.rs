//! Every recorded message decodes, encodes, and decodes to the same value; every cut one is refused.

mod common;

use rasline_h225::{decode_ras, encode_ras, header};

#[test]
fn every_vector_survives_a_round_trip() {
    for vector in common::good() {
        let at = format!("{} ({})", vector.at, vector.origin);
        let message = decode_ras(&vector.bytes).unwrap_or_else(|error| panic!("{at}: {error}"));
        let again = encode_ras(&message).unwrap_or_else(|error| panic!("{at}: {error}"));
        assert_eq!(decode_ras(&again).as_ref(), Ok(&message), "{at}");
        assert_eq!(
            encode_ras(&message).as_ref(),
            Ok(&again),
            "{at}: encoding is not deterministic"
        );
    }
}

#[test]
fn header_agrees_with_the_message() {
    for vector in common::good() {
        let message = decode_ras(&vector.bytes).expect("decodes");
        let header = header(&vector.bytes).unwrap_or_else(|| panic!("{}: no header", vector.at));
        assert_eq!(
            (header.kind, header.seq),
            (message.kind(), message.request_seq_num()),
            "{}",
            vector.at
        );
        assert_eq!(
            u16::from_be_bytes(header.seq_wire),
            header.seq - 1,
            "{}",
            vector.at
        );
    }
}

#[test]
fn octets_after_the_message_are_tolerated() {
    for vector in common::good() {
        let mut longer = vector.bytes.clone();
        longer.extend_from_slice(&[0xff, 0x00, 0x55]);
        assert_eq!(
            decode_ras(&longer),
            decode_ras(&vector.bytes),
            "{}",
            vector.at
        );
    }
}

#[test]
fn cut_messages_are_refused() {
    let cut = common::file("truncated.txt");
    assert!(cut.len() > 10);
    for vector in cut {
        assert!(
            decode_ras(&vector.bytes).is_err(),
            "{} ({}) decodes",
            vector.at,
            vector.origin
        );
    }
}
