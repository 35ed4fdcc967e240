//! Events about learned registrations, gatekeepers and zones.

use rasline_core::{Event, EventKind, GatekeeperIndex, Time, health::Evidence};
use serde_json::{Map, Value, json};

use super::Names;
use crate::view;

/// An event; number and time are given elsewhere.
pub(super) fn network(event: &Event, names: &Names<'_>) -> view::Event {
    let zone = names.zone(event.zone);
    let gatekeeper = names.gatekeeper(event.gatekeeper);
    let about = subject(event);
    let text = match (about, event.registration) {
        (_, Some(id)) => format!("{zone}: {id}: {}", event.kind),
        ("table", None) => format!("{zone}: {}", event.kind),
        _ => format!("{zone}: {gatekeeper}: {}", event.kind),
    };
    let (name, details) = details(&event.kind, names);
    view::Event {
        about: about.to_owned(),
        event: name.to_owned(),
        zone: Some(zone),
        gatekeeper: (about != "table").then_some(gatekeeper),
        registration: event.registration.map(|id| id.0),
        text,
        details,
        ..view::Event::default()
    }
}

fn subject(event: &Event) -> &'static str {
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

/// Name and details of an event.
fn details(kind: &EventKind, names: &Names<'_>) -> (&'static str, Map<String, Value>) {
    let from = |index: &Option<GatekeeperIndex>| index.map(|index| names.gatekeeper(Some(index)));
    let (name, details) = match kind {
        EventKind::Registered {
            endpoint,
            endpoint_identifier,
        } => (
            "registered",
            json!({"endpoint": endpoint, "endpoint_identifier": endpoint_identifier}),
        ),
        EventKind::Learned => ("learned", json!({})),
        EventKind::Withdrawn { cause, gone } => {
            let mut details = object(serde_json::to_value(cause));
            details.insert("gone".to_owned(), (*gone).into());
            return ("withdrawn", details);
        }
        EventKind::Expired => ("expired", json!({})),
        EventKind::NotAnswered { why } => ("not_answered", json!({"why": why})),
        EventKind::TableFull { refused } => ("table_full", json!({"refused": refused})),
        EventKind::Alternates { addresses } => ("alternates", json!({"addresses": addresses})),
        EventKind::AlternateRefused {
            address,
            message,
            why,
        } => (
            "alternate_refused",
            json!({"address": address, "message": message, "why": why}),
        ),
        EventKind::HealthChanged {
            from,
            to,
            evidence: found,
        } => (
            "health_changed",
            json!({"from": from, "to": to, "evidence": evidence(found, names)}),
        ),
        EventKind::Failover {
            from: before,
            to,
            cause,
            detected_at,
            evidence: found,
        } => (
            "failover",
            json!({
                "from": from(before),
                "to": names.gatekeeper(*to),
                "cause": cause,
                "detected_at": names.date(*detected_at),
                "evidence": evidence(found, names),
            }),
        ),
        EventKind::Failback { from: before, to } => (
            "failback",
            json!({"from": from(before), "to": names.gatekeeper(*to)}),
        ),
        EventKind::Switched { from: before, to } => (
            "switched",
            json!({"from": from(before), "to": names.gatekeeper(Some(*to))}),
        ),
        EventKind::Held => ("held", json!({})),
        EventKind::Released => ("released", json!({})),
        EventKind::NoCandidate { evidence: found } => {
            ("no_candidate", json!({"evidence": evidence(found, names)}))
        }
    };
    (name, object(Ok(details)))
}

/// What a judgement rests on, with dates in place of the kernel's times.
fn evidence(found: &Evidence, names: &Names<'_>) -> Value {
    let mut fields = object(serde_json::to_value(found));
    let mut date = |name: &str, time: Option<Time>| {
        if let Some(field) = fields.get_mut(name) {
            *field = time.map(|time| names.date(time)).into();
        }
    };
    date("first_unanswered", found.first_unanswered);
    date("last_answer", found.last_answer);
    date("last_heard", found.last_heard);
    fields.into()
}

fn object(value: serde_json::Result<Value>) -> Map<String, Value> {
    match value {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use rasline_core::{
        ZoneIndex,
        failover::MoveCause,
        health::State,
        site::{Config, Gatekeeper, Origin, Transparent, Zone, ZoneMode},
    };

    use super::*;

    fn config() -> Config {
        let gatekeeper = |index| Gatekeeper {
            index: GatekeeperIndex(index),
            id: format!("gk{index}"),
            ras: ([192, 0, 2, index as u8], 1719).into(),
            call_signal_port: 1720,
            priority: 0,
            origin: Origin::Configured,
        };
        Config {
            zones: vec![Zone {
                index: ZoneIndex(0),
                name: "lab".to_owned(),
                mode: ZoneMode::Transparent(Transparent::default()),
                gatekeepers: vec![gatekeeper(1), gatekeeper(2)],
                endpoints: Vec::new(),
                service_addresses: Vec::new(),
                answer: rasline_core::Answer::Hold,
                endpoint_ttl: None,
                refresh_every: None,
                hold_for: std::time::Duration::from_mins(1),
                migrate_rate: 100,
                silent_after: None,
                failback: rasline_core::failover::Failback::None,
                gatekeeper_identifier: None,
            }],
            ..Config::default()
        }
    }

    fn described(kind: EventKind) -> view::Event {
        let config = config();
        let event = Event {
            time: Time(0),
            zone: ZoneIndex(0),
            gatekeeper: Some(GatekeeperIndex(2)),
            registration: None,
            kind,
        };
        network(&event, &Names::at(&config, 0.0, 0))
    }

    #[test]
    fn indices_are_named_and_times_are_dates() {
        let event = described(EventKind::Failover {
            from: Some(GatekeeperIndex(1)),
            to: Some(GatekeeperIndex(2)),
            cause: MoveCause::Down,
            detected_at: Time(3_500_000_000),
            evidence: Evidence {
                first_unanswered: Some(Time(3_250_000_000)),
                unanswered: 7,
                ..Evidence::default()
            },
        });
        assert_eq!((&*event.event, &*event.about), ("failover", "zone"));
        assert_eq!(
            event.text,
            "lab: gk2: the zone failed over: the one before is down"
        );
        let details = &event.details;
        assert_eq!(
            (&details["from"], &details["to"], &details["cause"]),
            (&"gk1".into(), &"gk2".into(), &"down".into())
        );
        assert_eq!(details["detected_at"], 3.5);
        let evidence = &details["evidence"];
        assert_eq!(evidence["first_unanswered"], 3.25);
        assert_eq!(
            (&evidence["unanswered"], &evidence["last_answer"]),
            (&7.into(), &Value::Null)
        );
    }

    #[test]
    fn states_are_words() {
        let event = described(EventKind::HealthChanged {
            from: State::Up,
            to: State::Suspect,
            evidence: Evidence::default(),
        });
        assert_eq!(
            (&event.details["from"], &event.details["to"]),
            (&"up".into(), &"suspect".into())
        );
    }

    /// The names that are written here are those that the events are serialised with.
    #[test]
    fn names_and_fields_are_those_of_the_events() {
        let address = ([192, 0, 2, 1], 1719).into();
        let evidence = Evidence::default();
        let (from, to) = (Some(GatekeeperIndex(1)), Some(GatekeeperIndex(2)));
        for kind in [
            EventKind::Registered {
                endpoint: address,
                endpoint_identifier: "a".into(),
            },
            EventKind::Learned,
            EventKind::Withdrawn {
                cause: rasline_core::Cause::Rejected { reason: "r".into() },
                gone: true,
            },
            EventKind::Expired,
            EventKind::NotAnswered {
                why: rasline_core::NotAnsweredReason::Secured,
            },
            EventKind::TableFull { refused: 1 },
            EventKind::Alternates {
                addresses: vec![address],
            },
            EventKind::AlternateRefused {
                address,
                message: "RCF".into(),
                why: rasline_core::alternates::NotTaken::TooMany,
            },
            EventKind::HealthChanged {
                from: State::Up,
                to: State::Down,
                evidence,
            },
            EventKind::Failover {
                from,
                to,
                cause: MoveCause::Down,
                detected_at: Time(1),
                evidence,
            },
            EventKind::Failback { from, to },
            EventKind::Switched {
                from,
                to: GatekeeperIndex(2),
            },
            EventKind::Held,
            EventKind::Released,
            EventKind::NoCandidate { evidence },
        ] {
            let mut serialised = object(serde_json::to_value(&kind));
            let event = described(kind);
            assert_eq!(serialised.remove("event"), Some(event.event.clone().into()));
            let keys = |fields: &Map<String, Value>| fields.keys().cloned().collect::<Vec<_>>();
            assert_eq!(keys(&event.details), keys(&serialised), "{}", event.event);
        }
    }
}
