//! Pins: what keeps program, links and maps alive without the controller, and what is left of a dead one.
//!
//! Layout: `<bpffs>/v<ABI>/` holds each map by its name, `program`, and `link-<interface>` for each interface.

use std::path::{Path, PathBuf};

use aya::programs::{links::PinnedLink, loaded_programs};
use rasline_abi::ABI_VERSION;

use crate::failure::{Failure, Result};

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
    /// Program id; 0: cannot be told.
    pub program: u32,
}

/// The pinned links of all ABI versions.
#[must_use]
pub fn links(bpffs: &Path) -> Vec<Pin> {
    let mut pins = Vec::new();
    for folder in versions(bpffs) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(interface) = name.strip_prefix(LINK) {
                let program = PinnedLink::from_pin(entry.path())
                    .ok()
                    .and_then(|link| aya::programs::links::FdLink::from(link).info().ok())
                    .map_or(0, |info| info.program_id());
                pins.push(Pin {
                    interface: interface.replace("%2e", ".").replace("%25", "%"),
                    path: entry.path(),
                    program,
                });
            }
        }
    }
    pins.sort_by(|a, b| a.interface.cmp(&b.interface));
    pins
}

/// Removes all pins, links first: with the last reference gone the kernel detaches. Gives the interfaces concerned.
///
/// # Errors
/// When a pin cannot be removed.
pub fn remove_all(bpffs: &Path) -> Result<Vec<String>> {
    let mut interfaces = Vec::new();
    for pin in links(bpffs) {
        remove(&pin.path)?;
        interfaces.push(pin.interface);
    }
    for folder in versions(bpffs) {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            remove(&entry.path())?;
        }
        std::fs::remove_dir(&folder)
            .map_err(|e| Failure::plain(format!("pin {}", folder.display()), e))?;
    }
    Ok(interfaces)
}

/// Removes one interface's pin; false: there is none.
///
/// # Errors
/// When it cannot be removed.
pub fn remove_link(bpffs: &Path, interface: &str) -> Result<bool> {
    let mut any = false;
    for pin in links(bpffs).iter().filter(|pin| pin.interface == interface) {
        remove(&pin.path)?;
        any = true;
    }
    Ok(any)
}

fn remove(path: &Path) -> Result<()> {
    std::fs::remove_file(path).map_err(|e| {
        Failure::new(
            format!("pin {}", path.display()),
            e,
            "run as root, in the mount namespace of the controller",
        )
    })
}

fn versions(bpffs: &Path) -> Vec<PathBuf> {
    let is_version = |name: &str| {
        name.strip_prefix('v')
            .is_some_and(|n| n.parse::<u32>().is_ok())
    };
    std::fs::read_dir(bpffs)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|e| is_version(&e.file_name().to_string_lossy()))
        .map(|e| e.path())
        .collect()
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
        let link = || {
            PinnedLink::from_pin(&path)
                .ok()
                .map(aya::programs::links::FdLink::from)
        };
        let is_program = aya::programs::ProgramInfo::from_pin(&path).is_ok_and(|p| p.id() == id);
        if is_program || link().is_some_and(|l| l.info().is_ok_and(|i| i.program_id() == id)) {
            return Some(path);
        }
    }
    None
}
