//! Interfaces: attached at start, watched, attached again when they come back.

use std::collections::BTreeMap;

use crate::{
    bpf::Kernel,
    config::{Interface, Side, XdpMode},
    control::view,
    failure::{Failure, Result},
    host::link,
    supervisor::events::{Events, name},
};

/// An interface in trouble is tried again at every so many looks.
const RETRY: u32 = 5;

/// What is wrong with interfaces, and which were detached by hand.
#[derive(Debug, Default)]
pub struct Ports {
    trouble: BTreeMap<String, String>,
    by_hand: Vec<String>,
    looks: u32,
}

impl Ports {
    /// Attaches to all interfaces.
    ///
    /// # Errors
    /// At the first that refuses.
    pub fn attach_all(kernel: &mut Kernel, interfaces: &[Interface]) -> Result<()> {
        kernel.attach_all(interfaces)
    }

    /// Makes what is attached agree with the configuration, after a reload. Interfaces that refuse are in trouble.
    pub fn reconcile(
        &mut self,
        kernel: &mut Kernel,
        interfaces: &[Interface],
        events: &mut Events,
    ) {
        let gone: Vec<String> = kernel
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
            match kernel.detach(&name) {
                Ok(_) => events.interface(name::DETACHED, &name, ""),
                Err(e) => tracing::error!("{e}"),
            }
        }
        self.trouble
            .retain(|name, _| interfaces.iter().any(|i| i.name == *name));
        self.by_hand
            .retain(|name| interfaces.iter().any(|i| i.name == *name));
        for i in interfaces {
            kernel.set_side(&i.name, i.side);
        }
        self.watch(kernel, interfaces, events);
    }

    /// Looks whether the program still is where it should be, and attaches where it can be again.
    pub fn watch(&mut self, kernel: &mut Kernel, interfaces: &[Interface], events: &mut Events) {
        self.looks = self.looks.wrapping_add(1);
        for interface in interfaces {
            let name = &interface.name;
            if self.by_hand.contains(name) {
                continue;
            }
            let now = link::by_name(name).ok();
            let lost = kernel.ports().get(name).is_some_and(|p| {
                now.as_ref().is_none_or(|now| {
                    now.index != p.info.index || now.program != kernel.program_id()
                })
            });
            if lost {
                let why = if now.is_some() {
                    "the program is no longer attached"
                } else {
                    "the interface is gone"
                };
                self.note(name, why, events);
                if let Err(e) = kernel.detach(name) {
                    tracing::error!("{e}");
                }
            }
            // What is in trouble already is not tried each time.
            let try_now = !self.trouble.contains_key(name) || self.looks.is_multiple_of(RETRY);
            if now.is_some() && try_now && !kernel.ports().contains_key(name) {
                match kernel.attach(interface) {
                    Ok(()) => {
                        self.trouble.remove(name);
                        events.interface(name::ATTACHED, name, "");
                    }
                    Err(e) => self.note(name, &e.cause, events),
                }
            }
        }
    }

    fn note(&mut self, name: &str, why: &str, events: &mut Events) {
        if self.trouble.get(name).is_none_or(|known| known != why) {
            events.interface(name::INTERFACE_TROUBLE, name, why);
            self.trouble.insert(name.to_owned(), why.to_owned());
        }
    }

    /// `rasline attach`.
    ///
    /// # Errors
    /// When it cannot.
    pub fn attach(
        &mut self,
        kernel: &mut Kernel,
        interfaces: &[Interface],
        name: &str,
    ) -> Result<String> {
        let interface = interfaces
            .iter()
            .find(|i| i.name == name)
            .ok_or_else(|| unknown(name))?;
        if kernel.ports().contains_key(name) {
            return Ok(format!("{name}: attached already"));
        }
        kernel.attach(interface)?;
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
        kernel: &mut Kernel,
        interfaces: &[Interface],
        name: &str,
    ) -> Result<String> {
        if interfaces.iter().all(|i| i.name != name) {
            return Err(unknown(name));
        }
        if !self.by_hand.iter().any(|n| n == name) {
            self.by_hand.push(name.to_owned());
        }
        let was = kernel.detach(name)?;
        Ok(format!(
            "{name}: {}",
            if was { "detached" } else { "was not attached" }
        ))
    }

    /// What is shown.
    #[must_use]
    pub fn view(&self, kernel: &Kernel, interfaces: &[Interface]) -> Vec<view::Interface> {
        interfaces
            .iter()
            .map(|i| self.view_one(kernel, i))
            .collect()
    }

    fn view_one(&self, kernel: &Kernel, interface: &Interface) -> view::Interface {
        let name = &interface.name;
        let program = link::by_name(name).map_or(0, |now| now.program);
        let trouble = if self.by_hand.contains(name) {
            "detached by hand".to_owned()
        } else {
            self.trouble.get(name).cloned().unwrap_or_default()
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
            attached: program != 0 && program == kernel.program_id(),
            program,
            trouble,
        }
    }
}

fn unknown(name: &str) -> Failure {
    Failure::new(
        format!("interface {name}"),
        "not in the configuration",
        "add an [[interface]] for it and `rasline reload`",
    )
}
