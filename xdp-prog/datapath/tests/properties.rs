//! Properties of the data path on plain memory: total on any frame, a frame that passes is untouched, the
//! fingerprint is what userspace computes, the decision keeps its promises.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use rasline_abi::{
    Counter, ENDPOINTS_SIDE, GATEKEEPERS_SIDE, Globals, HASH_KEYS, Interface, MAX_INTERFACES,
    MAX_RRQ, elapsed, ticks,
};
use rasline_datapath::host::{HostFrame, HostTables};
use rasline_datapath::{Verdict, checksum, hash, process};

fn globals() -> Globals {
    let mut globals = Globals {
        abi_version: 1,
        slot_mask: 63,
        heartbeat_ns: 0,
        heartbeat_timeout_ns: 0,
        divert_paused_ns: 0,
        copies_per_second: 10,
        copies_per_source: 10,
        interfaces: [Interface::default(); MAX_INTERFACES],
        capture_len: 0,
        steering: 0,
        call_ports: [0; 1024],
        ras_ports: [0; 1024],
        hash_keys: [0; HASH_KEYS],
    };
    globals.interfaces[0] = Interface {
        ifindex: 1,
        side: ENDPOINTS_SIDE | GATEKEEPERS_SIDE,
    };
    globals.ras_ports[1719 / 64] |= 1 << (1719 % 64);
    for (i, key) in globals.hash_keys.iter_mut().enumerate() {
        *key = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    globals
}

fn tables() -> HostTables {
    let mut tables = HostTables::new(globals(), 64, 8, 2, 2);
    tables.ifindex = 1;
    tables.endpoints.push(([0; 16], 0, 0));
    tables
}

/// Starts like a RAS datagram over IPv4 or IPv6, and goes on with anything.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let start = prop_oneof![
        Just(vec![]),
        Just([vec![0; 12], vec![8, 0, 0x45]].concat()),
        Just([vec![0; 12], vec![0x81, 0, 0, 1, 0x86, 0xdd, 0x60]].concat()),
    ];
    (start, prop::collection::vec(any::<u8>(), 0..600))
        .prop_map(|(start, rest)| [start, rest].concat())
}

proptest! {
    #[test]
    fn any_frame_gives_a_verdict_and_a_pass_changes_nothing(octets in frames()) {
        let mut tables = tables();
        let mut frame = HostFrame::new(&octets);
        let verdict = process(&mut frame, &mut tables);
        prop_assert!(matches!(verdict, Verdict::Pass(_)), "nothing is registered: {verdict:?}");
        prop_assert_eq!(frame.octets, octets);
    }

    #[test]
    fn fingerprint_ignores_the_sequence_number_and_nothing_else(
        message in prop::collection::vec(any::<u8>(), 8..=MAX_RRQ), seq: [u8; 2], at: prop::sample::Index, bit in 0..8u32,
    ) {
        let keys = globals().hash_keys;
        let mut other = message.clone();
        other[2..4].copy_from_slice(&seq);
        let fingerprint = hash::fingerprint(&keys, &message);
        prop_assert_eq!(hash::fingerprint(&keys, &other), fingerprint);
        let at = at.index(message.len());
        other[at] ^= 1u8 << bit;
        if at != 2 && at != 3 {
            prop_assert_ne!(hash::fingerprint(&keys, &other), fingerprint);
        }
    }

    #[test]
    fn refresh_comes_early_by_an_eighth_at_most(every in 0u32..1_000_000, fingerprint: u64) {
        let after = hash::refresh_after(every, fingerprint);
        prop_assert!(after <= every && after >= every - every / 8);
    }

    #[test]
    fn sum_is_the_internet_checksum(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        // RFC 1071: the sum of a message and its checksum is all ones.
        let mut whole = octets;
        if whole.len() % 2 == 1 {
            whole.push(0);
        }
        let check = !checksum::sum(&whole);
        whole.extend(check.to_ne_bytes());
        prop_assert_eq!(checksum::sum(&whole), 0xffff);
    }

    #[test]
    fn ticks_compare_across_the_wrap(now: u64, ago in 0u64..1 << 54) {
        let since = ticks(now.wrapping_sub(ago));
        let passed = elapsed(ticks(now), since);
        if now >= ago {
            prop_assert!(u64::from(passed).abs_diff(ago >> 24) <= 1);
        }
    }
}

#[test]
fn a_frame_of_an_unknown_interface_passes() {
    let mut tables = tables();
    tables.ifindex = 7;
    let verdict = process(&mut HostFrame::new(&[0; 60]), &mut tables);
    assert_eq!(verdict, Verdict::Pass(Counter::PassInterface));
}
