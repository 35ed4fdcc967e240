//! Registrations move at a bounded rate: who waits is answered, told to wait, or dropped; who has something to ask
//! goes first; what a gatekeeper on standby says goes to the controller.

use rasline_abi::{Counter, GATEKEEPER_STANDBY, ZONE_RIP};
use rasline_datapath::{Verdict, process};
use rasline_testkit::oracle::Oracle;

use crate::kernel::Kernel;
use crate::pair::{Pair, ticks_ago};
use crate::steered::{ARQ, B, C, b, b6, c, moved, service, switch, world};
use crate::world::{
    Datagram, RCF, RRJ, RRQ, Registration, SECOND, World, answer_all, hex, host_frame, now, v4,
    with_seq,
};

const HELD: Verdict = Verdict::Answer { held: true };

fn rrq(seq: u16) -> Datagram {
    Datagram::up(&with_seq(&hex(RRQ), seq))
}

/// One of many endpoints, whose RRQ is not known.
fn unknown(n: u16) -> Datagram {
    let [high, low] = n.to_be_bytes();
    rrq(n).from(v4(10, 0, high, low))
}

/// Moved, with a registration at A, and this many RRQs a second.
fn moving(rate: u32) -> World {
    let mut world = moved();
    world.register(&Registration::sample());
    world.register(&Registration::sample().ipv6());
    for zone in &mut world.zones {
        zone.migrate_rate = rate;
    }
    world
}

#[test]
fn a_keep_alive_moves_if_the_rate_allows_and_is_held_if_not() {
    // One a second: four at once at most, two of them known keep-alives.
    let mut pair = Pair::new(moving(1));
    for seq in [1, 2] {
        pair.readdressed(&rrq(seq).frame(), &rrq(seq).to(b()).frame());
        let six = rrq(seq).ipv6();
        pair.readdressed(&six.frame(), &six.to(b6()).frame());
    }
    for asked in [rrq(3), rrq(4).to(service()), rrq(5).ipv6()] {
        let (verdict, octets) = pair.send(&asked.frame());
        assert_eq!(verdict, HELD);
        let seq = u16::from_be_bytes([asked.payload[2], asked.payload[3]]);
        assert_eq!(
            octets,
            asked.reply(&with_seq(&hex(RCF), seq)),
            "from the address asked"
        );
    }
    let state = pair.kernel.zone_state(0);
    assert_eq!((state.migrated, state.shaped), (2, 0));
    // The backup asks for the full RRQ, which endpoint and gatekeeper settle between them.
    let rrj = Datagram::down(&with_seq(&hex(RRJ), 2));
    pair.readdressed(&rrj.from(b()).frame(), &rrj.frame());
    assert_eq!(pair.kernel.counter(Counter::WithdrawnRrj), 1);
    // A place is kept for those that cannot be answered.
    let full = unknown(77);
    pair.readdressed(&full.frame(), &full.to(b()).frame());
    pair.agree();
}

#[test]
fn held_for_so_long_and_no_longer() {
    for (moved_ago, confirmed_ago, held) in [
        (10, 20, true),
        (70, 80, true),
        (92, 102, false),
        // Its promise was over when the zone moved.
        (10, 72, false),
        (10, 60, true),
    ] {
        let mut world = moving(1);
        world.zones[0].moved_ns = now() - moved_ago * SECOND;
        world.slots[0].1.confirmed = ticks_ago(confirmed_ago * SECOND);
        world.zone_states[0].next_ns = now() + 100 * SECOND;
        world.zone_states[0].unknown_next_ns = now() + 100 * SECOND;
        let mut pair = Pair::new(world);
        let verdict = pair.run(&rrq(1).frame());
        assert_eq!(
            verdict == HELD,
            held,
            "{moved_ago} {confirmed_ago}: {verdict:?}"
        );
        pair.agree();
    }
}

/// One that is registered with a gatekeeper that was not the active one, and dies long after the zone last moved, or
/// in a zone that never did.
#[test]
fn one_that_stayed_elsewhere_is_held_from_when_that_falls_silent() {
    for moved_ago in [0, 110] {
        let mut world = world();
        world.register(&Registration {
            gatekeeper: C as u16,
            ..Registration::sample()
        });
        world.zones[0].migrate_rate = 1;
        world.zones[0].moved_ns = if moved_ago == 0 {
            0
        } else {
            now() - moved_ago * SECOND
        };
        world.zone_states[0].next_ns = now() + 100 * SECOND;
        world.zone_states[0].unknown_next_ns = now() + 100 * SECOND;
        let mut pair = Pair::new(world);
        let to_c = rrq(1).to(c());
        let (verdict, _) = pair.send(&to_c.frame());
        assert_eq!(verdict, Verdict::Answer { held: false }, "it lives");
        pair.silent_for(C, SECOND);
        let (verdict, octets) = pair.send(&to_c.frame());
        assert_eq!(verdict, HELD);
        assert_eq!(octets, to_c.reply(&with_seq(&hex(RCF), 1)));
        pair.silent_for(C, 92 * SECOND);
        assert_ne!(pair.run(&to_c.frame()), HELD, "not for ever");
        pair.agree();
    }
}

#[test]
fn one_that_asks_goes_first() {
    let mut pair = Pair::new(moving(1));
    pair.zone_state(0, |state| {
        state.next_ns = now() + 100 * SECOND;
        state.unknown_next_ns = state.next_ns;
    });
    assert_eq!(pair.run(&rrq(1).frame()), HELD);
    let arq = Datagram::up(&hex(ARQ));
    pair.readdressed(&arq.frame(), &arq.to(b()).frame());
    assert_eq!(pair.kernel.counter(Counter::WithdrawnFirst), 1);
    assert_ne!(
        pair.run(&rrq(2).frame()),
        HELD,
        "it is no longer answered for the one left"
    );
    // Others are not concerned, nor is one that asks its own, living gatekeeper.
    assert_eq!(pair.kernel.counter(Counter::WithdrawnFirst), 1);
    pair.agree();
    let mut pair = Pair::new({
        let mut world = world();
        world.register(&Registration::sample());
        world
    });
    pair.untouched(&arq.frame());
    pair.send(&arq.to(service()).frame());
    assert_eq!(pair.run(&rrq(3).frame()), Verdict::Answer { held: false });
    pair.agree();
}

#[test]
fn beyond_the_rate_an_endpoint_is_told_to_wait() {
    let oracle = Oracle::new().unwrap();
    for (delay, seqs) in [(2000u16, 40), (65_535, 12), (1, 12)] {
        let mut world = moving(1);
        for (zone, state) in world.zones.iter_mut().zip(&mut world.zone_states) {
            zone.rip_delay_ms = delay;
            state.next_ns = now() + 100 * SECOND;
            state.unknown_next_ns = state.next_ns;
        }
        let mut pair = Pair::new(world);
        let mut delays = vec![];
        for seq in 0..seqs {
            let seq = [0u16, 1, 0x1234, 0xfffe]
                .get(seq)
                .copied()
                .unwrap_or(100 + seq as u16);
            let mut asked = unknown(seq);
            asked.payload = with_seq(&asked.payload, seq);
            if seq % 3 == 0 {
                asked = asked.tagged(&[(0x8100, 5)]);
            }
            if seq % 4 == 1 {
                // Of an address that is not known, over IPv6.
                let mut six = asked.ipv6();
                six.source[15] = 99;
                asked = six;
            }
            let (verdict, octets) = pair.send(&asked.frame());
            assert_eq!(verdict, Verdict::Rip);
            let rip = octets[asked.l4() + 8..].to_vec();
            assert_eq!(octets, asked.reply(&rip), "headers and checksums");
            assert_eq!(rip.len(), 7);
            let decoded = oracle.decode(&rip).unwrap();
            // Both decoders agree on it; on the wire stands the number less one.
            assert_eq!(decoded.seq, u64::from(seq) + 1);
            assert_eq!(decoded.pycrate[0], "requestInProgress");
            delays.push(decoded.pycrate[1]["delay"].as_u64().unwrap());
        }
        let delay = u64::from(delay);
        let (least, most) = (delay / 2, (delay * 3 / 2).min(65_535));
        assert!(
            delays
                .iter()
                .all(|d| (least.max(1)..=most.max(1)).contains(d)),
            "{delay}: {delays:?}"
        );
        if delay > 1 {
            let mean = delays.iter().sum::<u64>() / delays.len() as u64;
            assert!(mean > delay * 7 / 10, "{delay}: {delays:?}");
            delays.sort_unstable();
            delays.dedup();
            assert!(
                delays.len() > 5,
                "they do not all come back at once: {delays:?}"
            );
        }
        pair.agree();
    }
}

#[test]
fn or_dropped() {
    let mut world = moving(1);
    world.zones[0].flags &= !ZONE_RIP;
    world.zone_states[0].next_ns = now() + 100 * SECOND;
    world.zone_states[0].unknown_next_ns = now() + 100 * SECOND;
    let mut pair = Pair::new(world);
    let (verdict, octets) = pair.send(&unknown(9).frame());
    assert_eq!(verdict, Verdict::Drop(Counter::DropRate));
    assert_eq!(octets, unknown(9).frame());
    assert_eq!(pair.kernel.zone_state(0).shaped, 1);
    // Everything but RRQs goes on.
    let arq = Datagram::up(&hex(ARQ));
    pair.readdressed(&arq.frame(), &arq.to(b()).frame());
    pair.agree();
}

/// RRQs at the active gatekeeper's own address count, too; a zone that is not moving has no bound.
#[test]
fn the_bound_is_for_the_gatekeeper_that_the_zone_moves_to() {
    let mut world = moving(1);
    world.zone_states[0].next_ns = now() + 100 * SECOND;
    world.zone_states[0].unknown_next_ns = now() + 100 * SECOND;
    let mut pair = Pair::new(world);
    assert_eq!(pair.run(&unknown(1).to(b()).frame()), Verdict::Rip);
    assert_eq!(pair.run(&unknown(2).to(service()).frame()), Verdict::Rip);
    pair.change(|world| world.zones[0].moved_ns = now() - 92 * SECOND);
    pair.untouched(&unknown(3).to(b()).frame());
    pair.change(|world| {
        world.zones[0].moved_ns = now();
        world.zones[0].migrate_rate = 0;
    });
    pair.untouched(&unknown(4).to(b()).frame());
    pair.agree();
}

/// Driven by a clock of its own: in no span of time more than the rate and one burst, and near the rate over a long
/// one.
#[test]
fn the_rate_is_never_exceeded() {
    for rate in [1u64, 3, 7, 50, 333, 1000] {
        let mut tables = moving(rate as u32).host();
        for zone in 0..2 {
            tables.zone_mut(zone).move_for = crate::world::duration(900 * SECOND);
        }
        let (start, interval) = (tables.now, SECOND / rate);
        let burst = (SECOND / 10).max(4 * interval) / interval;
        let step = (interval / 5).min(SECOND / 100);
        let mut passed = vec![];
        for i in 0..6000u64 {
            // A pause in the middle must not be saved up.
            tables.now = start + i * step + if i > 3000 { 50 * SECOND } else { 0 };
            // The backup answers.
            answer_all(tables.gatekeeper_state_mut(B as usize));
            let frame = match i % 3 {
                0 => rrq(i as u16),
                _ => unknown(i as u16 + 100),
            };
            let mut host = host_frame(&frame.frame());
            if process(&mut host, &mut tables) == Verdict::Readdressed {
                passed.push(tables.now);
            }
        }
        for (i, from) in passed.iter().enumerate() {
            for span in [1, 2, 10, 100, 1000] {
                if let Some(to) = passed.get(i + span) {
                    let most = (to - from) / interval + burst + 1;
                    assert!(span as u64 <= most, "{rate}: {span} in {} ns", to - from);
                }
            }
        }
        let (all, offered) = (passed.len() as u64, 6000 * step / interval);

        assert!(
            all >= offered * 9 / 10,
            "{rate}: {all} of {offered} that may"
        );
    }
}

/// The same from several CPUs at once, through the kernel.
#[test]
fn the_rate_is_not_exceeded_by_several_cpus() {
    const RATE: u64 = 500;
    let world = moving(RATE as u32);
    let mut kernel = Kernel::load();
    kernel.fill(&world);
    let start = now();
    std::thread::scope(|scope| {
        for thread in 0..4u16 {
            let kernel = &kernel;
            scope.spawn(move || {
                let mut n = thread << 12;
                while now() - start < SECOND / 2 {
                    n = n.wrapping_add(1);
                    kernel.run(&unknown(n).frame());
                }
            });
        }
    });
    let spent = now() - start;
    let passed = kernel.counter(Counter::PassUnknown);
    let most = RATE / 10 + RATE * spent / SECOND + 1;
    assert!(passed <= most, "{passed} of at most {most}");
    assert!(
        passed >= RATE * spent / SECOND / 2,
        "{passed} in {spent} ns"
    );
    assert!(kernel.counter(Counter::Rip) > 0);
}

#[test]
fn a_gatekeeper_on_standby_speaks_to_the_controller_only() {
    let mut world = moved();
    world.gatekeepers[C as usize].flags |= GATEKEEPER_STANDBY;
    let mut pair = Pair::new(world);
    let rcf = Datagram::down(&hex(RCF));
    for message in [RCF, RRJ, ARQ] {
        let frame = Datagram::down(&hex(message)).from(c()).frame();
        assert_eq!(pair.run(&frame), Verdict::Divert(Counter::DivertStandby));
        let copies = pair.agree();
        assert_eq!(copies.len(), 1);
        assert_eq!((copies[0].0.gatekeeper, &copies[0].1), (C, &hex(message)));
    }
    assert_eq!(pair.kernel.state(C).last_reply_ns, 0, "no endpoint asked");
    // Others are not on standby; it is not when it is active, nor is anything taken when nobody listens.
    pair.untouched(&rcf.from(b()).frame());
    pair.change(|world| world.globals.heartbeat_ns = now() - 10 * SECOND);
    pair.untouched(&rcf.from(c()).frame());
    pair.change(|world| {
        world.globals.heartbeat_ns = now();
        switch(world, 0, C, now());
        world.gatekeepers[C as usize].flags |= GATEKEEPER_STANDBY;
    });
    pair.untouched(&rcf.from(c()).frame());
    pair.agree();
}

/// What the data path saw and did, for people.
#[test]
fn captures_frames_with_their_verdict() {
    let mut world = moving(0);
    world.globals.capture_len = 64;
    let mut pair = Pair::new(world);
    let arq = Datagram::up(&hex(ARQ));
    let long = Datagram::up(&[hex(ARQ), vec![3; 500]].concat()).to(b());
    let rtp = Datagram {
        ports: (5004, 5006),
        ..arq.clone()
    };
    for frame in [arq.frame(), long.frame(), rtp.frame()] {
        pair.send(&frame);
    }
    let found = pair.kernel.captured();
    let shown: Vec<_> = found
        .iter()
        .map(|(h, octets)| (h.verdict, h.direction, h.frame_len as usize, octets.clone()))
        .collect();
    let short = |frame: Vec<u8>| frame[..64.min(frame.len())].to_vec();
    let (stack, other) = (Counter::RedirectStack as u32, Counter::PassOther as u32);
    let len = arq.frame().len();
    assert_eq!(
        shown,
        [
            (stack, 0, len, short(arq.frame())),
            (stack, 1, len, short(arq.to(b()).frame())),
            (other, 0, long.frame().len(), short(long.frame())),
        ],
        "RAS and call signalling only"
    );
    assert!(
        found
            .iter()
            .all(|(h, octets)| h.captured as usize == octets.len() && h.ifindex == 1)
    );
    pair.agree();
    // Without room it is counted, and the frame goes its way.
    pair.change(|world| world.globals.capture_len = 2048);
    let frame = Datagram::up(&[hex(ARQ), vec![3; 1400]].concat()).frame();
    while pair.kernel.counter(Counter::CaptureLost) == 0 {
        assert_eq!(pair.kernel.run(&frame).action, 2);
    }
}

/// Many sources fill no more than their share of what is handed over while they are shaped.
#[test]
fn shaped_requests_are_not_copied() {
    let mut world = moving(1);
    world.zone_states[0].next_ns = now() + 100 * SECOND;
    world.zone_states[0].unknown_next_ns = now() + 100 * SECOND;
    let mut pair = Pair::new(world);
    for n in 100..300 {
        assert_eq!(pair.run(&unknown(n).frame()), Verdict::Rip);
    }
    assert!(pair.agree().is_empty());
}

/// A million sources that nobody knows, at once: nothing of theirs is kept, what reaches the gatekeeper is bounded, and
/// registered endpoints notice nothing: neither their refreshes, nor full RRQs, nor moves.
#[test]
fn a_million_random_sources_take_nothing_from_registered_ones() {
    const RATE: u32 = 1000;
    for moves in [false, true] {
        let mut world = if moves { moving(200) } else { World::sample() };
        for zone in &mut world.zones {
            zone.unknown_rate = RATE;
            zone.flags |= ZONE_RIP;
        }
        let mut tables = world.host();
        let start = tables.now;
        let (mut passed, mut dice) = (0u64, 1u64);
        let (mut asked, mut let_through) = (0, 0);
        for n in 0..1_000_000u64 {
            // 50,000 a second, from all over the zone's prefix.
            tables.now = start + n * (SECOND / 50_000);
            for state in 0..world.states.len() {
                answer_all(tables.gatekeeper_state_mut(state));
            }
            dice = dice
                .wrapping_mul(0xd134_2543_de82_ef95)
                .wrapping_add(0x9e37_79b9);
            let [a, b, c, d, ..] = dice.to_be_bytes();
            let mut bogus = rrq(n as u16).from(v4(10, 0, a, b));
            bogus.ports.0 = u16::from_be_bytes([c | 0x80, d]);
            let mut frame = host_frame(&bogus.frame());
            if goes_on(process(&mut frame, &mut tables)) {
                passed += 1;
            }
            // Once in two seconds the registered endpoint sends a full RRQ, which no slot answers.
            if n % 100_000 == 50_000 {
                let mut full = rrq(n as u16);
                full.payload.extend([0; 8]);
                asked += 1;
                let mut frame = host_frame(&full.frame());
                let_through += u32::from(goes_on(process(&mut frame, &mut tables)));
            }
            tables.copied.clear();
        }
        let seconds = 20;
        let most = u64::from(if moves { 200 } else { RATE }) * (seconds + 1) + 100;
        assert!(passed <= most, "{moves}: {passed} of at most {most}");
        assert!(
            passed >= u64::from(if moves { 50 } else { RATE }) * (seconds - 1) / 2,
            "{moves}: {passed}"
        );
        assert_eq!(let_through, asked, "{moves}");
        let limited = tables.zone_state_mut(0).limited;
        assert!(limited > 900_000, "{moves}: {limited}");
    }
}

/// Whether a frame reaches a gatekeeper.
fn goes_on(verdict: Verdict) -> bool {
    matches!(
        verdict,
        Verdict::Pass(_) | Verdict::Ask(..) | Verdict::Readdressed | Verdict::Redirect(_)
    )
}

/// The kernel does as the host does; keep-alives that are known are never behind the limit.
#[test]
fn unknown_requests_are_bounded_by_source_and_zone() {
    let mut world = World::sample();
    for zone in &mut world.zones {
        (zone.unknown_rate, zone.flags) = (100, 0);
    }
    let mut pair = Pair::new(world);
    let verdicts: Vec<_> = (0..60)
        .map(|n| {
            let mut bogus = rrq(n).from(v4(10, 0, 5, 5));
            bogus.ports.0 += n;
            pair.run(&bogus.frame())
        })
        .collect();
    let dropped = |why| {
        verdicts
            .iter()
            .filter(|v| **v == Verdict::Drop(why))
            .count()
    };
    assert!(dropped(Counter::UnknownLimitedSource) > 20, "{verdicts:?}");
    let verdicts: Vec<_> = (0..300).map(|n| pair.run(&unknown(n).frame())).collect();
    let dropped = |why| {
        verdicts
            .iter()
            .filter(|v| **v == Verdict::Drop(why))
            .count()
    };
    assert!(dropped(Counter::UnknownLimitedZone) > 100, "{verdicts:?}");
    assert_eq!(pair.run(&rrq(7).frame()), Verdict::Answer { held: false });
    // A registered source's own: so many, and no more.
    let full = |n: u16| {
        let mut full = rrq(n);
        full.payload.extend([0; 8]);
        full
    };
    for n in 0..8 {
        assert_eq!(
            pair.run(&full(n).frame()),
            Verdict::Ask(Counter::PassUnknown, 0)
        );
    }
    assert!(matches!(pair.run(&full(9).frame()), Verdict::Drop(_)));
    // Whatever else it says goes on.
    let arq = Datagram::up(&hex(ARQ));
    assert_eq!(pair.run(&arq.frame()), Verdict::Ask(Counter::PassOther, 0));
    // A zone that only watches changes nothing.
    pair.change(|world| world.zones[0].answer = rasline_abi::Answer::Off as u32);
    assert_eq!(
        pair.run(&full(10).frame()),
        Verdict::Ask(Counter::PassUnknown, 0)
    );
}
