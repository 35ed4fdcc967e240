//! Gives connections to a range of ports of a local address to one listening socket, by an SK_LOOKUP program.
//!
//! Invariant: over a restart the new program is attached, and knows its sockets, before the earlier one is detached. While both
//! are attached, the newer one has the last word.

use std::{
    fs::File,
    net::IpAddr,
    ops::RangeInclusive,
    os::fd::{AsFd, AsRawFd},
    path::{Path, PathBuf},
};

use aya::{
    Ebpf, EbpfLoader,
    maps::{HashMap as BpfHashMap, MapData, MapError, SockHash},
    programs::{ProgramError, SkLookup, links::FdLink},
};
use rasline_abi::{LISTENER_PORTS, LISTENERS};
use rasline_host::failure::{Failure, Result, chain};

use crate::{pins, program, ring::octets};

/// The program, built by `cargo xtask build`.
static OBJECT: &[u8] = aya::include_bytes_aligned!(env!("RASLINE_LOOKUP_OBJECT_PATH"));
const PROGRAM: &str = "rasline_lookup";
/// Name of the link's pin, and of the one that is about to take its place.
const PIN: &str = "signalling-lookup";
const NEXT_PIN: &str = "signalling-lookup-next";

/// The attached program and its maps. Dropping it detaches the program, unless it is pinned.
pub struct SignallingLookup {
    bpffs: PathBuf,
    /// `None` only while it is being pinned.
    link: Option<FdLink>,
    ports: BpfHashMap<MapData, [u8; 16], [u32; 2]>,
    listeners: SockHash<MapData, [u8; 16]>,
}

impl SignallingLookup {
    /// Loads the program and attaches it to the calling thread's network namespace. It has no listeners yet, so an earlier
    /// controller's program, which stays attached, goes on.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn attach(bpffs: &Path) -> Result<Self> {
        let mut ebpf = EbpfLoader::new()
            .load(OBJECT)
            .map_err(|e| program::explain(&e))?;
        let namespace = File::open("/proc/thread-self/ns/net")
            .map_err(|e| Failure::plain("network namespace", e))?;
        let link = attach(&mut ebpf, &namespace).map_err(|e| program::explain_program(&e))?;
        Ok(Self {
            bpffs: bpffs.to_owned(),
            link: Some(link),
            ports: map(&mut ebpf, LISTENER_PORTS)?,
            listeners: map(&mut ebpf, LISTENERS)?,
        })
    }

    /// Gives TCP connections to these ports of a local address to a listening socket, whatever else listens there. Replaces
    /// the address's earlier socket and ports.
    ///
    /// # Errors
    /// When the kernel refuses, as it does for a socket that does not listen.
    pub fn set_listener(
        &mut self,
        address: IpAddr,
        ports: RangeInclusive<u16>,
        socket: &impl AsFd,
    ) -> Result<()> {
        let key = octets(address);
        self.listeners
            .insert(key, socket.as_fd().as_raw_fd(), 0)
            .map_err(|e| bad(LISTENERS, &e))?;
        let ports = [*ports.start(), *ports.end()].map(u32::from);
        self.ports
            .insert(key, ports, 0)
            .map_err(|e| bad(LISTENER_PORTS, &e))
    }

    /// Gives no more connections to this address's socket. Those that it has stay.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn remove_listener(&mut self, address: IpAddr) -> Result<()> {
        let key = octets(address);
        absent_is_fine(self.ports.remove(&key)).map_err(|e| bad(LISTENER_PORTS, &e))?;
        // The kernel removes a socket that was closed by itself.
        absent_is_fine(self.listeners.remove(&key)).map_err(|e| bad(LISTENERS, &e))
    }

    /// Pins the link, so that the program outlives this process, in the place of an earlier controller's, which is detached
    /// thereby.
    ///
    /// # Errors
    /// When it cannot be pinned. The program is detached then, and an earlier one goes on.
    pub fn pin(&mut self) -> Result<()> {
        let Some(link) = self.link.take() else {
            return Ok(());
        };
        let folder = pins::folder(&self.bpffs);
        let (path, next) = (folder.join(PIN), folder.join(NEXT_PIN));
        std::fs::create_dir_all(&folder)
            .map_err(|e| Failure::plain(format!("bpffs {}", folder.display()), e))?;
        if next.exists() {
            pins::remove(&next)?;
        }
        let pinned = link
            .pin(&next)
            .map_err(|e| Failure::plain(format!("pin {}", next.display()), chain(&e)))?;
        pins::rename(&next, &path)?;
        self.link = Some(pinned.into());
        remove_pins(&self.bpffs, Some(&folder))
    }

    /// Detaches the program, and removes its pin and those of earlier ones.
    ///
    /// # Errors
    /// When a pin cannot be removed.
    pub fn detach(self) -> Result<()> {
        remove_pins(&self.bpffs, None)
    }
}

fn attach(ebpf: &mut Ebpf, namespace: &File) -> std::result::Result<FdLink, ProgramError> {
    let program: &mut SkLookup = ebpf
        .program_mut(PROGRAM)
        .ok_or(ProgramError::NotLoaded)?
        .try_into()?;
    program.load()?;
    let id = program.attach(namespace)?;
    let link = program.take_link(id)?;
    Ok(link.into())
}

fn map<T: TryFrom<aya::maps::Map, Error = MapError>>(ebpf: &mut Ebpf, name: &str) -> Result<T> {
    let map = ebpf
        .take_map(name)
        .ok_or_else(|| program::object(format!("it has no map {name}")))?;
    T::try_from(map).map_err(|e| bad(name, &e))
}

fn bad(name: &str, e: &MapError) -> Failure {
    Failure::plain(format!("map {name}"), chain(e))
}

fn absent_is_fine(removed: std::result::Result<(), MapError>) -> std::result::Result<(), MapError> {
    match removed {
        Err(MapError::SyscallError(e)) if e.io_error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        removed => removed,
    }
}

/// Removes the pins of this program in the folders of all ABI versions but one.
fn remove_pins(bpffs: &Path, except: Option<&Path>) -> Result<()> {
    for pins in pins::survey(bpffs)? {
        let path = pins.folder.join(PIN);
        if except != Some(pins.folder.as_path()) && path.exists() {
            pins::remove(&path)?;
        }
    }
    Ok(())
}
