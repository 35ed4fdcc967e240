//! The command line as people meet it: exit codes and messages. Nothing here touches the kernel.
#![allow(clippy::unwrap_used)]

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    process::{Command, Output},
};

const GOOD: &str = r#"
[[interface]]
name = "lan0"
side = "both"

[[zone]]
name = "site-a"
endpoints = ["10.0.0.0/8"]

[[zone.gatekeeper]]
id = "gk1"
address = "192.0.2.1"
"#;

fn rasline(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rasline"))
        .args(arguments)
        .output()
        .unwrap()
}

/// Exit code, stdout and stderr.
fn outcome(arguments: &[&str]) -> (i32, String, String) {
    let output = rasline(arguments);
    let text = |b| String::from_utf8(b).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// A configuration in a folder of its own, with its socket and pins there.
fn configured(folder: &Path, more: &str) -> String {
    let file = folder.join("r.toml");
    let at = folder.display();
    let daemon = format!(
        "[daemon]\ncontrol_socket = \"{at}/s\"\nstate_dir = \"{at}/state\"\nbpffs = \"{at}/bpf\"\n"
    );
    std::fs::write(&file, format!("{daemon}{more}{GOOD}")).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn wrong_usage_is_2() {
    for arguments in [
        &[][..],
        &["fly"],
        &["registration", "show", "x"],
        &["stop", "--stay", "--detach"],
        &["zone"],
    ] {
        assert_eq!(outcome(arguments).0, 2, "{arguments:?}");
    }
    assert_eq!(outcome(&["--version"]).0, 0);
    assert_eq!(outcome(&["--help"]).0, 0);
}

#[test]
fn check_says_file_line_and_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = configured(folder.path(), "");
    let (code, out, _) = outcome(&["check", &file]);
    assert_eq!(
        (code, out),
        (
            0,
            format!("{file}: valid: 1 interfaces, 1 zones, 1 gatekeepers\n")
        )
    );
    let file = configured(folder.path(), "standby = \"warm\"\n");
    let (code, out, err) = outcome(&["check", &file]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(
        err.starts_with(&format!("rasline: {file}:5: standby: unknown key")),
        "{err}"
    );
    let (code, _, err) = outcome(&["check", "/nonexistent/r.toml"]);
    assert_eq!(code, 1);
    assert!(
        err.starts_with("rasline: /nonexistent/r.toml: cannot be read"),
        "{err}"
    );
}

#[test]
fn run_refuses_a_bad_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let file = configured(
        folder.path(),
        "ring_buffer = \"1\"\nmax_registrations = 1\n",
    );
    let (code, _, err) = outcome(&["run", "--config", &file]);
    assert_eq!((code, err.lines().count()), (1, 2), "{err}");
    assert!(!folder.path().join("s").exists() && !folder.path().join("state").exists());
}

#[test]
fn no_controller_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = configured(folder.path(), "");
    for command in [
        &["status"][..],
        &["zone", "list"],
        &["counters"],
        &["events"],
        &["stop"],
        &["detach", "lan0"],
    ] {
        let (code, out, err) = outcome(&[&["--config", &file], command].concat());
        assert_eq!((code, out.as_str()), (1, ""), "{command:?}");
        assert!(err.starts_with("rasline: "), "{err}");
        assert_eq!(err.lines().count(), 1, "{err}");
    }
    let (_, _, err) = outcome(&["--config", &file, "status"]);
    assert!(
        err.contains("the controller is not running; start it with `rasline run`"),
        "{err}"
    );
}

#[test]
fn a_stale_socket_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    drop(UnixListener::bind(&socket).unwrap());
    let (code, _, err) = outcome(&["--socket", socket.to_str().unwrap(), "zone", "list"]);
    assert_eq!(code, 1);
    assert!(err.contains("the controller has died"), "{err}");
}

#[test]
fn a_missing_configuration_leaves_the_socket_to_be_named() {
    let (code, _, err) = outcome(&["--config", "/nonexistent/r.toml", "zone", "list"]);
    assert_eq!(code, 1);
    assert!(
        err.contains("cannot be read") && err.contains("--socket"),
        "{err}"
    );
}

/// A controller that gives one reply.
fn replies(socket: &Path, reply: &'static str) -> std::thread::JoinHandle<String> {
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut request = String::new();
        BufReader::new(&stream).read_line(&mut request).unwrap();
        let mut stream: UnixStream = stream;
        writeln!(stream, "{reply}").unwrap();
        request
    })
}

#[test]
fn requests_and_errors_of_the_controller() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    let controller = replies(
        &socket,
        r#"{"version":1,"ok":false,"error":"zone x: there is none; see `rasline zone list`"}"#,
    );
    let (code, _, err) = outcome(&["--socket", socket.to_str().unwrap(), "zone", "show", "x"]);
    assert_eq!(
        (code, err.as_str()),
        (
            1,
            "rasline: zone x: there is none; see `rasline zone list`\n"
        )
    );
    assert_eq!(
        controller.join().unwrap(),
        "{\"version\":1,\"command\":\"zone-show\",\"zone\":\"x\"}\n"
    );
}

#[test]
fn another_version_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    let controller = replies(&socket, r#"{"version":9,"ok":true,"data":[]}"#);
    let (code, _, err) = outcome(&["--socket", socket.to_str().unwrap(), "zone", "list"]);
    assert_eq!(code, 1);
    assert!(
        err.contains("unsupported protocol version 9 (this rasline speaks 1)"),
        "{err}"
    );
    controller.join().unwrap();
}

#[test]
fn doctor_finds_an_absent_interface() {
    let folder = tempfile::tempdir().unwrap();
    let file = configured(folder.path(), "");
    let file_text = std::fs::read_to_string(&file)
        .unwrap()
        .replace("lan0", "rasline-none");
    std::fs::write(&file, file_text).unwrap();
    let (code, out, _) = outcome(&["--config", &file, "doctor", "--json"]);
    assert_eq!(code, 1);
    let findings: serde_json::Value = serde_json::from_str(&out).unwrap();
    let absent = findings
        .as_array()
        .unwrap()
        .iter()
        .find(|f| f["what"] == "rasline-none")
        .unwrap();
    assert_eq!(
        (absent["verdict"].as_str(), absent["found"].as_str()),
        (Some("fail"), Some("absent"))
    );
}

/// A file that somebody broke while the controller runs, or after it died.
#[test]
fn a_broken_configuration_keeps_nobody_from_the_controller() {
    let folder = tempfile::tempdir().unwrap();
    let file = configured(folder.path(), "");
    let text = std::fs::read_to_string(&file).unwrap();
    let controller = replies(
        &folder.path().join("s"),
        r#"{"version":1,"ok":true,"data":[]}"#,
    );
    std::fs::write(&file, text.replace("name = \"site-a\"", "nmae = \"site-a")).unwrap();
    let (code, out, err) = outcome(&["--config", &file, "zone", "list"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("ZONE"), "{out}");
    assert_eq!(err.lines().count(), 1, "{err}");
    assert!(
        err.contains("r.toml:") && err.contains("see `rasline check`"),
        "{err}"
    );
    controller.join().unwrap();
}

#[test]
fn all_mistakes_are_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = configured(folder.path(), "flows = \"x\"\nbpffss = \"/x\"\n");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("192.0.2.1", "10.0.0.1")).unwrap();
    let (code, _, err) = outcome(&["check", &file]);
    assert_eq!((code, err.lines().count()), (1, 3), "{err}");
    for part in [
        ":5: flows: ",
        ":6: bpffss: unknown key; did you mean \"bpffs\"?",
        ": address: gatekeeper \"gk1\"",
    ] {
        assert!(err.contains(part), "{part}: {err}");
    }
}
