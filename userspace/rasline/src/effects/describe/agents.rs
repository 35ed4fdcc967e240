//! The agents' events as people and programs read them; docs/events.md describes what comes out of here.

use rasline_core::agent::{Event, EventKind, Loss, Unproved};
use serde_json::{Map, Value};

use crate::view;

/// Names of these events.
pub mod name {
    crate::effects::event_names::event_names! {
        /// A gatekeeper confirmed its registration.
        AGENT_REGISTERED = "agent_registered";
        /// A gatekeeper rejected it.
        AGENT_REJECTED = "agent_rejected";
        /// A gatekeeper unregistered it.
        AGENT_UNREGISTERED = "agent_unregistered";
        /// A gatekeeper does not answer.
        AGENT_SILENT = "agent_silent";
        /// Call signalling to a gatekeeper is connected.
        AGENT_CONNECTED = "agent_connected";
        /// The connection is lost.
        AGENT_SIGNALLING_LOST = "agent_signalling_lost";
        /// No gatekeeper takes it.
        AGENT_NO_GATEKEEPER = "agent_no_gatekeeper";
        /// Messages in a gatekeeper's name were not proved.
        AGENT_UNPROVED = "agent_unproved";
        /// A gatekeeper closes call signalling that has no call.
        AGENT_SIGNALLING_PER_CALL = "agent_signalling_per_call";
        /// A URQ was contradicted by the gatekeeper itself.
        AGENT_CONTRADICTED = "agent_contradicted";
    }
}

/// An event; number and time are given elsewhere.
#[must_use]
pub fn describe_event(event: &Event) -> view::Event {
    let (name, gatekeeper, text) = match &event.kind {
        EventKind::Registered {
            gatekeeper,
            lightweight,
        } => {
            let how = if *lightweight {
                "by a lightweight RRQ"
            } else {
                "in full"
            };
            (
                name::AGENT_REGISTERED,
                Some(gatekeeper),
                format!("registered at {gatekeeper} {how}"),
            )
        }
        EventKind::Rejected { gatekeeper, reason } => (
            name::AGENT_REJECTED,
            Some(gatekeeper),
            format!("rejected by {gatekeeper}: {reason}"),
        ),
        EventKind::Unregistered { gatekeeper, reason } => (
            name::AGENT_UNREGISTERED,
            Some(gatekeeper),
            format!("unregistered by {gatekeeper}: {reason}"),
        ),
        EventKind::Silent { gatekeeper } => (
            name::AGENT_SILENT,
            Some(gatekeeper),
            format!("{gatekeeper} does not answer"),
        ),
        EventKind::Connected { gatekeeper } => (
            name::AGENT_CONNECTED,
            Some(gatekeeper),
            format!("call signalling to {gatekeeper} is there"),
        ),
        EventKind::SignallingLost { gatekeeper, why } => (
            name::AGENT_SIGNALLING_LOST,
            Some(gatekeeper),
            format!("call signalling to {gatekeeper} lost: {}", loss_name(*why)),
        ),
        EventKind::SignallingPerCall { gatekeeper } => (
            name::AGENT_SIGNALLING_PER_CALL,
            Some(gatekeeper),
            format!(
                "{gatekeeper} closes call signalling without a call, and goes on confirming: none is kept to it"
            ),
        ),
        EventKind::Contradicted { gatekeeper } => (
            name::AGENT_CONTRADICTED,
            Some(gatekeeper),
            format!(
                "a URQ in the name of {gatekeeper} came to nothing: it confirms the registration"
            ),
        ),
        EventKind::NoGatekeeper => (
            name::AGENT_NO_GATEKEEPER,
            None,
            "no gatekeeper takes it".to_owned(),
        ),
        EventKind::Unproved {
            gatekeeper,
            message,
            why,
            ahead,
            count,
        } => (
            name::AGENT_UNPROVED,
            Some(gatekeeper),
            format!(
                "{} in the name of {gatekeeper} came to nothing: {}",
                how_many(message, *count),
                reason(*why, *ahead)
            ),
        ),
    };
    view::Event {
        event: name.to_owned(),
        about: "agent".to_owned(),
        agent: Some(event.name.clone()),
        gatekeeper: gatekeeper.map(ToString::to_string),
        text: format!("{}: {text}", event.name),
        details: details(&event.kind),
        ..view::Event::default()
    }
}

/// The last one, and how many there were.
fn how_many(message: &str, count: u64) -> String {
    match count {
        0 | 1 => format!("a message ({message})"),
        count => format!("{count} messages (the last: {message})"),
    }
}

fn reason(why: Unproved, ahead: i64) -> String {
    match why {
        Unproved::Missing => "it has no token of H.235.1".to_owned(),
        Unproved::Wrong => "its token is not of this password".to_owned(),
        Unproved::Misdirected => "its token is of or for somebody else".to_owned(),
        Unproved::WrongTime if ahead < 0 => {
            format!(
                "its time stamp is {} s behind the clock here; set the clocks",
                ahead.unsigned_abs()
            )
        }
        Unproved::WrongTime => {
            format!("its time stamp is {ahead} s ahead of the clock here; set the clocks")
        }
        Unproved::Replayed => "it came before".to_owned(),
    }
}

fn details(kind: &EventKind) -> Map<String, Value> {
    let one = |key: &str, value: Value| [(key.to_owned(), value)].into_iter().collect();
    match kind {
        EventKind::Registered { lightweight, .. } => one("lightweight", (*lightweight).into()),
        EventKind::Rejected { reason, .. } | EventKind::Unregistered { reason, .. } => {
            one("reason", reason.as_str().into())
        }
        EventKind::SignallingLost { why, .. } => one("why", loss_name(*why).into()),
        EventKind::Unproved {
            message,
            why,
            ahead,
            count,
            ..
        } => [
            ("message".to_owned(), (*message).into()),
            ("why".to_owned(), why.name().into()),
            ("ahead".to_owned(), (*ahead).into()),
            ("count".to_owned(), (*count).into()),
        ]
        .into_iter()
        .collect(),
        EventKind::Silent { .. }
        | EventKind::Connected { .. }
        | EventKind::SignallingPerCall { .. }
        | EventKind::Contradicted { .. }
        | EventKind::NoGatekeeper => Map::new(),
    }
}

fn loss_name(why: Loss) -> &'static str {
    match why {
        Loss::Refused => "refused",
        Loss::Reset => "reset",
        Loss::Closed => "closed",
        Loss::Silent => "silent",
    }
}
