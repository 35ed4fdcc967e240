//! How agents stand, for people.

use std::net::SocketAddr;

use super::View;
use super::agent::{Agent, State};
use super::registration_attempt::AttemptPhase;
use super::targets::Target;

impl Agent {
    /// State by its name in the diagram.
    pub(super) const fn state_name(&self) -> &'static str {
        match &self.state {
            State::Waiting { .. } => "Waiting",
            State::Seeking(attempt) => match attempt.phase {
                AttemptPhase::Discovering => "Discovering",
                AttemptPhase::Registering => "Registering",
            },
            State::Registered { .. } => "Registered",
            State::Moving(_) => "Moving",
            State::Leaving => "Leaving",
        }
    }

    /// How it stands.
    pub(super) fn view(&self) -> View {
        let held = self.registration.as_ref();
        let asked = self.asked_target();
        let gatekeeper = asked
            .map(|target| target.address)
            .or_else(|| held.map(|held| held.gatekeeper));
        // Who is asked has confirmed nothing yet, whatever another one did.
        let here = held.filter(|held| gatekeeper == Some(held.gatekeeper));
        View {
            name: self.config.name.clone(),
            state: self.state_name().into(),
            gatekeeper,
            gatekeeper_identifier: match asked {
                Some(target) => target.gatekeeper_identifier.clone(),
                None => held.and_then(|held| held.gatekeeper_identifier.clone()),
            },
            endpoint_identifier: self.identity.clone(),
            time_to_live: here.and_then(|held| held.time_to_live),
            confirmed_ns: here.map(|held| held.confirmed.0),
            connected_to: self.link.connected_to(),
            candidates: self.candidates().iter().map(address).collect(),
            registrations: self.sums.registrations,
            keep_alives: self.sums.keep_alives,
            losses: self.sums.losses,
            ignored: self.sums.ignored,
            proof_demanded: gatekeeper.is_some_and(|one| self.demands_proof(one)),
            unproved: self.sums.unproved,
        }
    }

    /// Whom it asks now.
    fn asked_target(&self) -> Option<&Target> {
        match &self.state {
            State::Seeking(attempt) => attempt.target.as_ref(),
            State::Moving(moving) => moving.asks(),
            _ => None,
        }
    }

    /// All whom it asks now, or has asked in this move.
    pub(super) fn asked_targets(&self) -> &[Target] {
        match &self.state {
            State::Seeking(attempt) => attempt.target.as_slice(),
            State::Moving(moving) => moving.asked(),
            _ => &[],
        }
    }

    /// gatekeeperIdentifier by which the one that is asked is known.
    pub(super) fn asked_identifier(&self) -> Option<String> {
        self.asked_target()
            .and_then(|target| target.gatekeeper_identifier.clone())
    }
}

const fn address(target: &Target) -> SocketAddr {
    target.address
}
