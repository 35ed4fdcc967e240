//! A profile that many must not be registered under any more: they are told at a pace, and have no rights meanwhile.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use rasline_core::Time;
use rasline_core::profile::Profile;
use rasline_core::registrar::{Input, Output};
use rasline_h225::messages::Rrq;
use rasline_h225::text::from_bmp;
use rasline_h225::types::{AdmissionRejectReason, RasMessage, RegistrationRejectReason};
use rasline_testkit_model::party::{Party, admission_request};

use crate::registrar::world::*;

/// URQs in a second at most.
const RATE: usize = 500;

fn at(n: u16, port: u16) -> SocketAddr {
    let [high, low] = n.to_be_bytes();
    SocketAddr::from(([10, 0, high, low], port))
}

fn number(n: u16) -> String {
    format!("{}", 100_000 + u32::from(n))
}

/// Only these are known.
fn closed(to: &[u16]) -> Arc<Profile> {
    let mut closed = profile();
    closed.admit_unknown = false;
    closed.endpoints = to.iter().map(|n| known(&[&number(*n)])).collect();
    Arc::new(closed)
}

fn full(seq: u16, n: u16) -> Rrq {
    Party::new(at(n, 0).ip(), number(n)).full(seq)
}

/// A registrar with this many; their endpointIdentifiers.
fn many(count: u16) -> (World, Vec<String>) {
    let mut world = World::new();
    let register = |n: u16, world: &mut World| {
        let rcf = world.rcf(at(n, 1719), &full(7, n));
        from_bmp(&rcf.endpoint_identifier)
    };
    let eids = (0..count).map(|n| register(n, &mut world)).collect();
    (world, eids)
}

fn keep_alive(world: &mut World, n: u16, eid: &str) -> (Vec<Output>, RasMessage) {
    let seq = world.next_seq();
    let rrq = Rrq::lightweight(seq, at(n, 1719), eid);
    answered(world, n, &rrq.message().unwrap())
}

fn answered(world: &mut World, n: u16, message: &RasMessage) -> (Vec<Output>, RasMessage) {
    let out = world.message(at(n, 1719), message);
    let first = sent(&out).remove(0);
    assert_eq!(first.0, at(n, 1719));
    (out, first.1)
}

fn arq(seq: u16, n: u16, eid: &str, to: u16) -> RasMessage {
    let call = ((n % 200) as u8 + 1, n + 1);
    RasMessage::AdmissionRequest(admission_request(seq, eid, call, &[&number(to)]))
}

fn why_not(message: RasMessage) -> AdmissionRejectReason {
    match message {
        RasMessage::AdmissionReject(arj) => arj.reject_reason,
        other => panic!("{other:?}"),
    }
}

/// Who was sent URQs and DRQs when.
fn told(log: &mut Vec<(Time, SocketAddr)>, now: Time, out: &[Output]) {
    let requests = sent(out)
        .into_iter()
        .filter(|(_, message)| matches!(message, RasMessage::UnregistrationRequest(_)));
    log.extend(requests.map(|(to, _)| (now, to)));
}

#[test]
fn who_is_not_told_yet_has_no_rights() {
    let (mut world, eids) = many(300);
    for n in [0, 298] {
        keep_alive(&mut world, n, &eids[usize::from(n)]);
    }
    let out = world.input(Input::Profile(closed(&[0])));
    assert!(sent(&out).len() < 100, "{} at once", sent(&out).len());
    assert_eq!(withdrawn(&out).len(), 1, "the kernel answers it no more");
    let forgotten = out
        .iter()
        .filter(|one| matches!(one, Output::Forget { .. }));
    assert!(
        forgotten.count() >= 299,
        "a restart does not bring them back"
    );
    // It neither calls nor is called, and its keep-alive is rejected.
    let (_, answer) = answered(&mut world, 297, &arq(8, 297, &eids[297], 0));
    assert_eq!(why_not(answer), AdmissionRejectReason::CallerNotRegistered);
    let out = world.message(at(0, 1719), &arq(9, 0, &eids[0], 299));
    let ticket = out.iter().find_map(|one| match one {
        Output::Locate { ticket, .. } => Some(*ticket),
        _ => None,
    });
    let ticket = ticket.expect("it is looked for elsewhere");
    let out = world.input(Input::Located {
        ticket,
        found: None,
    });
    let answer = sent(&out).remove(0).1;
    assert_eq!(
        why_not(answer),
        AdmissionRejectReason::CalledPartyNotRegistered
    );
    let (_, answer) = keep_alive(&mut world, 298, &eids[298]);
    let RasMessage::RegistrationReject(rrj) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(
        rrj.reject_reason,
        RegistrationRejectReason::FullRegistrationRequired
    );
    assert_eq!(world.rrj(at(298, 1719), &full(10, 298)), "invalidAlias");
    // Its alias is free for who may have it now; a profile that allows it again finds it unregistered.
    world.input(Input::Profile(closed(&[0, 296])));
    world.rcf(at(296, 1719), &full(11, 296));
    let mut log = Vec::new();
    let out = world.pass(Duration::from_secs(2));
    told(&mut log, world.now, &out);
    let told: BTreeSet<_> = log.iter().map(|(_, to)| *to).collect();
    for answered in [0, 296, 297, 298] {
        assert!(
            !told.contains(&at(answered, 1719)),
            "{answered} was told twice"
        );
    }
    let left: Vec<_> = world.views().iter().map(|view| view.endpoint).collect();
    assert_eq!(left.len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// However late and irregularly it is called, and whoever speaks meanwhile.
    #[test]
    fn no_second_sees_more_than_the_rate(
        count in 1_u16..1800,
        steps in prop::collection::vec(1_u64..700, 1..40),
        speak in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let (mut world, eids) = many(count);
        let mut log = Vec::new();
        let out = world.input(Input::Profile(closed(&[])));
        told(&mut log, world.now, &out);
        let mut steps = steps.into_iter().chain(std::iter::repeat(50));
        let mut speak = speak.into_iter();
        let mut spoken = BTreeSet::new();
        while !world.views().is_empty() {
            world.now = world.now.after(Duration::from_millis(steps.next().unwrap()));
            if let Some(n) = speak.next().map(|one| one.index(usize::from(count)) as u16) {
                let (_, answer) = keep_alive(&mut world, n, &eids[usize::from(n)]);
                prop_assert!(matches!(answer, RasMessage::RegistrationReject(_)));
                spoken.insert(n);
            }
            if world.registrar.next_due().is_some_and(|due| due <= world.now) {
                let out = world.input(Input::Due);
                told(&mut log, world.now, &out);
            }
            prop_assert!(world.now < Time(1_000_000_000_000).after(Duration::from_mins(2)));
        }
        // All were told: by a URQ, or by the answer to what they said.
        let urqs: BTreeSet<SocketAddr> = log.iter().map(|(_, to)| *to).collect();
        for n in 0..count {
            prop_assert!(urqs.contains(&at(n, 1719)) || spoken.contains(&n));
        }
        for (n, (from, _)) in log.iter().enumerate() {
            let until = from.after(SECOND);
            let window = log[n..].iter().filter(|(at, _)| *at < until).count();
            prop_assert!(window <= RATE, "{window}");
        }
    }
}
