//! Registrations with rasline itself.

use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;

use rasline_core::{
    proxy,
    registrar::{self, EntryId},
};

use super::*;

fn registered(id: u64) -> registrar::Stored {
    registrar::Stored {
        id: EntryId(id),
        endpoint_identifier: format!("{id}_gk"),
        endpoint: SocketAddr::from(([10, 0, 0, id as u8], 1719)),
        seen_as: SocketAddr::from(([192, 0, 2, 1], 1719)),
        full: vec![1; 300],
        lightweight: Some(vec![2; 90]),
        time_to_live: 300,
        confirmed: Time(7 * SECOND),
    }
}

fn one(id: u64) -> Served {
    Served::Registrar(registered(id))
}

fn proxied(id: u64) -> Served {
    Served::Proxy(proxy::Stored {
        registration: registered(id),
        gatekeeper: Some(SocketAddr::from(([198, 51, 100, 1], 1719))),
        upstream_identifier: Some("upstream".into()),
        upstream_gatekeeper_identifier: None,
        upstream_ttl: Some(u32::MAX),
        upstream_signalling_port: Some(20_000),
    })
}

fn of(zone: &str, served: &[Served]) -> Vec<(String, Served)> {
    let zoned = |one: &Served| (zone.to_owned(), one.clone());
    served.iter().map(zoned).collect()
}

prop_compose! {
    fn any_served()(
        id: u64,
        identifier in "[a-c]{1,2}",
        addresses: (SocketAddr, SocketAddr, Option<SocketAddr>),
        full: Vec<u8>,
        lightweight: Option<Vec<u8>>,
        time_to_live: u32,
        confirmed in -1_000_000 * SECOND.cast_signed()..1_000_000 * SECOND.cast_signed(),
        upstream: Option<(Option<String>, Option<String>, Option<u32>, Option<u16>)>,
    ) -> Served {
        let registration = registrar::Stored {
            id: EntryId(id),
            endpoint_identifier: identifier,
            endpoint: plain(addresses.0),
            seen_as: plain(addresses.1),
            full,
            lightweight,
            time_to_live,
            confirmed: Time(confirmed.cast_unsigned()),
        };
        match upstream {
            None => Served::Registrar(registration),
            Some((
                upstream_identifier,
                upstream_gatekeeper_identifier,
                upstream_ttl,
                upstream_signalling_port,
            )) => Served::Proxy(proxy::Stored {
                registration,
                gatekeeper: addresses.2.map(plain),
                upstream_identifier,
                upstream_gatekeeper_identifier,
                upstream_ttl,
                upstream_signalling_port,
            }),
        }
    }
}

/// What is done with the store.
#[derive(Clone, Debug)]
enum Step {
    Put(u8, Box<Served>),
    Delete(u8, String),
    KeepOnly(Vec<(u8, String)>),
    Flush,
}

fn step() -> impl Strategy<Value = Step> {
    let named = || (0..2_u8, "[a-c]{1,2}");
    prop_oneof![
        6 => (0..2_u8, any_served()).prop_map(|(zone, served)| Step::Put(zone, Box::new(served))),
        3 => named().prop_map(|(zone, identifier)| Step::Delete(zone, identifier)),
        1 => collection::vec(named(), 0..6).prop_map(Step::KeepOnly),
        1 => Just(Step::Flush),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn what_is_put_comes_back(steps in collection::vec(step(), 0..30)) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path());
        let mut model = BTreeMap::new();
        let zone = |n: u8| format!("zone {n}");
        for step in steps {
            match step {
                Step::Put(n, served) => {
                    store.put_served(&zone(n), (*served).clone());
                    model.insert((zone(n), served.registration().endpoint_identifier.clone()), *served);
                }
                Step::Delete(n, identifier) => {
                    store.delete_served(&zone(n), &identifier);
                    model.remove(&(zone(n), identifier));
                }
                Step::KeepOnly(kept) => {
                    let kept: Vec<_> = kept.into_iter().map(|(n, identifier)| (zone(n), identifier)).collect();
                    model.retain(|key, _| kept.contains(key));
                    store.keep_only_served(kept);
                }
                Step::Flush => store.flush().unwrap(),
            }
        }
        drop(store);
        let again = Store::open(folder.path());
        let found: BTreeMap<_, _> = again
            .served()
            .unwrap()
            .into_iter()
            .map(|(zone, served)| ((zone, served.registration().endpoint_identifier.clone()), served))
            .collect();
        prop_assert_eq!(found, model);
        prop_assert_eq!(again.status().error, "");
    }
}

#[test]
fn zones_and_services_do_not_mix() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path());
    store.put_served("a", one(1));
    store.put_served("b", one(1));
    store.put_served("b", one(2));
    store.put(&keeper(1), registration(1));
    store.delete_served("a", "1_gk");
    // The zone is a proxy's now.
    store.put_served("b", proxied(2));
    store.flush().unwrap();
    assert_eq!(store.served().unwrap(), of("b", &[one(1), proxied(2)]));
    store.keep_only(Vec::new());
    store.flush().unwrap();
    assert_eq!(store.served().unwrap().len(), 2);
    assert_eq!(all(&store), []);
}

#[test]
fn a_corrupt_file_costs_nothing_that_is_given_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path());
    store.put_served("a", one(1));
    store.flush().unwrap();
    let path = store.path().to_owned();
    drop(store);
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.write_all_at(&[0xff; 4096], 4096).unwrap();
    let store = Store::open(folder.path());
    assert!(store.status().set_aside.contains("corrupt"));
    assert_eq!(store.served().unwrap(), []);
    assert!(store.wants_all() && !store.wants_all());
    store.keep_only_served([("a".to_owned(), "1_gk".to_owned())]);
    store.put_served("a", one(1));
    store.flush().unwrap();
    assert_eq!(store.served().unwrap(), of("a", &[one(1)]));
}

#[test]
fn what_cannot_be_written_waits() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path());
    store.put_served("a", one(1));
    store.put_served("a", one(2));
    store.flush().unwrap();
    let other = Connection::open(store.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    store.delete_served("a", "1_gk");
    store.put_served("a", one(3));
    assert!(store.flush().unwrap_err().to_string().contains("locked"));
    store.put_served("a", proxied(3));
    assert_eq!(store.status().waiting, 2);
    other.execute_batch("COMMIT").unwrap();
    // The first attempt may be one that began before the lock was gone.
    while store.flush().is_err() {}
    assert_eq!(store.served().unwrap(), of("a", &[one(2), proxied(3)]));
}

#[test]
fn rows_that_make_no_sense_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path());
    for id in 1..=4 {
        store.put_served("a", proxied(id));
    }
    store.flush().unwrap();
    let other = Connection::open(store.path()).unwrap();
    for (id, change) in [
        (1, "endpoint = 'x'"),
        (2, "time_to_live = -1"),
        (3, "seen_as = ''"),
    ] {
        let change = format!("UPDATE served SET {change} WHERE id = {id}");
        assert_eq!(other.execute(&change, []).unwrap(), 1);
    }
    assert_eq!(store.served().unwrap(), of("a", &[proxied(4)]));
}

#[test]
fn the_queue_is_bounded_and_asks_for_all() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path());
    let other = Connection::open(store.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for id in 0..=LIMIT as u64 {
        store.delete_served("a", &format!("{id}_gk"));
    }
    // The writer may hold what it had taken when the lock stopped it.
    store.flush().unwrap_err();
    for id in 0..=LIMIT as u64 {
        store.delete_served("a", &format!("{id}_gk"));
    }
    assert!(store.status().overflows > 0);
    assert_eq!(store.room_for_served(), 0);
    assert_eq!(store.room(), LIMIT / 2, "the others have theirs");
    other.execute_batch("COMMIT").unwrap();
    while store.flush().is_err() {}
    assert!(store.wants_all());
    assert_eq!(store.room_for_served(), LIMIT / 2);
}

#[test]
fn what_was_put_back_gives_way_to_what_came_since() {
    let key = |id: u64| ("a".to_owned(), format!("{id}_gk"));
    let (mut older, mut batch) = (Batch::default(), Batch::default());
    for id in 1..=4 {
        assert!(older.served.push(key(id), Some(one(id))));
    }
    batch
        .served
        .keep_only([key(1), key(2), key(3), key(5)].into());
    batch.served.push(key(2), None);
    batch.served.push(key(3), Some(proxied(3)));
    batch.served.push(key(5), Some(one(5)));
    batch.put_back(older);
    let expected = [
        (key(1), Some(one(1))),
        (key(2), None),
        (key(3), Some(proxied(3))),
        (key(5), Some(one(5))),
    ];
    assert_eq!(batch.served.changes, expected.into(), "4 is not to be kept");
}
