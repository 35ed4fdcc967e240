use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn what_is_set_is_read_back() {
    let folder = folder();
    let mut profiles = Profiles::open(folder.path());
    let hq = peopled("hq");
    profiles.set(&hq).unwrap();
    profiles.set(&profile("branch")).unwrap();
    assert_eq!(profiles.get("hq").unwrap().value, Some(hq.clone()));
    assert_eq!(profiles.get("nowhere").unwrap().value, None);
    let all = Profiles::open(folder.path()).all().unwrap();
    assert_eq!(
        (all.value, all.source),
        (vec![profile("branch"), hq.clone()], Source::Database)
    );
    // In its place, and nothing of the one before.
    let less = Profile {
        endpoints: vec![endpoint(&["1001"])],
        ..hq
    };
    profiles.set(&less).unwrap();
    assert_eq!(profiles.get("hq").unwrap().value, Some(less));
    assert!(profiles.delete("hq").unwrap());
    assert!(!profiles.delete("hq").unwrap());
    assert_eq!(profiles.all().unwrap().value, [profile("branch")]);
}

#[test]
fn nothing_is_made_by_reading() {
    let folder = folder();
    let mut profiles = Profiles::open(folder.path());
    let loaded = profiles.load();
    assert_eq!((loaded.source, loaded.trouble), (Source::Nothing, None));
    assert!(!profiles.changed());
    assert!(!profiles.delete("hq").unwrap());
    assert_eq!(profiles.list().unwrap().value, []);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn only_its_owner_may_read_it() {
    let folder = folder();
    let mut profiles = Profiles::open(folder.path());
    profiles.set(&peopled("hq")).unwrap();
    profiles.load();
    // As `cp` leaves it.
    let lax = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(profiles.path(), lax).unwrap();
    let mut again = Profiles::open(folder.path());
    again.load();
    let mut files = Vec::new();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", file.path());
        files.push(file.file_name().into_string().unwrap());
    }
    files.sort();
    assert_eq!(
        files,
        [FILE, "profiles.db-shm", "profiles.db-wal", SNAPSHOT]
    );
}

#[test]
fn what_fails_its_check_is_not_written() {
    let folder = folder();
    let mut profiles = Profiles::open(folder.path());
    profiles.set(&peopled("hq")).unwrap();
    let mut bad = peopled("hq");
    bad.endpoints[1].aliases.push("1001".into());
    assert_eq!(
        profiles.set(&bad).unwrap_err().to_string(),
        "profile: zone \"hq\": endpoints[1] (gw).aliases: duplicate \"1001\", already used by endpoints[0]; remove one of the two"
    );
    assert_eq!(profiles.get("hq").unwrap().value, Some(peopled("hq")));
}

#[test]
fn the_file_itself_refuses_an_alias_twice() {
    let folder = folder();
    Profiles::open(folder.path()).set(&peopled("hq")).unwrap();
    let db = other(folder.path());
    db.execute(
        "INSERT INTO aliases SELECT profile, '1001', 1, 7 FROM endpoints",
        [],
    )
    .unwrap_err();
}

#[test]
fn an_edit_leaves_the_endpoints() {
    let folder = folder();
    let mut profiles = Profiles::open(folder.path());
    profiles.set(&peopled("hq")).unwrap();
    let new = profiles.edit("hq", false, |p| {
        apply(p, "subscription=on").map_err(|e| vec![e])?;
        apply(p, "until=2027-01-31").map_err(|e| vec![e])
    });
    assert!(!new.unwrap());
    let mut wanted = peopled("hq");
    wanted.subscription.on = true;
    wanted.subscription.until = Some(1_801_353_600);
    assert_eq!(profiles.get("hq").unwrap().value, Some(wanted));
    let failures = profiles.edit("lab", false, |_| Ok(())).unwrap_err();
    assert_eq!(
        told(&failures),
        [
            "zone \"lab\": has no profile; see `rasline profile list`, or create one with `rasline profile set ZONE --create`"
        ]
    );
    assert!(profiles.edit("lab", true, |_| Ok(())).unwrap());
    let failures = profiles.edit("lab", false, |p| {
        p.time_to_live.min = 0;
        Ok(())
    });
    assert_eq!(
        told(&failures.unwrap_err()),
        [
            "profile: zone \"lab\": time_to_live: min 0, default 300, max 3600 are not in order; use 1 <= min <= default <= max"
        ]
    );
    assert_eq!(profiles.get("lab").unwrap().value, Some(profile("lab")));
}

#[test]
fn every_key_can_be_set() {
    for (assignment, json) in [
        (
            "gatekeeper_identifier=GK",
            r#"{"gatekeeper_identifier":"GK"}"#,
        ),
        ("tenant=acme", r#"{"tenant":"acme"}"#),
        ("subscription=on", r#"{"subscription":{"on":true}}"#),
        (
            "until=1801353600",
            r#"{"subscription":{"until":"2027-01-31T00:00:00Z"}}"#,
        ),
        (
            "time_to_live.default=60",
            r#"{"time_to_live":{"default":60}}"#,
        ),
        ("time_to_live.min=60", r#"{"time_to_live":{"min":60}}"#),
        ("time_to_live.max=600", r#"{"time_to_live":{"max":600}}"#),
        (
            "call_model=192.0.2.1:1720",
            r#"{"call_model":{"gatekeeper-routed":"192.0.2.1:1720"}}"#,
        ),
        (
            "authentication=hmac-sha1",
            r#"{"authentication":"hmac-sha1"}"#,
        ),
        ("admit_unknown=on", r#"{"admit_unknown":true}"#),
        (
            "limits.registrations=1",
            r#"{"limits":{"registrations":1}}"#,
        ),
        ("limits.calls=1", r#"{"limits":{"calls":1}}"#),
        (
            "limits.call_bandwidth=1",
            r#"{"limits":{"call_bandwidth":1}}"#,
        ),
        ("limits.bandwidth=1", r#"{"limits":{"bandwidth":1}}"#),
        ("prefixes=1, 2", r#"{"prefixes":["1","2"]}"#),
        ("reach=a,b", r#"{"reach":["a","b"]}"#),
    ] {
        let mut changed = profile("hq");
        apply(&mut changed, assignment).unwrap();
        let mut wanted = serde_json::to_value(profile("hq")).unwrap();
        let patch: serde_json::Value = serde_json::from_str(json).unwrap();
        join(&mut wanted, &patch);
        assert_eq!(
            serde_json::to_value(&changed).unwrap(),
            wanted,
            "{assignment}"
        );
        assert!(keys().any(|(key, _)| assignment.starts_with(&format!("{key}="))));
    }
    assert_eq!(keys().count(), 16);
}

fn join(into: &mut serde_json::Value, patch: &serde_json::Value) {
    for (key, value) in patch.as_object().unwrap() {
        match into.get_mut(key).filter(|old| old.is_object()) {
            Some(old) => join(old, value),
            None => into[key] = value.clone(),
        }
    }
}

#[test]
fn an_assignment_that_makes_no_sense_is_refused() {
    for (assignment, text) in [
        (
            "subscription",
            "\"subscription\": is not KEY=VALUE; write for example subscription=on",
        ),
        (
            "subscription=maybe",
            "subscription: \"maybe\" is neither on nor off; use subscription=on|off",
        ),
        (
            "limits.calls=-1",
            "limits.calls: \"-1\": invalid digit found in string; use limits.calls=NUMBER",
        ),
        (
            "call_model=gk",
            "call_model: \"gk\": invalid socket address syntax; use call_model=direct|ADDRESS:PORT",
        ),
        (
            "authentication=sha",
            "authentication: \"sha\" is not a known method; use authentication=none|md5|hmac-sha1",
        ),
    ] {
        let failure = apply(&mut profile("hq"), assignment).unwrap_err();
        assert_eq!(failure.to_string(), text);
    }
    let failure = apply(&mut profile("hq"), "endpoints=1").unwrap_err();
    assert!(
        failure
            .to_string()
            .starts_with("endpoints: unknown key; use one of gatekeeper_identifier, tenant, ")
    );
}

#[test]
fn a_change_by_another_process_is_seen() {
    let folder = folder();
    let (mut daemon, mut tool) = (Profiles::open(folder.path()), Profiles::open(folder.path()));
    assert!(daemon.changed());
    daemon.load();
    assert!(!daemon.changed());
    tool.set(&profile("hq")).unwrap();
    assert!(daemon.changed());
    assert_eq!(daemon.load().profiles.len(), 1);
    assert!(!daemon.changed());
    tool.set(&profile("hq")).unwrap();
    assert!(daemon.changed());
    daemon.load();
    tool.edit("x", false, |_| Ok(())).unwrap_err();
    assert!(!daemon.changed());
    // A file put in its place counts, too.
    std::fs::rename(folder.path().join(FILE), folder.path().join("old")).unwrap();
    for ending in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.path().join(format!("{FILE}{ending}")));
    }
    std::fs::copy(folder.path().join(SNAPSHOT), folder.path().join(FILE)).unwrap();
    tool.set(&profile("lab")).unwrap();
    assert!(daemon.changed());
    assert_eq!(daemon.load().profiles.len(), 2);
}

#[test]
fn two_processes_write_one_after_the_other() {
    let folder = folder();
    let path = folder.path();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            scope.spawn(move || {
                let mut profiles = Profiles::open(path);
                for i in 0..10 {
                    profiles.set(&profile(&format!("{writer}.{i}"))).unwrap();
                }
            });
        }
    });
    assert_eq!(Profiles::open(path).load().profiles.len(), 40);
}
