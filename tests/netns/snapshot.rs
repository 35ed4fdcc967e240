//! The database of profiles fails together with a zone's gatekeeper: the zone is served from its last good copy, which is
//! said, until the database is good again.

use std::{fs, path::PathBuf, process::Command};

use rasline::profiles::{FILE, SNAPSHOT};
use rasline_testkit::{Endpoint, controller, wait};
use rusqlite::Connection;
use serde_json::Value;

use crate::{backup::Zones, own::await_event, scene::SOON};

/// Whoever is served by this one gets this timeToLive, and by no other.
const PROFILE: &str = "[[profile]]\nzone = \"zone1\"\ngatekeeper_identifier = \"gk1\"\nadmit_unknown = true\n\
     [profile.subscription]\non = true\n[profile.time_to_live]\ndefault = 77\nmin = 77\nmax = 77\n";

/// A zone with its profile, of which there is a copy, and an endpoint that its gatekeeper has.
fn copied() -> (Zones, Endpoint) {
    let zones = Zones::new(1, "");
    zones.import(PROFILE);
    await_source(&zones, "database", "");
    let path = state(&zones, SNAPSHOT);
    wait::until_true("the copy", SOON, || Ok(path.exists())).unwrap();
    let endpoint = zones.learned(1, 1, &["5001"]);
    (zones, endpoint)
}

fn state(zones: &Zones, name: &str) -> PathBuf {
    zones.controller.place().state().join(name)
}

/// What the status says of profiles, once they come from there.
fn await_source(zones: &Zones, source: &str, error: &str) -> Value {
    wait::until("profiles from there", SOON, || {
        let profiles = zones.controller.json(&["status"])?["profiles"].clone();
        let said = profiles["error"].as_str().unwrap_or_default();
        let is = profiles["zones"] == 1 && profiles["source"] == source && said.contains(error);
        Ok((is && said.is_empty() == error.is_empty()).then_some(profiles))
    })
    .unwrap()
}

/// The gatekeeper dies, and the zone is served by its profile.
fn is_served_from_it(zones: &mut Zones, endpoint: &mut Endpoint) {
    zones.kill(1);
    zones.await_active(1, "rasline");
    is_served(endpoint);
    // So is one who comes now.
    let rcf = zones.endpoint(1, 2, &["5002"]).register(SOON).unwrap();
    assert_eq!(rcf.time_to_live(), Some(77));
}

/// Stays registered, and gets what the profile says.
fn is_served(endpoint: &mut Endpoint) {
    wait::until_true("an RCF by the profile", SOON, || {
        Ok(endpoint.stay(SOON)?.time_to_live() == Some(77))
    })
    .unwrap();
}

#[test]
fn a_damaged_database() {
    let (mut zones, mut endpoint) = copied();
    for name in [FILE.to_owned(), format!("{FILE}-wal")] {
        let path = state(&zones, &name);
        let size = fs::metadata(&path).map_or(0, |m| m.len());
        if size > 0 {
            fs::write(&path, vec![0xa5; usize::try_from(size).unwrap()]).unwrap();
        }
    }
    // The running controller sees it, and so does one that starts now.
    await_source(&zones, "copy", "damaged: ");
    await_event(&zones.controller, "profiles", "last good copy");
    zones.controller.kill().unwrap();
    zones.controller.start_again(&zones.net).unwrap();
    await_source(&zones, "copy", "damaged: ");
    await_event(&zones.controller, "profiles", "last good copy");
    let text = zones.controller.text(&["status"]).unwrap();
    assert!(text.contains("profiles of 1 zone, from copy"), "{text}");
    is_served_from_it(&mut zones, &mut endpoint);
    // What it says is to be done helps.
    let export = Command::new(controller::binary().unwrap())
        .args(["profile", "export", "--secrets", "--state-dir"])
        .arg(zones.controller.place().state())
        .output()
        .unwrap();
    assert!(export.status.success());
    for name in [FILE, SNAPSHOT, "profiles.db-wal", "profiles.db-shm"] {
        let _ = fs::remove_file(state(&zones, name));
    }
    zones.import(&String::from_utf8(export.stdout).unwrap());
    await_source(&zones, "database", "");
    await_event(&zones.controller, "profiles", "read from the database");
    is_served(&mut endpoint);
}

#[test]
fn a_locked_database() {
    let (mut zones, mut endpoint) = copied();
    // Who would have it alone can only get it before the controller does.
    zones.controller.kill().unwrap();
    let holder = Connection::open(state(&zones, FILE)).unwrap();
    holder
        .pragma_update(None, "locking_mode", "EXCLUSIVE")
        .unwrap();
    holder
        .execute_batch("BEGIN EXCLUSIVE; UPDATE meta SET revision = revision")
        .unwrap();
    zones.controller.start_again(&zones.net).unwrap();
    await_source(&zones, "copy", "locked by another process");
    await_event(&zones.controller, "profiles", "last good copy");
    is_served_from_it(&mut zones, &mut endpoint);
    drop(holder);
    await_source(&zones, "database", "");
    await_event(&zones.controller, "profiles", "read from the database");
    is_served(&mut endpoint);
}
