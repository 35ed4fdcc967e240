//! Which gatekeeper a zone's traffic goes to, and whether that is time to change.
//!
//! ```text
//! a packet of an endpoint is addressed to A: a gatekeeper of its zone, or the zone's service address
//! T, where it goes:   the zone's active gatekeeper, if A is the service address or is steered
//!                     A itself, if not
//! A is steered:       the controller says so (STEER), or A is silent, or the program left it
//! active:             the program's own decision while it is in force, else the controller's
//! ```
//!
//! The program moves a zone (with [`ZONE_AUTO`]) when its active gatekeeper is silent: to the first candidate that
//! is not. Its decision is in force until the controller makes another (a new epoch). When every candidate is silent
//! and the controller is gone too, they are tried in turn, as nobody else would find out that one is back.

use rasline_abi::{Counter, MAX_CANDIDATES, NO_GATEKEEPER, SERVICE, ZONE_AUTO, Zone, ZoneState};

use crate::Tables;
use crate::evidence::{self, UNUSED};
use crate::tables::{Address, Shared, address, field_at, get, get_pair, set};

/// Where a zone stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course {
    /// Zone index.
    pub zone: u32,
    /// The gatekeeper that serves it; [`NO_GATEKEEPER`]: none is chosen.
    pub active: u32,
    /// When it moved there, ns; 0: never.
    pub moved_ns: u64,
    /// Differs from decision to decision.
    pub decision: u64,
    /// Since when the active gatekeeper has been silent, ns; 0: it is not; [`NOT_ASKED`].
    pub silent_ns: u64,
    /// Left by the program's own decision; [`NO_GATEKEEPER`]: none.
    left: [u32; 2],
}

/// [`Course::silent_ns`]: nobody has asked.
pub(crate) const NOT_ASKED: u64 = u64::MAX;

/// Whether a gatekeeper is silent.
#[inline(always)]
pub(crate) fn is_silent<T: Tables>(tables: &T, index: u32, dead_after_ns: u64, now: u64) -> bool {
    tables.silence(index, dead_after_ns, now) != 0
}

/// Where a zone stands, after moving it if that is due.
#[inline(always)]
pub(crate) fn course<T: Tables>(
    tables: &mut T,
    index: u32,
    zone: Shared<Zone>,
    now: u64,
) -> Option<Course> {
    let state = tables.zone_state(index)?;
    let mut course = standing(index, zone, state, decisions(zone, state));
    if get!(zone, flags) & ZONE_AUTO == 0 || course.active == NO_GATEKEEPER {
        return Some(course);
    }
    course.silent_ns = tables.silence(course.active, get!(zone, dead_after_ns), now);
    if course.silent_ns == 0 {
        return Some(course);
    }
    tables.choose(index, course.active);
    course = standing(index, zone, state, decisions(zone, state));
    Some(course)
}

/// Both decisions as they are at one moment: the program's own, the controller's.
#[inline(always)]
fn decisions(zone: Shared<Zone>, state: Shared<ZoneState>) -> (u64, u64) {
    (get_pair!(state, decided), get_pair!(zone, active))
}

/// Moves a zone whose active gatekeeper is silent, if there is a better candidate, and if it has not been moved since
/// that was found out.
#[inline(always)]
pub fn choose<T: Tables>(tables: &mut T, index: u32, active: u32) {
    let now = tables.now();
    let (Some(zone), Some(state)) = (tables.zone(index), tables.zone_state(index)) else {
        return;
    };
    let found = decisions(zone, state);
    if active == NO_GATEKEEPER || standing(index, zone, state, found).active != active {
        return;
    }
    let to = next(tables, zone, state, active, now);
    if to != NO_GATEKEEPER {
        decide(tables, state, found, (active, to), now);
    }
}

/// Where a zone stands by the tables.
#[inline(always)]
fn standing(
    index: u32,
    zone: Shared<Zone>,
    state: Shared<ZoneState>,
    (ours, theirs): (u64, u64),
) -> Course {
    let epoch = theirs >> 32;
    let generation = u64::from(get!(zone, generation)) << 16;
    let decision = theirs ^ ours.rotate_left(17) ^ generation;
    if epoch != 0 && ours >> 32 == epoch {
        Course {
            zone: index,
            active: ours as u32,
            moved_ns: get!(state, decided_ns),
            decision,
            silent_ns: NOT_ASKED,
            left: [get!(state, decided_from), theirs as u32],
        }
    } else {
        Course {
            zone: index,
            active: if epoch == 0 {
                NO_GATEKEEPER
            } else {
                theirs as u32
            },
            moved_ns: get!(zone, moved_ns),
            decision,
            silent_ns: NOT_ASKED,
            left: [NO_GATEKEEPER; 2],
        }
    }
}

/// The candidate to move to: the best that is not silent; if all are and the controller is gone, the one after the
/// active one in a circle. [`NO_GATEKEEPER`]: stay.
#[inline(always)]
fn next<T: Tables>(
    tables: &T,
    zone: Shared<Zone>,
    state: Shared<ZoneState>,
    active: u32,
    now: u64,
) -> u32 {
    let dead_after = get!(zone, dead_after_ns);
    let mut turn = NO_GATEKEEPER;
    // The next one takes the turn: the first of all, and again the first behind the active one.
    let mut takes = true;
    for i in 0..MAX_CANDIDATES {
        let candidate = u32::from(get!(zone, candidates[i]));
        if candidate == 0xffff {
            break;
        }
        if candidate == active {
            takes = true;
            continue;
        }
        match tables.silence(candidate, dead_after, now) {
            0 => return candidate,
            UNUSED => continue,
            _ => {}
        }
        if takes {
            (turn, takes) = (candidate, false);
        }
    }
    // Each is given the time that it takes to call it silent.
    let lately = now.saturating_sub(get!(state, decided_ns)) <= 2 * dead_after;
    if lately || controller_alive(tables, now) {
        return NO_GATEKEEPER;
    }
    if let Some(evidence) = tables.gatekeeper_state(turn) {
        evidence::clear(evidence);
        set!(evidence, last_reply_ns, now);
    }
    turn
}

/// Moves a zone. Of two CPUs that do so at once, having found the same, one does. What was found is of one epoch: if
/// the controller has decided since, this is not in force.
#[inline(always)]
fn decide<T: Tables>(
    tables: &mut T,
    state: Shared<ZoneState>,
    (ours, theirs): (u64, u64),
    (from, to): (u32, u32),
    now: u64,
) {
    let evidence = tables
        .gatekeeper_state(from)
        .map_or(0, |evidence| get!(evidence, first_unanswered_ns));
    set!(state, decided_ns, now);
    set!(state, evidence_ns, evidence);
    set!(state, decided_from, from);
    let new = theirs >> 32 << 32 | u64::from(to);
    if tables.compare_exchange(state, |p| field_at!(p, decided).cast(), ours, new) {
        set!(state, decisions, get!(state, decisions).wrapping_add(1));
        tables.count(Counter::Decided);
    }
}

impl Course {
    /// Whether what this address sends can go to the active gatekeeper: it is of the same family, and not its own.
    #[inline(always)]
    pub(crate) fn reaches<T: Tables>(&self, tables: &T, source: Address) -> bool {
        tables.gatekeeper(self.active).is_some_and(|active| {
            let address = address!(active);
            address != source && is_mapped(address) == is_mapped(source)
        })
    }

    /// Whether what this gatekeeper is sent from this source goes to the active one.
    #[inline(always)]
    fn steers<T: Tables>(
        &self,
        tables: &T,
        zone: Shared<Zone>,
        (addressed, source): (u32, Address),
        now: u64,
    ) -> bool {
        if self.active == NO_GATEKEEPER || addressed == self.active || !self.reaches(tables, source)
        {
            return false;
        }
        if addressed == SERVICE || addressed == self.left[0] || addressed == self.left[1] {
            return true;
        }
        tables
            .gatekeeper(addressed)
            .is_some_and(|gatekeeper| get!(gatekeeper, flags) & rasline_abi::GATEKEEPER_STEER != 0)
            || is_silent(tables, addressed, get!(zone, dead_after_ns), now)
    }

    /// Where a packet addressed to a gatekeeper, from a source, goes.
    #[inline(always)]
    pub(crate) fn target<T: Tables>(
        &self,
        tables: &T,
        zone: Shared<Zone>,
        addressed: (u32, Address),
        now: u64,
    ) -> u32 {
        if self.steers(tables, zone, addressed, now) {
            self.active
        } else {
            addressed.0
        }
    }
}

/// Whether an address is an IPv4 address.
#[inline(always)]
const fn is_mapped(address: Address) -> bool {
    address[0] == 0 && address[1] as u32 == 0xffff_0000
}

/// What an address in a zone stands for: a gatekeeper's index, or [`SERVICE`]; `port` decides, too. `ras`: whether
/// it is a RAS port or one of call signalling.
#[inline(always)]
pub(crate) fn addressed<T: Tables>(
    tables: &T,
    index: u32,
    zone: Shared<Zone>,
    address: Address,
    port: u16,
    ras: bool,
) -> Option<u32> {
    let found = tables.gatekeeper_index(index, address)?;
    let ports = if found == SERVICE {
        [get!(zone, service_ras_port), get!(zone, service_call_port)]
    } else {
        let gatekeeper = tables.gatekeeper(found)?;
        [get!(gatekeeper, ras_port), get!(gatekeeper, call_port)]
    };
    let wanted = u16::from_ne_bytes(if ras { ports[0] } else { ports[1] });
    (wanted == port).then_some(found)
}

/// Whether the controller lives, and keeps up with what it gets.
#[inline(always)]
pub(crate) fn controller_keeps_up<T: Tables>(tables: &T, now: u64) -> bool {
    let paused = |globals: Shared<rasline_abi::Globals>| now < get!(globals, divert_paused_ns);
    controller_alive(tables, now) && !tables.globals().is_some_and(paused)
}

/// Whether the controller said not long ago that it lives.
#[inline(always)]
pub(crate) fn controller_alive<T: Tables>(tables: &T, now: u64) -> bool {
    controller_gone_since(tables, now) == 0
}

/// Time of the controller's last heartbeat, ns (1 at least), if that is too long ago for it to be alive; else 0.
#[inline(always)]
pub(crate) fn controller_gone_since<T: Tables>(tables: &T, now: u64) -> u64 {
    let Some(globals) = tables.globals() else {
        return 1;
    };
    let heartbeat = get!(globals, heartbeat_ns);
    if now.saturating_sub(heartbeat) < get!(globals, heartbeat_timeout_ns) {
        0
    } else {
        heartbeat | 1
    }
}
