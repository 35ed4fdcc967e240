//! What happened: the last events of each class in memory, new ones to the log and to those who follow, and how often
//! each came. Important ones are stored, so that they survive a restart.
//!
//! Names of the agents' events stand in [`super::describe::agents::name`].
//! Invariant: every name stands in docs/events.md.

mod damper;
mod rings;

use std::{
    collections::BTreeMap,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use tokio::sync::broadcast;

use crate::{
    control::filter::EventFilter,
    view::{
        Event,
        severity::{Severity, is_of_one},
    },
};
use damper::Damper;
use rings::Rings;

pub use rings::Class;

/// Events that a follower may be behind before some are left out for it.
pub const BEHIND: usize = 1024;

/// Names of the controller's own events; those of the core stand in its `EventKind`.
pub mod name {
    crate::effects::event_names::event_names! {
        /// The controller runs.
        STARTED = "started";
        /// The configuration was read again.
        RELOADED = "reloaded";
        /// The program is on an interface.
        ATTACHED = "attached";
        /// It was taken off.
        DETACHED = "detached";
        /// Something is wrong with an interface.
        INTERFACE_TROUBLE = "interface_trouble";
        /// Nothing is wrong with it any more.
        INTERFACE_RECOVERED = "interface_recovered";
        /// Something that the controller needs is not there.
        WAITING = "waiting";
        /// It is there.
        AVAILABLE = "available";
        /// Pins were gone and were made again.
        PINS_MENDED = "pins_mended";
        /// A gatekeeper cannot be reached, as a link of this machine is down.
        CUT_OFF = "cut_off";
        /// That link is up again.
        REACHED = "reached";
        /// A follower read too slowly.
        EVENTS_LEFT_OUT = "events_left_out";
        /// Something without a name of its own.
        NOTICE = "notice";
    }
}

/// Name of an event, zone, and cause, each as it stands in the event; empty if it has none.
pub type Tally = BTreeMap<(String, String, String), u64>;

/// The last events of each class.
#[derive(Debug)]
pub struct Events {
    tally: Tally,
    kept: Rings,
    damper: Damper,
    /// Important ones that the store has not been given yet.
    unsaved: Vec<Event>,
    next: u64,
    followers: broadcast::Sender<Event>,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            tally: Tally::new(),
            kept: Rings::default(),
            damper: Damper::default(),
            unsaved: Vec::new(),
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

    /// Important events of earlier controllers, oldest first. They are not counted.
    pub fn restore(&mut self, earlier: Vec<Event>) {
        for event in earlier {
            self.next = self.next.max(event.number + 1);
            self.kept.push(event);
        }
    }

    /// Notes that something happened that has no name of its own. Whoever found it has logged it.
    pub fn add(&mut self, about: &str, text: impl Into<String>) {
        self.keep(Event {
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

    /// Notes that something happened and logs it; number, time and, unless it is given, severity are given here. What
    /// repeats itself is counted and summarised.
    pub fn record(&mut self, event: Event) {
        *self.tally.entry(key(&event)).or_default() += 1;
        if let Some(event) = self.damper.admit(event, Instant::now()) {
            log(&event);
            self.keep(event);
        }
    }

    /// Tells what was held back.
    pub fn tick(&mut self) {
        for event in self.damper.expire(Instant::now()) {
            log(&event);
            self.keep(event);
        }
    }

    fn keep(&mut self, event: Event) {
        let time = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs_f64();
        let event = Event {
            number: self.next,
            time,
            severity: event.severity.or_else(|| Some(Severity::of(&event))),
            ..event
        };
        self.next += 1;
        if Class::of(&event) == Class::Important {
            self.unsaved.push(event.clone());
        }
        self.kept.push(event.clone());
        // No followers is fine.
        let _ = self.followers.send(event);
    }

    /// What is to be stored and was not given before.
    #[must_use]
    pub fn take_unsaved(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.unsaved)
    }

    /// All that is to be stored is to be given again: the file is new.
    pub fn save_all(&mut self) {
        self.unsaved = self.kept.important().cloned().collect();
    }

    /// How often each came since the start.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The last `n` that are wanted, oldest first.
    #[must_use]
    pub fn last(&self, filter: &EventFilter, n: usize) -> Vec<&Event> {
        self.kept.last(filter, n)
    }
}

/// Logs an event as loud as it matters.
fn log(event: &Event) {
    let (about, text) = (&event.about, &event.text);
    match event.severity.unwrap_or_else(|| Severity::of(event)) {
        Severity::Error => tracing::error!("{about} {text}"),
        Severity::Warning => tracing::warn!("{about} {text}"),
        Severity::Info if is_of_one(event) => tracing::debug!("{about} {text}"),
        Severity::Notice | Severity::Info => tracing::info!("{about} {text}"),
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

    fn event(name: &str, about: &str) -> Event {
        Event {
            event: name.to_owned(),
            about: about.to_owned(),
            zone: Some("a".to_owned()),
            ..Event::default()
        }
    }

    #[test]
    fn ten_thousand_registrations_flush_no_failover() {
        let mut events = Events::default();
        let mut follower = events.followers().subscribe();
        events.record(event("failover", "zone"));
        for _ in 0..20_000 {
            events.record(event("registered", "registration"));
        }
        let all = events.last(&EventFilter::default(), usize::MAX);
        assert_eq!((all.len(), &*all[0].event), (10_001, "failover"));
        assert_eq!(all[0].severity, Some(Severity::Warning));
        let key = ("registered".to_owned(), "a".to_owned(), String::new());
        assert_eq!(events.tally()[&key], 20_000);
        assert!(matches!(
            follower.try_recv(),
            Err(broadcast::error::TryRecvError::Lagged(_))
        ));
    }

    #[test]
    fn important_ones_are_stored_and_come_back() {
        let mut events = Events::default();
        events.record(event("failover", "zone"));
        events.record(event("registered", "registration"));
        let unsaved = events.take_unsaved();
        assert_eq!(unsaved.len(), 1);
        assert!(events.take_unsaved().is_empty());
        events.save_all();
        assert_eq!(events.take_unsaved(), unsaved);
        let mut after = Events::default();
        after.restore(unsaved.clone());
        assert!(after.take_unsaved().is_empty() && after.tally().is_empty());
        after.record(event("failback", "zone"));
        let all = after.last(&EventFilter::default(), usize::MAX);
        assert_eq!(*all[0], unsaved[0]);
        assert!(all[1].number > all[0].number);
    }

    #[test]
    fn what_repeats_itself_is_counted_and_told_now_and_then() {
        let mut events = Events::default();
        for _ in 0..1000 {
            events.record(event("alternates", "gatekeeper"));
        }
        assert!(events.last(&EventFilter::default(), usize::MAX).len() <= 10);
        assert_eq!(events.tally().values().sum::<u64>(), 1000);
    }
}
