//! Refreshes, renewals, withdrawals, and what is kept up for a silent gatekeeper.

use rasline_abi::{Counter, GATEKEEPER_OWN, GATEKEEPER_PROBED, REFRESH_REPEATS, elapsed, ticks};

use crate::expect::{DROP, PASS, answers, loaded, passes};
use crate::kernel::Kernel;
use crate::world::{
    Datagram, RCF, RRJ, RRQ, Registration, SECOND, UCF, URQ, World, fall_silent, hex, now, with_seq,
};

#[test]
fn refresh_is_let_through_once_and_its_rcf_renews() {
    let mut world = World::new();
    let slot = world.register(&Registration {
        confirmed_ago: 31 * SECOND,
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
    assert_ne!(
        kernel.state(0).first_unanswered_ns,
        0,
        "only an answer to what was asked shows that the gatekeeper lives"
    );
    passes(
        &mut kernel,
        &Datagram::down(&with_seq(&hex(RCF), 5)).frame(),
        Counter::Renewed,
    );
    assert_eq!(kernel.state(0).first_unanswered_ns, 0);
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
            confirmed_ago: 31 * SECOND,
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
    for (alive, paused, action, counter) in [
        (true, false, DROP, Counter::Divert),
        (false, false, PASS, Counter::DivertBypass),
        // It lives and is behind.
        (true, true, PASS, Counter::DivertBypass),
    ] {
        let mut world = World::new();
        world.zones[0].divert = 1;
        if !alive {
            world.globals.heartbeat_ns = 1;
        }
        if paused {
            world.globals.divert_paused_ns = u64::MAX;
        }
        let alive = alive && !paused;
        world.register(&Registration {
            confirmed_ago: 31 * SECOND,
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
            confirmed_ago: 31 * SECOND,
            ..Registration::sample()
        });
        world.register(
            &Registration {
                confirmed_ago: 31 * SECOND,
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
    fall_silent(&mut world.states[0], world.now - SECOND);
    let mut kernel = loaded(&world);
    let up = Datagram::up(&with_seq(&hex(RRQ), 9));
    answers(&mut kernel, &up, &with_seq(&hex(RCF), 9));
    assert_eq!(kernel.counter(Counter::AnswerHeld), 1);
    // Past its timeToLive at the gatekeeper, but the promise stood when the gatekeeper fell silent.
    let mut old = World::new();
    old.register(&Registration {
        confirmed_ago: 100 * SECOND,
        ..Registration::sample()
    });
    fall_silent(&mut old.states[0], old.now - 80 * SECOND);
    old.states[0].last_probe_ns = old.now - SECOND;
    let mut kernel = loaded(&old);
    answers(&mut kernel, &up, &with_seq(&hex(RCF), 9));
    fall_silent(&mut old.states[0], old.now - 92 * SECOND);
    kernel.set_slots(&old);
    passes(&mut kernel, &up.frame(), Counter::PassExpired);
    // The promise was over before.
    fall_silent(&mut old.states[0], old.now - 39 * SECOND);
    kernel.set_slots(&old);
    passes(&mut kernel, &up.frame(), Counter::PassExpired);
}

/// Only while nobody else asks it; endpoints that were seen to repeat go first.
#[test]
fn silent_gatekeeper_is_looked_for_now_and_then() {
    let up = Datagram::up(&with_seq(&hex(RRQ), 9));
    for (silent_for, repeats, watched, looked_for) in [
        (6, true, false, true),
        (2, true, false, false),
        (6, false, false, false),
        (16, false, false, true),
        (16, true, true, false),
    ] {
        let mut world = World::sample();
        if repeats {
            world.slots[0].1.refreshed |= REFRESH_REPEATS;
        }
        if watched {
            world.gatekeepers[0].flags |= GATEKEEPER_PROBED;
        }
        // Loading takes a while.
        let mut kernel = Kernel::load();
        let since = now() - silent_for * SECOND;
        fall_silent(&mut world.states[0], since);
        kernel.fill(&world);
        if looked_for {
            passes(&mut kernel, &up.frame(), Counter::PassProbe);
            // The repetition is answered at once, and so is whatever comes next: none loses two in a row.
            answers(&mut kernel, &up, &with_seq(&hex(RCF), 9));
            assert_ne!(kernel.slot(world.slots[0].0).refreshed & REFRESH_REPEATS, 0);
        } else {
            answers(&mut kernel, &up, &with_seq(&hex(RCF), 9));
        }
        assert_eq!(kernel.state(0).first_unanswered_ns, since);
        let rcf = Datagram::down(&with_seq(&hex(RCF), 9)).frame();
        let (why, left) = if looked_for {
            (Counter::Renewed, 0)
        } else {
            (Counter::PassFromGatekeeper, since)
        };
        passes(&mut kernel, &rcf, why);
        assert_eq!(kernel.state(0).first_unanswered_ns, left);
    }
}

#[test]
fn hold_answers_only_while_the_gatekeeper_is_silent() {
    let mut world = World::sample();
    world.zones[0].answer = rasline_abi::Answer::Hold as u32;
    let mut kernel = loaded(&world);
    let up = Datagram::up(&with_seq(&hex(RRQ), 9));
    passes(&mut kernel, &up.frame(), Counter::PassHold);
    assert_ne!(kernel.state(0).first_unanswered_ns, 0);
    fall_silent(&mut world.states[0], world.now - SECOND);
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
fn what_rasline_itself_hears_is_not_copied_as_well() {
    for (own, copies) in [(true, 0), (false, 1)] {
        let mut world = World::new();
        if own {
            world.gatekeepers[0].flags |= GATEKEEPER_OWN;
        }
        let mut kernel = loaded(&world);
        passes(
            &mut kernel,
            &Datagram::up(&with_seq(&hex(RRQ), 8)).frame(),
            Counter::PassUnknown,
        );
        assert_eq!(kernel.copies().len(), copies, "{own}");
    }
}
