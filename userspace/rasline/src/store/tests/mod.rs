//! The store gives back what it was given, whatever happens in between.

mod calls;
mod served;
mod trouble;

use std::{net::SocketAddr, time::Duration};

use proptest::{collection, option, prelude::*};
use rasline_core::{Alternate, RegistrationId, Time};

use super::*;

const SECOND: u64 = 1_000_000_000;

fn keeper(n: u8) -> Arc<Keeper> {
    Arc::new(Keeper {
        zone: "site".into(),
        gatekeeper: format!("gk{n}"),
        address: SocketAddr::from(([192, 0, 2, n], 1719)),
    })
}

/// Zone 0 and the last octet.
fn find(keeper: &Keeper) -> Option<(u32, u32)> {
    let std::net::IpAddr::V4(ip) = keeper.address.ip() else {
        return None;
    };
    Some((0, u32::from(ip.octets()[3])))
}

fn registration(id: u64) -> Stored {
    Stored {
        id: RegistrationId(id),
        zone: 0,
        gatekeeper: 1,
        endpoint: SocketAddr::from(([10, 0, 0, id as u8], 1719)),
        endpoint_identifier: format!("e{id}"),
        gatekeeper_identifier: None,
        aliases: vec!["alice".into()],
        call_signal_addresses: Vec::new(),
        rrq: vec![1; 40].into(),
        rcf: vec![2; 40].into(),
        full_rrq: None,
        gatekeeper_ttl: Duration::from_mins(10),
        first_seen: Time(SECOND),
        confirmed: Time(2 * SECOND),
        last_seen: Time(3 * SECOND),
        answered: 4,
    }
}

fn all(store: &Store) -> Vec<Stored> {
    let mut all = Vec::new();
    store.load(find, |stored| all.push(*stored)).unwrap();
    all
}

#[test]
fn the_last_events_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path());
    for number in 1..=events::KEPT as u64 + 5 {
        store.put_event(number, format!("{{\"number\":{number}}}"));
        if number % 1000 == 0 {
            store.flush().unwrap();
        }
    }
    store.flush().unwrap();
    drop(store);
    let all = Store::open(folder.path()).events().unwrap();
    assert_eq!(all.len(), events::KEPT);
    assert_eq!(all[0], r#"{"number":6}"#);
}

prop_compose! {
    fn any_registration()(
        id in 1..u64::from(u32::MAX),
        gatekeeper in 1..4_u8,
        endpoint: SocketAddr,
        names in (".*", option::of(".*"), collection::vec(".*", 0..4)),
        call_signal_addresses in collection::vec(any::<SocketAddr>(), 0..3),
        rrq: Vec<u8>,
        rcf: Vec<u8>,
        full_rrq: Option<Vec<u8>>,
        ttl: u32,
        times in (-1_000_000 * SECOND.cast_signed()..1_000_000 * SECOND.cast_signed(), any::<i32>(), any::<u32>()),
        answered: u64,
    ) -> Stored {
        let (endpoint_identifier, gatekeeper_identifier, aliases) = names;
        Stored {
            id: RegistrationId(id),
            zone: 0,
            gatekeeper: gatekeeper.into(),
            endpoint: plain(endpoint),
            endpoint_identifier,
            gatekeeper_identifier,
            aliases,
            call_signal_addresses: call_signal_addresses.into_iter().map(plain).collect(),
            rrq: rrq.into(),
            rcf: rcf.into(),
            full_rrq: full_rrq.map(Into::into),
            gatekeeper_ttl: Duration::from_secs(ttl.into()),
            first_seen: Time(times.0.cast_unsigned()),
            confirmed: Time((times.0 + i64::from(times.1)).cast_unsigned()),
            last_seen: Time((times.0 + i64::from(times.2)).cast_unsigned()),
            answered,
        }
    }
}

/// Without flow and scope, which no registration has.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn what_is_put_comes_back(given in collection::vec(any_registration(), 0..12), drop_every in 2..5_usize) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path());
        let mut model = std::collections::BTreeMap::new();
        for (n, stored) in given.iter().enumerate() {
            store.put(&keeper(stored.gatekeeper as u8), stored.clone());
            model.insert(stored.id.0, stored.clone());
            if n % drop_every == 1 {
                store.delete(given[n / 2].id.0);
                model.remove(&given[n / 2].id.0);
                store.flush().unwrap();
            }
        }
        drop(store);
        let again = Store::open(folder.path());
        prop_assert_eq!(all(&again), model.values().cloned().collect::<Vec<_>>());
        prop_assert_eq!(again.status().registrations, model.len() as u64);
        prop_assert_eq!(again.status().error, "");
    }
}

#[test]
fn times_are_noted_and_others_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path());
    for id in 1..=5 {
        store.put(&keeper(1), registration(id));
    }
    let times = Times {
        confirmed: Time(70 * SECOND),
        last_seen: Time(80 * SECOND),
        answered: 90,
    };
    store.touch(2, times);
    store.flush().unwrap();
    store.touch(3, times);
    store.touch(99, times);
    store.flush().unwrap();
    store.keep_only(vec![3, 2, 7]);
    store.put(&keeper(1), registration(8));
    store.flush().unwrap();
    let kept = all(&store);
    let told: Vec<_> = kept.iter().map(|r| (r.id.0, Times::of(r))).collect();
    assert_eq!(
        told,
        [(2, times), (3, times), (8, Times::of(&registration(8)))]
    );
    assert_eq!(store.status().registrations, 3);
    assert!(store.status().last_write.is_some());
}

#[test]
fn of_other_gatekeepers_nothing_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path());
    store.put(&keeper(1), registration(1));
    store.put(&keeper(2), registration(2));
    store.flush().unwrap();
    let mut given = Vec::new();
    let loaded = store
        .load(
            |k| find(k).filter(|place| place.1 == 2),
            |stored| given.push(stored.id.0),
        )
        .unwrap();
    assert_eq!((given, loaded.given, loaded.foreign), (vec![2], 1, 1));
}

#[test]
fn decisions_and_alternates_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path());
    let decision = |zone: &str, manual| Decision {
        zone: zone.into(),
        active: "gk 1".into(),
        manual,
        since: Time(5 * SECOND),
    };
    let decisions = [
        decision("a", Manual::None),
        decision("b", Manual::Hold),
        decision("c", Manual::Switch("gk 2".into())),
    ];
    store.put_zone(decision("b", Manual::None));
    for decision in &decisions {
        store.put_zone(decision.clone());
    }
    let list = |n: u8, count: u8| Listed {
        by: (*keeper(n)).clone(),
        message: "RCF".into(),
        at: Time(6 * SECOND),
        alternates: (0..count)
            .map(|i| Alternate {
                address: SocketAddr::from(([198, 51, 100, i], 1719)),
                gatekeeper_identifier: (i > 0).then(|| "other".into()),
                need_to_register: i == 1,
                priority: 10 * i,
            })
            .collect(),
    };
    store.put_alternates(list(1, 3));
    store.put_alternates(list(2, 2));
    store.flush().unwrap();
    store.put_alternates(list(1, 0));
    store.put_alternates(list(3, 1));
    drop(store);
    let again = Store::open(folder.path());
    assert_eq!(again.zones().unwrap(), decisions);
    assert_eq!(again.alternates().unwrap(), [list(2, 2), list(3, 1)]);
}

#[test]
fn clocks_may_be_set_and_machines_started_again() {
    let mut db = Connection::open_in_memory().unwrap();
    schema::migrate(&mut db).unwrap();
    let (wall, now) = (1_700_000_000 * SECOND.cast_signed(), Time(500 * SECOND));
    let clock = Clock::open(&db, "one", wall, now).unwrap();
    let kept = clock.wall(now);
    assert_eq!(kept, wall);
    // The wall clock was set an hour ahead: it makes nothing older.
    let hour = 3600 * SECOND;
    let same = Clock::open(&db, "one", wall + hour.cast_signed(), now).unwrap();
    assert_eq!(same.time(kept), now);
    // Two minutes later the machine started, a minute later the controller.
    let wall = wall + 180 * SECOND.cast_signed();
    let other = Clock::open(&db, "two", wall, Time(60 * SECOND)).unwrap();
    assert_eq!(
        Time(60 * SECOND).since(other.time(kept)),
        Duration::from_mins(3)
    );
    assert_eq!(Clock::open(&db, "two", 0, Time(0)).unwrap(), other);
}

#[test]
fn the_queue_is_bounded_and_says_so() {
    let mut batch = Batch::default();
    for id in 0..LIMIT as u64 {
        assert!(batch.push(id, Change::Delete));
    }
    assert!(!batch.push(LIMIT as u64, Change::Delete));
    assert!(batch.push(7, Change::Put(keeper(1), Box::new(registration(7)))));
    assert_eq!(batch.registrations.len(), LIMIT);
}

#[test]
fn what_was_put_back_gives_way_to_what_came_since() {
    let put = |id| Change::Put(keeper(1), Box::new(registration(id)));
    let times = Times {
        answered: 77,
        ..Times::of(&registration(1))
    };
    let (mut older, mut batch) = (Batch::default(), Batch::default());
    for id in 1..=4 {
        older.push(id, put(id));
    }
    batch.push(1, Change::Times(times));
    batch.push(2, Change::Delete);
    batch.push(5, put(5));
    batch.keep_only = Some(vec![1, 2, 3, 5]);
    batch.put_back(older);
    let ids: Vec<u64> = batch.registrations.keys().copied().collect();
    assert_eq!(ids, [1, 2, 3, 5], "4 is not to be kept");
    let Change::Put(_, one) = &batch.registrations[&1] else {
        panic!("{:?}", batch.registrations[&1]);
    };
    assert_eq!(one.answered, 77);
    assert_eq!(batch.registrations[&2], Change::Delete);
}

#[test]
fn what_agents_know_comes_back_until_they_know_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let agent = |name: &str, alternates: u8| Remembered {
        name: name.into(),
        gatekeeper: Some(SocketAddr::from(([192, 0, 2, 1], 1719))),
        endpoint_identifier: Some("1_ep".into()),
        alternates: (0..alternates)
            .map(|n| Alternate {
                address: SocketAddr::from(([192, 0, 2, 10 + n], 1719)),
                gatekeeper_identifier: (n > 0).then(|| format!("gk{n}")),
                need_to_register: n > 1,
                priority: n,
            })
            .collect(),
    };
    let nothing = Remembered {
        gatekeeper: None,
        alternates: Vec::new(),
        ..agent("b", 0)
    };
    let store = Store::open(folder.path());
    for one in [agent("a", 1), agent("a", 3), agent("b", 2)] {
        store.remember_agent(one);
    }
    store.flush().unwrap();
    drop(store);
    let store = Store::open(folder.path());
    assert_eq!(store.agents().unwrap(), [agent("a", 3), agent("b", 2)]);
    store.remember_agent(nothing);
    store.flush().unwrap();
    assert_eq!(store.agents().unwrap(), [agent("a", 3)]);
}
