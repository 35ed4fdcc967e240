//! `rasline call`: the calls whose signalling rasline ends.

use clap::Subcommand;

use super::{
    Cli, Json,
    table::{ago, or_dash, put, put_json, put_table, span, table},
};
use crate::{control::Command as Ask, failure::Result, view::Call};

#[derive(Debug, Subcommand)]
pub(super) enum CallCommand {
    /// List calls.
    List {
        /// List only calls of this zone.
        #[arg(long)]
        zone: Option<String>,
        #[command(flatten)]
        json: Json,
    },
    /// Show one call with its legs.
    Show {
        /// Number of the call, as listed.
        number: u64,
        #[command(flatten)]
        json: Json,
    },
    /// End a call: both endpoints get a ReleaseComplete.
    Release {
        /// Number of the call, as listed.
        number: u64,
    },
}

pub(super) fn run(cli: &Cli, command: &CallCommand) -> Result<()> {
    let mut client = cli.client()?;
    match command {
        CallCommand::List { zone, json } => {
            let zone = zone.clone();
            let all: Vec<Call> = client.call(Ask::CallList { zone })?;
            print_list(&all, json.json);
        }
        CallCommand::Show { number, json } => {
            let one: Call = client.call(Ask::CallShow { number: *number })?;
            print_one(&one, json.json);
        }
        CallCommand::Release { number } => {
            let done: String = client.call(Ask::CallRelease { number: *number })?;
            put(&done);
        }
    }
    Ok(())
}

fn print_list(all: &[Call], json: bool) {
    if json {
        return put_json(&all);
    }
    let mut t = table(&[
        "NUMBER",
        "ZONE",
        "CALLER",
        "CALLEE",
        "STATE",
        "CONNECTED FOR",
        "CONTROL",
    ]);
    for call in all {
        t.add_row([
            call.number.to_string(),
            call.zone.clone(),
            or_dash(call.caller.as_deref().unwrap_or_default()),
            or_dash(call.callee.as_deref().unwrap_or_default()),
            call.state.clone(),
            span(call.connected_for),
            format_control(call),
        ]);
    }
    put_table(&t);
}

/// Who controls a call.
fn format_control(call: &Call) -> String {
    match (&call.gatekeeper, call.joined) {
        (Some(gatekeeper), _) => gatekeeper.clone(),
        (None, true) => "none, endpoints joined".to_owned(),
        (None, false) => "none".to_owned(),
    }
}

fn print_one(call: &Call, json: bool) {
    if json {
        return put_json(call);
    }
    let rows = [
        ("number", call.number.to_string()),
        ("zone", call.zone.clone()),
        (
            "callIdentifier",
            or_dash(call.call.as_deref().unwrap_or_default()),
        ),
        (
            "caller",
            or_dash(call.caller.as_deref().unwrap_or_default()),
        ),
        (
            "callee",
            or_dash(call.callee.as_deref().unwrap_or_default()),
        ),
        ("state", call.state.clone()),
        ("Setup", ago(Some(call.age))),
        ("connected for", span(call.connected_for)),
        ("control", format_control(call)),
    ];
    let mut t = table(&[]);
    for (name, value) in rows {
        t.add_row([name.to_owned(), value]);
    }
    put_table(&t);
    let mut t = table(&["LEG", "PEER", "RASLINE", "CALL REFERENCE", "H.245"]);
    for leg in &call.legs {
        t.add_row([
            leg.leg.clone(),
            leg.peer.clone(),
            leg.own.clone(),
            leg.call_reference.to_string(),
            if leg.h245_connection {
                "own connection".to_owned()
            } else {
                "-".to_owned()
            },
        ]);
    }
    put_table(&t);
}
