//! Two other decoders, tshark and pycrate, read call signalling and H.245 as this crate does: what was recorded, what
//! it makes of that, and what it builds.

mod common;

use std::fmt::Write as _;

use common::to_hex;
use common::tools::{self, Packet, compare_values, python, run};
use rasline_h225::h245;
use rasline_h225::q931::{self, CallReference, Message, cause, element};
use rasline_h225::types::ReleaseCompleteReason;
use rasline_h225::uuie::{build, decode_uuie, encode_uuie};

const CALL: [u8; 16] = *b"call identifier!";
const CONFERENCE: [u8; 16] = *b"conference ident";
const REFERENCE: CallReference = CallReference {
    value: 0x1234,
    to_originator: true,
};

/// Every recorded message, and the same with its User-User encoded again.
fn pairs() -> Vec<(String, Message, Message)> {
    let all = common::signalling().into_iter();
    all.map(|vector| {
        let message = Message::parse(&vector.bytes).expect("parses");
        let information = decode_uuie(message.user_user().expect("User-User")).expect("decodes");
        let mut again = message.clone();
        again.set_user_user(&encode_uuie(&information).expect("encodes"));
        (vector.at, message, again)
    })
    .collect()
}

fn tshark(name: &str, messages: &[Message]) -> Vec<Packet> {
    let tpkts: Vec<Vec<u8>> = messages
        .iter()
        .map(|message| message.to_tpkt().expect("fits"))
        .collect();
    let packets = tools::tshark(name, &tools::tcp(&tpkts), "q931");
    assert_eq!(packets.len(), messages.len(), "another number of packets");
    packets
}

#[test]
fn tshark_reads_both_alike() {
    let pairs = pairs();
    let split = |pick: fn(&(String, Message, Message)) -> Message| {
        pairs.iter().map(pick).collect::<Vec<Message>>()
    };
    let before = tshark("signalling-before", &split(|pair| pair.1.clone()));
    let after = tshark("signalling-after", &split(|pair| pair.2.clone()));
    for (((at, ..), before), after) in pairs.iter().zip(before).zip(after) {
        assert!(before.fields.len() > 10, "{at}: {:?}", before.fields);
        assert!(!before.malformed && !after.malformed, "{at}");
        // Lengths differ, since peers cut the extension bitmap.
        let content = |packet: Packet| -> Vec<(String, String)> {
            let all = packet.fields.into_iter();
            all.filter(|(name, _)| !name.contains("len")).collect()
        };
        let (before, after) = (content(before), content(after));
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(before, after, "{at}");
        }
        assert_eq!(before.len(), after.len(), "{at}");
    }
}

#[test]
fn pycrate_reads_both_alike() {
    let pairs = pairs();
    let users = pairs.iter().map(|(_, before, after)| {
        let [before, after] = [before, after].map(|m| m.user_user().expect("User-User"));
        (before, after)
    });
    let verdicts = compare_values("H323_UserInformation", &users.collect::<Vec<_>>());
    let count = |wanted: &str| verdicts.iter().filter(|one| *one == wanted).count();
    assert_eq!(count("same") + count("unread"), pairs.len(), "{verdicts:?}");
    assert!(count("unread") * 20 <= pairs.len(), "{verdicts:?}");
}

type Built = (Message, &'static str, Vec<(&'static str, &'static str)>);

/// What the builders make, the type of each, and what tshark shows of it.
fn built() -> Vec<Built> {
    let address = "192.0.2.7:4321".parse().expect("an address");
    let six = "[2001:db8::7]:4321".parse().expect("an address");
    let denied = ReleaseCompleteReason::SecurityDenied;
    let denied_cause = cause::of_reason(&denied);
    vec![
        (
            build::call_proceeding(REFERENCE, CALL),
            "0x02",
            vec![("h225.h245Tunnelling", "1")],
        ),
        (
            build::connect(REFERENCE, CALL, CONFERENCE),
            "0x07",
            vec![("h225.h245Tunnelling", "1"), ("h225.multipleCalls", "0")],
        ),
        (
            build::release_complete(REFERENCE, Some(CALL), denied_cause, Some(denied)),
            "0x5a",
            vec![("q931.cause_value", "31"), ("h225.reason", "13")],
        ),
        (
            build::release_complete(REFERENCE, None, cause::DESTINATION_OUT_OF_ORDER, None),
            "0x5a",
            vec![("q931.cause_value", "27")],
        ),
        (
            build::status(REFERENCE, CALL, 10),
            "0x7d",
            vec![("q931.cause_value", "30"), ("q931.call_state", "0x0a")],
        ),
        (build::status_inquiry(REFERENCE, CALL), "0x75", vec![]),
        (
            build::facility_h245(
                REFERENCE,
                CALL,
                &[&h245::build::round_trip_delay_request(9)],
            ),
            "0x62",
            vec![("h245.sequenceNumber", "9")],
        ),
        (
            build::facility_start_h245(REFERENCE, CALL, Some(CONFERENCE), address),
            "0x62",
            vec![("h225.reason", "5"), ("h225.h245IpPort", "4321")],
        ),
        (
            build::facility_start_h245(REFERENCE, CALL, None, six),
            "0x62",
            vec![("h225.h245Address", "3"), ("h225.h245Ip6port", "4321")],
        ),
    ]
}

#[test]
fn tshark_reads_what_is_built() {
    let built = built();
    let messages: Vec<Message> = built.iter().map(|row| row.0.clone()).collect();
    for ((_, message_type, shown), packet) in built.iter().zip(tshark("built-calls", &messages)) {
        let fields = &packet.fields;
        assert!(!packet.malformed, "{message_type}: {fields:#?}");
        let call = [
            ("q931.message_type", *message_type),
            ("q931.call_ref", "12:34"),
        ];
        for (name, value) in call.iter().chain(shown) {
            let found = fields
                .iter()
                .any(|field| field.0 == *name && field.1 == *value);
            assert!(found, "{name} = {value} is not in {fields:#?}");
        }
    }
}

#[test]
fn what_is_built_is_read() {
    for (message, message_type, _) in built() {
        let tpkt = message.to_tpkt().expect("fits");
        assert_eq!(Message::parse(&tpkt[4..]).as_ref(), Ok(&message));
        assert_eq!(format!("{:#04x}", message.message_type), message_type);
        let information = decode_uuie(message.user_user().expect("User-User")).expect("decodes");
        let call = information.call_identifier();
        assert!(call == Some(CALL) || message.cause() == Some(cause::DESTINATION_OUT_OF_ORDER));
        let starts_h245 = information.h245_address().is_some();
        assert_eq!(information.tunnels_h245(), !starts_h245);
    }
}

#[test]
fn an_announced_setup_is_the_same_call() {
    let announcement = build::Announcement {
        reference: REFERENCE,
        source: "192.0.2.1:20001".parse().expect("an address"),
        destination: "192.0.2.9:1720".parse().expect("an address"),
        endpoint_identifier: Some("42_gk".into()),
    };
    let mut announced = Vec::new();
    for (at, original, _) in pairs() {
        let setup = build::setup(&original, &announcement);
        assert_eq!(
            setup.is_some(),
            original.message_type == q931::SETUP,
            "{at}"
        );
        let Some(setup) = setup else { continue };
        let [before, after] = [&original, &setup]
            .map(|m| decode_uuie(m.user_user().expect("User-User")).expect("decodes"));
        assert_eq!(before.call_identifier(), after.call_identifier(), "{at}");
        assert_eq!(before.conference_id(), after.conference_id(), "{at}");
        assert_eq!(
            after.source_call_signal_address(),
            Some(announcement.source)
        );
        assert_eq!(
            after.destination_call_signal_address(),
            Some(announcement.destination)
        );
        assert!(after.fast_start().is_empty() && after.h245_address().is_none());
        assert!(after.tunnels_h245() && after.h245_control().is_empty());
        for id in [
            element::BEARER_CAPABILITY,
            element::CALLED_PARTY_NUMBER,
            element::DISPLAY,
        ] {
            assert_eq!(setup.element(id), original.element(id), "{at}");
        }
        announced.push(setup);
    }
    assert!(announced.len() >= 10, "{}", announced.len());
    for packet in tshark("announced", &announced) {
        let fields = packet.fields;
        assert!(!packet.malformed);
        for (name, value) in [
            ("h225.ipV4_port", "20001"),
            ("h225.endpointIdentifier", "42_gk"),
        ] {
            let found = fields
                .iter()
                .any(|field| field.0 == name && field.1 == value);
            assert!(found, "{name} = {value} is not in {fields:#?}");
        }
    }
}

#[test]
fn pycrate_reads_h245_that_is_built() {
    let channel = 101;
    let built = [
        (
            "terminalCapabilitySet",
            h245::build::empty_terminal_capability_set(7),
        ),
        (
            "terminalCapabilitySetAck",
            h245::build::terminal_capability_set_ack(7),
        ),
        (
            "terminalCapabilitySetReject",
            h245::build::terminal_capability_set_reject(7),
        ),
        (
            "masterSlaveDetermination",
            h245::build::master_slave_determination(60, 7),
        ),
        (
            "masterSlaveDeterminationAck",
            h245::build::master_slave_determination_ack(true),
        ),
        (
            "openLogicalChannelReject",
            h245::build::open_logical_channel_reject(channel),
        ),
        (
            "closeLogicalChannel",
            h245::build::close_logical_channel(channel),
        ),
        (
            "closeLogicalChannelAck",
            h245::build::close_logical_channel_ack(channel),
        ),
        (
            "requestChannelClose",
            h245::build::request_channel_close(channel),
        ),
        (
            "requestChannelCloseAck",
            h245::build::request_channel_close_ack(channel),
        ),
        (
            "requestChannelCloseReject",
            h245::build::request_channel_close_reject(channel),
        ),
        (
            "roundTripDelayRequest",
            h245::build::round_trip_delay_request(7),
        ),
        (
            "roundTripDelayResponse",
            h245::build::round_trip_delay_response(7),
        ),
        ("endSessionCommand", h245::build::end_session()),
        ("userInput", h245::build::user_input_alphanumeric("*7")),
        (
            "userInput",
            h245::build::user_input_signal('7').expect("a signal"),
        ),
    ];
    let input: String = built.iter().fold(String::new(), |mut lines, (_, octets)| {
        let _ = writeln!(lines, "{}", to_hex(octets));
        lines
    });
    let read = run(&python(), &["-c", PYCRATE_H245], &input);
    let lines: Vec<&str> = read.lines().collect();
    assert_eq!(lines.len(), built.len(), "{read}");
    for ((name, octets), line) in built.iter().zip(lines) {
        // Name, whether pycrate encodes the same, and the numbers that it reads.
        let number = if name.contains("hannel") { "101" } else { "7" };
        let (kind, rest) = line.split_once(' ').expect("a name");
        assert_eq!(kind, *name, "{}", to_hex(octets));
        assert!(rest.starts_with("same"), "{line}");
        let has_number = rest.contains(number);
        assert!(
            has_number || ["endSessionCommand", "masterSlaveDeterminationAck"].contains(name),
            "{line}"
        );
    }
}

/// Reads messages in hex, prints the name of each, whether its encoding is the same, and its value.
const PYCRATE_H245: &str = r#"
import sys
from pycrate_asn1dir import H245
message = H245.MULTIMEDIA_SYSTEM_CONTROL.MultimediaSystemControlMessage
for line in sys.stdin:
    octets = bytes.fromhex(line)
    message.from_aper(octets)
    kind, value = message.get_val()[1]
    print(kind, "same" if message.to_aper() == octets else "other", value)
"#;
