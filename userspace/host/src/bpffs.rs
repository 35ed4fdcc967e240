//! The bpffs for pins; it is mounted if it is missing.

use std::path::Path;

use crate::failure::{Failure, Result};

const BPF_FS_MAGIC: i64 = 0xcafe_4a11;
const USUAL: &str = "/sys/fs/bpf";

/// Whether a path, or its nearest existing parent folder, is in a bpffs.
#[must_use]
pub fn is_bpffs(path: &Path) -> bool {
    path.ancestors()
        .find_map(|p| rustix::fs::statfs(p).ok())
        .is_some_and(|s| s.f_type & 0xffff_ffff == BPF_FS_MAGIC)
}

/// Whether the bpffs of a folder is visible only to this process and its children, so that the pins disappear with
/// it: a unit with its own mount namespace on a host without bpffs. False if that cannot be determined.
#[must_use]
pub fn is_private(folder: &Path) -> bool {
    if same_namespace_as_init() {
        return false;
    }
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    is_private_in(&mounts, folder)
}

/// Whether this process is in the mount namespace of process 1. Requires permission to trace process 1.
fn same_namespace_as_init() -> bool {
    let of = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/mnt"));
    of("1").is_ok_and(|init| of("self").is_ok_and(|own| own == init))
}

/// In a namespace that follows another one's mounts ("master:" on its root), a bpffs that follows none is private.
fn is_private_in(mountinfo: &str, folder: &Path) -> bool {
    let mounts: Vec<(&str, bool, &str)> = mountinfo.lines().filter_map(mount_line).collect();
    let follows = |mount: &&(&str, bool, &str)| mount.1;
    let root = mounts.iter().rev().find(|(at, ..)| *at == "/");
    // Later lines are mounted over earlier ones.
    let pins = |mount: &&(&str, bool, &str)| mount.2 == "bpf" && folder.starts_with(mount.0);
    let pins = mounts.iter().rev().find(pins);
    root.is_some_and(|root| follows(&root)) && pins.is_some_and(|pins| !follows(&pins))
}

/// Mount point, whether it follows another mount, and type of file system.
fn mount_line(line: &str) -> Option<(&str, bool, &str)> {
    let (before, after) = line.split_once(" - ")?;
    let mut fields = before.split(' ');
    let at = fields.nth(4)?;
    let follows = fields.any(|field| field.starts_with("master:"));
    Some((at, follows, after.split(' ').next()?))
}

/// Ensures that the folder exists in a bpffs. Returns true if the bpffs had to be mounted.
///
/// # Errors
/// When the bpffs cannot be mounted or written.
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
            "run as root, or choose another `bpffs` in the configuration (names in a bpffs must not contain a dot)",
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
    .map_err(|e| {
        Failure::new(
            thing,
            format!("not mounted, and mounting failed: {e}"),
            next,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST_ROOT: &str = "22 1 254:0 / / rw shared:1 - ext4 /dev/vda rw";
    const UNIT_ROOT: &str = "500 450 254:0 / / ro,relatime master:1 - ext4 /dev/vda rw";
    const INHERITED: &str = "600 500 0:30 / /sys/fs/bpf rw shared:9 master:7 - bpf bpf rw,mode=700";
    const OWN: &str = "700 600 0:77 / /sys/fs/bpf rw shared:80 - bpf bpf rw,mode=700";

    #[test]
    fn a_bpffs_is_private_when_its_namespace_follows_another_one_and_it_does_not() {
        let folder = Path::new("/sys/fs/bpf/rasline");
        for (mounts, private) in [
            (vec![HOST_ROOT, OWN], false),
            (vec![UNIT_ROOT, INHERITED], false),
            (vec![UNIT_ROOT, OWN], true),
            (vec![UNIT_ROOT, INHERITED, OWN], true),
            (vec![UNIT_ROOT], false),
            (vec![], false),
        ] {
            assert_eq!(
                is_private_in(&mounts.join("\n"), folder),
                private,
                "{mounts:?}"
            );
        }
        assert!(!is_private_in(
            &format!("{UNIT_ROOT}\n{OWN}"),
            Path::new("/run/bpf")
        ));
    }
}
