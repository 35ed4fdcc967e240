//! What the store is told of served registrations, and what is made of it at the next start.

use std::collections::BTreeMap;

use rasline_core::{RegistrationId, backup, proxy, registrar};

use super::served;
use crate::{store::Served, supervisor::Supervisor};

/// What is to be remembered of each, by number: to be given again when the store lost it.
pub(super) type Remembered = BTreeMap<RegistrationId, Served>;

impl Supervisor {
    pub(super) fn remember_served(&mut self, zone: u32, stored: &registrar::Stored) {
        self.keep_served(zone, Served::Registrar(stored.clone()));
    }

    pub(super) fn remember_proxied(&mut self, zone: u32, stored: &proxy::Stored) {
        self.keep_served(zone, Served::Proxy(stored.clone()));
    }

    fn keep_served(&mut self, zone: u32, stored: Served) {
        let id = served::id(zone, stored.registration().id.0);
        self.memory
            .store()
            .put_served(&self.zone_name(zone), stored.clone());
        let identifier = stored.registration().endpoint_identifier.clone();
        self.serving.identified.insert((zone, identifier), id);
        self.serving.remembered.insert(id, stored);
    }

    pub(super) fn forget_served(&mut self, zone: u32, id: u64) {
        let id = served::id(zone, id);
        let Some(stored) = self.serving.remembered.remove(&id) else {
            return;
        };
        let key = (zone, stored.registration().endpoint_identifier.clone());
        // A newer registration may have the endpointIdentifier meanwhile.
        if self.serving.identified.get(&key) == Some(&id) {
            self.serving.identified.remove(&key);
            self.memory
                .store()
                .delete_served(&self.zone_name(zone), &key.1);
        }
    }

    /// The store has lost what it had, or had no room: it is told what there is, and then given all of it.
    pub(in crate::supervisor) fn start_refill_served(&mut self) {
        let all = self.serving.remembered.iter();
        let kept: Vec<(String, String)> = all
            .filter_map(|(id, stored)| {
                let (zone, _) = served::of(*id)?;
                let identifier = stored.registration().endpoint_identifier.clone();
                Some((self.zone_name(zone), identifier))
            })
            .collect();
        self.memory.store().keep_only_served(kept);
        let all: Vec<RegistrationId> = self.serving.remembered.keys().copied().collect();
        self.serving.refill = all.into_iter();
        self.start_refill_calls();
    }

    /// As many as there is room for.
    pub(in crate::supervisor) fn refill_served(&mut self) {
        self.refill_calls();
        if self.serving.refill.len() == 0 {
            return;
        }
        let room = self.memory.store().room_for_served();
        let some: Vec<RegistrationId> = self.serving.refill.by_ref().take(room).collect();
        for id in some {
            if let (Some((zone, _)), Some(stored)) =
                (served::of(id), self.serving.remembered.get(&id))
            {
                self.memory
                    .store()
                    .put_served(&self.zone_name(zone), stored.clone());
            }
        }
    }

    /// Registrations of an earlier controller: those of zones that rasline serves still. Then their calls.
    pub(in crate::supervisor) fn restore_served(&mut self) {
        let all = self.memory.store().served().unwrap_or_else(|e| {
            tracing::error!("{e}");
            Vec::new()
        });
        for (name, stored) in all {
            let Some(zone) = self.layout.zone(&name) else {
                self.memory
                    .store()
                    .delete_served(&name, &stored.registration().endpoint_identifier);
                continue;
            };
            let id = served::id(zone, stored.registration().id.0);
            let identifier = stored.registration().endpoint_identifier.clone();
            self.serving.identified.insert((zone, identifier), id);
            self.serving.remembered.insert(id, stored.clone());
            self.give_back(zone, stored);
        }
        self.restore_calls();
    }

    /// To a proxy that is new.
    pub(super) fn restore_proxy(&mut self, zone: u32) {
        let range = served::id(zone, 0)..served::id(zone + 1, 0);
        let all: Vec<Served> = self
            .serving
            .remembered
            .range(range)
            .map(|(_, s)| s.clone())
            .collect();
        for stored in all {
            self.give_back(zone, stored);
        }
        self.restore_calls_of(zone);
    }

    fn give_back(&mut self, zone: u32, stored: Served) {
        match stored {
            Served::Registrar(stored) => {
                let stored = Box::new(stored);
                self.control_unit(backup::Input::Restore { zone, stored });
            }
            Served::Proxy(stored) => self.proxy(zone, proxy::Input::Restore(Box::new(stored))),
        }
    }
}
