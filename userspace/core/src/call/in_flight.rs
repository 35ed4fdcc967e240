//! What went into the gatekeeper and did not come out of it yet.
//!
//! A gatekeeper's kernel acknowledges what the gatekeeper never reads. So when it is lost, what went into one of its legs
//! and was not seen to come out of the other is sent to the other endpoint by rasline. A gatekeeper relays in order: what
//! went in before something that came out was consumed, and is not sent again.
//!
//! Invariants: nothing that was seen to come out is kept; what is kept has a bound, the oldest makes way.

use std::collections::VecDeque;

use rasline_h225::q931;
use rasline_h225::uuie::UserInformation;

use super::received::Received;

/// Messages, and octets of them, kept at most for each direction.
const MESSAGES: usize = 64;
const OCTETS: usize = 65_536;

/// What a message is recognized by when it comes out again.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Mark {
    /// A tunnelled H.245 message, or one of the H.245 connection.
    Control(Vec<u8>),
    /// The type of a Q.931 message.
    Type(u8),
}

/// Something that the other endpoint has not got yet.
#[derive(Clone, Debug)]
pub(super) enum Undelivered {
    /// A Q.931 message.
    Signalling(Box<Received>),
    /// H.245 messages of a Q.931 message whose rest was delivered.
    Tunnelled(Vec<Vec<u8>>),
    /// A message of the H.245 connection.
    Control(Vec<u8>),
}

#[derive(Clone, Debug)]
struct Item {
    /// The message, if nothing of it came out.
    whole: Option<Undelivered>,
    /// What did not come out, in order.
    marks: Vec<Mark>,
    octets: usize,
}

/// One direction of a call.
#[derive(Clone, Debug, Default)]
pub(super) struct InFlight {
    items: VecDeque<Item>,
    octets: usize,
}

impl InFlight {
    /// Notes a Q.931 message that goes to the gatekeeper.
    pub fn enter(&mut self, received: &Received) {
        let marks = signalling_marks(received);
        // The message is kept as it came, decoded, and as marks.
        let octets = 3 * received.len() + marks.len() * MARK_OVERHEAD + OVERHEAD;
        let whole = Undelivered::Signalling(Box::new(received.clone()));
        self.push(whole, marks, octets);
    }

    /// Notes a message of the H.245 connection that goes to the gatekeeper.
    pub fn enter_control(&mut self, message: &[u8]) {
        let marks = vec![Mark::Control(message.to_vec())];
        let octets = 2 * message.len() + MARK_OVERHEAD;
        self.push(Undelivered::Control(message.to_vec()), marks, octets);
    }

    /// Notes a Q.931 message that came from the gatekeeper.
    pub fn leave(&mut self, received: &Received) {
        for mark in signalling_marks(received) {
            self.remove(&mark);
        }
    }

    /// Notes a message of the gatekeeper's H.245 connection.
    pub fn leave_control(&mut self, message: &[u8]) {
        self.remove(&Mark::Control(message.to_vec()));
    }

    /// Takes all that did not come out, in order.
    pub fn take(&mut self) -> Vec<Undelivered> {
        self.octets = 0;
        self.items.drain(..).filter_map(Item::rest).collect()
    }

    fn push(&mut self, whole: Undelivered, marks: Vec<Mark>, octets: usize) {
        self.octets += octets;
        self.items.push_back(Item {
            whole: Some(whole),
            marks,
            octets,
        });
        while self.items.len() > MESSAGES || self.octets > OCTETS {
            self.remove_first();
        }
    }

    fn remove_first(&mut self) {
        if let Some(first) = self.items.pop_front() {
            self.octets -= first.octets;
        }
    }

    /// Removes a mark, and what went in before it.
    fn remove(&mut self, mark: &Mark) {
        let found = self.items.iter().position(|item| item.marks.contains(mark));
        let Some(place) = found else {
            return;
        };
        for _ in 0..place {
            self.remove_first();
        }
        let Some(item) = self.items.front_mut() else {
            return;
        };
        item.remove(mark);
        if item.marks.is_empty() {
            self.remove_first();
        }
    }
}

/// Octets that a kept message is counted as beside its elements, and each of its marks beside its H.245.
const OVERHEAD: usize = 512;
const MARK_OVERHEAD: usize = 64;

impl Item {
    /// Removes a mark and those before it.
    fn remove(&mut self, mark: &Mark) {
        if let Some(place) = self.marks.iter().position(|one| one == mark) {
            self.marks.drain(..=place);
            self.whole = None;
        }
    }

    /// What of it did not come out.
    fn rest(self) -> Option<Undelivered> {
        let control = |mark| match mark {
            Mark::Control(octets) => Some(octets),
            Mark::Type(_) => None,
        };
        self.whole.or_else(|| {
            let left: Vec<Vec<u8>> = self.marks.into_iter().filter_map(control).collect();
            (!left.is_empty()).then_some(Undelivered::Tunnelled(left))
        })
    }
}

/// A Facility that only carries H.245 is recognized by that alone, since gatekeepers may tunnel it in another message.
fn signalling_marks(received: &Received) -> Vec<Mark> {
    let tunnelled = received.info.iter().flat_map(UserInformation::h245_control);
    let control: Vec<Mark> = tunnelled
        .map(|octets| Mark::Control(octets.to_vec()))
        .collect();
    let carries_only = received.is(q931::FACILITY) && !control.is_empty();
    let kind = (!carries_only).then_some(Mark::Type(received.message.message_type));
    kind.into_iter().chain(control).collect()
}
