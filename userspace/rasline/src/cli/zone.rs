//! `rasline zone`: the zones, which gatekeeper serves each, and the operator's decisions.

use clap::Subcommand;

use super::{
    Cli, Json, gatekeeper,
    table::{ago, or_dash, put, put_json, put_table, span, table},
};
use crate::{
    control::Command as Ask,
    failure::Result,
    view::{PresenceCounts, Serving, Steering, Zone},
};

#[derive(Debug, Subcommand)]
pub(super) enum ZoneCommand {
    /// List zones.
    List(Json),
    /// Show one zone.
    Show {
        /// Name of the zone.
        zone: String,
        #[command(flatten)]
        json: Json,
    },
    /// Move a zone to a gatekeeper and prefer that one until the zone is released; the zone still fails over from it.
    Switch {
        /// Name of the zone.
        zone: String,
        /// Id of the gatekeeper.
        gatekeeper: String,
    },
    /// Keep a zone at its gatekeeper until it is released, even if that gatekeeper dies.
    Hold {
        /// Name of the zone.
        zone: String,
    },
    /// End a switch or hold: the zone follows its policy again.
    Release {
        /// Name of the zone.
        zone: String,
    },
}

pub(super) fn run(cli: &Cli, command: &ZoneCommand) -> Result<()> {
    let named = String::clone;
    match command {
        ZoneCommand::List(json) => {
            let zones: Vec<Zone> = cli.client()?.call(Ask::ZoneList)?;
            print_list(&zones, json.json);
        }
        ZoneCommand::Show { zone, json } => {
            let zone: Zone = cli.client()?.call(Ask::ZoneShow { zone: named(zone) })?;
            print_one(&zone, json.json);
        }
        ZoneCommand::Switch { zone, gatekeeper } => {
            let (zone, gatekeeper) = (named(zone), named(gatekeeper));
            cli.order(Ask::ZoneSwitch { zone, gatekeeper })?;
        }
        ZoneCommand::Hold { zone } => cli.order(Ask::ZoneHold { zone: named(zone) })?,
        ZoneCommand::Release { zone } => cli.order(Ask::ZoneRelease { zone: named(zone) })?,
    }
    Ok(())
}

fn print_list(zones: &[Zone], json: bool) {
    if json {
        return put_json(&zones);
    }
    put_table_of(zones);
}

fn print_one(zone: &Zone, json: bool) {
    if json {
        return put_json(zone);
    }
    put_table_of(std::slice::from_ref(zone));
    put("");
    put(&format!("endpoints   {}", zone.endpoints.join(", ")));
    put(&format!("dead after  {}", span(Some(zone.dead_after))));
    put(&format!("presence    {}", format_presence(&zone.presence)));
    if zone.silent_after.is_some() {
        put(&format!("silent after {}", span(zone.silent_after)));
    }
    if zone.limited > 0 {
        put(&format!(
            "unknown     {} messages from unregistered sources held back by unknown_rate",
            zone.limited
        ));
    }
    if let Some(steering) = &zone.steering {
        put_steering(steering);
    }
    if let Some(serving) = &zone.serving {
        put_serving(serving);
    }
    put("");
    gatekeeper::put_table_of(&zone.gatekeepers.iter().collect::<Vec<_>>());
    for refused in &zone.refused_alternates {
        put(&format!("refused     {refused}"));
    }
}

pub(super) fn put_table_of(zones: &[Zone]) {
    let mut t = table(&[
        "ZONE",
        "ANSWER",
        "ENDPOINT TTL",
        "REFRESH",
        "HOLD",
        "ANSWERED",
        "KNOWN",
        "SILENT",
        "SERVED BY",
        "BECAUSE",
    ]);
    for z in zones {
        t.add_row([
            z.name.clone(),
            z.answer.clone(),
            z.endpoint_ttl
                .map_or_else(|| "gatekeeper's".to_owned(), |s| span(Some(s))),
            z.refresh_every
                .map_or_else(|| "ttl/2".to_owned(), |s| span(Some(s))),
            span(Some(z.hold_for)),
            z.answered.to_string(),
            z.known.to_string(),
            z.presence.missing().to_string(),
            served_by(z),
            because(z),
        ]);
    }
    put_table(&t);
}

/// The cell SERVED BY: the active gatekeeper, and `DEAD` if no gatekeeper of the zone lives.
fn served_by(zone: &Zone) -> String {
    match &zone.steering {
        Some(s) if s.dark => format!("{}, DEAD", or_dash(s.active.as_deref().unwrap_or(""))),
        Some(s) => or_dash(s.active.as_deref().unwrap_or("")),
        None => or_dash(zone.gatekeepers.first().map_or("", |g| &g.id)),
    }
}

/// The cell BECAUSE: cause and time of the last move, manual decision, and what a return waits for.
fn because(zone: &Zone) -> String {
    let Some(s) = &zone.steering else {
        return "-".to_owned();
    };
    let mut parts = vec![format!("{} ({})", s.cause, ago(Some(s.since)))];
    if !s.manual.is_empty() {
        parts.push(s.manual.clone());
    }
    if !s.waiting_for.is_empty() {
        parts.push(format!("waits for {}", s.waiting_for));
    }
    parts.join(", ")
}

/// Number of endpoints in each state of presence.
pub(super) fn format_presence(counts: &PresenceCounts) -> String {
    let parts: Vec<String> = (counts.all().iter())
        .map(|(name, n)| format!("{n} {name}"))
        .collect();
    parts.join(", ")
}

fn put_steering(s: &Steering) {
    if !s.steered.is_empty() {
        put(&format!("steered     {}", s.steered.join(", ")));
    }
    if s.migrated + s.shaped > 0 || s.kernel_decisions > 0 {
        put(&format!(
            "moves       {} decided by the kernel, {} keep-alives let through, {} RRQs held back",
            s.kernel_decisions, s.migrated, s.shaped
        ));
    }
    if let Some(standby) = &s.standby {
        put(&format!(
            "standby     {standby}: {} warm, {} warming, {} cold",
            s.warm, s.warming, s.cold
        ));
    }
}

fn put_serving(s: &Serving) {
    let mut parts = vec![s.phase.clone()];
    if !s.why.is_empty() {
        parts.push(s.why.clone());
    }
    parts.push(format!("{} registrations", s.registrations));
    match s.registered_upstream {
        Some(upstream) => parts.push(format!(
            "{upstream} of them registered with the gatekeeper, {} calls",
            s.calls
        )),
        None => parts.push(format!("{} calls, {} endpoints known", s.calls, s.known)),
    }
    for (n, what) in [
        (s.rejected, "rejected"),
        (s.malformed, "malformed"),
        (s.denied, "denied"),
        (s.put_off, "put off"),
    ] {
        if n > 0 {
            parts.push(format!("{n} {what}"));
        }
    }
    put(&format!("rasline     {}", parts.join("; ")));
}
