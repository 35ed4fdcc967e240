//! Which gatekeeper serves a zone, and who else must know.

use rasline_core::EventKind;
use rasline_core::Time;
use rasline_core::failover::{Failback, Manual, MoveCause};
use rasline_core::health::State;
use rasline_core::record::{Decision, Record};
use rasline_core::site::{
    ByHand, Event, Input, KernelChange, KernelDecision, Origin, Start, Steering, ZoneMode,
};

use super::world::*;

fn steers(world: &World) -> usize {
    let told = &world.kernel.told;
    let steers = told.iter();
    steers
        .filter(|it| matches!(it, KernelChange::Steer { .. }))
        .count()
}

#[test]
fn a_zone_starts_at_its_best_gatekeeper_and_that_is_no_move() {
    let mut world = World::new(two_gatekeepers());
    world.all_up();
    assert_eq!(world.active(), Some(BEST));
    let steering = world.kernel.steering.clone().unwrap();
    assert_eq!(steering.moved, Time(0));
    assert_eq!(steering.candidates, [BEST, NEXT]);
    assert_eq!(steers(&world), 1, "told once");
}

#[test]
fn a_dead_gatekeeper_is_left_and_the_kernel_knows_it_as_dead() {
    let mut world = World::new(two_gatekeepers());
    world.all_up();
    let at = world.now;
    world.health(BEST, State::Down);
    assert_eq!(world.active(), Some(NEXT));
    let kernel = &world.kernel;
    assert!(kernel.down.contains(&BEST));
    let steering = kernel.steering.clone().unwrap();
    assert_eq!(steering.moved, at, "a move has its time");
    assert_eq!(steering.steered, [BEST]);

    assert!(world.site.steering().is_down(BEST));
    assert!(matches!(
        world.network_events().last(),
        Some(EventKind::Failover {
            cause: MoveCause::Down,
            ..
        })
    ));
    let kept = world.records.last();
    assert!(matches!(
        kept,
        Some(Record::Decision(Decision {
            active: Some(NEXT),
            manual: Manual::None,
            ..
        }))
    ));
}

#[test]
fn what_the_kernel_decided_is_adopted_once_and_keeps_its_time() {
    let mut world = World::new(two_gatekeepers());
    world.all_up();
    let at = world.now;
    world.kernel.decided = Some(KernelDecision {
        active: NEXT,
        from: BEST,
        at,
        evidence_at: at,
    });
    world.pass(SECOND);
    assert_eq!(world.active(), Some(NEXT));
    let kernel = &world.kernel;
    assert_eq!(kernel.decided, None, "it is the controller's own now");
    assert_eq!(kernel.steering.as_ref().unwrap().moved, at);

    let before = steers(&world);
    world.pass(5 * SECOND);
    assert_eq!(steers(&world), before, "nothing new, nothing told");
}

#[test]
fn nothing_is_told_twice() {
    let mut world = World::new(two_gatekeepers());
    world.all_up();
    let before = world.kernel.told.len();
    world.all_up();
    world.pass(10 * SECOND);
    let kernel = &world.kernel;
    let news: Vec<_> = kernel.told[before..]
        .iter()
        .filter(|it| matches!(it, KernelChange::Steer { .. }))
        .collect();
    assert!(news.is_empty(), "{news:?}");
}

#[test]
fn a_better_one_that_stays_up_is_returned_to() {
    let mut world = World::new(two_gatekeepers());
    world.all_up();
    world.health(BEST, State::Down);
    world.pass(5 * SECOND);
    world.health(BEST, State::Up);
    assert!(!world.kernel.down.contains(&BEST));
    world.pass(30 * SECOND);
    assert_eq!(world.active(), Some(NEXT));
    world.pass(60 * SECOND);
    assert_eq!(world.active(), Some(BEST));
}

#[test]
fn only_zones_that_wait_for_calls_have_them_counted() {
    let mut config = two_gatekeepers();
    config.zones[0].failback = Failback::AfterCalls;
    let mut world = World::new(config);
    world.all_up();
    assert!(world.site.awaits_calls().is_empty());
    world.health(BEST, State::Down);
    world.health(BEST, State::Up);
    assert_eq!(world.site.awaits_calls(), [NEXT]);
    for open in [3, 0] {
        world.pass(120 * SECOND);
        assert_eq!(world.active(), Some(NEXT), "{open}");
        let gatekeeper = NEXT;
        world.handle(Input::Calls { gatekeeper, open });
    }
    world.pass(SECOND);
    assert_eq!(world.active(), Some(BEST));
}

#[test]
fn a_hold_stands_in_the_kernel_too() {
    let mut world = World::new(two_gatekeepers());
    world.all_up();
    let hold = |decision| Input::Decide {
        zone: ZONE,
        decision,
    };
    world.handle(hold(ByHand::Hold));
    assert!(world.kernel.held);
    world.health(BEST, State::Down);
    assert_eq!(world.active(), Some(BEST));
    world.handle(hold(ByHand::Release));
    assert!(!world.kernel.held);
    assert_eq!(world.active(), Some(NEXT));
}

/// The kernel's tables outlive the controller, and the store outlives both.
#[test]
fn what_was_in_force_goes_on() {
    let steering = Steering {
        active: Some(NEXT),
        steered: vec![BEST],
        candidates: vec![BEST, NEXT],
        moved: Time(5),
    };
    let kernel = |held| Kernel {
        steering: Some(steering.clone()),
        held,
        ..Kernel::default()
    };
    let world = World::with(two_gatekeepers(), kernel(false), Start::default());
    assert_eq!(world.active(), Some(NEXT));
    let view = world.site.steering().zone(world.now, ZONE).unwrap();
    assert_eq!(view.cause, MoveCause::Restored);
    let world = World::with(two_gatekeepers(), kernel(true), Start::default());
    let view = world.site.steering().zone(world.now, ZONE).unwrap();
    assert_eq!(view.manual, Manual::Hold, "a hold is in the kernel");
    let decided = Decision {
        zone: ZONE,
        active: Some(NEXT),
        manual: Manual::Switch { gatekeeper: NEXT },
        since: Time(5),
    };
    let start = Start {
        decisions: vec![decided],
        ..Start::default()
    };
    let world = World::with(two_gatekeepers(), Kernel::default(), start);
    assert_eq!(world.active(), Some(NEXT), "a machine that was restarted");
    let view = world.site.steering().zone(world.now, ZONE).unwrap();
    assert_eq!(view.manual, Manual::Switch { gatekeeper: NEXT });
}

#[test]
fn one_that_is_cut_off_is_left_for_one_that_is_not() {
    let mut world = World::new(two_gatekeepers());
    world.all_up();
    let cut = |all: &[_], gatekeeper, why: Option<&str>| Input::WayChanged {
        gatekeeper,
        why: why.map(str::to_owned),
        state: State::Up,
        cut: all.iter().copied().collect(),
    };
    world.handle(cut(&[BEST], BEST, Some("eth1 is down")));
    assert_eq!(world.active(), Some(NEXT));
    assert_eq!(world.site.steering().cut_off(BEST), Some("eth1 is down"));
    let mut events = world.events.iter();
    assert!(events.any(|it| matches!(it, Event::CutOff { .. })));
    // Where all are behind it, nothing is known of any of them.
    world.handle(cut(&[BEST, NEXT], NEXT, Some("eth1 is down")));
    assert_eq!(world.active(), Some(NEXT), "it stays");
    assert!(!world.site.steering().is_down(NEXT));
    // What probes say meanwhile does not count.
    world.health(NEXT, State::Down);
    assert_eq!(world.active(), Some(NEXT));
    world.handle(cut(&[], BEST, None));
    world.handle(cut(&[], NEXT, None));
    assert_eq!(world.site.steering().cut_off(BEST), None);
    assert!(world.kernel.down.is_empty());
}

#[test]
fn warm_registrations_stand_by_at_the_best_that_does_not_serve() {
    let mut config = two_gatekeepers();
    let ZoneMode::Transparent(settings) = &mut config.zones[0].mode else {
        unreachable!()
    };
    settings.standby = true;
    let mut world = World::new(config);
    world.all_up();
    assert_eq!(Vec::from_iter(world.kernel.standby.clone()), [NEXT]);
    world.learn(1, BEST);
    world.pass(2 * SECOND);
    let warming = world.sent.iter().any(|it| it.to == ras(NEXT));
    assert!(warming, "an RRQ to the standby");
    world.health(BEST, State::Down);
    assert_eq!(world.active(), Some(NEXT));
    assert!(world.kernel.standby.is_empty(), "none is left");
    world.health(BEST, State::Up);
    assert_eq!(Vec::from_iter(world.kernel.standby.clone()), [BEST]);
}

#[test]
fn lost_gatekeepers_are_those_that_are_silent_beside_a_living_one() {
    let mut world = World::new(two_gatekeepers());
    world.all_up();
    let lost = |world: &World| Vec::from_iter(world.site.lost_gatekeepers(&world.kernel));
    world.kernel.silent.insert(BEST);
    assert_eq!(lost(&world), [], "it serves");
    world.health(BEST, State::Down);
    assert_eq!(lost(&world), [BEST]);
    world.kernel.silent.insert(NEXT);
    assert_eq!(lost(&world), [], "the one that serves is silent as well");
}

#[test]
fn a_zone_with_one_gatekeeper_is_not_steered() {
    let gatekeepers = vec![gatekeeper(BEST, 0, Origin::Configured)];
    let mode = ZoneMode::Transparent(transparent());
    let mut world = World::new(config(vec![zone(mode, gatekeepers)]));
    world.health(BEST, State::Up);
    world.health(BEST, State::Down);
    world.pass(5 * SECOND);
    assert_eq!(steers(&world), 0);
}

#[test]
fn a_proxied_zone_moves_by_its_proxy() {
    let mut world = World::new(proxied());
    world.all_up();
    world.register_through(1, BEST);
    let upstream = |world: &World, to| {
        let sent = world.sent.iter();
        sent.filter(|it| it.to == ras(to)).count()
    };
    assert!(upstream(&world, BEST) > 0 && upstream(&world, NEXT) == 0);
    world.health(BEST, State::Down);
    world.pass(2 * SECOND);
    assert!(upstream(&world, NEXT) > 0);
    assert_eq!(steers(&world), 0, "the kernel has no part in it");
}
