//! `rasline agent`: the endpoints that rasline itself is.

use clap::Subcommand;

use super::{
    Cli, Json,
    table::{ago, or_dash, put, put_json, put_table, span, table},
};
use crate::{control::Command as Ask, failure::Result, view::Agent};

#[derive(Debug, Subcommand)]
pub(super) enum AgentCommand {
    /// List agents.
    List(Json),
    /// Show one agent.
    Show {
        /// Name of the agent.
        agent: String,
        #[command(flatten)]
        json: Json,
    },
    /// Make an agent send a full RRQ now.
    Reregister {
        /// Name of the agent.
        agent: String,
    },
}

pub(super) fn run(cli: &Cli, command: &AgentCommand) -> Result<()> {
    let mut client = cli.client()?;
    match command {
        AgentCommand::List(json) => {
            let all: Vec<Agent> = client.call(Ask::AgentList)?;
            if json.json {
                put_json(&all);
            } else {
                put_all(&all);
            }
        }
        AgentCommand::Show { agent, json } => {
            let agent = agent.clone();
            let one: Agent = client.call(Ask::AgentShow { agent })?;
            if json.json {
                put_json(&one);
            } else {
                put_one(&one);
            }
        }
        AgentCommand::Reregister { agent } => {
            let agent = agent.clone();
            let done: String = client.call(Ask::AgentReregister { agent })?;
            put(&done);
        }
    }
    Ok(())
}

fn shown<T: ToString>(value: Option<&T>) -> String {
    value.map_or_else(|| "-".to_owned(), T::to_string)
}

fn lost(agent: &Agent) -> u64 {
    agent.losses.values().sum()
}

fn put_all(all: &[Agent]) {
    let mut t = table(&[
        "AGENT",
        "STATE",
        "GATEKEEPER",
        "SIGNALLING",
        "CONFIRMED",
        "TTL",
        "FULL",
        "KEEP-ALIVES",
        "LOST",
        "RECOVERED",
        "TROUBLE",
    ]);
    for a in all {
        t.add_row([
            a.name.clone(),
            a.state.clone(),
            shown(a.gatekeeper.as_ref()),
            shown(a.connected_to.as_ref()),
            confirmed(a),
            span(a.time_to_live.map(f64::from)),
            a.registrations.to_string(),
            a.keep_alives.to_string(),
            lost(a).to_string(),
            recovered(a),
            or_dash(&a.trouble),
        ]);
    }
    put_table(&t);
}

/// Time since the last RCF; the agent may have lost that gatekeeper since.
fn confirmed(a: &Agent) -> String {
    a.confirmed
        .map_or_else(|| "-".to_owned(), |at| ago(Some(at)))
}

/// Number of recoveries, and the duration of the last one.
fn recovered(a: &Agent) -> String {
    match a.last_recovery {
        Some(seconds) => format!("{}, the last in {:.1} ms", a.recoveries, seconds * 1e3),
        None => a.recoveries.to_string(),
    }
}

/// Messages discarded because their sender was not proved to be the gatekeeper, by reason, and whether proof is
/// required now.
fn unproved(a: &Agent) -> String {
    let some = a.unproved.iter().filter(|(_, n)| **n > 0);
    let some: Vec<String> = some.map(|(why, n)| format!("{n} {why}")).collect();
    let demanded = if a.proof_demanded {
        "its gatekeeper must sign"
    } else {
        "proof is not required"
    };
    let some = if some.is_empty() {
        "0".to_owned()
    } else {
        some.join(", ")
    };
    format!("{some} ({demanded})")
}

fn put_one(a: &Agent) {
    let listed = |all: &[std::net::SocketAddr]| {
        let all: Vec<String> = all.iter().map(ToString::to_string).collect();
        or_dash(&all.join(", "))
    };
    let losses: Vec<String> = a
        .losses
        .iter()
        .map(|(why, n)| format!("{n} {why}"))
        .collect();
    let rows = [
        ("agent", a.name.clone()),
        ("state", a.state.clone()),
        ("aliases", or_dash(&a.aliases.join(", "))),
        ("RAS address", a.ras_address.clone()),
        ("gatekeeper", shown(a.gatekeeper.as_ref())),
        (
            "gatekeeperIdentifier",
            or_dash(a.gatekeeper_identifier.as_deref().unwrap_or("")),
        ),
        (
            "endpointIdentifier",
            or_dash(a.endpoint_identifier.as_deref().unwrap_or("")),
        ),
        ("timeToLive", span(a.time_to_live.map(f64::from))),
        ("confirmed", confirmed(a)),
        ("candidates", listed(&a.candidates)),
        ("signalling to", shown(a.connected_to.as_ref())),
        ("signalling lost", losses.join(", ")),
        ("recovered", recovered(a)),
        (
            "registrations",
            format!("{} in full, {} kept alive", a.registrations, a.keep_alives),
        ),
        (
            "messages",
            format!(
                "{} RAS and {} call-signalling messages ignored, {} not sent",
                a.ignored, a.signalling_ignored, a.not_sent
            ),
        ),
        ("not proved", unproved(a)),
        ("trouble", or_dash(&a.trouble)),
    ];
    for (name, value) in rows {
        put(&format!("{name:<21} {value}"));
    }
}

/// Prints the agents' line of `rasline status`; without agents, nothing.
pub(super) fn put_summary(all: &[Agent]) {
    if all.is_empty() {
        return;
    }
    let count = |like: fn(&Agent) -> bool| all.iter().filter(|a| like(a)).count();
    put(&format!(
        "agents   {} of {} registered, {} signalling connections, {} lost, {} recoveries",
        count(|a| a.registered),
        all.len(),
        count(|a| a.connected_to.is_some()),
        all.iter().map(lost).sum::<u64>(),
        all.iter().map(|a| a.recoveries).sum::<u64>()
    ));
    for a in all {
        let n: u64 = a.unproved.values().sum();
        if n > 0 {
            put(&format!(
                "         {}: {n} messages discarded: not proved to be from its gatekeeper",
                a.name
            ));
        }
    }
    for a in all.iter().filter(|a| !a.trouble.is_empty()) {
        put(&format!("         {}: {}", a.name, a.trouble));
    }
}
