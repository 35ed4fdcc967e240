//! Whether a known keep-alive is answered: a pure function of time, policy and evidence.
//!
//! ```text
//!            gatekeeper heard                          gatekeeper silent (first unanswered > dead_after ago)
//! offload    promise over        -> pass Expired        promise over when it fell silent,
//!            refresh due         -> pass Refresh        or silent for hold_for  -> pass Expired
//!            else                -> answer              time to look for it     -> pass Probe
//! hold       promise over        -> pass Expired        else                    -> answer (held)
//!            else                -> pass Hold
//! off        pass Off                                   pass Off
//! ```
//!
//! A keep-alive of a gatekeeper that its zone has left is one of a silent gatekeeper, counted from when the zone
//! moved; instead of looking for it, the registration is moved to the active one (Move), at a bounded rate.

use rasline_abi::{Answer, Counter, elapsed, ticks};

use crate::hash::refresh_after;

/// A refresh that was let through is not repeated for this many ticks (1 s; endpoints retransmit after 3 s).
pub const REFRESH_RETRY: u32 = rasline_abi::duration_to_ticks(1_000_000_000);
/// An RCF or RRJ belongs to a keep-alive let through at most this many ticks ago (20 s).
pub const REFRESH_WINDOW: u32 = rasline_abi::duration_to_ticks(20_000_000_000);
/// One keep-alive in this time is let through to a silent gatekeeper, in ns.
pub const PROBE_EVERY_NS: u64 = 5_000_000_000;

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
    /// Gatekeeper's last probe, ns.
    pub last_probe_ns: u64,
    /// Slot's last confirmation, tick.
    pub confirmed: u32,
    /// Slot's last refresh, tick.
    pub refreshed: u32,
    /// Slot's fingerprint.
    pub fingerprint: u64,
    /// Profile's `gatekeeper_ttl`, ticks.
    pub gatekeeper_ttl: u32,
    /// Profile's `refresh_every`, ticks.
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
    /// Let through, why; the gatekeeper's reply is awaited.
    Pass(Counter),
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
        let looked = if f.last_probe_ns > f.silent_since_ns {
            f.last_probe_ns
        } else {
            f.silent_since_ns
        };
        if f.now_ns.saturating_sub(looked) >= PROBE_EVERY_NS {
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
    // A refresh under way is given time; it counts only if it is younger than the confirmation is old.
    let under_way = elapsed(now, f.refreshed) < REFRESH_RETRY;
    if age >= refresh_after(f.refresh_every, f.fingerprint) && !under_way {
        return Decision::Pass(Counter::PassRefresh);
    }
    Decision::Answer { held: false }
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
            last_probe_ns: NOW - S,
            confirmed: ticks(NOW - age * S),
            refreshed: ticks(NOW - age * S),
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
            f.left = true;
            f.last_probe_ns = 0;
            assert_eq!(decide(&f), expected, "{answer:?} {age} {silent}");
        }
    }

    #[test]
    fn a_refresh_under_way_is_not_repeated_at_once() {
        let mut f = facts(Answer::Offload, 301, 0);
        f.refreshed = ticks(NOW - S / 2);
        assert_eq!(decide(&f), ANSWER);
        f.refreshed = ticks(NOW - 2 * S);
        assert_eq!(decide(&f), pass(Counter::PassRefresh));
    }

    #[test]
    fn a_silent_gatekeeper_is_looked_for() {
        let mut f = facts(Answer::Hold, 10, 60);
        assert_eq!(decide(&f), HELD);
        f.last_probe_ns = NOW - PROBE_EVERY_NS;
        assert_eq!(decide(&f), pass(Counter::PassProbe));
    }
}
