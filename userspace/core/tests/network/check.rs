//! What must always hold, and what must hold when all is quiet again.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::time::Duration;

use rasline_core::Time;
use rasline_core::agent::{AgentId, Signalling, View};
use rasline_core::registrar::Registrar;

use crate::network::gatekeeper;
use crate::network::world::{World, agent_address, site};

/// Since when agents are without a registration that holds.
#[derive(Debug, Default)]
pub struct Watch {
    lost: HashMap<AgentId, Time>,
    /// The longest time that one was.
    pub longest: Duration,
}

impl Watch {
    /// Looks at all agents and registrars; nobody may be without a registration for longer than `most`.
    pub fn look(&mut self, world: &World, most: Duration) {
        let known = Known::of(world);
        for (id, view) in world.agents.views() {
            connected_where_registered(world, id, &view);
            if known.holds(world, id, &view) {
                self.lost.remove(&id);
                continue;
            }
            let since = *self.lost.entry(id).or_insert(world.now);
            let lost = world.now.since(since);
            self.longest = self.longest.max(lost);
            assert!(
                lost <= most,
                "{id:?} has had no registration for {lost:?}: {view:?}"
            );
        }
    }
}

/// What the registrars know: endpointIdentifiers by address.
pub struct Known(Vec<Option<HashMap<SocketAddr, String>>>);

impl Known {
    /// No registrar has two registrations of one endpoint, or of one alias.
    pub fn of(world: &World) -> Self {
        let all = world.gatekeepers.iter();
        Self(
            all.map(|one| one.registrar.as_ref().map(registrations))
                .collect(),
        )
    }

    /// Whether its gatekeeper lives, can be reached, and agrees that it is registered.
    fn holds(&self, world: &World, id: AgentId, view: &View) -> bool {
        let address = agent_address(id.0);
        let Some(n) = registered_with(view) else {
            return false;
        };
        let known = self.0[n].as_ref().and_then(|known| known.get(&address));
        known.is_some()
            && known == view.endpoint_identifier.as_ref()
            && world.weather.reachable(n, site(address))
    }

    /// How many registrars have a registration from there.
    pub fn count(&self, address: SocketAddr) -> usize {
        let all = self.0.iter().flatten();
        all.filter(|known| known.contains_key(&address)).count()
    }
}

fn registrations(registrar: &Registrar) -> HashMap<SocketAddr, String> {
    let mut endpoints = HashMap::new();
    let mut aliases = HashSet::new();
    for entry in registrar.views() {
        for alias in &entry.aliases {
            assert!(
                aliases.insert(alias.clone()),
                "two registrations have {alias}"
            );
        }
        let (from, identifier) = (entry.endpoint, entry.endpoint_identifier);
        let before = endpoints.insert(from, identifier);
        assert_eq!(before, None, "two registrations from {from}");
    }
    endpoints
}

/// The gatekeeper that it believes in, if it does.
pub fn registered_with(view: &View) -> Option<usize> {
    let believes = view.state == "Registered";
    view.gatekeeper
        .filter(|_| believes)
        .and_then(gatekeeper::number)
}

/// All is quiet: every agent is registered, with one gatekeeper only, and connected to it.
pub fn all_is_well(world: &World) {
    let known = Known::of(world);
    for (id, view) in world.agents.views() {
        assert!(known.holds(world, id, &view), "{id:?} is lost: {view:?}");
        assert_eq!(known.count(agent_address(id.0)), 1, "{id:?}: {view:?}");
        let wants = world.configs[id.0 as usize].signalling != Signalling::Off;
        let with = view.gatekeeper.filter(|_| wants);
        assert_eq!(
            view.connected_to.map(|peer| peer.ip()),
            with.map(|one| one.ip()),
            "{id:?}: {view:?}"
        );
    }
    for client in &world.clients {
        assert!(client.registered(), "{:?}", client.journal().last());
        assert_eq!(known.count(client.address()), 1, "{}", client.address());
    }
}

/// Its connection, if there is one, goes to the gatekeeper that it is registered with.
fn connected_where_registered(world: &World, id: AgentId, view: &View) {
    let (Some(peer), Some(with)) = (world.ledger.peer(id), registered_with(view)) else {
        return;
    };
    assert_eq!(
        peer,
        gatekeeper::signalling(with),
        "{id:?} is connected elsewhere: {view:?}"
    );
}
