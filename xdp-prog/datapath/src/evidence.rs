//! Whether a gatekeeper lives, as far as the program can see by itself.
//!
//! - *Life* is an answer to a request that is pending: the right gatekeeper, address, port, requestSeqNum and kind. Any
//!   other message could come from anybody who can write its address.
//! - *Silence* is made of requests that certainly went on: intact, to this machine's own MAC address, with hops left; of a
//!   kind that this gatekeeper has been seen to answer, to endpoints or to probes; and pending here, so that the answer would be noticed. What an
//!   endpoint makes up is no such request by itself, so a known keep-alive must be among them. Where none went to this
//!   gatekeeper within [`KNOWN_FOR`], nothing must have been answered for [`UNKNOWN_FOR_NS`].
//!
//! ```text
//! addresses that spoke lately    silent when
//! two or more                    requests of two addresses are unanswered, the second one for dead_after
//! one                            three different requests are unanswered, the first one for three times dead_after, the
//!                                third one for dead_after, and the program has not moved the zone within a minute
//! ```
//!
//! The controller's word goes first: a probe that was answered since ends all evidence, and a gatekeeper that it found
//! dead is silent until it answers somebody. rasline's own gatekeepers are silent when the controller is.

use rasline_abi::{
    Answer, Counter, GATEKEEPER_OWN, GATEKEEPER_PROBED, Gatekeeper, GatekeeperState,
    MAX_INTERFACES, PENDING, REFRESH_DUE, duration_to_ticks, elapsed, ticks,
};

use crate::copy::Peer;
use crate::decide::may_probe;
use crate::parse::{self, Checksum, Packet};
use crate::tables::{Address, Shared, get, set, set_at};
use crate::{Frame, Tables, endpoint, gatekeeper, ras, steer};

/// A source counts as speaking for this long after its last known keep-alive, ticks (one minute).
const SPEAKS_FOR: u32 = duration_to_ticks(60_000_000_000);
/// It is noted this often at most, ticks (1 s), so that the note is mostly read.
const NOTED_EVERY: u32 = duration_to_ticks(1_000_000_000);
/// A known keep-alive is wanted as evidence for this long after the last one went to the gatekeeper, ticks (15 min).
const KNOWN_FOR: u32 = duration_to_ticks(900_000_000_000);
/// Where no known keep-alive went to the gatekeeper lately, others count when the first one is this old, ns.
const UNKNOWN_FOR_NS: u64 = 10_000_000_000;
/// A pending request keeps its place for this long, ticks (2 s); then another may have it.
const PENDING_FOR: u32 = duration_to_ticks(2_000_000_000);
/// Places of each half of [`GatekeeperState::pending`]: known keep-alives have the first one.
const HALF: usize = PENDING / 2;
/// Octets of a mark of a request that tell its kind: choice index divided by three.
const KIND_BITS: u32 = 7;
/// One endpoint alone moves a zone once in this time at most, ns (one minute).
const DAMPED_FOR_NS: u64 = 60_000_000_000;
/// rasline itself is silent when the controller has not said for this long that it is there, ns.
const OWN_SILENT_AFTER_NS: u64 = 3_000_000_000;
/// Pairs of words in the longest message that is evidence (1,024 octets).
const PAIRS: usize = 64;
/// Different requests of the only source that speaks, before they are evidence.
const DIFFERENT: u32 = 3;

/// Mark of an address: the same for the same one, and not 0. It need not be secret: two addresses with one mark count as
/// one source.
#[inline(always)]
pub(crate) const fn source_mark(address: Address) -> u32 {
    let mixed = address[0] ^ address[1];
    ((mixed >> 32) as u32 ^ mixed as u32) | 1 << 31
}

/// Keyed mark of a request, its kind left out. `None`: no tables.
#[inline(always)]
fn request_mark<T: Tables>(tables: &T, address: Address, port: u16, seq: u16) -> Option<u32> {
    let home = endpoint::home(tables, address, port)?;
    Some((home ^ u32::from(seq).wrapping_mul(0x9e37_79b1)) & !KIND_BITS)
}

/// Place of a request in a half of [`GatekeeperState::pending`].
#[inline(always)]
const fn place(mark: u32) -> usize {
    (mark >> 3) as usize & (HALF - 1)
}

/// Whether a known keep-alive's address may have to be noted: less than two were within [`NOTED_EVERY`].
#[inline(always)]
pub(crate) fn is_speaker_wanted(state: Shared<GatekeeperState>, now: u32) -> bool {
    let age = |entry: u64| elapsed(now, entry as u32);
    let (first, second) = (age(get!(state, speakers[0])), age(get!(state, speakers[1])));
    (if first > second { first } else { second }) > NOTED_EVERY
}

/// Notes that the address of this mark sent a known keep-alive to a gatekeeper: it speaks.
#[inline(always)]
pub fn note_speaker<T: Tables>(tables: &T, index: u32, mark: u32) {
    let Some(state) = tables.gatekeeper_state(index) else {
        return;
    };
    let now = ticks(tables.now());
    let speakers = [get!(state, speakers[0]), get!(state, speakers[1])];
    let age = |entry: u64| {
        if entry == 0 {
            u32::MAX
        } else {
            elapsed(now, entry as u32)
        }
    };
    let is = |entry: u64| (entry >> 32) as u32 == mark;
    // Its own entry, else that of the one that spoke longest ago.
    let at = if is(speakers[0]) {
        0
    } else if is(speakers[1]) {
        1
    } else {
        usize::from(age(speakers[1]) > age(speakers[0]))
    };
    if age(speakers[at]) > NOTED_EVERY {
        set_at!(state, speakers, at, u64::from(mark) << 32 | u64::from(now));
    }
}

/// Whether two addresses spoke lately.
#[inline(always)]
fn two_speak(speakers: [u64; 2], now: u32) -> bool {
    let lately = |entry: u64| entry != 0 && elapsed(now, entry as u32) < SPEAKS_FOR;
    lately(speakers[0]) && lately(speakers[1])
}

/// What silence is judged by; the fields are those of [`Gatekeeper`] and [`GatekeeperState`].
#[derive(Clone, Copy, Debug)]
pub struct Evidence {
    /// When a probe was last answered.
    pub up_ns: u64,
    /// When the controller found the gatekeeper dead.
    pub down_ns: u64,
    /// When it last answered an endpoint.
    pub last_reply_ns: u64,
    /// When the oldest unanswered request was let through.
    pub first_unanswered_ns: u64,
    /// When enough were unanswered.
    pub enough_ns: u64,
}

impl Evidence {
    /// As it stands in copies of the tables' rows.
    #[must_use]
    pub const fn of(gatekeeper: &Gatekeeper, state: &GatekeeperState) -> Self {
        Self {
            up_ns: gatekeeper.up_ns,
            down_ns: gatekeeper.down_ns,
            last_reply_ns: state.last_reply_ns,
            first_unanswered_ns: state.first_unanswered_ns,
            enough_ns: state.enough_ns,
        }
    }

    /// Time since which the gatekeeper is silent, ns, or 0. See the head of this file.
    #[inline(always)]
    #[must_use]
    pub const fn silent_since(&self, dead_after_ns: u64, now: u64) -> u64 {
        let unanswered = self.first_unanswered_ns;
        if self.down_ns != 0 && self.last_reply_ns <= self.down_ns {
            return if unanswered != 0 && unanswered < self.down_ns {
                unanswered
            } else {
                self.down_ns
            };
        }
        let enough = self.enough_ns != 0 && self.up_ns <= unanswered;
        if enough && now.saturating_sub(self.enough_ns) > dead_after_ns {
            unanswered
        } else {
            0
        }
    }
}

/// [`silence`] of an unused entry: since the beginning.
pub(crate) const UNUSED: u64 = 1;

/// Time since which the gatekeeper of this index is silent, ns, or 0. An unused entry: since the beginning (1).
#[inline(always)]
pub fn silence<T: Tables>(tables: &T, index: u32, dead_after_ns: u64, now: u64) -> u64 {
    let (Some(gatekeeper), Some(state)) =
        (tables.gatekeeper(index), tables.gatekeeper_state(index))
    else {
        return UNUSED;
    };
    if get!(gatekeeper, ras_port) == [0; 2] {
        return UNUSED;
    }
    if get!(gatekeeper, flags) & GATEKEEPER_OWN != 0 {
        let up = get!(gatekeeper, up_ns);
        let gone = now.saturating_sub(up) > OWN_SILENT_AFTER_NS;
        return if gone { up | 1 } else { 0 };
    }
    Evidence {
        up_ns: get!(gatekeeper, up_ns),
        down_ns: get!(gatekeeper, down_ns),
        last_reply_ns: get!(state, last_reply_ns),
        first_unanswered_ns: get!(state, first_unanswered_ns),
        enough_ns: get!(state, enough_ns),
    }
    .silent_since(dead_after_ns, now)
}

/// Whether a known keep-alive is let through to see whether a gatekeeper answers that is silent or in doubt: only while
/// nobody else can find out, since the controller is gone or does not probe it. `mark`: of its source; `marks`: of its
/// slot.
#[inline(always)]
pub fn probes<T: Tables>(
    tables: &T,
    index: u32,
    (mark, marks): (u32, u32),
    (silent_ns, dead_after_ns): (u64, u64),
) -> bool {
    let (Some(gatekeeper), Some(state)) =
        (tables.gatekeeper(index), tables.gatekeeper_state(index))
    else {
        return false;
    };
    let now = tables.now();
    let flags = get!(gatekeeper, flags);
    if flags & GATEKEEPER_OWN != 0
        || (flags & GATEKEEPER_PROBED != 0 && steer::controller_alive(tables, now))
    {
        return false;
    }
    let (since, dead_after_ns) = if silent_ns != 0 {
        (silent_ns, 0)
    } else if is_wanted(gatekeeper, state, (mark, dead_after_ns), now) {
        (get!(state, first_unanswered_ns), dead_after_ns)
    } else {
        return false;
    };
    let last = get!(state, last_probe_ns);
    let looked = if last > since { last } else { since };
    may_probe(marks, looked, dead_after_ns, now)
}

/// Whether a gatekeeper is in doubt, and a keep-alive of this source would add to the evidence.
#[inline(always)]
fn is_wanted(
    gatekeeper: Shared<Gatekeeper>,
    state: Shared<GatekeeperState>,
    (mark, dead_after_ns): (u32, u64),
    now: u64,
) -> bool {
    let unanswered = get!(state, first_unanswered_ns);
    let adds = get!(state, known) == 0 || (get!(state, sources) < 2 && get!(state, source) != mark);
    adds && unanswered != 0
        && get!(gatekeeper, up_ns) <= unanswered
        && now.saturating_sub(unanswered) > dead_after_ns
}

/// Forgets what is unanswered.
#[inline(always)]
pub(crate) fn clear(state: Shared<GatekeeperState>) {
    set!(state, first_unanswered_ns, 0);
    set!(state, enough_ns, 0);
    set!(state, sources, 0);
    set!(state, different, 0);
    set!(state, known, 0);
}

/// An intact datagram.
#[derive(Clone, Copy)]
pub(crate) struct Intact<'a> {
    packet: &'a Packet,
    checksum: Checksum,
}

/// The same datagram, if it is intact and not too long to tell.
#[inline(always)]
pub(crate) fn check<'a, F: Frame>(frame: &mut F, packet: &'a Packet) -> Option<Intact<'a>> {
    if packet.len > 16 * PAIRS {
        return None;
    }
    let (_, checksum) = parse::verify::<_, PAIRS>(frame, packet)?;
    Some(Intact { packet, checksum })
}

/// A request that goes on to a gatekeeper: notes that its answer is awaited, and counts it as evidence if it is. `known`:
/// it is a known keep-alive.
#[inline(always)]
pub(crate) fn ask<F: Frame, T: Tables>(
    frame: &F,
    tables: &T,
    Intact { packet, checksum }: Intact<'_>,
    index: u32,
    known: bool,
) -> Option<()> {
    let kind = ras::kind(packet.first);
    if !ras::is_request(kind) || !on_its_way(frame, tables, packet)? {
        return None;
    }
    let now = tables.now();
    let seq = frame.u16(packet.payload + ras::seq_at(kind))?;
    let unmarked = request_mark(tables, packet.source, packet.source_port, seq)?;
    let mark = unmarked | ras::request_bit(kind);
    let state = tables.gatekeeper_state(index)?;
    let at = place(mark) + if known { 0 } else { HALF };
    let entry = get!(state, pending[at]);
    let kept = entry != 0 && elapsed(ticks(now), entry as u32) < PENDING_FOR;
    if kept && (entry >> 32) as u32 != mark {
        return None;
    }
    if !kept {
        set_at!(
            state,
            pending,
            at,
            u64::from(mark) << 32 | u64::from(ticks(now))
        );
    }
    let gatekeeper = tables.gatekeeper(index)?;
    let zone_index = get!(gatekeeper, zone);
    let zone = tables.zone(zone_index)?;
    let decided = get!(tables.zone_state(zone_index)?, decided_ns);
    // The sum of a pseudo header may be all that a checksum field holds, but then nobody knows whether the datagram is
    // intact.
    let intact = checksum == Checksum::Full;
    let answers = get!(state, answers) | u32::from(get!(gatekeeper, answers));
    let answered = answers >> ras::request_bit(kind) & 1 != 0;
    if intact && answered && get!(zone, answer) != Answer::Off as u32 {
        let dead_after = get!(zone, dead_after_ns);
        let request = Request {
            source: source_mark(packet.source),
            mark,
            known,
        };
        count(state, get!(gatekeeper, up_ns), &request, now);
        judge(state, (dead_after, decided), now);
    }
    if known {
        set!(state, known_at, ticks(now));
    }
    Some(())
}

/// Whether this machine's stack takes the frame, and sends it on.
#[inline(always)]
fn on_its_way<F: Frame, T: Tables>(frame: &F, tables: &T, packet: &Packet) -> Option<bool> {
    let globals = tables.globals()?;
    let interface = tables.interface() as usize & (MAX_INTERFACES - 1);
    let own = get!(globals, macs[interface]);
    let to = u64::from(frame.u32(0)?) | u64::from(frame.u16(4)?) << 32;
    let hops = frame.u8(packet.l3 + if packet.v6 { 7 } else { 8 })?;
    Some(own == to && hops > 1)
}

/// A request that is counted as evidence.
struct Request {
    /// Mark of its source.
    source: u32,
    /// Its own.
    mark: u32,
    /// It is a known keep-alive.
    known: bool,
}

/// Counts an unanswered request as evidence of silence. `up_ns`: when a probe was last answered.
#[inline(always)]
fn count(state: Shared<GatekeeperState>, up_ns: u64, request: &Request, now: u64) {
    let unanswered = get!(state, first_unanswered_ns);
    if unanswered == 0 || up_ns > unanswered {
        clear(state);
        set!(state, source, request.source);
        set!(state, first_unanswered_ns, now);
    }
    if request.known {
        set!(state, known, 1);
    }
    let others = get!(state, source) != request.source;
    if others || get!(state, sources) == 0 {
        set!(state, sources, if others { 2 } else { 1 });
    }
    let different = get!(state, different);
    if different == 0 || get!(state, last_request) != request.mark {
        set!(state, last_request, request.mark);
        set!(state, different, different.saturating_add(1));
    }
}

/// Notes when enough is unanswered. `dead_after` of the zone, and when the program last moved it, ns.
#[inline(always)]
fn judge(state: Shared<GatekeeperState>, (dead_after, decided): (u64, u64), now: u64) {
    let waited = now.saturating_sub(get!(state, first_unanswered_ns));
    let damped = decided != 0 && now.saturating_sub(decided) < DAMPED_FOR_NS;
    let allowed = (
        waited >= 2 * dead_after && !damped,
        waited >= UNKNOWN_FOR_NS,
    );
    if get!(state, enough_ns) == 0 && is_enough(state, allowed, ticks(now)) {
        set!(state, enough_ns, now);
    }
}

/// Whether what is unanswered is enough to call the gatekeeper silent after another `dead_after`. `alone_counts`: it may be
/// that of one source; `long`: it may be without a known keep-alive, if none went to the gatekeeper lately.
#[inline(always)]
fn is_enough(state: Shared<GatekeeperState>, (alone_counts, long): (bool, bool), now: u32) -> bool {
    let known_at = get!(state, known_at);
    let nobody = known_at == 0 || elapsed(now, known_at) >= KNOWN_FOR;
    let known = get!(state, known) != 0 || (nobody && long);
    let alone = || {
        let speakers = [get!(state, speakers[0]), get!(state, speakers[1])];
        alone_counts && get!(state, different) >= DIFFERENT && !two_speak(speakers, now)
    };
    known && (get!(state, sources) >= 2 || alone())
}

/// A gatekeeper's message: an answer to a pending request shows that it lives. One that says that nobody is registered has
/// the next keep-alives of the address and port go through to it: which registration was meant stands in the request, and
/// its answer to the keep-alive tells.
#[inline(always)]
pub(crate) fn hear<F: Frame, T: Tables>(
    frame: &F,
    tables: &mut T,
    Intact { packet, .. }: Intact<'_>,
) -> Option<()> {
    let (address, port) = (packet.destination, packet.destination_port);
    let Peer { gatekeeper, zone } =
        endpoint::peer(tables, address, packet.source, packet.source_port)?;
    let kind = ras::kind(packet.first);
    let at = ras::answered_at(packet.first)?;
    let seq = frame.u16(packet.payload + at)?;
    let state = tables.gatekeeper_state(gatekeeper)?;
    let mark = request_mark(tables, address, port, seq)?;
    take_pending(state, mark, kind)?;
    revive(tables, state, (gatekeeper, zone));
    let reason = frame.u8(packet.payload + at + 2)?;
    if ras::disowns(kind, reason) {
        let mut any = false;
        gatekeeper::each_slot(tables, (address, port), |slot, _| {
            if u32::from(get!(slot, gatekeeper)) == gatekeeper {
                set!(slot, refreshed, get!(slot, refreshed) | REFRESH_DUE);
                any = true;
            }
            false
        });
        if any {
            tables.count(Counter::RefreshDue);
        }
    }
    Some(())
}

/// Takes the pending request with this mark that a message of this kind answers. `None`: there is none.
#[inline(always)]
fn take_pending(state: Shared<GatekeeperState>, mark: u32, kind: u8) -> Option<()> {
    let at = place(mark);
    let (known, other) = (get!(state, pending[at]), get!(state, pending[at + HALF]));
    let asked = |entry: u64| {
        let of = (entry >> 32) as u32;
        entry != 0 && of & !KIND_BITS == mark && ras::answers(kind, (of & KIND_BITS) as u8 * 3)
    };
    let (at, entry) = if asked(known) {
        (at, known)
    } else if asked(other) {
        (at + HALF, other)
    } else {
        return None;
    };
    set_at!(state, pending, at, 0);
    if kind != ras::EXTENSION {
        let answers = get!(state, answers) | 1 << ((entry >> 32) as u32 & KIND_BITS);
        set!(state, answers, answers);
    }
    Some(())
}

/// The gatekeeper lives; notes when it is back after silence.
#[inline(always)]
fn revive<T: Tables>(tables: &T, state: Shared<GatekeeperState>, (index, zone): (u32, u32)) {
    let now = tables.now();
    let doubted = get!(state, first_unanswered_ns) != 0
        || tables
            .gatekeeper(index)
            .is_some_and(|row| get!(row, down_ns) != 0);
    if doubted && let Some(zone) = tables.zone(zone) {
        if tables.silence(index, get!(zone, dead_after_ns), now) != 0 {
            set!(state, back_ns, now);
        }
        clear(state);
    }
    set!(state, outstanding, 0);
    set!(state, last_reply_ns, now);
}
