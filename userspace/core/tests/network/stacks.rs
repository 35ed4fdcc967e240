//! Clients that behave as real stacks do, among agents.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_testkit_model::clients::Client;
use rasline_testkit_model::clients::{
    ChildGatekeeper, ChildSettings, Terminal, TerminalSettings, Way,
};

use crate::network::check::all_is_well;
use crate::network::gatekeeper;
use crate::network::weather::Weather;
use crate::network::world::{SECOND, World};

const MINUTE: Duration = Duration::from_mins(1);

fn host(kind: u8, n: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([10, 200, kind, n], port))
}

fn terminal(n: u8) -> Box<dyn Client> {
    Box::new(Terminal::new(TerminalSettings {
        ras: host(1, n, 1719),
        call_signal: host(1, n, 1720),
        aliases: vec![format!("ep{n}"), format!("5{n:03}")],
        gatekeeper: gatekeeper::address(0),
        first_seq: 60_000 + u16::from(n),
        credentials: None,
        unix: 0,
    }))
}

fn child(n: u8) -> Box<dyn Client> {
    Box::new(ChildGatekeeper::new(ChildSettings {
        ras: host(2, n, 1719),
        call_signal: host(2, n, 1720),
        name: format!("child{n}"),
        numbers: vec![format!("6{n:03}")],
        prefixes: vec![format!("7{n:03}")],
        parent: gatekeeper::address(0),
        time_to_live: 120,
        credentials: None,
        unix: 0,
    }))
}

fn world(seed: u64) -> World {
    let mut world = World::with_agents(seed, 2, 20);
    for n in 0..40 {
        world.add(terminal(n));
        world.add(child(n));
    }
    world.pass(MINUTE);
    all_is_well(&world);
    world
}

/// What clients ignored that a registrar sent.
fn ignored(world: &World) -> Vec<(SocketAddr, &'static str)> {
    let all = world.clients.iter();
    all.flat_map(|client| {
        client.journal().iter().filter_map(|entry| match entry.way {
            Way::Ignored(why) => Some((client.address(), why)),
            _ => None,
        })
    })
    .collect()
}

#[test]
fn real_stacks_understand_all_that_a_registrar_says() {
    let mut world = world(1);
    world.pass(10 * MINUTE);
    all_is_well(&world);
    assert_eq!(ignored(&world), []);
    let registrar = world.gatekeepers[0].registrar.as_ref().unwrap();
    assert_eq!(registrar.stats().rejected, 0);
    assert_eq!(registrar.stats().expired, 0);
}

#[test]
fn real_stacks_follow_and_find_back() {
    let mut world = world(2);
    world.crash(0);
    world.pass(3 * MINUTE);
    for client in &world.clients {
        assert_eq!(client.gatekeeper(), Some(gatekeeper::address(1)));
    }
    world.restart(0, false);
    world.pass(10 * MINUTE);
    let registered = world.clients.iter().filter(|one| one.registered()).count();
    assert_eq!(registered, world.clients.len());
}

#[test]
fn real_stacks_in_a_bad_network() {
    let mut world = world(3);
    world.weather = Weather::foul();
    world.pass(5 * MINUTE);
    world.weather = Weather::fair();
    world.pass(5 * MINUTE);
    let registered = world.clients.iter().filter(|one| one.registered()).count();
    assert_eq!(registered, world.clients.len());
}

#[test]
fn who_leaves_is_gone() {
    let mut world = world(4);
    let now = world.elapsed();
    for client in &mut world.clients {
        client.leave(now);
    }
    world.flush();
    world.pass(10 * SECOND);
    let registrar = world.gatekeepers[0].registrar.as_ref().unwrap();
    assert_eq!(registrar.stats().registrations, 20);
    assert!(world.clients.iter().all(|client| !client.registered()));
}
