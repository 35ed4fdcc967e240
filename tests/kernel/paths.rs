//! Paths through the program, and what each costs at most by instructions executed and by lines of memory: the same on every
//! machine. `cargo xtask bench` shows what they cost.

use rasline_abi::REDIRECT_SIDE;

use crate::interpreter::{Interpreter, Run};
use crate::steered::{self, ACK, ARQ, GRQ, SYN};
use crate::world::{Datagram, RCF, RRQ, SECOND, Segment, World, hex, with_seq};

const PASS: u32 = 2;
const TX: u32 = 3;
const REDIRECT: u32 = 4;

/// A path through the program: what comes before, the frame, what becomes of it, and what it may cost.
pub struct Path {
    pub name: &'static str,
    program: Interpreter,
    before: Vec<Vec<u8>>,
    frame: Vec<u8>,
    pub action: u32,
    pub most_instructions: u64,
    pub most_lines: usize,
}

impl Path {
    fn new(name: &'static str, world: &World, frame: Vec<u8>, action: u32) -> Self {
        Self {
            name,
            program: Interpreter::new(world),
            before: vec![],
            frame,
            action,
            most_instructions: 0,
            most_lines: 0,
        }
    }

    fn after(mut self, frames: &[Vec<u8>]) -> Self {
        self.before = frames.to_vec();
        self.program.routes = true;
        self
    }

    fn at_most(mut self, instructions: u64, lines: usize) -> Self {
        (self.most_instructions, self.most_lines) = (instructions, lines);
        self
    }

    /// Runs the frame after those before it.
    pub fn run(&mut self) -> Run {
        for frame in &self.before {
            self.program.run(frame, crate::world::IFINDEX);
            self.program.now += SECOND / 100;
        }
        self.program.run(&self.frame, crate::world::IFINDEX)
    }
}

fn redirecting() -> World {
    let mut world = steered::moved();
    world.globals.interfaces[0].side |= REDIRECT_SIDE;
    world
}

/// All paths that have a bound.
pub fn paths() -> Vec<Path> {
    let (known, steered, moved) = (World::sample(), steered::world(), redirecting());
    let keep_alive = Datagram::up(&hex(RRQ)).frame();
    let (ip6, tagged) = (
        Datagram::up(&hex(RRQ)).ipv6().frame(),
        Datagram::up(&hex(RRQ)).tagged(&[(0x8100, 77)]).frame(),
    );
    let mut due = known.clone();
    due.now += 25 * SECOND;
    let mut unknown = hex(RRQ);
    unknown[20] ^= 1;
    let mut media = Datagram::up(&[0x80; 172]);
    media.ports = (40_000, 40_002);
    let request = Datagram::up(&hex(GRQ)).frame();
    let (open, data) = (Segment::up(SYN).frame(), Segment::up(ACK).frame());
    vec![
        Path::new("media, not ours", &known, media.frame(), PASS).at_most(MEDIA.0, MEDIA.1),
        Path::new("keep-alive answered", &known, keep_alive.clone(), TX)
            .at_most(ANSWER.0, ANSWER.1),
        Path::new("keep-alive answered, IPv6", &known, ip6, TX).at_most(ANSWER6.0, ANSWER6.1),
        Path::new("keep-alive answered, VLAN", &known, tagged, TX).at_most(TAGGED.0, TAGGED.1),
        Path::new("keep-alive let through", &due, keep_alive, PASS).at_most(REFRESH.0, REFRESH.1),
        Path::new("unknown RRQ", &known, Datagram::up(&unknown).frame(), PASS)
            .at_most(UNKNOWN.0, UNKNOWN.1),
        Path::new("ARQ", &steered, Datagram::up(&hex(ARQ)).frame(), PASS)
            .at_most(REQUEST.0, REQUEST.1),
        Path::new(
            "RCF of a gatekeeper",
            &known,
            Datagram::down(&with_seq(&hex(RCF), 9)).frame(),
            PASS,
        )
        .at_most(REPLY.0, REPLY.1),
        Path::new("GRQ redirected", &moved, request.clone(), REDIRECT)
            .after(&[request.clone(), request])
            .at_most(STEERED.0, STEERED.1),
        Path::new("segment, not steered", &steered, data.clone(), PASS)
            .at_most(SEGMENT.0, SEGMENT.1),
        Path::new("segment redirected", &moved, data.clone(), REDIRECT)
            .after(&[open, data])
            .at_most(CONNECTION.0, CONNECTION.1),
    ]
}

// Instructions and lines at most: a little above what was measured.
const MEDIA: (u64, usize) = (120, 5);
const ANSWER: (u64, usize) = (1_850, 20);
const ANSWER6: (u64, usize) = (1_760, 22);
const TAGGED: (u64, usize) = (1_850, 20);
const REFRESH: (u64, usize) = (2_220, 22);
const UNKNOWN: (u64, usize) = (2_480, 30);
const REQUEST: (u64, usize) = (2_290, 18);
const REPLY: (u64, usize) = (2_650, 29);
const STEERED: (u64, usize) = (3_030, 27);
const SEGMENT: (u64, usize) = (850, 17);
const CONNECTION: (u64, usize) = (1_370, 19);
