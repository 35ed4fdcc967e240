//! Agents that want proof from their gatekeepers (H.235.1).

use rasline_core::agent::{Answers, Config, EventKind, Input, Loss, Unproved};
use rasline_h225::RasMessage;
use rasline_h225::messages::{self, Rrj};
use rasline_h225::types::{
    GatekeeperReject, GatekeeperRejectReason, InfoRequest, RegistrationRejectReason as Why,
    UnregRequestReason,
};

use crate::agent::forgery::{
    FORGERIES, Forgery, begun, counted, forged, genuine, octets, secured, standing,
};
use crate::agent::world::{SECOND, World, alternate, gcf, gk, ms, rcf, urq};

const STATES: [&str; 6] = [
    "Discovering",
    "Registering",
    "Registered",
    "Refreshing",
    "Moving",
    "Leaving",
];

/// Gatekeeper `n` says this, and proves it.
fn say(world: &mut World, n: u8, random: i32, message: &[u8]) -> Vec<u8> {
    let octets = genuine(message, n, random, world.now);
    world.say(gk(n), &octets);
    octets
}

fn lie(world: &mut World, n: u8, message: &[u8], how: Forgery) {
    let octets = forged(message, n, 1000, world.now, how);
    world.say(gk(n), &octets);
}

/// In this state, by gatekeepers that prove all they say; `Refreshing` is Registered with a lightweight RRQ under way.
fn in_state(name: &str, config: Config) -> World {
    let mut world = begun(config);
    if name == "Discovering" {
        return world;
    }
    let seq = world.last().seq();
    say(&mut world, 1, 1, &gcf(seq, 1).encode().unwrap());
    if name == "Registering" {
        return world;
    }
    let seq = world.last().seq();
    say(&mut world, 1, 2, &rcf(seq, 1).encode().unwrap());
    let (connection, _) = world.connections[0];
    world.input(Input::Connected { connection });
    world.run(20 * SECOND);
    match name {
        "Refreshing" => {
            world.now = world.agents.next_due().unwrap();
            world.input(Input::Due);
        }
        "Moving" => world.lose(Loss::Reset),
        "Leaving" => world.input(Input::Stop),
        _ => {}
    }
    assert_eq!(world.state(), name.replace("Refreshing", "Registered"));
    world
}

fn registered(answers: Answers) -> World {
    in_state("Registered", secured(&[1, 2], answers))
}

/// All that a gatekeeper can say, as an answer to this number where it is one.
fn messages(seq: u16) -> Vec<Vec<u8>> {
    let grj = GatekeeperReject::new(seq, GatekeeperRejectReason::ResourceUnavailable);
    let rrj = |why| Rrj {
        alternates: vec![alternate(9, 0)],
        ..Rrj::new(seq, why)
    };
    let urq = messages::Urq {
        alternates: vec![alternate(9, 0)],
        ..urq(5, UnregRequestReason::Maintenance)
    };
    vec![
        gcf(seq, 1).encode().unwrap(),
        octets(&RasMessage::GatekeeperReject(grj)),
        rcf(seq, 1).encode().unwrap(),
        rrj(Why::FullRegistrationRequired).encode().unwrap(),
        rrj(Why::DiscoveryRequired).encode().unwrap(),
        rrj(Why::SecurityDenial).encode().unwrap(),
        urq.encode().unwrap(),
        octets(&messages::ucf(seq)),
        octets(&messages::rip(seq, 9000)),
        octets(&messages::xrs(seq, &[0x0e])),
        octets(&RasMessage::InfoRequest(InfoRequest::new(3, 0))),
    ]
}

/// Every state, every message, every forgery: nothing changes, and nothing is said. The genuine message does what it does
/// with an agent that believes everything, and a second time nothing.
#[test]
fn only_what_is_genuine_counts() {
    for state in STATES {
        let mut heard = 0;
        let config = |answers| secured(&[1, 2], answers);
        let to = in_state(state, config(Answers::Any)).last().to;
        let n = crate::agent::world::number(to);
        let seq = in_state(state, config(Answers::Any)).last().seq();
        for (at, message) in messages(seq).iter().enumerate() {
            let mut world = in_state(state, config(Answers::Verified));
            let (before, ignored) = (standing(&world), world.view().ignored);
            for (count, how) in (1..).zip(FORGERIES) {
                lie(&mut world, n, message, how);
                let what = format!("{state}, message {at}, {how:?}");
                assert_eq!(standing(&world), before, "{what}");
                // What was altered in its header answers nothing, and is not even decoded.
                let all = counted(&world, how.why()).1 + world.view().ignored - ignored;
                assert_eq!(all, count, "{what}");
            }
            let mut trusting = in_state(state, config(Answers::Any));
            say(&mut trusting, n, 3, message);
            let octets = say(&mut world, n, 3, message);
            let after = standing(&world);
            // What is not proved is put to the gatekeeper before a URQ is obeyed.
            let like = at == 6 || after.is_like(&standing(&trusting));
            assert!(like, "{state}, message {at}");
            heard += u32::from(after != before);
            if world.state() == "gone" || at == 6 || at == 10 {
                continue; // It left; URQ and IRQ have their own tests.
            }
            let after = standing(&world);
            world.say(gk(n), &octets);
            assert_eq!(standing(&world), after, "{state}, message {at} again");
        }
        assert!(heard >= 2, "{state}: {heard}");
    }
}

#[test]
fn a_urq_that_comes_again_is_confirmed_and_a_replayed_one_is_not() {
    let mut world = registered(Answers::Verified);
    let message = urq(5, UnregRequestReason::UndefinedReason)
        .encode()
        .unwrap();
    let octets = say(&mut world, 1, 3, &message);
    assert_eq!(world.state(), "Registering");
    let seq = world.last().seq();
    say(&mut world, 1, 4, &rcf(seq, 1).encode().unwrap());
    // Its UCF was lost.
    world.forget();
    world.say(gk(1), &octets);
    assert_eq!(
        (world.said(), world.state().as_str()),
        (vec![("UCF", gk(1))], "Registered")
    );
    world.run(30 * SECOND);
    world.forget();
    world.say(gk(1), &octets);
    assert_eq!(
        (world.sent.len(), world.state().as_str()),
        (0, "Registered")
    );
    assert_eq!(counted(&world, Unproved::Replayed), (1, 1));
    // Without memory of it, the clock says so.
    world.run(120 * SECOND);
    world.say(gk(1), &octets);
    assert_eq!(counted(&world, Unproved::WrongTime), (1, 2));
    assert_eq!(world.state(), "Registered");
}

#[test]
fn an_irq_that_comes_again_is_answered_again() {
    let mut world = registered(Answers::Verified);
    let irq = octets(&RasMessage::InfoRequest(InfoRequest::new(3, 0)));
    let octets = say(&mut world, 1, 3, &irq);
    world.say(gk(1), &octets);
    assert_eq!(world.said()[world.sent.len() - 2..], [("IRR", gk(1)); 2]);
    assert_eq!(counted(&world, Unproved::Replayed), (0, 0));
}

#[test]
fn people_are_told_once_a_minute_and_of_the_clock_by_name() {
    let mut world = registered(Answers::Verified);
    world.forget();
    let message = urq(5, UnregRequestReason::Maintenance).encode().unwrap();
    let told = |world: &World| -> Vec<EventKind> {
        let events = world.events.iter();
        let unproved = events.filter(|event| matches!(event, EventKind::Unproved { .. }));
        unproved.cloned().collect()
    };
    for _ in 0..100 {
        lie(&mut world, 1, &message, Forgery::Unsigned);
        world.run(ms(50));
    }
    let first = |why, ahead, count| EventKind::Unproved {
        gatekeeper: gk(1),
        message: "URQ",
        why,
        ahead,
        count,
    };
    assert_eq!(told(&world), [first(Unproved::Missing, 0, 1)]);
    world.run(60 * SECOND);
    lie(&mut world, 1, &message, Forgery::Off(-500));
    let late = first(Unproved::WrongTime, -500, 100);
    assert_eq!(told(&world)[1..], [late]);
    assert_eq!(counted(&world, Unproved::Missing), (100, 101));
    // Within the window it may differ.
    lie(&mut world, 1, &message, Forgery::Off(-100));
    assert_ne!(world.state(), "Registered");
}

/// Someone answers in place of gatekeeper 1, which is dead: as if nobody did, so the next one is asked.
#[test]
fn a_forger_is_as_good_as_silence() {
    let mut world = begun(secured(&[1, 2], Answers::Verified));
    let seq = world.last().seq();
    say(&mut world, 1, 1, &gcf(seq, 1).encode().unwrap());
    for _ in 0..3 {
        let seq = world.last().seq();
        for how in FORGERIES {
            lie(&mut world, 1, &rcf(seq, 1).encode().unwrap(), how);
        }
        world.run(3 * SECOND);
    }
    assert_eq!((world.last().word(), world.last().to), ("GRQ", gk(2)));
    let seq = world.last().seq();
    say(&mut world, 2, 2, &gcf(seq, 2).encode().unwrap());
    let seq = world.last().seq();
    say(&mut world, 2, 3, &rcf(seq, 2).encode().unwrap());
    let view = world.view();
    assert_eq!(
        (view.state.as_str(), view.gatekeeper),
        ("Registered", Some(gk(2)))
    );
    assert!(view.proof_demanded);
}

#[test]
fn what_cannot_be_read_is_not_answered() {
    for (answers, said) in [
        (Answers::Verified, 0),
        (Answers::Learned, 0),
        (Answers::Any, 1),
    ] {
        let mut world = registered(answers);
        world.forget();
        // A URQ that ends too soon.
        let urq = urq(5, UnregRequestReason::UndefinedReason)
            .encode()
            .unwrap();
        world.say(gk(1), &urq[..urq.len() / 2]);
        assert_eq!(world.sent.len(), said, "{answers:?}");
        assert_eq!(world.view().ignored, 1);
    }
}

#[test]
fn who_never_proved_anything_is_believed_unless_all_must() {
    let plain = |answers| {
        let mut world = begun(secured(&[1], answers));
        let seq = world.last().seq();
        world.found(1, seq);
        world.answer(|seq| rcf(seq, 1));
        world
    };
    let world = plain(Answers::Verified);
    assert_eq!(
        (world.state().as_str(), world.sent.len()),
        ("Discovering", 1)
    );
    for answers in [Answers::Learned, Answers::Any] {
        let mut world = plain(answers);
        assert_eq!(world.state(), "Registered");
        assert!(!world.view().proof_demanded);
        let message = urq(5, UnregRequestReason::UndefinedReason);
        world.unregister(1, &message.message().unwrap());
        assert_eq!(world.state(), "Registering");
        assert_eq!(world.view().unproved, [0; 5]);
    }
}

#[test]
fn who_proved_once_must_prove_all_that_follows() {
    let mut world = registered(Answers::Learned);
    assert!(world.view().proof_demanded);
    let before = standing(&world);
    for (at, message) in messages(world.last().seq()).iter().enumerate() {
        for how in FORGERIES {
            // A RIP may be without: overloaded gatekeepers look at nothing before they say it.
            lie(&mut world, 1, message, how);
            assert_eq!(standing(&world), before, "message {at}, {how:?}");
        }
    }
    // Another one has proved nothing yet.
    world.lose(Loss::Reset);
    assert_eq!(world.last().to, gk(2));
    world.answer(|seq| rcf(seq, 2));
    assert_eq!(world.view().gatekeeper, Some(gk(2)));
    assert!(!world.view().proof_demanded);
}

/// Each class of messages is learned by itself.
#[test]
fn who_signs_no_gcf_is_found_again() {
    let mut world = begun(secured(&[1], Answers::Learned));
    let seq = world.last().seq();
    world.found(1, seq);
    let seq = world.last().seq();
    world.tell(gk(1), &messages::rip(seq, 5000));
    say(&mut world, 1, 1, &rcf(seq, 1).encode().unwrap());
    world.run(20 * SECOND);
    world.now = world.agents.next_due().unwrap();
    world.input(Input::Due);
    let seq = world.last().seq();
    let rrj = Rrj::new(seq, Why::DiscoveryRequired).encode().unwrap();
    lie(&mut world, 1, &rrj, Forgery::Unsigned);
    assert_eq!(world.state(), "Registered");
    say(&mut world, 1, 2, &rrj);
    assert_eq!(
        (world.last().word(), world.state().as_str()),
        ("GRQ", "Discovering")
    );
    let seq = world.last().seq();
    world.found(1, seq);
    assert_eq!(world.state(), "Registering");
    assert_eq!(counted(&world, Unproved::Missing), (1, 1));
}

#[test]
fn the_operator_lets_it_begin_anew() {
    let mut world = registered(Answers::Learned);
    world.input(Input::Reregister {
        agent: crate::agent::world::ME,
    });
    world.answer(|seq| rcf(seq, 1));
    let view = world.view();
    assert_eq!(
        (view.state.as_str(), view.proof_demanded),
        ("Registered", false)
    );
    // So does another configuration.
    let mut world = registered(Answers::Learned);
    world.input(Input::Configure(vec![secured(&[1, 2], Answers::Any)]));
    world.unregister(
        1,
        &urq(5, UnregRequestReason::UndefinedReason)
            .message()
            .unwrap(),
    );
    assert_eq!(world.state(), "Registering");
}

/// Hashes of MD5 say nothing about the message that they are in.
#[test]
fn without_hmac_nothing_is_demanded() {
    let mut config = secured(&[1], Answers::Verified);
    config.credentials.as_mut().unwrap().mechanism = rasline_core::profile::Authentication::Md5;
    let mut world = begun(config);
    let seq = world.last().seq();
    world.found(1, seq);
    assert_eq!(world.state(), "Registering");
}
