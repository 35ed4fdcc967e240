//! Call signalling without calls: what tshark reads of what is built, and that any stream is taken apart the same way
//! however it is cut.

mod common;

use common::tools;
use proptest::prelude::*;
use rasline_h225::q931::{
    self, CallReference, Header, Message, NULL, ParseError, RESPONSE_TO_STATUS_ENQUIRY, STATUS,
    STATUS_ENQUIRY, Stream, StreamError, TooLong, cause, element, header, status, status_enquiry,
};
use rasline_h225::types::ReleaseCompleteReason as Reason;

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

#[test]
fn elements_are_edited_in_place() {
    // Bearer, sending complete, Display twice, User-User; then a locked codeset with an element of the same identifier.
    let text = "08020001050403888893a12801612801627e000305abcd95280163";
    let octets = common::hex(text, text);
    let mut message = Message::parse(&octets).expect("parses");
    assert_eq!(message.to_tpkt().expect("fits")[4..], octets);
    let all: Vec<_> = message.elements().collect();
    let expected: [(u8, u8, &[u8]); 6] = [
        (0, element::BEARER_CAPABILITY, &[0x88, 0x88, 0x93]),
        (0, 0xa1, &[]),
        (0, element::DISPLAY, b"a"),
        (0, element::DISPLAY, b"b"),
        (0, element::USER_USER, &[5, 0xab, 0xcd]),
        (5, element::DISPLAY, b"c"),
    ];
    assert_eq!(all, expected);
    assert_eq!(message.element(element::DISPLAY), Some(&b"a"[..]));
    assert_eq!(message.user_user(), Some(&[0xab, 0xcd][..]));
    message.set_element(element::DISPLAY, b"long");
    message.set_cause(16);
    message.set_user_user(&[1]);
    message.reference = message.reference.reversed();
    let text = "08028001050403888893a10802809028046c6f6e672801627e0002050195280163";
    assert_eq!(common::to_hex(&message.to_tpkt().expect("fits")[4..]), text);
    assert_eq!(message.cause(), Some(16));
    message.remove_element(element::DISPLAY);
    let text = "08028001050403888893a1080280907e0002050195280163";
    assert_eq!(common::to_hex(&message.to_tpkt().expect("fits")[4..]), text);
}

#[test]
fn shifts_apply_as_in_q931() {
    // A shift to codeset 6 for one element, Display, a shift to codeset 0 for one Display, Keypad; locked to 5: Display.
    let text = "08020001059e2801612801629828016395280164";
    let mut message = Message::parse(&common::hex(text, text)).expect("parses");
    let codesets: Vec<u8> = message.elements().map(|(codeset, ..)| codeset).collect();
    assert_eq!(codesets, [6, 0, 0, 5]);
    message.remove_element(element::DISPLAY);
    let left = "08020001059e28016195280164";
    assert_eq!(common::to_hex(&message.to_tpkt().expect("fits")[4..]), left);
    // A new element is inserted before the codeset is locked.
    message.set_element(element::USER_USER, &[5]);
    let left = "08020001059e2801617e00010595280164";
    assert_eq!(common::to_hex(&message.to_tpkt().expect("fits")[4..]), left);
}

#[test]
fn lengths_are_checked() {
    for cut in [
        "0802000105 04",
        "0802000105 0403aaaa",
        "0802000105 7e00",
        "0802000105 7e000205",
    ] {
        let octets = common::hex(&cut.replace(' ', ""), cut);
        assert_eq!(
            Message::parse(&octets),
            Err(ParseError::Cut(octets[5])),
            "{cut}"
        );
    }
    assert_eq!(Message::parse(&[9, 2, 0, 1, 5]), Err(ParseError::Header));
    let mut message = Message::new(CallReference::GLOBAL, q931::INFORMATION);
    message.set_element(element::DISPLAY, &[0; 256]);
    assert_eq!(message.to_tpkt(), Err(TooLong(256)));
    message.remove_element(element::DISPLAY);
    // The header and the element take eight octets, the protocol discriminator one.
    message.set_user_user(&vec![7; 65_531 - 9]);
    let longest = message.to_tpkt().expect("fits");
    assert_eq!(longest.len(), 65_535);
    assert_eq!(Message::parse(&longest[4..]), Ok(message.clone()));
    message.set_user_user(&vec![7; 65_531 - 8]);
    assert_eq!(message.to_tpkt(), Err(TooLong(65_532)));
}

#[test]
fn causes_have_one_or_two_octets_before_the_value() {
    for (contents, value) in [
        (&[0x80, 0x90][..], Some(16)),
        (&[0x00, 0x80, 0xaf], Some(47)),
        (&[0x80, 0x91, 0x01, 0x02], Some(17)),
        (&[0x80], None),
        (&[0x00, 0x80], None),
        (&[], None),
    ] {
        let mut message = Message::new(CallReference::GLOBAL, q931::RELEASE_COMPLETE);
        assert_eq!(message.cause(), None);
        message.set_element(element::CAUSE, contents);
        assert_eq!(message.cause(), value, "{contents:02x?}");
    }
}

#[test]
fn reasons_have_causes() {
    for (reason, value) in [
        (Reason::NoBandwidth, 34),
        (Reason::GatekeeperResources, 47),
        (Reason::UnreachableDestination, 3),
        (Reason::DestinationRejection, 16),
        (Reason::InvalidRevision, 88),
        (Reason::NoPermission, 127),
        (Reason::UnreachableGatekeeper, 38),
        (Reason::GatewayResources, 42),
        (Reason::BadFormatAddress, 28),
        (Reason::AdaptiveBusy, 41),
        (Reason::InConf, 17),
        (Reason::UndefinedReason, 31),
        (Reason::CalledPartyNotRegistered, 20),
    ] {
        assert_eq!(cause::of_reason(&reason), value, "{reason:?}");
        assert_eq!(cause::to_reason(value), reason, "{value}");
    }
    for (reason, value) in [
        (Reason::FacilityCallDeflection, 16),
        (Reason::SecurityDenied, 31),
        (Reason::CallerNotRegistered, 31),
        (Reason::NewConnectionNeeded, 47),
        (Reason::GenericDataReason, 31),
        (Reason::NeededFeatureNotSupported, 31),
        (Reason::TunnelledSignallingRejected, 127),
    ] {
        assert_eq!(cause::of_reason(&reason), value, "{reason:?}");
    }
    assert_eq!(cause::to_reason(1), Reason::UnreachableDestination);
    assert_eq!(
        cause::to_reason(cause::TIMER_EXPIRY),
        Reason::UndefinedReason
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

proptest! {
    /// A parsed message serialises to the same octets, whatever is edited and taken back.
    #[test]
    fn messages_survive_a_round_trip(
        elements in prop::collection::vec(
            (any::<u8>(), prop::collection::vec(any::<u8>(), 0..20)),
            0..12,
        ),
        rest in prop::collection::vec(any::<u8>(), 0..3),
        id in 0_u8..0x80,
        contents in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut octets = vec![8, 2, 0x80, 7, 0x62];
        for (id, contents) in &elements {
            octets.push(*id);
            if id & 0x80 == 0 {
                octets.push(contents.len() as u8);
                octets.extend(contents);
            }
        }
        octets.extend(&rest);
        let Ok(message) = Message::parse(&octets) else {
            return Ok(());
        };
        prop_assert_eq!(&message.to_tpkt().expect("fits")[4..], &octets);
        let mut edited = message.clone();
        edited.set_element(id, &contents);
        prop_assert_eq!(edited.element(id), Some(&contents[..]));
        let others = |message: &Message| {
            let all = message.elements().filter(|one| (one.0, one.1) != (0, id));
            all.map(|(codeset, id, contents)| (codeset, id, contents.to_vec())).collect::<Vec<_>>()
        };
        prop_assert_eq!(others(&edited), others(&message));
        let tpkt = edited.to_tpkt().expect("fits");
        prop_assert_eq!(Message::parse(&tpkt[4..]), Ok(edited.clone()));
        edited.remove_element(id);
        prop_assert_eq!(edited.element(id), None);
        prop_assert_eq!(others(&edited), others(&message));
        let tpkt = edited.to_tpkt().expect("fits");
        prop_assert_eq!(Message::parse(&tpkt[4..]), Ok(edited));
    }
}
