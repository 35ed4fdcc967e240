//! Addresses of recorded calls are changed, and nothing else is.

mod common;

use std::net::SocketAddr;

use proptest::prelude::*;
use rasline_h225::q931::Message;
use rasline_h225::security::{Key, Mechanism, sign};
use rasline_h225::text::to_transport;
use rasline_h225::types::{AliasAddress, H323UuPduH323MessageBody as Body};
use rasline_h225::uuie::{
    AddressField, PatchRefused, UserInformation, decode_uuie, encode_uuie, patch_addresses,
    remove_h245_address,
};
use rasline_h225::{RasMessage, decode_ras, messages};

const FIELDS: [AddressField; 4] = [
    AddressField::H245,
    AddressField::SourceCallSignal,
    AddressField::DestinationCallSignal,
    AddressField::Alternative,
];

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// The User-User of every recorded message.
fn recorded() -> Vec<(String, Vec<u8>)> {
    let all = common::signalling().into_iter();
    all.map(|vector| {
        let message = Message::parse(&vector.bytes).expect("parses");
        (vector.at, message.user_user().expect("User-User").to_vec())
    })
    .collect()
}

fn decode(octets: &[u8]) -> UserInformation {
    decode_uuie(octets).expect("decodes")
}

fn read(information: &UserInformation, field: AddressField) -> Option<SocketAddr> {
    match field {
        AddressField::H245 => information.h245_address(),
        AddressField::SourceCallSignal => information.source_call_signal_address(),
        AddressField::DestinationCallSignal => information.destination_call_signal_address(),
        AddressField::Alternative => information.alternative_address(),
    }
}

/// The value with a field changed.
fn changed(
    mut information: UserInformation,
    field: AddressField,
    to: Option<SocketAddr>,
) -> UserInformation {
    let to = to.map(to_transport);
    match (field, &mut information.h323_uu_pdu.h323_message_body) {
        (AddressField::H245, Body::Setup(body)) => body.h245_address = to,
        (AddressField::H245, Body::CallProceeding(body)) => body.h245_address = to,
        (AddressField::H245, Body::Alerting(body)) => body.h245_address = to,
        (AddressField::H245, Body::Connect(body)) => body.h245_address = to,
        (AddressField::H245, Body::Facility(body)) => body.h245_address = to,
        (AddressField::SourceCallSignal, Body::Setup(body)) => body.source_call_signal_address = to,
        (AddressField::DestinationCallSignal, Body::Setup(body)) => {
            body.dest_call_signal_address = to;
        }
        (AddressField::Alternative, Body::Facility(body)) => body.alternative_address = to,
        other => panic!("{other:?}"),
    }
    information
}

#[test]
fn every_address_is_replaced_in_place() {
    let mut replaced = 0;
    for (at, octets) in recorded() {
        for field in FIELDS {
            let before = read(&decode(&octets), field);
            let to = match before {
                Some(SocketAddr::V6(_)) => address("[2001:db8::1]:1"),
                _ => address("198.51.100.1:65535"),
            };
            let patched = patch_addresses(&octets, &[(field, to)]);
            let Some(before) = before else {
                assert_eq!(patched, Err(PatchRefused::Absent(field)), "{at}");
                continue;
            };
            let patched = patched.unwrap_or_else(|error| panic!("{at}: {error}"));
            assert_eq!(
                decode(&patched),
                changed(decode(&octets), field, Some(to)),
                "{at}"
            );
            let differs = octets.iter().zip(&patched).filter(|(a, b)| a != b).count();
            assert!(
                octets.len() == patched.len() && differs <= 18,
                "{at}: {differs}"
            );
            // There and back again gives the octets that came.
            assert_eq!(
                patch_addresses(&patched, &[(field, before)]),
                Ok(octets.clone()),
                "{at}"
            );
            replaced += 1;
        }
    }
    assert!(replaced > 60, "{replaced}");
}

#[test]
fn another_family_takes_a_new_encoding() {
    for (at, octets) in recorded() {
        for field in FIELDS {
            let Some(before) = read(&decode(&octets), field) else {
                continue;
            };
            let to = match before {
                SocketAddr::V4(_) => address("[2001:db8::1]:1"),
                SocketAddr::V6(_) => address("198.51.100.1:65535"),
            };
            let longer = [&octets[..], &[0xde, 0xad]].concat();
            let patched = patch_addresses(&longer, &[(field, to)]);
            let patched = patched.unwrap_or_else(|error| panic!("{at}: {error}"));
            assert_eq!(
                decode(&patched),
                changed(decode(&octets), field, Some(to)),
                "{at}"
            );
            assert!(patched.ends_with(&[0xde, 0xad]), "{at}");
        }
    }
}

#[test]
fn the_h245_address_is_removed() {
    let mut removed = 0;
    for (at, octets) in recorded() {
        let without = remove_h245_address(&octets).unwrap_or_else(|error| panic!("{at}: {error}"));
        let before = decode(&octets);
        if before.h245_address().is_none() {
            assert_eq!(without, octets, "{at}");
        } else {
            assert_eq!(
                decode(&without),
                changed(before, AddressField::H245, None),
                "{at}"
            );
            removed += 1;
        }
    }
    assert!(removed > 4, "{removed}");
}

#[test]
fn several_addresses_change_at_once() {
    let (_, octets) = recorded()
        .into_iter()
        .find(|(_, octets)| is_setup(octets))
        .expect("a Setup");
    let (source, destination) = (address("192.0.2.1:1"), address("192.0.2.2:2"));
    let changes = [
        (AddressField::SourceCallSignal, source),
        (AddressField::DestinationCallSignal, destination),
    ];
    let patched = decode(&patch_addresses(&octets, &changes).expect("patched"));
    assert_eq!(patched.source_call_signal_address(), Some(source));
    assert_eq!(patched.destination_call_signal_address(), Some(destination));
    assert_eq!(patch_addresses(&octets, &[]), Ok(octets));
}

fn is_setup(octets: &[u8]) -> bool {
    matches!(decode(octets).body(), Body::Setup(_))
}

/// A Setup whose two addresses are alike, and whose conferenceID looks like the address, too.
fn ambiguous() -> Vec<u8> {
    let (_, octets) = recorded()
        .into_iter()
        .find(|(_, octets)| is_setup(octets))
        .expect("a Setup");
    let mut information = decode(&octets);
    let Body::Setup(setup) = &mut information.h323_uu_pdu.h323_message_body else {
        panic!("not a Setup")
    };
    let same = address("10.77.0.1:1720");
    setup.source_call_signal_address = Some(to_transport(same));
    setup.dest_call_signal_address = Some(to_transport(same));
    setup.conference_id = b"\x0a\x4d\x00\x01\x06\xb8\x0a\x4d\x00\x01\x06\xb8abcd"
        .to_vec()
        .into();
    encode_uuie(&information).expect("encodes")
}

#[test]
fn the_right_one_of_like_addresses_is_replaced() {
    let octets = ambiguous();
    for field in [
        AddressField::SourceCallSignal,
        AddressField::DestinationCallSignal,
    ] {
        let to = address("192.0.2.1:1");
        let patched = patch_addresses(&octets, &[(field, to)]).expect("patched");
        assert_eq!(decode(&patched), changed(decode(&octets), field, Some(to)));
    }
}

/// The value with an addition that no version has yet, behind the UU-PDU, and two octets behind the value.
fn with_unknown_addition(octets: &[u8]) -> Vec<u8> {
    let mut longer = encode_uuie(&decode(octets)).expect("encodes");
    // The UU-PDU ends at an octet boundary with h245Tunnelling. A bitmap of one bit, then an open type follow it.
    longer[0] |= 0x80;
    longer.extend([0x01, 0x03, 0xab, 0xcd, 0xef, 0xde, 0xad]);
    longer
}

#[test]
fn unknown_additions_stay_or_nothing_changes() {
    for (at, octets) in recorded() {
        let longer = with_unknown_addition(&octets);
        assert_eq!(decode(&longer), decode(&octets), "{at}");
        for field in FIELDS {
            let Some(before) = read(&decode(&octets), field) else {
                continue;
            };
            let (same_family, other_family) = match before {
                SocketAddr::V4(_) => (address("192.0.2.1:1"), address("[2001:db8::1]:1")),
                SocketAddr::V6(_) => (address("[2001:db8::1]:1"), address("192.0.2.1:1")),
            };
            let patched = patch_addresses(&longer, &[(field, same_family)]).expect("patched");
            assert!(patched.ends_with(&longer[longer.len() - 7..]), "{at}");
            assert_eq!(read(&decode(&patched), field), Some(same_family), "{at}");
            let refused = patch_addresses(&longer, &[(field, other_family)]);
            assert_eq!(refused, Err(PatchRefused::Lossy), "{at}");
            if field == AddressField::H245 {
                assert_eq!(
                    remove_h245_address(&longer),
                    Err(PatchRefused::Lossy),
                    "{at}"
                );
            }
        }
    }
}

#[test]
fn many_like_octets_take_a_new_encoding() {
    let octets = ambiguous();
    let mut information = decode(&octets);
    let Body::Setup(setup) = &mut information.h323_uu_pdu.h323_message_body else {
        panic!("not a Setup")
    };
    let like = AliasAddress::TransportId(to_transport(address("10.77.0.1:1720")));
    setup.source_address = Some(vec![like; 40].into());
    let octets = encode_uuie(&information).expect("encodes");
    let (field, to) = (AddressField::SourceCallSignal, address("192.0.2.1:1"));
    let patched = patch_addresses(&octets, &[(field, to)]).expect("patched");
    assert_eq!(decode(&patched), changed(information, field, Some(to)));
    let refused = patch_addresses(&with_unknown_addition(&octets), &[(field, to)]);
    assert_eq!(refused, Err(PatchRefused::Lossy));
}

#[test]
fn secured_messages_stay() {
    let key = Key {
        identifier: "alice",
        peer: "gk1",
        password: "geheim",
    };
    for (mechanism, is_covered) in [(Mechanism::HmacSha1, true), (Mechanism::Md5, false)] {
        let rrq = messages::Rrq::lightweight(7, address("192.0.2.1:1719"), "0001_ep");
        let mut rrq = decode_ras(&rrq.encode().expect("encodes")).expect("decodes");
        let signed = sign(&mut rrq, mechanism, &key, 1_795_230_382, 1).expect("signs");
        let Ok(RasMessage::RegistrationRequest(rrq)) = decode_ras(&signed) else {
            panic!("not an RRQ")
        };
        let mut information = decode(&ambiguous());
        let Body::Setup(setup) = &mut information.h323_uu_pdu.h323_message_body else {
            panic!("not a Setup")
        };
        setup.crypto_tokens = rrq.crypto_tokens;
        assert_eq!(information.is_secured(), is_covered, "{mechanism:?}");
        let octets = encode_uuie(&information).expect("encodes");
        let change = [(AddressField::SourceCallSignal, address("192.0.2.1:1"))];
        let is_refused = patch_addresses(&octets, &change) == Err(PatchRefused::Secured);
        assert_eq!(is_refused, is_covered, "{mechanism:?}");
    }
}

proptest! {
    #[test]
    fn a_patched_value_is_the_value_with_the_field_changed(
        pick in any::<prop::sample::Index>(),
        to in any::<SocketAddr>(),
        field in prop::sample::select(FIELDS.to_vec()),
        trailing in prop::collection::vec(any::<u8>(), 0..4),
    ) {
        let all = recorded();
        let mut octets = all[pick.index(all.len())].1.clone();
        octets.extend(&trailing);
        let before = decode(&octets);
        // Scope and flow label are not in the message.
        let to = SocketAddr::new(to.ip(), to.port());
        match patch_addresses(&octets, &[(field, to)]) {
            Ok(patched) => {
                prop_assert!(patched.ends_with(&trailing));
                prop_assert_eq!(decode(&patched), changed(before, field, Some(to)));
            }
            Err(refused) => {
                prop_assert_eq!(refused, PatchRefused::Absent(field));
                prop_assert_eq!(read(&before, field), None);
            }
        }
    }

    #[test]
    fn damaged_messages_give_a_value_or_an_error(
        pick in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        to in any::<SocketAddr>(),
    ) {
        let all = recorded();
        let mut octets = all[pick.index(all.len())].1.clone();
        for (at, octet) in damage {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        let value = decode_uuie(&octets);
        for field in FIELDS {
            let patched = patch_addresses(&octets, &[(field, to)]);
            prop_assert!(patched.is_err() || value.is_ok());
        }
        let _ = remove_h245_address(&octets);
        if let Ok(again) = value.as_ref().map_err(|_| ()).and_then(|v| encode_uuie(v).map_err(|_| ())) {
            prop_assert_eq!(decode_uuie(&again), value);
        }
    }
}
