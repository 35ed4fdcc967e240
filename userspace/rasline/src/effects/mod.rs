//! Everything that the site wants done is done here, and only here; what becomes of it comes back as an input.
//!
//! ```text
//!   Output ── carry_out ──┬── slots      keep-alives in the kernel's table
//!                         ├── steering   where the kernel sends zones' traffic
//!                         ├── network    messages, from own sockets or in others' names
//!                         ├── persist    records in the store
//!                         └── notify     events: to the log, to those who follow, to the store
//! ```
//! No policy is here: what is to be done, and when, has been decided.

pub mod apply;
mod around;
pub mod describe;
mod event_names;
pub mod events;
pub mod hang_up;
pub mod layout;
mod network;
pub mod persist;
mod raw;
mod slots;
mod spoofed_endpoint;
mod spoofed_gatekeeper;
pub mod tracked;

use std::collections::{BTreeMap, BTreeSet};

use rasline_core::{
    GatekeeperIndex, RegistrationKey,
    record::Record,
    site::{AlternateCandidate, Input, KernelChange, Output, Site, Surroundings},
};
use rasline_kernel::{Dataplane, Observed};

use crate::{
    host::monotonic_ns,
    io::profiles::ProfileThread,
    probe::{Probes, Target},
    signalling::CallThread,
};

pub use events::Events;
pub use network::Network;
pub use persist::Persist;
pub use slots::{PublishedSlot, Slots};

use around::Around;
use describe::{Names, describe};
use layout::Layout;

/// What the outputs are carried out by.
pub struct Effects {
    /// The kernel's tables.
    pub dataplane: Dataplane,
    /// Which index zones and gatekeepers have there.
    pub layout: Layout,
    /// The keep-alives in them.
    pub slots: Slots,
    /// Messages.
    pub network: Network,
    /// Probes of gatekeepers.
    pub probes: Probes,
    /// Whom these are to probe.
    pub targets: Vec<Target>,
    /// The store.
    pub persist: Persist,
    /// The profiles' thread.
    pub profiles: ProfileThread,
    /// Events of this controller and those before, with their followers.
    pub events: Events,
    /// Learned alternates by zone name, and whether the configuration in force is to follow them.
    pub alternates: BTreeMap<String, Vec<AlternateCandidate>>,
    /// Calls whose signalling ends here.
    pub calls: CallThread,
    /// Set by [`Output::Adopt`].
    pub adopt: bool,
}

impl Effects {
    /// What the site looks at when it decides.
    #[must_use]
    pub fn around(&self) -> impl Surroundings {
        Around {
            dataplane: &self.dataplane,
            slots: &self.slots,
            probes: &self.probes,
        }
    }

    /// Carries out an output; gives what becomes of it.
    pub fn carry_out(&mut self, site: &Site, output: Output) -> Vec<Input<'static>> {
        let now_ns = monotonic_ns();
        match output {
            Output::Publish(entry) => {
                let (slots, dataplane) = (&mut self.slots, &mut self.dataplane);
                return slots.publish(dataplane, &self.layout, now_ns, &entry);
            }
            Output::Withdraw(key) => self.slots.withdraw(&mut self.dataplane, now_ns, key),
            Output::WithdrawStale => {
                let (slots, dataplane) = (&mut self.slots, &mut self.dataplane);
                return slots.withdraw_stale(dataplane, &self.layout, now_ns);
            }
            Output::Kernel(change) => change_kernel(&mut self.dataplane, &change),
            Output::Send(message) => self.network.send(now_ns, &message),
            Output::Probe => return vec![Input::Unprobed(self.probe(site))],
            Output::Answered { gatekeeper, at } => self.probes.heard(gatekeeper.0, at),
            Output::Alternates { zone, candidates } => {
                let zone = site.config().zone_name(zone);
                self.alternates.insert(zone, candidates);
            }
            Output::Adopt => self.adopt = true,
            Output::Learned { zone, endpoints } => self.profiles.learn(&zone, endpoints),
            Output::Persist(record) => self.persist.put(site.config(), record),
            Output::Forget(key) => self.persist.forget(site.config(), &key),
            Output::Call { zone, fact } => self.calls.note(zone, fact),
            Output::Event(event) => {
                let described = describe(&event, &Names::new(site.config()));
                self.events.record(described);
            }
        }
        Vec::new()
    }

    /// Probes the targets; gives the gatekeepers outside of which nothing is known any more.
    fn probe(&mut self, site: &Site) -> BTreeSet<GatekeeperIndex> {
        let outside = site.config().gatekeepers().filter(|(_, one)| !one.is_own());
        let outside: BTreeSet<GatekeeperIndex> = outside.map(|(_, one)| one.index).collect();
        let mut unprobed = outside.clone();
        for target in &self.targets {
            unprobed.remove(&GatekeeperIndex(target.gatekeeper));
        }
        let dataplane = &self.dataplane;
        let ended = (self.probes).set(self.targets.clone(), |g| {
            dataplane.gatekeepers.known_answers(g)
        });
        unprobed.extend(ended.into_iter().map(GatekeeperIndex));
        unprobed.retain(|one| outside.contains(one));
        unprobed
    }

    /// Gives the store again what it lost, as far as there is room, and notes times that changed.
    pub fn tick_persist(&mut self, now_ns: u64, site: &Site) {
        self.persist.tick(now_ns, site, &mut self.events);
    }

    /// Remembers an agent's knowledge, or forgets it.
    pub fn remember_agent(&mut self, agent: rasline_core::agent::Remembered, site: &Site) {
        let record = Record::Agent(Box::new(agent));
        self.persist.put(site.config(), record);
    }

    /// A registration's slot in the kernel's table, if it has one.
    #[must_use]
    pub fn published(&self, key: RegistrationKey) -> Option<PublishedSlot> {
        self.slots.get(key)
    }

    /// What the kernel noted about a registration, now.
    #[must_use]
    pub fn observe(&self, now_ns: u64, key: RegistrationKey) -> Option<Observed> {
        let place = self.slots.get(key)?.place;
        self.dataplane.table().observe(now_ns, place)
    }
}

fn change_kernel(dataplane: &mut Dataplane, change: &KernelChange) {
    match change {
        KernelChange::Steer { zone, to } => dataplane.steer(&rasline_kernel::Steering {
            zone: zone.0,
            active: to.active.map(|one| one.0),
            steered: to.steered.iter().map(|one| one.0).collect(),
            candidates: to.candidates.iter().map(|one| one.0).collect(),
            moved_ns: to.moved.0,
        }),
        KernelChange::Auto { zone, on } => dataplane.zones.set_auto(zone.0, *on),
        KernelChange::Down { gatekeeper, since } => {
            dataplane
                .gatekeepers
                .set_down(gatekeeper.0, since.map(|at| at.0));
        }
        KernelChange::Back { gatekeeper, at } => dataplane.gatekeepers.set_back(gatekeeper.0, at.0),
        KernelChange::Standby { gatekeeper, on } => {
            dataplane.gatekeepers.set_standby(gatekeeper.0, *on);
        }
        KernelChange::MoveFor { zone, time } => dataplane.zones.set_move_for(zone.0, *time),
    }
}
