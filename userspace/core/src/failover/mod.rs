//! Which gatekeeper serves a zone.
//!
//! ```text
//!              active dead, another lives            a better one is ready
//!   Preferred ------------------------------> Away ------------------------> Preferred
//!       |  ^                                  |  ^                           (or less far Away)
//!       |  | it lives again                   |  | another lives
//!       |  |                                  v  |
//!       +--+-----active dead, none lives---> NoLivingGatekeeper
//!
//!   hold: from anywhere to Held, which nothing leaves but release and switch
//! ```
//! - The *order* is by priority, then as listed; the target of a manual switch stands before all others.
//! - A candidate *lives* if it is up or suspect. If none does, a candidate in state Unknown is acceptable.
//! - A zone whose gatekeeper dies goes to one that did not fail in the last hour, if one lives. Else it waits until one
//!   of the others was up for a while, longer after each failure and a minute at most: where all candidates flap, moves
//!   are damped.
//! - A better one is *ready* when it is up, was so for long enough, and the zone's [`Failback`] allows it. Long enough
//!   doubles with each failure of the last hour, so that a flapping gatekeeper is not returned to again and again.
//! - The kernel's own decisions are adopted, unless the zone is held or the chosen one is known to be dead.
//! - *Steered* are the gatekeepers that traffic is taken from: those that are dead, and those that the zone left and
//!   has not returned to. A healthy alternate that an endpoint uses by its own choice is let alone.
//!
//! Invariants: a zone has one active gatekeeper, always one of its candidates; after every input it is a living one, if
//! any lives, did not fail lately, and the zone is not held.

mod decide;
mod inputs;
mod machine;
mod steering;
mod view;
mod zone;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::health::{Evidence, State};
use crate::{Event, GatekeeperIndex, Time, ZoneIndex};

pub use machine::Failover;
pub use view::ZoneView;

/// What a zone wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZonePolicy {
    /// Zone index.
    pub zone: ZoneIndex,
    /// Its gatekeepers; of equal priority the first listed comes first.
    pub candidates: Vec<Candidate>,
    /// When to return to a better one.
    pub failback: Failback,
}

/// A gatekeeper that may serve a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Candidate {
    /// Gatekeeper index.
    pub gatekeeper: GatekeeperIndex,
    /// 0 comes first.
    pub priority: u8,
    /// Whether endpoints must register with it.
    pub need_to_register: bool,
}

/// When a zone returns to a better gatekeeper.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failback {
    /// Never by itself.
    #[default]
    None,
    /// When it was up for so long.
    After(Duration),
    /// When no call is open at the one that serves.
    AfterCalls,
    /// At this time of the day.
    Window {
        /// Minute of the day.
        from_minute: u16,
        /// Minute of the day, not included; may be less than `from_minute`. Equal: the whole day.
        to_minute: u16,
    },
}

/// What the operator decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Manual {
    /// Nothing.
    #[default]
    None,
    /// This one is preferred. Should it die, another serves until it is back.
    Switch {
        /// Gatekeeper index.
        gatekeeper: GatekeeperIndex,
    },
    /// No move, whatever happens.
    Hold,
}

/// Why a zone's active gatekeeper is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveCause {
    /// It is the first of the list.
    Start,
    /// It was active before a restart.
    Restored,
    /// The one before was found dead.
    Down,
    /// The kernel found the one before silent.
    Kernel,
    /// It is the better one and was ready.
    Failback,
    /// The operator switched.
    Switch,
    /// The one before is not configured any more.
    Reconfigured,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// All zones and their candidates, at start and whenever they change. A gatekeeper index that is left out once is
    /// forgotten.
    Policies(Vec<ZonePolicy>),
    /// A gatekeeper's health.
    Health {
        /// Gatekeeper index.
        gatekeeper: GatekeeperIndex,
        /// Its state.
        state: State,
        /// What that rests on.
        evidence: Evidence,
    },
    /// The kernel moved a zone.
    KernelDecided {
        /// Zone index.
        zone: ZoneIndex,
        /// Where to.
        gatekeeper: GatekeeperIndex,
        /// Where from; `None`: it had none.
        from: Option<GatekeeperIndex>,
        /// When.
        at: Time,
        /// The first unanswered request.
        evidence_at: Time,
    },
    /// How many calls are open at a gatekeeper.
    Calls {
        /// Gatekeeper index.
        gatekeeper: GatekeeperIndex,
        /// How many.
        open: u32,
    },
    /// The operator switches. Ignored if that is no candidate of the zone.
    Switch {
        /// Zone index.
        zone: ZoneIndex,
        /// Gatekeeper index.
        gatekeeper: GatekeeperIndex,
    },
    /// The operator holds the zone where it is.
    Hold {
        /// Zone index.
        zone: ZoneIndex,
    },
    /// The operator lets it go.
    Release {
        /// Zone index.
        zone: ZoneIndex,
    },
    /// What was in force before a restart. Best fed before the first [`Input::Policies`], so that nothing is steered
    /// elsewhere in between.
    Restore {
        /// Zone index.
        zone: ZoneIndex,
        /// Gatekeeper index.
        active: Option<GatekeeperIndex>,
        /// The operator's decision.
        manual: Manual,
    },
    /// Time passes; about once a second.
    Tick {
        /// Minute of the local day.
        minute_of_day: u16,
    },
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Tell the kernel.
    Steer(Steering),
    /// Keep across restarts.
    Persist {
        /// Zone index.
        zone: ZoneIndex,
        /// Its gatekeeper; `None`: it has no candidate.
        active: Option<GatekeeperIndex>,
        /// The operator's decision.
        manual: Manual,
    },
    /// Tell people.
    Event(Event),
}

/// Where a zone's traffic goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steering {
    /// Zone index.
    pub zone: ZoneIndex,
    /// Its gatekeeper; `None`: it has no candidate.
    pub active: Option<GatekeeperIndex>,
    /// Gatekeepers whose traffic goes to the active one.
    pub steered: Vec<GatekeeperIndex>,
    /// Whether the kernel may decide by itself.
    pub auto: bool,
    /// Whether the active one is another one than before.
    pub moved: bool,
}
