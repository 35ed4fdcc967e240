//! What the controller needs of its machine and does not have now: addresses that come later, pins that vanished. It goes on
//! without, waits, and says so.

use std::{collections::BTreeMap, net::SocketAddr};

use rasline_kernel::{Dataplane, Pinning};

use crate::{
    config::Config,
    effects::events::{Events, name},
    host::{address, bpffs},
};

/// What is missing, and what that means.
#[derive(Debug, Default)]
pub struct Machine {
    missing: BTreeMap<String, String>,
    notes: BTreeMap<String, String>,
}

impl Machine {
    /// Looks again; what changed is logged, and is an event.
    pub fn watch(
        &mut self,
        dataplane: &mut Dataplane,
        config: &Config,
        addresses: &[SocketAddr],
        events: &mut Events,
    ) {
        let mut missing = self.notes.clone();
        missing.extend(replaced());
        missing.extend(addresses.iter().filter_map(|a| self.absent(*a)));
        missing.extend(pins(dataplane, events));
        let folder = &config.daemon.bpffs;
        if bpffs::is_private(folder) {
            missing.insert(
                format!("bpffs {}", folder.display()),
                "only this unit sees it, so the program ends with the controller; mount it on the host (mount -t bpf bpf \
                 /sys/fs/bpf) and restart"
                    .to_owned(),
            );
        }
        self.replace(missing, events);
    }

    /// Something else that is to be shown until it is mended; none: it is.
    pub fn note(&mut self, thing: String, why: Option<String>) {
        match why {
            Some(why) => self.notes.insert(thing, why),
            None => self.notes.remove(&thing),
        };
    }

    /// What is shown, a line each.
    #[must_use]
    pub fn waiting(&self) -> Vec<String> {
        let lines = self.missing.iter();
        lines
            .map(|(thing, why)| format!("{thing}: {why}"))
            .collect()
    }

    fn absent(&self, wanted: SocketAddr) -> Option<(String, String)> {
        let thing = format!("address {wanted}");
        match address::is_here(wanted.ip()) {
            Ok(true) => None,
            Ok(false) => Some((thing, NOT_HERE.to_owned())),
            // As it was when it could be looked at.
            Err(_) => self
                .missing
                .get_key_value(&thing)
                .map(|(t, why)| (t.clone(), why.clone())),
        }
    }

    fn replace(&mut self, missing: BTreeMap<String, String>, events: &mut Events) {
        for (thing, why) in &missing {
            if self.missing.get(thing) != Some(why) {
                events.controller(name::WAITING, &format!("{thing}: {why}"));
            }
        }
        for thing in self
            .missing
            .keys()
            .filter(|thing| !missing.contains_key(*thing))
        {
            events.controller(name::AVAILABLE, &format!("{thing}: there"));
        }
        self.missing = missing;
    }
}

const NOT_HERE: &str = "not this machine's now (held by a VRRP peer, not configured yet, or an IPv6 address still tentative); \
                        served as soon as it is";

/// An upgrade leaves the controller that runs alone until it is restarted.
fn replaced() -> Option<(String, String)> {
    let exe = std::fs::read_link("/proc/self/exe").ok()?;
    let exe = exe.to_str()?.strip_suffix(" (deleted)")?;
    Some((
        format!("restart: {exe}"),
        "was replaced since the controller started, which goes on as the old version; restart it"
            .to_owned(),
    ))
}

/// Pins that cannot be made again.
fn pins(dataplane: &mut Dataplane, events: &mut Events) -> Option<(String, String)> {
    match dataplane.mend_pins() {
        Ok(Pinning::Whole) => None,
        Ok(Pinning::Mended(n)) => {
            let text =
                format!("{n} pins were gone and were made again; does something unmount bpffs?");
            events.controller(name::PINS_MENDED, &text);
            None
        }
        Err(e) => Some((
            "pins".to_owned(),
            format!("{e}: without them the program ends with the controller"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::filter::EventFilter;

    #[test]
    fn what_changes_is_said_once() {
        let mut machine = Machine::default();
        let mut events = Events::default();
        let missing = |why: &str| BTreeMap::from([("address x".to_owned(), why.to_owned())]);
        machine.replace(missing("away"), &mut events);
        machine.replace(missing("away"), &mut events);
        assert_eq!(machine.waiting(), ["address x: away"]);
        machine.replace(BTreeMap::new(), &mut events);
        machine.replace(BTreeMap::new(), &mut events);
        assert_eq!(machine.waiting(), Vec::<String>::new());
        let all = events.last(&EventFilter::default(), 9);
        let names: Vec<&str> = all.iter().map(|e| e.event.as_str()).collect();
        assert_eq!(names, [name::WAITING, name::AVAILABLE]);
    }

    #[test]
    fn an_address_of_nobody_is_missing() {
        let machine = Machine::default();
        let absent = machine.absent("192.0.2.1:1719".parse().unwrap());
        assert_eq!(absent.unwrap().0, "address 192.0.2.1:1719");
        assert_eq!(machine.absent("127.0.0.1:1719".parse().unwrap()), None);
    }
}
