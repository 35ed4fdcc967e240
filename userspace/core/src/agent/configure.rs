//! What becomes of an agent when its configuration changes or ends.

use super::agent::{Agent, State, Step};
use super::bearing::Bearing;
use super::targets::usable;
use super::verify::Proofs;
use super::{Config, Discovery, Remembered};

impl Agent {
    /// Takes over what was known before the start, unless it has learned something since.
    pub(super) fn restore(&mut self, remembered: Remembered) {
        if !matches!(self.state, State::Waiting { .. }) || self.home.is_some() || self.forlorn {
            return;
        }
        self.alternates = usable(&self.config, &remembered.alternates);
        self.identity.clone_from(&remembered.endpoint_identifier);
        self.home = remembered.gatekeeper;
        self.restored = self.identity.is_some();
        self.kept = Some(remembered);
    }

    /// It is not configured any more.
    pub(super) fn remove(&mut self, step: &mut Step<'_>) {
        self.leave(step);
        self.home = None;
        self.alternates.clear();
        self.keep(step);
        self.removed = true;
    }

    /// The process ends.
    pub(super) fn stop(&mut self, step: &mut Step<'_>) {
        self.leave(step);
        self.keep(step);
        self.removed = true;
    }

    /// It is to be otherwise: what gatekeepers must know brings a full registration, if need be elsewhere.
    pub(super) fn reconfigure(&mut self, step: &mut Step<'_>, config: Config) {
        let old = std::mem::replace(&mut self.config, config);
        if matches!(self.state, State::Leaving) {
            self.removed = false;
            self.state = State::Waiting { until: step.now };
            return;
        }
        if old == self.config {
            return;
        }
        if old.signalling != self.config.signalling {
            self.bearing = Bearing::default();
        }
        if old.allowed_alternates != self.config.allowed_alternates {
            self.alternates = usable(&self.config, &self.alternates);
            self.keep(step);
        }
        if old.credentials != self.config.credentials || old.answers != self.config.answers {
            self.proofs = Proofs::default();
        }
        if old.gatekeepers != self.config.gatekeepers {
            self.drop_old_gatekeeper(step);
        }
        if matches!(self.state, State::Waiting { .. }) {
            return;
        }
        if must_be_known(&old, &self.config) || self.registration.is_none() {
            let discover = self.registration.is_none();
            let first = self.registration.as_ref().map(|held| held.gatekeeper);
            let mut targets = self.candidates();
            targets.sort_by_key(|target| Some(target.address) != first);
            let discover = discover && self.config.discovery != Discovery::Off;
            self.seek(step, targets, discover);
        } else if old.signalling != self.config.signalling {
            self.connect(step);
        }
    }

    /// A gatekeeper that is not configured any more is left, and what it named is forgotten.
    fn drop_old_gatekeeper(&mut self, step: &mut Step<'_>) {
        let configured = |address| {
            self.config
                .gatekeepers
                .iter()
                .any(|one| one.address == address)
        };
        let gone = self.registration.as_ref();
        let gone = gone.is_some_and(|held| !configured(held.gatekeeper));
        if !gone || self.config.discovery == Discovery::Multicast {
            return;
        }
        self.leave(step);
        self.alternates.clear();
        self.home = None;
        self.keep(step);
        self.state = State::Waiting { until: step.now };
    }
}

/// Whether a gatekeeper must hear of the change.
fn must_be_known(old: &Config, new: &Config) -> bool {
    old.ras_addresses != new.ras_addresses
        || old.call_signal_addresses != new.call_signal_addresses
        || old.kind != new.kind
        || old.devices != new.devices
        || old.credentials != new.credentials
}
