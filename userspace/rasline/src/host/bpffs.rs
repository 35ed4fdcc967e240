//! Where pins live: a bpffs, mounted when it is missing.

use std::path::Path;

use crate::failure::{Failure, Result};

const BPF_FS_MAGIC: i64 = 0xcafe_4a11;
const USUAL: &str = "/sys/fs/bpf";

/// Whether a path, or the nearest folder above that exists, lies in a bpffs.
#[must_use]
pub fn is_bpffs(path: &Path) -> bool {
    path.ancestors()
        .find_map(|p| rustix::fs::statfs(p).ok())
        .is_some_and(|s| s.f_type & 0xffff_ffff == BPF_FS_MAGIC)
}

/// Makes sure that the folder exists in a bpffs; true: one had to be mounted.
///
/// # Errors
/// When it cannot be mounted or written.
pub fn ensure(folder: &Path) -> Result<bool> {
    let mut mounted = false;
    if !is_bpffs(folder) {
        let usual = Path::new(USUAL);
        let at = if folder.starts_with(usual) && usual.is_dir() {
            usual
        } else {
            folder
        };
        mount(at)?;
        mounted = true;
    }
    std::fs::create_dir_all(folder).map_err(|e| {
        Failure::new(
            format!("bpffs {}", folder.display()),
            e,
            "names in a bpffs hold no dot; choose another `bpffs` in the configuration, or run as root",
        )
    })?;
    Ok(mounted)
}

fn mount(at: &Path) -> Result<()> {
    let thing = format!("bpffs {}", at.display());
    let next = format!("mount it by hand: mount -t bpf bpf {}", at.display());
    std::fs::create_dir_all(at).map_err(|e| Failure::new(&*thing, e, &*next))?;
    rustix::mount::mount(
        "bpf",
        at,
        "bpf",
        rustix::mount::MountFlags::empty(),
        c"mode=0700",
    )
    .map_err(|e| Failure::new(thing, format!("not mounted, and cannot be: {e}"), next))
}
