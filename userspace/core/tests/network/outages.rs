//! One thing happens to many at once.

use std::time::Duration;

use rasline_core::agent::Strategy;

use crate::network::check::{Watch, all_is_well, registered_with};
use crate::network::gatekeeper::TIME_TO_LIVE;
use crate::network::weather::{SITES, Weather};
use crate::network::world::{SECOND, World, config};

const AGENTS: u32 = 500;
const MANY: u32 = 2000;
const FEW: u32 = 200;
const MINUTE: Duration = Duration::from_mins(1);
/// Until registrations that nobody keeps alive any more are over: timeToLive, and what a registrar asks before.
const EXPIRED: Duration = Duration::from_secs(TIME_TO_LIVE as u64 + 30);

/// All registered.
fn settled(seed: u64, gatekeepers: usize, agents: u32) -> World {
    let mut world = World::with_agents(seed, gatekeepers, agents);
    world.pass(MINUTE);
    all_is_well(&world);
    world
}

#[test]
fn a_quiet_day_costs_a_keep_alive_each() {
    let mut world = settled(1, 3, AGENTS);
    let before = world.now;
    let mut watch = Watch::default();
    for _ in 0..5 {
        world.pass(MINUTE);
        watch.look(&world, Duration::ZERO);
    }
    let sent = world.ledger.between(before, world.now);
    // At three quarters of timeToLive (which is a twentieth less than it might be), an eighth of it earlier at most.
    let rounds = 1 + 300 * 20 / (19 * (TIME_TO_LIVE as usize * 5 / 8));
    assert!(sent <= AGENTS as usize * rounds, "{sent} messages");
    assert_eq!(world.ledger.connects, AGENTS as usize);
    let with: Vec<_> = world.agents.views();
    assert!(
        with.iter()
            .all(|(_, view)| registered_with(view) == Some(0))
    );
    // All but the first keep-alives, which are known then, were answered by the kernel.
    let first = &world.gatekeepers[0];
    assert!(first.fast > 0);
    let slow = first.registrar.as_ref().unwrap().stats().lightweight;
    assert_eq!(slow, u64::from(AGENTS));
}

#[test]
fn a_crash_moves_all_of_them_to_the_next() {
    let mut world = settled(2, 3, MANY);
    world.crash(0);
    let at = world.now;
    world.pass(10 * SECOND);
    let mut watch = Watch::default();
    watch.look(&world, Duration::ZERO);
    // Each asks two alternates and the lost one by lightweight RRQs, and registers in full, once.
    let sent = world.ledger.between(at, world.now.after(SECOND));
    assert!(sent <= 5 * MANY as usize, "{sent} messages");
    world.pass(EXPIRED);
    all_is_well(&world);
    for (id, view) in world.agents.views() {
        assert_ne!(registered_with(&view), Some(0), "{id:?}: {view:?}");
    }
}

#[test]
fn a_gatekeeper_that_falls_silent_is_left() {
    let mut world = settled(3, 3, AGENTS);
    for site in 0..SITES {
        world.cut(0, site);
    }
    world.pass(20 * SECOND);
    Watch::default().look(&world, Duration::ZERO);
    for site in 0..SITES {
        world.heal(0, site);
    }
    world.pass(EXPIRED);
    all_is_well(&world);
}

#[test]
fn a_restart_with_its_disk_is_hardly_noticed() {
    let mut world = settled(4, 1, AGENTS);
    let identifiers = |world: &World| -> Vec<_> {
        let all = world.agents.views().into_iter();
        all.map(|(_, view)| view.endpoint_identifier).collect()
    };
    let before = identifiers(&world);
    world.crash(0);
    world.restart(0, true);
    world.pass(30 * SECOND);
    all_is_well(&world);
    assert_eq!(identifiers(&world), before);
    let registrar = world.gatekeepers[0].registrar.as_ref().unwrap();
    assert_eq!(registrar.stats().full, 0);
}

#[test]
fn a_restart_without_its_disk_costs_a_full_registration_each() {
    let mut world = settled(5, 1, AGENTS);
    world.crash(0);
    world.restart(0, false);
    let at = world.now;
    world.pass(30 * SECOND);
    all_is_well(&world);
    let registrar = world.gatekeepers[0].registrar.as_ref().unwrap();
    assert_eq!(registrar.stats().full, u64::from(AGENTS));
    let sent = world.ledger.between(at, world.now);
    assert!(sent <= 5 * AGENTS as usize, "{sent} messages");
}

#[test]
fn the_agents_process_starts_again_with_what_it_remembered() {
    let mut world = settled(6, 3, AGENTS);
    world.crash(0);
    world.pass(MINUTE);
    world.restart_agents();
    world.pass(MINUTE + EXPIRED);
    all_is_well(&world);
}

#[test]
fn all_dead_for_long_they_ask_seldom_and_come_back() {
    let mut world = settled(7, 3, AGENTS);
    for n in 0..3 {
        world.crash(n);
    }
    world.pass(2 * MINUTE);
    let at = world.now;
    world.pass(5 * MINUTE);
    // A round is three RRQs to each of three, 3 s apart, and then a rest of 16 s at least: nine in 43 s.
    let sent = world.ledger.between(at, world.now);
    let most = AGENTS as usize * 300 * 9 / 43;
    assert!(sent <= most * 11 / 10, "{sent} messages, {most} wanted");
    // They do not march in step.
    let busiest = world.ledger.busiest(at, world.now);
    assert!(
        busiest <= sent / 300 * 3,
        "{busiest} in one second of {sent}"
    );
    for n in 0..3 {
        world.restart(n, false);
    }
    world.pass(MINUTE + EXPIRED);
    all_is_well(&world);
}

#[test]
fn a_bad_network_loses_no_registration_for_long() {
    let mut world = settled(8, 3, AGENTS / 2);
    world.weather = Weather::foul();
    let mut watch = Watch::default();
    world.watch(5 * MINUTE, |world| watch.look(world, 20 * SECOND));
    world.weather = Weather::fair();
    world.pass(EXPIRED);
    all_is_well(&world);
}

#[test]
fn gatekeepers_that_are_full_are_not_stormed() {
    let mut world = World::new(9, 2);
    for gatekeeper in &mut world.gatekeepers {
        gatekeeper.limit(world.now, FEW / 4);
    }
    world.configs = (0..FEW)
        .map(|n| config(n, &[0, 1], Strategy::InOrder, 9))
        .collect();
    world.configure();
    world.pass(2 * MINUTE);
    let at = world.now;
    world.pass(5 * MINUTE);
    let registered = world.agents.views().into_iter();
    let registered = registered.filter(|(_, view)| registered_with(view).is_some());
    assert_eq!(registered.count(), FEW as usize / 2);
    // Half of them keep alive; the others ask each of the two once, which answers at once, and rest 16 s at least.
    let sent = world.ledger.between(at, world.now);
    let most = FEW as usize / 2 * (300 / 35 + 300 * 2 / 16);
    assert!(sent <= most, "{sent} messages, {most} wanted");
    for gatekeeper in &mut world.gatekeepers {
        gatekeeper.limit(world.now, FEW);
    }
    world.pass(MINUTE);
    all_is_well(&world);
}
