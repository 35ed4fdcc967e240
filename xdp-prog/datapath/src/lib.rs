//! The data path: what happens to a frame, as pure `no_std` code over a [`Frame`] and [`Tables`].
//!
//! The same code runs in the kernel (crate `rasline-xdp`) and on plain memory (`host`, for tests and fuzzers).
//! Invariants:
//! - doubt means pass: a frame that is not fully understood leaves untouched;
//! - a frame is changed only after every check that could let it pass has been made;
//! - an answer is given only for a published slot of the right address, port, gatekeeper, zone generation and time.
//!
//! The walk of a frame is in parts, so that the kernel's verifier checks each once: [`plain`] lets go of what is not
//! RAS, [`fast`] parses and answers known keep-alives, [`slow`] does everything else (learning, and the gatekeepers'
//! side).
#![no_std]

#[cfg(feature = "host")]
extern crate std;

mod answer;
mod copy;
mod decide;
mod endpoint;
mod frame;
mod gatekeeper;
#[cfg(feature = "host")]
pub mod host;
mod parse;
mod tables;

pub mod checksum;
pub mod hash;
pub mod ras;

pub use decide::{PROBE_EVERY_NS, REFRESH_RETRY, REFRESH_WINDOW};
pub use frame::Frame;
pub use parse::Packet;
pub use rasline_abi::Counter;
pub use tables::{Shared, Tables};

/// What to do with the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Leave it alone; why.
    Pass(Counter),
    /// It is now the RCF: send it back where it came from. `held`: for a silent gatekeeper.
    Answer {
        /// The gatekeeper is silent.
        held: bool,
    },
    /// It is now the patched RCF: let it go on.
    Substitute,
    /// The controller has it: drop it.
    Divert,
}

/// The outcome of [`fast`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Decided.
    Done(Verdict),
    /// Untouched: [`slow`] decides. `known` says why a known keep-alive was not answered, if it was one.
    Slow,
}

/// Before both parts: whether the frame plainly has nothing to do with RAS. The interface is known then, for the
/// counter.
#[inline(always)]
pub fn plain<F: Frame, T: Tables>(frame: &F, tables: &mut T) -> Option<Verdict> {
    if !parse::plainly_not_ras(frame, tables) {
        return None;
    }
    let known = parse::side(frame, tables).is_ok();
    Some(Verdict::Pass(if known {
        Counter::PassNotRas
    } else {
        Counter::PassInterface
    }))
}

/// First part: parses the frame and answers a known keep-alive.
#[inline(always)]
pub fn fast<F: Frame, T: Tables>(frame: &mut F, tables: &mut T) -> Step {
    let packet = match parse::parse(frame, tables) {
        Ok(packet) => packet,
        Err(why) => return Step::Done(Verdict::Pass(why)),
    };
    if packet.to_gatekeeper && ras::kind(packet.first) == ras::RRQ {
        return endpoint::keep_alive(frame, tables, &packet);
    }
    Step::Slow
}

/// Second part, for frames that [`fast`] did not decide: learning, and the gatekeepers' side.
#[inline(always)]
pub fn slow<F: Frame, T: Tables>(frame: &mut F, tables: &mut T) -> Verdict {
    let packet = match parse::parse(frame, tables) {
        Ok(packet) => packet,
        Err(why) => return Verdict::Pass(why),
    };
    let verdict = if packet.to_gatekeeper {
        endpoint::other(frame, tables, &packet)
    } else {
        None
    };
    if let Some(verdict) = verdict {
        return verdict;
    }
    if packet.from_gatekeeper {
        return gatekeeper::message(frame, tables, &packet);
    }
    Verdict::Pass(Counter::PassNoZone)
}

/// All parts: what the kernel does with a frame.
pub fn process<F: Frame, T: Tables>(frame: &mut F, tables: &mut T) -> Verdict {
    if let Some(verdict) = plain(frame, tables) {
        return verdict;
    }
    match fast(frame, tables) {
        Step::Done(verdict) => verdict,
        Step::Slow => slow(frame, tables),
    }
}
