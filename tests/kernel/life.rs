//! What counts as a gatekeeper's life, and what its answers say of registrations.

use rasline_abi::{Counter, REFRESH_DUE, ticks};
use rasline_datapath::{Verdict, ras};

use crate::evidence::{alone, asks, grq, is_answered, rcf, rrq, second, state};
use crate::pair::Pair;
use crate::steered::{A, ARQ, b};
use crate::world::{
    Datagram, ENDPOINT, GCF, RRJ, Registration, SECOND, UCF, URQ, hex, now, v4, with_seq,
};

/// Who can write the gatekeeper's address keeps no dead gatekeeper alive.
#[test]
fn only_answers_to_what_was_asked_are_life() {
    let seq = |message: &str, seq| with_seq(&hex(message), seq);
    let rip = |seq: u16| [hex("800500"), seq.to_be_bytes().to_vec(), hex("0063")].concat();
    let other_port = Datagram {
        ports: (1719, 1720),
        ..rcf(1)
    };
    for (message, life) in [
        (rcf(1), true),
        (Datagram::down(&seq(RRJ, 1)), true),
        (Datagram::down(&rip(1)), true),
        (rcf(2), false),
        (rcf(1).to(second()), false),
        (other_port, false),
        (rcf(1).from(b()), false),
        (Datagram::down(&seq(GCF, 1)), false),
        (Datagram::down(&seq(URQ, 1)), false),
        (Datagram::down(&hex(UCF)), false),
        (Datagram::down(&rip(2)), false),
    ] {
        let mut pair = Pair::new(alone());
        asks(&mut pair, &rrq(1), Counter::PassRefresh);
        pair.send(&message.frame());
        let answered = state(&mut pair).first_unanswered_ns == 0;
        assert_eq!(answered, life, "{:02x?}", message.payload);
        assert_eq!(state(&mut pair).last_reply_ns != 0, life);
        // Once.
        pair.evidence(A, |state| state.last_reply_ns = 0);
        pair.send(&message.frame());
        assert_eq!(state(&mut pair).last_reply_ns, 0);
        pair.agree();
    }
}

/// A gatekeeper that lost its registrations says so to calls; the next keep-alive goes through.
#[test]
fn a_reject_that_disowns_has_the_next_keep_alive_go_through() {
    let asked = [
        (ARQ, "0a"),
        ("3240000a00112233445566778899", "BRQ"),
        ("3c000a0011", "DRQ"),
        ("1a00000a00112233", "URQ"),
        ("4a40000a0011", "LRQ"),
    ];
    let [arq, brq, drq, urq, lrq] = asked.map(|(message, _)| message);
    for (request, answer, due) in [
        (arq, "2c000a40", true),  // callerNotRegistered
        (arq, "2c000a60", true),  // invalidEndpointIdentifier
        (arq, "2c000a00", false), // calledPartyNotRegistered
        (arq, "2c000a20", false), // requestDenied
        (arq, "2c000b40", false), // to another request
        (brq, "38000a00", true),  // notBound
        (brq, "38000a20", false), // invalidPermission
        (drq, "44000a00", true),  // notRegistered
        (drq, "44000a40", false), // requestToDropOther
        (urq, "20000a00", true),  // notCurrentlyRegistered
        (urq, "20000a20", false), // callInProgress
        (lrq, "50000a00", false), // LRJ notRegistered is about somebody else
        (arq, "44000a00", false), // the reject of another request
    ] {
        let mut world = alone();
        for (_, slot) in &mut world.slots {
            slot.confirmed = ticks(world.now - 10 * SECOND);
        }
        let mut pair = Pair::new(world);
        is_answered(&mut pair, &rrq(1));
        let mut request = hex(request);
        let at = if request[0] == 0x3c { 1 } else { 2 };
        request[at..at + 2].copy_from_slice(&[0, 10]);
        assert!(matches!(
            pair.run(&Datagram::up(&request).frame()),
            Verdict::Ask(..)
        ));
        let reject = Datagram::down(&hex(answer));
        pair.untouched(&reject.frame());
        let marked = pair.kernel.slot(pair.world.slots[0].0).refreshed & REFRESH_DUE != 0;
        assert_eq!(marked, due, "{answer}");
        assert_eq!(pair.kernel.counter(Counter::RefreshDue), u64::from(due));
        if due {
            asks(&mut pair, &rrq(2), Counter::PassRefresh);
            pair.send(&Datagram::down(&with_seq(&hex(RRJ), 2)).frame());
            assert_eq!(pair.kernel.counter(Counter::WithdrawnRrj), 1);
        } else {
            is_answered(&mut pair, &rrq(2));
        }
        // The other endpoint is not concerned.
        is_answered(&mut pair, &rrq(3).from(second()));
        pair.agree();
    }
}

/// Somebody else's RRQ under the number of a keep-alive that was confirmed draws an RRJ.
#[test]
fn an_rrj_to_what_was_confirmed_withdraws_nothing() {
    let mut pair = Pair::new(alone());
    asks(&mut pair, &rrq(1), Counter::PassRefresh);
    pair.send(&rcf(1).frame());
    let bogus = Datagram::up(&with_seq(&hex("0e40000a060008914a"), 1));
    pair.send(&[bogus.frame(), vec![]].concat());
    pair.send(&Datagram::down(&with_seq(&hex(RRJ), 1)).frame());
    assert_eq!(pair.kernel.counter(Counter::WithdrawnRrj), 0);
    is_answered(&mut pair, &rrq(2));
    pair.agree();
}

/// What a gatekeeper confirmed before it was away may be lost; it is asked early, at the migrate rate.
#[test]
fn one_that_is_back_gets_its_refreshes_early() {
    for by_controller in [true, false] {
        let mut world = alone();
        world.zones[0].migrate_rate = 1;
        for (_, slot) in &mut world.slots {
            slot.confirmed = ticks(world.now - 10 * SECOND);
        }
        let third = Registration {
            address: v4(10, 0, 0, 9),
            confirmed_ago: 0,
            ..Registration::sample()
        };
        world.register(&third);
        let back = world.now - SECOND;
        if by_controller {
            world.gatekeepers[A as usize].back_ns = back;
        } else {
            world.states[A as usize].back_ns = back;
        }
        let mut pair = Pair::new(world);
        asks(&mut pair, &rrq(1), Counter::PassRefresh);
        pair.send(&rcf(1).frame());
        is_answered(&mut pair, &rrq(2));
        // Confirmed since it is back.
        is_answered(&mut pair, &rrq(3).from(v4(10, 0, 0, 9)));
        let full = now() + 10 * SECOND;
        pair.zone_state(0, |state| {
            (state.next_ns, state.unknown_next_ns) = (full, full);
        });
        is_answered(&mut pair, &rrq(4).from(second()));
        pair.zone_state(0, |state| (state.next_ns, state.unknown_next_ns) = (0, 0));
        asks(&mut pair, &rrq(5).from(second()), Counter::PassRefresh);
        pair.agree();
    }
}

#[test]
fn the_first_answer_after_silence_marks_the_return() {
    let mut pair = Pair::new(alone());
    asks(&mut pair, &rrq(1), Counter::PassRefresh);
    pair.send(&rcf(1).frame());
    assert_eq!(state(&mut pair).back_ns, 0);
    let mut world = alone();
    world.gatekeepers[A as usize].down_ns = now() - SECOND;
    world.zones[0].flags &= !rasline_abi::ZONE_AUTO;
    let mut pair = Pair::new(world);
    pair.untouched(&grq(ENDPOINT()).frame());
    pair.send(&Datagram::down(&hex(GCF)).frame());
    assert_ne!(state(&mut pair).back_ns, 0);
    pair.agree();
}

/// Where requestSeqNum stands, and what answers what: by real stacks' messages, as the decoder reads them.
#[test]
fn sequence_numbers_stand_where_the_decoder_finds_them() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors");
    let mut kinds = std::collections::BTreeSet::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        // Folders have messages of other protocols.
        if path.is_dir() {
            continue;
        }
        let text = std::fs::read_to_string(path).unwrap();
        let words = text.lines().filter(|line| !line.starts_with('#'));
        for word in words.flat_map(str::split_whitespace) {
            if word.len() < 8 || !word.bytes().all(|b| b.is_ascii_hexdigit()) {
                continue;
            }
            let message = hex(&word[..word.len() & !1]);
            let Ok(decoded) = rasline_h225::decode_ras(&message) else {
                continue;
            };
            let kind = ras::kind(message[0]);
            // IRQ, IRR and nonStandardMessage ask gatekeepers nothing.
            let long_rip = kind == ras::EXTENSION && message[1] >= 0x80;
            if (21..=23).contains(&kind) || long_rip {
                continue;
            }
            let Some(at) = ras::answered_at(message[0]) else {
                continue;
            };
            let there = u16::from_be_bytes([message[at], message[at + 1]]);
            // 1 stands as 0 (X.691 11.5.6).
            assert_eq!(there, decoded.request_seq_num() - 1, "{word}");
            kinds.insert(kind);
        }
    }
    // GRQ, GCF, RRQ, RCF, RRJ, URQ, UCF, ARQ, ACF, DRQ, DCF, RIP at least.
    for kind in [0, 1, 3, 4, 5, 6, 7, 9, 10, 15, 16, ras::EXTENSION] {
        assert!(kinds.contains(&kind), "{kind} of {kinds:?}");
    }
}
