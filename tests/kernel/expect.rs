//! What the tests of verdicts expect of a frame.

use rasline_abi::Counter;

use crate::kernel::Kernel;
use crate::world::{Datagram, World};

pub const PASS: u32 = 2;
pub const TX: u32 = 3;
pub const DROP: u32 = 1;

pub fn loaded(world: &World) -> Kernel {
    let mut kernel = Kernel::load();
    kernel.fill(world);
    kernel
}

/// The frame passes untouched, and for this reason.
#[track_caller]
pub fn passes(kernel: &mut Kernel, frame: &[u8], why: Counter) {
    let before = kernel.counter(why);
    let outcome = kernel.run(frame);
    assert_eq!(outcome.action, PASS, "{why:?}");
    assert_eq!(outcome.octets, frame, "a frame that passes is untouched");
    let counted: Vec<_> = Counter::ALL
        .iter()
        .filter(|c| kernel.counter(**c) > 0)
        .collect();
    assert_eq!(
        kernel.counter(why),
        before + 1,
        "expected {why:?}, counted so far {counted:?}"
    );
}

#[track_caller]
pub fn answers(kernel: &mut Kernel, datagram: &Datagram, rcf: &[u8]) {
    let outcome = kernel.run(&datagram.frame());
    let counted: Vec<_> = Counter::ALL
        .iter()
        .filter(|c| kernel.counter(**c) > 0)
        .collect();
    assert_eq!(outcome.action, TX, "counted: {counted:?}");
    assert_eq!(outcome.octets, datagram.reply(rcf));
}
