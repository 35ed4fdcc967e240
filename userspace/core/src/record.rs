//! All that is remembered across restarts. The store gets it today; another box may get the same stream.

use crate::agent::Remembered;
use crate::alternates::List;
use crate::failover::Manual;
use crate::ras_server::{EntryId, StoredCall};
use crate::{GatekeeperIndex, RegistrationId, Stored, Time, ZoneIndex, proxy, ras_server};

/// Something worth remembering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A learned registration that the kernel answers.
    Registration(Box<Stored>),
    /// A registration with rasline itself.
    Served {
        /// Its zone.
        zone: ZoneIndex,
        /// The registration.
        stored: Box<Served>,
    },
    /// A call that rasline's own gatekeeper of a zone admitted.
    Call {
        /// Its zone.
        zone: ZoneIndex,
        /// The call.
        call: Box<StoredCall>,
    },
    /// Which gatekeeper serves a zone.
    Decision(Decision),
    /// Alternates that a gatekeeper named.
    Alternates(Box<List>),
    /// What an agent knows of its gatekeepers.
    Agent(Box<Remembered>),
}

/// What a record is found by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordKey {
    /// Of a learned registration.
    Registration(RegistrationId),
    /// Of a registration with rasline itself.
    Served {
        /// Its zone.
        zone: ZoneIndex,
        /// endpointIdentifier.
        endpoint_identifier: String,
    },
    /// Of a call.
    Call {
        /// Its zone.
        zone: ZoneIndex,
        /// [`StoredCall::call`].
        call: String,
    },
    /// Of a zone's decision.
    Decision(ZoneIndex),
    /// Of a gatekeeper's list.
    Alternates(GatekeeperIndex),
    /// Of an agent, by name.
    Agent(String),
}

/// Which gatekeeper serves a zone, and what the operator decided about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The zone.
    pub zone: ZoneIndex,
    /// The gatekeeper; `None`: the zone has no candidate.
    pub active: Option<GatekeeperIndex>,
    /// The operator's decision.
    pub manual: Manual,
    /// Since when.
    pub since: Time,
}

/// A registration with rasline itself, identified by its zone and endpointIdentifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Served {
    /// With a registrar.
    Registrar(ras_server::Stored),
    /// With a proxy.
    Proxy(proxy::Stored),
}

impl Served {
    /// The fields common to both kinds.
    #[must_use]
    pub const fn registration(&self) -> &ras_server::Stored {
        match self {
            Self::Registrar(stored) => stored,
            Self::Proxy(stored) => &stored.registration,
        }
    }

    /// Its number at its gatekeeper.
    #[must_use]
    pub const fn entry(&self) -> EntryId {
        self.registration().id
    }
}
