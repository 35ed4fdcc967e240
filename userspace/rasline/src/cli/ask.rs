//! Commands that ask the controller.

use std::{path::Path, process::ExitCode, time::Duration};

use rasline_kernel::pins;

use super::{Cli, Command, GatekeeperCommand, RegistrationCommand, ZoneCommand, print, table};
use crate::{
    config::{Config, Daemon},
    control::{
        Command as Ask, PAGE,
        client::Client,
        view::{Counters, Gatekeeper, Registration, Status, Zone},
    },
    failure::{Failure, Result},
    host::lock,
};

pub(super) fn run(cli: &Cli) -> Result<ExitCode> {
    match &cli.command {
        Command::Status { json, watch } => return status(cli, json.json, *watch),
        Command::Zone(ZoneCommand::List(json)) => {
            let zones: Vec<Zone> = cli.client()?.call(Ask::ZoneList)?;
            print::zones(&zones, json.json);
        }
        Command::Zone(ZoneCommand::Show { zone, json }) => {
            let zone: Zone = cli.client()?.call(Ask::ZoneShow { zone: zone.clone() })?;
            print::zone(&zone, json.json);
        }
        Command::Zone(ZoneCommand::Switch { zone, gatekeeper }) => {
            let (zone, gatekeeper) = (zone.clone(), gatekeeper.clone());
            tell(cli, Ask::ZoneSwitch { zone, gatekeeper })?;
        }
        Command::Zone(ZoneCommand::Hold { zone }) => {
            tell(cli, Ask::ZoneHold { zone: zone.clone() })?;
        }
        Command::Zone(ZoneCommand::Release { zone }) => {
            tell(cli, Ask::ZoneRelease { zone: zone.clone() })?;
        }
        Command::Gatekeeper(GatekeeperCommand::List(json)) => {
            let all: Vec<Gatekeeper> = cli.client()?.call(Ask::GatekeeperList)?;
            print::gatekeepers(&all, json.json);
        }
        Command::Registration(command) => registration(cli, command)?,
        Command::Agent(command) => super::agent::run(cli, command)?,
        Command::Counters { json, all } => {
            let rows: Vec<Counters> = cli.client()?.call(Ask::Counters)?;
            print::counters(&rows, *all, json.json);
        }
        Command::Events(options) => super::events::run(cli, options)?,
        Command::Attach { interface } => tell(
            cli,
            Ask::Attach {
                interface: interface.clone(),
            },
        )?,
        Command::Detach { interface } => detach(cli, interface)?,
        Command::Reload => tell(cli, Ask::Reload)?,
        Command::Stop { stay, detach } => stop(cli, *stay, *detach)?,
        Command::Run { .. }
        | Command::Check { .. }
        | Command::Doctor { .. }
        | Command::Profile(_)
        | Command::Capture(_)
        | Command::Firewall
        | Command::Generate { .. } => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(cli: &Cli, ask: Ask) -> Result<()> {
    let done: String = cli.client()?.call(ask)?;
    table::put(&done);
    Ok(())
}

fn status(cli: &Cli, json: bool, watch: bool) -> Result<ExitCode> {
    let mut client = match cli.client() {
        Ok(client) => client,
        Err(e) => return Err(dead(cli, e)),
    };
    loop {
        let status: Status = client.call(Ask::Status)?;
        other_version(&status);
        if watch && !json {
            table::clear_screen();
        }
        print::status(&status, json);
        if !watch {
            return Ok(ExitCode::SUCCESS);
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// Warns when the controller has another version than this command, after an upgrade without a restart for example.
fn other_version(status: &Status) {
    let own = env!("CARGO_PKG_VERSION");
    if status.version != own {
        eprintln!(
            "rasline: the controller is version {}, this command {own}; restart the controller, or use the rasline command of its version",
            status.version
        );
    }
}

/// Adds to a failed connection which interfaces the program of a dead controller still answers on.
fn dead(cli: &Cli, e: Failure) -> Failure {
    let (daemon, _) = Config::load_daemon(&cli.config);
    let Ok(pins) = pins::links(&daemon.bpffs) else {
        return e;
    };
    if pins.is_empty() || !e.thing.starts_with("control socket") || controller_runs(&daemon) {
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

fn controller_runs(daemon: &Daemon) -> bool {
    lock::held(&daemon.state_dir.join("lock")).is_some()
}

fn registration(cli: &Cli, command: &RegistrationCommand) -> Result<()> {
    let mut client = cli.client()?;
    match command {
        RegistrationCommand::List { zone, silent, json } => {
            let all = all_registrations(&mut client, zone.as_deref(), *silent)?;
            print::registrations(&all, json.json);
        }
        RegistrationCommand::Show { id, json } => {
            let one: Registration = client.call(Ask::RegistrationShow { id: *id })?;
            print::registration(&one, json.json);
        }
        RegistrationCommand::Drop { id } => {
            let done: String = client.call(Ask::RegistrationDrop { id: *id })?;
            table::put(&done);
        }
    }
    Ok(())
}

fn all_registrations(
    client: &mut Client,
    zone: Option<&str>,
    silent: bool,
) -> Result<Vec<Registration>> {
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

fn detach(cli: &Cli, interface: &str) -> Result<()> {
    match cli.client() {
        Ok(mut client) => {
            let done: String = client.call(Ask::Detach {
                interface: interface.to_owned(),
            })?;
            table::put(&done);
            Ok(())
        }
        Err(e) if e.thing.starts_with("control socket") => {
            let daemon = daemon_of_dead(cli, &e)?;
            if pins::remove_link(&daemon.bpffs, interface)? {
                table::put(&format!(
                    "{interface}: detached (the controller is not running)"
                ));
                return Ok(());
            }
            Err(nothing(interface, &daemon.bpffs))
        }
        Err(e) => Err(e),
    }
}

fn stop(cli: &Cli, stay: bool, detach: bool) -> Result<()> {
    let wish = if stay {
        Some(true)
    } else {
        detach.then_some(false)
    };
    match cli.client() {
        Ok(mut client) => {
            let done: String = client.call(Ask::Stop { stay: wish })?;
            table::put(&done);
            // The connection ends when the controller has ended.
            while let Ok(Some(_)) = client.line::<serde_json::Value>() {}
            Ok(())
        }
        Err(e) if detach && e.thing.starts_with("control socket") => {
            let daemon = daemon_of_dead(cli, &e)?;
            let interfaces = pins::remove_all(&daemon.bpffs)?;
            table::put(&format!(
                "detached from {} (the controller is not running)",
                table::or_dash(&interfaces.join(", "))
            ));
            Ok(())
        }
        Err(e) => Err(e),
    }
}

/// `[daemon]` of a controller that is certainly dead; the error passed in if its lock is still held.
fn daemon_of_dead(cli: &Cli, e: &Failure) -> Result<Daemon> {
    let (daemon, _) = Config::load_daemon(&cli.config);
    if controller_runs(&daemon) {
        return Err(e.clone());
    }
    Ok(daemon)
}

fn nothing(interface: &str, bpffs: &Path) -> Failure {
    Failure::new(
        format!("interface {interface}"),
        format!("no pin of rasline in {}", bpffs.display()),
        "see `ip link` for attached programs; pins made inside `ip netns exec` disappear when it ends",
    )
}
