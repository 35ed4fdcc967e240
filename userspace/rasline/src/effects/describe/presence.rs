//! Endpoints that fell silent, are gone, or are back.

use std::fmt::Write as _;

use rasline_core::{
    Time, ZoneIndex,
    presence::{Presence, Told},
};
use serde_json::json;

use super::Names;
use crate::view;

/// Names of these events.
pub mod name {
    crate::effects::event_names::event_names! {
        /// Endpoints have said nothing for longer than they may.
        ENDPOINT_SILENT = "endpoint_silent";
        /// They are not expected to return by themselves, or their registration has run out.
        ENDPOINT_GONE = "endpoint_gone";
        /// They spoke again.
        ENDPOINT_BACK = "endpoint_back";
    }
}

/// An event; number and time are given elsewhere.
pub(super) fn presence(told: &Told, names: &Names<'_>) -> view::Event {
    let (event, what) = match told.to {
        Presence::Silent => (name::ENDPOINT_SILENT, "silent"),
        Presence::Gone => (name::ENDPOINT_GONE, "gone"),
        _ => (name::ENDPOINT_BACK, "back"),
    };
    let zone = names.zone(ZoneIndex(told.zone));
    let verb = if told.count == 1 { "is" } else { "are" };
    let endpoints = if told.count == 1 {
        "endpoint"
    } else {
        "endpoints"
    };
    let mut text = format!("{zone}: {} {endpoints} {verb} {what}:", told.count);
    for (i, example) in told.examples.iter().enumerate() {
        let before = if i == 0 { "" } else { "," };
        let quiet = Time(names.now_ns).since(example.last_seen).as_secs_f64();
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "{before} {} (quiet for {quiet:.0} s)",
            example.endpoint
        );
    }
    if told.count > told.examples.len() as u64 {
        text.push_str(", ...");
    }
    let examples: Vec<_> = (told.examples.iter())
        .map(|example| {
            json!({
                "registration": example.registration,
                "endpoint": example.endpoint,
                "last_seen": names.date(example.last_seen),
            })
        })
        .collect();
    let only = told.examples.first().filter(|_| told.count == 1);
    let mut details = serde_json::Map::new();
    details.insert("count".to_owned(), told.count.into());
    details.insert("examples".to_owned(), examples.into());
    view::Event {
        about: "endpoints".to_owned(),
        event: event.to_owned(),
        zone: Some(zone),
        registration: only.map(|example| example.registration.0),
        text,
        details,
        ..view::Event::default()
    }
}
