//! Puts the program on interfaces, new ones and those of an earlier controller, and keeps its pins.
//!
//! Invariant: an interface that answers goes on answering; what is no longer wanted goes last.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use aya::programs::links::FdLink;
use rasline_abi::{MAX_INTERFACES, map};
use rasline_host::{
    bpffs,
    failure::{Failure, Result, chain},
    interface::{Interface, Side, XdpMode},
    link::{self, Attached, LinkInfo, Sight},
    lock::{self, Lock},
};

use crate::{
    attach,
    globals::GlobalsRow,
    mend::{self, Pinning},
    pins::{self, Pin},
    program::{self, Program},
};

/// An interface that the program is attached to.
#[derive(Debug)]
pub struct Port {
    /// As configured.
    pub interface: Interface,
    /// As the kernel had it when it was attached.
    pub info: LinkInfo,
    /// Its row in [`rasline_abi::Globals::interfaces`] and in the counters.
    row: usize,
    /// Kept open; the pin holds the attachment.
    link: FdLink,
}

/// The program, its pins, and the interfaces that it is attached to.
pub(crate) struct Attachments {
    program: Program,
    bpffs: PathBuf,
    /// The folder of this controller's pins.
    folder: PathBuf,
    /// Whether the pins in the folder are those of an earlier controller.
    adopted: bool,
    /// Whether a link of an earlier controller carries this program now.
    moved: bool,
    /// Interfaces that have a new link.
    made: Vec<String>,
    /// Lock of a bpffs folder that had to be made again.
    relocked: Option<Lock>,
    ports: BTreeMap<String, Port>,
}

impl Attachments {
    /// Takes a program that is attached to no interface yet, whose pins are in `folder`.
    pub(crate) fn new(program: Program, bpffs: &Path, folder: &Path) -> Self {
        Self {
            program,
            bpffs: bpffs.to_owned(),
            folder: folder.to_owned(),
            adopted: false,
            moved: false,
            made: Vec::new(),
            relocked: None,
            ports: BTreeMap::new(),
        }
    }

    /// Notes that the pins in the folder are those of an earlier controller.
    pub(crate) const fn set_adopted(&mut self) {
        self.adopted = true;
    }

    /// Returns the kernel's id of the program.
    pub(crate) const fn program_id(&self) -> u32 {
        self.program.id()
    }

    /// Returns the interfaces that are attached, by name.
    pub(crate) const fn ports(&self) -> &BTreeMap<String, Port> {
        &self.ports
    }

    /// Returns the name of each attached interface, and its row in the maps.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (String, usize)> {
        let ports = self.ports.values();
        ports.map(|port| (port.interface.name.clone(), port.row))
    }

    /// Looks again which interfaces frames may be redirected out of: that changes with their peers and drivers.
    pub(crate) fn refresh_rows(&self, globals: &GlobalsRow) {
        for port in self.ports.values() {
            globals.set_interface(port.row, port.info.index, &port.interface);
        }
    }

    /// Changes an attached interface's side.
    pub(crate) fn set_side(&mut self, globals: &GlobalsRow, name: &str, side: Side) {
        if let Some(port) = self.ports.get_mut(name) {
            port.interface.side = side;
            globals.set_interface(port.row, port.info.index, &port.interface);
        }
    }

    /// Notes the MAC address that an attached interface has now.
    pub(crate) fn set_mac(&self, globals: &GlobalsRow, name: &str, mac: [u8; 6]) {
        if let Some(port) = self.ports.get(name) {
            globals.set_mac(port.row, mac);
        }
    }

    /// Puts the program on all interfaces that are there. Then [`Attachments::finish`] takes away the rest.
    pub(crate) fn attach_all(
        &mut self,
        globals: &GlobalsRow,
        interfaces: &[Interface],
    ) -> Result<()> {
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
        clear_rows(globals, |ifindex| indices.contains(&ifindex));
        let standing = |i: &Interface| live.iter().find(|pin| pin.interface == i.name);
        // New ones first: if one refuses, nothing has changed for those that answer.
        for interface in interfaces.iter().filter(|i| standing(i).is_none()) {
            self.attach_new(globals, interface)?;
            self.made.push(interface.name.clone());
        }
        for interface in interfaces {
            if let Some(pin) = standing(interface) {
                self.take_over(globals, interface, pin)?;
            }
        }
        Ok(())
    }

    /// Takes away what an earlier controller left: links of interfaces that are not configured, other folders, rows of
    /// interfaces that are gone.
    pub(crate) fn finish(&mut self, globals: &GlobalsRow) -> Result<()> {
        if self.adopted {
            self.program.replace_pin(&self.folder)?;
        }
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
        clear_rows(globals, |ifindex| indices.contains(&ifindex));
        Ok(())
    }

    /// Attaches to an interface and pins the link; if a pinned link is attached already, takes that one over.
    pub(crate) fn attach(&mut self, globals: &GlobalsRow, interface: &Interface) -> Result<()> {
        for pin in pins::links(&self.bpffs)? {
            if pin.interface == interface.name && pin.is_live()? {
                return self.take_over(globals, interface, &pin);
            }
        }
        self.attach_new(globals, interface)
    }

    fn attach_new(&mut self, globals: &GlobalsRow, interface: &Interface) -> Result<()> {
        let info = attach::look_up(&interface.name)?;
        let row = self.row(globals, &info)?;
        globals.set_mac(row, info.mac);
        globals.set_interface(row, info.index, interface);
        let program = self.program.xdp()?;
        match attach::attach(program, interface, &self.folder) {
            Ok((info, link)) => {
                self.add_port(interface, info, row, link);
                Ok(())
            }
            Err(e) => {
                globals.clear_interface(row);
                Err(e)
            }
        }
    }

    /// Detaches from an interface. Returns whether it was attached.
    pub(crate) fn detach(&mut self, globals: &GlobalsRow, name: &str) -> Result<bool> {
        let Some(port) = self.ports.get(name) else {
            return Ok(false);
        };
        // While the pin is there the program is, so that the port stays known, too.
        pins::remove_link(&self.bpffs, name)?;
        globals.clear_interface(port.row);
        self.ports.remove(name);
        Ok(true)
    }

    /// Puts the program in the place of the one under a pinned link.
    fn take_over(&mut self, globals: &GlobalsRow, interface: &Interface, pin: &Pin) -> Result<()> {
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
            return self.attach_new(globals, interface);
        }
        let row = self.row(globals, &info)?;
        globals.set_mac(row, info.mac);
        globals.set_interface(row, info.index, interface);
        let program = self.program.xdp()?;
        let link = attach::swap(program, pin)?;
        self.moved = true;
        let path = pins::link_path(&self.folder, &interface.name);
        if path != pin.path {
            pins::rename(&pin.path, &path)?;
        }
        self.add_port(interface, info, row, link);
        Ok(())
    }

    fn add_port(&mut self, interface: &Interface, info: LinkInfo, row: usize, link: FdLink) {
        let port = Port {
            interface: interface.clone(),
            info,
            row,
            link,
        };
        self.ports.insert(interface.name.clone(), port);
    }

    /// Returns the interface's row in the maps: the one that it has, or a free one.
    fn row(&self, globals: &GlobalsRow, info: &LinkInfo) -> Result<usize> {
        let free = |row: &usize| self.ports.values().all(|p| p.row != *row);
        let rows = || (0..MAX_INTERFACES).filter(free);
        rows()
            .find(|row| globals.ifindex(*row) == info.index)
            .or_else(|| rows().find(|row| globals.ifindex(*row) == 0))
            .ok_or_else(|| Failure::plain("interfaces", "there are too many"))
    }

    /// Detaches everything and removes the pins.
    pub(crate) fn detach_all(&mut self) -> Result<()> {
        self.ports.clear();
        pins::remove_all(&self.bpffs)?;
        Ok(())
    }

    /// Takes back what was made since the start; what an earlier controller left goes on.
    pub(crate) fn undo(&mut self) -> Result<()> {
        self.ports.clear();
        if !self.adopted && !self.moved {
            return pins::remove_folder(&self.folder);
        }
        for name in std::mem::take(&mut self.made) {
            pins::remove_link(&self.bpffs, &name)?;
        }
        Ok(())
    }

    /// Makes pins that are gone again; mounts bpffs if that is gone, too.
    ///
    /// # Errors
    /// When one cannot be made: then the program ends with this process.
    pub(crate) fn mend_pins(&mut self) -> Result<Pinning> {
        let missing = self.missing();
        if missing.is_empty() {
            return Ok(Pinning::Whole);
        }
        if bpffs::ensure(&self.bpffs)? {
            tracing::warn!("bpffs {}: it was gone; mounted again", self.bpffs.display());
            // The lock taken at the start is one of the folder that is gone.
            self.relocked = Some(lock::take_folder(&self.bpffs)?);
        }
        std::fs::create_dir_all(&self.folder)
            .map_err(|e| Failure::plain(format!("bpffs {}", self.folder.display()), e))?;
        for path in &missing {
            self.pin_again(path)
                .map_err(|e| Failure::plain(format!("pin {}", path.display()), e))?;
        }
        Ok(Pinning::Mended(missing.len()))
    }

    /// Pins that should be there and are not. Those that cannot be looked at are not among them.
    fn missing(&self) -> Vec<PathBuf> {
        let links = self
            .ports
            .keys()
            .map(|name| pins::link_path(&self.folder, name));
        let maps = map::ALL.iter().map(|name| self.folder.join(name));
        let all = links.chain(maps).chain([self.folder.join(program::PIN)]);
        all.filter(|path| mend::is_gone(path)).collect()
    }

    fn pin_again(&mut self, path: &Path) -> Result<(), String> {
        let port =
            (self.ports.iter()).find(|(name, _)| pins::link_path(&self.folder, name) == path);
        if let Some((_, port)) = port {
            let id = port.link.info().map_err(|e| chain(&e))?.id();
            return mend::pin_link(id, path).map_err(|e| e.to_string());
        }
        let program = self.program.xdp().map_err(|e| e.to_string())?;
        if path == self.folder.join(program::PIN) {
            return program.pin(path).map_err(|e| chain(&e));
        }
        mend::pin_map(program, path)
    }
}

/// Empties the rows of the interfaces whose index `keep` refuses.
fn clear_rows(globals: &GlobalsRow, keep: impl Fn(u32) -> bool) {
    for row in (0..MAX_INTERFACES).filter(|row| !keep(globals.ifindex(*row))) {
        globals.clear_interface(row);
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
