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
use aya_ebpf::helpers::bpf_redirect;
use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;
use rasline_abi::Counter;
use rasline_datapath::{Look, Next, Step, Tables, Verdict};

use crate::access::XdpFrame;
use crate::maps::Maps;

/// What a part gives where the next one is to decide; no outcome.
const SLOW: u32 = 1 << 30;
/// What [`rasline_steer`] and [`rasline_segment`] give where [`rasline_carry`] has the last word; no outcome.
const CARRY: u32 = 1 << 28;
/// Mark of an outcome: [`rasline_steer`] has the last word.
const GOES_ON: u32 = 1 << 29;
/// Mark of an outcome: it goes to a gatekeeper, whose index stands from bit [`GATEKEEPER_AT`] on.
const ASKS: u32 = 1 << 31;
/// See [`ASKS`].
const GATEKEEPER_AT: u32 = 16;
const _: () = assert!(rasline_abi::MAX_GATEKEEPERS <= 1 << (28 - GATEKEEPER_AT));

/// Entry. `frags`: MTU up to 9000; a RAS message that is not in the first buffer passes.
#[xdp(frags)]
pub fn rasline(ctx: XdpContext) -> u32 {
    let frame = XdpFrame::new(ctx.ctx);
    let mut maps = Maps::new(ctx.ctx);
    let look = rasline_datapath::plain(&frame, &mut maps);
    if let Look::Done(verdict) = look {
        return act(&mut maps, verdict) & 0xff;
    }
    let fragment = look == Look::Fragment;
    let len = maps::capture_len();
    let kept = len != 0 && maps::rasline_keep(ctx.ctx, len) == 0;
    let outcome = if look == Look::Signalling {
        let outcome = rasline_segment(ctx.ctx);
        if outcome == CARRY {
            rasline_carry(ctx.ctx, SLOW)
        } else {
            outcome
        }
    } else {
        ras(ctx.ctx, fragment)
    };
    if kept {
        captured(ctx.ctx, outcome, len);
    }
    outcome & 0xff
}

/// A frame that may be RAS, or a fragment of it.
#[inline(always)]
fn ras(ctx: *mut xdp_md, fragment: bool) -> u32 {
    let mut outcome = if fragment {
        rasline_fragment(ctx)
    } else {
        rasline_fast(ctx)
    };
    if outcome == SLOW {
        outcome = rasline_request(ctx);
    }
    if outcome == SLOW {
        rasline_witness(ctx, SLOW);
        outcome = rasline_reply(ctx);
    }
    let stands = outcome & !GOES_ON;
    if outcome & GOES_ON != 0 {
        outcome = rasline_steer(ctx, stands);
    }
    // What is dropped on the way is not asked.
    if stands & ASKS != 0 && (outcome == CARRY || outcome == stands) {
        rasline_witness(ctx, stands);
    }
    if outcome == CARRY {
        outcome = if fragment {
            rasline_carry_first(ctx, stands)
        } else {
            rasline_carry(ctx, stands)
        };
    }
    outcome
}

/// Hands over a frame as it came, and as it leaves if that is another.
#[inline(always)]
fn captured(ctx: *mut xdp_md, outcome: u32, len: u32) {
    let verdict = (outcome >> 8) & 0xff;
    let mut lost = maps::rasline_captured(verdict, 0);
    let changed = [
        Counter::Answer,
        Counter::Substitute,
        Counter::Redirect,
        Counter::RedirectStack,
        Counter::Rip,
        Counter::Reset,
    ]
    .iter()
    .any(|counter| *counter as u32 == verdict);
    if changed && maps::rasline_keep(ctx, len) == 0 {
        lost |= maps::rasline_captured(verdict, 1);
    }
    if lost != 0 {
        Maps::new(ctx).count(Counter::CaptureLost);
    }
}

/// Known keep-alives. Like the other parts a function of its own, so that the verifier checks each once and their
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

/// Fragments; [`SLOW`]: it is the first of a message, and [`rasline_request`] decides.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn rasline_fragment(ctx: *mut xdp_md) -> u32 {
    let mut frame = XdpFrame::new(ctx);
    let mut maps = Maps::new(ctx);
    match rasline_datapath::fragment(&mut frame, &mut maps) {
        Step::Done(verdict) => act(&mut maps, verdict),
        Step::Slow => SLOW,
    }
}

/// Everything else of RAS from the endpoints' side; [`SLOW`]: [`rasline_reply`] decides.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn rasline_request(ctx: *mut xdp_md) -> u32 {
    let mut frame = XdpFrame::new(ctx);
    let mut maps = Maps::new(ctx);
    match rasline_datapath::request(&mut frame, &mut maps) {
        Some(verdict) => act_slowly(ctx, &mut maps, verdict),
        None => SLOW,
    }
}

/// RAS from the gatekeepers' side.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn rasline_reply(ctx: *mut xdp_md) -> u32 {
    let mut frame = XdpFrame::new(ctx);
    let mut maps = Maps::new(ctx);
    let verdict = rasline_datapath::reply(&mut frame, &mut maps);
    act_slowly(ctx, &mut maps, verdict)
}

/// [`act`], and the log of those who asked for one.
#[inline(always)]
fn act_slowly(_ctx: *mut xdp_md, maps: &mut Maps, verdict: Verdict) -> u32 {
    #[cfg(feature = "log")]
    {
        let (interface, why) = (maps.interface(), verdict.counter() as u32);
        aya_log_ebpf::debug!(&XdpContext::new(_ctx), "interface {}: {}", interface, why);
    }
    act(maps, verdict)
}

/// RAS that goes on, to whom its zone's traffic goes; `outcome`: what stands if it goes on as it is.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn rasline_steer(ctx: *mut xdp_md, outcome: u32) -> u32 {
    let mut frame = XdpFrame::new(ctx);
    let mut maps = Maps::new(ctx);
    match rasline_datapath::steer(&mut frame, &mut maps) {
        Some(Next::Done(verdict)) => act(&mut maps, verdict),
        Some(Next::Carry) => CARRY,
        None => outcome,
    }
}

/// What goes to a gatekeeper, and is not readdressed yet, with an outcome that [`ASKS`]; or what comes from one ([`SLOW`]).
/// Gives 0.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn rasline_witness(ctx: *mut xdp_md, outcome: u32) -> u32 {
    let mut frame = XdpFrame::new(ctx);
    let mut maps = Maps::new(ctx);
    let gatekeeper = outcome >> GATEKEEPER_AT & (rasline_abi::MAX_GATEKEEPERS - 1);
    let asked = (outcome & ASKS != 0).then_some((gatekeeper, outcome >> 8 & 0xff));
    let _nothing_shown = rasline_datapath::witness(&mut frame, &mut maps, asked);
    0
}

/// TCP that may be call signalling.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn rasline_segment(ctx: *mut xdp_md) -> u32 {
    let mut frame = XdpFrame::new(ctx);
    let mut maps = Maps::new(ctx);
    match rasline_datapath::segment(&mut frame, &mut maps) {
        Next::Done(verdict) => act(&mut maps, verdict) & !GOES_ON,
        Next::Carry => CARRY,
    }
}

/// What [`rasline_steer`] or [`rasline_segment`] found the flow of; `outcome`: what stands if it goes on as it is, or
/// [`SLOW`]: it is a segment, and nothing does yet.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn rasline_carry(ctx: *mut xdp_md, outcome: u32) -> u32 {
    let mut frame = XdpFrame::new(ctx);
    let mut maps = Maps::new(ctx);
    // The interface is known again, for the counters.
    rasline_datapath::came_in(&frame, &mut maps);
    match rasline_datapath::carry(&mut frame, &mut maps) {
        Some(verdict) => act(&mut maps, verdict) & !GOES_ON,
        None if outcome == SLOW => {
            act(&mut maps, Verdict::Pass(Counter::PassSignalling)) & !GOES_ON
        }
        None => outcome,
    }
}

/// [`rasline_carry`] for the first fragment of a message: a function of its own, so that the verifier need not follow
/// both ways through that one.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn rasline_carry_first(ctx: *mut xdp_md, outcome: u32) -> u32 {
    let mut frame = XdpFrame::new(ctx);
    let mut maps = Maps::new(ctx);
    rasline_datapath::came_in(&frame, &mut maps);
    match rasline_datapath::carry_first(&mut frame, &mut maps) {
        Some(verdict) => act(&mut maps, verdict) & !GOES_ON,
        None => outcome,
    }
}

/// Counts a verdict; gives its action, the counter in the next octet, and whether it [`GOES_ON`].
#[inline(always)]
fn act(maps: &mut Maps, verdict: Verdict) -> u32 {
    let action = match verdict {
        Verdict::Pass(_) | Verdict::Ask(..) | Verdict::Substitute | Verdict::Readdressed => {
            xdp_action::XDP_PASS
        }
        Verdict::Answer { held } => {
            if held {
                maps.count(Counter::AnswerHeld);
            }
            xdp_action::XDP_TX
        }
        Verdict::Rip | Verdict::Reset => xdp_action::XDP_TX,
        Verdict::Divert(_) | Verdict::Drop(_) => xdp_action::XDP_DROP,
        // SAFETY: a helper that takes numbers.
        Verdict::Redirect(ifindex) => unsafe { bpf_redirect(ifindex, 0) as u32 },
    };
    let counter = verdict.counter();
    maps.count(counter);
    let more = if verdict.goes_on() && rasline_datapath::steering(maps) {
        GOES_ON
    } else {
        0
    };
    let asks = if let Verdict::Ask(_, gatekeeper) = verdict {
        ASKS | u32::from(gatekeeper) << GATEKEEPER_AT
    } else {
        0
    };
    (action & 0xff) | (counter as u32) << 8 | more | asks
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
