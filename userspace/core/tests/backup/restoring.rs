//! Registrations of an earlier process.

use rasline_core::backup::Input;
use rasline_core::registrar::{EntryId, Stored, StoredCall};

use crate::backup::world::*;

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

/// What a process stored that served zone 0 with two endpoints, of which the first calls.
fn stored_call() -> (Vec<Stored>, StoredCall) {
    let mut world = World::with(1, 2);
    world.serve(0, true);
    let caller = world.register(0, 1);
    world.register(0, 2);
    world.call(0, 1, &caller, "1002");
    let call = world.stored_calls.into_values().next().unwrap();
    (world.store.into_values().collect(), call)
}

fn restore_call(world: &mut World, zone: u32, call: &StoredCall) {
    let key = (zone, call.call.clone());
    world.stored_calls.insert(key, call.clone());
    let stored = Box::new(call.clone());
    world.feed(Input::RestoreCall { zone, stored });
}

fn calls(world: &World, zone: u32) -> u64 {
    let stats = world.unit.view(zone).unwrap().stats;
    stats.map_or(0, |stats| stats.calls)
}

#[test]
fn calls_are_kept_with_their_endpoints() {
    let (stored, call) = stored_call();
    let mut world = World::with(2, 2);
    for one in &stored {
        restore(&mut world, 0, one);
    }
    restore_call(&mut world, 0, &call);
    restore_call(&mut world, 0, &call);
    assert_eq!(world.unit.stats().kept_calls, 1);
    world.serve(0, true);
    assert_eq!((calls(&world, 0), world.unit.stats().kept_calls), (1, 0));
    assert_eq!(world.stored_calls.len(), 1);
    // The zone returns: nothing of the outage holds.
    world.serve(0, false);
    assert_eq!(world.stored_calls.len(), 0);
    // To a zone that is served already.
    world.serve(1, true);
    restore_call(&mut world, 1, &call);
    assert_eq!((calls(&world, 1), world.stored_calls.len()), (0, 0));
}

#[test]
fn calls_of_nobody_are_not_kept() {
    let (stored, call) = stored_call();
    let mut world = World::with(3, 2);
    // No registrations, no such zone.
    restore_call(&mut world, 0, &call);
    restore_call(&mut world, 9, &call);
    assert_eq!(world.stored_calls.len(), 0);
    let again = |world: &mut World, zone| {
        for one in &stored {
            restore(world, zone, one);
        }
        restore_call(world, zone, &call);
        assert_eq!(world.stored_calls.len(), 1);
    };
    // All dropped by hand, too old, or the zone's gatekeepers are well after all.
    again(&mut world, 0);
    for one in &stored {
        world.feed(Input::Drop {
            zone: 0,
            id: one.id,
        });
    }
    assert_eq!(world.stored_calls.len(), 0);
    again(&mut world, 1);
    let end = stored.iter().map(Stored::ends).max().unwrap();
    world.pass(end.since(world.now));
    assert_eq!(world.stored_calls.len(), 0);
    let mut world = World::with(3, 2);
    again(&mut world, 2);
    world.serve(2, false);
    assert_eq!(
        (world.stored_calls.len(), world.unit.stats().kept_calls),
        (0, 0)
    );
    assert_eq!(world.unit.stats().not_kept_calls, 1);
}

#[test]
fn not_too_many_calls_are_kept() {
    let (stored, call) = stored_call();
    let mut world = World::with(1, 2);
    restore(&mut world, 0, &stored[0]);
    for n in 0..150 {
        let one = StoredCall {
            call: n.to_string(),
            ..call.clone()
        };
        restore_call(&mut world, 0, &one);
    }
    assert_eq!(
        (world.stored_calls.len(), world.unit.stats().kept_calls),
        (100, 100)
    );
    // Most of them are not what they are called.
    world.serve(0, true);
    assert_eq!((world.stored_calls.len(), calls(&world, 0)), (0, 0));
}
