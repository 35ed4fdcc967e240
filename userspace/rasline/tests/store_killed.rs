//! A controller that is killed while it writes loses what was not written yet, and nothing else.
#![allow(clippy::unwrap_used)]

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use rasline::store::{Keeper, Store};
use rasline_core::{RegistrationId, Stored, Time};

const CHILD: &str = "RASLINE_TEST_STORE";
const MANY: u64 = 3000;

fn registration(id: u64, round: u64) -> Stored {
    Stored {
        id: RegistrationId(id),
        zone: 0,
        gatekeeper: 0,
        endpoint: SocketAddr::from(([10, 0, 0, 1], 1719)),
        endpoint_identifier: format!("{id}"),
        gatekeeper_identifier: None,
        aliases: Vec::new(),
        call_signal_addresses: Vec::new(),
        rrq: vec![round as u8; 100].into(),
        rcf: vec![round as u8; 100].into(),
        full_rrq: None,
        gatekeeper_ttl: Duration::from_mins(10),
        first_seen: Time(0),
        confirmed: Time(0),
        last_seen: Time(0),
        answered: round,
    }
}

/// Writes all of them again and again, and says how often it did.
fn write_for_ever(folder: &Path) {
    let store = Store::open(folder);
    let keeper = Arc::new(Keeper {
        zone: "z".into(),
        gatekeeper: "g".into(),
        address: SocketAddr::from(([192, 0, 2, 1], 1719)),
    });
    for round in 1.. {
        for id in 1..=MANY {
            store.put(&keeper, registration(id, round));
        }
        store.flush().unwrap();
        println!("\nround {round}");
    }
}

#[test]
fn killed_in_the_midst_of_writing() {
    if let Some(folder) = std::env::var_os(CHILD) {
        return write_for_ever(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    for rounds in 1..6 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed_in_the_midst_of_writing", "--nocapture"])
            .env(CHILD, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let told = lines
            .map(Result::unwrap)
            .filter(|line| line.starts_with("round "))
            .nth(rounds)
            .unwrap();
        // It is at work on the next round by now.
        child.kill().unwrap();
        child.wait().unwrap();
        let told: u64 = told["round ".len()..].parse().unwrap();
        let store = Store::open(folder.path());
        let status = store.status();
        assert_eq!((status.error.as_str(), status.set_aside.as_str()), ("", ""));
        let mut ids = Vec::new();
        let loaded = store.load(
            |_| Some((0, 0)),
            |stored| {
                assert!(stored.answered >= told, "{} before {told}", stored.answered);
                assert_eq!(*stored, registration(stored.id.0, stored.answered));
                ids.push(stored.id.0);
            },
        );
        assert_eq!(loaded.unwrap().bad, 0);
        assert_eq!(ids, (1..=MANY).collect::<Vec<_>>());
    }
}
