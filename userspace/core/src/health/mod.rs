//! Is a gatekeeper alive? One [`Health`] for each: it says when to probe and judges what comes back.
//!
//! ```text
//!             answer                          overdue
//!   Unknown ----------> Up <----------------------------> Suspect
//!      |  \                     answer                     |  |
//!      |   \______________ overdue ________________________/  |
//!      |    <_____________ late, blind _______________________|
//!      |                                                      |
//!      |  silent, tcp down                 silent, tcp down   |
//!      +-----------------------> Down <-----------------------+
//!                                 |
//!                                 +--- steady ---> Up
//! ```
//! - *answer*: a confirm or reject of whatever kind, a RIP, or what the data path sees of its answers to endpoints: a
//!   slow gatekeeper is not a dead one.
//! - *overdue*: a probe is unanswered for `suspect_after` (more if the round trip is long), or was refused by ICMP.
//!   From then on probes go every `burst`; when half of the dead time is over, probes of every kind.
//! - *silent*: nothing was heard for the dead time, and at least `fall` probes that had their time are unanswered. The
//!   dead time is `dead_time` where answers were quick and regular; where they were slow or irregular it is longer, up
//!   to `dead_time_max`, and that as long as no answer was measured (`pace`). Only kinds of probe that were answered
//!   before count (`kinds`).
//! - *steady*: while Down, `rise` signs of life in a row, then no silence for `stable`, and calls can be signalled.
//! - *late*: our own timer fired late, so whatever is outstanding says something about us and nothing about the
//!   gatekeeper. It is void, and the episode begins anew.
//! - *blind*: we could not send, and have not heard for the dead time; or our own link to it is down.
//! - *tcp down*: `tcp_fall` connects to the call-signalling port failed in a row (only where that is required, or all
//!   that it answers).
//!
//! Damping: each fall within `flap_window` doubles `stable`, up to `stable_max`.
//!
//! Invariant: only a timer that fired in time is evidence of silence, and a sign of life of any age ends a silence.

mod kinds;
mod machine;
mod pace;
mod probes;
#[cfg(test)]
mod tests;
mod transition;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Time;

pub use kinds::{Answers, Kind};
pub use machine::Health;

/// Whether the call-signalling port belongs to a gatekeeper's health.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TcpProbe {
    /// It is not looked at.
    #[default]
    Off,
    /// It is looked at where no RAS probe is answered.
    Fallback,
    /// A gatekeeper that does not accept connections there is down.
    Required,
}

/// Thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether RAS probes are sent; without, TCP alone decides.
    pub ras: bool,
    /// What is asked, the first one first.
    pub kinds: &'static [Kind],
    /// Between probes.
    pub interval: Duration,
    /// A probe that is unanswered for this time is suspicious; twice the round trip and 5 ms if that is longer, but half
    /// of the dead time at most.
    pub suspect_after: Duration,
    /// Between probes while suspicious.
    pub burst: Duration,
    /// Silence that is death at least.
    pub dead_time: Duration,
    /// Silence that is death, however slow or irregular answers were.
    pub dead_time_max: Duration,
    /// Silence that is death at least while this machine is busy: answers may wait for it, or for a gatekeeper on it.
    pub dead_time_busy: Duration,
    /// For how long endpoints' requests must be unanswered to mean death where probes say nothing; none: that is not
    /// for this machine to say.
    pub traffic_dead: Option<Duration>,
    /// Unanswered probes that death takes at least.
    pub fall: u32,
    /// Answers in a row that life takes.
    pub rise: u32,
    /// Time without silence that life takes.
    pub stable: Duration,
    /// For how long a fall counts against a gatekeeper.
    pub flap_window: Duration,
    /// Longest `stable` that falls lead to.
    pub stable_max: Duration,
    /// A timer that is later than this is no evidence.
    pub late: Duration,
    /// Call-signalling port.
    pub tcp: TcpProbe,
    /// Between connects.
    pub tcp_interval: Duration,
    /// Failed connects in a row that mean down.
    pub tcp_fall: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ras: true,
            kinds: &[Kind::Grq, Kind::Rrq],
            interval: Duration::from_millis(25),
            suspect_after: Duration::from_millis(20),
            burst: Duration::from_millis(5),
            dead_time: Duration::from_millis(110),
            dead_time_max: Duration::from_secs(2),
            dead_time_busy: Duration::from_millis(500),
            traffic_dead: None,
            fall: 5,
            rise: 5,
            stable: Duration::from_millis(500),
            flap_window: Duration::from_mins(10),
            stable_max: Duration::from_mins(5),
            late: Duration::from_millis(15),
            tcp: TcpProbe::Off,
            tcp_interval: Duration::from_secs(1),
            tcp_fall: 3,
        }
    }
}

/// What is thought of a gatekeeper.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing is known (any more).
    #[default]
    Unknown,
    /// It answers.
    Up,
    /// A probe is overdue.
    Suspect,
    /// It is dead, or was and has not been well for long enough.
    Down,
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Suspect => "suspect",
            Self::Down => "down",
        })
    }
}

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// [`Health::due`] has come.
    Timer,
    /// A probe was answered, with a confirm or a reject.
    Answered {
        /// Which.
        probe: u64,
    },
    /// A probe was answered with a RIP.
    Slow {
        /// Which.
        probe: u64,
    },
    /// What the data path knows, which must come before each timer.
    Traffic(Traffic),
    /// This machine has more to do than it can, or no longer.
    Busy(bool),
    /// An ICMP error came back, or the host or network is unreachable.
    Refused,
    /// The last probe could not be sent, for a reason that lies with us (no buffers, say).
    SendFailed,
    /// The way to it is cut on our side: no route, or our own link is down.
    CutOff,
    /// The call-signalling port accepted.
    TcpConnected,
    /// It refused, or did not accept in time.
    TcpFailed,
}

/// What the data path saw of a gatekeeper's answers to endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// When it last answered a request.
    pub last_reply: Option<Time>,
    /// Since when endpoints' requests are unanswered.
    pub unanswered_since: Option<Time>,
}

/// Something to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a RAS probe.
    Probe {
        /// Its number, which the answer brings back.
        probe: u64,
        /// What is asked.
        kind: Kind,
    },
    /// Connect to the call-signalling port; [`Input::TcpConnected`] or [`Input::TcpFailed`] must follow.
    ConnectTcp,
    /// The state changed.
    Changed(Change),
}

/// A change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Before.
    pub from: State,
    /// Now.
    pub to: State,
    /// What was known at that moment.
    pub evidence: Evidence,
}

/// What a judgement rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// When the first probe that is unanswered was sent.
    pub first_unanswered: Option<Time>,
    /// Probes that are unanswered and had their time.
    pub unanswered: u32,
    /// The last answer to a probe.
    pub last_answer: Option<Time>,
    /// ICMP errors since.
    pub refused: u32,
    /// Failed connects in a row.
    pub tcp_failed: u32,
    /// Smoothed round trip.
    #[serde(rename = "round_trip_us", with = "micros")]
    pub round_trip: Option<Duration>,
    /// When the data path last saw an answer to an endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_heard: Option<Time>,
    /// How long silence had to last to mean death.
    #[serde(
        default,
        rename = "dead_time_us",
        with = "micros",
        skip_serializing_if = "Option::is_none"
    )]
    pub dead_time: Option<Duration>,
    /// What it is known to answer.
    #[serde(default, skip_serializing_if = "Answers::is_none")]
    pub answers: Answers,
}

/// A duration as a number of microseconds.
mod micros {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde calls it so")]
    pub fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        duration
            .map(|duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
            .serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_micros))
    }
}
