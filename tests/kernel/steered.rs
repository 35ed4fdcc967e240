//! A world whose zones have more than one gatekeeper.
#![allow(dead_code, reason = "each test file uses a part")]

use rasline_abi::{GATEKEEPER_STEER, Gatekeeper, MAX_CANDIDATES, ZONE_AUTO, ZONE_RESET, ZONE_RIP};

use crate::world::SECOND;
use crate::world::{CALL_PORT, PORT, World, answering, duration, gatekeeper6, v4, v6};

/// Zone 0, IPv4: gatekeepers A (10.1.0.1), B (10.1.0.2), C (10.1.0.3), service address S (10.9.0.1).
pub const A: u32 = 0;
pub const B: u32 = 2;
pub const C: u32 = 3;
/// Zone 1, IPv6: gatekeepers A6, B6, service address S6.
pub const A6: u32 = 1;
pub const B6: u32 = 4;

pub const ACK: u8 = 16;
pub const SYN: u8 = 2;
pub const FIN: u8 = 1;
pub const RST: u8 = 4;
pub const PSH: u8 = 8;

pub fn b() -> [u8; 16] {
    v4(10, 1, 0, 2)
}
pub fn c() -> [u8; 16] {
    v4(10, 1, 0, 3)
}
pub fn service() -> [u8; 16] {
    v4(10, 9, 0, 1)
}
pub fn b6() -> [u8; 16] {
    let mut address = gatekeeper6();
    address[15] = 2;
    address
}
pub fn service6() -> [u8; 16] {
    let mut address = v6(1);
    address[1] = 9;
    address
}

/// An ARQ, as far as the data path reads it.
pub const ARQ: &str = "2640000a00112233445566778899";
/// A GRQ.
pub const GRQ: &str = "0240000a060008914a000600c000020106b7";

/// Both zones at their first gatekeeper, which is well.
pub fn world() -> World {
    let mut world = World::new();
    world.globals.steering = 1;
    world.globals.call_ports[usize::from(CALL_PORT / 64)] |= 1 << (CALL_PORT % 64);
    let zone = &mut world.zones[0];
    (zone.active, zone.epoch) = (A, 1);
    zone.flags = ZONE_AUTO | ZONE_RESET | ZONE_RIP;
    zone.move_for = duration(90 * SECOND);
    zone.rip_delay_ms = 2000;
    zone.service_ras_port = PORT.to_be_bytes();
    zone.service_call_port = CALL_PORT.to_be_bytes();
    zone.candidates = candidates(&[A, B, C]);
    let mut second = *zone;
    (second.active, second.candidates) = (A6, candidates(&[A6, B6]));
    world.zones.push(second);
    world.gatekeepers[1].zone = 1;
    let like = world.gatekeepers[0];
    let other = |zone, address| Gatekeeper {
        zone,
        address,
        ..like
    };
    world
        .gatekeepers
        .extend([other(0, b()), other(0, c()), other(1, b6())]);
    world.states = vec![answering(); 5];
    world.endpoints[1].2 = 1;
    world.services = vec![(0, service()), (1, service6())];
    world
}

/// Both zones have moved to their second gatekeeper, by the controller's decision.
pub fn moved() -> World {
    let mut world = world();
    let now = world.now;
    switch(&mut world, 0, B, now);
    switch(&mut world, 1, B6, now);
    world
}

/// The same world, its first zone's service address having this RAS port.
pub fn with_service_port(mut world: World, port: u16) -> World {
    world.zones[0].service_ras_port = port.to_be_bytes();
    world.globals.ras_ports[usize::from(port / 64)] |= 1 << (port % 64);
    world
}

/// The controller's decision: the zone goes to `active`, what is addressed to others is steered.
pub fn switch(world: &mut World, zone: usize, active: u32, now: u64) {
    let row = &mut world.zones[zone];
    (row.active, row.epoch, row.moved_ns) = (active, row.epoch + 1, now);
    for (i, gatekeeper) in world.gatekeepers.iter_mut().enumerate() {
        if gatekeeper.zone == zone as u32 {
            let steer = i as u32 != active;
            gatekeeper.flags = if steer { GATEKEEPER_STEER } else { 0 };
        }
    }
}

pub fn candidates(of: &[u32]) -> [u16; MAX_CANDIDATES] {
    let mut all = [0xffff; MAX_CANDIDATES];
    for (place, gatekeeper) in all.iter_mut().zip(of) {
        *place = *gatekeeper as u16;
    }
    all
}
