//! The kernel's program and the host's build of the same data path, side by side: random and mutated frames give
//! the same action, the same octets, the same counters, slots and copies.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rasline_abi::{Counter, GatekeeperState, Slot};
use rasline_datapath::host::HostTables;
use rasline_datapath::{Verdict, process};

use crate::kernel::Kernel;
use crate::world::{
    Datagram, GCF, RCF, RRJ, RRQ, UCF, URQ, World, gatekeeper6, hex, host_frame, now, v4, with_seq,
};

const FRAMES: u32 = 120_000;

fn datagram(rng: &mut impl Rng) -> Datagram {
    let messages = [RRQ, RRQ, RRQ, RCF, RCF, RRJ, URQ, UCF, GCF];
    let mut payload = hex(messages[rng.random_range(0..messages.len())]);
    let is_rrq = payload[0] == 0x0e;
    match rng.random_range(0..8) {
        0 if is_rrq => payload.extend([9; 130]),
        1 if !is_rrq => payload.extend([7; 211]),
        2 => payload.extend((0..rng.random_range(0..900)).map(|_| rng.random::<u8>())),
        _ => {}
    }
    let seq = if rng.random_bool(0.5) {
        9
    } else {
        rng.random()
    };
    if payload.len() >= 4 {
        payload = with_seq(&payload, seq);
    }
    let mut datagram = if rng.random_bool(0.5) || is_rrq {
        Datagram::up(&payload)
    } else {
        Datagram::down(&payload)
    };
    let up = datagram.ports.1;
    let port = 1719 + rng.random_range(0..6);
    let host = v4(10, 0, 0, rng.random_range(7..11));
    if datagram.source == crate::world::ENDPOINT() {
        (datagram.source, datagram.ports) = (host, (port, up));
    } else {
        (datagram.destination, datagram.ports) = (host, (up, port));
    }
    if rng.random_bool(0.2) {
        datagram = datagram.ipv6();
    }
    if rng.random_bool(0.02) {
        datagram.source = gatekeeper6();
    }
    let tags: &[(u16, u16)] = &[(0x88a8, 5), (0x8100, 77)];
    datagram.tagged(&tags[..[0, 0, 0, 1, 2][rng.random_range(0..5)]])
}

fn frame(rng: &mut impl Rng) -> Vec<u8> {
    if rng.random_bool(0.05) {
        let renewal = with_seq(&hex(RCF), 9);
        return Datagram {
            destination: v4(10, 0, 0, 9),
            ..Datagram::down(&renewal)
        }
        .frame();
    }
    if rng.random_bool(0.02) {
        return (0..rng.random_range(14..200))
            .map(|_| rng.random())
            .collect();
    }
    let mut frame = datagram(rng).frame();
    match rng.random_range(0..4) {
        0 => {
            for _ in 0..rng.random_range(1..4) {
                let at = rng.random_range(0..frame.len());
                frame[at] = rng.random();
            }
        }
        1 if rng.random_bool(0.3) => frame.truncate(rng.random_range(14..=frame.len())),
        2 if rng.random_bool(0.3) => frame.extend(vec![0; rng.random_range(1..40)]),
        _ => {}
    }
    frame
}

const fn action(verdict: Verdict) -> u32 {
    match verdict {
        Verdict::Pass(_) | Verdict::Substitute | Verdict::Readdressed => 2,
        Verdict::Answer { .. } | Verdict::Rip | Verdict::Reset => 3,
        Verdict::Divert(_) | Verdict::Drop(_) => 1,
        Verdict::Redirect(_) => 4,
    }
}

/// Without the times, which pass while both run.
fn timeless(slot: Slot) -> Slot {
    Slot {
        confirmed: 0,
        refreshed: 0,
        last_seen: 0,
        ..slot
    }
}

fn shown(state: GatekeeperState) -> (bool, u64, u64, u64) {
    (
        state.first_unanswered_ns != 0,
        state.outstanding,
        state.requests,
        state.replies,
    )
}

/// Both sides, and what the host's side has to have counted and copied since they were last compared.
struct Pair {
    kernel: Kernel,
    tables: HostTables,
    world: World,
    counted: Vec<u64>,
    copies: Vec<(u32, u32, u32, Vec<u8>)>,
}

impl Pair {
    fn new(world: World) -> Self {
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
    fn run(&mut self, frame: &[u8]) -> Verdict {
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
        for counter in counters_of(verdict) {
            self.counted[counter as usize] += 1;
        }
        for (header, at) in self.tables.copied.drain(..) {
            let message = frame[at..at + usize::from(header.len)].to_vec();
            self.copies
                .push((header.reason, header.zone, header.gatekeeper, message));
        }
        verdict
    }

    /// Compares what both have in their tables, then puts back what they began with, at the time it is.
    fn compare(&mut self) {
        let kernel = &mut self.kernel;
        let copies: Vec<_> = kernel
            .copies()
            .into_iter()
            .map(|(h, m)| (h.reason, h.zone, h.gatekeeper, m))
            .collect();
        assert_eq!(copies, std::mem::take(&mut self.copies));
        for counter in Counter::ALL {
            self.counted[*counter as usize] += self.tables.counter(*counter);
        }
        self.tables.counters.fill(0);
        assert_eq!(
            kernel.counters(),
            self.counted,
            "counters, in the order of Counter::ALL"
        );
        for (index, _) in &self.world.slots {
            let ours = *self.tables.slot_mut(*index as usize);
            assert_eq!(
                timeless(kernel.slot(*index)),
                timeless(ours),
                "slot {index}"
            );
        }
        for i in 0..self.world.states.len() {
            assert_eq!(
                shown(kernel.state(i as u32)),
                shown(*self.tables.gatekeeper_state_mut(i)),
                "gatekeeper {i}"
            );
        }
        for (index, slot) in &self.world.slots {
            *self.tables.slot_mut(*index as usize) = *slot;
        }
        for (i, state) in self.world.states.iter().enumerate() {
            *self.tables.gatekeeper_state_mut(i) = *state;
        }
        kernel.set_slots(&self.world);
    }
}

#[test]
fn kernel_and_host_agree() {
    let mut rng = StdRng::from_seed(seed());
    let mut pair = Pair::new(World::in_every_state());
    let mut verdicts = std::collections::BTreeMap::<String, u32>::new();
    for n in 0..FRAMES {
        let verdict = pair.run(&frame(&mut rng));
        *verdicts.entry(format!("{verdict:?}")).or_default() += 1;
        if n % 64 == 63 {
            pair.compare();
        }
    }
    // A run that reaches nothing would show nothing.
    for verdict in [
        "Answer { held: false }",
        "Substitute",
        "Divert(Divert)",
        "Pass(PassRefresh)",
        "Pass(PassExpired)",
    ] {
        assert!(
            verdicts.get(verdict).is_some_and(|n| *n > 100),
            "{verdict}: {verdicts:?}"
        );
    }
}

/// What the fuzzer found worth keeping.
#[test]
fn kernel_and_host_agree_on_the_corpus() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/datapath");
    let mut pair = Pair::new(World::in_every_state());
    let mut frames = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let frame = std::fs::read(entry.unwrap().path()).unwrap();
        // The kernel's test runs take no frame shorter than an Ethernet header.
        if (14..=3000).contains(&frame.len()) {
            pair.run(&frame);
            pair.compare();
            frames += 1;
        }
    }
    assert!(frames > 20, "{folder} holds {frames} frames");
}

/// What the program counts for a verdict, beside what the data path counts itself.
fn counters_of(verdict: Verdict) -> Vec<Counter> {
    match verdict {
        Verdict::Answer { held: true } => vec![Counter::Answer, Counter::AnswerHeld],
        other => vec![other.counter()],
    }
}

/// Fixed, so that a failure can be seen again; RASLINE_SEED=n gives another run.
fn seed() -> [u8; 32] {
    let n: u64 =
        std::env::var("RASLINE_SEED").map_or(1, |n| n.parse().expect("RASLINE_SEED is a number"));
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&n.to_le_bytes());
    seed
}
