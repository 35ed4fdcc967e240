//! `rasline gatekeeper`: the gatekeepers of all zones.

use clap::Subcommand;

use super::{
    Cli, Json,
    table::{ago, put_json, put_table, span, table},
};
use crate::{control::Command as Ask, failure::Result, view::Gatekeeper};

#[derive(Debug, Subcommand)]
pub(super) enum GatekeeperCommand {
    /// List gatekeepers.
    List(Json),
}

pub(super) fn run(cli: &Cli, command: &GatekeeperCommand) -> Result<()> {
    let GatekeeperCommand::List(json) = command;
    let all: Vec<Gatekeeper> = cli.client()?.call(Ask::GatekeeperList)?;
    if json.json {
        put_json(&all);
    } else {
        put_table_of(&all.iter().collect::<Vec<_>>());
    }
    Ok(())
}

pub(super) fn put_table_of(all: &[&Gatekeeper]) {
    let mut t = table(&[
        "GATEKEEPER",
        "ZONE",
        "ADDRESS",
        "PRIORITY",
        "STATE",
        "PROBES",
        "ANSWERS",
        "LAST REPLY",
        "SILENT FOR",
        "REQUESTS",
        "REPLIES",
        "REGISTRATIONS",
        "FROM",
    ]);
    for g in all {
        t.add_row([
            g.id.clone(),
            g.zone.clone(),
            g.address.clone(),
            g.priority.to_string(),
            g.state.clone(),
            format_probes(g),
            format_answers(g),
            ago(g.last_reply),
            span(g.silent_for),
            g.requests.to_string(),
            g.replies.to_string(),
            g.registrations.to_string(),
            g.origin.clone(),
        ]);
    }
    put_table(&t);
}

/// The cell PROBES: answered of sent, and the round trip.
fn format_probes(g: &Gatekeeper) -> String {
    let Some(p) = &g.probe else {
        return "-".to_owned();
    };
    match p.round_trip {
        Some(rtt) => format!("{}/{}, {:.1} ms", p.answered, p.sent, rtt * 1e3),
        None => format!("{}/{}", p.answered, p.sent),
    }
}

/// The cell ANSWERS: kinds of requests it has answered, and the source address if it differs from the configured one.
fn format_answers(g: &Gatekeeper) -> String {
    let Some(p) = &g.probe else {
        return "-".to_owned();
    };
    let from = p.answers_from.as_ref();
    let from = from.map_or_else(String::new, |from| format!(" from {from}"));
    if p.answers.is_empty() {
        return "nothing yet".to_owned();
    }
    format!("{}{from}", p.answers.join(", "))
}
