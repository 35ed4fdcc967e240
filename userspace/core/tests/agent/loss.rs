//! A lost connection, and whom that makes an agent ask.

use rasline_core::agent::{Config, EventKind, Input, Loss, Strategy};
use rasline_h225::messages::Rcf;
use rasline_h225::types::RegistrationRejectReason as Why;
use rasline_h225::view::Alternate;

use crate::agent::world::{SECOND, Sent, World, alternate, calls, config, gk, ms, number, rcf};

fn all(gatekeepers: &[u8]) -> Config {
    Config {
        strategy: Strategy::All,
        ..config(gatekeepers)
    }
}

#[test]
fn in_order_one_rrj_after_the_other_in_the_same_moment() {
    let mut world = World::registered_with(config(&[1, 2]), &[alternate(4, 9), alternate(3, 1)]);
    world.lose(Loss::Reset);
    for n in [2, 3, 4, 1] {
        assert_eq!((world.last().word(), world.last().to), ("rrq", gk(n)));
        assert_eq!(world.last().identity().as_deref(), Some("0001_ep"));
        let seq = world.last().seq();
        world.reject(n, seq, Why::FullRegistrationRequired);
    }
    // All have said no: in full, at once.
    assert_eq!((world.last().word(), world.last().to), ("RRQ", gk(2)));
    assert_eq!(world.last().identity().as_deref(), Some("0001_ep"));
    assert_eq!(world.sent.len(), 5);
    assert!(world.sent.iter().all(|sent| sent.at == world.now));
}

#[test]
fn the_alternate_that_confirms_gets_the_connection() {
    let mut world = World::registered(config(&[1, 2]));
    world.lose(Loss::Silent);
    assert_eq!(world.state(), "Moving");
    world.answer(|seq| Rcf {
        call_signal_addresses: vec![],
        ..rcf(seq, 2)
    });
    assert_eq!(world.connects, [(world.now, calls(2))]);
    assert_eq!(
        world.events,
        [
            EventKind::SignallingLost {
                gatekeeper: calls(1),
                why: Loss::Silent
            },
            EventKind::Registered {
                gatekeeper: gk(2),
                lightweight: true
            }
        ]
    );
    assert_eq!(world.view().gatekeeper, Some(gk(2)));
}

#[test]
fn the_lost_one_may_live_and_is_asked_last() {
    let mut world = World::registered(config(&[1]));
    world.lose(Loss::Reset);
    assert_eq!(world.said(), [("rrq", gk(1))]);
    world.answer(|seq| rcf(seq, 1));
    assert_eq!(world.connects, [(world.now, calls(1))]);
}

#[test]
fn silent_ones_are_passed_by_but_may_still_answer() {
    let mut world = World::registered(config(&[1, 2, 3]));
    world.lose(Loss::Reset);
    let first = world.last().clone();
    world.run(ms(500));
    assert_eq!(world.said(), [("rrq", gk(2)), ("rrq", gk(3))]);
    world.say(gk(2), &rcf(first.seq(), 2).encode().unwrap());
    assert_eq!(world.view().gatekeeper, Some(gk(2)));
    // The other one answers late, under the same identifier: it is let alone.
    let late = world.sent[1].seq();
    world.confirm(3, late);
    assert_eq!(world.view().gatekeeper, Some(gk(2)));
    assert_eq!(world.sent.len(), 2);
}

#[test]
fn a_late_one_with_another_identifier_is_left() {
    let mut world = World::registered(config(&[1, 2, 3]));
    world.lose(Loss::Reset);
    world.run(ms(500));
    let seqs: Vec<_> = world.sent.iter().map(Sent::seq).collect();
    world.confirm(2, seqs[0]);
    let other = Rcf {
        endpoint_identifier: "other".into(),
        ..rcf(seqs[1], 3)
    };
    world.say(gk(3), &other.encode().unwrap());
    assert_eq!((world.last().word(), world.last().to), ("URQ", gk(3)));
    assert_eq!(world.view().endpoint_identifier.as_deref(), Some("0001_ep"));
}

#[test]
fn nobody_within_t1_means_in_full() {
    for strategy in [Strategy::InOrder, Strategy::All] {
        let mut world = World::registered(Config {
            strategy,
            ..config(&[1, 2, 3])
        });
        world.lose(Loss::Reset);
        world.run(ms(1_999));
        assert!(world.sent.iter().all(|sent| sent.word() == "rrq"));
        assert!(world.sent.len() <= 9);
        world.run(ms(1));
        assert_eq!((world.last().word(), world.last().to), ("RRQ", gk(2)));
        assert_eq!(world.last().identity().as_deref(), Some("0001_ep"));
    }
}

#[test]
fn who_wants_a_full_one_is_asked_for_it_first() {
    let mut world = World::registered(config(&[1, 2, 3]));
    world.lose(Loss::Reset);
    world.run(ms(500));
    assert_eq!(world.last().to, gk(3));
    let seq = world.last().seq();
    world.reject(3, seq, Why::FullRegistrationRequired);
    world.run(ms(1_500));
    assert_eq!((world.last().word(), world.last().to), ("RRQ", gk(3)));
}

#[test]
fn need_to_register_means_in_full_from_the_start() {
    let must = Alternate {
        need_to_register: true,
        ..alternate(2, 0)
    };
    let mut world = World::registered_with(config(&[1]), &[must]);
    world.lose(Loss::Reset);
    assert_eq!(world.said(), [("RRQ", gk(2))]);
    world.answer(|seq| rcf(seq, 2));
    assert_eq!(world.view().registrations, 2);
}

#[test]
fn all_at_once_the_best_one_wins() {
    let mut world = World::registered(all(&[1, 2, 3, 4]));
    world.lose(Loss::Reset);
    assert_eq!(
        world.said(),
        [
            ("rrq", gk(2)),
            ("rrq", gk(3)),
            ("rrq", gk(4)),
            ("rrq", gk(1))
        ]
    );
    let seqs: Vec<_> = world.sent.iter().map(Sent::seq).collect();
    world.forget();
    world.run(ms(3));
    world.confirm(4, seqs[2]);
    assert_eq!(world.state(), "Moving", "a better one may still answer");
    world.confirm(3, seqs[1]);
    assert_eq!(world.state(), "Moving");
    world.reject(2, seqs[0], Why::FullRegistrationRequired);
    assert_eq!(world.view().gatekeeper, Some(gk(3)));
    assert_eq!(world.connects, [(world.now, calls(3))]);
    world.confirm(1, seqs[3]);
    assert_eq!((world.connects.len(), world.sent.len()), (1, 0));
}

#[test]
fn all_at_once_the_best_one_is_not_waited_for_long() {
    let mut world = World::registered(all(&[1, 2, 3]));
    world.lose(Loss::Reset);
    let seqs: Vec<_> = world.sent.iter().map(Sent::seq).collect();
    world.confirm(3, seqs[1]);
    world.run(ms(49));
    assert_eq!(world.state(), "Moving");
    world.run(ms(1));
    assert_eq!(world.view().gatekeeper, Some(gk(3)));
}

#[test]
fn losers_with_an_identifier_of_their_own_are_left() {
    let mut world = World::registered(all(&[1, 2, 3]));
    world.lose(Loss::Reset);
    let seqs: Vec<_> = world.sent.iter().map(Sent::seq).collect();
    world.forget();
    let other = Rcf {
        endpoint_identifier: "other".into(),
        ..rcf(seqs[1], 3)
    };
    world.say(gk(3), &other.encode().unwrap());
    world.confirm(2, seqs[0]);
    assert_eq!(world.view().gatekeeper, Some(gk(2)));
    assert_eq!(world.said(), [("URQ", gk(3))]);
}

#[test]
fn a_refused_connection_counts_as_a_loss_and_nothing_spins() {
    let mut world = World::registered(config(&[1, 2]));
    world.lose(Loss::Reset);
    let mut asked = 0;
    for _ in 0..12_000 {
        for sent in std::mem::take(&mut world.sent) {
            asked += 1;
            world.confirm(number(sent.to), sent.seq());
        }
        if !world.connections.is_empty() {
            world.lose(Loss::Refused);
        }
        world.run(ms(10));
    }
    assert_eq!(world.state(), "Registered");
    assert!(world.connects[0].1 == calls(2) && world.connects[1].1 == calls(1));
    assert!((4..=20).contains(&asked), "{asked} in two minutes");
}

#[test]
fn connections_that_hold_do_not_slow_the_next_move() {
    let mut world = World::registered(config(&[1, 2]));
    for _ in 0..20 {
        world.lose(Loss::Reset);
        assert_eq!(world.state(), "Moving");
        let n = number(world.last().to);
        world.answer(|seq| rcf(seq, n));
        let (connection, _) = world.connections[0];
        world.input(Input::Connected { connection });
        world.run(15 * SECOND);
    }
    assert_eq!(world.view().losses, 20);
}

#[test]
fn a_lost_one_of_the_past_means_nothing() {
    let mut world = World::registered(config(&[1, 2]));
    let (old, _) = world.connections[0];
    world.lose(Loss::Reset);
    world.answer(|seq| rcf(seq, 2));
    world.forget();
    world.input(Input::Lost {
        connection: old,
        why: Loss::Reset,
    });
    assert_eq!(
        (world.state().as_str(), world.sent.len()),
        ("Registered", 0)
    );
    world.input(Input::Connected { connection: old });
    assert_eq!(world.connections.len(), 1);
}

/// Who is asked has confirmed nothing: what another one did is not shown as its.
#[test]
fn what_is_shown_is_of_the_gatekeeper_that_is_shown() {
    let mut world = World::registered(config(&[1, 2]));
    let view = world.view();
    assert_eq!(view.gatekeeper, Some(gk(1)));
    assert!(view.confirmed_ns.is_some() && view.time_to_live == Some(300));
    world.lose(Loss::Reset);
    let view = world.view();
    assert_eq!(
        (view.state.as_str(), view.gatekeeper),
        ("Moving", Some(gk(2)))
    );
    assert_eq!((view.confirmed_ns, view.time_to_live), (None, None));
    assert_eq!(view.connected_to, None);
    world.answer(|seq| rcf(seq, 2));
    let view = world.view();
    assert_eq!(view.confirmed_ns, Some(world.now.0));
}
