//! What the machine has and lacks, looked at every second: interfaces, addresses, pins.

use super::Daemon;
use crate::control::server;

/// Looks what the machine has and lacks now.
pub(super) fn watch_machine(daemon: &mut Daemon) {
    let Daemon {
        effects, config, ..
    } = daemon;
    let (dataplane, events) = (&mut effects.dataplane, &mut effects.events);
    daemon.ports.watch(dataplane, &config.interfaces, events);
    daemon
        .machine
        .watch(dataplane, config, &config.own_addresses(), events);
}

/// Shows a group of the control socket that does not exist.
pub(super) fn note_control_group(daemon: &mut Daemon) {
    let group = daemon.config.daemon.control_group.as_deref();
    if let Some(Err(e)) = group.map(server::group_id) {
        let why = format!(
            "{}; only root can use the CLI; {}, and restart",
            e.cause, e.next
        );
        daemon.machine.note(e.thing, Some(why));
    }
}

/// What a service manager shows: interfaces and agents.
pub(super) fn running(daemon: &Daemon) -> String {
    let ports = daemon.effects.dataplane.ports();
    let of = |attached: bool| {
        let all = daemon.config.interfaces.iter().map(|i| i.name.as_str());
        let some = all.filter(|name| ports.contains_key(*name) == attached);
        some.collect::<Vec<_>>().join(", ")
    };
    let (attached, absent) = (of(true), of(false));
    let mut text = match attached.as_str() {
        "" => "attached to no interface".to_owned(),
        names => format!("attached to {names}"),
    };
    let agents = daemon.config.agents.len();
    if agents > 0 {
        text = format!("{text}, {agents} agents");
    }
    if !absent.is_empty() {
        text = format!("{text}; waiting for {absent}");
    }
    text
}
