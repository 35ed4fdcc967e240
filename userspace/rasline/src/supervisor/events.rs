//! What happened, for people: the last events in memory, new ones to those who follow.

use std::{
    collections::VecDeque,
    time::{SystemTime, UNIX_EPOCH},
};

use tokio::sync::broadcast;

use crate::control::view::Event;

/// Events kept.
pub const KEPT: usize = 10_000;
/// Events that a follower may be behind before some are left out for it.
pub const BEHIND: usize = 1024;

/// The last [`KEPT`] events.
#[derive(Debug)]
pub struct Events {
    kept: VecDeque<Event>,
    next: u64,
    followers: broadcast::Sender<Event>,
}

impl Default for Events {
    fn default() -> Self {
        Self {
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

    /// Notes that something happened.
    pub fn add(&mut self, about: &str, text: impl Into<String>) {
        let time = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs_f64();
        let event = Event {
            number: self.next,
            time,
            about: about.to_owned(),
            text: text.into(),
        };
        self.next += 1;
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(event.clone());
        // No followers is fine.
        let _ = self.followers.send(event);
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
        assert!(matches!(
            follower.try_recv(),
            Err(broadcast::error::TryRecvError::Lagged(_))
        ));
    }
}
