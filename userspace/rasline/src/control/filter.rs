//! Selects events. An event must match every condition that is given; several kinds or subjects are alternatives.

use serde::{Deserialize, Serialize};

use crate::view::Event;

/// Conditions on events; by default all events match.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EventFilter {
    /// Match events of this zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Match events with one of these names, as in docs/events.md.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kind: Vec<String>,
    /// Match events about one of these subjects: registration, gatekeeper, zone, ...
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<String>,
    /// Match events from this time on, seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<f64>,
}

// JSON cannot express NaN, so equality of `since` is total.
impl Eq for EventFilter {}

impl EventFilter {
    /// Whether an event matches.
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        let zone = self.zone.as_ref();
        zone.is_none_or(|zone| event.zone.as_ref() == Some(zone))
            && (self.kind.is_empty() || self.kind.contains(&event.event))
            && (self.about.is_empty() || self.about.contains(&event.about))
            && self.since.is_none_or(|since| event.time >= since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_counts() {
        let event = Event {
            time: 7.0,
            event: "failover".into(),
            about: "zone".into(),
            zone: Some("a".into()),
            ..Event::default()
        };
        let list = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
        let filter = |zone: Option<&str>, kind: &[&str], about: &[&str], since| EventFilter {
            zone: zone.map(str::to_owned),
            kind: list(kind),
            about: list(about),
            since,
        };
        for (filter, wanted) in [
            (EventFilter::default(), true),
            (
                filter(Some("a"), &["failback", "failover"], &["zone"], Some(7.0)),
                true,
            ),
            (filter(Some("b"), &[], &[], None), false),
            (filter(None, &["failback"], &[], None), false),
            (filter(None, &[], &["call", "table"], None), false),
            (filter(None, &[], &[], Some(7.5)), false),
        ] {
            assert_eq!(filter.matches(&event), wanted, "{filter:?}");
        }
        let nowhere = Event {
            zone: None,
            ..event
        };
        assert!(!filter(Some("a"), &[], &[], None).matches(&nowhere));
    }
}
