//! Pins that vanish while the controller runs: someone unmounts bpffs, or removes them. Without them the program ends with
//! the controller, so they are made again, from what this process still holds.
//!
//! Invariant: nothing that answers is touched.

use std::{
    io,
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
};

use aya::{maps::MapData, programs::Xdp};
use rasline_host::failure::chain;

const BPF_OBJ_PIN: libc::c_long = 6;
const BPF_LINK_GET_FD_BY_ID: libc::c_long = 30;
/// The kernel keeps so many characters of a map's name.
const MAP_NAME: usize = 15;

/// What a look at the pins found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pinning {
    /// All are there.
    Whole,
    /// Number of pins that were gone, and were made again.
    Mended(usize),
}

/// Pins a link that this process holds.
pub(crate) fn pin_link(id: u32, path: &Path) -> io::Result<()> {
    pin(&link_by_id(id)?, path)
}

/// Pins the map of a program whose name is that of the path.
pub(crate) fn pin_map(program: &Xdp, path: &Path) -> Result<(), String> {
    // This process has mapped most of them only, but the program holds them all.
    let ids = program.info().and_then(|info| info.map_ids());
    for id in ids.map_err(|e| chain(&e))?.unwrap_or_default() {
        let map = MapData::from_id(id).map_err(|e| chain(&e))?;
        let info = map.info().map_err(|e| chain(&e))?;
        if info.name_as_str().is_some_and(|name| is_named(path, name)) {
            return map.pin(path).map_err(|e| chain(&e));
        }
    }
    Err("the program has no such map".to_owned())
}

fn is_named(path: &Path, name: &str) -> bool {
    let wanted = path.file_name().unwrap_or_default().to_string_lossy();
    wanted.bytes().take(MAP_NAME).eq(name.bytes())
}

/// Whether it is certain that nothing is there.
pub(crate) fn is_gone(path: &Path) -> bool {
    let looked = std::fs::symlink_metadata(path);
    looked.is_err_and(|e| {
        matches!(
            e.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
        )
    })
}

/// `union bpf_attr`, as far as it is needed here.
type Attributes = [u64; 8];

fn bpf(command: libc::c_long, attributes: &Attributes) -> io::Result<libc::c_long> {
    // SAFETY: the kernel reads the attributes only, which are longer than those of either command; a pointer among them
    // is to a string that the caller keeps.
    #[allow(unsafe_code)]
    let done = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            attributes.as_ptr(),
            size_of::<Attributes>(),
        )
    };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(done)
}

/// aya does not lend a link's descriptor.
fn link_by_id(id: u32) -> io::Result<OwnedFd> {
    let mut attributes = Attributes::default();
    bytemuck::bytes_of_mut(&mut attributes)[..4].copy_from_slice(&id.to_ne_bytes());
    let fd = bpf(BPF_LINK_GET_FD_BY_ID, &attributes)?;
    // SAFETY: the kernel has just made this descriptor for us.
    #[allow(unsafe_code)]
    let link = unsafe { OwnedFd::from_raw_fd(fd as i32) };
    Ok(link)
}

fn pin(object: &OwnedFd, path: &Path) -> io::Result<()> {
    let path = std::ffi::CString::new(path.as_os_str().as_bytes())?;
    let mut attributes = Attributes::default();
    attributes[0] = path.as_ptr() as u64;
    let fd = object.as_raw_fd();
    bytemuck::bytes_of_mut(&mut attributes)[8..12].copy_from_slice(&fd.to_ne_bytes());
    bpf(BPF_OBJ_PIN, &attributes).map(drop)
}

#[cfg(test)]
mod tests {
    use rasline_abi::map;

    use super::*;

    #[test]
    fn names_are_compared_as_far_as_the_kernel_keeps_them() {
        let mut cut: Vec<&str> = map::ALL
            .iter()
            .map(|n| &n[..n.len().min(MAP_NAME)])
            .collect();
        cut.sort_unstable();
        cut.dedup();
        assert_eq!(cut.len(), map::ALL.len(), "two names are one to the kernel");
        assert!(is_named(
            Path::new("/x/GATEKEEPER_STATE"),
            "GATEKEEPER_STAT"
        ));
        assert!(is_named(Path::new("/x/SLOTS"), "SLOTS"));
        assert!(!is_named(Path::new("/x/SLOTS"), "SLOT"));
    }
}
