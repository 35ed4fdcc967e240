//! `rasline registration`: the known registrations.

use clap::Subcommand;

use super::{
    Cli, Json,
    table::{ago, ahead, or_dash, put, put_json, put_table, span, table},
};
use crate::{
    control::{Command as Ask, PAGE, client::Client},
    failure::Result,
    view::Registration,
};

#[derive(Debug, Subcommand)]
pub(super) enum RegistrationCommand {
    /// List registrations.
    List {
        /// List only registrations of this zone.
        #[arg(long)]
        zone: Option<String>,
        /// List only registrations whose endpoints are silent or gone.
        #[arg(long)]
        silent: bool,
        #[command(flatten)]
        json: Json,
    },
    /// Show one registration.
    Show {
        /// Number of the registration, as listed.
        id: u64,
        #[command(flatten)]
        json: Json,
    },
    /// Forget a registration: its keep-alives go to the gatekeeper until it is learned again.
    Drop {
        /// Number of the registration, as listed.
        id: u64,
    },
}

pub(super) fn run(cli: &Cli, command: &RegistrationCommand) -> Result<()> {
    let mut client = cli.client()?;
    match command {
        RegistrationCommand::List { zone, silent, json } => {
            let all = fetch_all(&mut client, zone.as_deref(), *silent)?;
            print_list(&all, json.json);
        }
        RegistrationCommand::Show { id, json } => {
            let one: Registration = client.call(Ask::RegistrationShow { id: *id })?;
            print_one(&one, json.json);
        }
        RegistrationCommand::Drop { id } => {
            let done: String = client.call(Ask::RegistrationDrop { id: *id })?;
            put(&done);
        }
    }
    Ok(())
}

/// Asks for all registrations, a page at a time.
fn fetch_all(client: &mut Client, zone: Option<&str>, silent: bool) -> Result<Vec<Registration>> {
    let mut all: Vec<Registration> = Vec::new();
    loop {
        let after = all.last().map(|r| r.id);
        let page: Vec<Registration> = client.call(Ask::RegistrationList {
            zone: zone.map(str::to_owned),
            after,
            silent,
        })?;
        let last = page.len() < PAGE;
        all.extend(page);
        if last {
            return Ok(all);
        }
    }
}

fn print_list(all: &[Registration], json: bool) {
    if json {
        return put_json(&all);
    }
    let mut t = table(&[
        "ID",
        "ALIASES",
        "ADDRESS",
        "ENDPOINTIDENTIFIER",
        "ZONE",
        "GATEKEEPER",
        "LAST SEEN",
        "PRESENCE",
        "ANSWERED BY",
        "REFRESH",
        "TIME LEFT",
        "WHY NOT",
    ]);
    for r in all {
        t.add_row([
            r.id.to_string(),
            or_dash(&r.aliases.join(",")),
            r.address.map_or_else(|| "-".to_owned(), |a| a.to_string()),
            or_dash(&r.endpoint_identifier),
            r.zone.clone(),
            r.gatekeeper.clone(),
            ago(r.last_seen),
            or_dash(&r.presence),
            r.answered_by.clone(),
            ahead(r.next_refresh),
            span(r.time_left),
            or_dash(&r.why_not),
        ]);
    }
    put_table(&t);
}

fn print_one(r: &Registration, json: bool) {
    if json {
        return put_json(r);
    }
    let rows = [
        ("id", r.id.to_string()),
        ("aliases", or_dash(&r.aliases.join(", "))),
        (
            "address",
            r.address.map_or_else(|| "-".to_owned(), |a| a.to_string()),
        ),
        ("endpointIdentifier", or_dash(&r.endpoint_identifier)),
        ("zone", r.zone.clone()),
        ("gatekeeper", r.gatekeeper.clone()),
        ("last seen", ago(r.last_seen)),
        (
            "presence",
            match r.silent_for {
                Some(quiet) => format!("{}, quiet for {}", r.presence, span(Some(quiet))),
                None => or_dash(&r.presence),
            },
        ),
        ("silent after", span(r.silent_after)),
        (
            "answered by",
            format!("{} ({} by the kernel)", r.answered_by, r.answered),
        ),
        ("next refresh", ahead(r.next_refresh)),
        (
            "timeToLive",
            format!(
                "{}, endpoint's {}",
                span(r.time_to_live),
                span(r.endpoint_ttl.or(r.time_to_live))
            ),
        ),
        ("time left", span(r.time_left)),
        ("why not", or_dash(&r.why_not)),
    ];
    for (name, value) in rows {
        put(&format!("{name:<19} {value}"));
    }
}
