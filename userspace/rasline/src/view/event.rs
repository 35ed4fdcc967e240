//! An event.

use serde::{Deserialize, Serialize};

use super::severity::Severity;

/// Something that happened, with its subject and time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Sequence number, from 1.
    pub number: u64,
    /// Time, seconds since 1970.
    pub time: f64,
    /// Subject: registration, gatekeeper, zone, agent, interface, controller, table.
    pub about: String,
    /// Name of the event, as in docs/events.md.
    #[serde(default)]
    pub event: String,
    /// Severity; `None` from a controller of an older version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Name of the zone, if the event concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Id of the gatekeeper, if the event concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gatekeeper: Option<String>,
    /// Name of the agent, if the event concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Number of the registration, if the event concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<u64>,
    /// Name of the interface, if the event concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// Text for people; its wording may change.
    pub text: String,
    /// Additional fields by name.
    #[serde(flatten)]
    pub details: serde_json::Map<String, serde_json::Value>,
}
