//! RAS in fragments: a message that is longer than the MTU goes where a whole one would.
//!
//! The first fragment has the UDP header, and goes through the same parts as a whole message: limits, course, flow.
//! How it was readdressed is noted under its addresses and IP identification; the others follow it by that. Nothing is
//! learned from fragments, nothing is answered, and they are no evidence: most of the message is not there.
//!
//! Fragments of one datagram take one way through a network and one queue of a network card (their hash has no
//! ports), so they come in order. One that comes before its first passes untouched, and the message is lost as if a
//! fragment had been; so is one whose first was dropped.

use rasline_abi::{Counter, FLOW_FORWARD, FlowKey};

use crate::flow::{self, Found, Path};
use crate::parse::{self, FRAGMENT, MORE, OFFSET, OFFSET_V6, Packet, UDP};
use crate::tables::{Address, FlowTable::Fragments, get};
use crate::{Frame, Step, Tables, Verdict, endpoint, redirect};

/// A receiver puts together what comes within this time, ns (RFC 8200, 4.5: 60 s; Linux: 30 s). Numbers come back
/// later than that.
const TOGETHER_NS: u64 = 30_000_000_000;

/// A fragment of a UDP datagram.
struct Part {
    /// Octet of the IP header.
    l3: usize,
    v6: bool,
    source: Address,
    destination: Address,
    identification: u32,
    /// It has the UDP header.
    first: bool,
}

/// A fragment: the first of a message goes on to the next part, others go where the first went.
#[inline(always)]
pub(crate) fn fragment<F: Frame, T: Tables>(frame: &mut F, tables: &mut T) -> Step {
    let part = match parse_part(frame, tables) {
        Ok(part) => part,
        Err(why) => return Step::Done(Verdict::Pass(why)),
    };
    let key = key(part.source, part.destination, part.identification);
    if part.first {
        // What another message of this number left behind is not for this one.
        tables.remove_flow(Fragments, &key);
        return Step::Slow;
    }
    let followed = follow(frame, tables, &part, &key);
    Step::Done(followed.unwrap_or(Verdict::Pass(Counter::PassShape)))
}

/// Finds a fragment of UDP; else says why the frame passes.
#[inline(always)]
fn parse_part<F: Frame, T: Tables>(frame: &F, tables: &mut T) -> Result<Part, Counter> {
    let _side = parse::side(frame, tables)?;
    let (l3, v6) = parse::network(frame).ok_or(Counter::PassNotRas)?;
    let found = if v6 {
        part_v6(frame, l3)
    } else {
        part_v4(frame, l3)
    };
    let (identification, first) = found.ok_or(Counter::PassShape)?;
    let (source, destination) = parse::addresses(frame, l3, v6).ok_or(Counter::PassShape)?;
    Ok(Part {
        l3: frame.bounded(l3, 128),
        v6: frame.bounded(usize::from(v6), 2) != 0,
        source,
        destination,
        identification,
        first,
    })
}

/// Identification, and whether it is the first.
#[inline(always)]
fn part_v4<F: Frame>(frame: &F, l3: usize) -> Option<(u32, bool)> {
    let field = frame.u16(l3 + 6)?;
    let plain = frame.u8(l3)? == 0x45 && frame.u8(l3 + 9)? == UDP;
    (plain && field & (MORE | OFFSET) != 0)
        .then_some((u32::from(frame.u16(l3 + 4)?), field & OFFSET == 0))
}

/// The same of IPv6: the fragment header stands directly behind the fixed one.
#[inline(always)]
fn part_v6<F: Frame>(frame: &F, l3: usize) -> Option<(u32, bool)> {
    let plain =
        frame.u8(l3)? & 0xf0 == 0x60 && frame.u8(l3 + 6)? == FRAGMENT && frame.u8(l3 + 40)? == UDP;
    plain.then_some((frame.u32(l3 + 44)?, frame.u16(l3 + 42)? & OFFSET_V6 == 0))
}

/// Key of what is noted of a datagram's first fragment: the identification stands for ports.
#[inline(always)]
fn key(source: Address, destination: Address, identification: u32) -> FlowKey {
    FlowKey {
        source,
        destination,
        source_port: (identification as u16).to_ne_bytes(),
        destination_port: ((identification >> 16) as u16).to_ne_bytes(),
        protocol: u32::from(UDP),
    }
}

/// Readdresses a fragment as its first was. `None`, and nothing changed: there is no word of that one.
#[inline(always)]
fn follow<F: Frame, T: Tables>(
    frame: &mut F,
    tables: &T,
    part: &Part,
    key: &FlowKey,
) -> Option<Verdict> {
    let Found { ends, flow, .. } = flow::find(tables, Fragments, key)?;
    if tables.now().saturating_sub(get!(flow, seen_ns)) > TOGETHER_NS {
        return None;
    }
    let old = if ends.kind == FLOW_FORWARD {
        part.destination
    } else {
        part.source
    };
    redirect::replace_address(frame, (part.l3, part.v6), old, &ends)?;
    Some(Verdict::Readdressed)
}

/// The first fragment of what a gatekeeper's address and RAS port sends.
#[inline(always)]
pub(crate) fn reply<T: Tables>(tables: &T, packet: &Packet) -> Verdict {
    let (endpoint, gatekeeper) = (packet.destination, packet.source);
    Verdict::Pass(
        if endpoint::peer(tables, endpoint, gatekeeper, packet.source_port).is_some() {
            Counter::PassFromGatekeeper
        } else if packet.to_gatekeeper {
            Counter::PassNoZone
        } else {
            Counter::PassNoEndpoint
        },
    )
}

/// IP identification of a first fragment.
#[inline(always)]
pub(crate) fn identification<F: Frame>(frame: &F, path: &Path) -> Option<u32> {
    if path.v6 {
        frame.u32(path.l3 + 44)
    } else {
        frame.u16(path.l3 + 4).map(u32::from)
    }
}

/// Notes how the first fragment that is held was readdressed, for those that follow it.
#[inline(always)]
pub fn note_fragment<T: Tables>(tables: &mut T, identification: u32) {
    let Some(held) = tables.carrying() else {
        return;
    };
    let source = [get!(held, source[0]), get!(held, source[1])];
    let destination = [get!(held, destination[0]), get!(held, destination[1])];
    let key = key(source, destination, identification);
    let now = tables.now();
    // Without room the others pass as they are.
    let _noted = tables.set_flow(Fragments, &key, |flow| {
        flow.check = flow::check(&key);
        flow.kind = get!(held, flow.kind);
        flow.address = [get!(held, flow.address[0]), get!(held, flow.address[1])];
        flow.seen_ns = now;
    });
}
