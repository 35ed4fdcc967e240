//! Signs of life that are no known keep-alives.

use rasline_abi::{Counter, Seen, elapsed, ticks};
use rasline_datapath::{TCP_PORT, hash};

use crate::expect::{answers, loaded, passes};
use crate::steered::{ARQ, SYN, b, service};
use crate::world::{
    CALL_PORT, Datagram, ENDPOINT, PORT, RCF, RRQ, SLOTS, Segment, World, hex, now, v4, with_seq,
};

/// What is noted of an address and port, if it is that one's.
fn noted(
    kernel: &mut crate::kernel::Kernel,
    world: &World,
    address: [u8; 16],
    port: u16,
) -> Option<Seen> {
    let keys = &world.globals.hash_keys;
    let (at, check) = hash::seen(keys, SLOTS - 1, &address, port.to_be_bytes());
    Some(kernel.seen(at)).filter(|seen| seen.check == check)
}

#[test]
fn ras_that_is_no_known_keep_alive_is_noted_with_its_time() {
    let world = World::sample();
    let mut kernel = loaded(&world);
    let known = Datagram::up(&with_seq(&hex(RRQ), 3));
    answers(&mut kernel, &known, &with_seq(&hex(RCF), 3));
    assert_eq!(
        noted(&mut kernel, &world, ENDPOINT(), PORT),
        None,
        "a slot notes this one"
    );
    for message in [ARQ, &RRQ.replace("8914a000", "8914a001")] {
        let mut kernel = loaded(&world);
        kernel.run(&Datagram::up(&hex(message)).frame());
        let seen = noted(&mut kernel, &world, ENDPOINT(), PORT).expect(message);
        assert!(elapsed(ticks(now()), seen.tick) < 60);
        assert_eq!(noted(&mut kernel, &world, ENDPOINT(), PORT + 1), None);
    }
}

#[test]
fn strangers_and_gatekeepers_are_not_noted() {
    let world = World::sample();
    let mut kernel = loaded(&world);
    let stranger = Datagram {
        source: v4(172, 16, 0, 1),
        ..Datagram::up(&hex(ARQ))
    };
    passes(&mut kernel, &stranger.frame(), Counter::PassNoZone);
    assert_eq!(
        noted(&mut kernel, &world, stranger.source, stranger.ports.0),
        None
    );
    let down = Datagram::down(&hex(RCF));
    kernel.run(&down.frame());
    assert_eq!(noted(&mut kernel, &world, down.source, down.ports.0), None);
    assert_eq!(noted(&mut kernel, &world, ENDPOINT(), PORT), None);
}

#[test]
fn call_signalling_is_noted_by_address_whatever_its_port() {
    let world = crate::steered::world();
    let mut kernel = loaded(&world);
    let syn = Segment::up(SYN).to(service());
    kernel.run(&syn.frame());
    assert_eq!(syn.ports.1, CALL_PORT);
    let seen = noted(&mut kernel, &world, syn.source, TCP_PORT).unwrap();
    assert!(elapsed(ticks(now()), seen.tick) < 60);
    assert_eq!(noted(&mut kernel, &world, syn.source, syn.ports.0), None);
    assert_eq!(noted(&mut kernel, &world, b(), TCP_PORT), None);
}
