//! Steering of RAS datagrams: a datagram goes where its zone's traffic goes now.

use rasline_abi::{Counter, FLOW_FORWARD, FLOW_REVERSE, SERVICE, Zone};

use crate::connection::NEW_RATE;
use crate::flow::{self, Found, Path, Way};
use crate::parse::Packet;
use crate::rate::{self, Limited};
use crate::redirect::FLOW_FRESH_NS;
use crate::steer::{self, Course};
use crate::tables::{Address, FlowTable::Datagrams, Shared, address, get, set};
use crate::{Next, Tables, Verdict, gatekeeper, ras};

/// Where a datagram's flow leads.
enum Lead {
    /// To a gatekeeper, or back.
    Flow(Found),
    /// Nowhere: its source made too many.
    Limited,
}

/// A RAS datagram that goes on: readdressed if that is needed. `None`: it goes on as it is.
#[inline(always)]
pub(crate) fn datagram<T: Tables>(tables: &mut T, packet: &Packet) -> Option<Next> {
    let path = Path::datagram(packet);
    let now = tables.now();
    let found = flow::find(tables, Datagrams, &path.key());
    if packet.from_gatekeeper
        && let Some(found) = found
        && found.ends.kind == FLOW_REVERSE
    {
        return flow::hold(tables, &path, &found);
    }
    if !packet.to_gatekeeper {
        return None;
    }
    let forward = found.filter(|found| found.ends.kind == FLOW_FORWARD);
    let index = tables.zone_of(packet.source)?;
    let zone = tables.zone(index)?;
    let course = steer::course(tables, index, zone, now)?;
    let found = match forward {
        Some(Found { flow, .. })
            if get!(flow, decision) == course.decision
                && get!(flow, zone) == index
                && get!(flow, gatekeeper) == course.active
                && now.saturating_sub(get!(flow, seen_ns)) < FLOW_FRESH_NS =>
        {
            forward?
        }
        _ => match towards(tables, &path, zone, &course, forward.is_some(), now)? {
            Lead::Flow(found) => found,
            Lead::Limited => return Some(Next::Done(Verdict::Drop(Counter::FlowLimited))),
        },
    };
    if asks(packet.first) {
        tables.first(packet.source, packet.source_port, course.active);
    }
    flow::hold(tables, &path, &found)
}

/// The flow of a datagram to a gatekeeper that is steered; `None`: it goes where it is addressed to. `again`: there is
/// one already.
#[inline(always)]
fn towards<T: Tables>(
    tables: &mut T,
    path: &Path,
    zone: Shared<Zone>,
    course: &Course,
    again: bool,
    now: u64,
) -> Option<Lead> {
    let (address, port) = (path.destination, path.destination_port);
    let addressed = steer::addressed(tables, course.zone, zone, address, port, true)?;
    let target = course.target(tables, zone, (addressed, path.source), now);
    if target == addressed || target == SERVICE {
        // What was readdressed before is not any more, neither way. If the endpoint spoke with this one under another
        // address, from the same port, the way there ends too: else the answers to it would not be readdressed.
        let mut key = path.key_back(address, port);
        if let Some(Found { ends, .. }) = flow::find(tables, Datagrams, &key) {
            tables.remove_flow(Datagrams, &key);
            key = path.key_known_as(&ends);
            tables.remove_flow(Datagrams, &key);
        }
        key = path.key();
        if tables.flow(Datagrams, &key).is_some() {
            tables.remove_flow(Datagrams, &key);
        }
        return None;
    }
    if !again && !rate::take_of_source(tables, Limited::Flows, path.source, NEW_RATE, now)? {
        return Some(Lead::Limited);
    }
    let row = tables.gatekeeper(target)?;
    let way = Way {
        address: address!(row),
        port: u16::from_ne_bytes(get!(row, ras_port)),
        gatekeeper: target,
        zone: course.zone,
        decision: course.decision,
        state: 0,
    };
    let made = flow::make(tables, Datagrams, path, &way, now);
    tables.count(if made.is_some() {
        Counter::FlowNew
    } else {
        Counter::FlowFull
    });
    made.map(Lead::Flow)
}

/// Whether an endpoint that sends this wants something of its gatekeeper now: ARQ, BRQ, LRQ.
#[inline(always)]
const fn asks(first: u8) -> bool {
    matches!(ras::kind(first), ras::ARQ | ras::BRQ | ras::LRQ)
}

/// Lets an endpoint move first: its keep-alives are not answered any more from what a gatekeeper other than the
/// active one had promised.
#[inline(always)]
pub fn first<T: Tables>(tables: &mut T, address: Address, port: u16, active: u32) {
    let mut any = false;
    gatekeeper::each_slot(tables, (address, port), |slot, generation| {
        if u32::from(get!(slot, gatekeeper)) != active {
            set!(slot, withdrawn, generation as u16);
            any = true;
        }
        false
    });
    if any {
        tables.count(Counter::WithdrawnFirst);
    }
}
