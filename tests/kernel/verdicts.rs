//! Every verdict, and what the answer looks like octet by octet.

use rasline_abi::{Counter, GATEKEEPERS_SIDE, Interface, elapsed, ticks};

use crate::kernel::Kernel;
use crate::world::{
    Datagram, GATEKEEPER, IFINDEX, RCF, RRJ, RRQ, Registration, SECOND, UCF, URQ, World, hex, v4,
    with_seq,
};

const PASS: u32 = 2;
const TX: u32 = 3;
const DROP: u32 = 1;

fn loaded(world: &World) -> Kernel {
    let mut kernel = Kernel::load();
    kernel.fill(world);
    kernel
}

/// The frame passes untouched, and for this reason.
#[track_caller]
fn passes(kernel: &mut Kernel, frame: &[u8], why: Counter) {
    let before = kernel.counter(why);
    let outcome = kernel.run(frame);
    assert_eq!(outcome.action, PASS, "{why:?}");
    assert_eq!(outcome.octets, frame, "a frame that passes is untouched");
    let counted: Vec<_> = Counter::ALL
        .iter()
        .filter(|c| kernel.counter(**c) > 0)
        .collect();
    assert_eq!(
        kernel.counter(why),
        before + 1,
        "expected {why:?}, counted so far {counted:?}"
    );
}

#[track_caller]
fn answers(kernel: &mut Kernel, datagram: &Datagram, rcf: &[u8]) {
    let outcome = kernel.run(&datagram.frame());
    let counted: Vec<_> = Counter::ALL
        .iter()
        .filter(|c| kernel.counter(**c) > 0)
        .collect();
    assert_eq!(outcome.action, TX, "counted: {counted:?}");
    assert_eq!(outcome.octets, datagram.reply(rcf));
}

#[test]
fn answers_ipv4_ipv6_and_vlans() {
    let mut kernel = loaded(&World::sample());
    let tags: [&[(u16, u16)]; 4] = [
        &[],
        &[(0x8100, 42)],
        &[(0x88a8, 7), (0x8100, 42)],
        &[(0x8100, 0xe007), (0x8100, 9)],
    ];
    for (i, tags) in tags.iter().enumerate() {
        let seq = 0x1234 + i as u16;
        let datagram = Datagram::up(&with_seq(&hex(RRQ), seq)).tagged(tags);
        answers(&mut kernel, &datagram, &with_seq(&hex(RCF), seq));
        answers(&mut kernel, &datagram.ipv6(), &with_seq(&hex(RCF), seq));
    }
    assert_eq!(kernel.counter(Counter::Answer), 8);
}

#[test]
fn answers_whatever_the_lengths() {
    // A longer RCF than the RRQ, a shorter one, odd lengths, no hole, a hole at an odd place.
    for (rrq_more, rcf_more) in [
        (0, 0),
        (1, 0),
        (7, 0),
        (0, 1),
        (3, 60),
        (200, 411),
        (300, 0),
        (440, 430),
        (0, 434),
    ] {
        for hole in [true, false] {
            let mut registration = Registration::sample();
            registration.rrq.extend(vec![0x5a; rrq_more]);
            registration.rcf.extend(vec![0xa5; rcf_more]);
            if !hole {
                registration.eid.clear();
            }
            let mut world = World::new();
            world.register(&registration);
            world.register(&registration.clone().ipv6());
            let mut kernel = loaded(&world);
            for seq in [0, 1, 0xffff] {
                let datagram = Datagram::up(&with_seq(&registration.rrq, seq));
                answers(&mut kernel, &datagram, &with_seq(&registration.rcf, seq));
                answers(
                    &mut kernel,
                    &datagram.ipv6(),
                    &with_seq(&registration.rcf, seq),
                );
            }
        }
    }
}

#[test]
fn answers_endpoint_identifiers_of_any_length() {
    for chars in 4..=32 {
        let text: String = (0..chars)
            .map(|i| char::from(b'a' + (i % 26) as u8))
            .collect();
        let eid = crate::world::utf16(&text);
        let old = crate::world::utf16("0001_ep");
        let swap = |message: &[u8]| {
            let at = crate::world::position(message, &old).unwrap();
            [&message[..at], &eid[..], &message[at + old.len()..]].concat()
        };
        let registration = Registration {
            rrq: swap(&hex(RRQ)),
            rcf: swap(&hex(RCF)),
            eid: eid.clone(),
            ..Registration::sample()
        };
        let mut world = World::new();
        world.register(&registration);
        let mut kernel = loaded(&world);
        answers(
            &mut kernel,
            &Datagram::up(&with_seq(&registration.rrq, 77)),
            &with_seq(&registration.rcf, 77),
        );
    }
}

#[test]
fn answers_without_and_with_offloaded_checksum() {
    let mut kernel = loaded(&World::sample());
    let datagram = Datagram::up(&with_seq(&hex(RRQ), 3));
    let rcf = with_seq(&hex(RCF), 3);
    // No checksum over IPv4.
    let mut frame = datagram.frame();
    frame[40..42].fill(0);
    assert_eq!(kernel.run(&frame).octets, datagram.reply(&rcf));
    // The pseudo header's sum only, as a sender on this machine leaves it to its network card.
    let udp_len = (datagram.payload.len() + 8) as u16;
    let pseudo = [&frame[26..34], &[0, 17], &udp_len.to_be_bytes()].concat();
    frame[40..42].copy_from_slice(&rasline_datapath::checksum::sum(&pseudo).to_ne_bytes());
    assert_eq!(kernel.run(&frame).octets, datagram.reply(&rcf));
}

#[test]
fn two_registrations_behind_one_address_and_port() {
    let mut world = World::new();
    let mut all = vec![];
    for i in 0..40 {
        let eid = format!("{i:04}_ep");
        let swap = |message: &str| {
            let message = hex(message);
            let at = crate::world::position(&message, &crate::world::utf16("0001_ep")).unwrap();
            [
                &message[..at],
                &crate::world::utf16(&eid)[..],
                &message[at + 14..],
            ]
            .concat()
        };
        let registration = Registration {
            rrq: swap(RRQ),
            rcf: swap(RCF),
            eid: crate::world::utf16(&eid),
            ..Registration::sample()
        };
        world.register(&registration);
        all.push(registration);
    }
    let mut kernel = loaded(&world);
    for registration in &all {
        answers(
            &mut kernel,
            &Datagram::up(&with_seq(&registration.rrq, 9)),
            &with_seq(&registration.rcf, 9),
        );
    }
}

#[test]
fn refresh_is_let_through_once_and_its_rcf_renews() {
    let mut world = World::new();
    let slot = world.register(&Registration {
        confirmed_ago: 301 * SECOND,
        ..Registration::sample()
    });
    let index = world.slots[slot].0;
    let mut kernel = loaded(&world);
    let up = |seq| Datagram::up(&with_seq(&hex(RRQ), seq));
    passes(&mut kernel, &up(5).frame(), Counter::PassRefresh);
    assert_eq!(kernel.state(0).outstanding, 1);
    assert_ne!(kernel.state(0).first_unanswered_ns, 0);
    // While it is under way, others are answered.
    answers(&mut kernel, &up(6), &with_seq(&hex(RCF), 6));
    // Another number's RCF renews nothing; it is not the known one to anything awaited.
    passes(
        &mut kernel,
        &Datagram::down(&with_seq(&hex(RCF), 4)).frame(),
        Counter::PassFromGatekeeper,
    );
    assert_eq!(kernel.counter(Counter::Renewed), 0);
    assert_eq!(
        kernel.state(0).first_unanswered_ns,
        0,
        "whatever comes from the gatekeeper shows that it lives"
    );
    passes(
        &mut kernel,
        &Datagram::down(&with_seq(&hex(RCF), 5)).frame(),
        Counter::Renewed,
    );
    assert!(elapsed(ticks(crate::world::now()), kernel.slot(index).confirmed) < 60);
    answers(&mut kernel, &up(7), &with_seq(&hex(RCF), 7));
    assert_eq!(kernel.state(0).replies, 2);
}

#[test]
fn rcf_to_a_refresh_is_replaced_by_the_patched_one() {
    for eid in [crate::world::utf16("0001_ep"), vec![]] {
        // timeToLive 300 (40012b) patched to 2 (0001): one octet shorter.
        let patched = hex(&RCF.replace("0340012b", "020001"));
        let registration = Registration {
            original: Some(hex(RCF)),
            rcf: patched.clone(),
            eid,
            confirmed_ago: 301 * SECOND,
            ..Registration::sample()
        };
        let mut world = World::new();
        world.register(&registration);
        world.register(&registration.clone().ipv6());
        let mut kernel = loaded(&world);
        for six in [false, true] {
            let turn = |d: Datagram| if six { d.ipv6() } else { d };
            passes(
                &mut kernel,
                &turn(Datagram::up(&with_seq(&hex(RRQ), 8))).frame(),
                Counter::PassRefresh,
            );
            let down = turn(Datagram::down(&with_seq(&hex(RCF), 8)));
            let outcome = kernel.run(&down.frame());
            assert_eq!(outcome.action, PASS);
            let expected = Datagram {
                payload: with_seq(&patched, 8),
                ..down
            };
            assert_eq!(
                outcome.octets,
                expected.frame(),
                "only the RCF, lengths and checksums change"
            );
            answers(
                &mut kernel,
                &turn(Datagram::up(&with_seq(&hex(RRQ), 9))),
                &with_seq(&patched, 9),
            );
        }
        assert_eq!(kernel.counter(Counter::Substitute), 2);
    }
}

#[test]
fn another_rcf_withdraws_and_is_diverted_while_the_controller_lives() {
    let other = with_seq(&hex(&RCF.replace("0340012b", "0340012c")), 8);
    for (alive, action, counter) in [
        (true, DROP, Counter::Divert),
        (false, PASS, Counter::DivertBypass),
    ] {
        let mut world = World::new();
        world.zones[0].divert = 1;
        if !alive {
            world.globals.heartbeat_ns = 1;
        }
        world.register(&Registration {
            confirmed_ago: 301 * SECOND,
            ..Registration::sample()
        });
        let mut kernel = loaded(&world);
        passes(
            &mut kernel,
            &Datagram::up(&with_seq(&hex(RRQ), 8)).frame(),
            Counter::PassRefresh,
        );
        let outcome = kernel.run(&Datagram::down(&other).frame());
        assert_eq!(outcome.action, action);
        assert_eq!(kernel.counter(counter), 1);
        let copies = kernel.copies();
        assert_eq!(copies.len(), usize::from(alive));
        if alive {
            assert_eq!(copies[0].1, other);
        }
        passes(
            &mut kernel,
            &Datagram::up(&with_seq(&hex(RRQ), 9)).frame(),
            Counter::PassUnknown,
        );
    }
}

#[test]
fn rrj_urq_and_ucf_withdraw_at_once() {
    for (message, six, counter) in [
        (RRJ, false, Counter::WithdrawnRrj),
        (RRJ, true, Counter::WithdrawnRrj),
        (URQ, false, Counter::WithdrawnUrq),
        (UCF, true, Counter::WithdrawnUcf),
    ] {
        let turn = |d: Datagram| if six { d.ipv6() } else { d };
        let mut world = World::new();
        world.register(&Registration {
            confirmed_ago: 301 * SECOND,
            ..Registration::sample()
        });
        world.register(
            &Registration {
                confirmed_ago: 301 * SECOND,
                ..Registration::sample()
            }
            .ipv6(),
        );
        let mut kernel = loaded(&world);
        passes(
            &mut kernel,
            &turn(Datagram::up(&with_seq(&hex(RRQ), 8))).frame(),
            Counter::PassRefresh,
        );
        answers(
            &mut kernel,
            &turn(Datagram::up(&with_seq(&hex(RRQ), 9))),
            &with_seq(&hex(RCF), 9),
        );
        let mut payload = hex(message);
        if message == RRJ {
            payload = with_seq(&payload, 8);
        }
        passes(
            &mut kernel,
            &turn(Datagram::down(&payload)).frame(),
            counter,
        );
        passes(
            &mut kernel,
            &turn(Datagram::up(&with_seq(&hex(RRQ), 10))).frame(),
            Counter::PassUnknown,
        );
        assert_eq!(kernel.counter(Counter::Answer), 1);
        let copies = kernel.copies();
        assert_eq!(
            copies.len(),
            2,
            "the withdrawal, and the keep-alive that is no longer known"
        );
        assert_eq!(copies[0].1, payload);
    }
}

#[test]
fn rrj_to_another_request_withdraws_nothing() {
    let mut kernel = loaded(&World::sample());
    passes(
        &mut kernel,
        &Datagram::down(&with_seq(&hex(RRJ), 8)).frame(),
        Counter::PassFromGatekeeper,
    );
    answers(
        &mut kernel,
        &Datagram::up(&with_seq(&hex(RRQ), 9)),
        &with_seq(&hex(RCF), 9),
    );
}

#[test]
fn silent_gatekeeper_is_held_for_hold_for_and_no_longer() {
    let mut world = World::sample();
    world.states[0].first_unanswered_ns = world.now - SECOND;
    let mut kernel = loaded(&world);
    let up = Datagram::up(&with_seq(&hex(RRQ), 9));
    answers(&mut kernel, &up, &with_seq(&hex(RCF), 9));
    assert_eq!(kernel.counter(Counter::AnswerHeld), 1);
    // Past its timeToLive at the gatekeeper, but the promise stood when the gatekeeper fell silent.
    let mut old = World::new();
    old.register(&Registration {
        confirmed_ago: 1000 * SECOND,
        ..Registration::sample()
    });
    old.states[0].first_unanswered_ns = old.now - 890 * SECOND;
    old.states[0].last_probe_ns = old.now - SECOND;
    let mut kernel = loaded(&old);
    answers(&mut kernel, &up, &with_seq(&hex(RCF), 9));
    old.states[0].first_unanswered_ns = old.now - 901 * SECOND;
    kernel.set_slots(&old);
    passes(&mut kernel, &up.frame(), Counter::PassExpired);
    // The promise was over before.
    old.states[0].first_unanswered_ns = old.now - 390 * SECOND;
    kernel.set_slots(&old);
    passes(&mut kernel, &up.frame(), Counter::PassExpired);
}

#[test]
fn silent_gatekeeper_is_looked_for_now_and_then() {
    let mut world = World::sample();
    world.states[0].first_unanswered_ns = world.now - 6 * SECOND;
    let mut kernel = loaded(&world);
    let up = Datagram::up(&with_seq(&hex(RRQ), 9));
    passes(&mut kernel, &up.frame(), Counter::PassProbe);
    answers(&mut kernel, &up, &with_seq(&hex(RCF), 9));
    assert_eq!(
        kernel.state(0).first_unanswered_ns,
        world.states[0].first_unanswered_ns
    );
    passes(
        &mut kernel,
        &Datagram::down(&with_seq(&hex(RCF), 9)).frame(),
        Counter::Renewed,
    );
    assert_eq!(kernel.state(0).first_unanswered_ns, 0);
}

#[test]
fn hold_answers_only_while_the_gatekeeper_is_silent() {
    let mut world = World::sample();
    world.zones[0].answer = rasline_abi::Answer::Hold as u32;
    let mut kernel = loaded(&world);
    let up = Datagram::up(&with_seq(&hex(RRQ), 9));
    passes(&mut kernel, &up.frame(), Counter::PassHold);
    assert_ne!(kernel.state(0).first_unanswered_ns, 0);
    world.states[0].first_unanswered_ns = world.now - SECOND;
    kernel.set_slots(&world);
    answers(&mut kernel, &up, &with_seq(&hex(RCF), 9));
}

#[test]
fn off_only_watches() {
    let mut world = World::sample();
    world.zones[0].answer = rasline_abi::Answer::Off as u32;
    let index = world.slots[0].0;
    world.slots[0].1.last_seen = 0;
    let mut kernel = loaded(&world);
    passes(
        &mut kernel,
        &Datagram::up(&with_seq(&hex(RRQ), 9)).frame(),
        Counter::PassOff,
    );
    assert_ne!(kernel.slot(index).last_seen, 0);
}

#[test]
fn copies_are_limited_by_source_and_in_all() {
    let mut world = World::new();
    world.globals.copies_per_source = 2;
    world.globals.copies_per_second = 5;
    let mut kernel = loaded(&world);
    for i in 0..8 {
        for _ in 0..3 {
            let datagram = Datagram {
                source: v4(10, 0, 9, i),
                ..Datagram::up(&hex(RRQ))
            };
            passes(&mut kernel, &datagram.frame(), Counter::PassUnknown);
        }
    }
    let (source, total) = (
        kernel.counter(Counter::CopyLimitedSource),
        kernel.counter(Counter::CopyLimitedTotal),
    );
    assert!(source >= 4, "{source}");
    assert!(total >= 1, "{total}");
    assert_eq!(kernel.copies().len() as u64 + source + total, 24);
}

#[test]
fn wrong_side_passes() {
    let mut world = World::sample();
    world.globals.interfaces[0] = Interface {
        ifindex: IFINDEX,
        side: GATEKEEPERS_SIDE,
    };
    let mut kernel = loaded(&world);
    passes(
        &mut kernel,
        &Datagram::up(&hex(RRQ)).frame(),
        Counter::PassNoZone,
    );
    world.globals.interfaces[0].ifindex = 99;
    kernel.fill(&world);
    passes(
        &mut kernel,
        &Datagram::up(&hex(RRQ)).frame(),
        Counter::PassInterface,
    );
    world.globals.interfaces[0] = Interface {
        ifindex: IFINDEX,
        side: rasline_abi::ENDPOINTS_SIDE,
    };
    kernel.fill(&world);
    answers(&mut kernel, &Datagram::up(&hex(RRQ)), &hex(RCF));
    passes(
        &mut kernel,
        &Datagram {
            source: GATEKEEPER(),
            ..Datagram::down(&hex(RCF))
        }
        .frame(),
        Counter::PassNoZone,
    );
}
