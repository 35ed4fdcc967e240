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
use rasline_datapath::{Look, Next, Outcome, Parts, Step, Tables, Verdict};

use crate::access::XdpFrame;
use crate::maps::Maps;

/// [`Outcome::SLOW`] as a part returns it.
const SLOW: u32 = Outcome::SLOW.0;
/// [`Outcome::CARRY`] as a part returns it.
const CARRY: u32 = Outcome::CARRY.0;

/// Entry. `frags`: MTU up to 9000; a RAS message that is not in the first buffer passes.
#[xdp(frags)]
pub fn rasline(ctx: XdpContext) -> u32 {
    let frame = XdpFrame::new(ctx.ctx);
    let mut maps = Maps::new(ctx.ctx);
    let look = rasline_datapath::plain(&frame, &mut maps);
    if let Look::Done(verdict) = look {
        return act(&mut maps, verdict) & 0xff;
    }
    let len = maps::capture_len();
    let kept = len != 0 && maps::rasline_keep(ctx.ctx, len) == 0;
    let outcome = rasline_datapath::walk(&mut GlobalFunctions(ctx.ctx), look);
    if kept {
        captured(ctx.ctx, outcome.counter(), len);
    }
    outcome.action()
}

/// The parts as global functions, each of which the verifier checks once.
struct GlobalFunctions(*mut xdp_md);

impl Parts for GlobalFunctions {
    #[inline(always)]
    fn fast(&mut self) -> Outcome {
        Outcome(rasline_fast(self.0))
    }
    #[inline(always)]
    fn fragment(&mut self) -> Outcome {
        Outcome(rasline_fragment(self.0))
    }
    #[inline(always)]
    fn request(&mut self) -> Outcome {
        Outcome(rasline_request(self.0))
    }
    #[inline(always)]
    fn reply(&mut self) -> Outcome {
        Outcome(rasline_reply(self.0))
    }
    #[inline(always)]
    fn witness(&mut self, outcome: Outcome) {
        rasline_witness(self.0, outcome.0);
    }
    #[inline(always)]
    fn steer(&mut self, settled: Outcome) -> Outcome {
        Outcome(rasline_steer(self.0, settled.0))
    }
    #[inline(always)]
    fn segment(&mut self) -> Outcome {
        Outcome(rasline_segment(self.0))
    }
    #[inline(always)]
    fn carry(&mut self, settled: Outcome) -> Outcome {
        Outcome(rasline_carry(self.0, settled.0))
    }
    #[inline(always)]
    fn carry_first(&mut self, settled: Outcome) -> Outcome {
        Outcome(rasline_carry_first(self.0, settled.0))
    }
}

/// Hands over a frame as it came, and as it leaves if that is another.
#[inline(always)]
fn captured(ctx: *mut xdp_md, verdict: u32, len: u32) {
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

/// What goes to a gatekeeper, and is not readdressed yet, with an outcome that is [`Outcome::asked`]; or what comes from
/// one ([`SLOW`]). Returns 0.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn rasline_witness(ctx: *mut xdp_md, outcome: u32) -> u32 {
    let mut frame = XdpFrame::new(ctx);
    let mut maps = Maps::new(ctx);
    let _nothing_shown = rasline_datapath::witness(&mut frame, &mut maps, Outcome(outcome).asked());
    0
}

/// TCP that may be call signalling.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn rasline_segment(ctx: *mut xdp_md) -> u32 {
    let mut frame = XdpFrame::new(ctx);
    let mut maps = Maps::new(ctx);
    match rasline_datapath::segment(&mut frame, &mut maps) {
        Next::Done(verdict) => settled(act(&mut maps, verdict)),
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
        Some(verdict) => settled(act(&mut maps, verdict)),
        None if outcome == SLOW => settled(act(&mut maps, Verdict::Pass(Counter::PassSignalling))),
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
        Some(verdict) => settled(act(&mut maps, verdict)),
        None => outcome,
    }
}

/// Returns the outcome without the mark that it may be steered.
#[inline(always)]
fn settled(outcome: u32) -> u32 {
    Outcome(outcome).settled().0
}

/// Counts a verdict. Returns its [`Outcome`].
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
    // The marks are those of `Outcome::of`. A call of that takes 16 octets of stack more, which are not there.
    let counter = verdict.counter();
    maps.count(counter);
    let more = if verdict.goes_on() && rasline_datapath::steering(maps) {
        Outcome::GOES_ON
    } else {
        0
    };
    let asks = if let Verdict::Ask(_, gatekeeper) = verdict {
        Outcome::ASKS | u32::from(gatekeeper) << Outcome::GATEKEEPER_AT
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
