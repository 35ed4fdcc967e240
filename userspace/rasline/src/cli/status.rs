//! `rasline status`: the state of the controller on one screen.

use std::time::Duration;

use clap::Args;

use super::{
    Cli, Json, agent, gatekeeper,
    table::{self, ago, or_dash, put, put_json, put_table, span},
    zone,
};
use crate::{
    config::Config,
    control::Command as Ask,
    failure::{Failure, Result},
    offline,
    view::{Calls, Gatekeeper, PresenceCounts, Profiles, Status, Store},
};

/// Options of `rasline status`.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    json: Json,
    /// Refresh every second.
    #[arg(long)]
    watch: bool,
}

pub(super) fn run(cli: &Cli, options: Options) -> Result<()> {
    let (json, watch) = (options.json.json, options.watch);
    let mut client = match cli.client() {
        Ok(client) => client,
        Err(e) => return Err(explain_failure(cli, e)),
    };
    loop {
        let status: Status = client.call(Ask::Status)?;
        warn_of_other_version(&status);
        if watch && !json {
            table::clear_screen();
        }
        print(&status, json);
        if !watch {
            return Ok(());
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// Warns when the controller has another version than this command, after an upgrade without a restart for example.
fn warn_of_other_version(status: &Status) {
    let own = env!("CARGO_PKG_VERSION");
    if status.version != own {
        eprintln!(
            "rasline: the controller is version {}, this command {own}; restart the controller, or use the rasline command of its version",
            status.version
        );
    }
}

/// Adds to a failed connection which interfaces the program of a dead controller still answers on.
fn explain_failure(cli: &Cli, e: Failure) -> Failure {
    let (daemon, _) = Config::load_daemon(&cli.config);
    let Ok(pins) = offline::pinned_links(&daemon.bpffs) else {
        return e;
    };
    if pins.is_empty()
        || !e.thing.starts_with("control socket")
        || offline::controller_runs(&daemon)
    {
        return e;
    }
    let names: Vec<&str> = pins.iter().map(|p| p.interface.as_str()).collect();
    Failure::new(
        "controller",
        format!(
            "not running, but its program is still attached to {} and answering ({})",
            names.join(", "),
            e.cause
        ),
        "start it again with `rasline run`, or detach the program with `rasline stop --detach`",
    )
}

fn print(status: &Status, json: bool) {
    if json {
        return put_json(status);
    }
    put(&format!(
        "controller {} up {}, process {}, configuration {}",
        status.version,
        span(Some(status.uptime)),
        status.pid,
        status.config
    ));
    put("");
    let mut interfaces = table::table(&[
        "INTERFACE",
        "SIDE",
        "MODE",
        "LINK",
        "ATTACHED",
        "PROGRAM",
        "TROUBLE",
    ]);
    for i in &status.interfaces {
        let program = if i.program == 0 {
            "-".to_owned()
        } else {
            i.program.to_string()
        };
        interfaces.add_row([
            &*i.name,
            &i.side,
            &i.mode,
            &or_dash(&i.link),
            if i.attached { "yes" } else { "no" },
            &program,
            &or_dash(&i.trouble),
        ]);
    }
    put_table(&interfaces);
    for waiting in &status.waiting {
        put(&format!("waiting for {waiting}"));
    }
    put("");
    zone::put_table_of(&status.zones);
    put("");
    let all: Vec<&Gatekeeper> = status.zones.iter().flat_map(|z| &z.gatekeepers).collect();
    gatekeeper::put_table_of(&all);
    put("");
    let mut presence = PresenceCounts::default();
    for zone in &status.zones {
        presence.add(&zone.presence);
    }
    put(&format!("presence {}", zone::format_presence(&presence)));
    put(&format!(
        "rates    {:.0} answers/s, {:.0} passes/s",
        status.rates.answers, status.rates.passes
    ));
    let t = &status.tables;
    put(&format!(
        "tables   registrations {} of {}, RCFs {} of {}",
        t.slots, t.slots_max, t.profiles, t.profiles_max
    ));
    if t.refusals > 0 {
        put(&format!(
            "         {} registrations could not be published; the last: {}",
            t.refusals, t.refused
        ));
    }
    if t.unclaimed > 0 {
        put(&format!(
            "         {} unclaimed: answered as published by an earlier controller, relearned gradually",
            t.unclaimed
        ));
    }
    let n = &status.learning;
    put(&format!(
        "learning {} messages, {} pairs, {} pending, {} unanswered, {} undecodable, {} RCFs patched",
        n.messages, n.paired, n.pending, n.unanswered, n.undecodable, n.patched
    ));
    if n.refused > 0 {
        put(&format!(
            "         {} registrations not kept, table full: raise max_registrations",
            n.refused
        ));
    }
    put_calls(&status.calls);
    agent::put_summary(&status.agents);
    put_store(&status.store);
    put_profiles(&status.profiles);
    let l = &status.losses;
    put(&format!(
        "losses   ring buffer {}, source limit {}, total limit {}, strangers {}, crowded out {}, behind {}, not sent {}",
        l.copy_lost,
        l.copy_limited_source,
        l.copy_limited_total,
        l.strangers,
        l.crowded_out,
        l.behind,
        l.send_failed
    ));
}

fn put_profiles(p: &Profiles) {
    if p.zones > 0 || !p.error.is_empty() {
        let zones = if p.zones == 1 { "zone" } else { "zones" };
        put(&format!(
            "profiles of {} {zones}, from {}",
            p.zones, p.source
        ));
    }
    if !p.error.is_empty() {
        put(&format!("         {}", p.error));
    }
}

fn put_calls(c: &Calls) {
    if c.started + c.refused > 0 {
        put(&format!(
            "calls    {} running, {} of them without a gatekeeper, {} connections, {} messages relayed, {} refused",
            c.running, c.joined, c.connections, c.relayed, c.refused
        ));
    }
}

fn put_store(s: &Store) {
    put(&format!(
        "store    {}: {} registrations, {} restored, {} changes pending, last written {}",
        s.path,
        s.registrations,
        s.restored,
        s.waiting,
        ago(s.last_write)
    ));
    if !s.set_aside.is_empty() {
        put(&format!(
            "         a corrupt file was moved to {}",
            s.set_aside
        ));
    }
    if !s.error.is_empty() {
        put(&format!("         {}", s.error));
    }
}
