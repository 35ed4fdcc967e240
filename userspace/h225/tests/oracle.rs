//! Two other decoders, tshark and pycrate, read every vector and what this crate makes of it alike.
//!
//! A codec agrees with itself even where it is wrong: a constraint that is lost on both ways is seen by others only.
//! Both tools are required; `cargo xtask setup` installs them.

mod common;

use std::fmt::Write as _;

use common::tools::{self, Packet, compare_values, python, run};
use common::{Vector, to_hex};
use rasline_h225::security::{Key, Mechanism, sign};
use rasline_h225::{decode_ras, encode_ras, messages};

/// Has tshark read RAS messages, sent to UDP port 1719.
fn tshark<'a>(name: &str, messages: impl Iterator<Item = &'a [u8]>) -> Vec<Packet> {
    let messages: Vec<&[u8]> = messages.collect();
    let packets = tools::tshark(&format!("oracle-{name}"), &tools::udp(&messages), "h225");
    assert_eq!(packets.len(), messages.len(), "another number of packets");
    packets
}

/// Every vector and its re-encoding.
fn pairs() -> Vec<(Vector, Vec<u8>)> {
    let again = |vector: &Vector| {
        let message =
            decode_ras(&vector.bytes).unwrap_or_else(|error| panic!("{}: {error}", vector.at));
        encode_ras(&message).unwrap_or_else(|error| panic!("{}: {error}", vector.at))
    };
    common::good()
        .into_iter()
        .map(|vector| (again(&vector), vector))
        .map(|(again, vector)| (vector, again))
        .collect()
}

#[test]
fn tshark_reads_both_alike() {
    let pairs = pairs();
    let before = tshark(
        "before",
        pairs.iter().map(|(vector, _)| vector.bytes.as_slice()),
    );
    let after = tshark("after", pairs.iter().map(|(_, again)| again.as_slice()));
    for (((vector, again), before), after) in pairs.iter().zip(before).zip(after) {
        let at = format!(
            "{} ({})\n{}\n{}",
            vector.at,
            vector.origin,
            to_hex(&vector.bytes),
            to_hex(again)
        );
        assert!(before.fields.len() > 2, "tshark does not see RAS in {at}");
        assert!(!before.malformed, "tshark calls the vector malformed: {at}");
        assert!(
            !after.malformed,
            "tshark calls the re-encoding malformed: {at}"
        );
        assert_eq!(before.fields, after.fields, "{at}");
    }
}

#[test]
fn tshark_reads_what_is_built() {
    let ras = "192.0.2.1:1719".parse().expect("an address");
    let mut rrq = messages::Rrq::lightweight(65_535, ras, "0001_ep");
    rrq.time_to_live = Some(u32::MAX);
    rrq.aliases = vec![
        "alice".into(),
        "4433".into(),
        "h323:bob@example.org".into(),
        "\u{e9}\u{6f22}".into(),
    ];
    rrq.token = true;
    let bytes = rrq.encode().expect("encodes");
    let packet = tshark("built", [bytes.as_slice()].into_iter()).remove(0);
    assert!(!packet.malformed);
    let shows = |name: &str, value: &str| {
        let found = packet
            .fields
            .iter()
            .any(|field| field.0 == name && field.1 == value);
        assert!(found, "{name} = {value} is not in {:#?}", packet.fields);
    };
    shows("h225.requestSeqNum", "65535");
    shows("h225.timeToLive", "4294967295");
    shows("h225.endpointIdentifier", "0001_ep");
    shows("h225.h323_ID", "alice");
    shows("h225.dialledDigits", "4433");
    shows("h225.url_ID", "h323:bob@example.org");
    shows("h225.h323_ID", "\u{e9}\u{6f22}");
    shows("h235.timeStamp", "Nov 14, 2023 22:13:20.000000000 UTC");
}

#[test]
fn tshark_reads_what_is_signed() {
    let packets = tshark("signed", signed().iter().map(Vec::as_slice));
    let [md5, hmac] = packets.as_slice() else {
        panic!("{} packets", packets.len())
    };
    for (packet, name, value) in [
        (md5, "h225.algorithmOID", "1.2.840.113549.2.5"),
        (md5, "h225.h323_ID", "alice"),
        (hmac, "h235.tokenOID", "0.0.8.235.0.2.1"),
        (hmac, "h235.tokenOID", "0.0.8.235.0.2.5"),
        (hmac, "h225.algorithmOID", "0.0.8.235.0.2.6"),
        (hmac, "h235.random", "-300"),
        (hmac, "h235.generalID", "gk1"),
        (hmac, "h235.sendersID", "alice"),
    ] {
        assert!(!packet.malformed);
        // The dissector calls the same field h225.algorithmOID or h235.algorithmOID.
        let bare = |name: &str| name.rsplit('.').next().map(str::to_owned);
        let found = packet
            .fields
            .iter()
            .any(|field| bare(&field.0) == bare(name) && field.1 == value);
        assert!(found, "{name} = {value} is not in {:#?}", packet.fields);
    }
}

/// Python's own HMAC and MD5, over what pycrate makes of the messages, are the hashes in them.
#[test]
fn pycrate_finds_the_same_hashes() {
    let input: String = signed().iter().fold(String::new(), |mut lines, raw| {
        let _ = writeln!(lines, "{}", to_hex(raw));
        lines
    });
    assert_eq!(
        run(&python(), &["-c", PYCRATE_SIGNED], &input),
        "md5\nhmac\n"
    );
}

/// An RRQ of alice with password "geheim" for gk1, by MD5 and by HMAC.
fn signed() -> Vec<Vec<u8>> {
    let key = Key {
        identifier: "alice",
        peer: "gk1",
        password: "geheim",
    };
    let ras = "192.0.2.1:1719".parse().expect("an address");
    let rrq = messages::Rrq::lightweight(7, ras, "0001_ep").encode();
    let rrq = decode_ras(&rrq.expect("encodes")).expect("decodes");
    [Mechanism::Md5, Mechanism::HmacSha1]
        .map(|mechanism| sign(&mut rrq.clone(), mechanism, &key, 1_795_230_382, -300))
        .map(|signed| signed.expect("signs"))
        .into()
}

#[test]
fn pycrate_reads_both_alike() {
    let pairs = pairs();
    let encodings = pairs.iter();
    let encodings: Vec<(&[u8], &[u8])> = encodings
        .map(|(vector, again)| (&vector.bytes[..], &again[..]))
        .collect();
    let verdicts = compare_values("RasMessage", &encodings);
    for ((vector, again), verdict) in pairs.iter().zip(&verdicts) {
        let ok = matches!(verdict.as_str(), "same" | "unread");
        assert!(
            ok,
            "{verdict}: {} ({})\n{}\n{}",
            vector.at,
            vector.origin,
            to_hex(&vector.bytes),
            to_hex(again)
        );
    }
    let unread = verdicts
        .iter()
        .filter(|verdict| *verdict == "unread")
        .count();
    assert!(
        unread * 20 <= pairs.len(),
        "pycrate cannot read {unread} of {} vectors",
        pairs.len()
    );
}

/// Reads the two of [`signed`], prints the mechanism of each whose hash is right.
const PYCRATE_SIGNED: &str = r#"
import hashlib, hmac, sys
from pycrate_asn1dir import H225
message = H225.H323_MESSAGES.RasMessage
clear = H225.H235_SECURITY_MESSAGES.ClearToken
for line in sys.stdin:
    raw = bytes.fromhex(line)
    message.from_aper(raw)
    kind, value = message.get_val()[1]["cryptoTokens"][0]
    if kind == "cryptoEPPwdHash":
        clear.set_val({"tokenOID": (0, 0), "timeStamp": value["timeStamp"], "password": "geheim\0",
                       "generalID": value["alias"][1] + "\0"})
        found = hashlib.md5(clear.to_aper()).digest()
        print("md5" if value["token"]["hash"] == (int.from_bytes(found, "big"), 128) else "wrong")
    else:
        hash, bits = value[1]["token"]["hash"]
        hash = hash.to_bytes(bits // 8, "big")
        zeroed = raw.replace(hash, bytes(12))
        found = hmac.new(hashlib.sha1(b"geheim").digest(), zeroed, hashlib.sha1).digest()
        print("hmac" if found[:12] == hash and bits == 96 else "wrong")
"#;
