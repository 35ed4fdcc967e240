//! `cargo xtask dist --test`: installs, upgrades, removes and purges the package in a bare Debian with systemd, in a
//! container. `packaging/debian/trial` runs inside; its exit status is the result.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::dist;
use crate::paths;
use crate::process::{self, say};

/// Packages of the bare Debian, besides the essential ones.
const PACKAGES: &str = "systemd,systemd-sysv,iproute2,passwd,mount";
const RELEASE: &str = "bookworm";
const UNIT: &str = "[Unit]\nAfter=multi-user.target\n[Service]\nType=oneshot\nExecStart=/trial/run\nTimeoutStartSec=300\n\
    StandardOutput=append:/trial/log\nStandardError=append:/trial/log\n";

pub(super) fn run(package: &Path, next: &Path) -> Result<()> {
    let root = bare_root()?;
    let trial = root.join("trial");
    fs::create_dir_all(&trial).context("the trial's folder")?;
    fs::copy(package, trial.join("rasline.deb")).context("the package")?;
    fs::copy(next, trial.join("rasline-next.deb")).context("the next package")?;
    fs::copy(
        paths::root().join("packaging/debian/trial"),
        trial.join("run"),
    )
    .context("the trial")?;
    let units = root.join("etc/systemd/system");
    fs::write(units.join("trial.service"), UNIT).context("the trial's unit")?;
    let wants = units.join("multi-user.target.wants");
    fs::create_dir_all(&wants).context("the trial's unit")?;
    std::os::unix::fs::symlink("../trial.service", wants.join("trial.service"))
        .context("the trial's unit")?;
    let pins = Bpffs::mount()?;
    boot(&root, &pins)?;
    let log = fs::read_to_string(trial.join("log")).unwrap_or_default();
    let status = fs::read_to_string(trial.join("status")).unwrap_or_default();
    print!("{log}");
    ensure!(
        status.trim() == "0",
        "the package's trial failed; its log is above"
    );
    say("the package was installed, upgraded, removed and purged without errors");
    Ok(())
}

/// Unpacks a fresh copy of the bare Debian, which is built once.
fn bare_root() -> Result<PathBuf> {
    let archive = dist().join(format!("{RELEASE}.tar"));
    if !archive.exists() {
        let fresh = dist().join(format!("{RELEASE}-fresh.tar"));
        let mut make = Command::new("mmdebstrap");
        make.args(["--variant=minbase", "--include", PACKAGES, RELEASE])
            .arg(&fresh);
        process::run_long(&mut make, "a bare Debian")?;
        fs::rename(&fresh, &archive).context("the bare Debian")?;
    }
    let root = dist().join("root");
    if root.exists() {
        fs::remove_dir_all(&root).context("the bare Debian of the last trial")?;
    }
    fs::create_dir_all(&root).context("the bare Debian")?;
    let mut unpack = Command::new("tar");
    unpack
        .arg("-C")
        .arg(&root)
        .arg("-xf")
        .arg(&archive)
        .arg("--exclude=./dev/*");
    process::run(&mut unpack, "the bare Debian")?;
    Ok(root)
}

/// Mounts a bpffs that only the container uses.
struct Bpffs(PathBuf);

impl Bpffs {
    fn mount() -> Result<Self> {
        let folder = dist().join("bpffs");
        fs::create_dir_all(&folder).context("a folder for bpffs")?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "bpf", "bpf"]).arg(&folder);
        process::run(&mut mount, "a bpffs")?;
        Ok(Self(folder))
    }
}

impl Drop for Bpffs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

fn boot(root: &Path, pins: &Bpffs) -> Result<()> {
    let mut container = Command::new("systemd-nspawn");
    container
        .args([
            "--quiet",
            "--register=no",
            "--keep-unit",
            "--private-network",
            "--boot",
        ])
        .args([
            "--capability=all",
            "--system-call-filter=bpf perf_event_open @mount",
        ])
        .args(["--console=pipe", "--link-journal=no"])
        .arg(format!("--machine=rasline-trial-{}", std::process::id()))
        .arg(format!("--bind={}:/sys/fs/bpf", pins.0.display()))
        .arg("--directory")
        .arg(root)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    process::run_long(&mut container, "the package's trial")
}
