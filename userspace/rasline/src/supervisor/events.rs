//! What happened: the last events in memory, new ones to those who follow, and how often each came.
//!
//! Names of the agents' events stand in [`crate::agent::NAMES`].
//! Invariant: every name stands in docs/events.md.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{SystemTime, UNIX_EPOCH},
};

use tokio::sync::broadcast;

use crate::control::view::Event;

/// Events kept.
pub const KEPT: usize = 10_000;
/// Events that a follower may be behind before some are left out for it.
pub const BEHIND: usize = 1024;

/// Names of the controller's own events; those of the core stand in its `EventKind`.
pub mod name {
    /// The controller runs.
    pub const STARTED: &str = "started";
    /// The configuration was read again.
    pub const RELOADED: &str = "reloaded";
    /// The program is on an interface.
    pub const ATTACHED: &str = "attached";
    /// It was taken off.
    pub const DETACHED: &str = "detached";
    /// Something is wrong with an interface.
    pub const INTERFACE_TROUBLE: &str = "interface_trouble";
    /// A follower read too slowly.
    pub const EVENTS_LEFT_OUT: &str = "events_left_out";
    /// Something without a name of its own.
    pub const NOTICE: &str = "notice";
    /// All of them.
    pub const ALL: [&str; 7] = [
        STARTED,
        RELOADED,
        ATTACHED,
        DETACHED,
        INTERFACE_TROUBLE,
        EVENTS_LEFT_OUT,
        NOTICE,
    ];
}

/// Name of an event, zone, and cause, each as it stands in the event; empty if it has none.
pub type Tally = BTreeMap<(String, String, String), u64>;

/// The last [`KEPT`] events.
#[derive(Debug)]
pub struct Events {
    tally: Tally,
    kept: VecDeque<Event>,
    next: u64,
    followers: broadcast::Sender<Event>,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            tally: Tally::new(),
            kept: VecDeque::new(),
            next: 1,
            followers: broadcast::channel(BEHIND).0,
        }
    }
}

impl Events {
    /// Where followers subscribe.
    #[must_use]
    pub fn followers(&self) -> broadcast::Sender<Event> {
        self.followers.clone()
    }

    /// Notes that something happened that has no name of its own.
    pub fn add(&mut self, about: &str, text: impl Into<String>) {
        self.record(Event {
            event: name::NOTICE.to_owned(),
            about: about.to_owned(),
            text: text.into(),
            ..Event::default()
        });
    }

    /// Notes something about the controller.
    pub fn controller(&mut self, name: &str, text: &str) {
        self.record(Event {
            event: name.to_owned(),
            about: "controller".to_owned(),
            text: text.to_owned(),
            ..Event::default()
        });
    }

    /// Notes something about an interface; `why` is empty if nothing is to be explained.
    pub fn interface(&mut self, name: &str, interface: &str, why: &str) {
        let mut event = Event {
            event: name.to_owned(),
            about: "interface".to_owned(),
            interface: Some(interface.to_owned()),
            text: format!("{interface}: {}", if why.is_empty() { name } else { why }),
            ..Event::default()
        };
        if !why.is_empty() {
            event.details.insert("why".to_owned(), why.into());
        }
        self.record(event);
    }

    /// Notes that something happened; number and time are given here.
    pub fn record(&mut self, event: Event) {
        let time = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs_f64();
        let event = Event {
            number: self.next,
            time,
            ..event
        };
        self.next += 1;
        *self.tally.entry(key(&event)).or_default() += 1;
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(event.clone());
        // No followers is fine.
        let _ = self.followers.send(event);
    }

    /// How often each came since the start.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The last `n`, oldest first.
    #[must_use]
    pub fn last(&self, n: usize) -> Vec<&Event> {
        self.kept
            .iter()
            .skip(self.kept.len().saturating_sub(n))
            .collect()
    }
}

/// What it is counted under. A cause is a name from a list, never a text of the network.
fn key(event: &Event) -> (String, String, String) {
    let cause = event.details.get("cause");
    (
        event.event.clone(),
        event.zone.clone().unwrap_or_default(),
        cause
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_events_go() {
        let mut events = Events::default();
        let mut follower = events.followers().subscribe();
        for i in 0..KEPT + 3 {
            events.add("test", i.to_string());
        }
        let all = events.last(usize::MAX);
        assert_eq!((all.len(), all[0].number), (KEPT, 4));
        assert_eq!(events.last(1)[0].text, (KEPT + 2).to_string());
        let key = (name::NOTICE.to_owned(), String::new(), String::new());
        assert_eq!(events.tally()[&key], KEPT as u64 + 3);
        assert!(matches!(
            follower.try_recv(),
            Err(broadcast::error::TryRecvError::Lagged(_))
        ));
    }
}
