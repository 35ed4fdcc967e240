//! Two other decoders, tshark and pycrate, read every vector and what this crate makes of it alike.
//!
//! A codec agrees with itself even where it is wrong: a constraint that is lost on both ways is seen by others only.
//! Both tools are required; `cargo xtask setup` installs them.

mod common;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{Vector, to_hex};
use rasline_h225::security::{Key, Mechanism, sign};
use rasline_h225::{decode_ras, encode_ras, messages};

/// What to do when a tool is missing.
const SETUP: &str = "run `cargo xtask setup`";

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

fn python() -> PathBuf {
    std::env::var_os("RASLINE_PYTHON").map_or_else(
        || common::root().join("target/venv/bin/python"),
        PathBuf::from,
    )
}

#[test]
fn pycrate_reads_both_alike() {
    let pairs = pairs();
    let mut input = String::new();
    for (vector, again) in &pairs {
        let _ = writeln!(input, "{} {}", to_hex(&vector.bytes), to_hex(again));
    }
    let verdicts = run(&python(), &["-c", PYCRATE], &input);
    let verdicts: Vec<&str> = verdicts.lines().collect();
    assert_eq!(verdicts.len(), pairs.len());
    for ((vector, again), verdict) in pairs.iter().zip(&verdicts) {
        let ok = matches!(*verdict, "same" | "unread");
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
        .filter(|verdict| **verdict == "unread")
        .count();
    assert!(
        unread * 20 <= pairs.len(),
        "pycrate cannot read {unread} of {} vectors",
        pairs.len()
    );
}

/// Reads pairs in hex, prints a verdict for each. `unread`: pycrate cannot read the original, which tshark can.
const PYCRATE: &str = r#"
import sys
from pycrate_asn1dir import H225
message = H225.H323_MESSAGES.RasMessage
def value(text):
    message.from_aper(bytes.fromhex(text))
    return message.get_val()
for line in sys.stdin:
    before, after = line.split()
    try:
        expected = value(before)
    except Exception:
        print("unread")
        continue
    try:
        print("same" if value(after) == expected else "pycrate reads another value from the re-encoding")
    except Exception as error:
        print("pycrate cannot read the re-encoding: " + repr(error).replace("\n", " "))
"#;

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

/// What tshark says of one packet.
struct Packet {
    /// Name and value of every field of the RAS message, in order.
    fields: Vec<(String, String)>,
    /// Malformed, or an error of the PER decoder.
    malformed: bool,
}

/// Writes the messages to a capture, to UDP port 1719, and has tshark read it.
fn tshark<'a>(name: &str, messages: impl Iterator<Item = &'a [u8]>) -> Vec<Packet> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("oracle-{name}.pcap"));
    let messages: Vec<&[u8]> = messages.collect();
    std::fs::write(&path, pcap(&messages)).expect("writes the capture");
    let file = path.to_str().expect("a path in UTF-8");
    let pdml = run(Path::new("tshark"), &["-n", "-r", file, "-T", "pdml"], "");
    let packets: Vec<Packet> = pdml.split("<packet>").skip(1).map(packet).collect();
    assert_eq!(
        packets.len(),
        messages.len(),
        "tshark read another number of packets from {file}"
    );
    packets
}

fn packet(pdml: &str) -> Packet {
    let ras = pdml
        .split_once("<proto name=\"h225\"")
        .map_or("", |(_, ras)| ras);
    let fields = ras
        .lines()
        .filter(|line| line.trim_start().starts_with("<field "))
        .filter_map(|line| Some((attribute(line, "name")?, attribute(line, "show")?)))
        // What the encoding needs (lengths, the extension bitmap, ...) may differ, since peers cut the bitmap.
        .filter(|(name, _): &(String, String)| !name.starts_with("per."))
        .collect();
    let malformed = [
        "_ws.malformed",
        "per.encoding_error",
        "something unknown here",
        "Malformed Packet",
        "Trailing stray",
    ]
    .iter()
    .any(|mark| pdml.contains(mark));
    Packet { fields, malformed }
}

fn attribute(line: &str, name: &str) -> Option<String> {
    let (_, rest) = line.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value.to_owned())
}

/// A capture of UDP in IPv4 without a link layer (LINKTYPE_IPV4, 228).
fn pcap(messages: &[&[u8]]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 262_144, 228] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    for (second, message) in (0_u32..).zip(messages) {
        let length = message.len() + 28;
        for word in [second, 0, length as u32, length as u32] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        file.extend_from_slice(&[0x45, 0]);
        file.extend_from_slice(&(length as u16).to_be_bytes());
        file.extend_from_slice(&[0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
        // From another port for each message, so that no two are taken for a request and its answer.
        let port = 10_000 + second as u16;
        for half in [port, 1719, message.len() as u16 + 8, 0] {
            file.extend_from_slice(&half.to_be_bytes());
        }
        file.extend_from_slice(message);
    }
    file
}

/// Runs a tool to its end.
fn run(tool: &Path, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new(tool)
        .args(arguments)
        .env("TZ", "UTC")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}: {SETUP}", tool.display()));
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("ends");
    let _ = writer.join();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{} failed, {SETUP}:\n{errors}",
        tool.display()
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}
