//! Registrations by the RCFs that confirm them (H.225.0 7.9.1, 7.9.2): which endpoint each is of, and which registration it
//! replaces.

use std::net::SocketAddr;
use std::time::Duration;

use super::confirm::Confirm;
use super::learn::KEPT;
use super::phase::Stimulus;
use super::registrations::Registrations;
use super::registry::{Place, Record};
use super::{NotAnsweredReason, Output, Registration};
use crate::{Cause, RegistrationId, Time};

/// An endpoint without timeToLive is silent after this time.
const SILENT_AFTER: Duration = Duration::from_mins(1);
/// What the kernel heard of an endpoint is known this much later at most.
const SCAN: Duration = Duration::from_secs(2);

impl Registrations {
    /// A full registration was confirmed.
    pub(crate) fn handle_registered(
        &mut self,
        now: Time,
        id: RegistrationId,
        aliases: Vec<String>,
        call_signal_addresses: Vec<SocketAddr>,
        secured: bool,
        out: &mut Vec<Output>,
    ) {
        self.replace_earlier(now, id, &aliases, &call_signal_addresses, out);
        let Some(record) = self.registry.get_mut(id) else {
            return;
        };
        let shown = &mut record.shown;
        if !aliases.is_empty() {
            shown.aliases = aliases;
        }
        shown.call_signal_addresses = call_signal_addresses;
        let was_secured = std::mem::replace(&mut shown.secured, secured);
        if secured {
            self.step(
                now,
                id,
                Stimulus::Unfit(NotAnsweredReason::Secured),
                Cause::NotAnswerable,
                out,
            );
        } else if was_secured {
            self.step(now, id, Stimulus::Anew, Cause::Replaced, out);
        } else if shown.state.is_published() {
            out.push(Output::Store { id });
        }
    }

    /// An earlier registration of the same endpoint is no more: same address and port, same call signalling address
    /// (or same alias names, if none is given).
    fn replace_earlier(
        &mut self,
        now: Time,
        id: RegistrationId,
        aliases: &[String],
        call_signal_addresses: &[SocketAddr],
        out: &mut Vec<Output>,
    ) {
        let Some(shown) = self.registry.get(id).map(|record| &record.shown) else {
            return;
        };
        let mut earlier =
            self.find_earlier(shown.zone, shown.endpoint, aliases, call_signal_addresses);
        earlier.retain(|other| *other != id);
        for other in earlier {
            // What its endpoint has shown goes on to count.
            let trial = self.registry.get(other).map(|record| record.trial.clone());
            if let (Some(record), Some(trial)) = (self.registry.get_mut(id), trial) {
                record.trial = trial;
            }
            self.remove(now, other, Cause::Replaced, out);
        }
    }

    /// Registrations that a full one from this address and port replaces.
    pub(crate) fn find_earlier(
        &self,
        zone: u32,
        endpoint: SocketAddr,
        aliases: &[String],
        call_signal_addresses: &[SocketAddr],
    ) -> Vec<RegistrationId> {
        let same = |other: &Registration| {
            let addresses = &other.call_signal_addresses;
            if call_signal_addresses.is_empty() || addresses.is_empty() {
                !aliases.is_empty() && other.aliases == aliases
            } else {
                addresses.iter().any(|a| call_signal_addresses.contains(a))
            }
        };
        let mut all = self.registry.at(zone, endpoint).to_vec();
        all.retain(|other| self.get(*other).is_some_and(same));
        all
    }

    /// What every RCF tells.
    pub(crate) fn note_confirm(&mut self, now: Time, id: RegistrationId, confirm: &Confirm<'_>) {
        let Some(record) = self.registry.get_mut(id) else {
            return;
        };
        let shown = &mut record.shown;
        shown.last_seen = now;
        shown.confirmed = now;
        shown
            .gatekeeper_identifier
            .clone_from(&confirm.gatekeeper_identifier);
        if !confirm.aliases.is_empty() {
            shown.aliases.clone_from(&confirm.aliases);
            shown.aliases.truncate(KEPT);
        }
        if !shown.state.is_published() {
            shown.gatekeeper_ttl = confirm
                .time_to_live
                .map(|ttl| Duration::from_secs(ttl.into()));
        }
    }

    /// One keep-alive cannot stand for two registrations: what it stood for before is no more.
    pub(crate) fn replace_same_keep_alive(
        &mut self,
        now: Time,
        id: RegistrationId,
        rrq: &[u8],
        out: &mut Vec<Output>,
    ) {
        let Some(shown) = self.registry.get(id).map(|record| &record.shown) else {
            return;
        };
        let here = self.registry.at(shown.zone, shown.endpoint).iter().copied();
        let same = |record: &Record| record.pair.as_ref().is_some_and(|pair| *pair.rrq == *rrq);
        let earlier: Vec<_> = here
            .filter(|other| *other != id && self.registry.get(*other).is_some_and(same))
            .collect();
        for other in earlier {
            self.remove(now, other, Cause::Replaced, out);
        }
    }

    /// Whether the registration found for this place belongs to another address that sent something within its timeToLive.
    pub(crate) fn is_alive_elsewhere(&self, now: Time, id: RegistrationId, place: &Place) -> bool {
        let Some(shown) = self.get(id) else {
            return false;
        };
        let ttl = shown.endpoint_ttl.or(shown.gatekeeper_ttl);
        let until = shown
            .last_seen
            .after(ttl.unwrap_or(SILENT_AFTER).saturating_add(SCAN));
        shown.endpoint != place.endpoint && now < until
    }
}
