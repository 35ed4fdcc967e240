//! The database, its copy, files in and out.

mod database;
mod directory;
mod files;
mod learning;
mod trouble;

use std::path::Path;

use rasline_core::profile::{KnownEndpoint, Profile};
use rusqlite::Connection;

use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn profile(zone: &str) -> Profile {
    Profile::new(zone, zone)
}

fn endpoint(aliases: &[&str]) -> KnownEndpoint {
    KnownEndpoint {
        aliases: aliases.iter().map(ToString::to_string).collect(),
        ..KnownEndpoint::default()
    }
}

/// A profile with two endpoints, the first with a password.
fn peopled(zone: &str) -> Profile {
    Profile {
        endpoints: vec![
            KnownEndpoint {
                password: Some("one".into()),
                ..endpoint(&["alice", "1001"])
            },
            KnownEndpoint {
                prefixes: vec!["0".into(), "9".into()],
                ras_address: Some("10.0.0.2:1719".parse().unwrap()),
                call_signal_address: Some("10.0.0.2:1720".parse().unwrap()),
                endpoint_identifier: Some("1_GK".into()),
                ..endpoint(&["gw", "h323:gw@example.com"])
            },
        ],
        ..profile(zone)
    }
}

/// Another process's view of the file.
fn other(folder: &Path) -> Connection {
    Connection::open(folder.join(FILE)).unwrap()
}

fn told(failures: &[Failure]) -> Vec<String> {
    failures.iter().map(ToString::to_string).collect()
}
