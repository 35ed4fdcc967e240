//! Readdressing: what is addressed to a gatekeeper that was left goes to the active one, replies come back under the
//! address that the endpoint knows; the endpoint's own address stays.
//!
//! A packet is sent on at once if its next hop is known and takes redirected frames; else it is readdressed and left
//! to the stack's routing. Tagged frames always go through the stack, which knows the tag's network; so does a packet
//! whose checksum was left to a network card, as the stack knows that too, and a fragment. And now and then so does any packet: only
//! what the stack sends makes it ask whether a neighbour is still where it was.

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
/// Words of a packet that are summed at most to tell the two forms of a checksum apart.
const SUM_WORDS: usize = 256;

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
    let form = form(frame, path)?;
    readdress(frame, path, &ends, form)?;
    let way = if ends.kind == FLOW_FORWARD {
        (path.source, ends.address)
    } else {
        (ends.address, path.destination)
    };
    let mut hop = None;
    if form == Checksum::Full && path.l3 == 14 && !asks(tables, path, held, &mut changed, now) {
        hop = next_hop(frame, tables, path, held, way, &mut changed, now);
    }
    if changed {
        tables.store_carried();
    }
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
    readdress(frame, &path, &ends(held), Checksum::Full)?;
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

/// Puts the address and port in their place, checksums by what changes (RFC 1624, equation 3). `form`: that of the
/// transport's checksum.
#[inline(always)]
fn readdress<F: Frame>(frame: &mut F, path: &Path, ends: &Ends, form: Checksum) -> Option<()> {
    let forward = ends.kind == FLOW_FORWARD;
    let (old, old_port) = if forward {
        (path.destination, path.destination_port)
    } else {
        (path.source, path.source_port)
    };
    let addresses = difference(old, ends.address);
    let ports = u64::from(!old_port) + u64::from(ends.port);

    let check_at = check_at(path);
    let carried = frame.u16(check_at)?;
    let check = match form {
        Checksum::Full => !fold(u64::from(!carried) + addresses + ports),
        Checksum::Partial => fold(u64::from(carried) + addresses),
    };
    if path.protocol == TCP {
        frame.set_u16(check_at, check)?;
    } else if carried != 0 {
        frame.set_u16(check_at, if check == 0 { 0xffff } else { check })?;
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

/// What the checksum field holds. A full checksum may happen to equal the pseudo header's sum: then the packet is
/// summed.
#[inline(always)]
fn form<F: Frame>(frame: &mut F, path: &Path) -> Option<Checksum> {
    let carried = frame.u16(check_at(path))?;
    let pseudo = path.pseudo();
    if carried != fold(pseudo) {
        return Some(Checksum::Full);
    }
    let mut sum = pseudo;
    let end = frame.bounded(path.len, 16_384);
    if end > SUM_WORDS * 8 {
        return Some(Checksum::Partial);
    }
    for i in 0..SUM_WORDS {
        if 8 * i + 8 > end {
            break;
        }
        sum += halves(frame.u64(path.l4 + 8 * i)?);
    }
    frame.renew();
    if path.len & 7 != 0 {
        let last = frame.bounded(path.l4 + path.len - 8, 4096);
        sum += halves(frame.u64(last)? >> ((8 * (8 - (path.len & 7)) as u32) & 63));
    }
    Some(if fold(sum) == 0xffff {
        Checksum::Full
    } else {
        Checksum::Partial
    })
}
