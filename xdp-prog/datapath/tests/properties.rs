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
        macs: [0; MAX_INTERFACES],
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

/// A zone for each family, with a gatekeeper and a service address: 10.0.0.1 and ::1.
fn steering() -> HostTables {
    let mut tables = tables();
    tables.globals_mut().steering = 1;
    tables.now = 1 << 50;
    tables.endpoints = vec![([0; 16], 0, 1), (mapped([0; 4]), 96, 0)];
    let port = 1719u16.to_be_bytes();
    let v6 = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
    let mut loopback = [0; 16];
    loopback[15] = 1;
    let families = [
        (mapped([10, 1, 0, 9]), mapped([10, 0, 0, 1])),
        (v6, loopback),
    ];
    for (i, (gatekeeper, service)) in families.into_iter().enumerate() {
        let zone = tables.zone_mut(i);
        (zone.generation, zone.epoch, zone.active) = (1, 1, i as u32);
        zone.service_ras_port = port;
        let row = tables.gatekeeper_mut(i);
        (row.address, row.ras_port, row.zone) = (gatekeeper, port, i as u32);
        let index = &mut tables.gatekeeper_index;
        index.insert((i as u32, words(gatekeeper)), i as u32);
        index.insert((i as u32, words(service)), rasline_abi::SERVICE);
    }
    tables
}

fn mapped(address: [u8; 4]) -> [u8; 16] {
    let mut all = [0; 16];
    all[10..12].fill(0xff);
    all[12..].copy_from_slice(&address);
    all
}

fn words(address: [u8; 16]) -> [u64; 2] {
    let half = |at: usize| u64::from_ne_bytes(address[at..at + 8].try_into().unwrap());
    [half(0), half(8)]
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

/// Starts like a fragment of RAS between two addresses of a zone, first or later, and goes on with anything.
fn fragments() -> impl Strategy<Value = Vec<u8>> {
    let v4 = (any::<u16>(), 0..4u8).prop_map(|(field, number)| {
        let [high, low] = field.to_be_bytes();
        let addresses = [10, 0, 0, 7, 10, 0, 0, 1];
        let start = [8, 0, 0x45, 0, 0, 60, 0, number, high, low, 64, 17, 0, 0];
        [&start[..], &addresses].concat()
    });
    let v6 = (any::<u16>(), 0..4u8).prop_map(|(field, number)| {
        let [high, low] = field.to_be_bytes();
        let start = [0x86, 0xdd, 0x60, 0, 0, 0, 0, 60, 44, 64];
        let fragment = [17, 0, high, low, 0, 0, 0, number];
        [&start[..], &[0; 15], &[7], &[0; 15], &[1], &fragment].concat()
    });
    let tags = prop::sample::select(vec![vec![], vec![0x81, 0, 0, 1]]);
    // Ports of RAS, or others.
    let ports = prop::sample::select(vec![[6, 183], [0, 0]]);
    let rest = prop::collection::vec(any::<u8>(), 0..200);
    (tags, prop_oneof![v4, v6], ports, rest).prop_map(|(tags, start, port, rest)| {
        [&[0; 12], &tags[..], &start, &port, &port, &rest].concat()
    })
}

proptest! {
    /// Whatever comes in fragments, in a zone with a service address: what passes is untouched, what is readdressed
    /// keeps its length and everything but one address, a port and checksums.
    #[test]
    fn any_fragments_pass_or_are_readdressed(all in prop::collection::vec(fragments(), 1..20)) {
        let mut tables = steering();
        for octets in all {
            let mut frame = HostFrame::new(&octets);
            let verdict = process(&mut frame, &mut tables);
            let changed = frame.octets.iter().zip(&octets).filter(|(new, old)| new != old).count();
            prop_assert_eq!(frame.octets.len(), octets.len());
            match verdict {
                Verdict::Readdressed => prop_assert!(changed > 0 && changed <= 16 + 2 + 4, "{changed}"),
                Verdict::Pass(_) => prop_assert_eq!(changed, 0),
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }

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
