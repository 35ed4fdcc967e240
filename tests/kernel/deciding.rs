//! The program moves a zone when the controller cannot: by evidence, in order of priority, and the controller has the
//! last word.

use rasline_abi::{Counter, NO_GATEKEEPER, ZONE_AUTO};
use rasline_datapath::choose;

use crate::pair::Pair;
use crate::steered::{A, ARQ, B, C, GRQ, b, c, candidates, service, switch, world};
use crate::world::{
    Datagram, GATEKEEPER, RCF, RRQ, Registration, SECOND, World, fall_silent, hex, now, with_seq,
};

fn up() -> Datagram {
    Datagram::up(&hex(GRQ))
}

/// Nobody says that the controller lives.
fn alone(mut world: World) -> World {
    world.globals.heartbeat_ns = world.now - 10 * SECOND;
    world
}

#[test]
fn a_silent_gatekeeper_is_left_for_the_next_living_one() {
    for controller in [true, false] {
        let mut pair = Pair::new(if controller { world() } else { alone(world()) });
        pair.untouched(&up().frame());
        pair.silent_for(A, SECOND);
        pair.readdressed(&up().frame(), &up().to(b()).frame());
        let state = pair.kernel.zone_state(0);
        assert_eq!(
            (state.decided, state.decided_epoch, state.decided_from),
            (B, 1, A)
        );
        assert_eq!(state.evidence_ns, pair.kernel.state(A).first_unanswered_ns);
        assert!(now() - state.decided_ns < SECOND);
        assert_eq!(pair.kernel.counter(Counter::Decided), 1);
        // It stays so when the one that was left is heard again.
        pair.heard(A);
        pair.readdressed(&up().frame(), &up().to(b()).frame());
        // The first candidate is well again when the second falls silent.
        pair.silent_for(B, SECOND);
        pair.untouched(&up().frame());
        assert_eq!(pair.decided(0), Some(A));
        pair.agree();
    }
}

#[test]
fn candidates_are_taken_by_priority() {
    for (order, silent, expected) in [
        (vec![A, B, C], vec![A], B),
        (vec![A, B, C], vec![A, B], C),
        (vec![A, C, B], vec![A], C),
        (vec![C, B, A], vec![A], C),
        (vec![C, B, A], vec![A, C], B),
        (vec![B], vec![A], B),
    ] {
        let mut world = world();
        world.zones[0].candidates = candidates(&order);
        let mut pair = Pair::new(world);
        for gatekeeper in &silent {
            pair.silent_for(*gatekeeper, SECOND);
        }
        pair.send(&up().frame());
        assert_eq!(pair.decided(0), Some(expected), "{order:?} {silent:?}");
        pair.agree();
    }
}

#[test]
fn evidence_must_be_old_enough_and_not_refuted() {
    let dead_after = SECOND * 6 / 10;
    let mut pair = Pair::new(world());
    pair.silent_for(A, dead_after - SECOND / 5);
    pair.untouched(&up().frame());
    // A probe was answered since.
    pair.silent_for(A, 5 * SECOND);
    pair.change(|world| world.gatekeepers[A as usize].up_ns = now() - SECOND);
    pair.untouched(&up().frame());
    // The controller found it dead; nothing came from it since.
    pair.heard(A);
    pair.change(|world| world.gatekeepers[A as usize].down_ns = now() - SECOND);
    pair.untouched(&up().frame());
    assert_eq!(pair.decided(0), None);
    let before = now() - 2 * SECOND;
    pair.evidence(A, |state| state.last_reply_ns = before);
    pair.readdressed(&up().frame(), &up().to(b()).frame());
    pair.agree();
}

#[test]
fn without_auto_it_stays() {
    let mut world = world();
    world.zones[0].flags &= !ZONE_AUTO;
    let mut pair = Pair::new(alone(world));
    pair.silent_for(A, 5 * SECOND);
    pair.untouched(&up().frame());
    pair.untouched(&up().to(b()).frame());
    assert_eq!(pair.decided(0), None);
    pair.agree();
}

/// One that the zone is not at, and that is silent: what is addressed to it goes to the active one.
#[test]
fn a_silent_gatekeeper_that_is_not_active_is_steered_while_it_is_silent() {
    let mut pair = Pair::new(world());
    pair.silent_for(C, SECOND);
    let other = |port| Datagram {
        ports: (port, 1719),
        ..up().to(c())
    };
    pair.readdressed(&other(1).frame(), &other(1).to(GATEKEEPER()).frame());
    pair.heard(C);
    pair.untouched(&other(2).frame());
    pair.agree();
}

#[test]
fn when_all_are_silent_the_controller_is_waited_for() {
    let mut pair = Pair::new(world());
    for gatekeeper in [A, B, C] {
        pair.silent_for(gatekeeper, 5 * SECOND);
    }
    for _ in 0..3 {
        pair.untouched(&up().frame());
    }
    assert_eq!(pair.decided(0), None);
    pair.agree();
}

#[test]
fn when_all_are_silent_and_nobody_watches_they_are_tried_in_turn() {
    let mut pair = Pair::new(alone(world()));
    let silence = |pair: &mut Pair| {
        for gatekeeper in [A, B, C] {
            pair.silent_for(gatekeeper, 5 * SECOND);
        }
    };
    silence(&mut pair);
    for to in [B, C, A, B] {
        pair.send(&up().to(service()).frame());
        assert_eq!(pair.decided(0), Some(to));
        assert_eq!(pair.kernel.state(to).enough_ns, 0, "it is given its time");
        // It does not answer either, but too little time has passed to call it silent.
        silence(&mut pair);
        pair.send(&up().to(service()).frame());
        assert_eq!(pair.decided(0), Some(to));
        let long_ago = now() - 2 * SECOND;
        pair.zone_state(0, |state| state.decided_ns = long_ago);
    }
    pair.agree();
}

#[test]
fn a_candidate_that_is_no_gatekeeper_is_never_chosen() {
    let mut world = alone(world());
    world.zones[0].candidates = candidates(&[A, 7, 4000]);
    let mut pair = Pair::new(world);
    pair.silent_for(A, 5 * SECOND);
    pair.untouched(&up().frame());
    assert_eq!(pair.decided(0), None);
    pair.agree();
}

#[test]
fn the_controllers_next_decision_counts() {
    let mut pair = Pair::new(world());
    pair.silent_for(A, SECOND);
    pair.readdressed(&up().frame(), &up().to(b()).frame());
    pair.change(|world| switch(world, 0, C, now()));
    pair.readdressed(&up().frame(), &up().to(c()).frame());
    assert_eq!(pair.decided(0), None);
    pair.agree();
}

/// While one CPU finds the active gatekeeper silent, the controller, or another CPU, moves the zone: what was found
/// does not concern the new decision.
#[test]
fn a_decision_that_comes_too_late_is_dropped() {
    let mut tables = world().host();
    tables.now = now();
    let since = tables.now - SECOND;
    fall_silent(tables.gatekeeper_state_mut(A as usize), since);
    // The controller has moved it to C.
    (tables.zone_mut(0).active, tables.zone_mut(0).epoch) = (C, 2);
    choose(&mut tables, 0, A);
    assert_eq!(tables.zone_state_mut(0).decided_epoch, 0);
    // Another CPU was faster.
    (tables.zone_mut(0).active, tables.zone_mut(0).epoch) = (A, 3);
    choose(&mut tables, 0, A);
    let first = *tables.zone_state_mut(0);
    assert_eq!((first.decided, first.decided_epoch), (B, 3));
    let since = tables.now - SECOND;
    fall_silent(tables.gatekeeper_state_mut(B as usize), since);
    choose(&mut tables, 0, A);
    assert_eq!(*tables.zone_state_mut(0), first);
    choose(&mut tables, 0, NO_GATEKEEPER);
    assert_eq!(*tables.zone_state_mut(0), first);
}

/// From the first request that nobody answers to the move, by keep-alives alone.
#[test]
fn keep_alives_give_the_evidence() {
    let mut world = alone(world());
    let slot = world.register(&Registration {
        confirmed_ago: 31 * SECOND,
        ..Registration::sample()
    });
    let mut pair = Pair::new(world);
    let rrq = |seq| Datagram::up(&with_seq(&hex(RRQ), seq));
    pair.untouched(&rrq(1).frame());
    assert_ne!(pair.kernel.state(A).first_unanswered_ns, 0);
    // While it is young, others are answered, and nothing moves.
    assert_eq!(
        pair.send(&rrq(2).frame()).1,
        rrq(2).reply(&with_seq(&hex(RCF), 2))
    );
    assert_eq!(pair.decided(0), None);
    pair.silent_for(A, SECOND);
    // The registration moves: this keep-alive goes to the backup, whose answer comes back under the name of A.
    pair.readdressed(&rrq(3).frame(), &rrq(3).to(b()).frame());
    assert_eq!(pair.decided(0), Some(B));
    assert_eq!(pair.kernel.counter(Counter::PassMigrate), 1);
    assert_ne!(
        pair.kernel.state(B).first_unanswered_ns,
        0,
        "of whom an answer is due"
    );
    let rcf = Datagram::down(&with_seq(&hex(RCF), 3));
    pair.readdressed(&rcf.from(b()).frame(), &rcf.frame());
    assert_eq!(pair.kernel.state(B).first_unanswered_ns, 0);
    let index = pair.world.slots[slot].0;
    let row = pair.kernel.slot(index);
    assert_eq!(row.withdrawn, row.generation as u16, "it is learned anew");
    pair.readdressed(
        &Datagram::up(&hex(ARQ)).frame(),
        &Datagram::up(&hex(ARQ)).to(b()).frame(),
    );
    pair.agree();
}
