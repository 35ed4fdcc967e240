//! The control socket: who may listen, and what it bears.
#![allow(clippy::unwrap_used)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::Path,
};

use rasline::control::{
    Command, MAX_REQUEST, Reply,
    server::{self, Call, FOR_OWNER, MAX_CLIENTS, MAX_FOLLOWERS},
};
use rasline::view::Event;
use tokio::sync::{broadcast, mpsc};

/// Serves a socket: zone-list gives a list, events one event; everything else an error.
async fn controller(mut calls: mpsc::Receiver<Call>) {
    while let Some(call) = calls.recv().await {
        let reply = match call.command {
            Command::ZoneList => Reply::data(&["zone"]),
            Command::Events { .. } => Reply::data(&[Event {
                number: 7,
                ..Event::default()
            }]),
            _ => Reply::error("test: no"),
        };
        call.reply.send(reply).unwrap();
    }
}

/// Runs a blocking test against a socket that is served.
fn served(test: impl FnOnce(&Path, broadcast::Sender<Event>) + Send + 'static) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    runtime.block_on(async {
        let mut listening = server::bind(&path, None).unwrap();
        let (calls, waiting) = mpsc::channel(4);
        let events = broadcast::channel(16).0;
        let server = listening.serve(calls, events.clone());
        let controller = tokio::spawn(controller(waiting));
        let at = path.clone();
        tokio::task::spawn_blocking(move || test(&at, events))
            .await
            .unwrap();
        server.abort();
        controller.abort();
        drop(listening);
    });
    assert!(!path.exists());
}

fn ask(stream: &mut BufReader<UnixStream>, request: &str) -> Reply {
    writeln!(stream.get_mut(), "{request}").unwrap();
    line(stream)
}

fn line<T: serde::de::DeserializeOwned>(stream: &mut BufReader<UnixStream>) -> T {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap()
}

fn connect(path: &Path) -> BufReader<UnixStream> {
    BufReader::new(UnixStream::connect(path).unwrap())
}

#[test]
fn several_requests_on_one_connection() {
    served(|path, _| {
        let mut stream = connect(path);
        assert_eq!(
            ask(&mut stream, r#"{"version":1,"command":"zone-list"}"#),
            Reply::data(&["zone"])
        );
        assert!(!ask(&mut stream, "nonsense").ok);
        assert_eq!(
            ask(&mut stream, r#"{"version":1,"command":"reload"}"#),
            Reply::error("test: no")
        );
        assert_eq!(
            ask(&mut stream, r#"{"version":1,"command":"zone-list"}"#),
            Reply::data(&["zone"])
        );
    });
}

#[test]
fn the_socket_is_for_its_owner_only() {
    served(|path, _| {
        let mode = std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    });
}

#[test]
fn a_socket_in_use_is_refused_and_a_stale_one_replaced() {
    served(|path, _| {
        // No runtime is needed to be refused.
        let error = server::bind(path, None).unwrap_err().to_string();
        assert!(error.contains("in use by another controller"), "{error}");
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async { server::bind(&path, None).map(drop).unwrap() });
}

#[test]
fn what_is_no_socket_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    std::fs::write(&path, "precious").unwrap();
    let error = server::bind(&path, None).unwrap_err().to_string();
    assert!(error.contains("not a socket"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn an_unknown_group_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let error = server::bind(&path, Some("no-such-group-here"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("no such group"), "{error}");
    assert!(!path.exists());
}

#[test]
fn long_requests_end_the_connection() {
    served(|path, _| {
        let mut stream = connect(path);
        stream
            .get_mut()
            .write_all(&vec![b' '; MAX_REQUEST + 1])
            .unwrap();
        let reply: Reply = line(&mut stream);
        assert!(reply.error.unwrap().contains("longer than"));
        let mut rest = Vec::new();
        // The connection ends, by reset if octets were left unread.
        let _ = stream.read_to_end(&mut rest);
        assert!(rest.is_empty());
    });
}

#[test]
fn too_many_clients_are_told() {
    served(|path, _| {
        let most = MAX_CLIENTS + FOR_OWNER;
        let mut all: Vec<_> = (0..most).map(|_| connect(path)).collect();
        // Each has its place once it was answered.
        for stream in &mut all {
            assert!(ask(stream, r#"{"version":1,"command":"zone-list"}"#).ok);
        }
        let mut one_more = connect(path);
        let reply: Reply = line(&mut one_more);
        assert!(reply.error.unwrap().contains("too many clients"));
    });
}

#[test]
fn followers_shut_out_no_calls() {
    served(|path, _| {
        let most = MAX_FOLLOWERS + FOR_OWNER;
        let follow = r#"{"version":1,"command":"events","follow":true}"#;
        let mut all: Vec<_> = (0..most).map(|_| connect(path)).collect();
        for stream in &mut all {
            assert!(ask(stream, follow).ok);
        }
        let refused = ask(&mut connect(path), follow);
        assert!(refused.error.unwrap().contains("too many clients follow"));
        // As many calls as ever have their places.
        let mut calls: Vec<_> = (0..MAX_CLIENTS).map(|_| connect(path)).collect();
        for stream in &mut calls {
            assert!(ask(stream, r#"{"version":1,"command":"zone-list"}"#).ok);
        }
    });
}

#[test]
fn followers_get_each_event_once() {
    served(|path, events| {
        let mut stream = connect(path);
        let past = ask(
            &mut stream,
            r#"{"version":1,"command":"events","follow":true}"#,
        );
        assert_eq!(past.data[0]["number"], 7);
        for number in [7, 8, 9] {
            events
                .send(Event {
                    number,
                    ..Event::default()
                })
                .unwrap();
        }
        assert_eq!(line::<Event>(&mut stream).number, 8);
        assert_eq!(line::<Event>(&mut stream).number, 9);
    });
}
