//! Another gatekeeper serves the zone: all endpoints register there, at the rate.

use std::collections::HashSet;
use std::net::SocketAddr;

use crate::proxy::{EntryId, Event, Output};

/// A move of the zone to another gatekeeper that is not over.
#[derive(Clone, Debug)]
pub(super) struct Move {
    gatekeeper: SocketAddr,
    /// Endpoints that were not registered when it began, and have come to no end since.
    left: HashSet<EntryId>,
    registered: usize,
    rejected: usize,
}

impl Move {
    /// A move of these endpoints begins, and people are told. `None`: there are none.
    pub fn begin(
        gatekeeper: SocketAddr,
        left: HashSet<EntryId>,
        out: &mut Vec<Output>,
    ) -> Option<Self> {
        if left.is_empty() {
            return None;
        }
        out.push(Output::Event(Event::Moving {
            gatekeeper,
            endpoints: left.len(),
        }));
        Some(Self {
            gatekeeper,
            left,
            registered: 0,
            rejected: 0,
        })
    }

    /// Notes that an endpoint is registered, or that it will not be. Returns the event with which the move is over.
    pub fn note_end(&mut self, id: EntryId, registered: bool) -> Option<Event> {
        if !self.left.remove(&id) {
            return None;
        }
        self.registered += usize::from(registered);
        self.rejected += usize::from(!registered);
        self.left.is_empty().then_some(Event::Moved {
            gatekeeper: self.gatekeeper,
            registered: self.registered,
            rejected: self.rejected,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_with_the_last_of_those_that_were_left() {
        let (gatekeeper, mut out) = (SocketAddr::from(([192, 0, 2, 1], 1719)), Vec::new());
        assert!(Move::begin(gatekeeper, HashSet::new(), &mut out).is_none());
        assert_eq!(out, []);
        let left = HashSet::from([EntryId(1), EntryId(2)]);
        let mut moving = Move::begin(gatekeeper, left, &mut out).unwrap();
        let event = Event::Moving {
            gatekeeper,
            endpoints: 2,
        };
        assert_eq!(out, [Output::Event(event)]);
        assert_eq!(moving.note_end(EntryId(3), true), None);
        assert_eq!(moving.note_end(EntryId(2), false), None);
        assert_eq!(moving.note_end(EntryId(2), true), None);
        let event = Event::Moved {
            gatekeeper,
            registered: 1,
            rejected: 1,
        };
        assert_eq!(moving.note_end(EntryId(1), true), Some(event));
    }
}
