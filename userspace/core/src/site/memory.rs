//! What is to be remembered of registrations and calls with rasline itself, so that it can be given again when the store
//! lost it, or when a proxy is replaced.

use std::collections::{BTreeMap, HashMap};

use super::io::Output;
use crate::ZoneIndex;
use crate::ras_server::{EntryId, StoredCall};
use crate::record::{Record, RecordKey, Served};

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// By zone and number there.
    served: BTreeMap<(ZoneIndex, EntryId), Served>,
    /// Which of them has an endpointIdentifier.
    identified: HashMap<(ZoneIndex, String), EntryId>,
    /// By zone and [`StoredCall::call`].
    calls: BTreeMap<(ZoneIndex, String), StoredCall>,
}

impl Memory {
    pub fn remember_served(&mut self, zone: ZoneIndex, stored: Served) -> Output {
        self.insert_served(zone, stored.clone());
        Output::Persist(Record::Served {
            zone,
            stored: Box::new(stored),
        })
    }

    pub fn insert_served(&mut self, zone: ZoneIndex, stored: Served) {
        let identifier = stored.registration().endpoint_identifier.clone();
        self.identified.insert((zone, identifier), stored.entry());
        self.served.insert((zone, stored.entry()), stored);
    }

    /// Forgets a registration; `None`: nothing is to be done about it.
    pub fn forget_served(&mut self, zone: ZoneIndex, entry: EntryId) -> Option<Output> {
        let stored = self.served.remove(&(zone, entry))?;
        let key = (zone, stored.registration().endpoint_identifier.clone());
        // A newer registration may have the endpointIdentifier meanwhile.
        if self.identified.get(&key) != Some(&entry) {
            return None;
        }
        self.identified.remove(&key);
        Some(Output::Forget(RecordKey::Served {
            zone,
            endpoint_identifier: key.1,
        }))
    }

    pub fn remember_call(&mut self, zone: ZoneIndex, call: Box<StoredCall>) -> Output {
        self.insert_call(zone, StoredCall::clone(&call));
        Output::Persist(Record::Call { zone, call })
    }

    pub fn insert_call(&mut self, zone: ZoneIndex, call: StoredCall) {
        self.calls.insert((zone, call.call.clone()), call);
    }

    pub fn forget_call(&mut self, zone: ZoneIndex, call: String) -> Output {
        self.calls.remove(&(zone, call.clone()));
        Output::Forget(RecordKey::Call { zone, call })
    }

    /// Registrations and calls of a zone.
    pub fn of_zone(&self, zone: ZoneIndex) -> (Vec<Served>, Vec<StoredCall>) {
        let served = self.served.range((zone, EntryId(0))..);
        let served = served.take_while(|((of, _), _)| *of == zone);
        let calls = self.calls.range((zone, String::new())..);
        let calls = calls.take_while(|((of, _), _)| *of == zone);
        (
            served.map(|(_, stored)| stored.clone()).collect(),
            calls.map(|(_, call)| call.clone()).collect(),
        )
    }

    /// Keys of everything, registrations first.
    pub fn keys(&self) -> impl Iterator<Item = RecordKey> + '_ {
        let served = self
            .served
            .iter()
            .map(|((zone, _), stored)| RecordKey::Served {
                zone: *zone,
                endpoint_identifier: stored.registration().endpoint_identifier.clone(),
            });
        let calls = self.calls.keys().map(|(zone, call)| RecordKey::Call {
            zone: *zone,
            call: call.clone(),
        });
        served.chain(calls)
    }

    /// What is remembered under a key; `None`: nothing, or not here.
    pub fn record(&self, key: &RecordKey) -> Option<Record> {
        match key {
            RecordKey::Served {
                zone,
                endpoint_identifier,
            } => {
                let entry = self.identified.get(&(*zone, endpoint_identifier.clone()))?;
                let stored = self.served.get(&(*zone, *entry))?.clone();
                Some(Record::Served {
                    zone: *zone,
                    stored: Box::new(stored),
                })
            }
            RecordKey::Call { zone, call } => {
                let found = self.calls.get(&(*zone, call.clone()))?.clone();
                Some(Record::Call {
                    zone: *zone,
                    call: Box::new(found),
                })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Time, ras_server};

    const ZONE: ZoneIndex = ZoneIndex(3);

    fn registration(entry: u64, identifier: &str) -> Served {
        Served::Registrar(ras_server::Stored {
            id: EntryId(entry),
            endpoint_identifier: identifier.to_owned(),
            endpoint: ([10, 0, 0, 1], 1719).into(),
            seen_as: ([10, 0, 0, 2], 1719).into(),
            full: Vec::new(),
            lightweight: None,
            time_to_live: 60,
            confirmed: Time(0),
        })
    }

    #[test]
    fn an_identifier_that_went_to_a_newer_registration_is_not_forgotten_with_the_older() {
        let mut memory = Memory::default();
        memory.remember_served(ZONE, registration(1, "a"));
        memory.remember_served(ZONE, registration(2, "a"));
        assert_eq!(memory.forget_served(ZONE, EntryId(1)), None);
        assert!(!memory.served.contains_key(&(ZONE, EntryId(1))));
        assert!(memory.forget_served(ZONE, EntryId(2)).is_some());
        assert_eq!(memory.keys().count(), 0);
    }

    #[test]
    fn a_zone_has_its_own_only() {
        let mut memory = Memory::default();
        for zone in [2, 3, 4] {
            memory.remember_served(ZoneIndex(zone), registration(1, "a"));
        }
        assert_eq!(memory.of_zone(ZONE).0.len(), 1);
        let keys: Vec<_> = memory.keys().collect();
        assert!(keys.iter().all(|key| memory.record(key).is_some()));
    }
}
