//! RAS in fragments goes where whole messages go, under the same limits; nothing is learned from it, nothing is answered.

use rasline_abi::Counter;
use rasline_datapath::{FlowTable, Verdict};

use crate::pair::Pair;
use crate::steered::{ARQ, b, b6, c, moved, service, service6, switch, with_service_port, world};
use crate::world::{
    Datagram, GATEKEEPER, GCF, PORT, RRQ, Registration, SECOND, World, gatekeeper6, hex, now, v4,
};

const TAGS: [&[(u16, u16)]; 3] = [&[], &[(0x8100, 42)], &[(0x88a8, 7), (0x8100, 42)]];
/// Octets of a datagram in each fragment, as on a link with an MTU of 1500.
const SIZE: usize = 1480;

/// A message that starts like this one, and is longer than an MTU.
fn long(message: &str) -> Vec<u8> {
    let mut long = hex(message);
    long.extend((0..3500 - long.len()).map(|i| (i % 251) as u8));
    long
}

fn up() -> Datagram {
    Datagram::up(&long(RRQ))
}

/// All fragments go on as those of the other datagram.
#[track_caller]
fn readdressed(pair: &mut Pair, sent: &Datagram, arrives: &Datagram, identification: u32) {
    let sent = sent.fragments(SIZE, identification);
    let arrives = arrives.fragments(SIZE, identification);
    assert_eq!((sent.len(), arrives.len()), (3, 3));
    for (sent, arrives) in sent.iter().zip(&arrives) {
        pair.readdressed(sent, arrives);
    }
}

#[track_caller]
fn untouched(pair: &mut Pair, sent: &Datagram, identification: u32) {
    for fragment in sent.fragments(SIZE, identification) {
        pair.untouched(&fragment);
    }
}

/// To the failed gatekeeper and to the service address, back under either; both families, tags kept.
#[test]
fn all_fragments_go_to_the_active_gatekeeper_and_come_back_under_the_address_asked() {
    let mut pair = Pair::new(moved());
    let mut number = 0xffff_0000;
    for tags in TAGS {
        let (up, down) = (up().tagged(tags), Datagram::down(&long(GCF)).tagged(tags));
        for asked in [GATEKEEPER(), service()] {
            number += 1;
            readdressed(&mut pair, &up.to(asked), &up.to(b()), number);
            readdressed(&mut pair, &down.from(b()), &down.from(asked), number);
        }
        let (up, down) = (up.ipv6(), down.ipv6());
        for asked in [gatekeeper6(), service6()] {
            number += 1;
            readdressed(&mut pair, &up.to(asked), &up.to(b6()), number);
            readdressed(&mut pair, &down.from(b6()), &down.from(asked), number);
        }
    }
    assert!(pair.agree().is_empty(), "nothing of it is copied");
    assert_eq!(pair.kernel.counter(Counter::RedirectStack), 3 * 8 * 3);
    assert_eq!(pair.kernel.counter(Counter::PassUnknown), 3 * 4);
    assert_eq!(pair.kernel.counter(Counter::PassFromGatekeeper), 3 * 4);
}

/// The ports stand in the first fragment only.
#[test]
fn ports_are_replaced_in_the_first() {
    let mut pair = Pair::new(with_service_port(moved(), 2719));
    let up = Datagram {
        ports: (5000, 2719),
        ..up().to(service())
    };
    let there = Datagram {
        ports: (5000, PORT),
        ..up.to(b())
    };
    readdressed(&mut pair, &up, &there, 1);
}

/// Without a UDP checksum, and with one that happens to be the pseudo header's sum: the sender summed the whole.
#[test]
fn checksums_absent_and_coincident() {
    let mut pair = Pair::new(moved());
    let (sent, arrives) = (up().fragments(SIZE, 7), up().to(b()).fragments(SIZE, 7));
    let with = |mut frame: Vec<u8>, check: [u8; 2]| {
        frame[40..42].copy_from_slice(&check);
        frame
    };
    pair.readdressed(
        &with(sent[0].clone(), [0; 2]),
        &with(arrives[0].clone(), [0; 2]),
    );
    pair.readdressed(&sent[1], &arrives[1]);
    for check in 0..=u16::MAX {
        let mut frame = up().fragments(SIZE, 8).swap_remove(0);
        frame[40..42].copy_from_slice(&check.to_be_bytes());
        if check % 4099 == 0 || frame[40..42] == up().offloaded()[40..42] {
            // That it is right is what `Pair` compares.
            assert_eq!(pair.run(&frame), Verdict::Readdressed);
        }
    }
}

/// The first fragment of a message may hold no more than the UDP header, or not even all of a link's MTU.
#[test]
fn fragments_of_any_size() {
    let mut pair = Pair::new(moved());
    for (number, size) in (1..).zip([8, 16, 64, 1400, 2048]) {
        for (up, to) in [(up(), b()), (up().ipv6(), b6())] {
            let (sent, arrives) = (
                up.fragments(size, number),
                up.to(to).fragments(size, number),
            );
            for (sent, arrives) in sent.iter().zip(&arrives) {
                pair.readdressed(sent, arrives);
            }
        }
    }
    // A whole datagram with a fragment header (RFC 6946).
    let mut atomic = up().ipv6();
    atomic.payload.truncate(1400);
    let (sent, arrives) = (
        atomic.fragments(4096, 9),
        atomic.to(b6()).fragments(4096, 9),
    );
    pair.readdressed(&sent[0], &arrives[0]);
    pair.agree();
}

#[test]
fn what_overtakes_the_first_passes() {
    let mut pair = Pair::new(moved());
    let (sent, arrives) = (up().fragments(SIZE, 7), up().to(b()).fragments(SIZE, 7));
    pair.untouched(&sent[1]);
    pair.readdressed(&sent[0], &arrives[0]);
    pair.readdressed(&sent[2], &arrives[2]);
    pair.readdressed(&sent[1], &arrives[1]);
    // Of another number, source or destination, and long after the first.
    pair.untouched(&up().fragments(SIZE, 8)[1]);
    pair.untouched(&up().from(v4(10, 0, 0, 8)).fragments(SIZE, 7)[1]);
    pair.untouched(&up().to(c()).fragments(SIZE, 7)[1]);
    pair.agree();
    let long_ago = now() - 31 * SECOND;
    pair.kernel
        .change_flows(FlowTable::Fragments, |flow| flow.seen_ns = long_ago);
    for (_, flow) in pair.tables.flows_mut(FlowTable::Fragments) {
        flow.seen_ns = long_ago;
    }
    pair.untouched(&sent[1]);
    assert_eq!(pair.kernel.flows(FlowTable::Fragments).len(), 1);
}

/// A number that is used again is another message's.
#[test]
fn the_next_first_fragment_decides_anew() {
    let mut pair = Pair::new(moved());
    readdressed(&mut pair, &up(), &up().to(b()), 7);
    let at = now();
    pair.change(|world| switch(world, 0, 3, at));
    readdressed(&mut pair, &up(), &up().to(c()), 7);
    let at = now();
    pair.change(|world| switch(world, 0, 0, at));
    untouched(&mut pair, &up(), 7);
    assert!(pair.kernel.flows(FlowTable::Fragments).is_empty());
    pair.agree();
}

#[test]
fn fragments_of_others_are_not_touched() {
    let mut pair = Pair::new(moved());
    let ports = |ports| Datagram { ports, ..up() };
    for (number, datagram) in (1..).zip([
        ports((5004, 5006)),
        ports((PORT, 1721)),
        up().to(b()),
        up().to(v4(10, 1, 0, 9)),
        up().from(v4(10, 8, 0, 1)),
        Datagram::down(&long(GCF)).from(b()),
        ports((5004, 5006)).ipv6(),
        ports((5004, 5006)).tagged(TAGS[2]),
    ]) {
        untouched(&mut pair, &datagram, number);
    }
    assert!(pair.kernel.all_flows().is_empty());
    pair.agree();
}

/// Known octets in the first fragment are no keep-alive, and what is said in fragments is no evidence.
#[test]
fn nothing_is_answered_or_learned() {
    let mut world = World::sample();
    world.globals.steering = 1;
    let mut pair = Pair::new(world);
    let mut frame = Datagram::up(&hex(RRQ)).fragments(4096, 3).swap_remove(0);
    frame[20] = 0x20;
    frame[24..26].fill(0);
    let check = !rasline_datapath::checksum::sum(&frame[14..34]);
    frame[24..26].copy_from_slice(&check.to_ne_bytes());
    pair.untouched(&frame);
    untouched(&mut pair, &Datagram::down(&long(GCF)), 4);
    untouched(&mut pair, &up(), 5);
    assert!(pair.agree().is_empty());
    assert_eq!(pair.kernel.state(0).replies, 0);
    assert_eq!(pair.kernel.counter(Counter::PassUnknown), 2);
}

/// Fragments are no way around `unknown_rate`, whether anything is steered or not.
#[test]
fn the_limits_are_those_of_whole_messages() {
    for steering in [0, 1] {
        let mut limited = if steering == 1 { moved() } else { world() };
        limited.globals.steering = steering;
        limited.register(&Registration::sample());
        (limited.zones[0].unknown_rate, limited.zones[0].flags) = (100, 0);
        let mut pair = Pair::new(limited);
        let mut dropped = 0;
        for n in 0..40 {
            // Its kind is not even in the first fragment.
            let mut bogus = up().from(v4(10, 0, 5, 5));
            bogus.ports.0 += n;
            let size = if n % 2 == 0 { SIZE } else { 8 };
            let fragments = bogus.fragments(size, u32::from(n));
            if matches!(pair.run(&fragments[0]), Verdict::Drop(_)) {
                dropped += 1;
                pair.untouched(&fragments[1]);
            }
        }
        assert!((10..20).contains(&dropped), "{dropped}");
        assert_eq!(pair.kernel.counter(Counter::UnknownLimitedSource), dropped);
        // A registered source has a budget of its own, and asks as much as it likes.
        for n in 0..20 {
            let arq = Datagram::up(&long(ARQ)).fragments(SIZE, 1000 + n);
            assert!(!matches!(pair.run(&arq[0]), Verdict::Drop(_)));
        }
        let full: Vec<_> = (0..60)
            .map(|n| pair.run(&up().fragments(SIZE, 2000 + n)[0]))
            .collect();
        let dropped = |verdict: &Verdict| matches!(verdict, Verdict::Drop(_));
        assert!(!full[..8].iter().any(dropped), "{full:?}");
        assert!(full.iter().any(dropped), "{full:?}");
        pair.agree();
    }
}

/// While the zone moves, full RRQs in fragments wait for their turn: there is no room for a RIP in them.
#[test]
fn the_migrate_rate_holds_for_them_too() {
    let mut moving = moved();
    moving.zones[0].migrate_rate = 1;
    moving.zone_states[0].next_ns = now() + 100 * SECOND;
    moving.zone_states[0].unknown_next_ns = now() + 100 * SECOND;
    let mut pair = Pair::new(moving);
    let verdict = pair.run(&up().fragments(SIZE, 1)[0]);
    assert_eq!(verdict, Verdict::Drop(Counter::DropRate));
    pair.agree();
}
