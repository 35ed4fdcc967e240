//! Numbers of registrations that rasline's own gatekeepers have, behind those of the learner: a high bit, the zone, and the
//! number within the zone.

use rasline_core::RegistrationId;

// Below 2^53, as JSON's readers hold numbers in doubles.
const OURS: u64 = 1 << 52;
const ZONE_SHIFT: u32 = 42;
const ID: u64 = (1 << ZONE_SHIFT) - 1;
const _: () = assert!(rasline_kernel::Dataplane::MAX_ZONES <= 1 << (52 - ZONE_SHIFT));

/// The number of a served registration.
pub(in crate::supervisor) const fn id(zone: u32, id: u64) -> RegistrationId {
    RegistrationId(OURS | (zone as u64) << ZONE_SHIFT | id & ID)
}

/// Zone and number within it; none: it is the learner's.
pub(in crate::supervisor) const fn of(id: RegistrationId) -> Option<(u32, u64)> {
    if id.0 & OURS == 0 {
        return None;
    }
    Some((((id.0 & !OURS) >> ZONE_SHIFT) as u32, id.0 & ID))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for (zone, n) in [(0, 0), (3, 7), (1023, ID)] {
            assert_eq!(of(id(zone, n)), Some((zone, n)));
        }
        assert_eq!(of(RegistrationId(5)), None);
    }
}
