//! The data path on any frame, with registrations in every state: no panic, a frame that passes is untouched, and
//! an answer has the length that its headers tell and goes back to where the frame came from.
//!
//!     cargo +nightly fuzz run datapath -- -max_total_time=180
#![no_main]

use libfuzzer_sys::fuzz_target;
use rasline_datapath::{Verdict, process};

#[allow(dead_code)]
#[path = "../../tests/kernel/world.rs"]
mod world;

fuzz_target!(|frame: &[u8]| {
    let mut world = world::World::in_every_state();
    world.globals.copies_per_source = 10;
    let mut tables = world.host();
    let mut host = world::host_frame(frame);
    match process(&mut host, &mut tables) {
        Verdict::Pass(_) | Verdict::Divert(_) | Verdict::Drop(_) => assert_eq!(host.octets, frame),
        Verdict::Answer { .. } => {
            assert_eq!(host.octets[..6], frame[6..12]);
            assert_eq!(host.octets[6..12], frame[..6]);
            assert!(host.octets.len() >= 14 + 28 + 16);
        }
        Verdict::Substitute | Verdict::Readdressed => assert_eq!(host.octets[..12], frame[..12]),
        Verdict::Rip | Verdict::Reset => assert_eq!(host.octets[..6], frame[6..12]),
        Verdict::Redirect(_) => {}
    }
    for (header, at) in &tables.copied {
        assert!(at + usize::from(header.len) <= frame.len());
    }
});
