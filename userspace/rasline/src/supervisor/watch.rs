//! What the machine has and lacks, looked at every second: interfaces, addresses, pins.

use crate::{control::server, supervisor::Supervisor};

impl Supervisor {
    /// Interfaces, addresses and pins: what is there is used, what is not is waited for.
    pub(super) fn watch_machine(&mut self) {
        let Self {
            dataplane,
            config,
            events,
            ..
        } = self;
        self.ports.watch(dataplane, &config.interfaces, events);
        self.machine
            .watch(dataplane, config, &config.own_addresses(), events);
    }

    /// A group that is not there keeps nobody's keep-alives from being answered, only its members from the CLI.
    pub(super) fn note_control_group(&mut self) {
        let group = self.config.daemon.control_group.as_deref();
        if let Some(Err(e)) = group.map(server::group_id) {
            let why = format!(
                "{}; only root can use the CLI; {}, and restart",
                e.cause, e.next
            );
            self.machine.note(e.thing, Some(why));
        }
    }

    /// What runs, for people.
    pub(super) fn running(&self) -> String {
        let of = |attached: bool| {
            let all = self.config.interfaces.iter().map(|i| i.name.as_str());
            let some = all.filter(|name| self.dataplane.ports().contains_key(*name) == attached);
            some.collect::<Vec<_>>().join(", ")
        };
        let (attached, absent) = (of(true), of(false));
        let mut text = match attached.as_str() {
            "" => "attached to no interface".to_owned(),
            names => format!("attached to {names}"),
        };
        let agents = self.config.agents.len();
        if agents > 0 {
            text = format!("{text}, {agents} agents");
        }
        if !absent.is_empty() {
            text = format!("{text}; waiting for {absent}");
        }
        text
    }
}
