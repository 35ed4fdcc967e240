//! A million endpoints. A program of its own, because it counts allocations.

#[path = "../presence/world.rs"]
#[allow(dead_code, reason = "the tests of the states use all of it")]
mod world;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use rasline_core::presence::{Digest, JUDGED_AT_ONCE, Presence};

use world::{World, ZONE, subject};

/// Counts allocations of the thread that asks for it.
struct Counting;

thread_local! {
    static COUNTED: AtomicUsize = const { AtomicUsize::new(0) };
}

// SAFETY: the system's allocator does the work.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = COUNTED.try_with(|n| n.fetch_add(1, Ordering::Relaxed));
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations() -> usize {
    COUNTED.with(|n| n.load(Ordering::Relaxed))
}

#[test]
fn a_million_endpoints_allocate_nothing_each_and_fall_silent_within_a_bound() {
    const ALL: u64 = 1_000_000;
    let mut world = World::new(0);
    let before = allocations();
    for n in 0..ALL {
        world.hear(&subject(n, 5));
    }
    let first = allocations() - before;
    assert!(first < 200, "{first} allocations for a million endpoints");
    world.pass(4);
    let before = allocations();
    let started = Instant::now();
    for n in 0..ALL {
        world.hear(&subject(n, 5));
    }
    let heard = started.elapsed();
    let started = Instant::now();
    world.tick();
    let looked = started.elapsed();
    world.pass(4);
    assert!(allocations() - before < 50, "nothing changed");
    eprintln!("a million: heard in {heard:?}, looked at in {looked:?}");
    // All go dark.
    let mut digest = Digest::default();
    let mut told = Vec::new();
    for _ in 0..14 + 1 + ALL as usize / JUDGED_AT_ONCE + 16 {
        world.tick();
        let changes = std::mem::take(&mut world.changes);
        told.extend(digest.add(world.now, &changes));
    }
    assert_eq!(
        world.monitor.counts(ZONE).of(Presence::Silent),
        ALL as usize
    );
    assert!(told.len() < 10, "{} events", told.len());
    assert!(told.iter().map(|t| t.count).sum::<u64>() > ALL / 2);
}
