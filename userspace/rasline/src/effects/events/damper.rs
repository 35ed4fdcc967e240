//! Keeps what repeats itself from filling log and rings: of one kind and subject only some a minute, then a summary.
//!
//! Registrations and calls have rings of their own and are not logged as a rule; what moves a zone is damped where it is
//! decided. Neither is held back here.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::view::{Event, severity::is_of_one};

/// Events of one kind and subject that go through in a [`WINDOW`].
const BURST: u32 = 10;
/// After this much time the count begins again.
const WINDOW: Duration = Duration::from_mins(1);
/// Kinds and subjects that are counted apart; all others share one count of each kind.
const SUBJECTS: usize = 4096;

/// What never repeats faster than it matters.
const FREE: [&str; 6] = [
    "failover",
    "failback",
    "switched",
    "held",
    "released",
    "no_candidate",
];

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    event: String,
    subject: [Option<String>; 4],
}

#[derive(Debug)]
struct Count {
    since: Instant,
    let_through: u32,
    held_back: u32,
    /// The last one that was held back.
    last: Option<Event>,
}

/// How often each kind and subject came lately.
#[derive(Debug, Default)]
pub struct Damper(HashMap<Key, Count>);

impl Damper {
    /// Gives the event back if it is to be told now; else it is counted.
    pub fn admit(&mut self, event: Event, now: Instant) -> Option<Event> {
        if is_of_one(&event) || FREE.contains(&event.event.as_str()) {
            return Some(event);
        }
        let count = self.0.entry(self.key(&event)).or_insert_with(|| Count {
            since: now,
            let_through: 0,
            held_back: 0,
            last: None,
        });
        if count.let_through < BURST {
            count.let_through += 1;
            return Some(event);
        }
        count.held_back += 1;
        count.last = Some(event);
        None
    }

    fn key(&self, event: &Event) -> Key {
        let name = event.event.clone();
        let key = Key {
            event: name.clone(),
            subject: [
                event.zone.clone(),
                event.gatekeeper.clone(),
                event.agent.clone(),
                event
                    .interface
                    .clone()
                    .or_else(|| Some(event.about.clone())),
            ],
        };
        if self.0.len() < SUBJECTS || self.0.contains_key(&key) {
            return key;
        }
        Key {
            event: name,
            subject: Default::default(),
        }
    }

    /// Summaries of what was held back in windows that are over: the last event, and how many there were.
    pub fn expire(&mut self, now: Instant) -> Vec<Event> {
        let over = |count: &Count| now.saturating_duration_since(count.since) >= WINDOW;
        let mut summaries: Vec<Event> = Vec::new();
        self.0.retain(|_, count| {
            if !over(count) {
                return true;
            }
            let Some(mut last) = count.last.take() else {
                return false;
            };
            last.text = format!(
                "{} ({} like it since {})",
                last.text,
                count.held_back,
                seconds(now, count.since)
            );
            last.details
                .insert("left_out".to_owned(), count.held_back.into());
            summaries.push(last);
            // What goes on is summarised once a window.
            *count = Count {
                since: now,
                let_through: BURST,
                held_back: 0,
                last: None,
            };
            true
        });
        summaries
    }
}

fn seconds(now: Instant, since: Instant) -> String {
    format!("{} s ago", now.saturating_duration_since(since).as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, gatekeeper: &str) -> Event {
        Event {
            event: name.into(),
            about: "gatekeeper".into(),
            gatekeeper: Some(gatekeeper.into()),
            ..Event::default()
        }
    }

    #[test]
    fn a_gatekeeper_that_toggles_is_summarised() {
        let (mut damper, start) = (Damper::default(), Instant::now());
        let mut told = 0;
        for second in 0..600 {
            let now = start + Duration::from_secs(second);
            for _ in 0..5 {
                told += u32::from(damper.admit(event("alternates", "gk1"), now).is_some());
            }
            for summary in damper.expire(now) {
                assert_eq!(summary.event, "alternates");
                assert!(summary.details["left_out"].as_u64().unwrap() > 200);
                told += 1;
            }
        }
        assert!((10..=20).contains(&told), "{told}");
        // Another one is not affected, and what is over is forgotten.
        let now = start + Duration::from_mins(10);
        assert!(damper.admit(event("alternates", "gk2"), now).is_some());
        assert_eq!(damper.expire(now + WINDOW).len(), 1);
        assert_eq!(damper.expire(now + 2 * WINDOW).len(), 0);
        assert!(damper.0.is_empty());
    }

    #[test]
    fn moves_and_registrations_are_not_held_back() {
        let (mut damper, now) = (Damper::default(), Instant::now());
        for _ in 0..100 {
            assert!(damper.admit(event("failover", "gk1"), now).is_some());
            let one = Event {
                about: "registration".into(),
                ..event("learned", "gk1")
            };
            assert!(damper.admit(one, now).is_some());
        }
    }

    #[test]
    fn subjects_are_bounded() {
        let (mut damper, now) = (Damper::default(), Instant::now());
        let told = (0..10 * SUBJECTS).filter(|n| {
            damper
                .admit(event("alternates", &n.to_string()), now)
                .is_some()
        });
        assert_eq!(told.count(), SUBJECTS + BURST as usize);
        assert_eq!(damper.0.len(), SUBJECTS + 1);
    }
}
