//! The vectors: `tests/vectors/*.txt` of the workspace, one message in hex per line, `#` comments.
#![allow(dead_code, reason = "each test uses a part of it")]

pub(crate) mod tools;

use std::path::PathBuf;

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// One message and where it stands.
pub(crate) struct Vector {
    /// File and line.
    pub(crate) at: String,
    /// The comment above it.
    pub(crate) origin: String,
    /// Its octets.
    pub(crate) bytes: Vec<u8>,
}

/// The messages of one file.
pub(crate) fn file(name: &str) -> Vec<Vector> {
    let path = root().join("tests/vectors").join(name);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut origin = String::new();
    let mut all = Vec::new();
    for (line, text) in text.lines().enumerate() {
        if let Some(comment) = text.strip_prefix('#') {
            comment.trim().clone_into(&mut origin);
        } else if !text.is_empty() {
            let at = format!("{name}:{}", line + 1);
            all.push(Vector {
                bytes: hex(text, &at),
                at,
                origin: origin.clone(),
            });
        }
    }
    all
}

/// Every RAS message that must decode: all files but `truncated.txt`.
pub(crate) fn good() -> Vec<Vector> {
    let all = folder("");
    assert!(all.len() > 280, "only {} vectors", all.len());
    all
}

/// Every call-signalling message, without its TPKT.
pub(crate) fn signalling() -> Vec<Vector> {
    let all = without_tpkts(folder("signalling"));
    assert!(all.len() > 130, "only {} vectors", all.len());
    all
}

/// Every H.245 message of a TCP connection, without its TPKT.
pub(crate) fn h245() -> Vec<Vector> {
    let all = without_tpkts(folder("h245"));
    assert!(all.len() > 25, "only {} vectors", all.len());
    all
}

fn without_tpkts(mut all: Vec<Vector>) -> Vec<Vector> {
    for vector in &mut all {
        let header = vector.bytes.drain(..4);
        assert_eq!(header.as_slice()[..2], [3, 0], "{}", vector.at);
    }
    all
}

/// The messages of all files in a folder of vectors but `truncated.txt`.
fn folder(name: &str) -> Vec<Vector> {
    let folder = root().join("tests/vectors").join(name);
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .expect("a folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .filter(|name| {
            name.strip_suffix(".txt")
                .is_some_and(|name| name != "truncated")
        })
        .collect();
    names.sort();
    let path = |file: &String| format!("{name}/{file}").trim_start_matches('/').to_owned();
    names
        .iter()
        .flat_map(|file| self::file(&path(file)))
        .collect()
}

/// The message cut at every octet, and with every bit flipped.
pub(crate) fn each_mutilation(message: &[u8], mut each: impl FnMut(&[u8])) {
    for end in 0..message.len() {
        each(&message[..end]);
    }
    for bit in 0..message.len() * 8 {
        let mut flipped = message.to_vec();
        flipped[bit / 8] ^= 0x80 >> (bit % 8);
        each(&flipped);
    }
}

/// The octets of a line of hex.
pub(crate) fn hex(text: &str, at: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "{at}: odd number of digits");
    (0..text.len() / 2)
        .map(|i| {
            u8::from_str_radix(&text[2 * i..2 * i + 2], 16)
                .unwrap_or_else(|error| panic!("{at}: {error}"))
        })
        .collect()
}

/// Hex of octets.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}
