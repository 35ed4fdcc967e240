//! Registrations of an earlier process.

use rasline_core::backup::Input;
use rasline_core::registrar::{EntryId, Stored};

use crate::world::*;

/// What a process stored that served zone 0, and its endpointIdentifiers.
fn stored(endpoints: u16) -> (Vec<Stored>, Vec<String>) {
    let mut world = World::with(1, endpoints);
    world.serve(0, true);
    let eids = (1..=endpoints).map(|n| world.register(0, n)).collect();
    (world.store.into_values().collect(), eids)
}

fn restore(world: &mut World, zone: u32, stored: &Stored) {
    world.store.insert((zone, stored.id), stored.clone());
    let stored = Box::new(stored.clone());
    world.feed(Input::Restore { zone, stored });
}

#[test]
fn they_are_kept_until_the_zone_is_served() {
    let (stored, eids) = stored(3);
    let mut world = World::with(2, 3);
    for one in &stored {
        restore(&mut world, 0, one);
    }
    assert_eq!((world.kernel.len(), world.unit.stats().kept), (0, 3));
    world.serve(1, true);
    assert_eq!(world.unit.view(0).unwrap().kept, 3);
    world.serve(0, true);
    assert_eq!((world.kernel.len(), world.store.len()), (3, 3));
    assert_eq!(world.unit.stats().kept, 0);
    for (n, eid) in (1..).zip(&eids) {
        assert_eq!(world.keeps_alive(0, n, eid), *eid);
    }
    world.serve(0, false);
    assert_eq!((world.kernel.len(), world.store.len()), (0, 0));
}

#[test]
fn they_are_given_at_once_to_a_zone_that_is_served() {
    let (stored, eids) = stored(1);
    let mut world = World::with(1, 1);
    world.serve(0, true);
    restore(&mut world, 0, &stored[0]);
    assert_eq!(world.kernel.len(), 1);
    assert_eq!(world.keeps_alive(0, 1, &eids[0]), eids[0]);
}

#[test]
fn they_are_not_kept_for_ever() {
    let (stored, _) = stored(4);
    let mut world = World::with(2, 4);
    for one in &stored {
        restore(&mut world, 0, one);
    }
    // The zone's gatekeepers are well after all: nothing of an outage holds.
    restore(&mut world, 1, &stored[0]);
    world.serve(1, false);
    assert_eq!(world.store.len(), 4);
    // Dropped by hand.
    let id = stored[2].id;
    world.feed(Input::Drop { zone: 0, id });
    assert_eq!((world.store.len(), world.unit.stats().kept), (3, 3));
    // Too old.
    let ends = || stored.iter().map(Stored::ends);
    let first = ends().min().unwrap().since(world.now);
    world.pass(first.saturating_sub(SECOND));
    assert_eq!(world.store.len(), 3);
    world.pass(ends().max().unwrap().since(world.now));
    assert_eq!((world.store.len(), world.unit.stats().kept), (0, 0));
    assert_eq!(world.unit.stats().not_kept, 3);
    // Of a zone that nobody knows.
    restore(&mut world, 9, &stored[0]);
    assert_eq!(world.store.len(), 0);
}

#[test]
fn not_too_many_are_kept() {
    let (stored, _) = stored(1);
    let mut world = World::with(1, 1);
    for n in 0..150 {
        let one = Stored {
            id: EntryId(n),
            ..stored[0].clone()
        };
        restore(&mut world, 0, &one);
    }
    assert_eq!((world.store.len(), world.unit.stats().kept), (100, 100));
    // The same again takes no more room.
    restore(
        &mut world,
        0,
        &Stored {
            id: EntryId(3),
            ..stored[0].clone()
        },
    );
    assert_eq!((world.store.len(), world.unit.stats().kept), (100, 100));
}
