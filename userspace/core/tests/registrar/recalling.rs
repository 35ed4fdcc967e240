//! Calls that outlive a restart.

use proptest::prelude::*;
use rasline_core::Time;
use rasline_core::profile::Profile;
use rasline_core::registrar::{Event, Input, Output, StoredCall, StoredLeg};
use rasline_h225::types::RasMessage;
use rasline_testkit_model::party::granted_identifier;

use crate::registrar::calls::*;
use crate::registrar::ending::call_info;
use crate::registrar::world::*;

/// Alice and Bob in call 5, and what is on the disk.
fn in_call() -> (World, Disk, String, String) {
    let mut world = World::new();
    let mut disk = Disk::default();
    let mut eids = Vec::new();
    for (n, alias) in [(1, "alice"), (2, "bob")] {
        let seq = world.next_seq();
        let rrq = full(seq, n, alias).message().unwrap();
        let out = world.message(ras(n), &rrq);
        disk.write(&out);
        let RasMessage::RegistrationConfirm(_) = &sent(&out)[0].1 else {
            panic!("{out:?}")
        };
        eids.push(granted_identifier(&sent(&out)[0].1));
    }
    let bob = eids.pop().unwrap();
    let alice = eids.pop().unwrap();
    let first = RasMessage::AdmissionRequest(arq(1, &alice, 5, &["bob"]));
    let second = RasMessage::AdmissionRequest(answering(1, &bob, 5));
    assert_eq!(disk.write(&world.message(ras(1), &first)), 1);
    assert_eq!(disk.write(&world.message(ras(2), &second)), 1);
    (world, disk, alice, bob)
}

fn later(world: &World, seconds: u64) -> Time {
    world.now.after(SECOND * u32::try_from(seconds).unwrap())
}

fn irr_with(seq: u16, n: u8, eid: &str, calls: &[u8]) -> RasMessage {
    let mut irr = irr(seq, n, eid);
    irr.per_call_info = Some(calls.iter().map(|call| call_info(*call)).collect());
    RasMessage::InfoRequestResponse(irr)
}

#[test]
fn a_call_goes_on_and_ends_as_if_nothing_had_been() {
    let (world, mut disk, alice, bob) = in_call();
    let mut after = restored(&mut disk, profile(), later(&world, 40));
    assert_eq!((after.calls(), after.bandwidth()), (1, 1280));
    assert_eq!(after.registrar.stats().restored_calls, 1);
    assert_eq!(disk.calls.len(), 1);
    let drq = |eid: &str| RasMessage::DisengageRequest(drq(9, eid, 5));
    let out = after.message(ras(1), &drq(&alice));
    assert_eq!((kinds(&out), events(&out).len()), (vec!["DCF"], 0));
    disk.write(&out);
    assert_eq!(disk.calls.values().next().unwrap().legs.len(), 1);
    let out = after.message(ras(2), &drq(&bob));
    assert_eq!(kinds(&out), ["DCF"]);
    let call = format!("{:032x}", u128::from_be_bytes([5; 16]));
    assert_eq!(events(&out), [Event::CallEnded { call, seconds: 40 }]);
    disk.write(&out);
    assert_eq!((disk.calls.len(), after.calls()), (0, 0));
}

#[test]
fn its_endpoints_are_kept_while_it_is_reported_and_it_ends_when_nobody_knows_it() {
    let (world, mut disk, _, bob) = in_call();
    let mut after = restored(&mut disk, profile(), later(&world, 300));
    // Alice is silent, Bob reports.
    for seq in 10..20 {
        after.pass(50 * SECOND);
        after.message(ras(2), &irr_with(seq, 2, &bob, &[5]));
    }
    assert_eq!((after.views().len(), after.calls()), (2, 1));
    let (world, mut disk, alice, bob) = in_call();
    let mut after = restored(&mut disk, profile(), later(&world, 10));
    // Both stay, and neither knows of the call.
    let mut ended = Vec::new();
    for seq in (10..).take(4) {
        let out = after.pass(33 * SECOND);
        ended.extend(events(&out));
        after.keep_alive(1, &alice);
        after.keep_alive(2, &bob);
        for (to, message) in sent(&out) {
            if let RasMessage::InfoRequest(irq) = message {
                let (n, eid) = if to == ras(1) { (1, &alice) } else { (2, &bob) };
                let none = irr(irq.request_seq_num, n, eid);
                let out = after.message(to, &RasMessage::InfoRequestResponse(none));
                ended.extend(events(&out));
            }
        }
        assert!(seq < 14);
    }
    assert!(
        matches!(&ended[..], [Event::CallEnded { seconds, .. }] if *seconds > 130),
        "{ended:?}"
    );
    assert_eq!((after.views().len(), after.calls()), (2, 0));
}

#[test]
fn who_is_gone_is_left_out_and_a_call_of_nobody_is_forgotten() {
    let (world, mut disk, _, bob) = in_call();
    let kept = disk.clone();
    disk.registrations.retain(|_, one| one.endpoint == ras(2));
    let mut after = restored(&mut disk, profile(), later(&world, 5));
    assert_eq!((after.calls(), after.only().calls), (1, 1));
    let legs = &disk.calls.values().next().unwrap().legs;
    assert_eq!(legs.len(), 1);
    assert_eq!(legs[0].endpoint_identifier, bob);
    let out = after.message(ras(2), &RasMessage::DisengageRequest(drq(9, &bob, 5)));
    assert!(matches!(&events(&out)[..], [Event::CallEnded { .. }]));
    let mut disk = Disk {
        registrations: std::collections::BTreeMap::new(),
        ..kept
    };
    let after = restored(&mut disk, profile(), later(&world, 5));
    let stats = after.registrar.stats();
    assert_eq!((stats.calls, stats.lost_calls), (0, 1));
    assert_eq!(disk.calls.len(), 0);
}

#[test]
fn only_changes_are_written() {
    let (mut world, mut disk, alice, bob) = in_call();
    let mut writes = |message: &RasMessage| disk.write(&world.message(ras(1), message));
    let brq = |seq, bandwidth| RasMessage::BandwidthRequest(brq(seq, &alice, 5, bandwidth));
    // Asked for again as it is, reported, changed to what it is, changed, too much.
    let again = arq(20, &alice, 5, &["bob"]);
    assert_eq!(writes(&RasMessage::AdmissionRequest(again)), 0);
    assert_eq!(writes(&irr_with(21, 1, &alice, &[5])), 0);
    assert_eq!(writes(&brq(22, 1280)), 0);
    assert_eq!(writes(&brq(23, 640)), 1);
    assert_eq!(writes(&brq(24, u32::MAX)), 0);
    let bandwidth = |disk: &Disk| -> Vec<u32> {
        let calls = disk.calls.values().flat_map(|call| &call.legs);
        calls.map(|leg| leg.bandwidth).collect()
    };
    assert_eq!(bandwidth(&disk), [640, 1280]);
    // Who is called otherwise now is found under that name.
    let rrq = rasline_h225::messages::Rrq {
        endpoint_identifier: Some("other".into()),
        ..full(30, 1, "alice")
    };
    disk.write(&world.message(ras(1), &rrq.message().unwrap()));
    let after = restored(&mut disk, profile(), later(&world, 1));
    let parts: Vec<_> = after.views().iter().map(|view| view.calls).collect();
    assert_eq!(parts, [1, 1], "{bob}");
}

/// One whose parts fit each other, if `legs` is not empty.
fn stored(call: u8, legs: Vec<StoredLeg>) -> StoredCall {
    StoredCall {
        call: format!("{:032x}", u128::from_be_bytes([call; 16])),
        call_identifier: Some([call; 16]),
        started: Time(0),
        legs,
    }
}

fn leg(eid: &str, answers: bool, bandwidth: u32) -> StoredLeg {
    StoredLeg {
        endpoint_identifier: eid.into(),
        answers,
        reference: 5,
        conference: [5; 16],
        bandwidth,
    }
}

#[test]
fn what_makes_no_sense_is_counted_and_forgotten() {
    let (_, mut disk, alice, _) = in_call();
    disk.calls.clear();
    let mut small = profile();
    small.limits.calls = 3;
    small.limits.call_bandwidth = 2000;
    small.limits.bandwidth = 5000;
    let mut world = restored(&mut disk, small, Time(2_000_000_000_000));
    let mut give = |call: StoredCall| {
        let out = world.input(Input::RestoreCall(Box::new(call)));
        let forgets = |one: &Output| matches!(one, Output::ForgetCall { .. });
        assert!(sent(&out).is_empty() && events(&out).is_empty());
        (world.calls(), world.bandwidth(), out.iter().any(forgets))
    };
    let one = |bandwidth| vec![leg(&alice, false, bandwidth)];
    assert_eq!(give(stored(1, Vec::new())), (0, 0, true));
    assert_eq!(give(stored(1, vec![leg("nobody", true, 1)])), (0, 0, true));
    let mut other = stored(1, one(7));
    other.call = "another".into();
    assert_eq!(give(other.clone()), (0, 0, true));
    // By conferenceID and callReferenceValue: of two calls.
    other.call_identifier = None;
    other.call = format!("{:032x}-5", u128::from_be_bytes([5; 16]));
    let mut two = other.clone();
    two.legs.push(StoredLeg {
        reference: 6,
        ..leg(&alice, true, 1)
    });
    assert_eq!(give(two), (0, 0, true));
    // More than it may have, from the future, twice the same, too many.
    let many = std::iter::repeat_n(leg(&alice, false, u32::MAX), 10_000).collect();
    let mut future = stored(2, many);
    future.started = Time(u64::MAX / 2);
    assert_eq!(give(future), (1, 2000, false));
    // It is there already: what is kept stays kept.
    assert_eq!(give(stored(2, one(9))), (1, 2000, false));
    assert_eq!(give(other), (2, 2007, false));
    assert_eq!(give(stored(3, one(2000))), (3, 4007, false));
    assert_eq!(give(stored(4, one(1))), (3, 4007, true), "too many");
    let stats = world.registrar.stats();
    assert_eq!((stats.restored_calls, stats.lost_calls), (3, 6));
    // It lives as long as one that was never reported.
    world.pass(1000 * SECOND);
    assert_eq!((world.calls(), world.bandwidth()), (0, 0));
}

#[derive(Clone, Debug)]
enum Step {
    Call(u8, u8, bool, u32),
    Change(u8, u8, u32),
    HangUp(u8, u8),
    Report(u8, Vec<u8>),
    Rename(u8, u8),
    Pass(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let n = || 1..4_u8;
    let bandwidth = || prop_oneof![Just(640), 0..3000_u32];
    let step = prop_oneof![
        5 => (n(), n(), any::<bool>(), bandwidth()).prop_map(|(n, call, answers, bandwidth)| Step::Call(n, call, answers, bandwidth)),
        3 => (n(), n(), bandwidth()).prop_map(|(n, call, bandwidth)| Step::Change(n, call, bandwidth)),
        2 => (n(), n()).prop_map(|(n, call)| Step::HangUp(n, call)),
        2 => (n(), prop::collection::vec(n(), 0..3)).prop_map(|(n, calls)| Step::Report(n, calls)),
        1 => (n(), n()).prop_map(|(n, name)| Step::Rename(n, name)),
        1 => (0..70_u8).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 0..25)
}

/// A message of one of three endpoints, by what they are called now.
fn message(step: &Step, seq: u16, world: &World) -> Option<(u8, RasMessage)> {
    let eid = |n: u8| {
        let views = world.views().into_iter();
        let mut own = views.filter(|view| view.endpoint == ras(n));
        own.next()
            .map_or_else(|| "nobody".into(), |view| view.endpoint_identifier)
    };
    Some(match step {
        Step::Call(n, call, answers, bandwidth) => {
            let mut arq = arq(seq, &eid(*n), *call, &["a1"]);
            (arq.answer_call, arq.band_width) = (*answers, *bandwidth);
            (*n, RasMessage::AdmissionRequest(arq))
        }
        Step::Change(n, call, bandwidth) => (
            *n,
            RasMessage::BandwidthRequest(brq(seq, &eid(*n), *call, *bandwidth)),
        ),
        Step::HangUp(n, call) => (*n, RasMessage::DisengageRequest(drq(seq, &eid(*n), *call))),
        Step::Report(n, calls) => {
            let RasMessage::InfoRequestResponse(mut irr) = irr_with(seq, *n, &eid(*n), calls)
            else {
                return None;
            };
            irr.need_response = Some(true);
            (*n, RasMessage::InfoRequestResponse(irr))
        }
        Step::Rename(n, name) => {
            let rrq = rasline_h225::messages::Rrq {
                endpoint_identifier: Some(format!("name {name}")),
                ..full(seq, *n, &format!("a{n}"))
            };
            (*n, rrq.message().ok()?)
        }
        Step::Pass(_) => return None,
    })
}

fn limited() -> Profile {
    let mut profile = profile();
    profile.limits.calls = 2;
    profile.limits.call_bandwidth = 2000;
    profile.limits.bandwidth = 3000;
    profile
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]
    /// A registrar that was restored answers as one that went on.
    #[test]
    fn a_restart_is_not_seen_by_who_is_in_a_call(before in steps(), after in steps()) {
        let mut world = World::with(limited());
        let mut disk = Disk::default();
        for n in 1..4 {
            let rrq = full(n.into(), n, &format!("a{n}")).message().unwrap();
            disk.write(&world.message(ras(n), &rrq));
        }
        for step in &before {
            let seq = world.next_seq();
            let out = match (message(step, seq, &world), step) {
                (Some((n, message)), _) => world.message(ras(n), &message),
                (None, Step::Pass(seconds)) => world.pass(SECOND * u32::from(*seconds)),
                (None, _) => Vec::new(),
            };
            disk.write(&out);
        }
        let kept = disk.calls.clone();
        let mut other = restored(&mut disk, limited(), world.now);
        prop_assert_eq!(&disk.calls, &kept);
        prop_assert_eq!(other.registrar.stats().lost_calls, 0);
        let mut its = disk.clone();
        // Who registers anew gets another endpointIdentifier of each.
        for step in after.iter().filter(|step| !matches!(step, Step::Rename(..))) {
            let seq = world.next_seq();
            let Some((n, message)) = message(step, seq, &world) else {
                continue;
            };
            let (one, two) = (world.message(ras(n), &message), other.message(ras(n), &message));
            prop_assert_eq!(sent(&one), sent(&two));
            // Rejections are told so often in a second, whoever was told before.
            let told = |out: &[Output]| -> Vec<Event> {
                let all = events(out).into_iter();
                all.filter(|one| !matches!(one, Event::Rejected { .. })).collect()
            };
            prop_assert_eq!(told(&one), told(&two));
            disk.write(&one);
            its.write(&two);
            prop_assert_eq!((world.calls(), world.bandwidth()), (other.calls(), other.bandwidth()));
            prop_assert_eq!(&disk.calls, &its.calls);
        }
        let parts = |world: &World| -> Vec<usize> { world.views().iter().map(|view| view.calls).collect() };
        prop_assert_eq!(parts(&world), parts(&other));
        other.pass(1000 * SECOND);
        let stats = other.registrar.stats();
        prop_assert_eq!((stats.registrations, stats.calls, stats.bandwidth), (0, 0, 0));
    }

    /// Whatever was kept: no crash, the limits hold, and the sum is right to the end.
    #[test]
    fn anything_may_be_given_back(calls in prop::collection::vec(any_call(), 0..12)) {
        let (_, mut disk, ..) = in_call();
        disk.calls.clear();
        let mut world = restored(&mut disk, limited(), Time(1_500_000_000_000));
        for call in calls {
            world.input(Input::RestoreCall(Box::new(call)));
            prop_assert!(world.calls() <= 2 && world.bandwidth() <= 3000);
        }
        world.pass(1000 * SECOND);
        prop_assert_eq!((world.calls(), world.bandwidth()), (0, 0));
    }
}

prop_compose! {
    fn any_call()(
        call in 0..3_u8,
        named in prop::option::weighted(0.7, any::<bool>()),
        identifier in any::<bool>(),
        started: u64,
        legs in prop::collection::vec((0..4_usize, any::<bool>(), 0..2_u16, prop::bool::weighted(0.1), any::<u32>()), 0..12),
    ) -> StoredCall {
        let (_, _, alice, bob) = in_call();
        let eids = [alice, bob, String::new(), "other".to_owned()];
        let hex = format!("{:032x}", u128::from_be_bytes([call; 16]));
        let legs = legs.into_iter().map(|(who, answers, reference, odd, bandwidth)| StoredLeg {
            endpoint_identifier: eids[who].clone(),
            answers,
            reference: reference << 15 | u16::from(odd),
            conference: [call; 16],
            bandwidth: bandwidth >> (bandwidth % 32),
        });
        StoredCall {
            call: match named {
                Some(true) => hex,
                Some(false) => format!("{hex}-0"),
                None => String::new(),
            },
            call_identifier: identifier.then_some([call; 16]),
            started: Time(started),
            legs: legs.collect(),
        }
    }
}
