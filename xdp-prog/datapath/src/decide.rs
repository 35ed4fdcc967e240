//! Whether a known keep-alive is answered: a pure function of time, policy and evidence.
//!
//! ```text
//!            gatekeeper heard                          gatekeeper silent (`evidence`)
//! offload    promise over        -> pass Expired        promise over when it fell silent,
//!            unanswered in a row -> answer              or silent for hold_for  -> pass Expired
//!            refresh due         -> pass Refresh        time to look for it     -> pass Probe
//!            it was away         -> Early               else                    -> answer (held)
//!            in doubt            -> pass Probe
//!            else                -> answer
//! hold       promise over        -> pass Expired
//!            else                -> pass Hold
//! off        pass Off                                   pass Off
//! ```
//!
//! - *Unanswered in a row*: the last keep-alive that was let through was not answered, and none was answered here since.
//!   This one is often its repetition. Some endpoints start anew when a keep-alive is lost, so none loses two.
//! - *Time to look* and *in doubt*: only while nobody else asks the gatekeeper, since the controller is gone or does not
//!   probe it. Endpoints that were seen to repeat go first, and none twice in a row.
//! - *It was away*: it was silent after it confirmed this registration, and may have lost it. Such keep-alives go through
//!   at the migrate rate (Early).
//!
//! A keep-alive of a gatekeeper that its zone has left is one of a silent gatekeeper, counted from when the zone
//! moved; instead of looking for it, the registration is moved to the active one (Move), at a bounded rate.

use rasline_abi::{
    Answer, Counter, REFRESH_ANSWERED, REFRESH_DUE, REFRESH_MARKS, REFRESH_REPEATS,
    REFRESH_UNANSWERED, elapsed, ticks,
};

use crate::hash::refresh_after;

/// A refresh that was let through is not repeated for this many ticks (1 s; endpoints retransmit after 3 s).
pub const REFRESH_RETRY: u32 = rasline_abi::duration_to_ticks(1_000_000_000);
/// An RCF or RRJ belongs to a keep-alive let through at most this many ticks ago (20 s).
pub const REFRESH_WINDOW: u32 = rasline_abi::duration_to_ticks(20_000_000_000);
/// One keep-alive in this time is let through to a silent gatekeeper, in ns, if its endpoint was seen to repeat.
pub const PROBE_EVERY_NS: u64 = 5_000_000_000;
/// And one of any endpoint, if none such came.
const PROBE_ANY_EVERY_NS: u64 = 15_000_000_000;

/// What the decision depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// Now, ns.
    pub now_ns: u64,
    /// Zone's [`Answer`].
    pub answer: u32,
    /// Zone's `hold_for`, ticks.
    pub hold_for: u32,
    /// Since when the gatekeeper has been silent, or when its zone left it, ns; 0: neither.
    pub silent_since_ns: u64,
    /// Its zone left it.
    pub left: bool,
    /// It is time to look whether the gatekeeper answers ([`may_probe`]).
    pub probes: bool,
    /// The gatekeeper was silent after it confirmed the registration, and is back.
    pub was_away: bool,
    /// Slot's last confirmation, tick.
    pub confirmed: u32,
    /// Slot's last refresh: tick and marks.
    pub refreshed: u32,
    /// Slot's fingerprint.
    pub fingerprint: u64,
    /// RCF template's `gatekeeper_ttl`, ticks.
    pub gatekeeper_ttl: u32,
    /// RCF template's `refresh_every`, ticks.
    pub refresh_every: u32,
}

/// The decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Answer; `held`: for a silent gatekeeper.
    Answer {
        /// The gatekeeper is silent.
        held: bool,
    },
    /// Let through to the active gatekeeper if its zone's rate allows it now, else answer (held).
    Move,
    /// Let through to the gatekeeper if its zone's rate allows it now, else answer.
    Early,
    /// Let through, why; the gatekeeper's reply is awaited.
    Pass(Counter),
}

/// Whether the last keep-alive let through was not answered, and none was answered here since. `refreshed`: the slot's,
/// with its marks.
#[inline(always)]
const fn is_in_a_row(refreshed: u32) -> bool {
    refreshed & (REFRESH_UNANSWERED | REFRESH_ANSWERED) == REFRESH_UNANSWERED
}

/// Whether a keep-alive of a slot with these marks may be let through to see whether a gatekeeper answers that nobody else
/// asks. `looked_ns`: since when it is silent or in doubt, or when such a keep-alive was last let through, whichever was
/// later; `dead_after_ns`: it is in doubt, and after this time another one's word is wanted; 0: it is silent.
#[inline(always)]
pub(crate) const fn may_probe(marks: u32, looked_ns: u64, dead_after_ns: u64, now: u64) -> bool {
    let every = match (dead_after_ns, marks & REFRESH_REPEATS != 0) {
        (0, true) | (1.., false) => PROBE_EVERY_NS,
        (0, false) => PROBE_ANY_EVERY_NS,
        (dead_after_ns, true) => dead_after_ns,
    };
    !is_in_a_row(marks) && now.saturating_sub(looked_ns) >= every
}

/// Decides.
#[inline(always)]
#[must_use]
pub(crate) fn decide(f: &Facts) -> Decision {
    if f.answer != Answer::Offload as u32 && f.answer != Answer::Hold as u32 {
        return Decision::Pass(Counter::PassOff);
    }
    let now = ticks(f.now_ns);
    if f.silent_since_ns != 0 {
        let since = ticks(f.silent_since_ns);
        if elapsed(since, f.confirmed) >= f.gatekeeper_ttl || elapsed(now, since) >= f.hold_for {
            return Decision::Pass(Counter::PassExpired);
        }
        if f.left {
            return Decision::Move;
        }
        if f.probes {
            return Decision::Pass(Counter::PassProbe);
        }
        return Decision::Answer { held: true };
    }
    let age = elapsed(now, f.confirmed);
    if age >= f.gatekeeper_ttl {
        return Decision::Pass(Counter::PassExpired);
    }
    if f.answer == Answer::Hold as u32 {
        return Decision::Pass(Counter::PassHold);
    }
    heard(f, now, age)
}

/// A keep-alive of a zone that offloads, within the promise of a gatekeeper that is heard. `age`: of the confirmation,
/// ticks.
#[inline(always)]
fn heard(f: &Facts, now: u32, age: u32) -> Decision {
    const ANSWER: Decision = Decision::Answer { held: false };
    // A refresh under way is given time.
    let under_way = f.refreshed & REFRESH_UNANSWERED != 0
        && elapsed(now, f.refreshed & !REFRESH_MARKS) < REFRESH_RETRY;
    if under_way || is_in_a_row(f.refreshed) {
        return ANSWER;
    }
    if age >= refresh_after(f.refresh_every, f.fingerprint) || f.refreshed & REFRESH_DUE != 0 {
        return Decision::Pass(Counter::PassRefresh);
    }
    if f.was_away {
        return Decision::Early;
    }
    if f.probes {
        return Decision::Pass(Counter::PassProbe);
    }
    ANSWER
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;
    const NOW: u64 = 1_000_000 * S;

    /// A registration confirmed `age` seconds ago, at a gatekeeper silent for `silent` seconds (0: not).
    fn facts(answer: Answer, age: u64, silent: u64) -> Facts {
        Facts {
            now_ns: NOW,
            answer: answer as u32,
            hold_for: rasline_abi::duration_to_ticks(900 * S),
            silent_since_ns: if silent == 0 { 0 } else { NOW - silent * S },
            left: false,
            probes: false,
            was_away: false,
            confirmed: ticks(NOW - age * S),
            refreshed: ticks(NOW - age * S) & !REFRESH_MARKS,
            fingerprint: 0,
            gatekeeper_ttl: rasline_abi::duration_to_ticks(600 * S),
            refresh_every: rasline_abi::duration_to_ticks(300 * S),
        }
    }

    const ANSWER: Decision = Decision::Answer { held: false };
    const HELD: Decision = Decision::Answer { held: true };
    const fn pass(why: Counter) -> Decision {
        Decision::Pass(why)
    }

    /// Every policy, age of the confirmation and silence of the gatekeeper that makes a difference.
    #[test]
    fn the_whole_table() {
        use Answer::{Hold, Off, Offload};
        let table = [
            (Off, 10, 0, pass(Counter::PassOff)),
            (Off, 10, 5, pass(Counter::PassOff)),
            (Off, 700, 0, pass(Counter::PassOff)),
            (Offload, 10, 0, ANSWER),
            (Offload, 299, 0, ANSWER),
            (Offload, 301, 0, pass(Counter::PassRefresh)),
            (Offload, 601, 0, pass(Counter::PassExpired)),
            (Offload, 10, 5, HELD),
            (Offload, 301, 5, HELD),
            (Offload, 1400, 890, HELD),
            (Offload, 1000, 901, pass(Counter::PassExpired)),
            (Offload, 1500, 890, pass(Counter::PassExpired)),
            (Hold, 10, 0, pass(Counter::PassHold)),
            (Hold, 301, 0, pass(Counter::PassHold)),
            (Hold, 601, 0, pass(Counter::PassExpired)),
            (Hold, 10, 5, HELD),
            (Hold, 1000, 901, pass(Counter::PassExpired)),
        ];
        for (answer, age, silent, expected) in table {
            assert_eq!(
                decide(&facts(answer, age, silent)),
                expected,
                "{answer:?} {age} {silent}"
            );
        }
    }

    #[test]
    fn what_was_left_moves_or_is_held() {
        for (answer, age, silent, expected) in [
            (Answer::Offload, 10, 5, Decision::Move),
            (Answer::Hold, 10, 5, Decision::Move),
            (Answer::Offload, 1000, 901, pass(Counter::PassExpired)),
            (Answer::Offload, 1500, 890, pass(Counter::PassExpired)),
            (Answer::Off, 10, 5, pass(Counter::PassOff)),
        ] {
            let mut f = facts(answer, age, silent);
            (f.left, f.probes) = (true, true);
            assert_eq!(decide(&f), expected, "{answer:?} {age} {silent}");
        }
    }

    #[test]
    fn a_refresh_under_way_is_not_repeated_at_once() {
        const MARKS: u32 = REFRESH_UNANSWERED | REFRESH_ANSWERED;
        let mut f = facts(Answer::Offload, 301, 0);
        f.refreshed = ticks(NOW - S / 2) & !REFRESH_MARKS | MARKS;
        assert_eq!(decide(&f), ANSWER);
        f.refreshed = ticks(NOW - 2 * S) & !REFRESH_MARKS | MARKS;
        assert_eq!(decide(&f), pass(Counter::PassRefresh));
    }

    /// Marks of the slot, and what is let through then: with a refresh due; with none due.
    #[test]
    fn no_endpoint_loses_two_in_a_row() {
        let refresh = pass(Counter::PassRefresh);
        for (marks, due, not_due) in [
            (0, refresh, ANSWER),
            (REFRESH_UNANSWERED, ANSWER, ANSWER),
            (REFRESH_UNANSWERED | REFRESH_REPEATS, ANSWER, ANSWER),
            (REFRESH_UNANSWERED | REFRESH_ANSWERED, refresh, ANSWER),
            (REFRESH_DUE, refresh, refresh),
            (REFRESH_DUE | REFRESH_UNANSWERED, ANSWER, ANSWER),
        ] {
            for (age, expected) in [(301, due), (10, not_due)] {
                let mut f = facts(Answer::Offload, age, 0);
                f.refreshed = ticks(NOW - 5 * S) & !REFRESH_MARKS | marks;
                assert_eq!(decide(&f), expected, "{marks:#b} {age}");
            }
        }
        // In a zone that holds the living gatekeeper hears everything.
        let mut f = facts(Answer::Hold, 10, 0);
        f.refreshed |= REFRESH_UNANSWERED;
        assert_eq!(decide(&f), pass(Counter::PassHold));
    }

    #[test]
    fn who_is_looked_for_and_who_was_away() {
        for (silent, probes, was_away, expected) in [
            (60, true, false, pass(Counter::PassProbe)),
            (60, false, true, HELD),
            (0, true, false, pass(Counter::PassProbe)),
            (0, true, true, Decision::Early),
            (0, false, true, Decision::Early),
            (0, false, false, ANSWER),
        ] {
            let mut f = facts(Answer::Offload, 10, silent);
            (f.probes, f.was_away) = (probes, was_away);
            assert_eq!(decide(&f), expected, "{silent} {probes} {was_away}");
        }
    }

    /// Endpoints that repeat are let through first; one that lost its last keep-alive is not.
    #[test]
    fn when_an_endpoint_may_be_let_through() {
        const D: u64 = S / 2;
        for (marks, dead_after, after) in [
            (REFRESH_REPEATS, 0, Some(5 * S)),
            (0, 0, Some(15 * S)),
            (REFRESH_REPEATS, D, Some(D)),
            (0, D, Some(5 * S)),
            (REFRESH_UNANSWERED | REFRESH_REPEATS, 0, None),
            (REFRESH_UNANSWERED, D, None),
            (REFRESH_UNANSWERED | REFRESH_ANSWERED, D, Some(5 * S)),
        ] {
            let first = (1..=200)
                .map(|n| n * S / 10)
                .find(|ns| may_probe(marks, NOW, dead_after, NOW + ns));
            assert_eq!(first, after, "{marks:#b} {dead_after}");
        }
    }
}
