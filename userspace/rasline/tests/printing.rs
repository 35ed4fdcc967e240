//! What the CLI prints of what came from the network, and what it does when it cannot print.
#![allow(clippy::unwrap_used)]

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixListener,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

/// Escape sequences, a forged line, C1 controls, separators, zero width, a change of direction.
const EVIL: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\n2026-01-01 forged\r\u{9b}2J\u{85}\u{2028}\u{200b}\u{202e}\u{feff}";

fn rasline(arguments: &[&str], out: Stdio) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rasline"))
        .args(arguments)
        .env("TZ", "UTC")
        .stdout(out)
        .stderr(Stdio::piped())
        .stdin(Stdio::null())
        .spawn()
        .unwrap()
        .wait_with_output()
        .unwrap()
}

/// A controller that gives one reply; joined, it gives the request.
fn replies(socket: &Path, reply: Value) -> std::thread::JoinHandle<Value> {
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = String::new();
        let mut input = BufReader::new(stream.try_clone().unwrap());
        input.read_line(&mut request).unwrap();
        writeln!(stream, "{reply}").unwrap();
        serde_json::from_str(&request).unwrap()
    })
}

/// Runs a command against a controller that gives this reply; what it prints, and what it asked for.
fn with_reply(arguments: &[&str], reply: Value) -> (Output, Value) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    let controller = replies(&socket, reply);
    let named = ["--socket", socket.to_str().unwrap()];
    let output = rasline(&[&named, arguments].concat(), Stdio::piped());
    (output, controller.join().unwrap())
}

#[allow(clippy::needless_pass_by_value)] // each is made for its call
fn data(data: Value) -> Value {
    json!({"version": 1, "ok": true, "data": data})
}

/// Only what can be seen and is not obeyed, and line feeds of our own.
fn assert_harmless(octets: &[u8], lines: usize) {
    let text = std::str::from_utf8(octets).unwrap();
    assert!(
        text.chars().all(|c| c == '\n' || (' '..='~').contains(&c)),
        "{text:?}"
    );
    assert_eq!(text.lines().count(), lines, "{text}");
    assert!(
        !text.lines().any(|line| line.starts_with("2026-01-01")),
        "{text}"
    );
}

fn event() -> Value {
    json!({
        "number": 7, "time": 1_795_237_445.25, "about": "zone", "event": "failover", "severity": "warning",
        "zone": EVIL, "text": format!("{EVIL}: moved"), "details": EVIL,
    })
}

fn registration() -> Value {
    json!({
        "id": 1, "aliases": [EVIL, EVIL], "address": "10.0.0.1:1719", "endpoint_identifier": EVIL, "zone": EVIL,
        "gatekeeper": EVIL, "answered_by": "gatekeeper", "answered": 0, "why_not": EVIL,
    })
}

#[test]
fn events_registrations_and_errors_are_escaped() {
    let (output, request) = with_reply(
        &[
            "events",
            "--zone",
            "a",
            "--kind",
            "failover",
            "--about",
            "zone",
            "--since",
            "2026-01-01",
            "--limit",
            "5",
        ],
        data(json!([event()])),
    );
    assert_harmless(&output.stdout, 1);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.starts_with("2026-11-21T05:04:05.250+00:00  warning  zone          \\u{1b}]0;owned"),
        "{text}"
    );
    assert_eq!(
        request,
        json!({
            "version": 1, "command": "events", "follow": false, "last": 5,
            "filter": {"zone": "a", "kind": ["failover"], "about": ["zone"], "since": 1_767_225_600.0},
        })
    );
    let (output, _) = with_reply(&["registration", "list"], data(json!([registration()])));
    assert_harmless(&output.stdout, 2);
    let (output, _) = with_reply(&["registration", "show", "1"], data(registration()));
    assert_harmless(&output.stdout, 14);
    for command in [
        &["zone", "show", "a"][..],
        &["reload"],
        &["agent", "show", "a"],
        &["status"],
    ] {
        let reply = json!({"version": 1, "ok": false, "error": format!("{EVIL}: {EVIL}; {EVIL}")});
        let (output, _) = with_reply(command, reply);
        assert_eq!(output.status.code(), Some(1));
        assert_harmless(&output.stderr, 1);
    }
    let (output, _) = with_reply(&["reload"], data(json!(EVIL)));
    assert_harmless(&output.stdout, 1);
}

#[test]
fn json_is_exact_and_obeyed_by_no_terminal() {
    let (output, _) = with_reply(
        &["registration", "list", "--json"],
        data(json!([registration()])),
    );
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.chars().all(|c| c == '\n' || (' '..='~').contains(&c)),
        "{text:?}"
    );
    let all: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(all[0]["aliases"], json!([EVIL, EVIL]));
}

#[test]
fn following_starts_with_the_last_few() {
    let (output, request) = with_reply(&["events", "--follow", "--json"], data(json!([event()])));
    assert_eq!(
        (&request["follow"], &request["last"]),
        (&json!(true), &json!(10))
    );
    let one: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(one["zone"], EVIL);
    // The controller has ended.
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn mistyped_kinds_are_wrong_usage() {
    for (arguments, hint) in [
        (
            ["events", "--kind", "failver"],
            "did you mean \"failover\"?",
        ),
        (
            ["events", "--about", "gatekeper"],
            "did you mean \"gatekeeper\"?",
        ),
        (["events", "--since", "yesterday"], "15m"),
    ] {
        let output = rasline(&arguments, Stdio::piped());
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(text.contains(hint), "{text}");
    }
}

/// What prints without a controller, and with one.
#[test]
fn what_cannot_be_written_is_an_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("r.toml");
    std::fs::write(&file, "[[agent]]\nname = \"a\"\nras_address = \"192.0.2.1\"\ngatekeepers = [\"192.0.2.2\"]\n[[agent.device]]\naliases = [\"a\"]\n").unwrap();
    let file = file.to_str().unwrap();
    for arguments in [
        &["check", file][..],
        &["--help"],
        &["--version"],
        &["events", "--help"],
        &["--config", file, "doctor"],
    ] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = rasline(arguments, full.into());
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?} {text}");
        assert!(
            text.contains("standard output: ") && !text.contains("panicked"),
            "{arguments:?} {text}"
        );
        // A reader that has gone away.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = rasline(arguments, writer.into());
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), text.as_str()),
            (Some(1), ""),
            "{arguments:?}"
        );
    }
}

#[test]
fn an_unwritable_standard_error_is_no_panic() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_rasline"))
        .args(["check", "/nonexistent"])
        .stderr(full)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
}
