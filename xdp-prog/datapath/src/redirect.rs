//! Readdressing: what is addressed to a gatekeeper that was left goes to the active one, replies come back under the
//! address that the endpoint knows; the endpoint's own address stays.
//!
//! A packet is sent on at once if its next hop is known and takes redirected frames; else it is readdressed and left
//! to the stack's routing. Tagged frames always go through the stack, which knows the tag's network, and so do fragments.
//! And now and then so does any packet: only what the stack sends makes it ask whether a neighbour is still where it was.
//!
//! A packet whose checksum was left to a network card is sent on with the whole checksum, if it is short enough to be
//! summed here: connection tracking sees only one direction of what is readdressed, and would call it invalid in the
//! stack. In generic mode it goes through the stack, which would complete the checksum once more.

use rasline_abi::{FLOW_FORWARD, FLOW_REVERSE, elapsed, ticks};

use crate::checksum::{fold, halves};
use crate::flow::{self, Ends, Path};
use crate::parse::{Checksum, TCP, UDP};
use crate::tables::{Address, Carrying, Hop, Shared, get, set};
use crate::{Frame, Tables, Verdict, fragment};

/// A next hop is looked up again after so long, ns.
const HOP_FRESH_NS: u64 = 1_000_000_000;
/// One that was not found is looked for again after so long, ns.
const NO_HOP_FRESH_NS: u64 = 100_000_000;
/// The other direction of a flow is kept in the table by this one, once in so long, ns.
pub(crate) const FLOW_FRESH_NS: u64 = 1_000_000_000;
/// One packet in this time goes to each next hop through the stack, ticks (4 s): the kernel calls a neighbour stale
/// after half a minute, and asks five seconds after the next packet that it sends there itself.
const ASK_EVERY: u32 = rasline_abi::duration_to_ticks(4_000_000_000);

/// Readdresses the frame that is held and sends it on. `None`, and nothing changed: it could not be.
#[inline(always)]
pub(crate) fn carry<F: Frame, T: Tables>(frame: &mut F, tables: &mut T) -> Option<Verdict> {
    let held = tables.carrying()?;
    let now = tables.now();
    let path = flow::held(frame, held);
    let path = &path;
    let ends = ends(held);
    // A datagram's flow is made anew once in a while, which counts from when it was made. A segment is noted once in a
    // while: a line of the table that is only read costs less.
    let mut changed = false;
    let seen = get!(held, flow.seen_ns);
    if path.protocol == TCP && now.saturating_sub(seen) > FLOW_FRESH_NS {
        set!(held, flow.seen_ns, now);
        changed = true;
    }
    let carried = frame.u16(check_at(path))?;
    let whole = whole(frame, path, carried);
    let way = if ends.kind == FLOW_FORWARD {
        (path.source, ends.address)
    } else {
        (ends.address, path.destination)
    };
    let mut hop = None;
    let summed = whole == u32::from(carried);
    let complete = summed || (whole != UNKNOWN && tables.is_native());
    if complete && path.l3 == 14 && !asks(tables, path, held, &mut changed, now) {
        hop = next_hop(frame, tables, path, held, way, &mut changed, now);
    }
    if changed {
        tables.store_carried();
    }
    let (form, check) = if summed || hop.is_some() {
        (Checksum::Full, whole as u16)
    } else {
        (Checksum::Partial, carried)
    };
    readdress(frame, path, &ends, form, check)?;
    let Some(hop) = hop else {
        return Some(Verdict::Readdressed);
    };
    age(frame, path)?;
    let low = |m: [u8; 6]| u32::from_ne_bytes([m[0], m[1], m[2], m[3]]);
    let high = |m: [u8; 6]| u16::from_ne_bytes([m[4], m[5]]);
    let own = low(hop.own_mac);
    frame.set_u32(0, low(hop.mac))?;
    frame.set_u32(4, u32::from(high(hop.mac)) | own << 16)?;
    frame.set_u32(8, own >> 16 | u32::from(high(hop.own_mac)) << 16)?;
    Some(Verdict::Redirect(hop.ifindex))
}

/// Readdresses the first fragment that is held, and notes that for those behind it. `None`, and nothing changed: it
/// could not be.
#[inline(always)]
pub(crate) fn carry_first<F: Frame, T: Tables>(frame: &mut F, tables: &mut T) -> Option<Verdict> {
    let held = tables.carrying()?;
    let path = flow::held(frame, held);
    let identification = fragment::identification(frame, &path)?;
    // Who makes fragments sums the whole before.
    let check = frame.u16(check_at(&path))?;
    readdress(frame, &path, &ends(held), Checksum::Full, check)?;
    tables.note_fragment(identification);
    Some(Verdict::Readdressed)
}

/// What takes the place of the packet's own address and port.
#[inline(always)]
fn ends(held: Shared<Carrying>) -> Ends {
    Ends {
        kind: get!(held, flow.kind),
        address: [get!(held, flow.address[0]), get!(held, flow.address[1])],
        port: u16::from_ne_bytes(get!(held, flow.port)),
    }
}

/// Whether this packet goes through the stack, so that it asks for the next hop again: one in a while to each
/// gatekeeper, and of each flow to an endpoint.
#[inline(always)]
fn asks<T: Tables>(
    tables: &mut T,
    path: &Path,
    held: Shared<Carrying>,
    changed: &mut bool,
    now: u64,
) -> bool {
    if !path.may_be_lost {
        return false;
    }
    let tick = ticks(now) | 1;
    if get!(held, flow.kind) == FLOW_REVERSE {
        let asked = get!(held, flow.asked);
        if asked != 0 && elapsed(tick, asked) < ASK_EVERY {
            return false;
        }
        set!(held, flow.asked, tick);
        *changed = true;
        return asked != 0;
    }
    let Some(state) = tables.gatekeeper_state(get!(held, flow.gatekeeper)) else {
        return false;
    };
    let asked = get!(state, asked);
    if asked != 0 && elapsed(tick, asked) < ASK_EVERY {
        return false;
    }
    set!(state, asked, tick);
    asked != 0
}

/// The next hop, from the flow if it is fresh.
#[inline(always)]
fn next_hop<F: Frame, T: Tables>(
    frame: &F,
    tables: &mut T,
    path: &Path,
    held: Shared<Carrying>,
    (source, destination): (Address, Address),
    changed: &mut bool,
    now: u64,
) -> Option<Hop> {
    let life = frame.u8(path.l3 + if path.v6 { 7 } else { 8 })?;
    if life <= 1 {
        return None;
    }
    let len = path.len as u16 + if path.v6 { 40 } else { 20 };
    let (ifindex, looked) = (get!(held, flow.hop_ifindex), get!(held, flow.hop_ns));
    let fresh = if ifindex == 0 {
        NO_HOP_FRESH_NS
    } else {
        HOP_FRESH_NS
    };
    if looked == 0 || now.saturating_sub(looked) > fresh {
        let hop = tables.next_hop(source, destination, path.v6, len);
        if let Some(hop) = hop {
            set!(held, flow.hop_mac, hop.mac);
            set!(held, flow.own_mac, hop.own_mac);
            set!(held, flow.hop_mtu, hop.mtu);
        }
        set!(held, flow.hop_ifindex, hop.map_or(0, |hop| hop.ifindex));
        set!(held, flow.hop_ns, now);
        *changed = true;
        return hop;
    }
    let mtu = get!(held, flow.hop_mtu);
    // What is too long the stack refuses, and says so.
    (ifindex != 0 && len <= mtu).then(|| Hop {
        ifindex,
        mac: get!(held, flow.hop_mac),
        own_mac: get!(held, flow.own_mac),
        mtu,
    })
}

/// One hop less to live.
#[inline(always)]
fn age<F: Frame>(frame: &mut F, path: &Path) -> Option<()> {
    if path.v6 {
        let life = frame.u8(path.l3 + 7)?;
        return frame.set_u8(path.l3 + 7, life.wrapping_sub(1));
    }
    let old = frame.u16(path.l3 + 8)?;
    let new = (old & 0xff00) | (old.wrapping_sub(1) & 0xff);
    let check = frame.u16(path.l3 + 10)?;
    frame.set_u16(path.l3 + 8, new)?;
    // RFC 1624, equation 3.
    let sum = u64::from(!check) + u64::from(!old) + u64::from(new);
    frame.set_u16(path.l3 + 10, !fold(sum))
}

/// Puts the address and port in their place, checksums by what changes (RFC 1624, equation 3). `form` and `old_check`: what
/// the transport's checksum is to be made of.
#[inline(always)]
fn readdress<F: Frame>(
    frame: &mut F,
    path: &Path,
    ends: &Ends,
    form: Checksum,
    old_check: u16,
) -> Option<()> {
    let forward = ends.kind == FLOW_FORWARD;
    let (old, old_port) = if forward {
        (path.destination, path.destination_port)
    } else {
        (path.source, path.source_port)
    };
    let addresses = difference(old, ends.address);
    let ports = u64::from(!old_port) + u64::from(ends.port);

    let check = match form {
        Checksum::Full => !fold(u64::from(!old_check) + addresses + ports),
        Checksum::Partial => fold(u64::from(old_check) + addresses),
    };
    if path.protocol == TCP {
        frame.set_u16(check_at(path), check)?;
    } else if old_check != 0 {
        frame.set_u16(check_at(path), if check == 0 { 0xffff } else { check })?;
    }
    frame.set_u16(path.l4 + if forward { 2 } else { 0 }, ends.port)?;
    replace_address(frame, (path.l3, path.v6), old, ends)
}

/// Octet of the transport's checksum.
#[inline(always)]
fn check_at(path: &Path) -> usize {
    path.l4 + if path.protocol == UDP { 6 } else { 16 }
}

/// What a sum gains when an address takes the place of another.
#[inline(always)]
fn difference(old: Address, new: Address) -> u64 {
    // The octets before a mapped IPv4 address are the same in both.
    let leaves = !fold(halves(old[0]) + halves(old[1]));
    let comes = fold(halves(new[0]) + halves(new[1]));
    u64::from(leaves) + u64::from(comes)
}

/// Puts the address in the place of `old` in the IP header.
#[inline(always)]
pub(crate) fn replace_address<F: Frame>(
    frame: &mut F,
    (l3, v6): (usize, bool),
    old: Address,
    ends: &Ends,
) -> Option<()> {
    let forward = ends.kind == FLOW_FORWARD;
    if v6 {
        let at = l3 + if forward { 24 } else { 8 };
        frame.set_u64(at, ends.address[0])?;
        return frame.set_u64(at + 8, ends.address[1]);
    }
    let at = l3 + if forward { 16 } else { 12 };
    frame.set_u32(at, (ends.address[1] >> 32) as u32)?;
    let check = frame.u16(l3 + 10)?;
    let sum = u64::from(!check) + difference(old, ends.address);
    frame.set_u16(l3 + 10, !fold(sum))
}

/// [`whole`]: the packet is too long to be summed.
const UNKNOWN: u32 = 1 << 16;

/// The checksum of the whole packet: what it carries, unless that is the pseudo header's sum only. A whole one may happen to
/// equal that sum, so the packet is summed then. A number, as the kernel's verifier does not follow an `Option` here.
#[inline(always)]
fn whole<F: Frame>(frame: &mut F, path: &Path, carried: u16) -> u32 {
    let pseudo = path.pseudo();
    if carried != fold(pseudo) {
        return u32::from(carried);
    }
    let Some(octets) = frame.sum(path.l4, path.len) else {
        return UNKNOWN;
    };
    let sum = pseudo + u64::from(octets);
    if fold(sum) == 0xffff {
        return u32::from(carried);
    }
    // What stands in the field is no part of it. For UDP, 0 would mean none.
    match !fold(sum + u64::from(!carried)) {
        0 => 0xffff,
        whole => u32::from(whole),
    }
}
