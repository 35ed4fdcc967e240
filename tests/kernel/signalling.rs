//! Call signalling: a SYN chooses, a connection stays, one whose gatekeeper is gone is reset; nothing else is touched.

use rasline_abi::{
    Counter, ENDPOINTS_SIDE, FLOW_CLOSED, FLOW_FORWARD, FLOW_OPEN, GATEKEEPERS_SIDE, ZONE_RESET,
};
use rasline_datapath::FlowTable::{self, Attempts, Connections};
use rasline_datapath::Verdict;

use crate::kernel::Kernel;

use crate::pair::Pair;
use crate::steered::{
    A, A6, ACK, B, C, FIN, GRQ, PSH, RST, SYN, b, b6, c, moved, service, service6, switch, world,
};
use crate::world::{
    CALL_PORT, Datagram, ENDPOINT6, GATEKEEPER, SECOND, Segment, World, fall_silent, gatekeeper6,
    hex, now, v4,
};

fn six(segment: &Segment) -> Segment {
    Segment {
        source: ENDPOINT6(),
        destination: gatekeeper6(),
        ..segment.clone()
    }
}

/// Opens a connection to `asked`, which goes to `to`.
#[track_caller]
pub fn open(pair: &mut Pair, asked: [u8; 16], to: [u8; 16]) {
    let syn = Segment::up(SYN).to(asked);
    pair.readdressed(&syn.frame(), &syn.to(to).frame());
    accept(pair, &syn, asked, to);
}

/// The gatekeeper at `to` accepts the connection to `asked`, and the endpoint acknowledges that.
#[track_caller]
pub fn accept(pair: &mut Pair, syn: &Segment, asked: [u8; 16], to: [u8; 16]) {
    let back = syn.back(to, SYN | ACK);
    pair.readdressed(&back.frame(), &syn.back(asked, SYN | ACK).frame());
    let ack = Segment {
        flags: ACK,
        ack: back.seq.wrapping_add(1),
        ..syn.clone()
    };
    pair.readdressed(&ack.frame(), &ack.to(to).frame());
}

#[track_caller]
fn resets(pair: &mut Pair, segment: &Segment) {
    let (verdict, octets) = pair.send(&segment.frame());
    assert_eq!(verdict, Verdict::Reset);
    assert_eq!(octets, segment.reset());
}

#[test]
fn a_connection_goes_to_the_active_gatekeeper_and_back() {
    let mut pair = Pair::new(moved());
    let tags: [&[(u16, u16)]; 3] = [&[], &[(0x8100, 42)], &[(0x88a8, 7), (0x8100, 42)]];
    for tags in tags {
        for v6 in [false, true] {
            let asked = if v6 {
                [(gatekeeper6(), b6()), (service6(), b6())]
            } else {
                [(GATEKEEPER(), b()), (service(), b())]
            };
            for (asked, to) in asked {
                for (flags, payload) in [
                    (SYN, vec![]),
                    (ACK, vec![]),
                    (ACK | PSH, vec![3; 301]),
                    (ACK, vec![4; 1400]),
                    (ACK | FIN, vec![]),
                ] {
                    let mut up = Segment::up(flags).with(&payload);
                    up.vlan = tags.to_vec();
                    if flags == SYN {
                        up.options = vec![2, 4, 5, 0xb4, 1, 1, 4, 2];
                    }
                    let up = if v6 { six(&up) } else { up }.to(asked);
                    pair.readdressed(&up.frame(), &up.to(to).frame());
                    pair.readdressed(&up.offloaded(), &up.to(to).offloaded());
                    let down = up.back(to, flags | ACK);
                    pair.readdressed(&down.frame(), &up.back(asked, flags | ACK).frame());
                }
            }
        }
    }
    pair.agree();
}

#[test]
fn a_full_checksum_that_looks_partial_is_found_out() {
    let mut pair = Pair::new(moved());
    open(&mut pair, GATEKEEPER(), b());
    for len in [2, 3, 9, 500, 1460] {
        let mut up = Segment::up(ACK).with(&vec![9; len]);
        let found = (0..=u16::MAX).find(|word| {
            up.payload[..2].copy_from_slice(&word.to_be_bytes());
            up.frame() == up.offloaded()
        });
        assert!(found.is_some());
        pair.readdressed(&up.frame(), &up.to(b()).frame());
    }
    pair.agree();
}

#[test]
fn an_established_connection_stays_where_its_syn_went() {
    let mut pair = Pair::new(moved());
    open(&mut pair, GATEKEEPER(), b());
    pair.change(|world| switch(world, 0, C, now()));
    let data = Segment::up(ACK | PSH).with(&[1; 100]);
    pair.readdressed(&data.frame(), &data.to(b()).frame());
    let other = Segment {
        ports: (30_001, CALL_PORT),
        ..Segment::up(SYN)
    };
    pair.readdressed(&other.frame(), &other.to(c()).frame());
    // Back at the first: new ones go there as they are, this one stays.
    pair.change(|world| switch(world, 0, A, now()));
    pair.readdressed(&data.frame(), &data.to(b()).frame());
    let third = Segment {
        ports: (30_002, CALL_PORT),
        ..Segment::up(SYN)
    };
    pair.untouched(&third.frame());
    pair.untouched(&third.to(GATEKEEPER()).frame());
    // A new connection from the old one's port is a new one.
    open(&mut pair, GATEKEEPER(), GATEKEEPER());
    let (_, octets) = pair.send(&data.frame());
    assert_eq!(octets, data.frame());
    pair.agree();
}

/// Before the zone moved, straight to the gatekeeper: untouched while that lives, whatever was decided by hand.
#[test]
fn a_direct_connection_is_left_alone_while_its_gatekeeper_lives() {
    let mut pair = Pair::new(world());
    let data = Segment::up(ACK | PSH).with(&[1; 100]);
    pair.untouched(&Segment::up(SYN).frame());
    pair.untouched(&data.frame());
    pair.change(|world| switch(world, 0, B, now()));
    pair.untouched(&data.frame());
    pair.untouched(&data.back(GATEKEEPER(), ACK).frame());
    pair.silent_for(A, SECOND);
    resets(&mut pair, &data);
    pair.agree();
}

#[test]
fn on_loss_the_next_segment_is_answered_with_rst() {
    let mut pair = Pair::new(moved());
    open(&mut pair, GATEKEEPER(), b());
    pair.change(|world| switch(world, 0, C, now()));
    pair.silent_for(B, SECOND);
    let tags: [&[(u16, u16)]; 2] = [&[], &[(0x8100, 42)]];
    for tags in tags {
        for asked in [GATEKEEPER()] {
            for (flags, payload, options) in [
                (ACK, 0, 0),
                (ACK | PSH, 301, 12),
                (ACK | FIN, 0, 0),
                (ACK | FIN | PSH, 1400, 40),
                (0, 10, 0),
                (FIN, 11, 0),
                (PSH, 1, 4),
                (ACK | SYN, 0, 0),
            ] {
                let mut segment = Segment::up(flags).with(&vec![7; payload]).to(asked);
                segment.vlan = tags.to_vec();
                segment.options = vec![1; options];
                resets(&mut pair, &segment);
                let (_, octets) = pair.send(&segment.offloaded());
                assert_eq!(octets, segment.reset());
            }
        }
    }
    for flags in [RST, RST | ACK] {
        let rst = Segment::up(flags);
        let (verdict, _) = pair.send(&rst.frame());
        assert!(
            !matches!(verdict, Verdict::Reset),
            "a RST is never answered with a RST"
        );
    }
    // It connects again at once, from the same port if it likes.
    open(&mut pair, GATEKEEPER(), c());
    pair.agree();
}

#[test]
fn sequence_numbers_wrap_in_a_rst() {
    let mut pair = Pair::new(moved());
    open(&mut pair, GATEKEEPER(), b());
    pair.change(|world| switch(world, 0, C, now()));
    pair.silent_for(B, SECOND);
    for seq in [0, 1, 0x7fff_ffff, 0xffff_fff6, u32::MAX] {
        let segment = Segment {
            seq,
            ack: seq ^ 0x00ff_00ff,
            ..Segment::up(FIN | PSH).with(&[1; 9])
        };
        resets(&mut pair, &segment);
        let acked = Segment {
            flags: ACK,
            ..segment
        };
        resets(&mut pair, &acked);
    }
    pair.agree();
}

#[test]
fn rst_over_ipv6() {
    let mut moved = moved();
    fall_silent(&mut moved.states[A6 as usize], now() - SECOND);
    let mut pair = Pair::new(moved);
    for (flags, payload) in [(ACK, 0), (ACK | PSH, 77), (FIN, 3)] {
        resets(&mut pair, &six(&Segment::up(flags).with(&vec![5; payload])));
    }
    // Of a connection to the service address nothing is known: the gatekeeper that serves knows.
    let unknown = six(&Segment::up(ACK)).to(service6());
    pair.readdressed(&unknown.frame(), &unknown.to(b6()).frame());
    pair.agree();
}

#[test]
fn pin_leaves_connections_alone() {
    let mut moved = moved();
    for zone in &mut moved.zones {
        zone.flags &= !ZONE_RESET;
    }
    let mut pair = Pair::new(moved);
    open(&mut pair, GATEKEEPER(), b());
    pair.change(|world| switch(world, 0, C, now()));
    pair.silent_for(B, SECOND);
    pair.silent_for(A, SECOND);
    let data = Segment::up(ACK | PSH).with(&[1; 100]);
    pair.readdressed(&data.frame(), &data.to(b()).frame());
    let direct = Segment {
        ports: (40_000, CALL_PORT),
        ..data
    };
    pair.untouched(&direct.frame());
    let unknown = direct.to(service());
    pair.readdressed(&unknown.frame(), &unknown.to(c()).frame());
    pair.agree();
}

#[test]
fn other_tcp_is_not_touched() {
    let mut moved = moved();
    fall_silent(&mut moved.states[A as usize], now() - SECOND);
    let mut pair = Pair::new(moved);
    for flags in [SYN, ACK, RST] {
        let up = Segment::up(flags);
        let ports = |ports| Segment {
            ports,
            ..up.clone()
        };
        for segment in [
            ports((30_000, 80)),
            ports((30_000, 1719)),
            ports((CALL_PORT, 1503)),
            up.to(b()),
            up.to(v4(10, 1, 0, 9)),
            Segment {
                source: v4(10, 8, 0, 1),
                ..up.clone()
            },
            up.back(b(), flags),
            up.back(GATEKEEPER(), flags),
        ] {
            pair.untouched(&segment.frame());
        }
    }
    // A fragment, and an IP option.
    let mut fragment = Segment::up(ACK).frame();
    fragment[20] = 0x20;
    pair.untouched(&fragment);
    let mut option = Segment::up(ACK).frame();
    option[14] = 0x46;
    pair.untouched(&option);
    assert!(pair.kernel.all_flows().is_empty());
    pair.agree();
}

/// The backup dies before it answers the SYN: the retransmission goes to the next one.
#[test]
fn a_retransmitted_syn_goes_to_the_next_living_gatekeeper() {
    let mut pair = Pair::new(world());
    pair.silent_for(A, SECOND);
    let syn = Segment::up(SYN);
    pair.readdressed(&syn.frame(), &syn.to(b()).frame());
    assert_eq!(pair.decided(0), Some(B));
    pair.silent_for(B, SECOND);
    pair.readdressed(&syn.frame(), &syn.to(c()).frame());
    assert_eq!(pair.decided(0), Some(C));
    let back = syn.back(c(), SYN | ACK);
    pair.readdressed(&back.frame(), &syn.back(GATEKEEPER(), SYN | ACK).frame());
    let ack = Segment::up(ACK);
    pair.readdressed(&ack.frame(), &ack.to(c()).frame());
    pair.agree();
}

/// An endpoint may use one port for connections to several addresses. Where they meet at one gatekeeper, the newer
/// one goes on and the older one is told.
#[test]
fn one_port_for_two_addresses_that_meet_at_one_gatekeeper() {
    let mut pair = Pair::new(moved());
    pair.silent_for(A, SECOND);
    open(&mut pair, GATEKEEPER(), b());
    open(&mut pair, service(), b());
    resets(&mut pair, &Segment::up(ACK | PSH).with(&[1; 10]));
    let data = Segment::up(ACK).to(service());
    pair.readdressed(&data.frame(), &data.to(b()).frame());
    // Straight to it: neither way is readdressed any more.
    open(&mut pair, b(), b());
    let direct = Segment::up(ACK).to(b());
    pair.readdressed(&direct.frame(), &direct.frame());
    pair.readdressed(
        &direct.back(b(), ACK).frame(),
        &direct.back(b(), ACK).frame(),
    );
    pair.agree();
}

fn states(pair: &mut Pair, table: FlowTable) -> Vec<u16> {
    let flows = pair.kernel.flows(table);
    let forward = flows.iter().filter(|(_, f)| f.kind == FLOW_FORWARD);
    forward.map(|(_, flow)| flow.state).collect()
}

/// What open connections are counted by.
#[test]
fn flows_tell_whether_they_are_open() {
    let mut pair = Pair::new(moved());
    pair.send(&Segment::up(SYN).frame());
    pair.send(&Segment::up(SYN).frame());
    assert_eq!(states(&mut pair, Attempts), [0]);
    open(&mut pair, GATEKEEPER(), b());
    assert_eq!(states(&mut pair, Attempts), [0u16; 0]);
    assert_eq!(states(&mut pair, Connections), [FLOW_OPEN]);
    pair.send(&Segment::up(ACK | FIN).frame());
    assert_eq!(states(&mut pair, Connections), [FLOW_OPEN | FLOW_CLOSED]);
    // The gatekeeper ends it, too: it makes way for others.
    pair.send(&Segment::up(ACK).back(b(), FIN | ACK).frame());
    assert_eq!(states(&mut pair, Connections), [0u16; 0]);
    assert_eq!(states(&mut pair, Attempts), [FLOW_OPEN | FLOW_CLOSED]);
    let last = Segment::up(ACK);
    pair.readdressed(&last.frame(), &last.to(b()).frame());
    assert_eq!(
        states(&mut pair, Connections),
        [0u16; 0],
        "it does not open again"
    );
    pair.send(&Segment::up(SYN).frame());
    assert_eq!(states(&mut pair, Attempts), [0], "a new connection");
    open(&mut pair, GATEKEEPER(), b());
    // One that was reset is not open any more.
    pair.change(|world: &mut World| switch(world, 0, C, now()));
    pair.silent_for(B, SECOND);
    resets(&mut pair, &Segment::up(ACK));
    assert_eq!(states(&mut pair, Connections), [FLOW_OPEN | FLOW_CLOSED]);
    assert_eq!(pair.kernel.counter(Counter::Reset), 1);
    pair.agree();
}

/// Whatever an endpoint sends: without the gatekeeper's answer, or without the right acknowledgement of it, a connection
/// is not open.
#[test]
fn what_is_forged_opens_nothing() {
    let mut pair = Pair::new(moved());
    let syn = Segment::up(SYN);
    pair.readdressed(&syn.frame(), &syn.to(b()).frame());
    for (flags, ack) in [(ACK, 0), (ACK, 1), (ACK | PSH, 0x1234_5678), (FIN, 7)] {
        let forged = Segment {
            ack,
            ..Segment::up(flags)
        };
        pair.send(&forged.frame());
    }
    assert_eq!(states(&mut pair, Connections), [0u16; 0]);
    let answer = syn.back(b(), SYN | ACK);
    pair.send(&answer.frame());
    let right = answer.seq.wrapping_add(1);
    for (flags, ack) in [
        (ACK, right.wrapping_add(1)),
        (ACK, right.wrapping_sub(1)),
        (ACK, 0),
        (SYN | ACK, right),
        (RST | ACK, right),
        (0, right),
    ] {
        let mut pair = Pair::new(moved());
        pair.send(&syn.frame());
        pair.send(&answer.frame());
        let forged = Segment {
            ack,
            ..Segment::up(flags)
        };
        pair.send(&forged.frame());
        assert_eq!(
            states(&mut pair, Connections),
            [0u16; 0],
            "{flags:#x} {ack:#x}"
        );
        pair.agree();
    }
    let fits = Segment {
        ack: right,
        ..Segment::up(ACK)
    };
    pair.readdressed(&fits.frame(), &fits.to(b()).frame());
    assert_eq!(states(&mut pair, Connections), [FLOW_OPEN]);
    assert_eq!(pair.kernel.counter(Counter::FlowOpened), 1);
    pair.agree();
}

/// A SYN with an open connection's addresses and ports, after the zone has moved on: the connection stays where it is
/// until the new one is answered and acknowledged.
#[test]
fn a_forged_syn_changes_nothing_of_an_open_connection() {
    let mut pair = Pair::new(moved());
    open(&mut pair, GATEKEEPER(), b());
    for active in [C, A] {
        pair.change(|world| switch(world, 0, active, now()));
        let to = if active == C { c() } else { GATEKEEPER() };
        let syn = Segment {
            seq: 99,
            ..Segment::up(SYN)
        };
        let (_, octets) = pair.send(&syn.frame());
        assert_eq!(octets, syn.to(to).frame());
        let data = Segment::up(ACK | PSH).with(&[1; 10]);
        pair.readdressed(&data.frame(), &data.to(b()).frame());
        let back = data.back(b(), ACK);
        pair.readdressed(&back.frame(), &data.back(GATEKEEPER(), ACK).frame());
        // Not even once it is answered.
        pair.send(&syn.back(to, SYN | ACK).frame());
        pair.readdressed(&data.frame(), &data.to(b()).frame());
    }
    // Straight to the one that it was steered to, from the same port, and to the service address.
    for asked in [b(), service()] {
        pair.change(|world| switch(world, 0, B, now()));
        let (_, octets) = pair.send(&Segment::up(SYN).to(asked).frame());
        assert_eq!(octets, Segment::up(SYN).to(b()).frame());
        let data = Segment::up(ACK);
        pair.readdressed(&data.frame(), &data.to(b()).frame());
        let back = data.back(b(), ACK);
        pair.readdressed(&back.frame(), &data.back(GATEKEEPER(), ACK).frame());
    }
    pair.agree();
}

/// The endpoint did start again from the same port.
#[test]
fn a_connection_that_is_opened_again_takes_the_place_of_the_older_one() {
    let mut pair = Pair::new(moved());
    open(&mut pair, GATEKEEPER(), b());
    pair.change(|world| switch(world, 0, C, now()));
    open(&mut pair, GATEKEEPER(), c());
    let data = Segment::up(ACK | PSH).with(&[1; 10]);
    pair.readdressed(&data.frame(), &data.to(c()).frame());
    assert_eq!(states(&mut pair, Connections), [FLOW_OPEN]);
    // Back at the first, to which the address belongs.
    pair.change(|world| switch(world, 0, A, now()));
    open(&mut pair, GATEKEEPER(), GATEKEEPER());
    let (_, octets) = pair.send(&data.frame());
    assert_eq!(octets, data.frame());
    pair.agree();
}

/// Floods fill the table of attempts and of datagrams; a connection that was silent meanwhile goes on.
#[test]
fn a_flood_does_not_push_out_open_connections() {
    let mut kernel = Kernel::load();
    let mut world = moved();
    // The controller's probes are answered, whatever becomes of the flood.
    world.gatekeepers[B as usize].up_ns = u64::MAX / 2;
    kernel.fill(&world);
    let run = |segment: &Segment| kernel.run(&segment.frame()).octets;
    let syn = Segment::up(SYN).to(service());
    assert_eq!(run(&syn), syn.to(b()).frame());
    let back = syn.back(b(), SYN | ACK);
    run(&back);
    let ack = Segment {
        ack: back.seq.wrapping_add(1),
        ..Segment::up(ACK).to(service())
    };
    run(&ack);
    // Several times what the tables hold: SYNs, two forged segments each, and datagrams, from any source.
    for n in 0..6000u32 {
        let [_, a, b_, c_] = n.to_be_bytes();
        let flood = Segment {
            source: v4(10, 0, b_, c_),
            ports: (20_000 + u16::from(a), CALL_PORT),
            ..syn.clone()
        };
        run(&flood);
        run(&Segment {
            flags: ACK,
            ..flood.clone()
        });
        let datagram = Datagram::up(&hex(GRQ)).from(flood.source).to(service());
        kernel.run(&datagram.frame());
    }
    let data = Segment::up(ACK | PSH).with(&[1; 10]).to(service());
    assert_eq!(run(&data), data.to(b()).frame());
    let back = data.back(b(), ACK);
    assert_eq!(run(&back), data.back(service(), ACK).frame());
    assert_eq!(kernel.counter(Counter::Reset), 0);
    assert_eq!(kernel.counter(Counter::FlowOpened), 1);
}

/// A connection of which nothing is known goes to the gatekeeper that serves; if that has it, it is open again.
#[test]
fn a_connection_that_was_forgotten_is_found_again() {
    for flags in [ACK, ACK | PSH, ACK | FIN] {
        let mut pair = Pair::new(moved());
        let data = Segment::up(flags).to(service());
        pair.readdressed(&data.frame(), &data.to(b()).frame());
        assert_eq!(pair.kernel.counter(Counter::Reset), 0);
        assert_eq!(states(&mut pair, Connections), [0u16; 0]);
        // It does not have it.
        let rst = data.back(b(), RST);
        pair.readdressed(&rst.frame(), &data.back(service(), RST).frame());
        // It has it.
        let data = Segment::up(ACK | PSH).with(&[1; 9]).to(service());
        pair.readdressed(&data.frame(), &data.to(b()).frame());
        pair.agree();
    }
    let mut pair = Pair::new(moved());
    let data = Segment::up(ACK).to(service());
    pair.readdressed(&data.frame(), &data.to(b()).frame());
    let back = data.back(b(), ACK).with(&[1; 9]);
    pair.readdressed(
        &back.frame(),
        &data.back(service(), ACK).with(&[1; 9]).frame(),
    );
    let fits = Segment {
        ack: back.seq.wrapping_add(9),
        ..data
    };
    pair.readdressed(&fits.frame(), &fits.to(b()).frame());
    assert_eq!(states(&mut pair, Connections), [FLOW_OPEN]);
    pair.agree();
}

/// One host, by whatever it sends.
#[test]
fn new_flows_are_bounded_by_source() {
    // The kernel alone: its clock goes on between its answer and the host's.
    let mut kernel = Kernel::load();
    kernel.fill(&moved());
    let start = now();
    for port in 0..4000 {
        let syn = Segment {
            ports: (10_000 + port, CALL_PORT),
            ..Segment::up(SYN)
        };
        kernel.run(&syn.frame());
    }
    let most = 512 + 256 * (now() - start) / SECOND + 1;
    let made = kernel.counter(Counter::FlowNew);
    assert!(made <= most, "{made} of at most {most}");
    assert_eq!(made + kernel.counter(Counter::FlowLimited), 4000);
    let other = Segment {
        source: v4(10, 0, 77, 1),
        ..Segment::up(SYN)
    };
    assert_eq!(kernel.run(&other.frame()).octets, other.to(b()).frame());
}

/// A gatekeeper's connection to an endpoint is noted once that has accepted it, and reset when the gatekeeper is gone.
#[test]
fn a_connection_that_a_gatekeeper_opened_is_reset_as_well() {
    for (answers, acknowledges) in [(true, true), (true, false), (false, false)] {
        let mut world = world();
        world.globals.interfaces[0].side = ENDPOINTS_SIDE | GATEKEEPERS_SIDE;
        let mut pair = Pair::new(world);
        // To the endpoint's port of call signalling, from any port of the gatekeeper's.
        let up = |flags| Segment {
            ports: (CALL_PORT, 40_000),
            ..Segment::up(flags)
        };
        let down = |flags| up(0).back(GATEKEEPER(), flags);
        // On this interface both are behind one: what goes to a port of call signalling is taken for an endpoint's.
        pair.change(|world| world.globals.interfaces[0].side = GATEKEEPERS_SIDE);
        pair.untouched(&down(SYN).frame());
        pair.change(|world| world.globals.interfaces[0].side = ENDPOINTS_SIDE);
        if answers {
            pair.untouched(&up(SYN | ACK).frame());
        }
        if acknowledges {
            pair.change(|world| world.globals.interfaces[0].side = GATEKEEPERS_SIDE);
            pair.untouched(&down(ACK).frame());
            pair.change(|world| world.globals.interfaces[0].side = ENDPOINTS_SIDE);
        }
        pair.untouched(&up(ACK).frame());
        pair.change(|world| switch(world, 0, B, now()));
        pair.silent_for(A, SECOND);
        let segment = up(ACK | PSH).with(&[1; 5]);
        if acknowledges {
            resets(&mut pair, &segment);
        } else {
            pair.untouched(&segment.frame());
        }
        pair.agree();
    }
}
