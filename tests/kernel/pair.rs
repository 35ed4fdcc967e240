//! The loaded program and the host's build of the same data path, side by side: every frame goes through both, and
//! they must agree in all that they do.
#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::BTreeMap;

use rasline_abi::{
    Counter, EventHeader, Flow, FlowKey, GatekeeperState, REFRESH_MARKS, Slot, ZoneState, elapsed,
    ticks,
};
use rasline_datapath::host::HostTables;
use rasline_datapath::{Verdict, process};

use crate::kernel::{FLOW_TABLES, Kernel};
use crate::world::{World, answer_all, balanced, fall_silent, host_frame, now};

/// The XDP action of a verdict.
pub const fn action(verdict: Verdict) -> u32 {
    match verdict {
        Verdict::Pass(_) | Verdict::Ask(..) | Verdict::Substitute | Verdict::Readdressed => 2,
        Verdict::Answer { .. } | Verdict::Rip | Verdict::Reset => 3,
        Verdict::Divert(_) | Verdict::Drop(_) => 1,
        Verdict::Redirect(_) => 4,
    }
}

/// Without the times, which pass while both run.
fn timeless(slot: Slot) -> Slot {
    Slot {
        confirmed: 0,
        refreshed: slot.refreshed & REFRESH_MARKS,
        last_seen: 0,
        ..slot
    }
}

/// Without the times.
fn shown(state: GatekeeperState) -> GatekeeperState {
    let was = |ns: u64| u64::from(ns != 0);
    let mark = |entry: u64| entry >> 32;
    GatekeeperState {
        last_reply_ns: was(state.last_reply_ns),
        first_unanswered_ns: was(state.first_unanswered_ns),
        enough_ns: was(state.enough_ns),
        last_probe_ns: was(state.last_probe_ns),
        back_ns: was(state.back_ns),
        known_at: u32::from(state.known_at != 0),
        asked: u32::from(state.asked != 0),
        speakers: state.speakers.map(mark),
        pending: state.pending.map(mark),
        ..state
    }
}

fn zone_shown(state: ZoneState) -> ZoneState {
    ZoneState {
        decided_ns: 0,
        evidence_ns: u64::from(state.evidence_ns != 0),
        next_ns: u64::from(state.next_ns != 0),
        unknown_next_ns: u64::from(state.unknown_next_ns != 0),
        unknown_due_ns: u64::from(state.unknown_due_ns != 0),
        ..state
    }
}

fn flow_shown(flow: Flow) -> Flow {
    Flow {
        seen_ns: 0,
        hop_ns: u64::from(flow.hop_ns != 0),
        asked: u32::from(flow.asked != 0),
        ..flow
    }
}

/// What was copied, and said of it.
pub type Copy = (EventHeader, Vec<u8>);

/// Both sides, and what the host's side has to have counted and copied since they were last compared.
pub struct Pair {
    pub kernel: Kernel,
    pub tables: HostTables,
    pub world: World,
    counted: Vec<u64>,
    copies: Vec<Copy>,
}

impl Pair {
    pub fn new(world: World) -> Self {
        let mut kernel = Kernel::load();
        kernel.fill(&world);
        let (tables, counted) = (world.host(), kernel.counters());
        Self {
            kernel,
            tables,
            world,
            counted,
            copies: vec![],
        }
    }

    /// Runs a frame through both; the verdict.
    pub fn run(&mut self, frame: &[u8]) -> Verdict {
        self.send(frame).0
    }

    /// Runs a frame through both; the verdict, and what became of it.
    #[track_caller]
    pub fn send(&mut self, frame: &[u8]) -> (Verdict, Vec<u8>) {
        self.tables.now = now();
        let theirs = self.kernel.run(frame);
        let mut host = host_frame(frame);
        let verdict = process(&mut host, &mut self.tables);
        assert_eq!(
            theirs.action,
            action(verdict),
            "{frame:02x?}: host says {verdict:?}"
        );
        assert_eq!(
            theirs.octets, host.octets,
            "{frame:02x?}: host says {verdict:?}"
        );
        if verdict == Verdict::Readdressed && theirs.octets.len() == frame.len() {
            let right = balanced(frame, &theirs.octets);
            assert!(right, "checksums of {frame:02x?}");
        }
        for counter in counters_of(verdict) {
            self.counted[counter as usize] += 1;
        }
        for (header, at) in self.tables.copied.drain(..) {
            let message = frame[at..at + usize::from(header.len)].to_vec();
            self.copies.push((timeless_copy(header), message));
        }
        (verdict, theirs.octets)
    }

    /// Compares what both have in their tables; what was copied since the last time.
    #[track_caller]
    pub fn agree(&mut self) -> Vec<Copy> {
        let kernel = &mut self.kernel;
        let copies: Vec<_> = kernel
            .copies()
            .into_iter()
            .map(|(header, message)| (timeless_copy(header), message))
            .collect();
        assert_eq!(copies, std::mem::take(&mut self.copies));
        for counter in Counter::ALL {
            self.counted[*counter as usize] += self.tables.counter(*counter);
        }
        self.tables.counters.fill(0);
        let counters = kernel.counters();
        for counter in Counter::ALL {
            let at = *counter as usize;
            assert_eq!(counters[at], self.counted[at], "{}", counter.name());
        }
        for (index, _) in &self.world.slots {
            let ours = *self.tables.slot_mut(*index as usize);
            let theirs = kernel.slot(*index);
            assert_eq!(timeless(theirs), timeless(ours), "slot {index}");
            let apart = |a, b| elapsed(a, b).max(elapsed(b, a));
            assert!(apart(theirs.refreshed, ours.refreshed) < 60, "slot {index}");
            assert!(apart(theirs.confirmed, ours.confirmed) < 60, "slot {index}");
        }
        for i in 0..self.world.states.len() {
            assert_eq!(
                shown(kernel.state(i as u32)),
                shown(*self.tables.gatekeeper_state_mut(i)),
                "gatekeeper {i}"
            );
        }
        for i in 0..self.world.zones.len() {
            assert_eq!(
                zone_shown(kernel.zone_state(i as u32)),
                zone_shown(*self.tables.zone_state_mut(i)),
                "zone {i}"
            );
        }
        let sorted = |flows: Vec<(FlowKey, Flow)>| -> BTreeMap<_, _> {
            let octets = |key: FlowKey| bytemuck::bytes_of(&key).to_vec();
            flows
                .into_iter()
                .map(|(key, flow)| (octets(key), flow_shown(flow)))
                .collect()
        };
        for table in FLOW_TABLES {
            assert_eq!(
                sorted(kernel.flows(table)),
                sorted(self.tables.flows_mut(table).map(|(k, f)| (k, *f)).collect()),
                "{table:?}"
            );
        }
        copies
    }

    /// [`agree`](Self::agree), then puts back what they began with, at the time it is.
    pub fn compare(&mut self) {
        self.agree();
        let now = now();
        for (index, slot) in &self.world.slots {
            *self.tables.slot_mut(*index as usize) = *slot;
        }
        for (i, state) in self.world.states.iter().enumerate() {
            *self.tables.gatekeeper_state_mut(i) = *state;
        }
        for (i, state) in self.world.zone_states.iter().enumerate() {
            *self.tables.zone_state_mut(i) = *state;
        }
        self.tables.clear_flows();
        self.tables.now = now;
        self.kernel.clear_flows();
        // each side fills its buckets by its own clock, so none may get near its end
        let used = self.tables.clear_rates();
        self.kernel.clear_rates(&used);
        self.kernel.set_slots(&self.world);
    }

    /// Changes the world's globals, zones and gatekeepers on both sides.
    pub fn change(&mut self, f: impl FnOnce(&mut World)) {
        f(&mut self.world);
        self.kernel.set_rows(&self.world);
        *self.tables.globals_mut() = self.world.globals;
        for (i, zone) in self.world.zones.iter().enumerate() {
            *self.tables.zone_mut(i) = *zone;
        }
        for (i, gatekeeper) in self.world.gatekeepers.iter().enumerate() {
            *self.tables.gatekeeper_mut(i) = *gatekeeper;
        }
    }

    /// Changes the evidence about a gatekeeper on both sides.
    pub fn evidence(&mut self, gatekeeper: u32, f: impl Fn(&mut GatekeeperState)) {
        let mut state = self.kernel.state(gatekeeper);
        f(&mut state);
        self.kernel.set_state(gatekeeper, state);
        f(self.tables.gatekeeper_state_mut(gatekeeper as usize));
    }

    /// Makes requests of two endpoints unanswered since `ns` nanoseconds ago.
    pub fn silent_for(&mut self, gatekeeper: u32, ns: u64) {
        let since = now() - ns;
        self.evidence(gatekeeper, |state| {
            fall_silent(state, since);
            state.last_reply_ns = since.min(state.last_reply_ns);
        });
    }

    /// It has answered all that was asked.
    pub fn heard(&mut self, gatekeeper: u32) {
        let at = now();
        self.evidence(gatekeeper, |state| {
            answer_all(state);
            state.last_reply_ns = at;
        });
    }

    /// Changes what the kernel noted about a zone on both sides.
    pub fn zone_state(&mut self, zone: u32, f: impl Fn(&mut ZoneState)) {
        let mut state = self.kernel.zone_state(zone);
        f(&mut state);
        self.kernel.set_zone_state(zone, state);
        f(self.tables.zone_state_mut(zone as usize));
    }

    /// Changes a slot (place in the world's list) on both sides.
    pub fn slot(&mut self, place: usize, f: impl Fn(&mut Slot)) {
        let index = self.world.slots[place].0;
        let mut slot = self.kernel.slot(index);
        f(&mut slot);
        self.kernel.set_slot(index, slot);
        f(self.tables.slot_mut(index as usize));
    }

    /// The gatekeeper that serves a zone: as the kernel decided, if that is in force.
    pub fn decided(&mut self, zone: u32) -> Option<u32> {
        let state = self.kernel.zone_state(zone);
        let epoch = self.world.zones[zone as usize].epoch;
        (state.decided_epoch == epoch).then_some(state.decided)
    }

    /// The frame goes on as `expected`, by the stack.
    #[track_caller]
    pub fn readdressed(&mut self, frame: &[u8], expected: &[u8]) {
        let (verdict, octets) = self.send(frame);
        assert_eq!(verdict, Verdict::Readdressed);
        assert_eq!(octets, expected);
    }

    /// The frame passes as it is.
    #[track_caller]
    pub fn untouched(&mut self, frame: &[u8]) {
        let (verdict, octets) = self.send(frame);
        let passes = matches!(verdict, Verdict::Pass(_) | Verdict::Ask(..));
        assert!(passes, "{verdict:?}");
        assert_eq!(octets, frame);
    }
}

fn timeless_copy(header: EventHeader) -> EventHeader {
    EventHeader {
        time_ns: 0,
        ..header
    }
}

/// What the program counts for a verdict, beside what the data path counts itself.
fn counters_of(verdict: Verdict) -> Vec<Counter> {
    match verdict {
        Verdict::Answer { held: true } => vec![Counter::Answer, Counter::AnswerHeld],
        other => vec![other.counter()],
    }
}

/// A time that long ago, in ticks.
pub fn ticks_ago(ns: u64) -> u32 {
    ticks(now() - ns)
}
