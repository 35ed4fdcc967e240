//! Pins: what keeps program, links and maps alive without the controller, and what is left of a dead one.
//!
//! Layout: `<bpffs>/v<ABI>/` holds each map by its name, `program`, and `link-<interface>` for each interface. While
//! its links move to maps of other sizes, an old folder of the same version is called `v<ABI>-<n>`.
//!
//! Invariant: a pin that could not be looked at (no file descriptor, no memory) is an error, never one that is gone.

use std::{
    fs::DirEntry,
    io,
    path::{Path, PathBuf},
};

use aya::programs::{
    links::{FdLink, LinkError, PinnedLink},
    loaded_programs,
};
use rasline_abi::ABI_VERSION;
use rasline_host::{
    failure::{Failure, Result, chain},
    link::{self, Sight},
};

const LINK: &str = "link-";

/// The folder of this ABI's pins.
#[must_use]
pub fn folder(bpffs: &Path) -> PathBuf {
    bpffs.join(format!("v{ABI_VERSION}"))
}

/// The pin of an interface's link; a bpffs takes no dots in names.
#[must_use]
pub fn link_path(folder: &Path, interface: &str) -> PathBuf {
    folder.join(format!(
        "{LINK}{}",
        interface.replace('%', "%25").replace('.', "%2e")
    ))
}

/// A pinned link: its interface, its path, and the program it attaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Interface.
    pub interface: String,
    /// Path.
    pub path: PathBuf,
    /// Program id; 0: what is pinned there is no link.
    pub program: u32,
}

impl Pin {
    /// Whether its interface is there and runs the link's program.
    ///
    /// # Errors
    /// When the interface cannot be looked at.
    pub fn is_live(&self) -> Result<bool> {
        match link::look(&self.interface) {
            Sight::Here(info) => Ok(info.program != 0 && info.program == self.program),
            Sight::Absent => Ok(false),
            Sight::Unseen(e) => Err(Failure::plain(format!("interface {}", self.interface), e)),
        }
    }
}

/// The pins of one controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pins {
    /// ABI version.
    pub version: u32,
    /// Folder.
    pub folder: PathBuf,
    /// Links.
    pub links: Vec<Pin>,
}

impl Pins {
    /// Whether any of its links still carries packets.
    ///
    /// # Errors
    /// When an interface cannot be looked at.
    pub fn is_live(&self) -> Result<bool> {
        for link in &self.links {
            if link.is_live()? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Pinned maps that are used again.
pub(crate) struct Pinned {
    pub(crate) folder: PathBuf,
    pub(crate) names: Vec<&'static str>,
}

/// All pins, by folder.
///
/// # Errors
/// When they cannot be looked at.
pub fn survey(bpffs: &Path) -> Result<Vec<Pins>> {
    let one = |(version, folder): (u32, PathBuf)| {
        Ok(Pins {
            version,
            links: links_in(&folder)?,
            folder,
        })
    };
    versions(bpffs)?.into_iter().map(one).collect()
}

/// The pinned links of all ABI versions.
///
/// # Errors
/// When they cannot be looked at.
pub fn links(bpffs: &Path) -> Result<Vec<Pin>> {
    let mut pins: Vec<Pin> = survey(bpffs)?.into_iter().flat_map(|p| p.links).collect();
    pins.sort_by(|a, b| a.interface.cmp(&b.interface));
    Ok(pins)
}

fn links_in(folder: &Path) -> Result<Vec<Pin>> {
    let mut pins = Vec::new();
    for entry in entries(folder)? {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(interface) = name.strip_prefix(LINK) {
            pins.push(Pin {
                interface: interface.replace("%2e", ".").replace("%25", "%"),
                program: program_of(&entry.path())?,
                path: entry.path(),
            });
        }
    }
    Ok(pins)
}

/// The program that a pinned link attaches; 0: it is no link, or is gone by now.
fn program_of(path: &Path) -> Result<u32> {
    let info = PinnedLink::from_pin(path).and_then(|link| FdLink::from(link).info());
    match info {
        Ok(info) => Ok(info.program_id()),
        Err(LinkError::SyscallError(e)) if !is_unseen(&e.io_error) => Ok(0),
        Err(e) => Err(unseen(path, chain(&e))),
    }
}

/// Whether an error says something about us, and nothing about what was looked for.
fn is_unseen(e: &io::Error) -> bool {
    matches!(
        e.raw_os_error(),
        Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::EINTR | libc::EACCES | libc::EPERM)
    )
}

fn unseen(path: &Path, cause: impl std::fmt::Display) -> Failure {
    Failure::new(
        format!("pin {}", path.display()),
        format!("cannot be looked at: {cause}"),
        "run as root, in the mount namespace of the controller",
    )
}

/// What a folder holds; nothing, if there is none.
fn entries(folder: &Path) -> Result<Vec<DirEntry>> {
    let read = std::fs::read_dir(folder).and_then(Iterator::collect);
    match read {
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(Vec::new())
        }
        read => read.map_err(|e| unseen(folder, e)),
    }
}

/// Takes the place of a pin, or goes where there is none.
///
/// # Errors
/// When it cannot be moved.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to)
        .map_err(|e| Failure::plain(format!("pin {} to {}", from.display(), to.display()), e))
}

/// Gives a folder another name, so that its place is free; the new one.
///
/// # Errors
/// When it cannot be renamed.
pub fn set_aside(folder: &Path) -> Result<PathBuf> {
    let aside = (1..u32::MAX)
        .map(|n| PathBuf::from(format!("{}-{n}", folder.display())))
        .find(|path| !path.exists())
        .unwrap_or_default();
    rename(folder, &aside)?;
    Ok(aside)
}

/// Removes all pins, links first: with the last reference gone the kernel detaches. Gives the interfaces concerned.
///
/// # Errors
/// When a pin cannot be removed.
pub fn remove_all(bpffs: &Path) -> Result<Vec<String>> {
    let mut interfaces = Vec::new();
    for pin in links(bpffs)? {
        remove(&pin.path)?;
        interfaces.push(pin.interface);
    }
    for (_, folder) in versions(bpffs)? {
        remove_folder(&folder)?;
    }
    Ok(interfaces)
}

/// Removes a folder of pins, links first.
///
/// # Errors
/// When a pin cannot be removed.
pub fn remove_folder(folder: &Path) -> Result<()> {
    for pin in links_in(folder)? {
        remove(&pin.path)?;
    }
    for entry in entries(folder)? {
        remove(&entry.path())?;
    }
    std::fs::remove_dir(folder).map_err(|e| Failure::plain(format!("pin {}", folder.display()), e))
}

/// Removes one interface's pin; false: there is none.
///
/// # Errors
/// When it cannot be removed.
pub fn remove_link(bpffs: &Path, interface: &str) -> Result<bool> {
    let mut any = false;
    for pin in links(bpffs)?
        .iter()
        .filter(|pin| pin.interface == interface)
    {
        remove(&pin.path)?;
        any = true;
    }
    Ok(any)
}

/// Removes one pin.
///
/// # Errors
/// When it cannot be removed.
pub fn remove(path: &Path) -> Result<()> {
    std::fs::remove_file(path).map_err(|e| {
        Failure::new(
            format!("pin {}", path.display()),
            e,
            "run as root, in the mount namespace of the controller",
        )
    })
}

/// Folders of pins and their ABI versions, in the order of their names.
fn versions(bpffs: &Path) -> Result<Vec<(u32, PathBuf)>> {
    let mut all: Vec<(u32, PathBuf)> = entries(bpffs)?
        .iter()
        .filter_map(|e| Some((version(&e.file_name().to_string_lossy())?, e.path())))
        .collect();
    all.sort();
    Ok(all)
}

/// The ABI version in a folder's name.
fn version(name: &str) -> Option<u32> {
    let name = name.strip_prefix('v')?;
    let (version, aside) = name.split_once('-').unwrap_or((name, "0"));
    aside.parse::<u32>().ok()?;
    version.parse().ok()
}

/// A loaded program in words: id, name, and where it or its link is pinned.
#[must_use]
pub fn describe_program(id: u32) -> String {
    let name = loaded_programs()
        .filter_map(std::result::Result::ok)
        .find(|p| p.id() == id)
        .and_then(|p| p.name_as_str().map(str::to_owned))
        .unwrap_or_default();
    let mut text = format!("program {id}");
    if !name.is_empty() {
        text = format!("{text} \"{name}\"");
    }
    if let Some(path) = find_pin(Path::new("/sys/fs/bpf"), id, 4) {
        text = format!("{text}, pinned at {}", path.display());
    }
    text
}

/// The first pin below a folder that is this program or a link of it.
fn find_pin(folder: &Path, id: u32, depth: u32) -> Option<PathBuf> {
    for entry in std::fs::read_dir(folder).ok()?.flatten().take(1024) {
        let path = entry.path();
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            if depth > 0
                && let Some(found) = find_pin(&path, id, depth - 1)
            {
                return Some(found);
            }
            continue;
        }
        let link = || PinnedLink::from_pin(&path).ok().map(FdLink::from);
        let is_program = aya::programs::ProgramInfo::from_pin(&path).is_ok_and(|p| p.id() == id);
        if is_program || link().is_some_and(|l| l.info().is_ok_and(|i| i.program_id() == id)) {
            return Some(path);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_name_their_version() {
        assert_eq!(version("v1"), Some(1));
        assert_eq!(version("v12-3"), Some(12));
        for other in ["1", "v", "v1-", "v1-x", "v1-2-3", "vx", "other"] {
            assert_eq!(version(other), None, "{other}");
        }
    }
}
