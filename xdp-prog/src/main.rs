//! The XDP program: hooks the data path (crate `rasline-datapath`) to the kernel.
//!
//! The one table from a verdict to an XDP action and a counter stands in [`act`].
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]
// Entry points, map values and packet access: the whole crate is the kernel boundary.
#![allow(unsafe_code, missing_docs, unreachable_pub)]

mod access;
mod maps;

use aya_ebpf::bindings::{xdp_action, xdp_md};
use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;
use rasline_abi::Counter;
use rasline_datapath::{Step, Tables, Verdict};

use crate::access::XdpFrame;
use crate::maps::Maps;

/// What [`rasline_fast`] gives where [`rasline_slow`] is to decide; no XDP action.
const SLOW: u32 = 1000;

/// Entry. `frags`: MTU up to 9000; a RAS message that is not in the first buffer passes.
#[xdp(frags)]
pub fn rasline(ctx: XdpContext) -> u32 {
    let frame = XdpFrame::new(ctx.ctx);
    let mut maps = Maps::new(ctx.ctx);
    if let Some(verdict) = rasline_datapath::plain(&frame, &mut maps) {
        return act(&mut maps, verdict);
    }
    match rasline_fast(ctx.ctx) {
        SLOW => rasline_slow(ctx.ctx),
        action => action,
    }
}

/// Known keep-alives. Like the slow part a function of its own, so that the verifier checks each once and their
/// stacks do not add up.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn rasline_fast(ctx: *mut xdp_md) -> u32 {
    let mut frame = XdpFrame::new(ctx);
    let mut maps = Maps::new(ctx);
    match rasline_datapath::fast(&mut frame, &mut maps) {
        Step::Done(verdict) => act(&mut maps, verdict),
        Step::Slow => SLOW,
    }
}

/// Everything else.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn rasline_slow(ctx: *mut xdp_md) -> u32 {
    let mut frame = XdpFrame::new(ctx);
    let mut maps = Maps::new(ctx);
    let verdict = rasline_datapath::slow(&mut frame, &mut maps);
    #[cfg(feature = "log")]
    {
        let (interface, why) = (maps.interface(), code(verdict));
        aya_log_ebpf::debug!(&XdpContext::new(ctx), "interface {}: {}", interface, why);
    }
    act(&mut maps, verdict)
}

/// A verdict as the number of its counter, for the log.
#[cfg(feature = "log")]
fn code(verdict: Verdict) -> u32 {
    match verdict {
        Verdict::Pass(why) => why as u32,
        Verdict::Answer { .. } => Counter::Answer as u32,
        Verdict::Substitute => Counter::Substitute as u32,
        Verdict::Divert => Counter::Divert as u32,
    }
}

/// Counts a verdict and gives its action.
#[inline(always)]
fn act(maps: &mut Maps, verdict: Verdict) -> u32 {
    let (counter, action) = match verdict {
        Verdict::Pass(why) => (why, xdp_action::XDP_PASS),
        Verdict::Answer { held } => {
            if held {
                maps.count(Counter::AnswerHeld);
            }
            (Counter::Answer, xdp_action::XDP_TX)
        }
        Verdict::Substitute => (Counter::Substitute, xdp_action::XDP_PASS),
        Verdict::Divert => (Counter::Divert, xdp_action::XDP_DROP),
    };
    maps.count(counter);
    action
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
