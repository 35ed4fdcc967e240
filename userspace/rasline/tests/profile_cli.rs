//! `rasline profile` as people and scripts meet it.
#![allow(clippy::unwrap_used)]

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rasline::profiles::{FILE, Profiles, SNAPSHOT, Source};
use rusqlite::Connection;
use serde_json::{Value, json};

/// A state directory.
struct State(tempfile::TempDir);

/// Exit code, stdout and stderr.
type Outcome = (i32, String, String);

impl State {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn start(&self, arguments: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_rasline"))
            .args(["profile", "--state-dir", self.path().to_str().unwrap()])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn told(&self, arguments: &[&str], input: &str) -> Outcome {
        let mut child = self.start(arguments);
        // Who refuses its arguments does not read.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        finish(child)
    }

    fn run(&self, arguments: &[&str]) -> Outcome {
        self.told(arguments, "")
    }

    /// What a command that succeeds prints.
    fn fine(&self, arguments: &[&str]) -> String {
        let (code, out, err) = self.run(arguments);
        assert_eq!((code, err.as_str()), (0, ""), "{arguments:?}");
        out
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.fine(arguments)).unwrap()
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Zones and how many endpoints each has.
    fn zones(&self) -> Vec<(String, u64)> {
        let list = self.json(&["list", "--json"]);
        let zone = |p: &Value| {
            (
                p["zone"].as_str().unwrap().to_owned(),
                p["endpoints"].as_u64().unwrap(),
            )
        };
        list.as_array().unwrap().iter().map(zone).collect()
    }
}

fn finish(child: Child) -> Outcome {
    let output = child.wait_with_output().unwrap();
    let text = |b| String::from_utf8(b).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// The example of the documentation.
fn example() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/profiles.md");
    let text = std::fs::read_to_string(path).unwrap();
    let example = text.split("```toml\n").nth(1).unwrap();
    example.split("```").next().unwrap().to_owned()
}

/// A zone with so many endpoints.
fn many(zone: &str, endpoints: usize) -> String {
    let endpoints: Vec<Value> = (0..endpoints)
        .map(|i| json!({"aliases": [format!("user-{i}"), i.to_string()]}))
        .collect();
    json!({"zone": zone, "gatekeeper_identifier": zone, "endpoints": endpoints}).to_string()
}

#[test]
fn the_example_of_the_documentation() {
    let state = State::new();
    let file = state.file("example.toml", &example());
    assert_eq!(
        state.fine(&["import", &file]),
        "imported 2 profiles (2 new), 2 endpoints\n"
    );
    let list = state.fine(&["list"]);
    let lines: Vec<&str> = list.lines().collect();
    assert!(
        lines[0].starts_with("ZONE    TENANT  SUBSCRIPTION                   GATEKEEPERIDENTIFIER"),
        "{list}"
    );
    assert!(lines[1].starts_with("branch  acme    off "), "{list}");
    assert!(
        lines[2].starts_with("hq      acme    on until 2099-12-31T00:00:00Z  HQ-GK                 direct  md5             1,3314    2          1          0        20"),
        "{list}"
    );
    // What is exported, imported and exported again is the same.
    for format in ["toml", "json"] {
        let other = State::new();
        let text = state.fine(&["export", "--secrets", "--format", format]);
        let (code, _, err) = other.told(&["import", "-", "--format", format], &text);
        assert_eq!((code, err.as_str()), (0, ""));
        assert_eq!(
            other.fine(&["export", "--secrets", "--format", format]),
            text
        );
    }
}

#[test]
fn passwords_are_shown_only_when_asked_for() {
    let state = State::new();
    state.fine(&["import", &state.file("e.toml", &example())]);
    for arguments in [
        &["list"][..],
        &["list", "--json"],
        &["show", "hq"],
        &["show", "hq", "--json"],
        &["export"],
        &["export", "hq", "--format", "json"],
    ] {
        assert!(
            !state.fine(arguments).contains("correct horse"),
            "{arguments:?}"
        );
    }
    for arguments in [
        &["show", "hq", "--secrets"][..],
        &["show", "hq", "--json", "--secrets"],
        &["export", "--secrets"],
    ] {
        assert!(
            state.fine(arguments).contains("correct horse"),
            "{arguments:?}"
        );
    }
    // An import of the export without them leaves them.
    let text = state.fine(&["export"]);
    assert_eq!(state.told(&["import", "-"], &text).0, 0);
    assert!(
        state
            .fine(&["export", "--secrets"])
            .contains("correct horse")
    );
}

#[test]
fn shown_to_people_and_to_scripts() {
    let state = State::new();
    state.fine(&["import", &state.file("e.toml", &example())]);
    let learned = rasline_core::profile::KnownEndpoint {
        aliases: vec!["bob".into()],
        ras_address: Some("10.0.0.9:1719".parse().unwrap()),
        ..Default::default()
    };
    Profiles::open(state.path())
        .learn("hq", &[learned])
        .unwrap();
    assert_eq!(
        state.fine(&["show", "hq"]),
        "zone                 hq
tenant               acme
gatekeeperIdentifier HQ-GK
subscription         on until 2099-12-31T00:00:00Z
timeToLive           5m, from 30s to 1h
calls                direct
authentication       md5
limits               5000 registrations, 200 calls, 20000 x 100 bit/s per call, 1000000 x 100 bit/s in total
unknown endpoints    are refused
prefixes             1, 3314
plan                 00: strip 2, add 9
reach                branch
neighbour            PARTNER-GK at 198.51.100.7:1719, asked for 44, answered
endpoints            2 configured, 1 of them with a password, 1 learned

ALIASES     PREFIXES  PASSWORD  CALLS TO       RAS            ENDPOINTIDENTIFIER  FROM
alice,1001  -         yes       -              -              -                   given
gw-paris    0         -         10.0.0.2:1720  10.0.0.2:1719  4711_HQ-GK          given
bob         -         -         -              10.0.0.9:1719  -                   learned
"
    );
    let hq = state.json(&["show", "hq", "--json"]);
    assert_eq!(hq["zone"], "hq");
    assert_eq!(hq["passwords"], 1);
    assert_eq!(hq["learned"][0]["aliases"], json!(["bob"]));
    assert_eq!(state.json(&["list", "--json"])[1]["learned"], 1);
    state.fine(&["import", &state.file("m.json", &many("m", 30))]);
    assert!(
        state
            .fine(&["show", "m"])
            .ends_with("\nand 10 more (--all)\n")
    );
    assert!(state.fine(&["show", "m", "--all"]).contains("user-29,29"));
}

#[test]
fn settings_are_changed_and_profiles_deleted() {
    let state = State::new();
    assert_eq!(
        state.run(&["set", "hq", "subscription=on"]),
        (1, String::new(), "rasline: zone \"hq\": has no profile; see `rasline profile list`, or create one with `rasline profile set ZONE --create`\n".into())
    );
    assert_eq!(state.fine(&["set", "hq", "--create"]), "hq: created\n");
    assert_eq!(
        state.fine(&[
            "set",
            "hq",
            "subscription=on",
            "until=2027-01-31",
            "prefixes=1,2"
        ]),
        "hq: changed\n"
    );
    let hq = state.json(&["show", "hq", "--json"]);
    assert_eq!(
        hq["subscription"],
        json!({"on": true, "until": "2027-01-31T00:00:00Z"})
    );
    assert_eq!(hq["prefixes"], json!(["1", "2"]));
    // All or nothing, and each fault in a line.
    let (code, out, err) = state.run(&["set", "hq", "prefixes=3", "limits.calls=x", "tenant"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert_eq!(
        err,
        "rasline: limits.calls: \"x\": invalid digit found in string; use limits.calls=NUMBER\nrasline: \"tenant\": is not KEY=VALUE; write for example subscription=on\n"
    );
    let (code, _, err) = state.run(&["set", "hq", "prefixes=1,1"]);
    assert_eq!(
        (code, err.as_str()),
        (
            1,
            "rasline: profile: zone \"hq\": prefixes[1]: duplicate \"1\"; remove one of the two\n"
        )
    );
    assert_eq!(state.json(&["show", "hq", "--json"]), hq);
    // Without a terminal nobody can be asked.
    let (code, out, err) = state.run(&["delete", "hq"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("nothing was deleted; use --yes"), "{err}");
    assert_eq!(state.json(&["show", "hq", "--json"]), hq);
    let (_, _, err) = state.run(&["delete", "--yes", "hqq"]);
    assert!(err.contains("did you mean \"hq\"?"), "{err}");
    assert_eq!(state.fine(&["delete", "hq", "--yes"]), "hq: deleted\n");
    let (code, _, err) = state.run(&["delete", "hq", "--yes"]);
    assert_eq!(code, 1);
    assert!(
        err.starts_with("rasline: zone \"hq\": has no profile; "),
        "{err}"
    );
    for arguments in [&["show", "hq"][..], &["export", "hq"]] {
        assert_eq!(state.run(arguments).0, 1);
    }
    assert_eq!(state.fine(&["list", "--json"]), "[]\n");
}

#[test]
fn wrong_usage_is_2() {
    let state = State::new();
    for arguments in [
        &[][..],
        &["fly"],
        &["import"],
        &["import", "x", "--format", "xml"],
        &["export", "--format", "ldif"],
        &["set", "hq"],
        &["show"],
        &["delete"],
    ] {
        assert_eq!(state.run(arguments).0, 2, "{arguments:?}");
    }
    assert_eq!(std::fs::read_dir(state.path()).unwrap().count(), 0);
}

#[test]
fn bad_files_change_nothing_and_are_told_by_name_and_place() {
    let state = State::new();
    state.fine(&["set", "hq", "--create"]);
    let before = state.fine(&["export", "--secrets"]);
    let at = state.path().display().to_string();
    for (name, text, wanted) in [
        (
            "a.toml",
            "zone = \"a\"\ngatekeeper_identifier = 7\n",
            "a.toml:2: invalid type: integer `7`, expected a string; correct it; nothing was imported",
        ),
        (
            "b.json",
            "[{\"zone\": \"b\"",
            "b.json:1: EOF while parsing an object; correct it; nothing was imported",
        ),
        (
            "c.json",
            r#"{"zone": "c", "gatekeeper_identifier": "C", "reach": ["c"], "endpoints": [{"aliases": ["1"]}, {"aliases": ["x", "1"]}]}"#,
            "c.json: zone \"c\": reach[0]: names the zone itself; remove it\n\
             c.json: zone \"c\": endpoints[1] (x).aliases: duplicate \"1\", already used by endpoints[0]; remove one of the two",
        ),
        (
            "d.ldif",
            "dn: cn=d\nh323IdentityGKDomain: hq\nh323IdentitydialedDigits: 1\n\ndn: cn=e\nh323IdentityGKDomain: hq\nh323IdentitydialedDigits: 1\n",
            "d.ldif:5: cn=e: duplicate alias \"1\", already used by AT/d.ldif:1: cn=d; remove one of the two",
        ),
    ] {
        let file = state.file(name, text);
        let (code, out, err) = state.run(&["import", &file]);
        let told: Vec<&str> = err.lines().collect();
        let line = |line: &str| format!("rasline: {at}/{}", line.replace("AT", &at));
        let wanted: Vec<String> = wanted.lines().map(line).collect();
        assert_eq!(
            (code, out.as_str(), told),
            (1, "", wanted.iter().map(String::as_str).collect())
        );
    }
    let file = state.path().join("l1.toml");
    std::fs::write(&file, b"zone = \"a\"\n# \xfc\n").unwrap();
    let (code, _, err) = state.run(&["import", file.to_str().unwrap()]);
    assert_eq!(
        (code, err),
        (
            1,
            format!("rasline: {at}/l1.toml:2: is not UTF-8; convert it; nothing was imported\n")
        )
    );
    let (code, _, err) = state.run(&["import", "/nonexistent/x.toml"]);
    assert_eq!(code, 1);
    assert!(
        err.starts_with("rasline: /nonexistent/x.toml: No such file"),
        "{err}"
    );
    assert_eq!(state.fine(&["export", "--secrets"]), before);
}

#[test]
fn a_directory_is_joined_to_its_zone() {
    let state = State::new();
    state.fine(&[
        "set",
        "hq",
        "--create",
        "gatekeeper_identifier=gk.example.com",
    ]);
    let text = "dn: ou=x\nou: x\n\ndn: cn=a\nh323IdentityGKDomain: GK.example.com\nh323Identityh323-ID: al\n ice\nh235IdentityPassword:: c2VjcmV0\nh323IdentitypartyNumber: 1\n";
    let file = state.file("dir.ldif", text);
    assert_eq!(
        state.fine(&["import", &file]),
        "imported 1 profile (0 new), 1 endpoint\nskipped: 1 entry without h323Identity\nskipped: 1 value of h323IdentitypartyNumber\n"
    );
    let imported = state.json(&["import", &file, "--json", "--zone", "hq"]);
    assert_eq!(imported["zones"], json!(["hq"]));
    let hq = state.json(&["show", "hq", "--json", "--secrets"]);
    assert_eq!(
        hq["endpoints"],
        json!([{"aliases": ["alice"], "password": "secret"}])
    );
}

#[test]
fn the_folder_comes_from_the_configuration() {
    let state = State::new();
    let at = state.path().display();
    let config = format!(
        "[daemon]\nstate_dir = \"{at}\"\n[[interface]]\nname = \"lan0\"\nside = \"both\"\n[[zone]]\nname = \"z\"\nendpoints = [\"10.0.0.0/8\"]\n[[zone.gatekeeper]]\nid = \"g\"\naddress = \"192.0.2.1\"\n"
    );
    let file = state.file("r.toml", &config);
    let run = |config: &str| {
        let child = Command::new(env!("CARGO_BIN_EXE_rasline"))
            .args(["--config", config, "profile", "set", "z", "--create"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        finish(child.unwrap())
    };
    assert_eq!(run(&file).0, 0);
    assert_eq!(state.zones(), [("z".to_owned(), 0)]);
    let (code, _, err) = run("/nonexistent/r.toml");
    assert_eq!(code, 1);
    assert!(
        err.ends_with("; or give the folder with --state-dir\n"),
        "{err}"
    );
}

#[test]
fn two_imports_at_the_same_time_both_succeed() {
    let state = State::new();
    let files: Vec<String> = (0..4)
        .map(|i| state.file(&format!("{i}.json"), &many(&format!("z{i}"), 300)))
        .collect();
    let imports: Vec<Child> = files.iter().map(|f| state.start(&["import", f])).collect();
    for import in imports {
        let (code, _, err) = finish(import);
        assert_eq!((code, err.as_str()), (0, ""));
    }
    let wanted: Vec<_> = (0..4).map(|i| (format!("z{i}"), 300)).collect();
    assert_eq!(state.zones(), wanted);
}

/// Octets of the database's log: they grow while a large import is at work, before it is committed.
fn log(state: &State) -> u64 {
    let log: PathBuf = state.path().join(format!("{FILE}-wal"));
    std::fs::metadata(log).map_or(0, |m| m.len())
}

#[test]
fn killed_in_the_midst_of_an_import_nothing_committed_is_lost() {
    let state = State::new();
    let (small, large) = (
        state.file("small.json", &many("hq", 10)),
        state.file("large.json", &many("hq", 15_000)),
    );
    let mut midst = 0;
    for _ in 0..10 {
        state.fine(&["import", &small]);
        let mut import = state.start(&["import", &large]);
        while log(&state) == 0 && import.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        import.kill().unwrap();
        let done = import.wait().unwrap().success();
        // Killed after the commit, it is all there, too.
        let zones = state.zones();
        let none = zones == [("hq".to_owned(), 10)] && !done;
        assert!(none || zones == [("hq".to_owned(), 15_000)], "{zones:?}");
        let loaded = Profiles::open(state.path()).load();
        assert_eq!((loaded.source, loaded.trouble), (Source::Database, None));
        midst += usize::from(none);
        if midst == 2 {
            return;
        }
    }
    panic!("each import was faster than the kill");
}

#[test]
fn a_locked_database_is_told_and_its_copy_shown() {
    let state = State::new();
    state.fine(&["set", "hq", "--create"]);
    assert_eq!(Profiles::open(state.path()).load().source, Source::Database);
    let holder = Connection::open(state.path().join(FILE)).unwrap();
    holder
        .pragma_update(None, "locking_mode", "EXCLUSIVE")
        .unwrap();
    holder
        .execute_batch("BEGIN EXCLUSIVE; UPDATE meta SET revision = revision + 1")
        .unwrap();
    let path = state.path().join(FILE).display().to_string();
    let (code, out, err) = state.run(&["list", "--json"]);
    assert_eq!(code, 0);
    assert!(out.contains("\"zone\": \"hq\""), "{out}");
    let begins = format!("rasline: {path}: locked by another process; its last good copy of 20");
    let ends = format!(" is used; try again, or end the process shown by `fuser {path}`\n");
    assert!(err.starts_with(&begins) && err.ends_with(&ends), "{err}");
    std::fs::remove_file(state.path().join(SNAPSHOT)).unwrap();
    let (code, out, err) = state.run(&["list"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(
        err.contains("locked by another process; try again"),
        "{err}"
    );
}

#[test]
fn a_damaged_database_is_told_what_to_do_about() {
    let state = State::new();
    state.fine(&["set", "hq", "--create"]);
    Profiles::open(state.path()).load();
    let path = state.path().join(FILE);
    std::fs::write(&path, "damaged").unwrap();
    let (code, out, err) = state.run(&["export"]);
    assert_eq!(code, 0);
    assert!(out.contains("zone = \"hq\""), "{out}");
    assert!(
        err.contains("file is not a database; its last good copy of "),
        "{err}"
    );
    assert!(
        err.contains("run `rasline profile export --secrets`, which reads the copy"),
        "{err}"
    );
    let (code, _, err) = state.run(&["set", "hq", "tenant=x"]);
    assert_eq!(code, 1);
    assert!(err.contains("nothing was changed; move "), "{err}");
    assert_eq!(std::fs::read(&path).unwrap(), b"damaged");
}

#[test]
fn every_key_that_can_be_set_is_documented() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    let text = std::fs::read_to_string(path).unwrap();
    let section = text.split("## Profiles").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    for (key, _) in rasline::profiles::keys() {
        assert!(section.contains(&format!("`{key}`")), "{key}");
    }
}
