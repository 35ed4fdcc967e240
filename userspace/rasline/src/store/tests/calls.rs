//! Calls that rasline's registrars admitted.

use rasline_core::registrar::{StoredCall, StoredLeg};

use super::*;

fn leg(n: u16) -> StoredLeg {
    StoredLeg {
        endpoint_identifier: format!("{n}_gk"),
        answers: n % 2 == 1,
        reference: n,
        conference: [7; 16],
        bandwidth: u32::MAX - u32::from(n),
    }
}

fn call(n: u16) -> StoredCall {
    StoredCall {
        call: format!("call {n}"),
        call_identifier: n.is_multiple_of(2).then_some([n as u8; 16]),
        started: Time(u64::from(n) * SECOND),
        legs: (0..n).map(leg).collect(),
    }
}

fn found(store: &Store) -> Vec<CallRow> {
    store.calls().unwrap()
}

fn rows(calls: &[StoredCall]) -> Vec<CallRow> {
    let row = |one: &StoredCall| ("a".to_owned(), one.call.clone(), Some(one.clone()));
    calls.iter().map(row).collect()
}

#[test]
fn what_is_put_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path());
    for n in 1..=8 {
        store.put_call("a", call(n));
        store.put_call("b", call(n));
    }
    let mut other = call(3);
    other.legs.pop();
    store.put_call("a", other.clone());
    store.delete_call("a", "call 1");
    store.flush().unwrap();
    store.delete_call("a", "call 2");
    store.keep_only_calls((2..=5).map(|n| ("a".to_owned(), format!("call {n}"))));
    store.put_call("a", call(5));
    store.flush().unwrap();
    drop(store);
    let store = Store::open(folder.path());
    let all = [other, call(4), call(5)];
    assert_eq!(found(&store), rows(&all));
    assert_eq!(store.status().error, "");
}

/// The process ends in the middle of it: what a batch wrote is there, whole calls and no others.
#[test]
fn nobody_needs_to_close_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path());
    store.put_call("a", call(2));
    store.flush().unwrap();
    let other = Connection::open(store.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    store.put_call("a", call(4));
    store.flush().unwrap_err();
    // What SIGKILL leaves behind at this moment.
    let folder_now = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder_now.path().join(entry.file_name())).unwrap();
    }
    let after = Store::open(folder_now.path());
    assert_eq!(found(&after), rows(&[call(2)]));
    assert_eq!(after.status().error, "");
}

#[test]
fn rows_that_make_no_sense_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path());
    for n in 1..=6 {
        store.put_call("a", call(n));
    }
    store.flush().unwrap();
    let other = Connection::open(store.path()).unwrap();
    let long = format!("legs = '[{}]'", " ".repeat(1 << 20));
    for (n, change) in [
        (1, "legs = '[{'"),
        (2, "legs = '[{\"endpoint_identifier\": 7}]'"),
        (3, "call_identifier = x'01'"),
        (4, "legs = ''"),
        (5, &long),
    ] {
        let change = format!("UPDATE calls SET {change} WHERE call = 'call {n}'");
        assert_eq!(other.execute(&change, []).unwrap(), 1);
    }
    let all = found(&store);
    let bad: Vec<&str> = all
        .iter()
        .filter(|(_, _, call)| call.is_none())
        .map(|(_, name, _)| name.as_str())
        .collect();
    assert_eq!(bad, ["call 1", "call 2", "call 3", "call 4", "call 5"]);
    assert_eq!(all[5..], rows(&[call(6)]));
}

#[test]
fn the_queue_is_bounded_and_asks_for_all() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path());
    let other = Connection::open(store.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for round in 0..2 {
        for n in 0..=LIMIT {
            store.delete_call("a", &format!("call {n}"));
        }
        // The writer may hold what it had taken when the lock stopped it.
        if round == 0 {
            store.flush().unwrap_err();
        }
    }
    assert!(store.status().overflows > 0);
    assert_eq!(store.room_for_calls(), 0);
    assert_eq!(store.room_for_served(), LIMIT / 2, "the others have theirs");
    other.execute_batch("COMMIT").unwrap();
    while store.flush().is_err() {}
    assert!(store.wants_all());
}
