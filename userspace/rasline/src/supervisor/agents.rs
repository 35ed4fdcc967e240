//! The agents' side of the supervisor: their configuration, what they report, and how they are shown.
// Seconds for people: a double holds them well enough.
#![allow(clippy::cast_precision_loss)]

use std::sync::atomic::Ordering;

use rasline_core::agent::{Remembered, Unproved};

use crate::{
    agent::{Figures, Report, Shown, describe_event, unknown},
    config::Config,
    control::{Reply, view},
    failure::Result,
    host::monotonic_ns,
    supervisor::{Supervisor, show::ago},
};

impl Supervisor {
    /// The agents of the configuration, with what an earlier controller knew of them.
    ///
    /// # Errors
    /// When their thread has ended.
    pub(super) fn start_agents(&mut self) -> Result<()> {
        let mut remembered = self.remembered_agents();
        remembered.retain(|one| self.is_agent(one));
        for one in &remembered {
            self.agents_known.insert(one.name.clone(), one.clone());
        }
        self.agents.set(&self.config.agents, remembered)
    }

    /// A reload: those that are gone leave, those that changed register anew.
    pub(super) fn change_agents(&mut self, new: &Config) {
        if let Err(e) = self.agents.set(&new.agents, Vec::new()) {
            tracing::error!("{e}");
        }
        let gone = self.agents_known.values().filter(|one| !self.is_agent(one));
        for one in gone.cloned().collect::<Vec<_>>() {
            self.remember_agent(nothing(one.name));
        }
    }

    fn is_agent(&self, one: &Remembered) -> bool {
        self.config.agents.iter().any(|a| a.name == one.name)
    }

    /// An agent's thread says something.
    pub(super) fn agent_reported(&mut self, report: Report) {
        match report {
            Report::Event(event) => {
                self.events.record(describe_event(&event));
            }
            // One that left is not to be remembered again.
            Report::Remember(one) if self.is_agent(&one) => self.remember_agent(one),
            Report::Remember(_) => {}
        }
    }

    pub(super) fn reregister(&mut self, name: &str) -> Result<Reply> {
        self.agents.reregister(name)?;
        Ok(Reply::done(format!("agent {name}: registers in full")))
    }

    pub(super) fn show_agents(&self) -> Vec<view::Agent> {
        let now_ns = monotonic_ns();
        let all = self.agents.shown();
        all.into_iter()
            .map(|a| self.agent_view(now_ns, a))
            .collect()
    }

    pub(super) fn show_agent(&self, name: &str) -> Result<view::Agent> {
        let mut all = self.show_agents().into_iter();
        let names = self.config.agents.iter().map(|a| a.name.as_str());
        all.find(|a| a.name == name)
            .ok_or_else(|| unknown(name, names))
    }

    fn agent_view(&self, now_ns: u64, shown: Shown) -> view::Agent {
        let Shown {
            view: v,
            figures,
            trouble,
            unused,
        } = shown;
        let config = self.config.agents.iter().find(|a| a.name == v.name);
        let aliases = config.into_iter().flat_map(|a| &a.devices);
        let losses = Figures::LOSSES.into_iter().zip(figures.losses);
        let unproved = Unproved::ALL.into_iter().zip(v.unproved);
        view::Agent {
            registered: v.confirmed_ns.is_some() && v.state == "Registered",
            confirmed: v.confirmed_ns.map(|at| ago(now_ns, at)),
            ras_address: config
                .map(|a| a.ras_address.to_string())
                .unwrap_or_default(),
            aliases: aliases.flat_map(|d| d.aliases.clone()).collect(),
            losses: losses.map(|(name, n)| (name.to_owned(), n)).collect(),
            recoveries: figures.recoveries,
            last_recovery: figures.last_recovery.map(|d| d.as_secs_f64()),
            ignored: v.ignored,
            proof_demanded: v.proof_demanded,
            unproved: unproved
                .map(|(why, n)| (why.name().to_owned(), n))
                .collect(),
            signalling_ignored: unused.load(Ordering::Relaxed),
            not_sent: figures.not_sent,
            trouble,
            name: v.name,
            state: v.state.to_lowercase(),
            gatekeeper: v.gatekeeper,
            gatekeeper_identifier: v.gatekeeper_identifier,
            endpoint_identifier: v.endpoint_identifier,
            time_to_live: v.time_to_live,
            connected_to: v.connected_to,
            candidates: v.candidates,
            registrations: v.registrations,
            keep_alives: v.keep_alives,
        }
    }
}

/// What an agent knows that is no more.
fn nothing(name: String) -> Remembered {
    Remembered {
        name,
        gatekeeper: None,
        endpoint_identifier: None,
        alternates: Vec::new(),
    }
}
