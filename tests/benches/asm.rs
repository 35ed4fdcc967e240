//! A tiny assembler for the bench's own programs, so that nothing of them ships in the product's object.
//!
//! Invariant: jumps lead forward, to the one label [`Asm::out`].

/// A BPF register.
pub type Reg = u8;
/// Arithmetic, as in the opcode.
#[derive(Clone, Copy)]
pub enum Op {
    Add = 0x00,
    Sub = 0x10,
    Mul = 0x20,
    And = 0x50,
    Lsh = 0x60,
    Rsh = 0x70,
    Xor = 0xa0,
    Mov = 0xb0,
}
/// Width of a load or store, as in the opcode.
#[derive(Clone, Copy)]
pub enum Size {
    Word = 0x00,
    Half = 0x08,
    Byte = 0x10,
    Double = 0x18,
}

const PSEUDO_MAP_FD: u8 = 1;
const PSEUDO_MAP_VALUE: u8 = 2;

/// Instructions so far.
#[derive(Default)]
pub struct Asm {
    code: Vec<u64>,
    to_out: Vec<usize>,
}

impl Asm {
    fn push(&mut self, opcode: u8, dst: Reg, src: Reg, offset: i16, imm: i32) {
        self.code.push(
            u64::from(opcode)
                | u64::from(dst) << 8
                | u64::from(src) << 12
                | u64::from(offset.cast_unsigned()) << 16
                | u64::from(imm.cast_unsigned()) << 32,
        );
    }
    /// `dst op= src`, 64 bits.
    pub fn reg(&mut self, op: Op, dst: Reg, src: Reg) {
        self.push(0x0f | op as u8, dst, src, 0, 0);
    }
    /// `dst op= imm`, 64 bits.
    pub fn imm(&mut self, op: Op, dst: Reg, imm: i32) {
        self.push(0x07 | op as u8, dst, 0, 0, imm);
    }
    /// The low 16 bits of `dst`, octets in the other order.
    pub fn be16(&mut self, dst: Reg) {
        self.push(0xdc, dst, 0, 0, 16);
    }
    /// `dst = *(src + offset)`
    pub fn load(&mut self, size: Size, dst: Reg, src: Reg, offset: usize) {
        self.push(0x61 | size as u8, dst, src, offset as i16, 0);
    }
    /// `*(dst + offset) = src`
    pub fn store(&mut self, size: Size, dst: Reg, offset: usize, src: Reg) {
        self.push(0x63 | size as u8, dst, src, offset as i16, 0);
    }
    /// `dst = address of the value of this array map of one element`
    pub fn map_value(&mut self, dst: Reg, fd: i32) {
        self.push(0x18, dst, PSEUDO_MAP_VALUE, 0, fd);
        self.push(0, 0, 0, 0, 0);
    }
    /// `dst = map`
    pub fn map(&mut self, dst: Reg, fd: i32) {
        self.push(0x18, dst, PSEUDO_MAP_FD, 0, fd);
        self.push(0, 0, 0, 0, 0);
    }
    /// Calls a helper.
    pub fn call(&mut self, helper: i32) {
        self.push(0x85, 0, 0, 0, helper);
    }
    /// `if a > b goto out`
    pub fn out_if_greater(&mut self, a: Reg, b: Reg) {
        self.to_out.push(self.code.len());
        self.push(0x2d, a, b, 0, 0);
    }
    /// `if a != 0 goto out`
    pub fn out_if_not_zero(&mut self, a: Reg) {
        self.to_out.push(self.code.len());
        self.push(0x55, a, 0, 0, 0);
    }
    /// `return action`
    pub fn exit(&mut self, action: i32) {
        self.imm(Op::Mov, 0, action);
        self.push(0x95, 0, 0, 0, 0);
    }
    /// Places the label `out`: `return action`; gives the instructions.
    pub fn out(mut self, action: i32) -> Vec<u64> {
        let label = self.code.len();
        for at in std::mem::take(&mut self.to_out) {
            self.code[at] |= ((label - at - 1) as u64) << 16;
        }
        self.exit(action);
        self.code
    }
}
