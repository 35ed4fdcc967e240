//! What the store is told of calls of rasline's registrars and proxies, and what is made of it at the next start.

use std::collections::{BTreeMap, HashMap};

use rasline_core::{backup, proxy, registrar::StoredCall};

use crate::supervisor::Supervisor;

/// Zone and [`StoredCall::call`].
type Key = (u32, String);

/// What is to be remembered of calls.
#[derive(Default)]
pub(super) struct Calls {
    /// To be given again when the store lost it.
    remembered: BTreeMap<Key, StoredCall>,
    /// Of these, to be stored again.
    refill: std::vec::IntoIter<Key>,
    /// Rows of zones that made no sense.
    bad: HashMap<u32, u64>,
}

impl Calls {
    /// Rows of this zone that made no sense when the controller started.
    pub(super) fn bad(&self, zone: u32) -> u64 {
        self.bad.get(&zone).copied().unwrap_or(0)
    }
}

impl Supervisor {
    pub(super) fn remember_call(&mut self, zone: u32, call: &StoredCall) {
        let name = self.zone_name(zone);
        self.memory.store().put_call(&name, call.clone());
        let key = (zone, call.call.clone());
        self.serving.calls.remembered.insert(key, call.clone());
    }

    pub(super) fn forget_call(&mut self, zone: u32, call: String) {
        let name = self.zone_name(zone);
        self.memory.store().delete_call(&name, &call);
        self.serving.calls.remembered.remove(&(zone, call));
    }

    /// As `start_refill_served`.
    pub(super) fn start_refill_calls(&mut self) {
        let all: Vec<Key> = self.serving.calls.remembered.keys().cloned().collect();
        let named = all
            .iter()
            .map(|(zone, call)| (self.zone_name(*zone), call.clone()));
        self.memory.store().keep_only_calls(named);
        self.serving.calls.refill = all.into_iter();
    }

    /// As many as there is room for.
    pub(super) fn refill_calls(&mut self) {
        if self.serving.calls.refill.len() == 0 {
            return;
        }
        let room = self.memory.store().room_for_calls();
        let some: Vec<Key> = self.serving.calls.refill.by_ref().take(room).collect();
        for key in some {
            // It may be over meanwhile.
            if let Some(call) = self.serving.calls.remembered.get(&key) {
                let name = self.zone_name(key.0);
                self.memory.store().put_call(&name, call.clone());
            }
        }
    }

    /// Calls of an earlier controller, after its registrations.
    pub(super) fn restore_calls(&mut self) {
        let all = self.memory.store().calls().unwrap_or_else(|e| {
            tracing::error!("{e}");
            Vec::new()
        });
        let mut bad = 0_u64;
        for (name, call, stored) in all {
            let zone = self.layout.zone(&name);
            let (Some(zone), Some(stored)) = (zone, stored) else {
                if let Some(zone) = zone {
                    *self.serving.calls.bad.entry(zone).or_default() += 1;
                    bad += 1;
                }
                self.memory.store().delete_call(&name, &call);
                continue;
            };
            let key = (zone, call);
            self.serving.calls.remembered.insert(key, stored.clone());
            self.give_call_back(zone, stored);
        }
        if bad > 0 {
            let text = format!("{bad} calls in the store made no sense and were left out");
            tracing::warn!("{text}");
            self.events.add("store", text);
        }
    }

    /// To a proxy that is new, after its endpoints.
    pub(super) fn restore_calls_of(&mut self, zone: u32) {
        let range = (zone, String::new())..(zone + 1, String::new());
        let all = self.serving.calls.remembered.range(range);
        let all: Vec<StoredCall> = all.map(|(_, call)| call.clone()).collect();
        for stored in all {
            self.give_call_back(zone, stored);
        }
    }

    fn give_call_back(&mut self, zone: u32, stored: StoredCall) {
        let stored = Box::new(stored);
        if self.serving.proxies.contains_key(&zone) {
            self.proxy(zone, proxy::Input::RestoreCall(stored));
        } else {
            self.control_unit(backup::Input::RestoreCall { zone, stored });
        }
    }
}
