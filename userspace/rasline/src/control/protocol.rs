//! The protocol: requests with their commands, and replies.

use serde::{Deserialize, Serialize};

use super::filter;
#[cfg(doc)]
use crate::view;

/// Version of the protocol.
pub const VERSION: u32 = 1;
/// Maximum length of a request, in octets.
pub const MAX_REQUEST: usize = 64 * 1024;
/// Maximum number of registrations or events in one reply.
pub const PAGE: usize = 1000;

/// A request of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Version of the protocol, [`VERSION`].
    pub version: u32,
    /// The command to carry out.
    #[serde(flatten)]
    pub command: Command,
}

/// Commands of clients. Queries are documented with the type of the reply's data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum Command {
    /// [`view::Status`].
    Status,
    /// List of [`view::Zone`].
    ZoneList,
    /// [`view::Zone`].
    ZoneShow {
        /// Name of the zone, interface or agent.
        zone: String,
    },
    /// Moves a zone to a gatekeeper and prefers that one until the zone is released.
    ZoneSwitch {
        /// Name of the zone, interface or agent.
        zone: String,
        /// Id of the gatekeeper.
        gatekeeper: String,
    },
    /// Keeps a zone at its gatekeeper until it is released.
    ZoneHold {
        /// Name of the zone, interface or agent.
        zone: String,
    },
    /// Ends a switch or hold.
    ZoneRelease {
        /// Name of the zone, interface or agent.
        zone: String,
    },
    /// List of [`view::Gatekeeper`].
    GatekeeperList,
    /// List of [`view::Registration`], at most [`PAGE`].
    RegistrationList {
        /// List only registrations of this zone.
        #[serde(default)]
        zone: Option<String>,
        /// List only registrations with a greater id.
        #[serde(default)]
        after: Option<u64>,
        /// List only registrations whose endpoints are silent or gone.
        #[serde(default)]
        silent: bool,
    },
    /// [`view::Registration`].
    RegistrationShow {
        /// Id of the registration.
        id: u64,
    },
    /// Forgets a registration: its keep-alives go to the gatekeeper until it is learned again.
    RegistrationDrop {
        /// Id of the registration.
        id: u64,
    },
    /// List of [`view::Call`].
    CallList {
        /// List only calls of this zone.
        #[serde(default)]
        zone: Option<String>,
    },
    /// [`view::Call`].
    CallShow {
        /// Number of the call.
        number: u64,
    },
    /// Ends a call.
    CallRelease {
        /// Number of the call.
        number: u64,
    },
    /// List of [`view::Agent`].
    AgentList,
    /// [`view::Agent`].
    AgentShow {
        /// Name of the zone, interface or agent.
        agent: String,
    },
    /// Makes an agent send a full RRQ now.
    AgentReregister {
        /// Name of the zone, interface or agent.
        agent: String,
    },
    /// List of [`view::Counters`].
    Counters,
    /// List of [`view::Event`]; with `follow`, then one event per line.
    Events {
        /// Continue with new events.
        #[serde(default)]
        follow: bool,
        /// List only the last N matching events.
        #[serde(default)]
        last: Option<usize>,
        /// Conditions on the events.
        #[serde(default)]
        filter: filter::EventFilter,
    },
    /// Attaches the program to a configured interface.
    Attach {
        /// Name of the zone, interface or agent.
        interface: String,
    },
    /// Detaches the program from an interface.
    Detach {
        /// Name of the zone, interface or agent.
        interface: String,
    },
    /// Reloads the configuration.
    Reload,
    /// Stops the controller.
    Stop {
        /// Whether to leave the program attached; `None`: as configured.
        #[serde(default)]
        stay: Option<bool>,
    },
}

/// A reply of the controller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// Version of the protocol, [`VERSION`].
    pub version: u32,
    /// Whether the command succeeded.
    pub ok: bool,
    /// Data of a successful query; null otherwise.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub data: serde_json::Value,
    /// Error of a command that failed: `thing: cause; next step`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Reply {
    /// Makes the reply to a query that succeeded.
    pub fn data(data: &impl Serialize) -> Self {
        match serde_json::to_value(data) {
            Ok(data) => Self {
                version: VERSION,
                ok: true,
                data,
                error: None,
            },
            Err(e) => Self::error(format!("reply: {e}")),
        }
    }

    /// Makes the reply to an order that was carried out, with a sentence for people.
    pub fn done(message: impl Into<String>) -> Self {
        Self::data(&message.into())
    }

    /// Makes the reply to a command that failed.
    pub fn error(error: impl std::fmt::Display) -> Self {
        Self {
            version: VERSION,
            ok: false,
            data: serde_json::Value::Null,
            error: Some(error.to_string()),
        }
    }
}

/// Parses a request.
///
/// # Errors
/// The error, as a text for the client.
pub fn parse(line: &str) -> Result<Command, String> {
    let value: serde_json::Value =
        serde_json::from_str(line).map_err(|e| format!("request: not JSON: {e}"))?;
    match value.get("version").and_then(serde_json::Value::as_u64) {
        Some(v) if v == u64::from(VERSION) => {}
        Some(v) => {
            return Err(format!(
                "request: unsupported protocol version {v} (this controller speaks {VERSION}); use the rasline command of its version"
            ));
        }
        None => {
            return Err(
                "request: no protocol version; send {\"version\":1,\"command\":...}".to_owned(),
            );
        }
    }
    serde_json::from_value::<Request>(value)
        .map(|r| r.command)
        .map_err(|e| format!("request: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        assert_eq!(
            parse(r#"{"version":1,"command":"status"}"#),
            Ok(Command::Status)
        );
        assert_eq!(
            parse(r#"{"version":1,"command":"registration-list","zone":"a"}"#),
            Ok(Command::RegistrationList {
                zone: Some("a".into()),
                after: None,
                silent: false
            })
        );
        assert_eq!(
            parse(r#"{"version":1,"command":"stop","stay":true}"#),
            Ok(Command::Stop { stay: Some(true) })
        );
        for (bad, why) in [
            ("", "not JSON"),
            ("[]", "no protocol version"),
            (r#"{"command":"status"}"#, "no protocol version"),
            (r#"{"version":2,"command":"status"}"#, "version 2"),
            (r#"{"version":1,"command":"fly"}"#, "unknown variant `fly`"),
            (
                r#"{"version":1,"command":"zone-show"}"#,
                "missing field `zone`",
            ),
        ] {
            let error = parse(bad).unwrap_err();
            assert!(error.contains(why), "{bad}: {error}");
        }
    }

    #[test]
    fn replies_round_trip() {
        for reply in [
            Reply::done("x"),
            Reply::error("y"),
            Reply::data(&vec![1, 2]),
        ] {
            let line = serde_json::to_string(&reply).unwrap();
            assert_eq!(serde_json::from_str::<Reply>(&line).unwrap(), reply);
        }
    }
}
