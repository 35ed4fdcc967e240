//! What people are told. The serialised form is stable: variants and fields are added, never renamed.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::alternates::NotTaken;
use crate::failover::MoveCause;
use crate::health::{Evidence, State};
use crate::learner::NotAnsweredReason;
use crate::{GatekeeperIndex, RegistrationId, Time, ZoneIndex};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub time: Time,
    /// Zone that it concerns.
    pub zone: ZoneIndex,
    /// Gatekeeper that it concerns, if any.
    pub gatekeeper: Option<GatekeeperIndex>,
    /// Registration, if it concerns one.
    pub registration: Option<RegistrationId>,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum EventKind {
    /// A registration is known from now on.
    Registered {
        /// Where from.
        endpoint: SocketAddr,
        /// endpointIdentifier.
        endpoint_identifier: String,
    },
    /// Its keep-alives are known and go to the kernel.
    Learned,
    /// The kernel does not answer it any more, or it is gone.
    Withdrawn {
        /// Why.
        #[serde(flatten)]
        cause: Cause,
        /// It is not known any more either.
        gone: bool,
    },
    /// It is gone: no keep-alive came.
    Expired,
    /// The kernel does not answer it.
    NotAnswered {
        /// Why.
        why: NotAnsweredReason,
    },
    /// A registration could not be kept: `max_registrations` is reached. At most once a minute.
    TableFull {
        /// Registrations not kept so far.
        refused: u64,
    },
    /// Another list of alternate gatekeepers.
    Alternates {
        /// Their RAS addresses.
        addresses: Vec<SocketAddr>,
    },
    /// A gatekeeper named an alternate that may not be a candidate. Told once for each.
    AlternateRefused {
        /// Its RAS address.
        address: SocketAddr,
        /// Kind of the message.
        message: String,
        /// Why.
        why: NotTaken,
    },
    /// What is thought of a gatekeeper: up or down.
    HealthChanged {
        /// Before.
        from: State,
        /// Now.
        to: State,
        /// What that rests on.
        evidence: Evidence,
    },
    /// Another gatekeeper serves the zone.
    Failover {
        /// Gatekeeper before, if any.
        from: Option<GatekeeperIndex>,
        /// Gatekeeper now, if any.
        to: Option<GatekeeperIndex>,
        /// Why.
        cause: MoveCause,
        /// When that was found.
        detected_at: Time,
        /// What was known of the one before.
        evidence: Evidence,
    },
    /// A better gatekeeper serves the zone again.
    Failback {
        /// Gatekeeper before, if any.
        from: Option<GatekeeperIndex>,
        /// Gatekeeper now, if any.
        to: Option<GatekeeperIndex>,
    },
    /// The operator switched the zone.
    Switched {
        /// Gatekeeper before, if any.
        from: Option<GatekeeperIndex>,
        /// Gatekeeper wanted; it serves as soon as it lives.
        to: GatekeeperIndex,
    },
    /// The operator holds the zone where it is.
    Held,
    /// The operator's decision is over.
    Released,
    /// No gatekeeper of the zone lives.
    NoCandidate {
        /// What was known of the one that serves.
        evidence: Evidence,
    },
}

/// Why a registration was withdrawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "cause")]
pub enum Cause {
    /// Its gatekeeper rejected it.
    Rejected {
        /// rejectReason.
        reason: String,
    },
    /// Its gatekeeper unregistered it.
    UnregisteredByGatekeeper {
        /// reason of the URQ, if any.
        reason: Option<String>,
    },
    /// It unregistered.
    Unregistered,
    /// Someone at its address and port unregistered, and it is not known who.
    UnregistrationUnknown,
    /// It registered again.
    Replaced,
    /// It came from another address or port, or went to another gatekeeper.
    Moved,
    /// Its keep-alive changed.
    KeepAliveChanged,
    /// Its RCF changed.
    ConfirmChanged,
    /// The kernel found that it does not hold any more.
    Kernel,
    /// It uses tokens or integrity checks now, or its messages do not fit any more.
    NotAnswerable,
    /// The operator dropped it.
    Dropped,
    /// Its zone or gatekeeper is not configured any more.
    Reconfigured,
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rejected { reason } => write!(f, "its gatekeeper rejected it: {reason}"),
            Self::UnregisteredByGatekeeper {
                reason: Some(reason),
            } => {
                write!(f, "its gatekeeper unregistered it: {reason}")
            }
            Self::UnregisteredByGatekeeper { reason: None } => {
                f.write_str("its gatekeeper unregistered it")
            }
            Self::Unregistered => f.write_str("it unregistered"),
            Self::UnregistrationUnknown => f.write_str(
                "one of the endpoints at its address and port unregistered, unknown which",
            ),
            Self::Replaced => f.write_str("its endpoint registered again"),
            Self::Moved => f.write_str("its address, port or gatekeeper changed"),
            Self::KeepAliveChanged => f.write_str("its keep-alive changed"),
            Self::ConfirmChanged => f.write_str("its gatekeeper's RCF changed"),
            Self::Kernel => f.write_str("the kernel withdrew it"),
            Self::NotAnswerable => f.write_str("the kernel can no longer answer it"),
            Self::Dropped => f.write_str("dropped by the operator"),
            Self::Reconfigured => f.write_str("its zone or gatekeeper is no longer configured"),
        }
    }
}

impl std::fmt::Display for EventKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Registered {
                endpoint,
                endpoint_identifier,
            } => {
                write!(f, "registered: {endpoint} as {endpoint_identifier}")
            }
            Self::Learned => f.write_str("keep-alive learned"),
            Self::Withdrawn { cause, gone: true } => write!(f, "gone: {cause}"),
            Self::Withdrawn { cause, gone: false } => write!(f, "withdrawn: {cause}"),
            Self::Expired => f.write_str("expired: no keep-alive came"),
            Self::NotAnswered { why } => write!(f, "not answered by the kernel: {why}"),
            Self::TableFull { refused } => write!(
                f,
                "max_registrations reached: {refused} registrations not kept so far, their keep-alives go to the gatekeeper"
            ),
            Self::Alternates { addresses } => {
                f.write_str("alternate gatekeepers:")?;
                addresses
                    .iter()
                    .try_for_each(|address| write!(f, " {address}"))
            }
            Self::AlternateRefused {
                address,
                message,
                why,
            } => write!(
                f,
                "alternate {address}, named in {message}, was refused: {why}"
            ),
            Self::HealthChanged { from, to, .. } => write!(f, "gatekeeper {to} (was {from})"),
            Self::Failover { cause, .. } => write!(f, "the zone failed over: {cause}"),
            Self::Failback { .. } => f.write_str("the zone returned to this gatekeeper"),
            Self::Switched { .. } => f.write_str("the operator switched to this gatekeeper"),
            Self::Held => f.write_str("the operator holds the zone here"),
            Self::Released => f.write_str("the operator released the zone"),
            Self::NoCandidate { .. } => f.write_str("no gatekeeper of the zone is alive"),
        }
    }
}

impl std::fmt::Display for MoveCause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Start => "first of the list",
            Self::Restored => "active before the restart",
            Self::Down => "the one before is down",
            Self::Kernel => "the kernel found the one before silent",
            Self::Failback => "the better one is back",
            Self::Switch => "the operator switched",
            Self::Reconfigured => "the one before is not configured any more",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_stands_beside_the_other_fields() {
        let event = EventKind::Withdrawn {
            cause: Cause::Rejected {
                reason: "fullRegistrationRequired".into(),
            },
            gone: false,
        };
        let json = serde_json::to_value(&event).unwrap();
        let expected = serde_json::json!({
            "event": "withdrawn", "cause": "rejected", "reason": "fullRegistrationRequired", "gone": false
        });
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_value::<EventKind>(json).unwrap(), event);
    }
}
