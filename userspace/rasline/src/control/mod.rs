//! The control socket: newline-delimited JSON over a unix socket, versioned.
//!
//! A request is `{"version":1,"command":"...",...}`, its reply `{"version":1,"ok":true,"data":...}` or
//! `{"version":1,"ok":false,"error":"..."}`. `events` with `follow` goes on with one event a line.
//! Invariant: clients, line length and waiting are bounded; a client can slow down nobody but itself.

pub mod client;
pub mod filter;
pub mod server;
pub mod severity;
pub mod view;

use serde::{Deserialize, Serialize};

/// Version of the protocol.
pub const VERSION: u32 = 1;
/// Longest request, in octets.
pub const MAX_REQUEST: usize = 64 * 1024;
/// Most registrations or events in one reply.
pub const PAGE: usize = 1000;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// [`VERSION`].
    pub version: u32,
    /// What is asked for.
    #[serde(flatten)]
    pub command: Command,
}

/// What can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum Command {
    /// [`view::Status`].
    Status,
    /// List of [`view::Zone`].
    ZoneList,
    /// [`view::Zone`].
    ZoneShow {
        /// Its name.
        zone: String,
    },
    /// Moves a zone to a gatekeeper, which it prefers until it is released.
    ZoneSwitch {
        /// Its name.
        zone: String,
        /// The gatekeeper's id.
        gatekeeper: String,
    },
    /// Keeps a zone where it is until it is released.
    ZoneHold {
        /// Its name.
        zone: String,
    },
    /// Ends a decision by hand.
    ZoneRelease {
        /// Its name.
        zone: String,
    },
    /// List of [`view::Gatekeeper`].
    GatekeeperList,
    /// List of [`view::Registration`], at most [`PAGE`].
    RegistrationList {
        /// Of this zone only.
        #[serde(default)]
        zone: Option<String>,
        /// Only those after this id.
        #[serde(default)]
        after: Option<u64>,
        /// Only those whose endpoints are silent or gone.
        #[serde(default)]
        silent: bool,
    },
    /// [`view::Registration`].
    RegistrationShow {
        /// Its id.
        id: u64,
    },
    /// Forgets a registration: its keep-alives go to the gatekeeper until it is learned again.
    RegistrationDrop {
        /// Its id.
        id: u64,
    },
    /// List of [`view::Agent`].
    AgentList,
    /// [`view::Agent`].
    AgentShow {
        /// Its name.
        agent: String,
    },
    /// Makes an agent register in full, now.
    AgentReregister {
        /// Its name.
        agent: String,
    },
    /// List of [`view::Counters`].
    Counters,
    /// List of [`view::Event`], then, with `follow`, one a line.
    Events {
        /// Go on with new ones.
        #[serde(default)]
        follow: bool,
        /// Only the last N of those that are wanted.
        #[serde(default)]
        last: Option<usize>,
        /// Which are wanted.
        #[serde(default)]
        filter: filter::EventFilter,
    },
    /// Attaches to a configured interface.
    Attach {
        /// Its name.
        interface: String,
    },
    /// Detaches from an interface.
    Detach {
        /// Its name.
        interface: String,
    },
    /// Reads the configuration again.
    Reload,
    /// Stops the controller.
    Stop {
        /// Leave the program attached; none: as configured.
        #[serde(default)]
        stay: Option<bool>,
    },
}

/// A reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// [`VERSION`].
    pub version: u32,
    /// Whether it was done.
    pub ok: bool,
    /// What was asked for.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub data: serde_json::Value,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Reply {
    /// Done; with data.
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

    /// Done; with a sentence for people.
    pub fn done(message: impl Into<String>) -> Self {
        Self::data(&message.into())
    }

    /// Not done.
    pub fn error(error: impl std::fmt::Display) -> Self {
        Self {
            version: VERSION,
            ok: false,
            data: serde_json::Value::Null,
            error: Some(error.to_string()),
        }
    }
}

/// Reads a request from a line.
///
/// # Errors
/// What is wrong with it, to be told to the client.
pub fn parse(line: &str) -> Result<Command, String> {
    let value: serde_json::Value =
        serde_json::from_str(line).map_err(|e| format!("request: not JSON: {e}"))?;
    match value.get("version").and_then(serde_json::Value::as_u64) {
        Some(v) if v == u64::from(VERSION) => {}
        Some(v) => {
            return Err(format!(
                "request: unsupported protocol version {v} (this controller speaks {VERSION}); use the rasline of the controller"
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
