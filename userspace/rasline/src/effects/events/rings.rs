//! The last events of each class, so that many of one class push out none of another.

use std::collections::VecDeque;

use crate::{
    control::filter::EventFilter,
    view::{Event, severity::is_of_one},
};

/// What an event competes with for room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// What happens to zones, gatekeepers, interfaces, agents and the controller. These are stored, too.
    Important,
    /// What peers can cause at will, bounded but often: rejected requests, lists of alternates.
    Chatter,
    /// One registration.
    Registration,
    /// One call.
    Call,
}

impl Class {
    const ALL: [Self; 4] = [
        Self::Important,
        Self::Chatter,
        Self::Registration,
        Self::Call,
    ];

    /// The class of an event.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        if is_of_one(event) {
            return if event.about == "call" {
                Self::Call
            } else {
                Self::Registration
            };
        }
        match event.event.as_str() {
            "refused"
            | "request_rejected"
            | "source_locked"
            | "endpoint_silent"
            | "endpoint_gone"
            | "endpoint_back"
            | "alternates"
            | "alternate_refused"
            | "upstream_alternates"
            | "agent_unproved" => Self::Chatter,
            _ => Self::Important,
        }
    }

    /// Events of it that are kept.
    #[must_use]
    pub const fn kept(self) -> usize {
        match self {
            Self::Important | Self::Call => 5_000,
            Self::Chatter => 2_000,
            Self::Registration => 10_000,
        }
    }
}

/// A ring for each class.
#[derive(Debug, Default)]
pub struct Rings([VecDeque<Event>; Class::ALL.len()]);

impl Rings {
    /// Keeps an event, which is later than all before.
    pub fn push(&mut self, event: Event) {
        let class = Class::of(&event);
        let ring = &mut self.0[class as usize];
        if ring.len() == class.kept() {
            ring.pop_front();
        }
        ring.push_back(event);
    }

    /// The last `n` that are wanted, oldest first.
    #[must_use]
    pub fn last(&self, filter: &EventFilter, n: usize) -> Vec<&Event> {
        let of = |ring: &'_ VecDeque<Event>| {
            let wanted = ring.iter().rev().filter(|event| filter.matches(event));
            wanted.take(n).map(|event| event.number).collect::<Vec<_>>()
        };
        let mut numbers: Vec<u64> = self.0.iter().flat_map(of).collect();
        numbers.sort_unstable();
        let first = numbers.len().saturating_sub(n);
        let Some(first) = numbers.get(first).copied() else {
            return Vec::new();
        };
        let all = self.0.iter().flatten();
        let mut all: Vec<&Event> = all
            .filter(|event| event.number >= first && filter.matches(event))
            .collect();
        all.sort_unstable_by_key(|event| event.number);
        all
    }

    /// Those of the important class, oldest first.
    pub fn important(&self) -> impl Iterator<Item = &Event> {
        self.0[Class::Important as usize].iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: u64, about: &str, event: &str) -> Event {
        Event {
            number,
            about: about.into(),
            event: event.into(),
            ..Event::default()
        }
    }

    #[test]
    fn many_of_one_class_push_out_none_of_another() {
        let mut rings = Rings::default();
        rings.push(event(1, "zone", "failover"));
        for n in 2..60_002 {
            let (about, name) = match n % 3 {
                0 => ("registration", "registered"),
                1 => ("call", "call_started"),
                _ => ("gatekeeper", "alternates"),
            };
            rings.push(event(n, about, name));
        }
        let all = rings.last(&EventFilter::default(), usize::MAX);
        let kept: usize = Class::ALL.iter().skip(1).map(|class| class.kept()).sum();
        assert_eq!((all[0].number, all.len()), (1, kept + 1));
        assert!(all.is_sorted_by_key(|event| event.number));
        let kind = vec!["failover".to_owned(), "registered".to_owned()];
        let filter = EventFilter {
            kind,
            ..EventFilter::default()
        };
        assert_eq!(rings.last(&filter, 1)[0].event, "registered");
        let two = rings.last(&EventFilter::default(), 2);
        assert_eq!(
            two.iter().map(|e| e.number).collect::<Vec<_>>(),
            [60_000, 60_001]
        );
        assert!(rings.last(&filter, 0).is_empty());
    }
}
