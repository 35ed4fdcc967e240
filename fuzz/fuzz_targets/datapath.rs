//! The data path on any frame, with registrations in every state, in zones that are well, have moved, or are to be
//! moved: no panic; a frame that passes is untouched, an answer goes back to where the frame came from, and what is
//! readdressed keeps its length, the endpoint's address, and a right checksum.
//!
//!     cargo +nightly fuzz run datapath -- -max_total_time=180
#![no_main]

use libfuzzer_sys::fuzz_target;
use rasline_datapath::{Verdict, process};

#[allow(dead_code)]
#[path = "../../tests/kernel/steered.rs"]
mod steered;
#[allow(dead_code)]
#[path = "../../tests/kernel/world.rs"]
mod world;

/// The worlds that a frame is tried in.
fn worlds() -> [world::World; 3] {
    let mut moving = steered::moved();
    moving.zones[0].migrate_rate = 1;
    let mut silent = steered::world();
    let since = silent.now - world::SECOND;
    world::fall_silent(&mut silent.states[0], since);
    [
        world::World::in_every_state(),
        moving.and_every_state(),
        silent.and_every_state(),
    ]
}

fuzz_target!(|frame: &[u8]| {
    for mut world in worlds() {
        world.globals.copies_per_source = 10;
        let mut tables = world.host();
        // Once to make a flow, once to follow it.
        for _ in 0..2 {
            let mut host = world::host_frame(frame);
            let verdict = process(&mut host, &mut tables);
            check(frame, verdict, &host.octets);
        }
        // The fragment that follows goes where the first one went.
        if let Some(next) = world::following(frame) {
            let mut host = world::host_frame(&next);
            let verdict = process(&mut host, &mut tables);
            check(&next, verdict, &host.octets);
        }
        for (header, at) in &tables.copied {
            assert!(at + usize::from(header.len) <= frame.len());
        }
    }
});

fn check(before: &[u8], verdict: Verdict, after: &[u8]) {
    match verdict {
        Verdict::Pass(_) | Verdict::Ask(..) | Verdict::Divert(_) | Verdict::Drop(_) => {
            assert_eq!(after, before);
        }
        Verdict::Answer { .. } => {
            assert_eq!(after[..6], before[6..12]);
            assert_eq!(after[6..12], before[..6]);
            assert!(after.len() >= 14 + 28 + 16);
        }
        Verdict::Substitute => assert_eq!(after[..12], before[..12]),
        Verdict::Readdressed => {
            assert_eq!(after[..12], before[..12]);
            if after.len() == before.len() {
                assert!(world::balanced(before, after));
            }
        }
        Verdict::Rip | Verdict::Reset => assert_eq!(after[..6], before[6..12]),
        Verdict::Redirect(_) => {}
    }
}
