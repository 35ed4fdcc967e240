//! Identities: numbers that must not be mistaken for others.

use serde::{Deserialize, Serialize};

/// Place of a zone in the kernel's tables.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ZoneIndex(pub u32);

/// Place of a gatekeeper in the kernel's tables; each gatekeeper of each zone has its own.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct GatekeeperIndex(pub u32);

/// Number of a registration; never used again.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct RegistrationId(pub u64);

impl std::fmt::Display for RegistrationId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Number of a registration with a registrar, or of an endpoint with a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryId(pub u64);

/// Identity of a keep-alive that the kernel answers: of a registration that was learned from the traffic, or of one that
/// rasline's own gatekeeper of a zone has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RegistrationKey {
    /// The learner's.
    Learned(RegistrationId),
    /// A registrar's or proxy's: its zone, and its number there.
    Served(ZoneIndex, EntryId),
}

impl RegistrationKey {
    /// Marks numbers of served registrations. Below 2^53, since JSON's readers hold numbers in doubles.
    const SERVED: u64 = 1 << 52;
    const ZONE_SHIFT: u32 = 42;
    const ENTRY: u64 = (1 << Self::ZONE_SHIFT) - 1;
    /// Zones at most.
    pub const MAX_ZONES: u32 = 1 << (52 - Self::ZONE_SHIFT);

    /// The number that people see. Those of served registrations are higher than all others.
    #[must_use]
    pub const fn number(self) -> RegistrationId {
        match self {
            Self::Learned(id) => id,
            Self::Served(zone, entry) => RegistrationId(
                Self::SERVED | (zone.0 as u64) << Self::ZONE_SHIFT | entry.0 & Self::ENTRY,
            ),
        }
    }

    /// The key with this number.
    #[must_use]
    pub const fn from_number(number: RegistrationId) -> Self {
        if number.0 & Self::SERVED == 0 {
            return Self::Learned(number);
        }
        let zone = (number.0 & !Self::SERVED) >> Self::ZONE_SHIFT;
        Self::Served(ZoneIndex(zone as u32), EntryId(number.0 & Self::ENTRY))
    }

    /// Whether rasline itself is the gatekeeper.
    #[must_use]
    pub const fn is_served(self) -> bool {
        matches!(self, Self::Served(..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_its_number() {
        let last = EntryId(RegistrationKey::ENTRY);
        for key in [
            RegistrationKey::Learned(RegistrationId(5)),
            RegistrationKey::Served(ZoneIndex(0), EntryId(0)),
            RegistrationKey::Served(ZoneIndex(3), EntryId(7)),
            RegistrationKey::Served(ZoneIndex(RegistrationKey::MAX_ZONES - 1), last),
        ] {
            assert_eq!(RegistrationKey::from_number(key.number()), key);
        }
        let highest = RegistrationKey::Served(ZoneIndex(RegistrationKey::MAX_ZONES - 1), last);
        assert!(highest.number().0 < 1 << 53);
    }
}
