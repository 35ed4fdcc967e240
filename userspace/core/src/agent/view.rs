//! How agents stand, for people.

use std::net::SocketAddr;

use super::View;
use super::agent::{Agent, State};
use super::registration_attempt::AttemptPhase;
use super::targets::Target;

/// State by its name in the diagram.
const fn state_name(agent: &Agent) -> &'static str {
    match &agent.state {
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

/// The state of an agent, for people.
pub(super) fn view_agent(agent: &Agent) -> View {
    let held = agent.registration.as_ref();
    let asked = asked_target(agent);
    let gatekeeper = asked
        .map(|target| target.address)
        .or_else(|| held.map(|held| held.gatekeeper));
    // Who is asked has confirmed nothing yet, whatever another one did.
    let here = held.filter(|held| gatekeeper == Some(held.gatekeeper));
    View {
        name: agent.config.name.clone(),
        state: state_name(agent).into(),
        gatekeeper,
        gatekeeper_identifier: match asked {
            Some(target) => target.gatekeeper_identifier.clone(),
            None => held.and_then(|held| held.gatekeeper_identifier.clone()),
        },
        endpoint_identifier: agent.identity.clone(),
        time_to_live: here.and_then(|held| held.time_to_live),
        confirmed_ns: here.map(|held| held.confirmed.0),
        connected_to: agent.link.connected_to(),
        candidates: agent.candidates().iter().map(address).collect(),
        registrations: agent.sums.registrations,
        keep_alives: agent.sums.keep_alives,
        losses: agent.sums.losses,
        ignored: agent.sums.ignored,
        proof_demanded: gatekeeper.is_some_and(|one| agent.demands_proof(one)),
        unproved: agent.sums.unproved,
    }
}

/// The gatekeeper that it asks now.
fn asked_target(agent: &Agent) -> Option<&Target> {
    match &agent.state {
        State::Seeking(attempt) => attempt.target.as_ref(),
        State::Moving(moving) => moving.last_asked(),
        _ => None,
    }
}
const fn address(target: &Target) -> SocketAddr {
    target.address
}
