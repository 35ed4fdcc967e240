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
    /// Zone's `dead_after`, ns.
    pub dead_after_ns: u64,
    /// Gatekeeper's first unanswered request, ns; 0: none.
    pub first_unanswered_ns: u64,
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
    let silent = f.first_unanswered_ns != 0
        && f.now_ns.saturating_sub(f.first_unanswered_ns) > f.dead_after_ns;
    if silent {
        let since = ticks(f.first_unanswered_ns);
        if elapsed(since, f.confirmed) >= f.gatekeeper_ttl || elapsed(now, since) >= f.hold_for {
            return Decision::Pass(Counter::PassExpired);
        }
        let looked = if f.last_probe_ns > f.first_unanswered_ns {
            f.last_probe_ns
        } else {
            f.first_unanswered_ns
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
            dead_after_ns: S / 2,
            first_unanswered_ns: if silent == 0 { 0 } else { NOW - silent * S },
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
    fn silence_shorter_than_dead_after_is_none() {
        let mut f = facts(Answer::Offload, 10, 5);
        f.first_unanswered_ns = NOW - S / 2;
        assert_eq!(decide(&f), ANSWER);
        f.first_unanswered_ns -= 1;
        assert_eq!(decide(&f), HELD);
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
