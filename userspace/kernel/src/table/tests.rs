//! The table against plain memory, and against a search written as the kernel does it.

use std::{collections::HashMap, time::Duration};

use proptest::prelude::*;
use rasline_abi::{RcfTemplate, TICK_NS};

use super::*;
use crate::{rcf::reconstruct, scan::Scanned};

pub(super) const SECOND: u64 = 1_000_000_000;

fn keys() -> Box<[u64; HASH_KEYS]> {
    // Any odd-looking constants will do.
    let mut keys = Box::new([0; HASH_KEYS]);
    let mut x = 0x1234_5678_9abc_def1u64;
    for key in keys.iter_mut() {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        *key = x;
    }
    keys
}

pub(super) fn table(slots: usize, rcf_templates: usize) -> Table {
    Table::new(
        MappedArray::plain(slots),
        RcfTemplates::new(MappedArray::<RcfTemplate>::plain(rcf_templates)),
        keys(),
    )
}

/// An RRQ and RCF with this endpointIdentifier and this alias in the RCF.
fn messages(eid: &str, alias: &str) -> (Vec<u8>, Vec<u8>) {
    let utf16 = |s: &str| {
        s.encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect::<Vec<u8>>()
    };
    let mut rrq = vec![0x0e, 0x40, 0xaa, 0xbb, 6, 0, 8, 0x91, 0x4a, 0, 6];
    rrq.extend(utf16(eid));
    rrq.extend([1, 0, 1, 0]);
    let mut rcf = vec![0x12, 0x40, 0xcc, 0xdd, 6, 0, 8, 0x91, 0x4a, 0, 6];
    rcf.extend(utf16(alias));
    rcf.extend(utf16(eid));
    rcf.extend([0x70, 0x28, 9]);
    (rrq, rcf)
}

pub(super) struct Endpoint {
    pub(super) address: [u8; 16],
    pub(super) port: [u8; 2],
    pub(super) rrq: Vec<u8>,
    pub(super) rcf: Vec<u8>,
    eid: Vec<u8>,
}

impl Endpoint {
    pub(super) fn new(address: u8, eid: &str, alias: &str) -> Self {
        let (rrq, rcf) = messages(eid, alias);
        let mut octets = [0; 16];
        octets[15] = address;
        Self {
            address: octets,
            port: [6, 0xb7],
            rrq,
            rcf,
            eid: eid.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        }
    }

    pub(super) fn entry(&self) -> Entry<'_> {
        Entry {
            endpoint: std::net::SocketAddr::new(
                std::net::Ipv6Addr::from(self.address).into(),
                u16::from_be_bytes(self.port),
            ),
            rrq: &self.rrq,
            template: Template {
                answer: &self.rcf,
                original: None,
                endpoint_identifier: &self.eid,
                gatekeeper_ttl: Duration::from_mins(10),
                refresh_every: Duration::from_mins(5),
            },
            zone_generation: 1,
            gatekeeper: 0,
            confirmed_ns: SECOND,
            last_seen_ns: SECOND,
        }
    }
}

/// The search as the kernel does it: the published slot of an RRQ.
pub(super) fn find(table: &Table, address: &[u8; 16], port: [u8; 2], rrq: &[u8]) -> Option<u32> {
    let fingerprint = hash::fingerprint(&table.keys, rrq);
    let start = hash::home(&table.keys, table.mask(), address, port)
        .wrapping_add(hash::spread(fingerprint));
    for i in 0..PROBE_LIMIT {
        let at = table.wrap(start.wrapping_add(i));
        let slot = table.slots.load(at as usize);
        if slot.generation == GENERATION_EMPTY {
            return None;
        }
        if slot.generation & 1 == 0
            && slot.fingerprint == fingerprint
            && usize::from(slot.rrq_len) == rrq.len()
            && slot.address == *address
            && slot.port == port
        {
            return Some(at);
        }
    }
    None
}

/// What the kernel would answer, requestSeqNum 0.
pub(super) fn answer(table: &Table, e: &Endpoint) -> Option<Vec<u8>> {
    let slot = table
        .slots
        .load(find(table, &e.address, e.port, &e.rrq)? as usize);
    let rcf = reconstruct(
        &table.rcf_templates().get(slot.rcf_template),
        &e.rrq,
        slot.eid_at,
    );
    assert_eq!(slot.rcf_sum, checksum::sum(&rcf));
    Some(rcf)
}

pub(super) fn zero_seq(rcf: &[u8]) -> Vec<u8> {
    let mut rcf = rcf.to_vec();
    rcf[2..4].fill(0);
    rcf
}

#[test]
fn what_is_published_is_answered_until_removed() {
    let mut t = table(64, 64);
    let e = Endpoint::new(1, "0001_ep", "alice");
    let place = t.insert(SECOND, &e.entry()).unwrap();
    assert_eq!(answer(&t, &e), Some(zero_seq(&e.rcf)));
    assert_eq!(t.insert(SECOND, &e.entry()), Err(Refused::Twice));
    let mut later = Endpoint::new(1, "0001_ep", "alice");
    later.rrq[2..4].copy_from_slice(&[9, 9]);
    assert_eq!(answer(&t, &later), Some(zero_seq(&e.rcf)));
    assert!(t.remove(SECOND, place));
    assert!(!t.remove(SECOND, place));
    assert_eq!(answer(&t, &e), None);
    assert_eq!((t.used(), t.rcf_templates().used()), (0, 0));
}

#[test]
fn slots_rest_before_they_are_used_again() {
    let mut t = table(64, 64);
    let e = Endpoint::new(1, "0001_ep", "alice");
    let first = t.insert(SECOND, &e.entry()).unwrap();
    t.remove(SECOND, first);
    t.settle(SECOND + SECOND);
    let second = t.insert(2 * SECOND, &e.entry()).unwrap();
    assert_ne!(first.slot, second.slot);
    t.remove(2 * SECOND, second);
    t.settle(2 * SECOND + REST_NS);
    let third = t.insert(5 * SECOND, &e.entry()).unwrap();
    assert_eq!(first.slot, third.slot);
    assert!(third.generation > second.generation);
}

#[test]
fn deleted_slots_become_empty_again() {
    let mut t = table(64, 128);
    for round in 0..200u64 {
        let now = round * 10 * SECOND;
        t.settle(now);
        let all: Vec<_> = (0..32)
            .map(|i| Endpoint::new(i, &format!("{round:03}_{i:03}"), "x"))
            .collect();
        let places: Vec<_> = all
            .iter()
            .map(|e| t.insert(now, &e.entry()).unwrap())
            .collect();
        assert!(all.iter().all(|e| answer(&t, e).is_some()));
        for place in places {
            assert!(t.remove(now, place));
        }
    }
    t.settle(10_000 * SECOND);
    assert!((0..64).all(|i| t.generation_at(i) == GENERATION_EMPTY));
}

#[test]
fn a_full_table_says_so() {
    let mut t = table(16, 64);
    let all: Vec<_> = (0..9)
        .map(|i| Endpoint::new(i, &format!("000{i}_ep"), "x"))
        .collect();
    for e in &all[..8] {
        t.insert(SECOND, &e.entry()).unwrap();
    }
    assert_eq!(t.insert(SECOND, &all[8].entry()), Err(Refused::Full));
    assert!(all[..8].iter().all(|e| answer(&t, e).is_some()));
    assert_eq!(answer(&t, &all[8]), None);
}

#[test]
fn rcf_templates_run_out_before_anything_is_written() {
    let mut t = table(64, 2);
    for (i, alias) in ["a", "b", "c"].iter().enumerate() {
        let e = Endpoint::new(i as u8, "0001_ep", alias);
        assert_eq!(
            t.insert(SECOND, &e.entry()).err(),
            (i == 2).then_some(Refused::RcfTemplates)
        );
    }
    assert_eq!(t.used(), 2);
}

#[test]
fn several_behind_one_address() {
    let mut t = table(256, 256);
    let all: Vec<_> = (0..40)
        .map(|i| Endpoint::new(7, &format!("{i:04}_ep"), "x"))
        .collect();
    for e in &all {
        t.insert(SECOND, &e.entry()).unwrap();
    }
    for e in &all {
        assert_eq!(answer(&t, e), Some(zero_seq(&e.rcf)));
    }
    assert_eq!(t.rcf_templates().used(), 1);
    let too_many = (40..200).map(|i| Endpoint::new(7, &format!("{i:04}_ep"), "x"));
    let refused = too_many
        .map(|e| t.insert(SECOND, &e.entry()))
        .find_map(Result::err);
    assert_eq!(refused, Some(Refused::Crowded));
}

#[test]
fn rcfs_are_shared_but_for_the_endpoint_identifier() {
    let mut t = table(64, 64);
    let (a, b, c) = (
        Endpoint::new(1, "0001_ep", "x"),
        Endpoint::new(2, "0002_ep", "x"),
        Endpoint::new(3, "0003_ep", "y"),
    );
    let places = [&a, &b, &c].map(|e| t.insert(SECOND, &e.entry()).unwrap());
    assert_eq!(t.rcf_templates().used(), 2);
    t.remove(SECOND, places[0]);
    assert_eq!(
        (t.rcf_templates().used(), answer(&t, &b)),
        (2, Some(zero_seq(&b.rcf)))
    );
    t.remove(SECOND, places[1]);
    assert_eq!(t.rcf_templates().used(), 1);
}

#[test]
fn a_patched_rcf_keeps_the_original() {
    let mut t = table(64, 64);
    let e = Endpoint::new(1, "0001_ep", "x");
    let mut patched = e.rcf.clone();
    patched.extend([3, 0x40, 1, 2]);
    let mut entry = e.entry();
    entry.template.answer = &patched;
    entry.template.original = Some(&e.rcf);
    let place = t.insert(SECOND, &entry).unwrap();
    let slot = t.get(place).unwrap();
    let rcf_template = t.rcf_templates().get(slot.rcf_template);
    assert_eq!((rcf_template.patched, t.rcf_templates().used()), (1, 2));
    let original = t.rcf_templates().get(rcf_template.original);
    assert_eq!(
        (original.patched, original.original),
        (0, rcf_template.original)
    );
    assert_eq!(
        reconstruct(&original, &e.rrq, slot.eid_at),
        zero_seq(&e.rcf)
    );
    assert_eq!(answer(&t, &e), Some(zero_seq(&patched)));
    t.remove(SECOND, place);
    assert_eq!(t.rcf_templates().used(), 0);
}

#[test]
fn an_endpoint_identifier_that_stands_twice_leaves_no_hole() {
    let mut t = table(64, 64);
    let e = Endpoint::new(1, "0001_ep", "0001_ep");
    let place = t.insert(SECOND, &e.entry()).unwrap();
    let slot = t.get(place).unwrap();
    assert_eq!(
        (
            slot.eid_at,
            t.rcf_templates().get(slot.rcf_template).hole_len
        ),
        (0, 0)
    );
    assert_eq!(answer(&t, &e), Some(zero_seq(&e.rcf)));
}

#[test]
fn replacing_leaves_one() {
    let mut t = table(64, 64);
    let e = Endpoint::new(1, "0001_ep", "x");
    let old = t.insert(SECOND, &e.entry()).unwrap();
    let other = Endpoint::new(1, "0001_ep", "y");
    let new = t.replace(SECOND, old, &other.entry()).unwrap();
    assert_eq!((t.used(), t.get(old)), (1, None));
    assert!(t.get(new).is_some());
    assert_eq!(answer(&t, &e), Some(zero_seq(&other.rcf)));
}

#[test]
fn messages_that_do_not_fit_are_refused() {
    let mut t = table(64, 64);
    let mut e = Endpoint::new(1, "0001_ep", "x");
    e.rrq.resize(MAX_RRQ + 1, 0);
    assert_eq!(t.insert(SECOND, &e.entry()), Err(Refused::Rrq));
    e.rrq.truncate(11);
    assert_eq!(t.insert(SECOND, &e.entry()), Err(Refused::Rrq));
    let mut e = Endpoint::new(1, "0001_ep", "x");
    e.rcf.resize(rasline_abi::MAX_RCF + 1, 0);
    assert_eq!(t.insert(SECOND, &e.entry()), Err(Refused::Rcf));
    e.rcf.truncate(15);
    assert_eq!(t.insert(SECOND, &e.entry()), Err(Refused::Rcf));
    assert_eq!((t.used(), t.rcf_templates().used()), (0, 0));
}

/// What the kernel writes on a keep-alive that it answers: `answered` and `last_seen`.
fn kernel_answers(table: &Table, place: Place, now_ns: u64) {
    let mut slot = table.get(place).unwrap();
    slot.answered += 1;
    slot.last_seen = ticks(now_ns);
    let words: [u64; 8] = bytemuck::cast(slot);
    for word in [5, 7] {
        table
            .slots
            .store_word(place.slot as usize, word, words[word]);
    }
}

#[test]
fn a_scan_shows_what_changed() {
    let mut t = table(64, 64);
    let mut before = Scanned::new(64);
    let all: Vec<_> = (0..3).map(|i| Endpoint::new(i, "0001_ep", "x")).collect();
    let places: Vec<_> = all
        .iter()
        .map(|e| t.insert(SECOND, &e.entry()).unwrap())
        .collect();
    let mut scan = |t: &Table, now: u64| {
        let mut seen = Vec::new();
        t.scan(now, &mut before, |o| seen.push(o));
        seen
    };
    assert_eq!(scan(&t, SECOND).len(), 3);
    assert_eq!(scan(&t, SECOND), []);
    kernel_answers(&t, places[1], 9 * SECOND);
    let seen = scan(&t, 10 * SECOND);
    assert_eq!(seen.len(), 1);
    assert_eq!(
        (seen[0].place, seen[0].answered, seen[0].withdrawn),
        (places[1], 1, false)
    );
    assert!((9 * SECOND - TICK_NS..=10 * SECOND).contains(&seen[0].last_seen_ns));
    t.remove(10 * SECOND, places[1]);
    assert_eq!(scan(&t, 11 * SECOND), []);
    let due = t.refresh_due(2 * SECOND, places[0]).unwrap() / SECOND;
    assert!((250..=301).contains(&due), "{due}");
}

#[test]
fn a_withdrawn_slot_is_shown() {
    let mut t = table(64, 64);
    let e = Endpoint::new(1, "0001_ep", "x");
    let place = t.insert(SECOND, &e.entry()).unwrap();
    let mut slot = t.get(place).unwrap();
    assert!(!t.observe(SECOND, place).unwrap().withdrawn);
    slot.withdrawn = place.generation as u16;
    let words: [u64; 8] = bytemuck::cast(slot);
    t.slots.store_word(place.slot as usize, 7, words[7]);
    assert!(t.observe(SECOND, place).unwrap().withdrawn);
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u8, u8, bool),
    Remove(usize),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u8..6, 0u8..30, any::<bool>()).prop_map(|(a, e, x)| Step::Insert(a, e, x)),
        3 => any::<usize>().prop_map(Step::Remove),
        2 => (0..3 * SECOND).prop_map(Step::Wait),
    ]
}

proptest! {
    /// Searches as the kernel does them find exactly what is published, whatever came before.
    #[test]
    fn searches_find_exactly_what_is_published(steps in prop::collection::vec(step(), 1..200)) {
        let mut t = table(64, 96);
        let mut now = SECOND;
        let mut there: Vec<((u8, u8), Place)> = Vec::new();
        let mut rcfs: HashMap<(u8, u8), Vec<u8>> = HashMap::new();
        for s in steps {
            match s {
                Step::Insert(address, eid, alias) => {
                    let e = Endpoint::new(address, &format!("{eid:04}_ep"), if alias { "x" } else { "y" });
                    match t.insert(now, &e.entry()) {
                        Ok(place) => {
                            prop_assert!(rcfs.insert((address, eid), zero_seq(&e.rcf)).is_none());
                            there.push(((address, eid), place));
                        }
                        Err(Refused::Twice) => prop_assert!(rcfs.contains_key(&(address, eid))),
                        Err(Refused::Full) => prop_assert_eq!(there.len(), 32),
                        Err(Refused::Crowded | Refused::RcfTemplates) => {}
                        Err(other) => prop_assert!(false, "{:?}", other),
                    }
                }
                Step::Remove(n) if !there.is_empty() => {
                    let (key, place) = there.swap_remove(n % there.len());
                    rcfs.remove(&key);
                    prop_assert!(t.remove(now, place));
                }
                Step::Remove(_) => {}
                Step::Wait(ns) => {
                    now += ns;
                    t.settle(now);
                }
            }
        }
        prop_assert_eq!(t.used(), there.len());
        for address in 0..6 {
            for eid in 0..30 {
                let e = Endpoint::new(address, &format!("{eid:04}_ep"), "x");
                prop_assert_eq!(answer(&t, &e), rcfs.get(&(address, eid)).cloned());
            }
        }
    }
}
