//! What happens to calls whose signalling ends here, as events: see docs/events.md.

use rasline_core::call::{CallIdentifier, EndedBy, Event, Happening};
use serde_json::json;

use super::{Names, about_zone, served};
use crate::view;

/// Names of these events.
pub mod name {
    crate::effects::event_names::event_names! {
        /// A call lost the gatekeeper that controlled it.
        CALL_ORPHANED = "call_orphaned";
        /// Its endpoints are connected without a gatekeeper.
        CALL_JOINED = "call_joined";
        /// Another gatekeeper controls it.
        CALL_ANNOUNCED = "call_announced";
        /// A gatekeeper did not take it.
        CALL_ANNOUNCE_REFUSED = "call_announce_refused";
    }
}

/// An event of a call.
pub(super) fn describe_call(event: &Event, names: &Names<'_>) -> view::Event {
    let (name, text, mut details) = match &event.happening {
        Happening::Started { caller, callee } => {
            let from = caller.as_deref().unwrap_or("an unnamed party");
            let to = callee.as_deref().unwrap_or("an unnamed party");
            let details = json!({"caller": caller, "callee": callee});
            (
                served::name::CALL_STARTED,
                format!("{from} calls {to}"),
                details,
            )
        }
        Happening::Orphaned { gatekeeper } => {
            let gatekeeper = gatekeeper.map(|one| one.to_string());
            let who = gatekeeper.as_deref().unwrap_or("its gatekeeper");
            let text = format!("lost its gatekeeper ({who}); endpoints are not disturbed");
            (name::CALL_ORPHANED, text, json!({"gatekeeper": gatekeeper}))
        }
        Happening::Joined => (
            name::CALL_JOINED,
            "its endpoints are connected without a gatekeeper".to_owned(),
            json!({}),
        ),
        Happening::Announced { gatekeeper, after } => {
            let ms = after.as_millis() as u64;
            let text = format!("controlled by {gatekeeper}, {ms} ms after its gatekeeper was lost");
            let details = json!({"gatekeeper": gatekeeper.to_string(), "ms": ms});
            (name::CALL_ANNOUNCED, text, details)
        }
        Happening::AnnounceRefused { gatekeeper, cause } => {
            let text = format!(
                "goes on without a gatekeeper: {gatekeeper} does not take it{}",
                format_cause(*cause)
            );
            let details = json!({"gatekeeper": gatekeeper.to_string(), "cause": cause});
            (name::CALL_ANNOUNCE_REFUSED, text, details)
        }
        Happening::Ended {
            by,
            cause,
            connected,
        } => {
            let by = name_ender(*by);
            let text = format!("ended by the {by}{}", format_cause(*cause));
            let seconds = connected.map(|time| time.as_secs_f64());
            let details = json!({"by": by, "cause": cause, "seconds": seconds});
            (served::name::CALL_ENDED, text, details)
        }
    };
    details["call"] = json!(event.identifier.map(format_identifier));
    details["number"] = json!(event.call.0);
    let text = format!("call {}: {text}", event.call.0);
    about_zone(event.zone, ("call", (name, text, details)), names)
}

/// The end of a text that names the Q.850 cause, if there is one.
fn format_cause(cause: Option<u8>) -> String {
    cause.map_or_else(String::new, |cause| format!(", cause {cause}"))
}

const fn name_ender(by: EndedBy) -> &'static str {
    match by {
        EndedBy::Caller => "caller",
        EndedBy::Called => "called",
        EndedBy::Gatekeeper => "gatekeeper",
        EndedBy::Operator => "operator",
        EndedBy::Rasline => "rasline",
    }
}

/// A callIdentifier as people read it.
#[must_use]
pub fn format_identifier(identifier: CallIdentifier) -> String {
    format!("{:032x}", u128::from_be_bytes(identifier))
}
