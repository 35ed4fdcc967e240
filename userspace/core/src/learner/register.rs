//! Full registrations (H.225.0 7.9.1, 7.9.2): who is there, and whom that replaces.

use std::net::SocketAddr;

use super::phase::Stimulus;
use super::{Learner, NotAnsweredReason, Output, Registration};
use crate::{Cause, RegistrationId, Time};

impl Learner {
    /// A full registration was confirmed.
    pub(crate) fn registered(
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
        let mut earlier = self.earlier(shown.zone, shown.endpoint, aliases, call_signal_addresses);
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
    pub(crate) fn earlier(
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
        all.retain(|other| self.registration(*other).is_some_and(same));
        all
    }
}
