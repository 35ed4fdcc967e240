use std::os::unix::fs::FileExt;

use super::*;

/// A folder with two profiles and a copy of them.
fn copied() -> (tempfile::TempDir, Loaded) {
    let folder = folder();
    let mut profiles = Profiles::open(folder.path());
    profiles.set(&peopled("hq")).unwrap();
    profiles.set(&profile("branch")).unwrap();
    let loaded = profiles.load();
    assert_eq!((loaded.source, &loaded.trouble), (Source::Database, &None));
    (folder, loaded)
}

fn is_copy(loaded: &Loaded, wanted: &Loaded, cause: &str) {
    assert_eq!(loaded.profiles, wanted.profiles);
    let Source::Snapshot { since } = loaded.source else {
        panic!("{loaded:?}");
    };
    assert!(now().abs_diff(since.cast_signed()) < 3600);
    let trouble = loaded.trouble.as_deref().unwrap();
    assert!(trouble.contains(cause), "{trouble}");
    assert!(trouble.contains("its last good copy of 20"), "{trouble}");
}

#[test]
fn a_locked_database_is_read_from_its_copy() {
    let (folder, wanted) = copied();
    let holder = other(folder.path());
    holder
        .pragma_update(None, "locking_mode", "EXCLUSIVE")
        .unwrap();
    holder
        .execute_batch("BEGIN EXCLUSIVE; UPDATE meta SET revision = revision + 1")
        .unwrap();
    let mut profiles = Profiles::open(folder.path());
    is_copy(&profiles.load(), &wanted, "locked by another process");
    assert!(!profiles.changed(), "it is locked still");
    drop(holder);
    assert!(profiles.changed());
    assert_eq!(profiles.load(), wanted);
}

#[test]
fn a_lock_after_a_load_changes_nothing() {
    let (folder, _) = copied();
    let mut profiles = Profiles::open(folder.path());
    profiles.load();
    let holder = other(folder.path());
    holder
        .execute_batch("BEGIN IMMEDIATE; UPDATE meta SET revision = revision + 1")
        .unwrap();
    assert!(!profiles.changed());
    assert_eq!(
        profiles.load().source,
        Source::Database,
        "a writer keeps no reader out"
    );
    holder.execute_batch("COMMIT").unwrap();
    assert!(profiles.changed());
}

/// Overwrites the middle of the file.
fn damage(folder: &Path) {
    let path = folder.join(FILE);
    let file = std::fs::File::options().write(true).open(path).unwrap();
    for page in 1..file.metadata().unwrap().len() / 4096 {
        file.write_all_at(&[0xa5; 2048], page * 4096).unwrap();
    }
}

#[test]
fn a_damaged_database_stays_and_its_copy_is_read() {
    let (folder, wanted) = copied();
    damage(folder.path());
    let before = std::fs::read(folder.path().join(FILE)).unwrap();
    let mut profiles = Profiles::open(folder.path());
    is_copy(&profiles.load(), &wanted, "damaged: ");
    assert!(!profiles.changed(), "it is read again when it changes");
    let failure = profiles.set(&profile("lab")).unwrap_err();
    assert!(
        failure.to_string().contains("nothing was changed; move "),
        "{failure}"
    );
    let read = profiles.get("hq").unwrap();
    assert_eq!(read.value, Some(peopled("hq")));
    let next = read.trouble.unwrap().next;
    assert!(
        next.contains("`rasline profile export --secrets`"),
        "{next}"
    );
    assert_eq!(std::fs::read(folder.path().join(FILE)).unwrap(), before);
    // What the next step says, helps.
    let text = render(&profiles.all().unwrap().value, Format::Toml).unwrap();
    for ending in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.path().join(format!("{FILE}{ending}")));
    }
    std::fs::rename(folder.path().join(SNAPSHOT), folder.path().join("kept")).unwrap();
    import_text(&mut profiles, &text, Format::Toml).unwrap();
    assert!(profiles.changed());
    assert_eq!(profiles.load(), wanted);
}

#[test]
fn damage_is_seen_by_one_who_has_it_open() {
    let (folder, wanted) = copied();
    let mut profiles = Profiles::open(folder.path());
    profiles.load();
    assert!(!profiles.changed());
    damage(folder.path());
    let damaged = std::fs::read(folder.path().join(FILE)).unwrap();
    assert!(profiles.changed(), "it was written to");
    is_copy(&profiles.load(), &wanted, "damaged: ");
    assert!(!profiles.changed());
    assert_eq!(std::fs::read(folder.path().join(FILE)).unwrap(), damaged);
}

#[test]
fn what_others_read_changes_nothing() {
    let (folder, _) = copied();
    let mut profiles = Profiles::open(folder.path());
    profiles.load();
    Profiles::open(folder.path()).list().unwrap();
    assert!(!profiles.changed());
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let (folder, wanted) = copied();
    std::fs::write(folder.path().join(FILE), "profiles").unwrap();
    let mut profiles = Profiles::open(folder.path());
    is_copy(&profiles.load(), &wanted, "damaged: file is not a database");
    let db = Connection::open(folder.path().join("x")).unwrap();
    db.execute_batch("CREATE TABLE t (x)").unwrap();
    drop(db);
    std::fs::rename(folder.path().join("x"), folder.path().join(FILE)).unwrap();
    assert!(profiles.changed());
    is_copy(
        &profiles.load(),
        &wanted,
        "damaged: the database belongs to another program",
    );
    profiles.set(&profile("lab")).unwrap_err();
}

#[test]
fn what_someone_else_wrote_into_it_is_checked() {
    let (folder, wanted) = copied();
    let db = other(folder.path());
    db.execute(
        "UPDATE aliases SET alias = char(10) WHERE alias = '1001'",
        [],
    )
    .unwrap();
    drop(db);
    let loaded = Profiles::open(folder.path()).load();
    is_copy(
        &loaded,
        &wanted,
        "profile \"hq\": endpoints[0] (alice).aliases: ",
    );
}

#[test]
fn a_database_that_is_gone_or_empty_is_missed() {
    let (folder, wanted) = copied();
    let path = folder.path().join(FILE);
    for gone in [true, false] {
        let _ = std::fs::remove_file(&path);
        if !gone {
            std::fs::write(&path, "").unwrap();
        }
        let mut profiles = Profiles::open(folder.path());
        is_copy(
            &profiles.load(),
            &wanted,
            "is missing, although a copy of it exists",
        );
        assert!(!profiles.changed(), "it is gone still");
        let failure = profiles.set(&profile("lab")).unwrap_err().to_string();
        assert!(
            failure.contains("or move the copy away to start empty"),
            "{failure}"
        );
    }
    let mut profiles = Profiles::open(folder.path());
    profiles.load();
    std::fs::copy(folder.path().join(SNAPSHOT), &path).unwrap();
    assert!(profiles.changed());
    assert_eq!(profiles.load(), wanted);
}

#[test]
fn without_a_copy_it_is_said_and_nothing_is_read() {
    let (folder, _) = copied();
    std::fs::write(folder.path().join(FILE), "profiles").unwrap();
    std::fs::write(folder.path().join(SNAPSHOT), "profiles").unwrap();
    let mut profiles = Profiles::open(folder.path());
    let loaded = profiles.load();
    assert_eq!((loaded.profiles.len(), loaded.source), (0, Source::Nothing));
    assert!(loaded.trouble.unwrap().contains("import an earlier export"));
    profiles.list().unwrap_err();
}

#[test]
fn a_newer_file_is_left_alone() {
    let (folder, wanted) = copied();
    other(folder.path())
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let loaded = Profiles::open(folder.path()).load();
    is_copy(
        &loaded,
        &wanted,
        "schema version 99 was written by a newer rasline",
    );
}

#[test]
fn a_folder_that_is_not_there_is_said() {
    let folder = folder();
    let mut profiles = Profiles::open(&folder.path().join("state"));
    assert_eq!(profiles.load().trouble, None);
    let failure = profiles.set(&profile("hq")).unwrap_err().to_string();
    assert!(
        failure.ends_with("create the folder, or give another one with --state-dir"),
        "{failure}"
    );
}

#[test]
fn the_copy_is_made_once_a_change() {
    let (folder, _) = copied();
    let path = folder.path().join(SNAPSHOT);
    let made = || std::fs::metadata(&path).unwrap().modified().unwrap();
    let first = made();
    let mut profiles = Profiles::open(folder.path());
    profiles.load();
    assert_eq!(made(), first);
    profiles.set(&profile("lab")).unwrap();
    profiles.load();
    assert_ne!(made(), first);
    assert!(!folder.path().join(format!("{SNAPSHOT}.new")).exists());
}

#[test]
fn a_copy_that_cannot_be_made_is_said() {
    let (folder, _) = copied();
    let path = folder.path().join(SNAPSHOT);
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let loaded = Profiles::open(folder.path()).load();
    assert_eq!(
        (loaded.source, loaded.profiles.len()),
        (Source::Database, 2)
    );
    let trouble = loaded.trouble.unwrap();
    assert!(
        trouble.contains("the copy of the profiles cannot be written"),
        "{trouble}"
    );
}
