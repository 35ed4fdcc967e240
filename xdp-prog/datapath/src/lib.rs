//! The data path: what happens to a frame, as pure `no_std` code over a [`Frame`] and [`Tables`].
//!
//! The same code runs in the kernel (crate `rasline-xdp`) and on plain memory (`host`, for tests and fuzzers).
//! Invariants:
//! - doubt means pass: a frame that is not fully understood leaves untouched;
//! - a frame is changed only after every check that could let it pass has been made;
//! - an answer is given only for a published slot of the right address, port, gatekeeper, zone generation and time.
//!
//! The walk of a frame is in parts, so that the kernel's verifier checks each once: [`plain`] lets go of what is
//! neither RAS nor call signalling, [`fast`] parses and answers known keep-alives, [`request`] and [`reply`] do
//! everything else of RAS (learning, and the gatekeepers' side), [`steer`] readdresses what is to go to another
//! gatekeeper. A fragment of RAS goes to [`fragment`] in the place of [`fast`]. [`segment`] does the same for call
//! signalling, and [`carry`] carries out what those two found. [`walk`] has their order.
#![no_std]

#[cfg(not(target_arch = "bpf"))]
extern crate std;

mod answer;
mod connection;
mod copy;
mod decide;
mod endpoint;
mod evidence;
mod flow;
mod fragment;
mod frame;
mod gatekeeper;
#[cfg(not(target_arch = "bpf"))]
pub mod host;
mod keep_alive;
mod parse;
mod pipeline;
mod plain;
mod rate;
mod redirect;
mod reset;
mod seen;
mod shape;
mod signalling;
mod steer;
mod tables;

pub mod checksum;
pub mod hash;
pub mod ras;

pub use decide::{PROBE_EVERY_NS, REFRESH_RETRY, REFRESH_WINDOW};
pub use evidence::{Evidence, note_speaker, probes, silence};
pub use flow::{known_as, store_held};
pub use fragment::note_fragment;
pub use frame::{Frame, sum};
pub use parse::Packet;
pub use pipeline::{Outcome, Parts, process, walk};
pub use rasline_abi::Counter;
pub use seen::{TCP_PORT, notice};
pub use shape::registered;
pub use signalling::first;
pub use steer::choose;
pub use tables::{Address, Carrying, FlowTable, Hop, Shared, Tables};

use plain::Plain;

/// What to do with the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Leave it alone; why.
    Pass(Counter),
    /// Leave it alone: it goes to the gatekeeper of this index, whose answer is awaited; why.
    Ask(Counter, u16),
    /// It is now the RCF: send it back where it came from. `held`: for a gatekeeper that is silent or was left.
    Answer {
        /// See above.
        held: bool,
    },
    /// It is now the patched RCF: let it go on.
    Substitute,
    /// The controller has it: drop it; why.
    Divert(Counter),
    /// It is readdressed, and has the next hop's address: send it out of this interface.
    Redirect(u32),
    /// It is readdressed: let the stack route it.
    Readdressed,
    /// It is now a RIP: send it back.
    Rip,
    /// It is now a RST: send it back.
    Reset,
    /// Drop it; why.
    Drop(Counter),
}

impl Verdict {
    /// What counts it.
    #[must_use]
    #[inline(always)]
    pub const fn counter(self) -> Counter {
        match self {
            Self::Pass(why) | Self::Ask(why, _) | Self::Divert(why) | Self::Drop(why) => why,
            Self::Answer { .. } => Counter::Answer,
            Self::Substitute => Counter::Substitute,
            Self::Redirect(_) => Counter::Redirect,
            Self::Readdressed => Counter::RedirectStack,
            Self::Rip => Counter::Rip,
            Self::Reset => Counter::Reset,
        }
    }

    /// Whether it is RAS of a zone that goes on, perhaps to another gatekeeper than it is addressed to.
    #[must_use]
    #[inline(always)]
    pub const fn goes_on(self) -> bool {
        match self {
            Self::Pass(why) => why.goes_on(),
            Self::Substitute | Self::Ask(..) => true,
            _ => false,
        }
    }
}

/// The outcome of [`fast`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Decided.
    Done(Verdict),
    /// Untouched: [`request`] decides.
    Slow,
}

/// The outcome of [`steer`] and [`segment`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Decided.
    Done(Verdict),
    /// Its flow was found: [`carry`] readdresses it.
    Carry,
}

/// The outcome of [`plain`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Decided.
    Done(Verdict),
    /// For [`fast`].
    Ras,
    /// For [`segment`].
    Signalling,
    /// For [`fragment`].
    Fragment,
}

/// Before all parts: whether the frame plainly has nothing to do with RAS or call signalling. The interface is known
/// then, for the counter.
#[inline(always)]
pub fn plain<F: Frame, T: Tables>(frame: &F, tables: &mut T) -> Look {
    match plain::plain(frame, tables) {
        Plain::Signalling => Look::Signalling,
        Plain::Fragment => Look::Fragment,
        Plain::Unclear if steering(tables) && plain::tagged_tcp(frame) => Look::Signalling,
        Plain::Unclear if plain::tagged_fragment(frame) => Look::Fragment,
        Plain::Unclear => Look::Ras,
        Plain::Other => {
            let known = parse::side(frame, tables).is_ok();
            Look::Done(Verdict::Pass(if known {
                Counter::PassNotRas
            } else {
                Counter::PassInterface
            }))
        }
    }
}

/// Whether any zone's traffic may have to be steered.
#[inline(always)]
pub fn steering<T: Tables>(tables: &T) -> bool {
    tables
        .globals()
        .is_some_and(|globals| tables::get!(globals, steering) != 0)
}

/// First part: parses the frame and answers a known keep-alive.
#[inline(always)]
pub fn fast<F: Frame, T: Tables>(frame: &mut F, tables: &mut T) -> Step {
    let packet = match parse::parse(frame, tables) {
        Ok(packet) => packet,
        Err(why) => return Step::Done(Verdict::Pass(why)),
    };
    if packet.to_gatekeeper && ras::kind(packet.first) == ras::RRQ {
        return keep_alive::answer(frame, tables, &packet);
    }
    Step::Slow
}

/// In the place of [`fast`]: a fragment. One that has no UDP header goes where the first one went.
#[inline(always)]
pub fn fragment<F: Frame, T: Tables>(frame: &mut F, tables: &mut T) -> Step {
    fragment::fragment(frame, tables)
}

/// Second part, for what [`fast`] and [`fragment`] did not decide: other RAS of the endpoints' side, which is learned from,
/// and fragments of either side. `None`: [`reply`] decides.
#[inline(always)]
pub fn request<F: Frame, T: Tables>(frame: &mut F, tables: &mut T) -> Option<Verdict> {
    let packet = match parse::parse_or_first(frame, tables) {
        Ok(packet) => packet,
        Err(why) => return Some(Verdict::Pass(why)),
    };
    if packet.to_gatekeeper
        && let Some(verdict) = endpoint::other(frame, tables, &packet)
    {
        return Some(verdict);
    }
    if !packet.from_gatekeeper {
        return Some(Verdict::Pass(Counter::PassNoZone));
    }
    packet.fragment.then(|| fragment::reply(tables, &packet))
}

/// Second part for what [`request`] did not decide: the gatekeepers' side.
#[inline(always)]
pub fn reply<F: Frame, T: Tables>(frame: &mut F, tables: &mut T) -> Verdict {
    match parse::parse(frame, tables) {
        Ok(packet) => gatekeeper::message(frame, tables, &packet),
        Err(why) => Verdict::Pass(why),
    }
}

/// Third part, for RAS that goes on ([`Verdict::goes_on`]): to the gatekeeper that serves the zone now, and back
/// under the address that the endpoint knows. `None`: as it is.
#[inline(always)]
pub fn steer<F: Frame, T: Tables>(frame: &mut F, tables: &mut T) -> Option<Next> {
    let packet = parse::parse_or_first(frame, tables).ok()?;
    signalling::datagram(tables, &packet)
}

/// Beside these: what shows whether a gatekeeper lives. `asked`: the frame goes on to the gatekeeper of this index, for this
/// reason, and is not readdressed yet; else it comes from a gatekeeper, and [`reply`] has not seen it yet.
#[inline(always)]
pub fn witness<F: Frame, T: Tables>(
    frame: &mut F,
    tables: &mut T,
    asked: Option<(u32, u32)>,
) -> Option<()> {
    let packet = parse::parse(frame, tables).ok()?;
    let intact = evidence::check(frame, &packet)?;
    match asked {
        Some((gatekeeper, why)) => {
            let known = why != Counter::PassUnknown as u32 && why != Counter::PassOther as u32;
            evidence::ask(frame, tables, intact, gatekeeper, known)
        }
        None if packet.from_gatekeeper => evidence::hear(frame, tables, intact),
        None => None,
    }
}

/// In the place of all these: TCP that may be call signalling.
#[inline(always)]
pub fn segment<F: Frame, T: Tables>(frame: &mut F, tables: &mut T) -> Next {
    connection::segment(frame, tables)
}

/// Finds the interface that the frame came in by, for the counters.
#[inline(always)]
pub fn came_in<F: Frame, T: Tables>(frame: &F, tables: &mut T) {
    let _side = parse::side(frame, tables);
}

/// Last part, for [`Next::Carry`]: readdresses the frame. `None`: it stays as it is.
#[inline(always)]
pub fn carry<F: Frame, T: Tables>(frame: &mut F, tables: &mut T) -> Option<Verdict> {
    redirect::carry(frame, tables)
}

/// The same for the first fragment of a message.
#[inline(always)]
pub fn carry_first<F: Frame, T: Tables>(frame: &mut F, tables: &mut T) -> Option<Verdict> {
    redirect::carry_first(frame, tables)
}
