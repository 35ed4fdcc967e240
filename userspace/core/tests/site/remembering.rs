//! What is remembered, and what is made of it.

use rasline_core::record::{Record, RecordKey};
use rasline_core::site::{Input, Start};

use super::world::*;

fn kinds(records: &[Record]) -> Vec<&'static str> {
    let kind = |record: &Record| match record {
        Record::Registration(_) => "registration",
        Record::Served { .. } => "served",
        Record::Call { .. } => "call",
        Record::Decision(_) => "decision",
        Record::Alternates(_) => "alternates",
        Record::Agent(_) => "agent",
    };
    records.iter().map(kind).collect()
}

#[test]
fn what_the_kernel_took_is_remembered_and_what_it_refused_is_not() {
    let mut world = World::new(two_gatekeepers());
    world.all_up();
    world.records.clear();
    world.learn(1, BEST);
    assert!(kinds(&world.records).contains(&"registration"));
    world.records.clear();
    world.kernel.full = true;
    for _ in 0..3 {
        world.keep_alive_through(2, BEST, "ep2");
    }
    assert!(!kinds(&world.records).contains(&"registration"));
    assert!(world.forgotten > 0);
}

/// All that another box would need: every key has a record, and restoring them gives the same site.
#[test]
fn records_restore_a_site() {
    let mut world = World::new(registrar());
    let eid = world.register(1);
    world.keep_alive(1, &eid);
    world.register(2);
    let keys = world.site.record_keys();
    assert!(!keys.is_empty());
    let records: Vec<Record> = keys
        .iter()
        .map(|key| world.site.record(key).expect("each key has a record"))
        .collect();
    let mut second = World::with(registrar(), Kernel::default(), Start::default());
    second.now = world.now;
    for record in records {
        second.handle(Input::Restore(record));
    }
    let endpoints = |world: &World| {
        let registrars = world.site.own().registrars();
        let views = registrars.flat_map(|(_, it)| it.views().collect::<Vec<_>>());
        let mut all: Vec<_> = views
            .map(|view| (view.endpoint, view.endpoint_identifier, view.aliases))
            .collect();
        all.sort();
        all
    };
    assert_eq!(endpoints(&second), endpoints(&world));
    assert_eq!(endpoints(&second).len(), 2);
    assert_eq!(
        second.slots(),
        world.slots(),
        "answered by the kernel at once"
    );
}

#[test]
fn learned_registrations_are_published_again_as_they_were() {
    let mut world = World::new(two_gatekeepers());
    world.all_up();
    world.learn(1, BEST);
    let keys = world.site.record_keys();
    let key = keys
        .iter()
        .find(|key| matches!(key, RecordKey::Registration(_)));
    let record = world.site.record(key.expect("published")).unwrap();
    let mut second = World::new(two_gatekeepers());
    second.now = world.now;
    second.handle(Input::Restore(record));
    assert_eq!(second.slots(), (0, 1));
    let entry = |world: &World| {
        let kernel = &world.kernel;
        kernel.slots.values().next().unwrap().clone()
    };
    let (before, after) = (entry(&world), entry(&second));
    assert_eq!((before.rrq, before.rcf), (after.rrq, after.rcf));
}
