//! The order of the parts of the data path. The kernel's program and [`process`] both take frames through [`walk`].

use rasline_abi::{Counter, MAX_GATEKEEPERS};

use crate::{Frame, Look, Next, Step, Tables, Verdict};

/// What a part returns: an XDP action, a counter and marks, or which part decides next.
///
/// It is a number because the parts of the kernel's program are functions that the verifier checks one by one, and such
/// a function returns a number.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome(pub u32);

impl Outcome {
    /// Nothing is decided yet; the next part decides.
    pub const SLOW: Self = Self(1 << 30);
    /// The packet's flow was found: [`Parts::carry`] decides.
    pub const CARRY: Self = Self(1 << 28);
    /// Mark of RAS that [`Parts::steer`] may readdress.
    pub const GOES_ON: u32 = 1 << 29;
    /// Mark of a request whose answer is awaited. The gatekeeper's index is in the bits from [`Self::GATEKEEPER_AT`] on.
    pub const ASKS: u32 = 1 << 31;
    /// First bit of the index of the gatekeeper that is asked.
    pub const GATEKEEPER_AT: u32 = 16;

    /// Makes the outcome of a verdict, with no XDP action. `steering` is whether any zone's traffic may be steered.
    fn of(verdict: Verdict, steering: bool) -> Self {
        let more = if verdict.goes_on() && steering {
            Self::GOES_ON
        } else {
            0
        };
        let asks = if let Verdict::Ask(_, gatekeeper) = verdict {
            Self::ASKS | u32::from(gatekeeper) << Self::GATEKEEPER_AT
        } else {
            0
        };
        Self((verdict.counter() as u32) << 8 | more | asks)
    }

    /// Returns the XDP action.
    #[must_use]
    #[inline(always)]
    pub const fn action(self) -> u32 {
        self.0 & 0xff
    }

    /// Returns the number of the counter.
    #[must_use]
    #[inline(always)]
    pub const fn counter(self) -> u32 {
        self.0 >> 8 & 0xff
    }

    /// Returns the outcome without the mark for [`Parts::steer`].
    #[must_use]
    #[inline(always)]
    pub const fn settled(self) -> Self {
        Self(self.0 & !Self::GOES_ON)
    }

    /// Returns the gatekeeper whose answer is awaited, and the number of the counter.
    #[must_use]
    #[inline(always)]
    pub fn asked(self) -> Option<(u32, u32)> {
        let gatekeeper = self.0 >> Self::GATEKEEPER_AT & (MAX_GATEKEEPERS - 1);
        (self.0 & Self::ASKS != 0).then_some((gatekeeper, self.counter()))
    }
}

const _: () = assert!(MAX_GATEKEEPERS <= 1 << (28 - Outcome::GATEKEEPER_AT));

/// The parts, as they run in the kernel or on plain memory. Each calls the function of its name in this crate.
pub trait Parts {
    /// Answers known keep-alives.
    fn fast(&mut self) -> Outcome;
    /// Looks at a fragment, in the place of [`Self::fast`].
    fn fragment(&mut self) -> Outcome;
    /// Decides on everything else from the endpoints' side.
    fn request(&mut self) -> Outcome;
    /// Decides on what comes from the gatekeepers' side.
    fn reply(&mut self) -> Outcome;
    /// Notes what shows whether a gatekeeper lives: a request that is [`Outcome::asked`], or a message of a gatekeeper.
    fn witness(&mut self, outcome: Outcome);
    /// Readdresses RAS to its zone's active gatekeeper. Returns `settled` if it goes on unchanged.
    fn steer(&mut self, settled: Outcome) -> Outcome;
    /// Decides on TCP that may be call signalling.
    fn segment(&mut self) -> Outcome;
    /// Readdresses a packet whose flow was found. Returns `settled` if it goes on unchanged. A segment passes then; for
    /// it `settled` is [`Outcome::SLOW`].
    fn carry(&mut self, settled: Outcome) -> Outcome;
    /// Readdresses the first fragment of a message, like [`Self::carry`].
    fn carry_first(&mut self, settled: Outcome) -> Outcome;
}

/// Takes a frame through the parts, one after the other, until one has decided.
#[inline(always)]
pub fn walk(parts: &mut impl Parts, look: Look) -> Outcome {
    if look == Look::Signalling {
        let outcome = parts.segment();
        return if outcome == Outcome::CARRY {
            parts.carry(Outcome::SLOW)
        } else {
            outcome
        };
    }
    walk_ras(parts, look == Look::Fragment)
}

/// Takes RAS, or a fragment of it, through the parts.
#[inline(always)]
fn walk_ras(parts: &mut impl Parts, fragment: bool) -> Outcome {
    let mut outcome = if fragment {
        parts.fragment()
    } else {
        parts.fast()
    };
    if outcome == Outcome::SLOW {
        outcome = parts.request();
    }
    if outcome == Outcome::SLOW {
        parts.witness(Outcome::SLOW);
        outcome = parts.reply();
    }
    let settled = outcome.settled();
    if outcome != settled {
        outcome = parts.steer(settled);
    }
    // A request that `steer` drops reaches no gatekeeper.
    if settled.0 & Outcome::ASKS != 0 && (outcome == Outcome::CARRY || outcome == settled) {
        parts.witness(settled);
    }
    if outcome == Outcome::CARRY {
        outcome = if fragment {
            parts.carry_first(settled)
        } else {
            parts.carry(settled)
        };
    }
    outcome
}

/// The parts as direct calls, on any frame and tables.
struct DirectCalls<'a, F, T> {
    frame: &'a mut F,
    tables: &'a mut T,
    /// The verdict of the last part that made one.
    verdict: Option<Verdict>,
}

impl<F: Frame, T: Tables> DirectCalls<'_, F, T> {
    /// Keeps a verdict, and counts the one that it replaces.
    fn act(&mut self, verdict: Verdict) -> Outcome {
        if let Some(before) = self.verdict.replace(verdict) {
            self.tables.count(before.counter());
        }
        Outcome::of(verdict, crate::steering(self.tables))
    }

    fn act_or_slow(&mut self, verdict: Option<Verdict>) -> Outcome {
        verdict.map_or(Outcome::SLOW, |verdict| self.act(verdict))
    }

    fn act_or_carry(&mut self, next: Next) -> Outcome {
        match next {
            Next::Done(verdict) => self.act(verdict),
            Next::Carry => Outcome::CARRY,
        }
    }
}

impl<F: Frame, T: Tables> Parts for DirectCalls<'_, F, T> {
    fn fast(&mut self) -> Outcome {
        let step = crate::fast(self.frame, self.tables);
        self.act_or_slow(decided(step))
    }
    fn fragment(&mut self) -> Outcome {
        let step = crate::fragment(self.frame, self.tables);
        self.act_or_slow(decided(step))
    }
    fn request(&mut self) -> Outcome {
        let verdict = crate::request(self.frame, self.tables);
        self.act_or_slow(verdict)
    }
    fn reply(&mut self) -> Outcome {
        let verdict = crate::reply(self.frame, self.tables);
        self.act(verdict)
    }
    fn witness(&mut self, outcome: Outcome) {
        let _nothing_shown = crate::witness(self.frame, self.tables, outcome.asked());
    }
    fn steer(&mut self, settled: Outcome) -> Outcome {
        let next = crate::steer(self.frame, self.tables);
        next.map_or(settled, |next| self.act_or_carry(next))
    }
    fn segment(&mut self) -> Outcome {
        let next = crate::segment(self.frame, self.tables);
        self.act_or_carry(next).settled()
    }
    fn carry(&mut self, settled: Outcome) -> Outcome {
        match crate::carry(self.frame, self.tables) {
            Some(verdict) => self.act(verdict),
            None if settled == Outcome::SLOW => self.act(Verdict::Pass(Counter::PassSignalling)),
            None => settled,
        }
    }
    fn carry_first(&mut self, settled: Outcome) -> Outcome {
        let verdict = crate::carry_first(self.frame, self.tables);
        verdict.map_or(settled, |verdict| self.act(verdict))
    }
}

const fn decided(step: Step) -> Option<Verdict> {
    match step {
        Step::Done(verdict) => Some(verdict),
        Step::Slow => None,
    }
}

/// Decides what the kernel does with a frame. The caller counts the verdict that is returned; an earlier one, of a frame
/// that was readdressed since, is counted here.
pub fn process<F: Frame, T: Tables>(frame: &mut F, tables: &mut T) -> Verdict {
    let look = crate::plain(frame, tables);
    if let Look::Done(verdict) = look {
        return verdict;
    }
    let mut parts = DirectCalls {
        frame,
        tables,
        verdict: None,
    };
    let _outcome = walk(&mut parts, look);
    // Each way through the parts ends with a verdict; doubt means pass.
    parts.verdict.unwrap_or(Verdict::Pass(Counter::PassNotRas))
}
