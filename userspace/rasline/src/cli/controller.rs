//! Orders to the controller as a whole: attach, detach, reload, stop. Those that detach work without it.

use std::path::Path;

use super::{Cli, table};
use crate::{
    config::{Config, Daemon},
    control::Command as Ask,
    failure::{Failure, Result},
    offline,
};

pub(super) fn detach(cli: &Cli, interface: &str) -> Result<()> {
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
            if offline::detach_interface(&daemon.bpffs, interface)? {
                table::put(&format!(
                    "{interface}: detached (the controller is not running)"
                ));
                return Ok(());
            }
            Err(no_pin(interface, &daemon.bpffs))
        }
        Err(e) => Err(e),
    }
}

pub(super) fn stop(cli: &Cli, stay: bool, detach: bool) -> Result<()> {
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
            let interfaces = offline::detach_all(&daemon.bpffs)?;
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
    if offline::controller_runs(&daemon) {
        return Err(e.clone());
    }
    Ok(daemon)
}

fn no_pin(interface: &str, bpffs: &Path) -> Failure {
    Failure::new(
        format!("interface {interface}"),
        format!("no pin of rasline in {}", bpffs.display()),
        "see `ip link` for attached programs; pins made inside `ip netns exec` disappear when it ends",
    )
}
