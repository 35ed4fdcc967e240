//! Registrations with rasline as the backup of a zone that has returned to its own gatekeepers: the kernel goes on answering
//! them until all have had time to move.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Zone;
use crate::{RegistrationKey, Time};

/// Minimum time for which they are answered.
const RETIRE_AFTER: Duration = Duration::from_mins(1);

/// When each of them is withdrawn.
#[derive(Debug, Default)]
pub(super) struct Retirement(BTreeMap<RegistrationKey, Time>);

impl Retirement {
    /// Has a registration withdrawn at that time.
    pub fn add(&mut self, key: RegistrationKey, at: Time) {
        self.0.insert(key, at);
    }

    /// Has it not withdrawn: it is published again, or withdrawn already.
    pub fn cancel(&mut self, key: RegistrationKey) {
        self.0.remove(&key);
    }

    /// Those that are to be withdrawn now.
    pub fn expire(&mut self, now: Time) -> Vec<RegistrationKey> {
        let over = self.0.extract_if(.., |_, at| *at <= now);
        over.map(|(key, _)| key).collect()
    }
}

/// When the registrations of a zone that returns now are withdrawn.
pub(super) fn retired_at(now: Time, zone: Option<&Zone>, registrations: u64) -> Time {
    let needed = zone.map(|zone| zone.time_to_move(registrations));
    now.after(needed.unwrap_or_default().max(RETIRE_AFTER))
}
