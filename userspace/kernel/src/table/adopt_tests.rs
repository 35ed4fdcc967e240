//! Tables that an earlier controller left, at whatever point it died.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{
    tests::{Endpoint, SECOND, answer, find, table, zero_seq},
    *,
};

const LATER: u64 = 100 * SECOND;

/// The controller dies, another one comes.
fn restart(t: Table) -> Table {
    let Table {
        slots,
        rcf_templates,
        keys,
        ..
    } = t;
    Table::adopt(LATER, slots, rcf_templates.into_memory(), keys)
}

fn withdraw(t: &Table, place: Place) {
    let mut slot = t.get(place).unwrap();
    slot.withdrawn = place.generation as u16;
    let words: [u64; 8] = bytemuck::cast(slot);
    t.slots.store_word(place.slot as usize, 7, words[7]);
}

fn make_odd(t: &Table, slot: u32) {
    let word = t.slots.load_word(slot as usize, 0);
    t.slots.store_word(slot as usize, 0, word | 1);
}

fn memory(t: &Table) -> Vec<Slot> {
    (0..t.slots.len()).map(|i| t.slots.load(i)).collect()
}

fn patched<'a>(e: &'a Endpoint, rcf: &'a [u8]) -> Entry<'a> {
    let mut entry = e.entry();
    entry.template.answer = rcf;
    entry.template.original = Some(&e.rcf);
    entry
}

#[test]
fn what_stands_is_kept_untouched_and_claimed_by_the_same_registration() {
    let mut t = table(64, 64);
    let (a, b) = (
        Endpoint::new(1, "0001_ep", "x"),
        Endpoint::new(2, "0002_ep", "y"),
    );
    let rcf = [&b.rcf[..], &[3, 0x40, 1, 2]].concat();
    let first = t.insert(SECOND, &a.entry()).unwrap();
    let second = t.insert(SECOND, &patched(&b, &rcf)).unwrap();
    let before = memory(&t);
    let mut t = restart(t);
    assert_eq!(
        (t.used(), t.unclaimed(), t.rcf_templates().used()),
        (2, 2, 3)
    );
    assert_eq!(t.insert(LATER, &a.entry()), Ok(first));
    assert_eq!(t.insert(LATER, &patched(&b, &rcf)), Ok(second));
    assert_eq!(
        (t.used(), t.unclaimed(), t.rcf_templates().used()),
        (2, 0, 3)
    );
    assert_eq!(memory(&t), before);
    // From now on they are as any other.
    assert_eq!(t.insert(LATER, &a.entry()), Err(Refused::Twice));
    assert!(t.remove(LATER, first) && t.remove(LATER, second));
    assert_eq!((t.used(), t.rcf_templates().used()), (0, 0));
}

#[test]
fn another_content_replaces_what_stands() {
    let mut t = table(64, 64);
    let a = Endpoint::new(1, "0001_ep", "x");
    let old = t.insert(SECOND, &a.entry()).unwrap();
    let others: [fn(&mut Entry<'_>); 4] = [
        |e| e.zone_generation = 2,
        |e| e.gatekeeper = 7,
        |e| e.template.refresh_every *= 2,
        |e| e.template.gatekeeper_ttl *= 2,
    ];
    let mut before = old;
    for change in others {
        t = restart(t);
        t.settle(LATER + REST_NS);
        let mut entry = a.entry();
        change(&mut entry);
        let new = t.insert(LATER, &entry).unwrap();
        assert_ne!(new, before);
        assert!(t.get(new).unwrap().generation > before.generation);
        assert_eq!(
            (t.used(), t.unclaimed(), t.rcf_templates().used()),
            (1, 0, 1)
        );
        assert_eq!(t.get(before), None);
        before = new;
    }
}

#[test]
fn a_full_table_still_replaces() {
    let mut t = table(16, 64);
    let all: Vec<_> = (0..8)
        .map(|i| Endpoint::new(i, &format!("000{i}_ep"), "x"))
        .collect();
    for e in &all {
        t.insert(SECOND, &e.entry()).unwrap();
    }
    let mut t = restart(t);
    let mut entry = all[3].entry();
    entry.gatekeeper = 7;
    t.insert(LATER, &entry).unwrap();
    let new = Endpoint::new(9, "0009_ep", "x");
    assert_eq!(t.insert(LATER, &new.entry()), Err(Refused::Full));
    assert_eq!((t.used(), t.unclaimed()), (8, 7));
}

#[test]
fn slots_left_odd_are_free_once_they_have_rested() {
    let mut t = table(64, 64);
    let e = Endpoint::new(1, "0001_ep", "x");
    let place = t.insert(SECOND, &e.entry()).unwrap();
    make_odd(&t, place.slot);
    let mut t = restart(t);
    assert_eq!(
        (t.used(), t.rcf_templates().used(), answer(&t, &e)),
        (0, 0, None)
    );
    assert_ne!(t.insert(LATER, &e.entry()).unwrap().slot, place.slot);
    t.settle(LATER + REST_NS);
    assert!(!t.rests[place.slot as usize]);
    assert_eq!(answer(&t, &e), Some(zero_seq(&e.rcf)));
}

#[test]
fn slots_that_name_nothing_are_taken_out() {
    let mut t = table(64, 64);
    let all: Vec<_> = (0..2u8)
        .map(|i| Endpoint::new(i, &format!("000{i}_ep"), if i == 0 { "x" } else { "y" }))
        .collect();
    let places: Vec<_> = all
        .iter()
        .map(|e| t.insert(SECOND, &e.entry()).unwrap())
        .collect();
    let mut slot = t.get(places[0]).unwrap();
    slot.rcf_template = 64;
    t.slots.store(places[0].slot as usize, &slot);
    let t = restart(t);
    assert_eq!((t.used(), t.rcf_templates().used()), (1, 1));
    assert_eq!(answer(&t, &all[1]), Some(zero_seq(&all[1].rcf)));
    assert_eq!(t.generation_at(places[0].slot) & 1, 1);
}

#[test]
fn of_two_for_one_registration_the_older_goes() {
    for newer_first in [false, true] {
        let mut t = table(64, 64);
        let e = Endpoint::new(1, "0001_ep", "x");
        let other = Endpoint::new(1, "0001_ep", "y");
        let old = t.insert(SECOND, &e.entry()).unwrap();
        let place = t.insert_beside(SECOND, &other.entry(), Some(old)).unwrap();
        if newer_first {
            let mut slots = [t.get(old).unwrap(), t.get(place).unwrap()];
            let generation = slots[0].generation;
            slots[0].generation = slots[1].generation;
            slots[1].generation = generation;
            t.slots.store(old.slot as usize, &slots[0]);
            t.slots.store(place.slot as usize, &slots[1]);
        }
        let t = restart(t);
        let kept = if newer_first { &e } else { &other };
        assert_eq!(
            (t.used(), t.unclaimed(), t.rcf_templates().used()),
            (1, 1, 1)
        );
        assert_eq!(answer(&t, &e), Some(zero_seq(&kept.rcf)));
    }
}

#[test]
fn a_withdrawn_slot_is_not_answered_again_for_what_was_remembered() {
    let mut t = table(64, 64);
    let e = Endpoint::new(1, "0001_ep", "x");
    let place = t.insert(SECOND, &e.entry()).unwrap();
    withdraw(&t, place);
    let mut t = restart(t);
    assert_eq!(t.insert(LATER, &e.entry()), Ok(place));
    assert!(t.observe(LATER, place).unwrap().withdrawn);
    // What is learned anew is answered.
    let mut t = restart(t);
    t.restored();
    let anew = t.insert(LATER, &e.entry()).unwrap();
    assert!(!t.observe(LATER, anew).unwrap().withdrawn);
    assert_eq!((t.used(), t.get(place)), (1, None));
}

#[test]
fn what_nobody_stands_for_goes_little_by_little() {
    let mut t = table(64, 64);
    let all: Vec<_> = (0..10)
        .map(|i| Endpoint::new(i, &format!("000{i}_ep"), "x"))
        .collect();
    for e in &all {
        t.insert(SECOND, &e.entry()).unwrap();
    }
    let mut t = restart(t);
    t.insert(LATER, &all[0].entry()).unwrap();
    assert_eq!(t.withdraw_unclaimed(LATER, 4), 4);
    assert_eq!((t.used(), t.unclaimed()), (6, 5));
    let left = all[1..].iter().find(|e| answer(&t, e).is_some());
    let address = left.unwrap().address;
    assert_eq!(t.retain_unclaimed(LATER, |slot| slot.address != address), 1);
    assert_eq!(t.withdraw_unclaimed(LATER, 100), 4);
    assert_eq!(
        (t.used(), t.unclaimed(), t.rcf_templates().used()),
        (1, 0, 1)
    );
    assert_eq!(answer(&t, &all[0]), Some(zero_seq(&all[0].rcf)));
}

#[test]
fn what_is_carried_over_is_answered_as_before() {
    let mut small = table(64, 64);
    let all: Vec<_> = (0..20)
        .map(|i| Endpoint::new(i, &format!("{i:04}_ep"), if i % 2 == 0 { "x" } else { "y" }))
        .collect();
    let rcf = [&all[7].rcf[..], &[3, 0x40, 1, 2]].concat();
    let mut places = Vec::new();
    for (i, e) in all.iter().enumerate() {
        let entry = if i == 7 { patched(e, &rcf) } else { e.entry() };
        places.push(small.insert(SECOND, &entry).unwrap());
    }
    withdraw(&small, places[3]);
    make_odd(&small, places[4].slot);
    for (slots, fit) in [(256, 19), (32, 16)] {
        let mut other = table(slots, 64);
        let carried = other.carry_over(LATER, &small.slots, small.rcf_templates());
        assert_eq!((carried, other.used(), other.unclaimed()), (fit, fit, fit));
        let mut found = 0;
        for (i, e) in all.iter().enumerate() {
            let Some(at) = find(&other, &e.address, e.port, &e.rrq) else {
                continue;
            };
            found += 1;
            let wanted = zero_seq(if i == 7 { &rcf } else { &e.rcf });
            assert_eq!(answer(&other, e), Some(wanted), "{i}");
            let (was, is) = (small.get(places[i]).unwrap(), other.slots.load(at as usize));
            let place = Place {
                slot: at,
                generation: is.generation,
            };
            assert_eq!(other.observe(LATER, place).unwrap().withdrawn, i == 3);
            let same = Slot {
                generation: was.generation,
                rcf_template: was.rcf_template,
                withdrawn: was.withdrawn,
                ..is
            };
            assert_eq!(same, was);
            // Withdrawn there afterwards.
            other.withdraw_as(&was);
            assert!(other.observe(LATER, place).unwrap().withdrawn);
        }
        assert_eq!(found, fit);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u8, u8, bool, bool),
    Remove(usize),
    Wait(u64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0u8..6, 0u8..20, any::<bool>(), any::<bool>())
            .prop_map(|(a, e, x, p)| Step::Insert(a, e, x, p)),
        3 => any::<usize>().prop_map(Step::Remove),
        2 => (0..3 * SECOND).prop_map(Step::Wait),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    /// Restarts in between change nothing in what is answered, nor in what is counted as used.
    #[test]
    fn restarts_change_nothing(steps in prop::collection::vec(step(), 1..120)) {
        let mut t = table(64, 96);
        let mut now = SECOND;
        let mut there: BTreeMap<(u8, u8), (Place, Vec<u8>)> = BTreeMap::new();
        for s in steps {
            match s {
                Step::Insert(address, eid, alias, patch) => {
                    let e = Endpoint::new(address, &format!("{eid:04}_ep"), if alias { "x" } else { "y" });
                    let rcf = [&e.rcf[..], &[3, 0x40, 1, 2]].concat();
                    let entry = if patch { patched(&e, &rcf) } else { e.entry() };
                    let given = zero_seq(if patch { &rcf } else { &e.rcf });
                    match t.insert(now, &entry) {
                        Ok(place) => {
                            if let Some((old, before)) = there.insert((address, eid), (place, given.clone())) {
                                // Unclaimed since a restart: kept if it is the same.
                                prop_assert_eq!(old == place, before == given);
                            }
                        }
                        Err(Refused::Twice) => prop_assert!(there.contains_key(&(address, eid))),
                        Err(Refused::Full | Refused::Crowded | Refused::RcfTemplates) => {}
                        Err(other) => prop_assert!(false, "{:?}", other),
                    }
                }
                Step::Remove(n) if !there.is_empty() => {
                    let key = *there.keys().nth(n % there.len()).unwrap();
                    let (place, _) = there.remove(&key).unwrap();
                    prop_assert!(t.remove(now, place));
                }
                Step::Remove(_) => {}
                Step::Wait(ns) => {
                    now += ns;
                    t.settle(now);
                }
                Step::Restart => {
                    let (used, rcf_templates, slots) = (t.used(), t.rcf_templates().used(), memory(&t));
                    t = restart(t);
                    now = now.max(LATER);
                    prop_assert_eq!((t.used(), t.unclaimed()), (used, used));
                    prop_assert_eq!(t.rcf_templates().used(), rcf_templates);
                    prop_assert_eq!(memory(&t), slots);
                }
            }
        }
        prop_assert_eq!(t.used(), there.len());
        for address in 0..6 {
            for eid in 0..20 {
                let e = Endpoint::new(address, &format!("{eid:04}_ep"), "x");
                let given = there.get(&(address, eid)).map(|(_, rcf)| rcf.clone());
                prop_assert_eq!(answer(&t, &e), given);
            }
        }
    }
}
