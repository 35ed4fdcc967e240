//! What people are told of many changes: one event for each zone and kind, with a count and examples, at a pace.
//!
//! The first change is told at once. While more follow, events come 1, 2, 4, 8 and then every 16 s, each with all that
//! gathered meanwhile, so that a site that loses its power fills no log.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Change, Presence};
use crate::{RegistrationId, Time};

/// Examples in an event at most.
pub const TOLD_EXAMPLES: usize = 5;
const FIRST_GAP: Duration = Duration::from_secs(1);
const LONGEST_GAP: Duration = Duration::from_secs(16);

/// One of the registrations that an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// Number.
    pub registration: RegistrationId,
    /// Where its RAS messages come from.
    pub endpoint: SocketAddr,
    /// When it last spoke before this.
    pub last_seen: Time,
}

/// Something to tell people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Zone index.
    pub zone: u32,
    /// [`Presence::Silent`], [`Presence::Gone`] or [`Presence::Back`].
    pub to: Presence,
    /// How many registrations since the last event of this kind.
    pub count: u64,
    /// Some of them, the first ones.
    pub examples: Vec<Example>,
}

/// Changes of one kind in one zone that wait to be told.
#[derive(Clone, Debug, Default)]
struct Waiting {
    count: u64,
    examples: Vec<Example>,
    /// Nothing is told before.
    until: Time,
    gap: Duration,
}

/// Gathers changes and says when to tell them.
#[derive(Clone, Debug, Default)]
pub struct Digest(BTreeMap<(u32, Presence), Waiting>);

impl Digest {
    /// Takes changes and gives what is to be told now.
    pub fn add(&mut self, now: Time, changes: &[Change]) -> Vec<Told> {
        for change in changes {
            let waiting = self.0.entry((change.zone, change.to)).or_default();
            waiting.count += 1;
            if waiting.examples.len() < TOLD_EXAMPLES {
                waiting.examples.push(Example {
                    registration: change.id,
                    endpoint: change.endpoint,
                    last_seen: change.last_seen,
                });
            }
        }
        let mut told = Vec::new();
        self.0.retain(|(zone, to), waiting| {
            if now < waiting.until {
                return true;
            }
            if waiting.count == 0 {
                // Quiet for as long as the gap was: it begins with the first one again.
                return false;
            }
            told.push(Told {
                zone: *zone,
                to: *to,
                count: std::mem::take(&mut waiting.count),
                examples: std::mem::take(&mut waiting.examples),
            });
            waiting.gap = (waiting.gap * 2).clamp(FIRST_GAP, LONGEST_GAP);
            waiting.until = now.after(waiting.gap);
            true
        });
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn change(id: u64) -> Change {
        Change {
            id: RegistrationId(id),
            zone: 3,
            endpoint: ([10, 0, 0, 1], 1719).into(),
            to: Presence::Silent,
            last_seen: Time(7),
        }
    }

    #[test]
    fn ten_thousand_at_once_are_one_event() {
        let all: Vec<Change> = (0..10_000).map(change).collect();
        let told = Digest::default().add(Time(0), &all);
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].count, told[0].examples.len()), (10_000, 5));
    }

    #[test]
    fn ten_thousand_one_after_the_other_are_few_and_none_is_lost() {
        let mut digest = Digest::default();
        let mut told = Vec::new();
        for second in 0..100 {
            let some: Vec<Change> = (0..100).map(change).collect();
            told.extend(digest.add(Time(second * SECOND), &some));
        }
        for second in 100..200 {
            told.extend(digest.add(Time(second * SECOND), &[]));
        }
        assert!(told.len() <= 12, "{}", told.len());
        assert_eq!(told.iter().map(|t| t.count).sum::<u64>(), 10_000);
        assert!(digest.0.is_empty(), "quiet ones are forgotten");
        assert_eq!(digest.add(Time(201 * SECOND), &[change(1)])[0].count, 1);
    }
}
