//! Interfaces: attached at start, watched, attached again when they come back.
//!
//! Invariant: an interface that could not be looked at is left as it is.

use std::collections::BTreeMap;

use rasline_kernel::Dataplane;

use crate::{
    config::{Interface, Side, XdpMode},
    effects::events::{Events, name},
    failure::{Failure, Result},
    host::link::{self, LinkInfo, Sight},
    suggest::did_you_mean,
    view,
};

/// An interface that refuses the program is tried again at every fifth look.
const RETRY: u32 = 5;

/// What is wrong with an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Trouble {
    /// It is not there; attached as soon as it comes.
    Absent(&'static str),
    /// It could not be looked at.
    Unseen(String),
    /// The program is not on it any more.
    Lost,
    /// It does not take the program.
    Refused(String),
    /// No frames pass.
    Down(&'static str),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Absent(why) => write!(f, "{why}; attached as soon as it comes"),
            Self::Unseen(why) => write!(f, "cannot be looked at ({why}); left as it is"),
            Self::Lost => f.write_str("the program is no longer attached"),
            Self::Refused(why) => f.write_str(why),
            Self::Down(why) => write!(f, "{why}, so nothing passes"),
        }
    }
}

/// What is wrong with interfaces, and which were detached by hand.
#[derive(Debug, Default)]
pub struct Ports {
    trouble: BTreeMap<String, Trouble>,
    by_hand: Vec<String>,
    looks: u32,
}

impl Ports {
    /// Attaches to all interfaces that are there.
    ///
    /// # Errors
    /// At the first that refuses.
    pub fn attach_all(dataplane: &mut Dataplane, interfaces: &[Interface]) -> Result<()> {
        dataplane.attach_all(interfaces)
    }

    /// Makes what is attached agree with the configuration, after a reload. Interfaces that refuse are in trouble.
    pub fn reconcile(
        &mut self,
        dataplane: &mut Dataplane,
        interfaces: &[Interface],
        events: &mut Events,
    ) {
        let gone: Vec<String> = dataplane
            .ports()
            .values()
            .filter(|p| {
                interfaces
                    .iter()
                    .all(|i| i.name != p.interface.name || i.xdp_mode != p.interface.xdp_mode)
            })
            .map(|p| p.interface.name.clone())
            .collect();
        for name in gone {
            match dataplane.detach(&name) {
                Ok(_) => events.interface(name::DETACHED, &name, ""),
                Err(e) => tracing::error!("{e}"),
            }
        }
        self.trouble
            .retain(|name, _| interfaces.iter().any(|i| i.name == *name));
        self.by_hand
            .retain(|name| interfaces.iter().any(|i| i.name == *name));
        for i in interfaces {
            dataplane.set_side(&i.name, i.side);
        }
        self.watch(dataplane, interfaces, events);
    }

    /// Looks whether the program still is where it should be, and attaches where it can be again.
    pub fn watch(
        &mut self,
        dataplane: &mut Dataplane,
        interfaces: &[Interface],
        events: &mut Events,
    ) {
        self.looks = self.looks.wrapping_add(1);
        for interface in interfaces {
            if !self.by_hand.contains(&interface.name) {
                self.watch_one(dataplane, interface, events);
            }
        }
    }

    fn watch_one(&mut self, dataplane: &mut Dataplane, interface: &Interface, events: &mut Events) {
        let name = &interface.name;
        match link::look(name) {
            Sight::Unseen(e) => self.note(name, Trouble::Unseen(e.to_string()), events),
            Sight::Absent if dataplane.ports().contains_key(name) => {
                self.note(name, Trouble::Absent("the interface is gone"), events);
                let_go(dataplane, name);
            }
            Sight::Absent => {
                let known = matches!(self.trouble.get(name), Some(Trouble::Absent(_)));
                if !known {
                    self.note(
                        name,
                        Trouble::Absent("there is no such interface yet"),
                        events,
                    );
                }
            }
            Sight::Here(now) => self.watch_link(dataplane, interface, &now, events),
        }
    }

    fn watch_link(
        &mut self,
        dataplane: &mut Dataplane,
        interface: &Interface,
        now: &LinkInfo,
        events: &mut Events,
    ) {
        let name = &interface.name;
        let program = dataplane.program_id();
        let port = dataplane.ports().get(name);
        if port.is_some_and(|p| now.index != p.info.index || now.program != program) {
            self.note(name, Trouble::Lost, events);
            let_go(dataplane, name);
        }
        if !dataplane.ports().contains_key(name) {
            // One that refused is not tried each time.
            let refused = matches!(self.trouble.get(name), Some(Trouble::Refused(_)));
            if refused && !self.looks.is_multiple_of(RETRY) {
                return;
            }
            match dataplane.attach(interface) {
                Ok(()) => {
                    self.trouble.remove(name);
                    events.interface(name::ATTACHED, name, "");
                }
                Err(e) => return self.note(name, Trouble::Refused(e.cause), events),
            }
        }
        dataplane.set_mac(name, now.mac);
        if !now.passes() {
            self.note(name, Trouble::Down(now.why_down()), events);
        } else if self.trouble.remove(name).is_some() {
            events.interface(name::INTERFACE_RECOVERED, name, "");
        }
    }

    fn note(&mut self, name: &str, trouble: Trouble, events: &mut Events) {
        if self.trouble.get(name) != Some(&trouble) {
            events.interface(name::INTERFACE_TROUBLE, name, &trouble.to_string());
            self.trouble.insert(name.to_owned(), trouble);
        }
    }

    /// `rasline attach`.
    ///
    /// # Errors
    /// When it cannot.
    pub fn attach(
        &mut self,
        dataplane: &mut Dataplane,
        interfaces: &[Interface],
        name: &str,
    ) -> Result<String> {
        let interface = interfaces
            .iter()
            .find(|i| i.name == name)
            .ok_or_else(|| unknown(name, interfaces))?;
        if dataplane.ports().contains_key(name) {
            return Ok(format!("{name}: attached already"));
        }
        dataplane.attach(interface)?;
        self.by_hand.retain(|n| n != name);
        self.trouble.remove(name);
        Ok(format!("{name}: attached"))
    }

    /// `rasline detach`.
    ///
    /// # Errors
    /// When it cannot.
    pub fn detach(
        &mut self,
        dataplane: &mut Dataplane,
        interfaces: &[Interface],
        name: &str,
    ) -> Result<String> {
        if interfaces.iter().all(|i| i.name != name) {
            return Err(unknown(name, interfaces));
        }
        if !self.by_hand.iter().any(|n| n == name) {
            self.by_hand.push(name.to_owned());
        }
        let was = dataplane.detach(name)?;
        Ok(format!(
            "{name}: {}",
            if was { "detached" } else { "was not attached" }
        ))
    }

    /// What is shown.
    #[must_use]
    pub fn view(&self, dataplane: &Dataplane, interfaces: &[Interface]) -> Vec<view::Interface> {
        interfaces
            .iter()
            .map(|i| self.view_one(dataplane, i))
            .collect()
    }

    fn view_one(&self, dataplane: &Dataplane, interface: &Interface) -> view::Interface {
        let name = &interface.name;
        let (link, program) = match link::look(name) {
            Sight::Here(now) if now.passes() => ("up", now.program),
            Sight::Here(now) if now.up => ("no carrier", now.program),
            Sight::Here(now) => ("down", now.program),
            Sight::Absent => ("absent", 0),
            // As it was when it could be looked at.
            Sight::Unseen(_) if dataplane.ports().contains_key(name) => {
                ("unknown", dataplane.program_id())
            }
            Sight::Unseen(_) => ("unknown", 0),
        };
        let trouble = if self.by_hand.contains(name) {
            "detached by hand".to_owned()
        } else {
            let trouble = self.trouble.get(name).map(ToString::to_string);
            trouble.unwrap_or_default()
        };
        view::Interface {
            name: name.clone(),
            side: match interface.side {
                Side::Endpoints => "endpoints",
                Side::Gatekeepers => "gatekeepers",
                Side::Both => "both",
            }
            .to_owned(),
            mode: match interface.xdp_mode {
                XdpMode::Native => "native",
                XdpMode::Generic => "generic",
            }
            .to_owned(),
            attached: program != 0 && program == dataplane.program_id(),
            program,
            link: link.to_owned(),
            trouble,
        }
    }
}

/// Of an interface that does not carry the program any more.
fn let_go(dataplane: &mut Dataplane, name: &str) {
    if let Err(e) = dataplane.detach(name) {
        tracing::error!("{e}");
    }
}

fn unknown(name: &str, interfaces: &[Interface]) -> Failure {
    let close = did_you_mean(name, interfaces.iter().map(|i| i.name.as_str()));
    Failure::new(
        format!("interface {name}"),
        "not in the configuration",
        format!("{close}add an [[interface]] for it and `rasline reload`"),
    )
}
