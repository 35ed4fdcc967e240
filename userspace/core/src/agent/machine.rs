//! All agents: who an input is for, and who is due when.
//!
//! Invariant: what one input costs does not grow with the number of agents, but for those that are for all of them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use super::agent::Agent;
use super::step::Step;
use super::targets::canonical;
use super::view::view_agent;
use super::{AgentId, Config, ConnectionId, Input, Output, Remembered, View};
use crate::Time;
use crate::transaction::Dice;

/// Agents start at least this far apart, ...
const APART: Duration = Duration::from_millis(2);
/// ... unless that takes longer than this.
const ALL_STARTED: Duration = Duration::from_secs(10);

/// Any number of agents.
#[derive(Debug, Default)]
pub struct Agents {
    all: HashMap<AgentId, Agent>,
    names: HashMap<String, AgentId>,
    timers: BTreeSet<(Time, AgentId)>,
    unix_at_zero: i64,
}

impl Agents {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one input and appends what is to be done, in order.
    pub fn handle(&mut self, now: Time, input: Input<'_>, out: &mut Vec<Output>) {
        match input {
            Input::Configure(configs) => self.configure(now, configs, out),
            Input::Message {
                agent,
                from,
                payload,
            } => self.with(now, agent, out, |one, step| {
                one.said(step, canonical(from), payload);
            }),
            Input::Connected { connection } => {
                self.with(now, owner(connection), out, |one, step| {
                    one.connected(step, connection);
                });
            }
            Input::Lost { connection, why } => {
                self.with(now, owner(connection), out, |one, step| {
                    one.lost(step, connection, why);
                });
            }
            Input::Restore(remembered) => self.restore(now, remembered, out),
            Input::Reregister { agent } => self.with(now, agent, out, Agent::reregister),
            Input::Due => self.due(now, out),
            Input::WallClock { unix_at_zero } => self.unix_at_zero = unix_at_zero,
            Input::Stop => self.stop(now, out),
        }
    }

    /// When [`Input::Due`] is wanted.
    #[must_use]
    pub fn next_due(&self) -> Option<Time> {
        self.timers.first().map(|(time, _)| *time)
    }

    /// How one stands.
    #[must_use]
    pub fn view(&self, id: AgentId) -> Option<View> {
        self.all.get(&id).map(view_agent)
    }

    /// How all stand, by their numbers.
    #[must_use]
    pub fn views(&self) -> Vec<(AgentId, View)> {
        let mut views: Vec<_> = self
            .all
            .iter()
            .map(|(id, agent)| (*id, view_agent(agent)))
            .collect();
        views.sort_by_key(|(id, _)| *id);
        views
    }

    /// Does something with one agent; then it may be gone, or due at another time.
    fn with(
        &mut self,
        now: Time,
        id: AgentId,
        out: &mut Vec<Output>,
        action: impl FnOnce(&mut Agent, &mut Step<'_>),
    ) {
        let Some(agent) = self.all.get_mut(&id) else {
            return;
        };
        let unix_at_zero = self.unix_at_zero;
        action(
            agent,
            &mut Step {
                now,
                unix_at_zero,
                out,
            },
        );
        let gone = agent.is_gone();
        let due = agent.next_due().filter(|_| !gone);
        if due != agent.indexed {
            if let Some(before) = agent.indexed {
                self.timers.remove(&(before, id));
            }
            if let Some(due) = due {
                self.timers.insert((due, id));
            }
            agent.indexed = due;
        }
        if gone {
            self.all.remove(&id);
        }
    }

    fn due(&mut self, now: Time, out: &mut Vec<Output>) {
        let all: Vec<AgentId> = self
            .timers
            .iter()
            .take_while(|(time, _)| *time <= now)
            .map(|(_, id)| *id)
            .collect();
        for id in all {
            self.with(now, id, out, Agent::due);
        }
    }

    fn configure(&mut self, now: Time, configs: Vec<Config>, out: &mut Vec<Output>) {
        let wanted: HashSet<AgentId> = configs.iter().map(|config| config.id).collect();
        for id in self.sorted() {
            if !wanted.contains(&id) {
                self.with(now, id, out, Agent::remove);
            }
        }
        let fresh = configs.iter().filter(|one| !self.all.contains_key(&one.id));
        let fresh = u32::try_from(fresh.count()).unwrap_or(u32::MAX);
        let spread = (APART * fresh.saturating_sub(1)).min(ALL_STARTED);
        for config in configs {
            let id = config.id;
            let start = now.after(Dice::new(config.seed).part(spread));
            self.all
                .entry(id)
                .or_insert_with(|| Agent::new(config.clone(), start));
            self.with(now, id, out, |agent, step| agent.reconfigure(step, config));
        }
        let named = self.all.iter().filter(|(id, _)| wanted.contains(id));
        self.names = named
            .map(|(id, agent)| (agent.config.name.clone(), *id))
            .collect();
    }

    fn restore(&mut self, now: Time, remembered: Remembered, out: &mut Vec<Output>) {
        if let Some(id) = self.names.get(&remembered.name).copied() {
            self.with(now, id, out, |agent, _| agent.restore(remembered));
        }
    }

    fn stop(&mut self, now: Time, out: &mut Vec<Output>) {
        for id in self.sorted() {
            self.with(now, id, out, Agent::stop);
        }
    }

    fn sorted(&self) -> Vec<AgentId> {
        let mut all: Vec<AgentId> = self.all.keys().copied().collect();
        all.sort_unstable();
        all
    }
}

/// Whose connection this is: its number says so.
const fn owner(connection: ConnectionId) -> AgentId {
    AgentId((connection.0 >> 32) as u32)
}
