//! A call that lost its gatekeeper comes under the control of the next one; its endpoints see nothing of it.

use std::time::Duration;

use rasline_core::call::{EndedBy, Happening};
use rasline_core::ras_server::{CallFact, EntryId};
use rasline_h225::q931::{self, element};
use rasline_h225::types::H323UuPduH323MessageBody as Body;
use rasline_h225::uuie::{build, decode_uuie};

use super::world::{
    Admits, Answers, CALL, CONFERENCE, World, gatekeeper, gatekeeper_signalling, upstream,
};

/// Time between the beginnings of two announcements.
const TURN: Duration = Duration::from_millis(20);

/// A call whose gatekeeper is dead, and what the phones have got until then.
fn orphaned() -> (World, [usize; 2]) {
    let mut world = World::new(2, 2);
    world.dial(0, 1);
    let before = seen(&world);
    world.kill(0);
    (world, before)
}

/// What both phones have got so far.
fn seen(world: &World) -> [usize; 2] {
    [0, 1].map(|n| world.phones[n].got.len() + world.phones[n].closed.len())
}

fn announced(world: &World) -> Vec<Duration> {
    let all = world.happened().into_iter();
    all.filter_map(|one| match one {
        Happening::Announced { after, .. } => Some(after),
        _ => None,
    })
    .collect()
}

fn refused(world: &World) -> Vec<Option<u8>> {
    let all = world.happened().into_iter();
    all.filter_map(|one| match one {
        Happening::AnnounceRefused { cause, .. } => Some(cause),
        _ => None,
    })
    .collect()
}

fn controller(world: &World) -> Option<std::net::SocketAddr> {
    world.calls.views()[0].controller
}

#[test]
fn the_next_gatekeeper_gets_the_call() {
    let (mut world, before) = orphaned();
    world.wait(Duration::from_secs(3));
    assert!(world.asked.is_empty());
    world.register(0, 1);
    assert!(world.asked.is_empty(), "one party is not there yet");
    world.register(1, 1);
    assert_eq!(announced(&world), [Duration::from_secs(3)]);
    assert_eq!(controller(&world), Some(gatekeeper(1)));
    assert_eq!(world.calls.views()[0].legs.len(), 4);
    assert_eq!(seen(&world), before);
    let answers: Vec<bool> = world.asked.iter().map(|one| one.answers).collect();
    assert_eq!(answers, [false, true]);
    for asked in &world.asked {
        assert_eq!((asked.call, asked.conference), (CALL, CONFERENCE));
        assert_eq!((asked.caller, asked.called), (EntryId(1), EntryId(2)));
    }
    // From then on the hang-up goes to everybody at once.
    world.hang_up(0);
    assert_eq!(world.types(1), [q931::SETUP, q931::RELEASE_COMPLETE]);
    let got = world.routers[1].got.last().unwrap();
    assert_eq!(got.message_type, q931::RELEASE_COMPLETE);
    assert_eq!(world.ended(), Some((EndedBy::Caller, Some(16))));
    assert_eq!(world.calls.stats().calls, 0);
}

#[test]
fn the_announcing_setup_is_the_call_as_it_is() {
    let (mut world, _) = orphaned();
    world.register_all(1);
    let setup = &world.routers[1].got[0];
    assert_eq!(setup.message_type, q931::SETUP);
    assert_eq!(setup.reference.value, world.asked[0].reference);
    assert_eq!(setup.element(element::CALLED_PARTY_NUMBER), None);
    let info = decode_uuie(setup.user_user().unwrap()).unwrap();
    assert_eq!(info.call_identifier(), Some(CALL));
    assert_eq!(info.source_call_signal_address(), Some(upstream(0)));
    let to = info.destination_call_signal_address();
    assert_eq!(to, Some(gatekeeper_signalling(1)));
    let Body::Setup(body) = info.body() else {
        panic!("{info:?}");
    };
    assert_eq!(&body.conference_id[..], CONFERENCE);
    let called = &body.destination_address.as_ref().unwrap()[0];
    assert_eq!(rasline_h225::text::from_alias(called).unwrap(), "1");
    assert_eq!(world.routers[1].setups, 1);
}

#[test]
fn endpoints_go_on_with_each_other() {
    let (mut world, _) = orphaned();
    world.register_all(1);
    let before = world.routers[1].got.len();
    world.tunnel(0, &[0x6d, 0x40, 0x00, 0x31]);
    world.tunnel(1, &[0x09, 0x00, 0x05]);
    assert_eq!(world.tunnelled(1), [vec![0x6d, 0x40, 0x00, 0x31]]);
    assert_eq!(world.tunnelled(0), [vec![0x09, 0x00, 0x05]]);
    assert_eq!(world.routers[1].got.len(), before);
    // A gatekeeper that asks whether the call is still there is answered.
    world.router_says(1, |reference| build::status_inquiry(reference, CALL));
    let got = &world.routers[1].got[before..];
    assert!(got.len() == 2 && got.iter().all(|one| one.message_type == q931::STATUS));
}

#[test]
fn the_new_gatekeeper_ends_the_call() {
    let (mut world, before) = orphaned();
    world.register_all(1);
    world.router_says(1, |reference| {
        build::release_complete(reference, Some(CALL), 31, None)
    });
    assert_eq!(seen(&world), before);
    world.wait(Duration::from_millis(300));
    for n in [0, 1] {
        assert_eq!(world.types(n).last(), Some(&q931::RELEASE_COMPLETE));
    }
    assert_eq!(world.ended(), Some((EndedBy::Gatekeeper, Some(31))));
    assert_eq!(world.calls.stats().calls, 0);
}

#[test]
fn a_drq_of_the_new_gatekeeper_ends_the_call() {
    let (mut world, _) = orphaned();
    world.register_all(1);
    world.fact(CallFact::Disengaged {
        endpoint: EntryId(2),
        call: CALL,
        gatekeeper: gatekeeper(1),
    });
    world.wait(Duration::from_millis(300));
    for n in [0, 1] {
        assert_eq!(world.types(n).last(), Some(&q931::RELEASE_COMPLETE));
    }
    assert_eq!(world.calls.stats().calls, 0);
}

/// The lost gatekeeper is no longer obeyed, whatever it says.
#[test]
fn a_drq_of_the_lost_gatekeeper_is_no_order() {
    let (mut world, before) = orphaned();
    world.register_all(1);
    world.fact(CallFact::Disengaged {
        endpoint: EntryId(2),
        call: CALL,
        gatekeeper: gatekeeper(0),
    });
    world.wait(Duration::from_mins(1));
    assert_eq!(seen(&world), before);
}

#[test]
fn the_new_gatekeeper_is_lost_as_well() {
    let mut world = World::new(2, 3);
    world.dial(0, 1);
    let before = seen(&world);
    world.kill(0);
    world.register_all(1);
    world.kill(1);
    assert_eq!(controller(&world), None);
    world.register_all(2);
    world.wait(TURN);
    assert_eq!(announced(&world).len(), 2);
    assert_eq!(controller(&world), Some(gatekeeper(2)));
    let orphaned = (world.happened().into_iter())
        .filter(|one| matches!(one, Happening::Orphaned { .. }))
        .count();
    assert_eq!(orphaned, 2);
    assert_eq!(seen(&world), before);
    world.hang_up(1);
    assert_eq!(world.types(0).last(), Some(&q931::RELEASE_COMPLETE));
}

/// The rest doubles: 1 s, 2 s, 4 s ... 30 s.
#[test]
fn a_refused_call_goes_on_and_is_announced_again() {
    let (mut world, before) = orphaned();
    world.routers[1].admits = Admits::Refused;
    world.register_all(1);
    assert_eq!(refused(&world), [None]);
    for (seconds, times) in [(1, 2), (2, 3), (4, 4), (8, 5), (16, 6), (30, 7), (30, 8)] {
        world.wait(Duration::from_millis(seconds * 1000 - 1));
        assert_eq!(world.asked.len(), times - 1);
        world.wait(Duration::from_millis(1));
        assert_eq!(world.asked.len(), times);
    }
    assert_eq!(world.routers[1].setups, 0);
    world.routers[1].admits = Admits::Routed;
    world.wait(Duration::from_secs(30));
    assert_eq!(announced(&world).len(), 1);
    assert_eq!(seen(&world), before);
}

#[test]
fn another_gatekeeper_is_asked_at_once() {
    let mut world = World::new(2, 3);
    world.dial(0, 1);
    world.kill(0);
    world.routers[1].admits = Admits::Refused;
    world.register_all(1);
    world.register_all(2);
    world.wait(TURN);
    assert_eq!(announced(&world).len(), 1);
    assert_eq!(controller(&world), Some(gatekeeper(2)));
}

#[test]
fn an_arq_without_an_answer_is_given_up() {
    let (mut world, _) = orphaned();
    world.routers[1].admits = Admits::Nothing;
    world.register_all(1);
    world.wait(Duration::from_millis(9_999));
    assert!(refused(&world).is_empty());
    world.wait(Duration::from_millis(1));
    assert_eq!(refused(&world), [None]);
    assert_eq!(world.asked.len(), 1);
}

/// The gatekeeper takes the Setup and does nothing with it: its leg is closed before another Setup goes out.
#[test]
fn a_setup_without_an_answer_is_given_up() {
    let (mut world, before) = orphaned();
    world.routers[1].is_frozen = true;
    world.register_all(1);
    assert_eq!(world.calls.views()[0].legs.len(), 3);
    world.wait(Duration::from_secs(10));
    assert_eq!(refused(&world), [None]);
    assert_eq!(world.calls.views()[0].legs.len(), 2);
    world.routers[1].is_frozen = false;
    world.wait(Duration::from_secs(1));
    assert_eq!(announced(&world).len(), 1);
    assert_eq!(world.routers[1].setups, 1);
    assert_eq!(seen(&world), before);
}

#[test]
fn a_gatekeeper_that_cannot_be_reached_is_given_up() {
    let (mut world, before) = orphaned();
    world.routers[1].is_dead = true;
    world.register_all(1);
    assert_eq!(refused(&world), [None]);
    world.routers[1].is_dead = false;
    world.wait(Duration::from_secs(1));
    assert_eq!(announced(&world).len(), 1);
    assert_eq!(seen(&world), before);
}

/// The gatekeeper dies during the attempt.
#[test]
fn a_gatekeeper_that_dies_is_left_for_the_next_one() {
    let mut world = World::new(2, 3);
    world.dial(0, 1);
    let before = seen(&world);
    world.kill(0);
    world.routers[1].is_frozen = true;
    world.register_all(1);
    world.fact(CallFact::Lost {
        gatekeeper: gatekeeper(1),
    });
    assert_eq!(world.calls.views()[0].legs.len(), 2);
    world.register_all(2);
    world.wait(TURN);
    assert_eq!(controller(&world), Some(gatekeeper(2)));
    assert_eq!(seen(&world), before);
}

/// A call must not be connected to somebody else, nor ring anybody.
#[test]
fn a_diverted_announcement_rings_nobody() {
    let mut world = World::new(3, 2);
    world.dial(0, 1);
    let before = seen(&world);
    world.kill(0);
    world.routers[1].diverts_to = Some(2);
    world.register_all(1);
    world.wait(Duration::from_mins(1));
    assert!(world.phones[2].got.is_empty());
    assert!(announced(&world).is_empty() && refused(&world).len() > 3);
    assert_eq!(refused(&world)[0], Some(q931::cause::TEMPORARY_FAILURE));
    assert_eq!(seen(&world), before);
}

/// The Setup of a call comes back when the call is over.
#[test]
fn the_echo_of_an_ended_call_rings_nobody() {
    let (mut world, _) = orphaned();
    world.routers[1].is_frozen = true;
    world.register_all(1);
    world.hang_up(0);
    assert_eq!(world.calls.stats().calls, 0);
    let before = seen(&world);
    world.call_from(1, 1);
    assert_eq!(seen(&world), before);
    assert_eq!(world.calls.stats().calls, 0);
}

/// So does the Setup of a gatekeeper that was not asked.
#[test]
fn another_gatekeepers_setup_rings_nobody() {
    let mut world = World::new(2, 3);
    world.dial(0, 1);
    world.kill(0);
    world.routers[1].is_frozen = true;
    world.register_all(1);
    let before = seen(&world);
    world.call_from(2, 1);
    assert_eq!(seen(&world), before);
    assert_eq!(world.calls.views().len(), 1);
    assert_eq!(world.calls.views()[0].legs.len(), 3);
}

#[test]
fn a_hang_up_ends_the_announcement_in_every_step() {
    for admits in [Admits::Nothing, Admits::Routed] {
        let (mut world, _) = orphaned();
        world.routers[1].admits = admits;
        world.routers[1].is_frozen = true;
        world.register_all(1);
        world.hang_up(1);
        assert_eq!(world.types(0).last(), Some(&q931::RELEASE_COMPLETE));
        assert_eq!(world.calls.stats().calls, 0);
        world.wait(Duration::from_mins(1));
        assert_eq!(world.asked.len(), 1);
    }
}

#[test]
fn a_gatekeeper_that_does_not_route_gets_the_call_by_ras() {
    let (mut world, before) = orphaned();
    world.routers[1].admits = Admits::Direct;
    world.register_all(1);
    assert_eq!(announced(&world).len(), 1);
    assert_eq!(world.asked.len(), 2);
    assert_eq!(world.routers[1].setups, 0);
    assert_eq!(seen(&world), before);
    world.fact(CallFact::Disengaged {
        endpoint: EntryId(1),
        call: CALL,
        gatekeeper: gatekeeper(1),
    });
    world.wait(Duration::from_millis(300));
    assert_eq!(world.types(1).last(), Some(&q931::RELEASE_COMPLETE));
}

/// It is announced once it is answered.
#[test]
fn a_ringing_call_is_announced_when_it_is_up() {
    let mut world = World::new(2, 2);
    world.phones[1].answers = Answers::Rings;
    world.dial(0, 1);
    world.kill(0);
    world.register_all(1);
    assert!(world.asked.is_empty());
    world.connect_call(1);
    world.wait(Duration::ZERO);
    world.tunnel(1, &[9, 0, 1]);
    assert_eq!(announced(&world).len(), 1);
}

/// A gatekeeper that closes the legs of a call although it lives gets it twice again, and then no more.
#[test]
fn a_gatekeeper_that_drops_a_call_gets_it_twice_again() {
    let mut world = World::new(2, 1);
    world.dial(0, 1);
    let before = seen(&world);
    world.lose_router_legs(0);
    assert!(announced(&world).is_empty(), "it may be dead");
    for times in 1..=2 {
        world.wait(Duration::from_secs(2));
        assert_eq!(announced(&world).len(), times);
        world.lose_router_legs(0);
    }
    world.wait(Duration::from_mins(10));
    assert_eq!(announced(&world).len(), 2);
    assert_eq!(seen(&world), before);
    assert_eq!(world.calls.stats().joined, 1);
}

/// The other party was beyond the gatekeeper: a Setup would call it once more.
#[test]
fn half_a_call_is_not_announced() {
    let mut world = World::new(1, 2);
    world.receive_from_elsewhere(0);
    world.kill(0);
    world.register_all(1);
    assert!(world.asked.is_empty());
}
