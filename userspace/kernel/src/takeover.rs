//! Puts the program on interfaces: on new ones, and in the place of what an earlier controller left there.
//!
//! Invariant: an interface that answers goes on answering; what is no longer wanted goes last.

use std::time::Duration;

use rasline_abi::MAX_INTERFACES;
use rasline_host::{
    failure::{Failure, Result},
    interface::{Interface, XdpMode},
    link::{self, Attached, LinkInfo, Sight},
};

use crate::{
    Dataplane, Port, attach,
    configure::INTERFACES_WORD,
    load,
    pins::{self, Pin},
};

impl Dataplane {
    /// Puts the program on all interfaces that are there, then takes away what an earlier controller left and is not
    /// configured.
    ///
    /// # Errors
    /// At the first interface that refuses.
    pub fn attach_all(&mut self, interfaces: &[Interface]) -> Result<()> {
        let mut live: Vec<Pin> = Vec::new();
        for pin in pins::links(&self.bpffs)? {
            if pin.is_live()? {
                live.push(pin);
            }
        }
        let there = |i: &&Interface| !matches!(link::look(&i.name), Sight::Absent);
        let interfaces: Vec<&Interface> = interfaces.iter().filter(there).collect();
        let indices: Vec<u32> = live
            .iter()
            .filter_map(|pin| Some(attach::look_up(&pin.interface).ok()?.index))
            .collect();
        self.clear_rows(|ifindex| indices.contains(&ifindex));
        let standing = |i: &Interface| live.iter().find(|pin| pin.interface == i.name);
        // New ones first: if one refuses, nothing has changed for those that answer.
        for interface in interfaces.iter().filter(|i| standing(i).is_none()) {
            self.attach_new(interface)?;
            self.made.push(interface.name.clone());
        }
        for interface in interfaces {
            if let Some(pin) = standing(interface) {
                self.take_over(interface, pin)?;
            }
        }
        self.catch_up();
        if self.adopted {
            self.pin_program()?;
        }
        self.remove_rest()
    }

    /// Attaches to an interface and pins the link; where a pinned link is attached already, by that one.
    ///
    /// # Errors
    /// When it cannot; the interface is as it was then.
    pub fn attach(&mut self, interface: &Interface) -> Result<()> {
        for pin in pins::links(&self.bpffs)? {
            if pin.interface == interface.name && pin.is_live()? {
                return self.take_over(interface, &pin);
            }
        }
        self.attach_new(interface)
    }

    fn attach_new(&mut self, interface: &Interface) -> Result<()> {
        let info = attach::look_up(&interface.name)?;
        let row = self.row(&info)?;
        self.store_mac(row, info.mac);
        self.set_interface(row, info.index, interface);
        let program = load::program_mut(&mut self.ebpf)?;
        match attach::attach(program, interface, &self.folder) {
            Ok((info, link)) => {
                self.add_port(interface, info, row, link);
                Ok(())
            }
            Err(e) => {
                self.globals.store_word(0, INTERFACES_WORD + row, 0);
                Err(e)
            }
        }
    }

    /// Detaches from an interface; false: it was not attached.
    ///
    /// # Errors
    /// When the pin cannot be removed.
    pub fn detach(&mut self, name: &str) -> Result<bool> {
        let Some(port) = self.ports.get(name) else {
            return Ok(false);
        };
        // While the pin is there the program is, so that the port stays known, too.
        pins::remove_link(&self.bpffs, name)?;
        self.globals.store_word(0, INTERFACES_WORD + port.row, 0);
        self.ports.remove(name);
        Ok(true)
    }

    /// Puts the program in the place of the one under a pinned link.
    fn take_over(&mut self, interface: &Interface, pin: &Pin) -> Result<()> {
        let info = attach::look_up(&interface.name)?;
        let wanted = match interface.xdp_mode {
            XdpMode::Native => Attached::Native,
            XdpMode::Generic => Attached::Generic,
        };
        if info.xdp != wanted {
            tracing::warn!(
                "interface {}: xdp_mode is another now; detached and attached again",
                interface.name
            );
            pins::remove(&pin.path)?;
            await_detached(&interface.name);
            return self.attach_new(interface);
        }
        let row = self.row(&info)?;
        self.store_mac(row, info.mac);
        self.set_interface(row, info.index, interface);
        let program = load::program_mut(&mut self.ebpf)?;
        let link = attach::swap(program, pin)?;
        self.moved = true;
        let path = pins::link_path(&self.folder, &interface.name);
        if path != pin.path {
            pins::rename(&pin.path, &path)?;
        }
        self.add_port(interface, info, row, link);
        Ok(())
    }

    fn add_port(
        &mut self,
        interface: &Interface,
        info: LinkInfo,
        row: usize,
        link: aya::programs::links::FdLink,
    ) {
        let port = Port {
            interface: interface.clone(),
            info,
            row,
            link,
        };
        self.ports.insert(interface.name.clone(), port);
    }

    /// The interface's row in the maps: the one it has, or a free one.
    fn row(&self, info: &LinkInfo) -> Result<usize> {
        let free = |row: &usize| self.ports.values().all(|p| p.row != *row);
        let rows = || (0..MAX_INTERFACES).filter(free);
        rows()
            .find(|row| self.ifindex(*row) == info.index)
            .or_else(|| rows().find(|row| self.ifindex(*row) == 0))
            .ok_or_else(|| Failure::plain("interfaces", "there are too many"))
    }

    /// Links that are not ours, folders of other versions, rows of interfaces that are gone.
    fn remove_rest(&mut self) -> Result<()> {
        for pin in pins::links(&self.bpffs)? {
            if !self.ports.contains_key(&pin.interface) {
                tracing::info!("interface {}: not configured; detached", pin.interface);
                pins::remove(&pin.path)?;
            }
        }
        for old in pins::survey(&self.bpffs)? {
            if old.folder != self.folder {
                pins::remove_folder(&old.folder)?;
                tracing::info!("pins {}: no longer used; removed", old.folder.display());
            }
        }
        let indices: Vec<u32> = self.ports.values().map(|port| port.info.index).collect();
        self.clear_rows(|ifindex| indices.contains(&ifindex));
        Ok(())
    }

    fn ifindex(&self, row: usize) -> u32 {
        let [ifindex, _side]: [u32; 2] =
            bytemuck::cast(self.globals.load_word(0, INTERFACES_WORD + row));
        ifindex
    }

    fn clear_rows(&self, keep: impl Fn(u32) -> bool) {
        for row in (0..MAX_INTERFACES).filter(|row| !keep(self.ifindex(*row))) {
            self.globals.store_word(0, INTERFACES_WORD + row, 0);
        }
    }
}

/// The kernel detaches a little after the last reference went.
fn await_detached(interface: &str) {
    for _ in 0..200 {
        if attach::look_up(interface).is_ok_and(|now| now.program == 0) {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
