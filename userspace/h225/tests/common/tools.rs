//! tshark and pycrate, decoders that were written by others.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What to do when a tool is missing.
const SETUP: &str = "run `cargo xtask setup`";

/// What tshark reads in one packet.
pub(crate) struct Packet {
    /// Name and value of every field of the wanted protocol, in order.
    pub(crate) fields: Vec<(String, String)>,
    /// Malformed, or an error of the PER decoder.
    pub(crate) malformed: bool,
}

/// Has tshark read a capture; the fields are those from the first one of this protocol on.
pub(crate) fn tshark(name: &str, capture: &[u8], protocol: &str) -> Vec<Packet> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.pcap"));
    std::fs::write(&path, capture).expect("writes the capture");
    let file = path.to_str().expect("a path in UTF-8");
    let pdml = run(Path::new("tshark"), &["-n", "-r", file, "-T", "pdml"], "");
    let packets = pdml.split("<packet>").skip(1);
    packets.map(|pdml| packet(pdml, protocol)).collect()
}

fn packet(pdml: &str, protocol: &str) -> Packet {
    let start = format!("<proto name=\"{protocol}\"");
    let fields = pdml
        .split_once(start.as_str())
        .map_or("", |(_, fields)| fields)
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

/// A capture of UDP datagrams to port 1719.
pub(crate) fn udp(messages: &[&[u8]]) -> Vec<u8> {
    let packets = (0_u16..).zip(messages).map(|(n, message)| {
        // From another port for each message, so that no two are taken for a request and its answer.
        let port = 10_000 + n;
        let header = [port, 1719, message.len() as u16 + 8, 0].map(u16::to_be_bytes);
        (17, [header.as_flattened(), message].concat())
    });
    ipv4(packets)
}

/// A capture of a TCP connection to port 1720 with a segment for each of these messages.
pub(crate) fn tcp(messages: &[Vec<u8>]) -> Vec<u8> {
    let mut sequence: u32 = 1;
    let packets = messages.iter().map(|message| {
        let mut segment = vec![0x9c, 0x40, 0x06, 0xb8];
        segment.extend(sequence.to_be_bytes());
        segment.extend([0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
        segment.extend(message);
        sequence += message.len() as u32;
        (6, segment)
    });
    ipv4(packets)
}

/// A capture of packets in IPv4, a protocol number and octets each, without a link layer (LINKTYPE_IPV4, 228).
fn ipv4(packets: impl Iterator<Item = (u8, Vec<u8>)>) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 262_144, 228] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    for (second, (protocol, payload)) in (0_u32..).zip(packets) {
        let length = payload.len() + 20;
        for word in [second, 0, length as u32, length as u32] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        file.extend_from_slice(&[0x45, 0]);
        file.extend_from_slice(&(length as u16).to_be_bytes());
        file.extend_from_slice(&[0, 0, 0, 0, 64, protocol, 0, 0]);
        file.extend_from_slice(&[192, 0, 2, 1, 192, 0, 2, 2]);
        file.extend_from_slice(&payload);
    }
    file
}

/// The Python that has pycrate.
pub(crate) fn python() -> PathBuf {
    std::env::var_os("RASLINE_PYTHON").map_or_else(
        || super::root().join("target/venv/bin/python"),
        PathBuf::from,
    )
}

/// Runs a tool to its end.
pub(crate) fn run(tool: &Path, arguments: &[&str], input: &str) -> String {
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

/// What pycrate says of each pair of encodings of this type of H.225.0: `same` if it reads the same value from both,
/// `unread` if it cannot read the first, which tshark can.
pub(crate) fn compare_values(kind: &str, pairs: &[(&[u8], &[u8])]) -> Vec<String> {
    let lines = pairs.iter().map(|(before, after)| {
        let (before, after) = (super::to_hex(before), super::to_hex(after));
        format!("{before} {after}\n")
    });
    let input: String = lines.collect();
    let verdicts = run(&python(), &["-c", COMPARE_VALUES, kind], &input);
    let verdicts: Vec<String> = verdicts.lines().map(str::to_owned).collect();
    assert_eq!(verdicts.len(), pairs.len());
    verdicts
}

/// Reads pairs in hex, prints a verdict for each.
const COMPARE_VALUES: &str = r#"
import sys
from pycrate_asn1dir import H225
message = getattr(H225.H323_MESSAGES, sys.argv[1])
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
        print("same" if value(after) == expected else "other " + before + " " + after)
    except Exception as error:
        print("pycrate cannot read the re-encoding: " + repr(error).replace("\n", " "))
"#;
