//! The agents' side of the controller: their configuration, what they report, and how they are shown.
// Seconds for people: a double holds them well enough.
#![allow(clippy::cast_precision_loss)]

use std::sync::atomic::Ordering;

use rasline_core::{agent::Unproved, record::RecordKey};

use super::{Daemon, show::ago};
use crate::{
    agent::{Figures, Report, Shown, unknown},
    config::Config,
    control::Reply,
    effects::describe::agents::describe_event,
    failure::Result,
    host::monotonic_ns,
    view,
};

/// Starts the agents of the configuration, with what an earlier controller knew of them.
///
/// # Errors
/// When their thread has ended.
pub(super) fn start(daemon: &mut Daemon) -> Result<()> {
    let remembered = daemon.effects.persist.store().agents();
    let mut remembered = remembered.unwrap_or_else(|e| {
        tracing::error!("{e}");
        Vec::new()
    });
    remembered.retain(|one| is_agent(&daemon.config, &one.name));
    for one in &remembered {
        daemon.effects.persist.adopt_agent(one.clone());
    }
    daemon.agents.set(&daemon.config.agents, remembered)
}

/// A reload: those that are gone leave, those that changed register again.
pub(super) fn reconfigure(daemon: &mut Daemon, new: &Config) {
    if let Err(e) = daemon.agents.set(&new.agents, Vec::new()) {
        tracing::error!("{e}");
    }
    let known = daemon.effects.persist.agents().keys();
    let gone = known.filter(|name| !is_agent(&daemon.config, name));
    for name in gone.cloned().collect::<Vec<_>>() {
        let key = RecordKey::Agent(name);
        let effects = &mut daemon.effects;
        effects.persist.forget(daemon.site.config(), &key);
    }
}

fn is_agent(config: &Config, name: &str) -> bool {
    config.agents.iter().any(|agent| agent.name == name)
}

/// An agent's thread reports something.
pub(super) fn handle_report(daemon: &mut Daemon, report: Report) {
    match report {
        Report::Event(event) => daemon.effects.events.record(describe_event(&event)),
        // One that left is not to be remembered again.
        Report::Remember(one) if is_agent(&daemon.config, &one.name) => {
            daemon.effects.remember_agent(one, &daemon.site);
        }
        Report::Remember(_) => {}
    }
}

/// `rasline agent reregister`.
pub(super) fn reregister(daemon: &Daemon, name: &str) -> Result<Reply> {
    daemon.agents.reregister(name)?;
    Ok(Reply::done(format!("agent {name}: registers in full")))
}

/// All agents as they are shown.
pub(super) fn show_all(daemon: &Daemon) -> Vec<view::Agent> {
    let now_ns = monotonic_ns();
    let all = daemon.agents.shown();
    all.into_iter()
        .map(|shown| agent_view(&daemon.config, now_ns, shown))
        .collect()
}

/// One of them.
pub(super) fn show_one(daemon: &Daemon, name: &str) -> Result<view::Agent> {
    let mut all = show_all(daemon).into_iter();
    let names = daemon.config.agents.iter().map(|a| a.name.as_str());
    all.find(|agent| agent.name == name)
        .ok_or_else(|| unknown(name, names))
}

fn agent_view(config: &Config, now_ns: u64, shown: Shown) -> view::Agent {
    let Shown {
        view: v,
        figures,
        trouble,
        unused,
    } = shown;
    let config = config.agents.iter().find(|a| a.name == v.name);
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
