//! RAS goes to the gatekeeper that serves the zone, and comes back under the address that the endpoint knows; nothing
//! else is touched.

use rasline_abi::{CopyReason, Counter};

use crate::pair::Pair;
use crate::steered::{
    A, ARQ, B, B6, C, GRQ, b, b6, c, moved, service, service6, switch, with_service_port, world,
};
use crate::world::{
    Datagram, ENDPOINT, GATEKEEPER, GCF, PORT, RCF, RRJ, RRQ, World, gatekeeper6, hex, v4,
};

const TAGS: [&[(u16, u16)]; 3] = [&[], &[(0x8100, 42)], &[(0x88a8, 7), (0x8100, 42)]];

/// To the failed gatekeeper and to the service address, back under either; both families, tags kept.
#[test]
fn ras_goes_to_the_active_gatekeeper_and_comes_back_under_the_address_asked() {
    let mut pair = Pair::new(moved());
    for tags in TAGS {
        for asked in [GATEKEEPER(), service()] {
            let up = Datagram::up(&hex(GRQ)).tagged(tags).to(asked);
            pair.readdressed(&up.frame(), &up.to(b()).frame());
            let down = Datagram::down(&hex(GCF)).tagged(tags);
            pair.readdressed(&down.from(b()).frame(), &down.from(asked).frame());
        }
        for asked in [gatekeeper6(), service6()] {
            let up = Datagram::up(&hex(ARQ)).ipv6().tagged(tags).to(asked);
            pair.readdressed(&up.frame(), &up.to(b6()).frame());
            let down = Datagram::down(&hex(RRJ)).ipv6().tagged(tags);
            pair.readdressed(&down.from(b6()).frame(), &down.from(asked).frame());
        }
    }
    pair.agree();
    assert_eq!(pair.kernel.counter(Counter::RedirectStack), 24);
}

#[test]
fn a_service_address_works_without_any_failure() {
    let mut pair = Pair::new(world());
    let up = Datagram::up(&hex(GRQ));
    pair.untouched(&up.frame());
    pair.readdressed(&up.to(service()).frame(), &up.frame());
    let down = Datagram::down(&hex(GCF));
    pair.readdressed(&down.frame(), &down.from(service()).frame());
    pair.agree();
}

#[test]
fn ports_of_the_service_address_and_of_the_gatekeeper_may_differ() {
    let mut pair = Pair::new(with_service_port(moved(), 2719));
    let up = Datagram {
        ports: (5000, 2719),
        ..Datagram::up(&hex(GRQ)).to(service())
    };
    let there = Datagram {
        ports: (5000, PORT),
        ..up.to(b())
    };
    pair.readdressed(&up.frame(), &there.frame());
    let down = Datagram {
        ports: (PORT, 5000),
        ..Datagram::down(&hex(GCF)).from(b())
    };
    let back = Datagram {
        ports: (2719, 5000),
        ..down.from(service())
    };
    pair.readdressed(&down.frame(), &back.frame());
    pair.untouched(&up.to(GATEKEEPER()).frame());
}

/// Each form of the checksum stays what it is, and is right.
#[test]
fn checksums_full_partial_absent_and_coincident() {
    let mut pair = Pair::new(moved());
    for len in [14, 15, 60, 61, 700, 1440] {
        let mut payload = hex(ARQ);
        payload.resize(len, 0xa7);
        for up in [
            Datagram::up(&payload),
            Datagram::up(&payload).ipv6(),
            Datagram::up(&payload).tagged(&[(0x8100, 3)]),
        ] {
            let to = if up.is_v4() { b() } else { b6() };
            pair.readdressed(&up.offloaded(), &up.to(to).offloaded());
            if up.is_v4() {
                pair.readdressed(&up.unsummed(), &up.to(to).unsummed());
            }
            let coincident = coincident(&up);
            pair.readdressed(&coincident.frame(), &coincident.to(to).frame());
        }
    }
    pair.agree();
}

/// The same, its last two octets such that the full checksum equals the pseudo header's sum.
fn coincident(datagram: &Datagram) -> Datagram {
    let mut datagram = datagram.clone();
    let at = datagram.payload.len() & !1;
    for word in 0..=u16::MAX {
        datagram.payload[at - 2..at].copy_from_slice(&word.to_be_bytes());
        if datagram.frame() == datagram.offloaded() {
            return datagram;
        }
    }
    panic!("no such octets");
}

#[test]
fn a_udp_checksum_that_comes_out_as_zero_is_written_as_ones() {
    let mut pair = Pair::new(moved());
    let mut up = Datagram::up(&hex(ARQ));
    let ones = (0..=u16::MAX).find(|word| {
        up.payload[4..6].copy_from_slice(&word.to_be_bytes());
        up.to(b()).frame()[40..42] == [0xff, 0xff]
    });
    assert!(ones.is_some());
    pair.readdressed(&up.frame(), &up.to(b()).frame());
}

#[test]
fn nothing_else_is_touched() {
    let mut pair = Pair::new(moved());
    let up = Datagram::up(&hex(GRQ));
    let ports = |ports| Datagram {
        ports,
        ..up.clone()
    };
    for frame in [
        // Another port of the failed gatekeeper, and RTP.
        ports((PORT, 1721)).frame(),
        ports((5004, 5006)).frame(),
        // RAS to the active one, to an address that is no gatekeeper, of an address that is no endpoint.
        up.to(b()).frame(),
        up.to(v4(10, 1, 0, 9)).frame(),
        up.from(v4(10, 8, 0, 1)).frame(),
        // Nothing was asked, so nothing comes back under another address.
        Datagram::down(&hex(GCF)).from(b()).frame(),
        Datagram::down(&hex(GCF)).frame(),
    ] {
        pair.untouched(&frame);
    }
    assert!(pair.kernel.all_flows().is_empty());
    pair.agree();
}

#[test]
fn where_nothing_is_to_be_steered_nothing_is() {
    for change in [
        |world: &mut World| world.globals.steering = 0,
        |world: &mut World| world.zones[0].epoch = 0,
        |world: &mut World| world.zones[0].active = rasline_abi::NO_GATEKEEPER,
    ] {
        let mut world = moved();
        change(&mut world);
        let mut pair = Pair::new(world);
        for asked in [GATEKEEPER(), service(), b()] {
            pair.untouched(&Datagram::up(&hex(RRQ)).to(asked).frame());
        }
        pair.agree();
    }
}

/// Whoever it asked last, under whatever address: the answer comes from there.
#[test]
fn one_port_may_speak_with_the_backup_under_several_addresses() {
    let mut pair = Pair::new(moved());
    let (up, down) = (Datagram::up(&hex(GRQ)), Datagram::down(&hex(GCF)));
    for asked in [
        GATEKEEPER(),
        service(),
        GATEKEEPER(),
        c(),
        service(),
        b(),
        service(),
        b(),
        GATEKEEPER(),
        c(),
    ] {
        let (_, there) = pair.send(&up.to(asked).frame());
        assert_eq!(there, up.to(b()).frame());
        let (_, back) = pair.send(&down.from(b()).frame());
        assert_eq!(back, down.from(asked).frame());
    }
    pair.agree();
}

#[test]
fn flows_follow_the_next_decision() {
    let mut pair = Pair::new(moved());
    let (up, down) = (Datagram::up(&hex(GRQ)), Datagram::down(&hex(GCF)));
    pair.readdressed(&up.frame(), &up.to(b()).frame());
    let at = crate::world::now();
    pair.change(|world| switch(world, 0, C, at));
    pair.readdressed(&up.frame(), &up.to(c()).frame());
    // What the one before still answers, too.
    pair.readdressed(&down.from(b()).frame(), &down.frame());
    pair.readdressed(&down.from(c()).frame(), &down.frame());
    pair.change(|world| switch(world, 0, A, at));
    pair.untouched(&up.frame());
    pair.untouched(&down.frame());
    pair.readdressed(&up.to(b()).frame(), &up.frame());
    pair.readdressed(&down.frame(), &down.from(b()).frame());
    pair.agree();
}

/// An endpoint's prefix is given to another zone while it speaks: the flow of the old one does not count.
#[test]
fn a_flow_of_another_zone_is_not_followed() {
    let mut world = moved();
    // Zone 2 has A, alone and well.
    let mut third = world.zones[0];
    (third.active, third.candidates, third.epoch) = (5, crate::steered::candidates(&[5]), 1);
    world.zones.push(third);
    let mut row = world.gatekeepers[0];
    (row.zone, row.flags) = (2, 0);
    world.gatekeepers.push(row);
    world.states.push(crate::world::answering());
    let mut pair = Pair::new(world);
    let up = Datagram::up(&hex(GRQ));
    pair.readdressed(&up.frame(), &up.to(b()).frame());
    pair.kernel.set_endpoints(&[(ENDPOINT(), 128, 2)]);
    pair.tables.endpoints.push((ENDPOINT(), 128, 2));
    // A configuration that changes raises the generation of the zone that the endpoint left.
    pair.change(|world| world.zones[0].generation += 1);
    pair.untouched(&up.frame());
    pair.agree();
}

/// A gatekeeper that speaks with its own peer is not given its own messages.
#[test]
fn what_the_active_gatekeeper_sends_to_the_failed_one_is_not_sent_back_to_it() {
    let mut world = moved();
    world.endpoints[0] = (v4(0, 0, 0, 0), 96, 0);
    let mut pair = Pair::new(world);
    let lrq = Datagram::up(&hex("4840000a00112233")).from(b());
    pair.untouched(&lrq.frame());
    pair.untouched(&lrq.to(service()).frame());
    pair.agree();
}

/// A zone with gatekeepers of both families: an IPv4 packet cannot go to an IPv6 gatekeeper.
#[test]
fn a_packet_never_changes_its_family() {
    let mut world = moved();
    world.gatekeepers[B6 as usize].zone = 0;
    let now = world.now;
    switch(&mut world, 0, B6, now);
    world.register(&crate::world::Registration::sample());
    let mut pair = Pair::new(world);
    for asked in [GATEKEEPER(), service()] {
        pair.untouched(&Datagram::up(&hex(GRQ)).to(asked).frame());
        pair.send(&Datagram::up(&hex(RRQ)).to(asked).frame());
        pair.untouched(&crate::world::Segment::up(2).to(asked).frame());
    }
    assert!(pair.kernel.all_flows().is_empty());
    pair.agree();
}

/// What the controller sends for an endpoint has to come from the address that this endpoint knows.
#[test]
fn copies_tell_the_address_that_the_endpoint_knows() {
    let mut pair = Pair::new(moved());
    let (up, down) = (Datagram::up(&hex(RRQ)), Datagram::down(&hex(RCF)));
    for asked in [GATEKEEPER(), service(), c(), b()] {
        pair.send(&up.to(asked).frame());
        pair.send(&down.from(b()).frame());
        let copies = pair.agree();
        assert_eq!(copies.len(), 2);
        for ((header, _), reason) in copies
            .iter()
            .zip([CopyReason::UnknownRrq, CopyReason::FromGatekeeper])
        {
            assert_eq!(header.reason, reason as u32);
            assert_eq!(
                (header.zone, header.gatekeeper),
                (0, B),
                "who got it, or sent it"
            );
            assert_eq!(header.seen_as, asked, "{reason:?}");
            assert_eq!(header.seen_port, PORT.to_be_bytes());
            assert_eq!(header.endpoint, ENDPOINT());
        }
    }
}

/// One that asked a gatekeeper now left, and asks the one that it was steered from: that is whom it asked.
#[test]
fn a_copy_of_a_request_tells_the_address_that_it_was_sent_to() {
    let mut pair = Pair::new(moved());
    // C's messages went to B, then the zone moves to C.
    pair.send(&Datagram::up(&hex(GRQ)).to(c()).frame());
    let at = crate::world::now();
    pair.change(|world| switch(world, 0, A, at));
    pair.agree();
    // B is steered to A; what was answered by B as C before must not name this request.
    pair.send(&Datagram::up(&hex(RRQ)).to(b()).frame());
    let copies = pair.agree();
    assert_eq!(copies[0].0.seen_as, b());
}

#[test]
fn without_an_active_gatekeeper_the_service_address_is_nobody() {
    let mut world = world();
    world.zones[0].epoch = 0;
    let mut pair = Pair::new(world);
    pair.untouched(&Datagram::up(&hex(RRQ)).to(service()).frame());
    let copies = pair.agree();
    assert!(
        copies
            .iter()
            .all(|(header, _)| header.gatekeeper != rasline_abi::SERVICE),
        "no event names a gatekeeper that does not exist"
    );
}

/// IPv6 endpoints that differ in one half of the address only, from the same port.
#[test]
fn flows_of_endpoints_that_are_alike_are_kept_apart() {
    let mut pair = Pair::new(moved());
    let up = Datagram::up(&hex(GRQ)).ipv6();
    let down = Datagram::down(&hex(GCF)).ipv6().from(b6());
    let mut endpoints = vec![];
    for octet in [2, 5, 7, 8, 12, 15] {
        let mut endpoint = up.source;
        endpoint[octet] ^= 0x40;
        endpoints.push(endpoint);
    }
    for (i, endpoint) in endpoints.iter().enumerate() {
        let asked = [gatekeeper6(), service6()][i % 2];
        let up = up.from(*endpoint).to(asked);
        pair.readdressed(&up.frame(), &up.to(b6()).frame());
    }
    for (i, endpoint) in endpoints.iter().enumerate() {
        let asked = [gatekeeper6(), service6()][i % 2];
        let down = down.to(*endpoint);
        pair.readdressed(&down.frame(), &down.from(asked).frame());
    }
    assert_eq!(pair.kernel.all_flows().len(), 12);
    pair.agree();
}
