//! Connection tracking on this machine: a keep-alive that the kernel program answers meets no netfilter hook, so that the
//! entry of its addresses would run out, and a stateful rule would drop what the gatekeeper sends to the endpoint later. The
//! controller renews the entry in the keep-alive's place.
//!
//! Invariant: an entry lives as long as it would if the keep-alives had passed, and not much longer; where nothing is
//! tracked, or RAS is not (the rules of `rasline firewall`), none is made.

use std::time::Duration;

use rasline_kernel::{Dataplane, Observed};

use crate::{
    firewall,
    host::{
        conntrack::{self, Conntrack},
        netfilter::Survey,
    },
};

/// How often it is looked whether connections are tracked.
const LOOK_EVERY_NS: u64 = Duration::from_secs(10).as_nanos() as u64;
/// Keep-alives renew an entry again after this part of its life.
const PARTS: u32 = 4;
/// How late the controller may hear of a keep-alive.
const LATE: Duration = Duration::from_secs(2);

/// What was renewed, and when.
#[derive(Debug, Default)]
pub struct Tracked {
    conntrack: Conntrack,
    /// When it was looked last whether connections are tracked; none: never.
    looked_ns: Option<u64>,
    in_use: bool,
    /// By slot: the generation that was renewed, and when.
    renewed: Vec<(u32, u64)>,
}

impl Tracked {
    /// How long an entry lives; none: nothing is to be renewed.
    fn timeout(&mut self, now_ns: u64) -> Option<Duration> {
        let timeout = conntrack::udp_timeout()?;
        let due = |looked| now_ns.saturating_sub(looked) >= LOOK_EVERY_NS;
        if self.looked_ns.is_none_or(due) {
            let survey = Survey::take();
            self.in_use = survey.tracks() && !survey.has_table(firewall::TABLE);
            self.looked_ns = Some(now_ns);
        }
        self.in_use.then_some(timeout)
    }

    /// Whether the entry of what was observed is to be renewed now; it is noted as renewed then.
    fn is_due(&mut self, now_ns: u64, observed: &Observed, every: Duration) -> bool {
        let (slot, generation) = (observed.place.slot as usize, observed.place.generation);
        if self.renewed.len() <= slot {
            self.renewed.resize(slot + 1, (0, 0));
        }
        let seen_ns = observed.last_seen_ns;
        let (renewed_generation, renewed_ns) = self.renewed[slot];
        let due = !observed.withdrawn
            && seen_ns.saturating_add(LATE.as_nanos() as u64) > now_ns
            && (renewed_generation != generation
                || now_ns.saturating_sub(renewed_ns) >= every.as_nanos() as u64);
        if due {
            self.renewed[slot] = (generation, now_ns);
        }
        due
    }
}

impl Tracked {
    /// Renews the entries of registrations whose keep-alives came since the last look.
    pub fn renew(&mut self, dataplane: &Dataplane, now_ns: u64, changed: &[Observed]) {
        let Some(timeout) = self.timeout(now_ns) else {
            return;
        };
        let every = timeout / PARTS;
        let mut pairs = Vec::new();
        for observed in changed {
            if self.is_due(now_ns, observed, every) {
                pairs.extend(dataplane.association(observed.place));
            }
        }
        // The next keep-alive that renews it may come that much after the last one that did not.
        self.conntrack.renew(&pairs, timeout + every + LATE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rasline_kernel::Place;

    const S: u64 = 1_000_000_000;

    fn seen(generation: u32, at: u64) -> Observed {
        Observed {
            place: Place {
                slot: 3,
                generation,
            },
            answered: 1,
            last_seen_ns: at,
            confirmed_ns: 0,
            refreshed_ns: 0,
            withdrawn: false,
        }
    }

    #[test]
    fn a_keep_alive_renews_once_in_a_part_of_the_life() {
        let mut tracked = Tracked::default();
        let every = Duration::from_secs(2);
        for (generation, now, due) in [
            (2, 100 * S, true),
            (2, 101 * S, false),
            (2, 102 * S, true),
            // Another registration in the same slot.
            (4, 102 * S, true),
            (4, 103 * S, false),
        ] {
            let is_due = tracked.is_due(now, &seen(generation, now), every);
            assert_eq!(is_due, due, "{generation} at {now}");
        }
    }

    #[test]
    fn what_is_old_or_withdrawn_renews_nothing() {
        let mut tracked = Tracked::default();
        let every = Duration::from_secs(2);
        assert!(!tracked.is_due(100 * S, &seen(2, 90 * S), every));
        let withdrawn = Observed {
            withdrawn: true,
            ..seen(2, 100 * S)
        };
        assert!(!tracked.is_due(100 * S, &withdrawn, every));
    }
}
