//! Everything that is reported to people. Fields have the types of what they mean; names and dates are given where it is written.

use crate::presence::Told;
use crate::{GatekeeperIndex, ZoneIndex, backup, call, proxy, registrar};

/// Something that is reported to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// About learned registrations, gatekeepers and zones.
    Network(crate::Event),
    /// About the control unit's serving of a zone.
    Backup(backup::Event),
    /// About endpoints of a zone that rasline serves.
    Registrar {
        /// The zone.
        zone: ZoneIndex,
        /// What.
        event: registrar::Event,
    },
    /// About a zone whose endpoints rasline registers elsewhere.
    Proxy {
        /// The zone.
        zone: ZoneIndex,
        /// What.
        event: proxy::Event,
    },
    /// About a call whose signalling rasline ends.
    Call(call::Event),
    /// Endpoints fell silent, are gone, or are back.
    Presence(Told),
    /// A gatekeeper cannot be reached, since a link of this machine is down.
    CutOff {
        /// The gatekeeper.
        gatekeeper: GatekeeperIndex,
        /// Which, and how.
        why: String,
    },
    /// It can be again.
    Reached {
        /// The gatekeeper.
        gatekeeper: GatekeeperIndex,
    },
    /// More RAS comes than can be handled.
    Overload {
        /// Datagrams that wait.
        waiting: usize,
    },
    /// Full registrations are taken again.
    OverloadOver,
    /// Profiles could not be read, or can be again.
    Profiles {
        /// Why not; `None`: they can.
        trouble: Option<String>,
    },
}
