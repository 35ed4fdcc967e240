//! Files and folders that are not as they should be.

use std::{
    fs,
    os::unix::fs::FileExt,
    time::{Duration, Instant},
};

use super::*;

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < end, "not {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A file with these registrations.
fn file(folder: &Path, ids: impl IntoIterator<Item = u64>) -> PathBuf {
    let store = Store::open(folder);
    for id in ids {
        store.put(&keeper(1), registration(id));
    }
    store.flush().unwrap();
    store.path().to_owned()
}

fn aside(folder: &Path) -> usize {
    let names = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name());
    let names = names.map(|n| n.to_string_lossy().into_owned());
    names
        .filter(|n| n.starts_with("state.db.corrupt-") && n.ends_with('Z'))
        .count()
}

#[test]
fn a_corrupt_file_is_moved_aside() {
    for damage in [
        &b"not a database, but long enough to be one"[..],
        &[0xff; 4096],
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path(), 1..100);
        // Behind the header as well as in its place: pages, or what the file is.
        let at = if damage.len() == 4096 { 4096 } else { 0 };
        fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .write_all_at(damage, at)
            .unwrap();
        let store = Store::open(folder.path());
        let status = store.status();
        assert!(status.set_aside.contains("state.db.corrupt-"), "{status:?}");
        assert_eq!((status.error.as_str(), status.registrations), ("", 0));
        assert!(fs::exists(&status.set_aside).unwrap());
        assert_eq!(aside(folder.path()), 1);
        let news = store.news();
        assert!(news.len() == 1 && news[0].contains("corrupt"), "{news:?}");
        assert!(store.wants_all() && !store.wants_all());
        store.put(&keeper(1), registration(1));
        store.flush().unwrap();
        assert_eq!(all(&store), [registration(1)]);
    }
}

#[test]
fn damage_that_only_reading_meets() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), 1..2000);
    let store = Store::open(folder.path());
    let damaged = fs::File::options().write(true).open(&path).unwrap();
    let pages = damaged.metadata().unwrap().len() / 4096;
    for page in pages / 4..pages {
        damaged.write_all_at(&[0xff; 4096], page * 4096).unwrap();
    }
    let refused = store.load(find, drop).unwrap_err().to_string();
    assert!(
        refused.contains("state.db") && refused.contains("corrupt"),
        "{refused}"
    );
    until("replaced", || store.wants_all());
    assert_eq!(aside(folder.path()), 1);
    store.put(&keeper(1), registration(1));
    store.flush().unwrap();
    assert_eq!(all(&store), [registration(1)]);
}

#[test]
fn a_newer_file_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), [1]);
    let newer = schema::newest() + 7;
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", newer)
        .unwrap();
    let before = fs::read(&path).unwrap();
    let store = Store::open(folder.path());
    let error = store.status().error;
    for part in [
        format!("version {newer}"),
        format!("up to {}", schema::newest()),
    ] {
        assert!(error.contains(&part), "{error}");
    }
    assert!(!store.is_open());
    assert_eq!(store.news(), [error]);
    store.put(&keeper(1), registration(2));
    store.flush().unwrap();
    assert_eq!(all(&store), []);
    drop(store);
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(aside(folder.path()), 0);
}

#[test]
fn without_a_folder_there_is_no_file() {
    // Not even root writes into /proc.
    for folder in ["/proc", "/nowhere/at/all"] {
        let store = Store::open(Path::new(folder));
        assert!(!store.is_open());
        let error = store.status().error;
        assert!(
            error.starts_with(&format!("store {folder}/state.db: ")),
            "{error}"
        );
        store.put(&keeper(1), registration(1));
        assert_eq!((store.status().waiting, all(&store)), (0, Vec::new()));
        assert!(!store.wants_all());
    }
}

#[test]
fn people_alone_read_what_stands_in_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), [1]);
    assert_eq!(
        fs::metadata(path).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn a_failure_is_told_once_and_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), [1]);
    let store = Store::open(folder.path());
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    store.put(&keeper(1), registration(2));
    store.delete(1);
    assert!(store.flush().unwrap_err().to_string().contains("locked"));
    until("told", || !store.status().error.is_empty());
    store.put(&keeper(1), registration(3));
    assert_eq!(store.status().waiting, 3);
    assert!(!store.wants_all(), "of no use yet");
    other.execute_batch("COMMIT").unwrap();
    until("written again", || store.status().error.is_empty());
    store.flush().unwrap();
    assert_eq!(all(&store), [registration(2), registration(3)]);
    let news = store.news();
    assert!(
        news.len() == 2 && news[1].contains("writing works again"),
        "{news:?}"
    );
}
