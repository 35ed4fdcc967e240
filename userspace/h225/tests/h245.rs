//! H.245: the table of messages both ways, recorded messages, and that any octets give a value.

mod common;

use common::hex;
use proptest::prelude::*;
use rasline_h225::h245::{
    Head, MediaAddresses, UserInput, build, decode_open_logical_channel_ack, read_head, renumber,
};
use rasline_h225::q931::Message;
use rasline_h225::uuie::decode_uuie;

/// Octets of a message, how it is built, and what is read of it.
type Row = (&'static str, Option<Vec<u8>>, Head<'static>);

fn table() -> Vec<Row> {
    [capabilities_and_roles(), channels(), others()].concat()
}

fn capabilities_and_roles() -> Vec<Row> {
    vec![
        (
            "0200070600088175000d",
            Some(build::empty_terminal_capability_set(7)),
            Head::TerminalCapabilitySet {
                number: 7,
                empty: true,
            },
        ),
        (
            "02700106000881750006000000",
            None,
            Head::TerminalCapabilitySet {
                number: 1,
                empty: false,
            },
        ),
        (
            "2180ff",
            Some(build::terminal_capability_set_ack(255)),
            Head::TerminalCapabilitySetAck { number: 255 },
        ),
        (
            "22000700",
            Some(build::terminal_capability_set_reject(7)),
            Head::TerminalCapabilitySetReject { number: 7 },
        ),
        (
            "01003c80123456",
            Some(build::master_slave_determination(60, 0x0012_3456)),
            Head::MasterSlaveDetermination,
        ),
        (
            "010032401234",
            Some(build::master_slave_determination(50, 0x1234)),
            Head::MasterSlaveDetermination,
        ),
        (
            "0100320000",
            Some(build::master_slave_determination(50, 0)),
            Head::MasterSlaveDetermination,
        ),
        (
            "2080",
            Some(build::master_slave_determination_ack(true)),
            Head::MasterSlaveDeterminationAck { master: true },
        ),
        (
            "20a0",
            Some(build::master_slave_determination_ack(false)),
            Head::MasterSlaveDeterminationAck { master: false },
        ),
        ("2100", None, Head::MasterSlaveDeterminationReject),
    ]
}

fn channels() -> Vec<Row> {
    let channel = 101;
    vec![
        ("03000064", None, Head::OpenLogicalChannel { channel }),
        ("22c00064", None, Head::OpenLogicalChannelAck { channel }),
        (
            "2300006400",
            Some(build::open_logical_channel_reject(channel)),
            Head::OpenLogicalChannelReject { channel },
        ),
        (
            "0400006400",
            Some(build::close_logical_channel(channel)),
            Head::CloseLogicalChannel { channel },
        ),
        ("0400006480", None, Head::CloseLogicalChannel { channel }),
        (
            "23800064",
            Some(build::close_logical_channel_ack(channel)),
            Head::CloseLogicalChannelAck { channel },
        ),
        (
            "05000064",
            Some(build::request_channel_close(channel)),
            Head::RequestChannelClose { channel },
        ),
        (
            "24000064",
            Some(build::request_channel_close_ack(channel)),
            Head::RequestChannelCloseAck { channel },
        ),
        (
            "2480006400",
            Some(build::request_channel_close_reject(channel)),
            Head::RequestChannelCloseReject { channel },
        ),
    ]
}

fn others() -> Vec<Row> {
    vec![
        (
            "090005",
            Some(build::round_trip_delay_request(5)),
            Head::RoundTripDelayRequest { number: 5 },
        ),
        (
            "280005",
            Some(build::round_trip_delay_response(5)),
            Head::RoundTripDelayResponse { number: 5 },
        ),
        ("4a40", Some(build::end_session()), Head::EndSession),
        (
            "6d40022a39",
            Some(build::user_input_alphanumeric("*9")),
            Head::UserInput(UserInput::Alphanumeric(b"*9")),
        ),
        (
            "6d81020460",
            build::user_input_signal('#'),
            Head::UserInput(UserInput::Signal('#')),
        ),
    ]
}

#[test]
fn every_message_of_the_table_is_read_and_built() {
    for (text, built, head) in table() {
        let octets = hex(text, text);
        assert_eq!(read_head(&octets), head, "{text}");
        if let Some(built) = built {
            assert_eq!(built, octets, "{text}");
        }
        for end in 0..octets.len() {
            let cut = read_head(&octets[..end]);
            let is_cut = cut == Head::Other || cut == head || matches!(cut, Head::UserInput(_));
            assert!(is_cut, "{text} cut to {end}: {cut:?}");
        }
    }
}

#[test]
fn limits_are_kept() {
    for channel in [1, 2, 0xffff] {
        let close = build::close_logical_channel(channel);
        assert_eq!(read_head(&close), Head::CloseLogicalChannel { channel });
    }
    assert_eq!(read_head(&hex("0400ffff00", "")), Head::Other);
    assert_eq!(build::user_input_signal('E'), None);
    let long = build::user_input_alphanumeric(&"1".repeat(200));
    let ones = [b'1'; 127];
    assert_eq!(
        read_head(&long),
        Head::UserInput(UserInput::Alphanumeric(&ones))
    );
    for character in "0123456789#*ABCD!".chars() {
        let octets = build::user_input_signal(character).expect("a signal");
        assert_eq!(
            read_head(&octets),
            Head::UserInput(UserInput::Signal(character))
        );
    }
    // A text of 200 characters has a length of two octets.
    let long = [&[0x6d, 0x40, 0x80, 200][..], &[b'2'; 200]].concat();
    let twos = [b'2'; 200];
    assert_eq!(
        read_head(&long),
        Head::UserInput(UserInput::Alphanumeric(&twos))
    );
}

#[test]
fn numbers_are_replaced() {
    for (text, _, head) in table() {
        let mut octets = hex(text, text);
        let before = octets.clone();
        let is_numbered = matches!(
            head,
            Head::TerminalCapabilitySet { .. }
                | Head::TerminalCapabilitySetAck { .. }
                | Head::TerminalCapabilitySetReject { .. }
        );
        assert_eq!(renumber(&mut octets, 99), is_numbered, "{text}");
        assert_eq!(octets != before, is_numbered, "{text}");
        if is_numbered {
            let renumbered = format!("{:?}", read_head(&octets));
            assert!(renumbered.contains("number: 99"), "{renumbered}");
        }
    }
}

/// Every recorded message: those of TCP connections and those in tunnels.
fn recorded() -> Vec<(String, Vec<u8>)> {
    let tcp = common::h245().into_iter();
    let mut all: Vec<_> = tcp.map(|vector| (vector.at, vector.bytes)).collect();
    for vector in common::signalling() {
        let message = Message::parse(&vector.bytes).expect("parses");
        let information = decode_uuie(message.user_user().expect("User-User")).expect("decodes");
        let tunnelled = information.h245_control().iter();
        all.extend(tunnelled.map(|octets| (vector.at.clone(), octets.to_vec())));
    }
    assert!(all.len() > 60, "{}", all.len());
    all
}

#[test]
fn recorded_messages_are_read() {
    let mut acks = 0;
    for (at, octets) in recorded() {
        let head = read_head(&octets);
        assert_ne!(head, Head::Other, "{at}: {}", common::to_hex(&octets));
        let ack = decode_open_logical_channel_ack(&octets);
        let Head::OpenLogicalChannelAck { channel } = head else {
            assert_eq!(ack, None, "{at}");
            continue;
        };
        let ack = ack.unwrap_or_else(|| panic!("{at}: {}", common::to_hex(&octets)));
        let MediaAddresses { media, control } = ack.forward;
        assert_eq!((ack.channel, ack.reverse), (channel, None), "{at}");
        let (media, control) = media.zip(control).expect("addresses");
        assert_eq!(media.ip(), control.ip(), "{at}");
        assert_eq!(media.port() + 1, control.port(), "{at}");
        acks += 1;
    }
    assert!(acks >= 8, "{acks}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn any_octets_give_a_value(
        first in prop::sample::select((0_u8..128).collect::<Vec<_>>()),
        rest in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut octets = vec![first];
        octets.extend(rest);
        let head = read_head(&octets);
        let ack = decode_open_logical_channel_ack(&octets);
        let is_ack = matches!(head, Head::OpenLogicalChannelAck { .. });
        prop_assert!(ack.is_none() || is_ack);
        let before = octets.clone();
        if !renumber(&mut octets, 9) {
            prop_assert_eq!(&octets, &before);
        }
        octets.truncate(2);
        let _ = read_head(&octets);
    }
}
