//! Steering of call signalling (H.225.0 on TCP), as an *attempt* first and then as an open connection.
//!
//! ```text
//!                     SYN of an endpoint             the gatekeeper answers      the acknowledgement fits
//! (nothing known) ─────────────────────► attempt ───────────────► answered ─────────────────► open
//!                                           ▲                                                   │
//!                                           └──────────── FIN or RST of the gatekeeper ─────────┘
//! ```
//!
//! A connection stays at the gatekeeper that its SYN went to; one whose gatekeeper is gone, the zone having moved on, is
//! reset if the zone says so, so that the endpoint connects again at once.
//!
//! Attempts have a table of their own. Anybody can forge a SYN or an acknowledgement, but only who receives what the
//! gatekeeper sends knows the number to acknowledge: so a flood fills the table of attempts, and never that of open
//! connections. A forged SYN changes nothing of an open connection with its addresses and ports until it is answered
//! and acknowledged, too.
//!
//! A segment to a service address of which nothing is known goes to the active gatekeeper, which knows whether it has
//! such a connection; if not, it resets it. The program itself resets what certainly is lost, and nothing else.
//!
//! A connection that a gatekeeper opened to an endpoint is noted, so that it can be reset as well.
//!
//! In a zone whose call signalling rasline ends itself, new connections pass to this machine's stack, and nothing is reset.
//! Flows that were made before stay until their connections end.

use rasline_abi::{
    Counter, FLOW_ANSWERED, FLOW_CALLED, FLOW_CLOSED, FLOW_FORWARD, FLOW_OPEN, FLOW_REOPENED,
    FLOW_REVERSE, NO_GATEKEEPER, SERVICE, ZONE_ENDS_SIGNALLING, ZONE_RESET, Zone,
};

use crate::flow::{self, Ends, Found, Path, Way};
use crate::parse::{self, ACK, FIN, RST, SYN, Segment};
use crate::rate::{self, Limited, Rate};
use crate::redirect::FLOW_FRESH_NS;
use crate::reset::reset;
use crate::seen::TCP_PORT;
use crate::steer::{self, Course};
use crate::tables::{
    FlowTable::{Attempts, Connections},
    Shared, address, get,
};
use crate::{Frame, Next, Tables, Verdict};

/// Open connections of one source that are kept apart from attempts: so many at once, and more of them slowly, so that
/// one host needs hours to fill the table. Those beyond go on as attempts do.
const OPEN_RATE: Rate = Rate {
    burst: 1024,
    per_second: 16,
};
/// New flows of one source.
pub(crate) const NEW_RATE: Rate = Rate {
    burst: 512,
    per_second: 256,
};

/// A TCP segment that may be call signalling.
#[inline(always)]
pub(crate) fn segment<F: Frame, T: Tables>(frame: &mut F, tables: &mut T) -> Next {
    let segment = match parse::parse_segment(frame, tables) {
        Ok(segment) => segment,
        Err(why) => return Next::Done(Verdict::Pass(why)),
    };
    let path = Path::segment(&segment);
    let now = tables.now();
    let next = if segment.called {
        called(frame, tables, &segment, &path, now)
    } else if segment.to_gatekeeper && segment.flags & (SYN | ACK) == SYN {
        opened(tables, &path, now)
    } else if segment.to_gatekeeper {
        from_endpoint(frame, tables, &segment, &path, now)
    } else {
        from_gatekeeper(tables, &segment, &path, now)
    };
    next.unwrap_or(Next::Done(Verdict::Pass(Counter::PassSignalling)))
}

/// A SYN of an endpoint: an attempt, if it is to be steered.
#[inline(always)]
fn opened<T: Tables>(tables: &mut T, path: &Path, now: u64) -> Option<Next> {
    let index = tables.zone_of(path.source)?;
    tables.notice(path.source, TCP_PORT);
    let zone = tables.zone(index)?;
    if get!(zone, flags) & ZONE_ENDS_SIGNALLING != 0 {
        return opened_here(tables, path, zone, now);
    }
    let course = steer::course(tables, index, zone, now)?;
    let (address, port) = (path.destination, path.destination_port);
    let addressed = steer::addressed(tables, index, zone, address, port, false)?;
    let target = course.target(tables, zone, (addressed, path.source), now);
    let key = path.key();
    let open = flow::find(tables, Connections, &key);
    if target == addressed || target == SERVICE {
        let mut back = path.key_back(address, port);
        if open.is_none() && flow::find(tables, Connections, &back).is_none() {
            // What was attempted before is not any more, neither way.
            if let Some(Found { ends, .. }) = flow::find(tables, Attempts, &back) {
                tables.remove_flow(Attempts, &back);
                back = path.key_known_as(&ends);
                tables.remove_flow(Attempts, &back);
            }
            tables.remove_flow(Attempts, &key);
            return None;
        }
        // An older connection, open for all that is known, has been steered under one of the same keys: this one gets
        // a flow that changes nothing, and takes its place once it is open.
    }
    if target == SERVICE {
        return None;
    }
    if open.is_some() {
        flow::update(tables, Connections, &key, |flow| {
            flow.state |= FLOW_REOPENED;
        });
    }
    attempt(tables, path, &course, target, now)
}

/// A SYN of an endpoint whose call signalling ends at this machine: it passes.
///
/// If a connection with its addresses and ports is open at a living gatekeeper, the SYN goes there, since it may be forged. That
/// gatekeeper acknowledges what it has, an endpoint that has forgotten the connection resets it (RFC 9293, 3.5.1), and the
/// next SYN passes.
#[inline(always)]
fn opened_here<T: Tables>(
    tables: &mut T,
    path: &Path,
    zone: Shared<Zone>,
    now: u64,
) -> Option<Next> {
    let key = path.key();
    for table in [Connections, Attempts] {
        let Some(found) = flow::find(tables, table, &key) else {
            continue;
        };
        if table == Connections
            && get!(found.flow, state) & FLOW_CLOSED == 0
            && !steer::is_silent(
                tables,
                get!(found.flow, gatekeeper),
                get!(zone, dead_after_ns),
                now,
            )
        {
            return flow::hold(tables, path, &found);
        }
        tables.remove_flow(table, &path.key_back(found.ends.address, found.ends.port));
        tables.remove_flow(table, &key);
    }
    None
}

/// Makes an attempt at a gatekeeper, and sends the segment there.
#[inline(always)]
fn attempt<T: Tables>(
    tables: &mut T,
    path: &Path,
    course: &Course,
    gatekeeper: u32,
    now: u64,
) -> Option<Next> {
    if !rate::take_of_source(tables, Limited::Flows, path.source, NEW_RATE, now)? {
        return Some(Next::Done(Verdict::Drop(Counter::FlowLimited)));
    }
    let row = tables.gatekeeper(gatekeeper)?;
    let way = Way {
        address: address!(row),
        port: u16::from_ne_bytes(get!(row, call_port)),
        gatekeeper,
        zone: course.zone,
        decision: course.decision,
        state: 0,
    };
    let made = flow::make(tables, Attempts, path, &way, now);
    tables.count(if made.is_some() {
        Counter::FlowNew
    } else {
        Counter::FlowFull
    });
    flow::hold(tables, path, &made?)
}

/// Any other segment of an endpoint to a gatekeeper.
#[inline(always)]
fn from_endpoint<F: Frame, T: Tables>(
    frame: &mut F,
    tables: &mut T,
    segment: &Segment,
    path: &Path,
    now: u64,
) -> Option<Next> {
    let key = path.key();
    let forward = |found: &Found| found.ends.kind == FLOW_FORWARD;
    let mut found = flow::find(tables, Connections, &key).filter(forward);
    if found.is_none_or(|found| get!(found.flow, state) & FLOW_REOPENED != 0)
        && let Some(attempt) = flow::find(tables, Attempts, &key).filter(forward)
    {
        if fits(&attempt, segment) {
            found = open(tables, path, &attempt, now);
        } else if found.is_none() {
            found = Some(attempt);
        }
    }
    if found.is_some() {
        tables.notice(segment.source, TCP_PORT);
    }
    let Some(found) = found else {
        return unknown(frame, tables, segment, path, now);
    };
    let gone = lost(
        tables,
        get!(found.flow, zone),
        get!(found.flow, gatekeeper),
        now,
    );
    // An attempt is closed by its gatekeeper only: else a forged segment would keep it from ever being open.
    let ends = found.table == Connections && (segment.flags & (FIN | RST) != 0 || gone);
    if ends && get!(found.flow, state) & FLOW_CLOSED == 0 {
        flow::update(tables, found.table, &key, |flow| flow.state |= FLOW_CLOSED);
        // Its entry is another one now.
        let again = flow::find(tables, found.table, &key)?;
        return if gone {
            Some(Next::Done(reset(frame, segment)))
        } else {
            flow::hold(tables, path, &again)
        };
    }
    if gone {
        return Some(Next::Done(reset(frame, segment)));
    }
    flow::hold(tables, path, &found)
}

/// Whether a segment acknowledges just what the gatekeeper sent to an attempt.
#[inline(always)]
fn fits(attempt: &Found, segment: &Segment) -> bool {
    get!(attempt.flow, state) & (FLOW_ANSWERED | FLOW_CLOSED) == FLOW_ANSWERED
        && segment.flags & (SYN | RST | ACK) == ACK
        && get!(attempt.flow, expected) == segment.acknowledged
}

/// An attempt becomes an open connection; where it stands then.
#[inline(always)]
fn open<T: Tables>(tables: &mut T, path: &Path, attempt: &Found, now: u64) -> Option<Found> {
    if !rate::take_of_source(tables, Limited::Open, path.source, OPEN_RATE, now)? {
        return Some(*attempt);
    }
    let ends = attempt.ends;
    let way = Way {
        address: ends.address,
        port: ends.port,
        gatekeeper: get!(attempt.flow, gatekeeper),
        zone: get!(attempt.flow, zone),
        decision: get!(attempt.flow, decision),
        state: FLOW_OPEN,
    };
    let Some(made) = flow::make(tables, Connections, path, &way, now) else {
        return Some(*attempt);
    };
    tables.remove_flow(Attempts, &path.key());
    tables.remove_flow(Attempts, &path.key_back(ends.address, ends.port));
    tables.count(Counter::FlowOpened);
    Some(made)
}

/// A segment to a gatekeeper of which nothing is known, and which begins nothing.
#[inline(always)]
fn unknown<F: Frame, T: Tables>(
    frame: &mut F,
    tables: &mut T,
    segment: &Segment,
    path: &Path,
    now: u64,
) -> Option<Next> {
    let index = tables.zone_of(segment.source)?;
    tables.notice(segment.source, TCP_PORT);
    let zone = tables.zone(index)?;
    if get!(zone, flags) & ZONE_ENDS_SIGNALLING != 0 {
        return None;
    }
    let course = steer::course(tables, index, zone, now)?;
    let (address, port) = (segment.destination, segment.destination_port);
    let addressed = steer::addressed(tables, index, zone, address, port, false)?;
    if addressed == SERVICE {
        if segment.flags & RST != 0
            || course.active == NO_GATEKEEPER
            || !course.reaches(tables, path.source)
        {
            return None;
        }
        let active = course.active;
        return attempt(tables, path, &course, active, now);
    }
    lost(tables, index, addressed, now).then(|| Next::Done(reset(frame, segment)))
}

/// A segment of a gatekeeper, from its port of call signalling.
#[inline(always)]
fn from_gatekeeper<T: Tables>(
    tables: &mut T,
    segment: &Segment,
    path: &Path,
    now: u64,
) -> Option<Next> {
    let key = path.key();
    // The answer to a SYN belongs to an attempt, if there is one.
    let attempt_first = segment.flags & SYN != 0;
    let mut found = None;
    if !attempt_first {
        found = flow::find(tables, Connections, &key);
    }
    if found.is_none() {
        found = flow::find(tables, Attempts, &key);
    }
    if found.is_none() && attempt_first {
        found = flow::find(tables, Connections, &key);
    }
    let found = found.filter(|found| found.ends.kind == FLOW_REVERSE)?;
    let known = path.key_known_as_back(&found.ends);
    if found.table == Attempts {
        answered(tables, &known, segment);
    } else if segment.flags & (FIN | RST) != 0 {
        // It is on its way out: no longer one of those that nothing can push out.
        close(tables, &known, &key, &found, now);
        if let Some(moved) = flow::find(tables, Attempts, &key) {
            return flow::hold(tables, path, &moved);
        }
    }
    flow::hold(tables, path, &found)
}

/// A gatekeeper answered an attempt: what the endpoint will acknowledge.
#[inline(always)]
fn answered<T: Tables>(tables: &mut T, known: &rasline_abi::FlowKey, segment: &Segment) {
    let Some(forward) = flow::find(tables, Attempts, known) else {
        return;
    };
    // An attempt at another gatekeeper under the same key is a newer one.
    if forward.ends.address != segment.source || forward.ends.port != segment.source_port {
        return;
    }
    let closes = segment.flags & RST != 0;
    let octets = segment.payload_len as u32
        + u32::from(segment.flags & SYN != 0)
        + u32::from(segment.flags & FIN != 0);
    let expected = u32::from_be(segment.number).wrapping_add(octets).to_be();
    let state = get!(forward.flow, state);
    let next = state | if closes { FLOW_CLOSED } else { FLOW_ANSWERED };
    if next != state || (!closes && get!(forward.flow, expected) != expected) {
        flow::update(tables, Attempts, known, |flow| {
            flow.state = next;
            if !closes {
                flow.expected = expected;
            }
        });
    }
}

/// Takes both directions of a connection that its gatekeeper ends from the open ones to the others.
#[inline(always)]
fn close<T: Tables>(
    tables: &mut T,
    known: &rasline_abi::FlowKey,
    back: &rasline_abi::FlowKey,
    reverse: &Found,
    now: u64,
) {
    let Some(forward) = flow::find(tables, Connections, known) else {
        return;
    };
    let (gatekeeper, zone) = (get!(forward.flow, gatekeeper), get!(forward.flow, zone));
    let (there, here) = (forward.ends, reverse.ends);
    let fill = |flow: &mut rasline_abi::Flow, key: &rasline_abi::FlowKey, ends: &Ends| {
        flow.check = flow::check(key);
        flow.kind = ends.kind;
        flow.address = ends.address;
        flow.port = ends.port.to_ne_bytes();
        flow.gatekeeper = gatekeeper;
        flow.zone = zone;
        flow.seen_ns = now;
        flow.state = FLOW_OPEN | FLOW_CLOSED;
    };
    if tables.set_flow(Attempts, back, |flow| fill(flow, back, &here))
        && tables.set_flow(Attempts, known, |flow| fill(flow, known, &there))
    {
        tables.remove_flow(Connections, known);
        tables.remove_flow(Connections, back);
    }
}

/// A segment of a connection that a gatekeeper opened to an endpoint: nothing is readdressed.
#[inline(always)]
fn called<F: Frame, T: Tables>(
    frame: &mut F,
    tables: &mut T,
    segment: &Segment,
    path: &Path,
    now: u64,
) -> Option<Next> {
    if segment.to_gatekeeper {
        let found = flow::find(tables, Connections, &path.key())?;
        if get!(found.flow, kind) == FLOW_CALLED
            && lost(
                tables,
                get!(found.flow, zone),
                get!(found.flow, gatekeeper),
                now,
            )
        {
            return Some(Next::Done(reset(frame, segment)));
        }
        return None;
    }
    let key = path.key_reversed();
    if segment.flags & (SYN | ACK) == SYN {
        let zone = tables.zone_of(path.destination)?;
        let gatekeeper = tables.gatekeeper_index(zone, path.source)?;
        if gatekeeper != SERVICE {
            flow::make_called(tables, Attempts, &key, (zone, gatekeeper), 0, now);
        }
        return None;
    }
    let open = flow::find(tables, Connections, &key);
    if segment.flags & (FIN | RST) != 0 {
        if open.is_some() {
            tables.remove_flow(Connections, &key);
        }
        return None;
    }
    if let Some(open) = open {
        if now.saturating_sub(get!(open.flow, seen_ns)) > FLOW_FRESH_NS {
            flow::update(tables, Connections, &key, |flow| flow.seen_ns = now);
        }
        return None;
    }
    // The gatekeeper acknowledges: only who got the endpoint's answer can.
    let attempt = flow::find(tables, Attempts, &key)?;
    let whose = (get!(attempt.flow, zone), get!(attempt.flow, gatekeeper));
    if attempt.ends.kind == FLOW_CALLED
        && segment.flags & ACK != 0
        && flow::make_called(tables, Connections, &key, whose, FLOW_OPEN, now)
    {
        tables.remove_flow(Attempts, &key);
        tables.count(Counter::FlowOpened);
    }
    None
}

/// Whether connections to this gatekeeper are to be reset: it is gone, and its zone has moved on to one that lives and
/// that a new connection would reach.
#[inline(always)]
fn lost<T: Tables>(tables: &mut T, index: u32, gatekeeper: u32, now: u64) -> bool {
    let Some(zone) = tables.zone(index) else {
        return false;
    };
    if gatekeeper == SERVICE
        || get!(zone, flags) & (ZONE_RESET | ZONE_ENDS_SIGNALLING) != ZONE_RESET
        || !steer::is_silent(tables, gatekeeper, get!(zone, dead_after_ns), now)
    {
        return false;
    }
    let Some(course) = steer::course(tables, index, zone, now) else {
        return false;
    };
    let Some(row) = tables.gatekeeper(gatekeeper) else {
        return false;
    };
    course.active != gatekeeper
        && course.reaches(tables, address!(row))
        && !steer::is_silent(tables, course.active, get!(zone, dead_after_ns), now)
}
