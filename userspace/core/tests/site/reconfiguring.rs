//! Another configuration, and alternates that were learned.

use std::time::Duration;

use rasline_core::failover::MoveCause;
use rasline_core::health::State;
use rasline_core::site::{Config, Input, KernelChange, Origin, Output};
use rasline_core::{GatekeeperIndex, Reason};
use rasline_h225::messages::Rcf;
use rasline_h225::view::Alternate;

use super::world::*;

fn reconfigure(world: &mut World, config: Config) {
    world.handle(Input::Reconfigure(Box::new(config)));
}

#[test]
fn a_zone_moves_when_its_gatekeeper_is_no_longer_configured() {
    let mut world = World::new(two_gatekeepers());
    world.all_up();
    let mut config = two_gatekeepers();
    config.zones[0].gatekeepers.remove(0);
    config.zones[0]
        .gatekeepers
        .push(gatekeeper(GatekeeperIndex(5), 9, Origin::Configured));
    reconfigure(&mut world, config);
    assert_eq!(world.active(), Some(NEXT));
    let view = world.site.steering().zone(world.now, ZONE).unwrap();
    assert_eq!(view.cause, MoveCause::Reconfigured);
}

#[test]
fn what_was_decided_is_written_again_after_a_reload() {
    let mut world = World::new(two_gatekeepers());
    world.all_up();
    world.health(BEST, State::Down);
    // The tables in the kernel were written anew.
    world.kernel.steering = None;
    reconfigure(&mut world, two_gatekeepers());
    assert_eq!(world.active(), Some(NEXT));
    let order: Vec<&str> = world
        .others
        .iter()
        .map(|it| match it {
            Output::WithdrawStale => "stale",
            _ => "other",
        })
        .collect();
    assert_eq!(order, ["stale"]);
}

#[test]
fn a_reload_that_changes_nothing_keeps_a_proxys_registrations() {
    let mut world = World::new(proxied());
    world.all_up();
    world.register_through(1, BEST);
    let before = world.site.own().proxy(ZONE).unwrap().stats().endpoints;
    reconfigure(&mut world, proxied());
    let after = world.site.own().proxy(ZONE).unwrap().stats().endpoints;
    assert_eq!((before, after), (1, 1));
}

#[test]
fn learned_alternates_become_candidates_at_the_next_tick() {
    let mut world = World::new(two_gatekeepers());
    world.all_up();
    let rcf = Rcf {
        seq: 5,
        call_signal_addresses: vec![ras(BEST)],
        endpoint_identifier: "ep1".into(),
        time_to_live: Some(60),
        alternates: vec![Alternate {
            address: ras(GatekeeperIndex(6)),
            gatekeeper_identifier: Some("spare".into()),
            need_to_register: true,
            priority: 3,
        }],
        ..Rcf::default()
    };
    world.copied(Reason::FromGatekeeper, 1, BEST, &rcf.encode().unwrap());
    let candidates = world.others.iter().find_map(|output| match output {
        Output::Alternates { candidates, .. } => Some(candidates.clone()),
        _ => None,
    });
    let candidates = candidates.expect("it is allowed");
    assert_eq!(candidates.len(), 1);
    assert_eq!((&*candidates[0].id, candidates[0].priority), ("spare", 131));
    assert_eq!(candidates[0].named_by, "gk0");
    assert_eq!(world.adoptions, 0);
    world.pass(SECOND);
    assert_eq!(world.adoptions, 1);
    world.pass(5 * SECOND);
    assert_eq!(world.adoptions, 1, "once");
}

#[test]
fn a_large_zone_is_given_time_to_move() {
    let mut config = two_gatekeepers();
    config.zones[0].hold_for = Duration::from_secs(1);
    config.zones[0].migrate_rate = 1;
    let mut world = World::new(config);
    world.all_up();
    for n in 1..=10 {
        world.learn(n, BEST);
    }
    world.pass(35 * SECOND);
    assert_eq!(world.kernel.move_for, Some(Duration::from_mins(1)));
    let told = &world.kernel.told;
    let waits = told.iter();
    let waits = waits.filter(|it| matches!(it, KernelChange::MoveFor { .. }));
    assert!(waits.count() <= 3, "not each second");
}
