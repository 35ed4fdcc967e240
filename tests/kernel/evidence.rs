//! What counts as a gatekeeper's silence, and who can make it up.

use rasline_abi::{Counter, GATEKEEPER_OWN, GATEKEEPER_PROBED, GatekeeperState, ticks};
use rasline_datapath::Verdict;

use crate::pair::Pair;
use crate::steered::{A, ARQ, B, GRQ, world};
use crate::world::{
    Datagram, ENDPOINT, GATEKEEPER, GCF, RCF, RRQ, Registration, SECOND, World, hex, v4, with_seq,
};

pub fn second() -> [u8; 16] {
    v4(10, 0, 0, 8)
}

pub fn rrq(seq: u16) -> Datagram {
    Datagram::up(&with_seq(&hex(RRQ), seq))
}

pub fn rcf(seq: u16) -> Datagram {
    Datagram::down(&with_seq(&hex(RCF), seq))
}

pub fn grq(source: [u8; 16]) -> Datagram {
    Datagram::up(&hex(GRQ)).from(source)
}

/// Two registered endpoints whose refreshes are due, and no controller.
pub fn alone() -> World {
    let mut world = world();
    world.globals.heartbeat_ns = world.now - 10 * SECOND;
    for address in [ENDPOINT(), second()] {
        world.register(&Registration {
            address,
            confirmed_ago: 31 * SECOND,
            ..Registration::sample()
        });
    }
    world
}

/// Lets time pass for what is known of a gatekeeper, and for the slots' last refreshes.
fn pass_time(pair: &mut Pair, gatekeeper: u32, ns: u64) {
    let earlier = |at: u64| if at == 0 { 0 } else { at - ns };
    let tick_earlier = |entry: u64| match entry {
        0 => 0,
        entry => entry >> 32 << 32 | u64::from((entry as u32).wrapping_sub(ticks(ns))),
    };
    pair.evidence(gatekeeper, |state| {
        state.first_unanswered_ns = earlier(state.first_unanswered_ns);
        state.enough_ns = earlier(state.enough_ns);
        state.last_probe_ns = earlier(state.last_probe_ns);
        state.last_reply_ns = earlier(state.last_reply_ns);
        state.pending = state.pending.map(tick_earlier);
        state.speakers = state.speakers.map(tick_earlier);
    });
    for place in 0..pair.world.slots.len() {
        pair.slot(place, |slot| {
            let marks = slot.refreshed & rasline_abi::REFRESH_MARKS;
            let earlier = slot.refreshed.wrapping_sub(ticks(ns));
            slot.refreshed = earlier & !rasline_abi::REFRESH_MARKS | marks;
        });
    }
}

#[track_caller]
pub fn asks(pair: &mut Pair, datagram: &Datagram, why: Counter) {
    assert_eq!(pair.run(&datagram.frame()), Verdict::Ask(why, A as u16));
}

#[track_caller]
pub fn is_answered(pair: &mut Pair, datagram: &Datagram) {
    let (verdict, _) = pair.send(&datagram.frame());
    assert_eq!(verdict, Verdict::Answer { held: false });
}

pub fn state(pair: &mut Pair) -> GatekeeperState {
    pair.kernel.state(A)
}

/// Whether the next request finds the zone moved.
fn moves(pair: &mut Pair) -> bool {
    pair.send(&grq(v4(10, 0, 0, 99)).frame());
    pair.decided(0) == Some(B)
}

#[test]
fn two_endpoints_without_an_answer_are_evidence() {
    let mut pair = Pair::new(alone());
    asks(&mut pair, &rrq(1), Counter::PassRefresh);
    assert_ne!(state(&mut pair).first_unanswered_ns, 0);
    pass_time(&mut pair, A, 5 * SECOND);
    assert!(!moves(&mut pair), "of one endpoint nothing follows");
    // The other one's word is wanted now, and given time.
    asks(&mut pair, &rrq(2).from(second()), Counter::PassRefresh);
    assert_eq!(state(&mut pair).sources, 2);
    assert!(!moves(&mut pair), "it had no time to answer");
    pass_time(&mut pair, A, SECOND);
    assert!(moves(&mut pair));
    pair.agree();
}

#[test]
fn an_answer_in_between_ends_it() {
    let mut pair = Pair::new(alone());
    asks(&mut pair, &rrq(1), Counter::PassRefresh);
    pass_time(&mut pair, A, 5 * SECOND);
    asks(&mut pair, &rrq(2).from(second()), Counter::PassRefresh);
    pair.send(&rcf(2).to(second()).frame());
    pass_time(&mut pair, A, SECOND);
    assert!(!moves(&mut pair));
    // The GRQ above is all that is unanswered.
    assert_eq!(state(&mut pair).different, 1);
    pair.agree();
}

/// A keep-alive that is lost, and repeated a second later: its repetition is answered here, nobody loses two in a row.
#[test]
fn one_lost_keep_alive_moves_nothing() {
    let mut world = alone();
    world.slots.pop();
    let mut pair = Pair::new(world);
    asks(&mut pair, &rrq(1), Counter::PassRefresh);
    pass_time(&mut pair, A, SECOND);
    is_answered(&mut pair, &rrq(1));
    pass_time(&mut pair, A, 3 * SECOND);
    asks(&mut pair, &rrq(2), Counter::PassRefresh);
    pair.send(&rcf(2).frame());
    assert_eq!(state(&mut pair).first_unanswered_ns, 0);
    assert!(!moves(&mut pair));
    pair.agree();
}

/// The only endpoint that speaks needs three different requests, and moves the zone once a minute at most.
#[test]
fn one_endpoint_alone_needs_three_requests() {
    let mut world = alone();
    world.slots.pop();
    let mut pair = Pair::new(world);
    for seq in [1, 3, 5] {
        assert!(!moves_by(&mut pair, ENDPOINT()), "before {seq}");
        pass_time(&mut pair, A, 2 * SECOND);
        asks(&mut pair, &rrq(seq), Counter::PassRefresh);
        is_answered(&mut pair, &rrq(seq + 1));
    }
    assert!(!moves_by(&mut pair, ENDPOINT()), "the third had no time");
    pass_time(&mut pair, A, SECOND);
    assert!(moves_by(&mut pair, ENDPOINT()));
    pair.agree();
}

/// It moves the zone once a minute at most.
#[test]
fn one_endpoint_alone_moves_the_zone_seldom() {
    for (moved_ago, moves) in [(10, false), (61, true)] {
        let mut world = alone();
        world.slots.pop();
        world.zone_states[0].decided_ns = world.now - moved_ago * SECOND;
        let mut pair = Pair::new(world);
        for seq in [1, 3, 5] {
            pass_time(&mut pair, A, 2 * SECOND);
            asks(&mut pair, &rrq(seq), Counter::PassRefresh);
            is_answered(&mut pair, &rrq(seq + 1));
        }
        pass_time(&mut pair, A, SECOND);
        assert_eq!(moves_by(&mut pair, ENDPOINT()), moves, "{moved_ago}");
        pair.agree();
    }
}

/// The same, asked by an endpoint that spoke already, with a request of a kind that nobody answers.
fn moves_by(pair: &mut Pair, source: [u8; 16]) -> bool {
    let answers = state(pair).answers;
    pair.evidence(A, |state| state.answers = answers & !1);
    pair.send(&grq(source).frame());
    pair.evidence(A, |state| state.answers = answers);
    pair.decided(0) == Some(B)
}

/// One whose path is broken, among others that are answered by the kernel.
#[test]
fn one_speaker_of_many_moves_nothing() {
    let mut world = alone();
    world.slots[1].1.confirmed = ticks(world.now - 10 * SECOND);
    let mut pair = Pair::new(world);
    is_answered(&mut pair, &rrq(1).from(second()));
    for seq in [1, 3, 5, 7] {
        pass_time(&mut pair, A, 2 * SECOND);
        asks(&mut pair, &rrq(seq), Counter::PassRefresh);
        is_answered(&mut pair, &rrq(seq + 1));
    }
    pass_time(&mut pair, A, 5 * SECOND);
    assert_eq!(state(&mut pair).different, 4);
    assert!(!moves_by(&mut pair, ENDPOINT()));
    // Since nobody else asks the gatekeeper, another one's keep-alive is let through: it is answered.
    asks(&mut pair, &rrq(9).from(second()), Counter::PassProbe);
    pair.send(&rcf(9).to(second()).frame());
    assert_eq!(state(&mut pair).first_unanswered_ns, 0);
    pair.agree();
}

/// With a controller that probes, no endpoint's keep-alive is used to find out.
#[test]
fn in_doubt_the_controller_asks() {
    let mut world = alone();
    world.slots[1].1.confirmed = ticks(world.now - 10 * SECOND);
    world.globals.heartbeat_ns = u64::MAX / 2;
    world.gatekeepers[A as usize].flags |= GATEKEEPER_PROBED;
    let mut pair = Pair::new(world);
    asks(&mut pair, &rrq(1), Counter::PassRefresh);
    pass_time(&mut pair, A, 20 * SECOND);
    is_answered(&mut pair, &rrq(2).from(second()));
    pair.agree();
}

/// Made-up requests, of kinds that the gatekeeper answers: it ignores what it cannot read.
#[test]
fn requests_alone_are_no_evidence_where_endpoints_are_registered() {
    for registered in [true, false] {
        let mut pair = Pair::new(alone());
        if registered {
            asks(&mut pair, &rrq(1), Counter::PassRefresh);
            pair.send(&rcf(1).frame());
        }
        for last in 7..37 {
            let garbage = Datagram::up(&hex(ARQ)).from(v4(10, 0, 0, last));
            assert!(matches!(pair.run(&garbage.frame()), Verdict::Ask(..)));
        }
        assert_eq!(state(&mut pair).sources, 2);
        pass_time(&mut pair, A, 5 * SECOND);
        assert!(!moves(&mut pair), "too early");
        pass_time(&mut pair, A, 6 * SECOND);
        pair.send(&grq(v4(10, 0, 0, 98)).frame());
        pass_time(&mut pair, A, SECOND);
        assert_eq!(moves(&mut pair), !registered, "{registered}");
        pair.agree();
    }
}

/// A gatekeeper whose discovery is switched off says nothing to GRQs.
#[test]
fn what_was_never_answered_is_no_evidence() {
    let mut world = alone();
    world.states[A as usize].answers = 0b10;
    let mut pair = Pair::new(world);
    for last in 7..37 {
        pair.untouched(&grq(v4(10, 0, 0, last)).frame());
    }
    assert_eq!(state(&mut pair).first_unanswered_ns, 0);
    // Until it answers one.
    let gcf = Datagram::down(&hex(GCF)).to(v4(10, 0, 0, 7));
    pair.send(&gcf.frame());
    assert_eq!(state(&mut pair).answers, 0b11);
    pair.untouched(&grq(v4(10, 0, 0, 7)).frame());
    assert_ne!(state(&mut pair).first_unanswered_ns, 0);
    pair.agree();
}

/// Keep-alives that are let through here and arrive nowhere.
#[test]
fn what_may_not_arrive_is_no_evidence() {
    let whole = rrq(1).frame();
    let changed = |at: usize, octets: &[u8]| {
        let mut frame = whole.clone();
        frame[at..at + octets.len()].copy_from_slice(octets);
        frame
    };
    let mut lost = vec![
        Datagram { ttl: 1, ..rrq(1) }.frame(),
        changed(0, &[0xff; 6]),
        changed(0, &[1, 0, 0x5e, 0, 0, 1]),
        changed(0, &[2, 0, 0, 0, 0, 3]),
        rrq(1).offloaded(),
    ];
    for frame in &lost {
        let mut pair = Pair::new(alone());
        let verdict = pair.run(frame);
        assert_eq!(verdict, Verdict::Ask(Counter::PassRefresh, A as u16));
        assert_eq!(state(&mut pair).first_unanswered_ns, 0, "{frame:02x?}");
        pair.agree();
    }
    lost.clear();
    let mut pair = Pair::new(alone());
    pair.run(&whole);
    assert_ne!(state(&mut pair).first_unanswered_ns, 0);
}

/// rasline's own gatekeepers answer as long as the controller lives; no keep-alive is used to find out.
#[test]
fn rasline_itself_is_silent_without_the_controller() {
    for gone in [false, true] {
        let mut world = alone();
        world.gatekeepers[A as usize].flags |= GATEKEEPER_OWN;
        world.zones[0].flags &= !rasline_abi::ZONE_AUTO;
        for (_, slot) in &mut world.slots {
            slot.refreshed |= rasline_abi::REFRESH_REPEATS;
        }
        world.gatekeepers[A as usize].up_ns = if gone {
            world.now - 4 * SECOND
        } else {
            u64::MAX / 2
        };
        let mut pair = Pair::new(world);
        let (verdict, _) = pair.send(&rrq(1).frame());
        if gone {
            assert_eq!(verdict, Verdict::Answer { held: true });
        } else {
            assert_eq!(verdict, Verdict::Ask(Counter::PassRefresh, A as u16));
        }
        pair.agree();
    }
}

/// Pending places are few: those of known keep-alives are not taken by anybody else's requests.
#[test]
fn a_flood_of_requests_leaves_room_for_keep_alives() {
    let mut pair = Pair::new(alone());
    for n in 0..400u16 {
        let source = v4(10, 0, 1 + (n >> 8) as u8, n as u8);
        let arq = Datagram::up(&with_seq(&hex(ARQ), n)).from(source);
        assert!(matches!(pair.run(&arq.frame()), Verdict::Ask(..)));
    }
    asks(&mut pair, &rrq(1), Counter::PassRefresh);
    let known = &state(&mut pair).pending[..rasline_abi::PENDING / 2];
    assert_eq!(known.iter().filter(|entry| **entry != 0).count(), 1);
    pair.send(&rcf(1).frame());
    assert_eq!(state(&mut pair).first_unanswered_ns, 0);
    assert_eq!(GATEKEEPER(), pair.world.gatekeepers[0].address);
    pair.agree();
}
