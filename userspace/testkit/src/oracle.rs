//! Independent decoders: tshark and pycrate, since rasline's codec cannot prove its own correctness.
//!
//! Values are JSON; the two spell them differently, so a value is compared with one of the same decoder only.

use std::{
    io::Write,
    net::SocketAddrV4,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value};

use crate::{flood::datagram, messages::hex};

/// Reads a message in hexadecimal from each line, writes it decoded as a line of JSON.
const PYCRATE: &str = r"
import json, sys
from pycrate_asn1dir import H225
def plain(v):
    if isinstance(v, (bytes, bytearray)): return v.hex()
    if isinstance(v, (tuple, list)): return [plain(x) for x in v]
    if isinstance(v, dict): return {k: plain(x) for k, x in v.items()}
    return v
message = H225.H323_MESSAGES.RasMessage
for line in sys.stdin:
    message.from_aper(bytes.fromhex(line.strip()))
    print(json.dumps(plain(message.get_val())))
";

/// A message as both decoders read it, requestSeqNum apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// requestSeqNum.
    pub seq: u64,
    /// timeToLive, if there is one.
    pub time_to_live: Option<u64>,
    /// tshark's tree without requestSeqNum and timeToLive.
    pub tshark: Value,
    /// pycrate's value without requestSeqNum and timeToLive.
    pub pycrate: Value,
}

/// Both decoders.
#[derive(Clone, Debug)]
pub struct Oracle {
    python: PathBuf,
}

impl Oracle {
    /// Finds them.
    ///
    /// # Errors
    /// When one is missing, with what to do.
    pub fn new() -> Result<Self> {
        let python = match std::env::var_os("RASLINE_PYTHON") {
            Some(path) => PathBuf::from(path),
            None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/venv/bin/python"),
        };
        let missing = "run `cargo xtask setup`";
        ensure!(
            run(Command::new("tshark").arg("--version"), &[]).is_ok(),
            "tshark is missing: {missing}"
        );
        run(
            Command::new(&python).args(["-c", "import pycrate_asn1dir"]),
            &[],
        )
        .with_context(|| format!("{} has no pycrate: {missing}", python.display()))?;
        Ok(Self { python })
    }

    /// Decodes one RAS message.
    ///
    /// # Errors
    /// When a decoder finds it malformed, or they do not agree on requestSeqNum and timeToLive.
    pub fn decode(&self, ras: &[u8]) -> Result<Decoded> {
        let mut tshark = tshark(ras)?;
        let mut pycrate = self.pycrate(ras)?;
        let seq = take(&mut tshark, "h225.requestSeqNum").context("tshark: no requestSeqNum")?;
        let time_to_live = take(&mut tshark, "h225.timeToLive");
        let theirs = take(&mut pycrate, "requestSeqNum");
        let their_ttl = take(&mut pycrate, "timeToLive");
        ensure!(
            theirs == Some(seq) && their_ttl == time_to_live,
            "tshark reads requestSeqNum {seq}, timeToLive {time_to_live:?}; pycrate {theirs:?}, {their_ttl:?}: {}",
            hex(ras)
        );
        Ok(Decoded {
            seq,
            time_to_live,
            tshark,
            pycrate,
        })
    }

    fn pycrate(&self, ras: &[u8]) -> Result<Value> {
        let out = run(
            Command::new(&self.python).args(["-c", PYCRATE]),
            format!("{}\n", hex(ras)).as_bytes(),
        )
        .with_context(|| format!("pycrate on {}", hex(ras)))?;
        Ok(serde_json::from_slice(&out)?)
    }
}

/// tshark's tree of the message, without what it says about the encoding and about other packets.
fn tshark(ras: &[u8]) -> Result<Value> {
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(&capture(ras))?;
    let out = run(
        Command::new("tshark")
            .args(["-T", "json", "--no-duplicate-keys", "-r"])
            .arg(file.path()),
        &[],
    )?;
    let packets: Value = serde_json::from_slice(&out).context("tshark's JSON")?;
    let layers = &packets[0]["_source"]["layers"];
    let text = layers.to_string();
    ensure!(
        !text.contains("_ws.malformed") && !text.contains("_ws.expert"),
        "tshark finds it malformed: {} {text}",
        hex(ras)
    );
    let mut ras_layer = layers["h225.ras"].clone();
    if ras_layer.is_null() {
        ras_layer = layers["h225"].clone();
    }
    ensure!(ras_layer.is_object(), "tshark sees no RAS: {text}");
    strip(&mut ras_layer);
    Ok(ras_layer)
}

/// A capture file (raw IP) with the message as one datagram of a gatekeeper.
fn capture(ras: &[u8]) -> Vec<u8> {
    const RAW_IP: u32 = 101;
    let gatekeeper = SocketAddrV4::new([10, 1, 0, 1].into(), 1719);
    let packet = datagram(
        gatekeeper,
        SocketAddrV4::new([10, 0, 64, 1].into(), 1719),
        ras,
    );
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, RAW_IP] {
        file.extend(u32::to_le_bytes(word));
    }
    for word in [0, 0, packet.len() as u32, packet.len() as u32] {
        file.extend(u32::to_le_bytes(word));
    }
    file.extend(packet);
    file
}

/// Removes keys of the encoding (lengths, bitmaps) and of other packets.
fn strip(value: &mut Value) {
    match value {
        Value::Object(map) => {
            let keep = |key: &String| !key.starts_with("per.") && !key.starts_with("h225.ras.");
            *map = std::mem::take(map)
                .into_iter()
                .filter(|(key, _)| keep(key))
                .collect::<Map<_, _>>();
            map.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

/// Takes the number with this key out of a tree, wherever it stands first.
fn take(value: &mut Value, key: &str) -> Option<u64> {
    match value {
        Value::Object(map) => {
            if let Some(found) = map.remove(key) {
                return number(&found);
            }
            map.values_mut().find_map(|v| take(v, key))
        }
        Value::Array(items) => items.iter_mut().find_map(|v| take(v, key)),
        _ => None,
    }
}

fn number(value: &Value) -> Option<u64> {
    value
        .as_u64()
        .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
}

/// Runs a program with this input; its output.
pub(crate) fn run(command: &mut Command, input: &[u8]) -> Result<Vec<u8>> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("running {}", command.get_program().display()))?;
    // Input is a line or nothing, so that it cannot fill the pipe.
    child
        .stdin
        .take()
        .context("no standard input")?
        .write_all(input)?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!(
            "{}: {}",
            command.get_program().display(),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::{rrj_example, unhex};

    #[test]
    fn both_read_a_real_rcf() {
        let rcf = unhex(
            "1240000a060008914a000600040067006b00310c0030003000300031005f00650070288a00000340012b01000100",
        );
        let decoded = Oracle::new()
            .expect("decoders")
            .decode(&rcf)
            .expect("decodes");
        assert_eq!((decoded.seq, decoded.time_to_live), (11, Some(300)));
        assert!(
            decoded.tshark.to_string().contains("0001_ep"),
            "{decoded:?}"
        );
        assert!(
            decoded.pycrate.to_string().contains("0001_ep"),
            "{decoded:?}"
        );
    }

    #[test]
    fn another_message_is_another_value() {
        let oracle = Oracle::new().expect("decoders");
        let one = oracle.decode(&rrj_example("gk1")).expect("decodes");
        let other = oracle.decode(&rrj_example("gk2")).expect("decodes");
        assert_ne!(one.tshark, other.tshark);
        assert_ne!(one.pycrate, other.pycrate);
    }
}
