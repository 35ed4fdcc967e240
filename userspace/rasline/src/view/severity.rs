//! Severity of events. Invariant: an event that moves a zone, or keeps one from being served, is never just
//! information.

use serde::{Deserialize, Serialize};

use super::Event;

/// Severity of an event, lowest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// About one registration, request or call; their number grows with the number of endpoints.
    #[default]
    Info,
    /// A change in normal operation, or on command.
    Notice,
    /// A failure, or operation on a substitute; look at it soon.
    Warning,
    /// A zone or agent is not served.
    Error,
}

impl Severity {
    /// Name of the severity.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// Severity of an event by its name, or by its subject if the name is not listed.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        match event.event.as_str() {
            "no_candidate" | "agent_no_gatekeeper" => Self::Error,
            "failover"
            | "table_full"
            | "interface_trouble"
            | "waiting"
            | "pins_mended"
            | "cut_off"
            | "endpoint_silent"
            | "endpoint_gone"
            | "overload"
            | "refusing"
            | "serving"
            | "source_locked"
            | "events_left_out"
            | "agent_rejected"
            | "agent_unregistered"
            | "agent_silent"
            | "agent_signalling_lost"
            | "agent_unproved"
            | "upstream_address_refused"
            | "upstream_unanswered" => Self::Warning,
            "health_changed" if is_down(event) => Self::Warning,
            "refused" | "request_rejected" => Self::Info,
            _ if is_of_one(event) => Self::Info,
            _ => Self::Notice,
        }
    }
}

fn is_down(event: &Event) -> bool {
    event.details.get("to").and_then(serde_json::Value::as_str) == Some("down")
}

/// Whether an event concerns one registration or call.
#[must_use]
pub fn is_of_one(event: &Event) -> bool {
    matches!(event.about.as_str(), "registration" | "call")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_a_zone_is_no_information() {
        let of = |event: &str, about: &str, to: &str| {
            let mut all = Event {
                event: event.into(),
                about: about.into(),
                ..Event::default()
            };
            all.details.insert("to".into(), to.into());
            Severity::of(&all)
        };
        assert_eq!(of("failover", "zone", "gk2"), Severity::Warning);
        assert_eq!(of("no_candidate", "zone", ""), Severity::Error);
        assert_eq!(
            of("health_changed", "gatekeeper", "down"),
            Severity::Warning
        );
        assert_eq!(of("health_changed", "gatekeeper", "up"), Severity::Notice);
        assert_eq!(of("learned", "registration", ""), Severity::Info);
        assert_eq!(of("something new", "registration", ""), Severity::Info);
        assert_eq!(of("something new", "zone", ""), Severity::Notice);
        assert!(Severity::Info < Severity::Notice && Severity::Warning < Severity::Error);
    }
}
