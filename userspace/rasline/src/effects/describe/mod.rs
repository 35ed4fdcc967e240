//! Events as people and programs read them: names in place of indices, dates in place of times of CLOCK_MONOTONIC.
//!
//! docs/events.md describes what comes out of here.
// Seconds for people: a double holds them well enough.
#![allow(clippy::cast_precision_loss)]

pub mod agents;
pub mod calls;
mod network;
pub mod presence;
pub mod served;

use std::time::{SystemTime, UNIX_EPOCH};

use rasline_core::{
    GatekeeperIndex, Time, ZoneIndex,
    site::{Config, Event},
};
use serde_json::{Map, Value};

use super::events::name;
use crate::{host::monotonic_ns, view};

/// Names of zones and gatekeepers, and the date.
pub struct Names<'a> {
    config: &'a Config,
    /// Seconds since 1970, now.
    date: f64,
    now_ns: u64,
}

impl<'a> Names<'a> {
    /// Those of this configuration, and the date as it is now.
    #[must_use]
    pub fn new(config: &'a Config) -> Self {
        let date = SystemTime::now().duration_since(UNIX_EPOCH);
        Self::at(
            config,
            date.unwrap_or_default().as_secs_f64(),
            monotonic_ns(),
        )
    }

    /// With a date of the caller.
    #[must_use]
    pub const fn at(config: &'a Config, date: f64, now_ns: u64) -> Self {
        Self {
            config,
            date,
            now_ns,
        }
    }

    /// Seconds since 1970. What was before the machine started is negative, in two's complement.
    fn date(&self, time: Time) -> f64 {
        let ago_ns = time.0.cast_signed() as f64 - self.now_ns as f64;
        self.date + ago_ns / 1e9
    }

    fn zone(&self, zone: ZoneIndex) -> String {
        self.config.zone_name(zone)
    }

    fn gatekeeper(&self, gatekeeper: Option<GatekeeperIndex>) -> String {
        let name = |index| self.config.gatekeeper_name(index);
        gatekeeper.map_or_else(|| "-".to_owned(), name)
    }
}

/// An event; number and time are given elsewhere.
#[must_use]
pub fn describe(event: &Event, names: &Names<'_>) -> view::Event {
    match event {
        Event::Network(event) => network::network(event, names),
        Event::Backup(event) => {
            let (zone, said) = served::backup(event);
            about_zone(zone, ("zone", said), names)
        }
        Event::Registrar { zone, event } => about_zone(*zone, served::registrar(event), names),
        Event::Proxy { zone, event } => about_zone(*zone, served::proxy(event), names),
        Event::Call(event) => calls::describe_call(event, names),
        Event::Presence(told) => presence::presence(told, names),
        Event::CutOff { gatekeeper, why } => {
            let text = format!("cannot be reached, as this machine's own link is down: {why}");
            about_way(*gatekeeper, name::CUT_OFF, &text, names)
        }
        Event::Reached { gatekeeper } => {
            let text = "this machine's own link to it is up again";
            about_way(*gatekeeper, name::REACHED, text, names)
        }
        Event::Overload { waiting } => {
            let text = format!("{waiting} RAS messages wait: full registrations are put off (RIP)");
            about_controller(served::name::OVERLOAD, text)
        }
        Event::OverloadOver => {
            let text = "full registrations are taken again".to_owned();
            about_controller(served::name::OVERLOAD_OVER, text)
        }
        Event::Profiles { trouble } => {
            let text = trouble.as_deref().unwrap_or("read from the database");
            about_controller(served::name::PROFILES, format!("profiles: {text}"))
        }
    }
}

fn about_zone(
    zone: ZoneIndex,
    (about, (name, text, details)): (&'static str, served::Said),
    names: &Names<'_>,
) -> view::Event {
    let zone = names.zone(zone);
    view::Event {
        about: about.to_owned(),
        event: name.to_owned(),
        text: format!("{zone}: {text}"),
        zone: Some(zone),
        details: match details {
            Value::Object(details) => details,
            _ => Map::new(),
        },
        ..view::Event::default()
    }
}

fn about_way(
    gatekeeper: GatekeeperIndex,
    event: &str,
    text: &str,
    names: &Names<'_>,
) -> view::Event {
    let id = names.gatekeeper(Some(gatekeeper));
    let zone = names.config.gatekeeper(gatekeeper);
    view::Event {
        event: event.to_owned(),
        about: "gatekeeper".to_owned(),
        zone: zone.map(|(zone, _)| zone.name.clone()),
        text: format!("gatekeeper {id}: {text}"),
        gatekeeper: Some(id),
        ..view::Event::default()
    }
}

fn about_controller(event: &str, text: String) -> view::Event {
    view::Event {
        event: event.to_owned(),
        about: "controller".to_owned(),
        text,
        ..view::Event::default()
    }
}
