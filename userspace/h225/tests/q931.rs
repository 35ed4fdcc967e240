//! Call signalling without calls: what tshark reads of what is built, and that any stream is taken apart the same way
//! however it is cut.

mod common;

use common::tools;
use proptest::prelude::*;
use rasline_h225::q931::{
    CallReference, Header, NULL, RESPONSE_TO_STATUS_ENQUIRY, STATUS, STATUS_ENQUIRY, Stream,
    StreamError, header, status, status_enquiry,
};

/// The messages of a stream that comes in these pieces, until it is no TPKT any more.
fn messages<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, bool) {
    let mut stream = Stream::default();
    let mut all = Vec::new();
    for piece in pieces {
        if stream.take(piece, |m| all.push(m.to_vec())).is_err() {
            return (all, false);
        }
        assert!(stream.waiting() < 65_536, "{}", stream.waiting());
    }
    (all, true)
}

#[test]
fn what_is_built_is_read() {
    let reference = CallReference {
        value: 0x1234,
        to_originator: true,
    };
    let enquiry = status_enquiry(reference);
    assert_eq!(enquiry, [3, 0, 0, 9, 8, 2, 0x92, 0x34, 0x75]);
    let answer = status(reference.reversed(), RESPONSE_TO_STATUS_ENQUIRY, NULL);
    let stream = [enquiry, vec![3, 0, 0, 4], answer].concat();
    let (all, fine) = messages(std::iter::once(stream.as_slice()));
    assert!(fine && all.len() == 3 && all[1].is_empty(), "{all:?}");
    let expected = |reference, message_type| {
        Some(Header {
            reference,
            message_type,
        })
    };
    assert_eq!(header(&all[0]), expected(reference, STATUS_ENQUIRY));
    assert_eq!(header(&all[1]), None);
    assert_eq!(header(&all[2]), expected(reference.reversed(), STATUS));
}

#[test]
fn what_is_no_tpkt_is_refused() {
    for bad in [
        &b"GET / HTTP/1.1\r\n"[..],
        &[3, 0, 0, 3],
        &[0, 3, 0, 5],
        &[0, 3, 1, 4],
        &[2, 0, 0, 9],
    ] {
        let (all, fine) = messages(std::iter::once(bad));
        assert!(!fine && all.is_empty(), "{bad:?}");
    }
    for bad in [
        &[8, 1, 5, 5][..],
        &[8, 2, 0, 1],
        &[9, 2, 0, 1, 5],
        &[8, 2, 0, 1, 0x85],
        &[],
    ] {
        assert_eq!(header(bad), None, "{bad:?}");
    }
}

#[test]
fn tshark_reads_them() {
    let reference = CallReference {
        value: 77,
        to_originator: false,
    };
    let answer = status(reference.reversed(), RESPONSE_TO_STATUS_ENQUIRY, NULL);
    let all = [
        status_enquiry(reference),
        answer,
        status_enquiry(CallReference::GLOBAL),
    ];
    let wanted = [
        "q931.message_type",
        "q931.call_ref",
        "q931.call_ref_flag",
        "q931.cause_value",
        "q931.call_state",
    ];
    let packets = tools::tshark("q931", &tools::tcp(&all), "q931");
    let lines: Vec<String> = packets
        .iter()
        .map(|packet| {
            assert!(!packet.malformed);
            let shown = |name| packet.fields.iter().find(|field| field.0 == name);
            let values = wanted.map(|name| shown(name).map_or("", |field| &field.1));
            values.join("|")
        })
        .collect();
    assert_eq!(
        lines,
        ["0x75|00:4d|0||", "0x7d|00:4d|1|30|0x00", "0x75|00:00|0||"]
    );
}

proptest! {
    /// However a stream is cut, the same messages come out of it.
    #[test]
    fn cuts_do_not_matter(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..6),
        rest in prop::collection::vec(any::<u8>(), 0..8),
        cuts in prop::collection::vec(1_usize..64, 1..40),
    ) {
        let mut stream = Vec::new();
        for body in &bodies {
            stream.extend([3, 0]);
            stream.extend((body.len() as u16 + 4).to_be_bytes());
            stream.extend(body);
        }
        stream.extend(&rest);
        let whole = messages(std::iter::once(stream.as_slice()));
        let mut pieces = Vec::new();
        let mut left = stream.as_slice();
        for cut in cuts.iter().cycle() {
            if left.is_empty() {
                break;
            }
            let (piece, more) = left.split_at((*cut).min(left.len()));
            pieces.push(piece);
            left = more;
        }
        prop_assert_eq!(&whole, &messages(pieces.into_iter()));
        prop_assert!(whole.0.starts_with(&bodies));
    }

    /// Any octets give a header or none, and a header is that of a message that can be built.
    #[test]
    fn headers_are_total(octets in prop::collection::vec(any::<u8>(), 0..12)) {
        if let Some(read) = header(&octets) {
            let [high, low] = read.reference.value.to_be_bytes();
            let flag = u8::from(read.reference.to_originator) << 7;
            prop_assert_eq!(&octets[..5], &[8, 2, high | flag, low, read.message_type]);
        }
    }
}

#[test]
fn odd_tpkts_are_accepted() {
    let mut stream = Stream::new(5);
    let mut all = Vec::new();
    let octets = [
        &[0, 3, 0, 4][..],
        &[3, 0xff, 0, 9, 8, 2, 0, 1, 0x62],
        &[3, 0, 0, 4],
    ]
    .concat();
    for octet in octets {
        stream
            .take(&[octet], |m| all.push(m.to_vec()))
            .expect("TPKTs");
    }
    assert_eq!(all, [vec![], vec![8, 2, 0, 1, 0x62], vec![]]);
    assert_eq!((stream.misplaced_keep_alives(), stream.waiting()), (1, 0));
}

#[test]
fn long_messages_are_refused_by_their_header() {
    let mut stream = Stream::new(5);
    assert!(stream.take(&[3, 0, 0], |_| {}).is_ok());
    let (length, max) = (6, 5);
    let refused = stream.take(&[10], |_| {});
    assert_eq!(refused, Err(StreamError::TooLong { length, max }));
    let mut longest = Stream::default();
    assert!(longest.take(&[3, 0, 0xff, 0xff], |_| {}).is_ok());
}
