//! The core's events as people and programs read them: names instead of indices, wall clock instead of CLOCK_MONOTONIC.
//!
//! docs/events.md describes what comes out of here.
// Seconds for people: a double holds them well enough.
#![allow(clippy::cast_precision_loss)]

use std::time::{SystemTime, UNIX_EPOCH};

use rasline_core::{Event, EventKind};
use serde_json::{Map, Value};

use crate::{control::view, host::monotonic_ns, supervisor::Supervisor};

/// Fields that are times of CLOCK_MONOTONIC, ns.
const TIMES: [&str; 4] = [
    "detected_at",
    "first_unanswered",
    "last_answer",
    "last_heard",
];
/// Fields that are gatekeeper indices, when they are numbers.
const GATEKEEPERS: [&str; 2] = ["from", "to"];

impl Supervisor {
    /// Notes an event of the core.
    pub(super) fn tell(&mut self, event: &Event) {
        let zone = self.zone_name(event.zone);
        let gatekeeper = self.gatekeeper_name(event.gatekeeper);
        let about = about(event);
        let text = match (about, event.registration) {
            (_, Some(id)) => format!("{zone}: {id}: {}", event.kind),
            ("table", None) => format!("{zone}: {}", event.kind),
            _ => format!("{zone}: {gatekeeper}: {}", event.kind),
        };
        let mut details = fields(&event.kind);
        let name = details.remove("event");
        let wall = wall_clock();
        translate(&mut details, &wall, &|index| self.gatekeeper_name(index));
        self.events.record(view::Event {
            about: about.to_owned(),
            event: name
                .and_then(|n| n.as_str().map(str::to_owned))
                .unwrap_or_default(),
            zone: Some(zone),
            gatekeeper: (about != "table").then_some(gatekeeper),
            registration: event.registration.map(|id| id.0),
            text,
            details,
            ..view::Event::default()
        });
    }
}

fn about(event: &Event) -> &'static str {
    match (&event.kind, event.registration) {
        (EventKind::TableFull { .. }, _) => "table",
        (_, Some(_)) => "registration",
        (
            EventKind::Failover { .. }
            | EventKind::Failback { .. }
            | EventKind::Switched { .. }
            | EventKind::Held
            | EventKind::Released
            | EventKind::NoCandidate { .. },
            None,
        ) => "zone",
        (_, None) => "gatekeeper",
    }
}

/// The event as it is serialised.
fn fields(kind: &EventKind) -> Map<String, Value> {
    match serde_json::to_value(kind) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// From CLOCK_MONOTONIC to seconds since 1970.
pub(super) fn wall_clock() -> impl Fn(i64) -> f64 {
    let wall = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64();
    let now_ns = monotonic_ns();
    move |then_ns| wall + (then_ns as f64 - now_ns as f64) / 1e9
}

fn translate(
    fields: &mut Map<String, Value>,
    wall: &impl Fn(i64) -> f64,
    name: &impl Fn(u32) -> String,
) {
    for (key, value) in fields {
        let number = value.as_u64();
        if let Some(ns) = number.filter(|_| TIMES.contains(&key.as_str())) {
            // What was before the machine started is negative, in two's complement.
            *value = wall(ns.cast_signed()).into();
        } else if let Some(index) = number.filter(|_| GATEKEEPERS.contains(&key.as_str())) {
            *value = name(u32::try_from(index).unwrap_or(u32::MAX)).into();
        } else if let Value::Object(inner) = value {
            translate(inner, wall, name);
        }
    }
}

#[cfg(test)]
mod tests {
    use rasline_core::{
        Time,
        failover::MoveCause,
        health::{Evidence, State},
    };

    use super::*;

    fn shown(kind: &EventKind) -> Value {
        let mut fields = fields(kind);
        translate(&mut fields, &|ns| ns as f64 / 1e9, &|i| format!("gk{i}"));
        Value::Object(fields)
    }

    #[test]
    fn indices_are_named_and_times_are_those_of_the_wall_clock() {
        let event = shown(&EventKind::Failover {
            from: Some(1),
            to: 2,
            cause: MoveCause::Down,
            detected_at: Time(3_500_000_000),
            evidence: Evidence {
                first_unanswered: Some(Time(3_250_000_000)),
                unanswered: 7,
                ..Evidence::default()
            },
        });
        assert_eq!(
            (&event["from"], &event["to"], &event["cause"]),
            (&"gk1".into(), &"gk2".into(), &"down".into())
        );
        assert_eq!(event["detected_at"], 3.5);
        let evidence = &event["evidence"];
        assert_eq!(evidence["first_unanswered"], 3.25);
        assert_eq!(
            (&evidence["unanswered"], &evidence["last_answer"]),
            (&7.into(), &Value::Null)
        );
    }

    #[test]
    fn states_stay_words() {
        let event = shown(&EventKind::HealthChanged {
            from: State::Up,
            to: State::Suspect,
            evidence: Evidence::default(),
        });
        assert_eq!(
            (&event["from"], &event["to"]),
            (&"up".into(), &"suspect".into())
        );
    }
}
