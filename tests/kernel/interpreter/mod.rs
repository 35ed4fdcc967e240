//! Runs the compiled program instruction by instruction, without a kernel: what a frame costs is the same on every
//! machine then.
//!
//! Addresses are made up: each map value, the packet, each stack frame and the context is a region of its own, with
//! its number in the upper half of an address. An access outside of a region is a panic.

mod helpers;
mod memory;

use std::collections::HashSet;

use aya_obj::Object;

use self::memory::{Memory, REGION};
use crate::world::World;

const PACKET_LIMIT: usize = 4096;
/// Instructions after which a run is given up.
const MOST_INSTRUCTIONS: u64 = 1_000_000;

/// An instruction: `struct bpf_insn`.
#[derive(Clone, Copy)]
struct Instruction {
    code: u8,
    to: usize,
    from: usize,
    off: i16,
    imm: i32,
}

/// What one frame cost, and what became of it.
#[derive(Debug)]
pub struct Run {
    pub action: u32,
    pub octets: Vec<u8>,
    /// Instructions executed, those of called functions included, those of helpers not.
    pub instructions: u64,
    /// Calls of helpers.
    pub helpers: u64,
    /// Distinct lines of 64 octets of map values and the packet.
    pub lines: usize,
}

/// The program, and its maps.
pub struct Interpreter {
    program: Vec<Instruction>,
    memory: Memory,
    /// CLOCK_MONOTONIC.
    pub now: u64,
    /// Whether the kernel's routing knows a next hop: out of the interface of arrival.
    pub routes: bool,
}

impl Interpreter {
    /// Reads the compiled program. Makes its maps hold this world.
    pub fn new(world: &World) -> Self {
        let octets = std::fs::read(rasline_tests::object_path()).unwrap();
        let mut object = Object::parse(&octets).unwrap();
        let mut maps: Vec<_> = object.maps.clone().into_iter().collect();
        maps.sort_by(|a, b| a.0.cmp(&b.0));
        let sections: HashSet<usize> = object.functions.keys().map(|key| key.0).collect();
        let numbered = maps.iter().enumerate();
        object
            .relocate_maps(
                numbered.map(|(i, (name, map))| (name.as_str(), i32::try_from(i).unwrap(), map)),
                &sections,
            )
            .unwrap();
        object.relocate_calls(&sections).unwrap();
        let key = object.programs["rasline"].function_key();
        let program = object.functions[&key].instructions.iter();
        Self {
            program: program
                .map(|i| Instruction {
                    code: i.code,
                    to: usize::from(i.dst_reg()),
                    from: usize::from(i.src_reg()),
                    off: i.off,
                    imm: i.imm,
                })
                .collect(),
            memory: Memory::new(&maps, world),
            now: world.now,
            routes: false,
        }
    }

    /// Runs a frame that comes in by the world's interface.
    pub fn run(&mut self, frame: &[u8], ifindex: u32) -> Run {
        self.memory.begin(frame, ifindex);
        let mut cpu = Cpu {
            registers: [0; 11],
            callers: vec![],
            at: 0,
            instructions: 0,
            helpers: 0,
        };
        cpu.registers[1] = memory::CONTEXT << REGION;
        cpu.registers[10] = self.memory.push_stack();
        while self.step(&mut cpu) {
            assert!(cpu.instructions < MOST_INSTRUCTIONS);
        }
        Run {
            action: cpu.registers[0] as u32,
            octets: self.memory.packet().to_vec(),
            instructions: cpu.instructions,
            helpers: cpu.helpers,
            lines: self.memory.lines(),
        }
    }

    /// Executes one instruction; false: the program has ended.
    fn step(&mut self, cpu: &mut Cpu) -> bool {
        let i = self.program[cpu.at];
        cpu.at += 1;
        cpu.instructions += 1;
        match i.code & 7 {
            0 => {
                // ld_imm64: two slots; of a map it is its number, marked as a pointer.
                let high = self.program[cpu.at].imm;
                cpu.at += 1;
                cpu.registers[i.to] = if i.from == 1 {
                    memory::MAPS << REGION | u64::from(i.imm.cast_unsigned())
                } else {
                    u64::from(i.imm.cast_unsigned()) | u64::from(high.cast_unsigned()) << 32
                };
            }
            1 => {
                let at = cpu.address(i.from, i.off);
                cpu.registers[i.to] = self.memory.load(at, size(i.code));
            }
            2 => {
                let at = cpu.address(i.to, i.off);
                let value = i64::from(i.imm).cast_unsigned();
                self.memory.store(at, size(i.code), value);
            }
            3 => self.store_register(cpu, i),
            4 => cpu.alu32(i),
            7 => cpu.alu64(i),
            _ => return self.jump(cpu, i),
        }
        true
    }

    fn store_register(&mut self, cpu: &mut Cpu, i: Instruction) {
        let (at, size) = (cpu.address(i.to, i.off), size(i.code));
        let value = cpu.registers[i.from];
        if i.code >> 5 == 3 {
            self.memory.store(at, size, value);
            return;
        }
        assert_eq!(i.code >> 5, 6, "store {:02x}", i.code);
        let old = self.memory.load(at, size);
        match i.imm {
            0 => self.memory.store(at, size, old.wrapping_add(value)),
            0xf1 => {
                if old == cpu.registers[0] {
                    self.memory.store(at, size, value);
                }
                cpu.registers[0] = old;
            }
            other => panic!("atomic operation {other:#x}"),
        }
    }

    fn jump(&mut self, cpu: &mut Cpu, i: Instruction) -> bool {
        match i.code {
            0x85 if i.from == 1 => {
                let saved = cpu.registers[6..].to_vec();
                cpu.callers.push((cpu.at, saved));
                cpu.at = cpu.at.wrapping_add_signed(i.imm as isize);
                cpu.registers[10] = self.memory.push_stack();
            }
            0x85 => {
                assert_eq!(i.from, 0, "kernel functions are not called");
                cpu.helpers += 1;
                let arguments: [u64; 5] = cpu.registers[1..6].try_into().unwrap();
                cpu.registers[0] =
                    helpers::call(&mut self.memory, (self.now, self.routes), i.imm, arguments);
            }
            0x95 => {
                self.memory.pop_stack();
                let Some((at, saved)) = cpu.callers.pop() else {
                    return false;
                };
                cpu.at = at;
                cpu.registers[6..].copy_from_slice(&saved);
            }
            0x05 => cpu.at = cpu.at.wrapping_add_signed(i.off as isize),
            0x06 => cpu.at = cpu.at.wrapping_add_signed(i.imm as isize),
            _ => {
                if cpu.holds(i) {
                    cpu.at = cpu.at.wrapping_add_signed(i.off as isize);
                }
            }
        }
        true
    }
}

/// Octets that a load or store moves.
fn size(code: u8) -> usize {
    [4, 2, 1, 8][usize::from(code >> 3 & 3)]
}

/// The registers, and where the program is.
struct Cpu {
    registers: [u64; 11],
    /// Return places, and r6 to r10 there.
    callers: Vec<(usize, Vec<u64>)>,
    at: usize,
    instructions: u64,
    helpers: u64,
}

impl Cpu {
    fn address(&self, register: usize, off: i16) -> u64 {
        self.registers[register].wrapping_add_signed(i64::from(off))
    }

    /// The second operand, sign-extended if it is in the instruction.
    fn operand(&self, i: Instruction) -> u64 {
        if i.code & 8 == 0 {
            i64::from(i.imm).cast_unsigned()
        } else {
            self.registers[i.from]
        }
    }

    fn alu64(&mut self, i: Instruction) {
        let (a, b) = (self.registers[i.to], self.operand(i));
        let signed = i.off != 0;
        self.registers[i.to] = match i.code >> 4 {
            0x0 => a.wrapping_add(b),
            0x1 => a.wrapping_sub(b),
            0x2 => a.wrapping_mul(b),
            0x3 if !signed => a.checked_div(b).unwrap_or(0),
            0x4 => a | b,
            0x5 => a & b,
            0x6 => a << (b & 63),
            0x7 => a >> (b & 63),
            0x8 => a.wrapping_neg(),
            0x9 if !signed => a.checked_rem(b).unwrap_or(a),
            0xa => a ^ b,
            0xb if !signed => b,
            0xc => (a.cast_signed() >> (b & 63)).cast_unsigned(),
            _ => panic!("instruction {:02x}, offset {}", i.code, i.off),
        };
    }

    fn alu32(&mut self, i: Instruction) {
        let a = self.registers[i.to];
        let (x, b) = (a as u32, self.operand(i) as u32);
        let signed = i.off != 0;
        self.registers[i.to] = match i.code >> 4 {
            0x0 => u64::from(x.wrapping_add(b)),
            0x1 => u64::from(x.wrapping_sub(b)),
            0x2 => u64::from(x.wrapping_mul(b)),
            0x3 if !signed => u64::from(x.checked_div(b).unwrap_or(0)),
            0x4 => u64::from(x | b),
            0x5 => u64::from(x & b),
            0x6 => u64::from(x << (b & 31)),
            0x7 => u64::from(x >> (b & 31)),
            0x8 => u64::from(x.wrapping_neg()),
            0x9 if !signed => u64::from(x.checked_rem(b).unwrap_or(x)),
            0xa => u64::from(x ^ b),
            0xb if !signed => u64::from(b),
            0xc => u64::from((x.cast_signed() >> (b & 31)).cast_unsigned()),
            // To big endian, or to little endian, which this machine is.
            0xd => {
                let swaps = i.code & 8 != 0;
                match (i.imm, swaps) {
                    (16, true) => u64::from((a as u16).swap_bytes()),
                    (32, true) => u64::from(x.swap_bytes()),
                    (64, true) => a.swap_bytes(),
                    (16, false) => a & 0xffff,
                    (32, false) => u64::from(x),
                    _ => a,
                }
            }
            _ => panic!("instruction {:02x}, offset {}", i.code, i.off),
        };
    }

    /// Whether a condition holds.
    #[expect(
        clippy::many_single_char_names,
        reason = "two operands, unsigned and signed"
    )]
    fn holds(&self, i: Instruction) -> bool {
        let (mut a, mut b) = (self.registers[i.to], self.operand(i));
        let (mut x, mut y) = (a.cast_signed(), b.cast_signed());
        if i.code & 7 == 6 {
            (a, b) = (a & 0xffff_ffff, b & 0xffff_ffff);
            (x, y) = (i64::from(a as i32), i64::from(b as i32));
        }
        match i.code >> 4 {
            0x1 => a == b,
            0x2 => a > b,
            0x3 => a >= b,
            0x4 => a & b != 0,
            0x5 => a != b,
            0x6 => x > y,
            0x7 => x >= y,
            0xa => a < b,
            0xb => a <= b,
            0xc => x < y,
            0xd => x <= y,
            other => panic!("condition {other:#x}"),
        }
    }
}
