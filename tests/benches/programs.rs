//! The bench's own XDP programs.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use anyhow::Result;

use crate::asm::{Asm, Op, Reg, Size};
use crate::frames::Request;
use crate::sys::{self, Shared};

pub const PASS: i32 = 2;
pub const TX: i32 = 3;
const DROP: i32 = 1;
const ABORTED: i32 = 0;
const TAIL_CALL: i32 = 12;
const ADJUST_TAIL: i32 = 65;
/// Octet of the driver's state at which the request stands.
const REQUEST_AT: usize = 64;
const STATE: usize = 1024;

/// XDP_PASS.
pub fn pass() -> Result<OwnedFd> {
    sys::program("bench_pass", &Asm::default().out(PASS))
}

/// The floor: MACs, IPv4 addresses and UDP ports swapped, XDP_TX.
pub fn swap() -> Result<OwnedFd> {
    let mut a = Asm::default();
    a.load(Size::Word, 2, 1, 0);
    a.load(Size::Word, 3, 1, 4);
    a.reg(Op::Mov, 4, 2);
    a.imm(Op::Add, 4, 42);
    a.out_if_greater(4, 3);
    for (size, one, other) in [
        (Size::Word, 0, 6),
        (Size::Half, 4, 10),
        (Size::Word, 26, 30),
        (Size::Half, 34, 36),
    ] {
        a.load(size, 4, 2, one);
        a.load(size, 5, 2, other);
        a.store(size, 2, one, 5);
        a.store(size, 2, other, 4);
    }
    a.exit(TX);
    sys::program("bench_swap", &a.out(PASS))
}

/// XDP_DROP that counts.
pub struct Sink {
    pub program: OwnedFd,
    count: Shared<u64>,
}

impl Sink {
    pub fn new() -> Result<Self> {
        let map = sys::map(sys::ARRAY, 8)?;
        let mut a = Asm::default();
        a.map_value(2, map.as_raw_fd());
        a.load(Size::Double, 3, 2, 0);
        a.imm(Op::Add, 3, 1);
        a.store(Size::Double, 2, 0, 3);
        Ok(Self {
            program: sys::program("bench_sink", &a.out(DROP))?,
            count: Shared::new(map.as_raw_fd(), 1)?,
        })
    }
    pub fn count(&self) -> u64 {
        self.count.get(0)
    }
}

/// Makes the frame in its hands the request of the next registration (in random order, each as often), then calls the
/// program to be measured (or sends the frame, as a generator of live frames).
///
/// The request is put together from a template, so the driver touches three cache lines however many registrations
/// there are. Its own cost is measured with XDP_PASS as the program that it calls.
pub struct Driver {
    pub program: OwnedFd,
    target: OwnedFd,
    _state: OwnedFd,
}

impl Driver {
    /// For `registrations` (a power of two); `rcf_len`: octets of the answer, to which the frame is cut first, so
    /// that the driver does the same work whether the frame comes back answered or not.
    pub fn new(request: &Request, registrations: u32, rcf_len: usize) -> Result<Self> {
        Self::assemble(request, registrations, rcf_len, true)
    }
    /// For frames that keep their length.
    pub fn same_length(request: &Request, registrations: u32) -> Result<Self> {
        Self::assemble(request, registrations, request.frame.len() - 42, true)
    }
    /// Sends what it makes.
    pub fn generator(request: &Request, registrations: u32) -> Result<Self> {
        Self::assemble(request, registrations, request.frame.len() - 42, false)
    }

    fn assemble(
        request: &Request,
        registrations: u32,
        rcf_len: usize,
        calls: bool,
    ) -> Result<Self> {
        let state = sys::map(sys::ARRAY, STATE as u32)?;
        let target = sys::map(sys::PROG_ARRAY, 4)?;
        let mut values: Shared<[u8; STATE]> = Shared::new(state.as_raw_fd(), 1)?;
        let mut content = [0; STATE];
        content[REQUEST_AT..REQUEST_AT + request.frame.len()].copy_from_slice(&request.frame);
        values.set(0, content);
        let mut a = Asm::default();
        a.reg(Op::Mov, 6, 1);
        a.map_value(7, state.as_raw_fd());
        next_index(&mut a, registrations);
        resize(&mut a, 42 + rcf_len, request.frame.len());
        copy(&mut a, request.frame.len());
        personalise(&mut a, request);
        if calls {
            a.reg(Op::Mov, 1, 6);
            a.map(2, target.as_raw_fd());
            a.imm(Op::Mov, 3, 0);
            a.call(TAIL_CALL);
        } else {
            a.exit(TX);
        }
        Ok(Self {
            program: sys::program("bench_driver", &a.out(ABORTED))?,
            target,
            _state: state,
        })
    }

    /// The program to be called from now on.
    pub fn aim(&self, program: RawFd) -> Result<()> {
        sys::set_target(&self.target, program)
    }
}

/// r8: index of the registration, from a linear congruential generator of full period.
fn next_index(a: &mut Asm, registrations: u32) {
    a.load(Size::Double, 8, 7, 0);
    a.imm(Op::Mul, 8, 0x2c92_77b5);
    a.imm(Op::Add, 8, 0x3c6e_f35f);
    a.imm(Op::And, 8, (registrations - 1).cast_signed());
    a.store(Size::Double, 7, 0, 8);
}

/// Makes the frame `short` octets long, then `len`. r2: the frame.
fn resize(a: &mut Asm, short: usize, len: usize) {
    a.load(Size::Word, 3, 6, 4);
    a.load(Size::Word, 4, 6, 0);
    a.reg(Op::Sub, 3, 4);
    a.imm(Op::Mov, 2, short as i32);
    a.reg(Op::Sub, 2, 3);
    a.reg(Op::Mov, 1, 6);
    a.call(ADJUST_TAIL);
    a.imm(Op::Mov, 2, len as i32 - short as i32);
    a.reg(Op::Mov, 1, 6);
    a.call(ADJUST_TAIL);
    a.out_if_not_zero(0);
    a.load(Size::Word, 2, 6, 0);
    a.load(Size::Word, 3, 6, 4);
    a.reg(Op::Mov, 4, 2);
    a.imm(Op::Add, 4, len as i32);
    a.out_if_greater(4, 3);
}

/// The template's octets; the last word overlaps.
fn copy(a: &mut Asm, len: usize) {
    for at in (0..len - 7).step_by(8).chain([len - 8]) {
        a.load(Size::Double, 3, 7, REQUEST_AT + at);
        a.store(Size::Double, 2, at, 3);
    }
}

/// Source address 10.0.0.0 + index, endpointIdentifier's digits, both checksums (RFC 1624).
fn personalise(a: &mut Asm, request: &Request) {
    a.reg(Op::Mov, 5, 8);
    a.imm(Op::And, 5, 0xffff);
    a.be16(5);
    a.store(Size::Half, 2, 28, 5);
    a.reg(Op::Mov, 3, 8);
    a.imm(Op::Rsh, 3, 16);
    a.store(Size::Byte, 2, 27, 3);
    a.imm(Op::Lsh, 3, 8);
    a.reg(Op::Add, 5, 3);
    checksum(a, &request.frame, 24);
    for (digit, at) in (0..request.digits).map(|d| (d, request.digit_at(d))) {
        a.reg(Op::Mov, 3, 8);
        a.imm(Op::Rsh, 3, 4 * digit as i32);
        a.imm(Op::And, 3, 15);
        a.reg(Op::Mov, 4, 3);
        a.imm(Op::Add, 4, i32::from(b'A'));
        a.store(Size::Byte, 2, at, 4);
        if at % 2 == 1 {
            a.imm(Op::Lsh, 3, 8);
        }
        a.reg(Op::Add, 5, 3);
    }
    checksum(a, &request.frame, request.check_at);
}

/// Writes the checksum at `at` of a frame that differs from the template by the sum in r5.
fn checksum(a: &mut Asm, template: &[u8], at: usize) {
    const SUM: Reg = 4;
    let old = u16::from_ne_bytes([template[at], template[at + 1]]);
    a.reg(Op::Mov, SUM, 5);
    a.imm(Op::Add, SUM, i32::from(!old));
    for _ in 0..2 {
        a.reg(Op::Mov, 3, SUM);
        a.imm(Op::Rsh, 3, 16);
        a.imm(Op::And, SUM, 0xffff);
        a.reg(Op::Add, SUM, 3);
    }
    a.imm(Op::Xor, SUM, 0xffff);
    a.store(Size::Half, 2, at, SUM);
}
