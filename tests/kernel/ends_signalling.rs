//! Zones whose call signalling rasline ends itself: a SYN passes, nothing is reset, and a connection that was steered before
//! stays where it is until it ends.

use rasline_abi::{FLOW_CLOSED, ZONE_ENDS_SIGNALLING};
use rasline_datapath::FlowTable::{Attempts, Connections};

use crate::kernel::Kernel;
use crate::pair::Pair;
use crate::signalling::{accept, open};
use crate::steered::{
    A, ACK, ARQ, B, C, FIN, PSH, RST, SYN, b, b6, moved, service, service6, switch,
};
use crate::world::{
    CALL_PORT, Datagram, ENDPOINT6, GATEKEEPER, SECOND, Segment, World, gatekeeper6, hex, now,
};

fn ends_here(world: &mut World) {
    for zone in &mut world.zones {
        zone.flags |= ZONE_ENDS_SIGNALLING;
    }
}

/// A zone that has moved to its second gatekeeper, and whose call signalling ends here.
fn world() -> World {
    let mut world = moved();
    ends_here(&mut world);
    world
}

fn from_port(port: u16, flags: u8) -> Segment {
    Segment {
        ports: (port, CALL_PORT),
        ..Segment::up(flags)
    }
}

fn no_flows(kernel: &mut Kernel) {
    assert!(kernel.all_flows().is_empty());
}

#[test]
fn a_syn_to_any_address_of_the_zone_passes() {
    let mut pair = Pair::new(world());
    for asked in [service(), GATEKEEPER(), b()] {
        pair.untouched(&Segment::up(SYN).to(asked).frame());
    }
    for asked in [service6(), gatekeeper6(), b6()] {
        let syn = Segment {
            source: ENDPOINT6(),
            ..Segment::up(SYN).to(asked)
        };
        pair.untouched(&syn.frame());
    }
    no_flows(&mut pair.kernel);
    pair.agree();
}

#[test]
fn a_segment_of_a_connection_that_ends_here_passes() {
    let mut pair = Pair::new(world());
    // The gatekeepers are gone, which is none of this connection's business.
    for gatekeeper in [A, B] {
        pair.silent_for(gatekeeper, SECOND);
    }
    for asked in [service(), GATEKEEPER()] {
        for flags in [ACK, ACK | PSH, ACK | FIN, SYN | ACK, FIN, RST] {
            pair.untouched(&Segment::up(flags).with(&[1; 20]).to(asked).frame());
        }
    }
    no_flows(&mut pair.kernel);
    pair.agree();
}

#[test]
fn a_steered_connection_stays_until_it_ends() {
    let mut pair = Pair::new(moved());
    open(&mut pair, service(), b());
    pair.change(ends_here);
    let data = Segment::up(ACK | PSH).with(&[1; 100]).to(service());
    pair.readdressed(&data.frame(), &data.to(b()).frame());
    let down = data.back(b(), ACK | PSH);
    pair.readdressed(&down.frame(), &data.back(service(), ACK | PSH).frame());
    // Another one passes meanwhile.
    pair.untouched(&from_port(30_001, SYN).to(service()).frame());
    let fin = Segment::up(ACK | FIN).to(service());
    pair.readdressed(&fin.frame(), &fin.to(b()).frame());
    // It has ended, so the same port begins a connection that ends here.
    pair.untouched(&Segment::up(SYN).to(service()).frame());
    pair.untouched(&data.frame());
    no_flows(&mut pair.kernel);
    pair.agree();
}

#[test]
fn an_attempt_goes_on_but_is_not_made_again() {
    let mut pair = Pair::new(moved());
    let syn = Segment::up(SYN).to(service());
    pair.readdressed(&syn.frame(), &syn.to(b()).frame());
    pair.change(ends_here);
    accept(&mut pair, &syn, service(), b());
    assert_eq!(pair.kernel.flows(Connections).len(), 2);
    let other = from_port(30_001, SYN).to(service());
    pair.change(|world| world.zones[0].flags &= !ZONE_ENDS_SIGNALLING);
    pair.readdressed(&other.frame(), &other.to(b()).frame());
    pair.change(ends_here);
    pair.untouched(&other.frame());
    assert!(pair.kernel.flows(Attempts).is_empty());
    pair.agree();
}

/// Nobody ends another's connection by a forged SYN: who has it decides.
#[test]
fn a_syn_under_the_addresses_of_an_open_connection_goes_where_that_is() {
    let mut pair = Pair::new(moved());
    open(&mut pair, service(), b());
    pair.change(ends_here);
    let syn = Segment::up(SYN).to(service());
    pair.readdressed(&syn.frame(), &syn.to(b()).frame());
    let data = Segment::up(ACK | PSH).with(&[1; 100]).to(service());
    pair.readdressed(&data.frame(), &data.to(b()).frame());
    // An endpoint that has forgotten it resets it, and connects.
    let rst = Segment::up(RST).to(service());
    pair.readdressed(&rst.frame(), &rst.to(b()).frame());
    let flows = pair.kernel.flows(Connections);
    assert!(flows.iter().any(|(_, flow)| flow.state & FLOW_CLOSED != 0));
    pair.untouched(&syn.frame());
    no_flows(&mut pair.kernel);
    pair.agree();
}

#[test]
fn a_steered_connection_is_not_reset_when_its_gatekeeper_is_gone() {
    let mut pair = Pair::new(moved());
    open(&mut pair, service(), b());
    pair.change(ends_here);
    pair.change(|world| switch(world, 0, C, now()));
    pair.silent_for(B, SECOND);
    let data = Segment::up(ACK | PSH).with(&[1; 100]).to(service());
    pair.readdressed(&data.frame(), &data.to(b()).frame());
    // The endpoint gives up and connects again: there is nobody else who could answer.
    pair.untouched(&Segment::up(SYN).to(service()).frame());
    no_flows(&mut pair.kernel);
    pair.agree();
}

#[test]
fn ras_is_steered_as_ever() {
    let mut pair = Pair::new(world());
    let request = Datagram::up(&hex(ARQ));
    let (verdict, octets) = pair.send(&request.frame());
    assert_eq!(verdict, rasline_datapath::Verdict::Readdressed);
    assert_ne!(octets, request.frame());
    pair.agree();
}
