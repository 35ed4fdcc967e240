//! Network namespaces: created, entered by threads and processes, removed on drop.
//!
//! A thread or a process enters one by setns alone. `ip netns exec` would remount /sys, and pins in /sys/fs/bpf would
//! vanish from its sight.

use std::{
    fs::{self, File},
    io::Write,
    os::{
        fd::{AsRawFd, RawFd},
        unix::process::CommandExt,
    },
    path::Path,
    process::{Command, Stdio},
    sync::{
        Once,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use anyhow::{Context, Result, bail, ensure};

const FOLDER: &str = "/run/netns";
const PREFIX: &str = "rasline-";
/// Where [`crate::Controller`] pins.
pub(crate) const BPFFS: &str = "/sys/fs/bpf";
pub(crate) const PIN_PREFIX: &str = "rasline-test-";

static NEXT: AtomicU32 = AtomicU32::new(0);
static SWEEP: Once = Once::new();

/// A number that is unique in this process.
pub(crate) fn unique() -> u32 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A namespace, removed on drop.
#[derive(Debug)]
pub struct Netns {
    name: String,
    file: File,
    ours: bool,
}

impl Netns {
    /// Creates a namespace with loopback up. `role` is part of its name, as shown by `ip netns`.
    ///
    /// # Errors
    /// When this process is not root, or `ip` is missing or refuses.
    pub fn new(role: &str) -> Result<Self> {
        need_root()?;
        SWEEP.call_once(sweep);
        let name = format!("{PREFIX}{}-{}-{role}", std::process::id(), unique());
        ip(&["netns", "add", &name])?;
        let mut netns = Self::open(&name)?;
        netns.ours = true;
        netns.ip("link set lo up")?;
        netns.quiet()?;
        Ok(netns)
    }

    /// Opens an existing namespace, which is not removed on drop.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn open(name: &str) -> Result<Self> {
        let file = File::open(Path::new(FOLDER).join(name))
            .with_context(|| format!("opening network namespace {name}"))?;
        Ok(Self {
            name: name.to_owned(),
            file,
            ours: false,
        })
    }

    /// Its name, as `ip netns` shows it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `ip` with these words in it.
    ///
    /// # Errors
    /// The error of `ip`.
    pub fn ip(&self, words: &str) -> Result<()> {
        let mut all = vec!["-n", &self.name];
        all.extend(words.split_ascii_whitespace());
        ip(&all)
    }

    /// Runs `f` on a separate thread in the namespace. A panic of `f` is propagated.
    ///
    /// # Errors
    /// When the namespace cannot be entered.
    pub fn run<T: Send>(&self, f: impl FnOnce() -> T + Send) -> Result<T> {
        let fd = self.file.as_raw_fd();
        thread::scope(|scope| {
            let inside = scope.spawn(move || enter(fd).map(|()| f()));
            match inside.join() {
                Ok(done) => done.with_context(|| format!("entering namespace {}", self.name)),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// A command that will run in the namespace.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        let fd = self.file.as_raw_fd();
        // SAFETY: between fork and exec only setns is called, which is async-signal-safe; the descriptor is inherited
        // by the fork and stays open, as `spawn` is called while `self` lives (it is close-on-exec, and exec is later).
        #[allow(unsafe_code)]
        unsafe {
            command.pre_exec(move || enter(fd));
        }
        command
    }

    /// Writes `value` to /proc/sys/net/`key`.
    ///
    /// # Errors
    /// When there is no such key.
    pub fn sysctl(&self, key: &str, value: &str) -> Result<()> {
        let path = Path::new("/proc/sys/net").join(key);
        self.run(|| fs::write(&path, value))?
            .with_context(|| format!("writing {value} to {} in {}", path.display(), self.name))
    }

    /// Loads rules of nftables, as from a file for `nft -f`.
    ///
    /// # Errors
    /// The error of `nft`.
    pub fn nft(&self, rules: &str) -> Result<()> {
        let mut child = self
            .command(Path::new("nft"))
            .args(["-f", "-"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("running `nft`: is nftables installed? (apt-get install nftables)")?;
        if let Some(mut to) = child.stdin.take() {
            to.write_all(rules.as_bytes())?;
        }
        let output = child.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "nft: {said}{rules}");
        Ok(())
    }

    /// Packets that a named counter of nftables (`counter inet filter NAME`) has seen.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn nft_counter(&self, name: &str) -> Result<u64> {
        let output = self
            .command(Path::new("nft"))
            .args(["-j", "list", "counter", "inet", "filter", name])
            .output()?;
        let said: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let mut objects = said["nftables"].as_array().into_iter().flatten();
        let packets = objects.find_map(|object| object["counter"]["packets"].as_u64());
        packets.with_context(|| format!("no counter {name}: {said}"))
    }

    /// Connections that are tracked here and have all these words in their line, such as `src=10.0.0.1`.
    ///
    /// # Errors
    /// When the kernel shows none (`CONFIG_NF_CONNTRACK_PROCFS`).
    pub fn tracked(&self, words: &[&str]) -> Result<usize> {
        let all = self.run(|| fs::read_to_string("/proc/thread-self/net/nf_conntrack"))??;
        let like = |line: &&str| {
            let mut of_line = line.split_ascii_whitespace();
            words.iter().all(|word| of_line.clone().any(|w| w == *word)) && of_line.next().is_some()
        };
        Ok(all.lines().filter(like).count())
    }

    /// No duplicate address detection, no reverse path filter, no router solicitation: addresses work at once.
    fn quiet(&self) -> Result<()> {
        for scope in ["all", "default"] {
            self.sysctl(&format!("ipv6/conf/{scope}/accept_dad"), "0")?;
            self.sysctl(&format!("ipv6/conf/{scope}/router_solicitations"), "0")?;
            self.sysctl(&format!("ipv4/conf/{scope}/rp_filter"), "0")?;
        }
        Ok(())
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        if self.ours
            && let Err(error) = ip(&["netns", "del", &self.name])
        {
            // A panic here would hide the one that may be under way.
            eprintln!("namespace {} stays behind: {error:#}", self.name);
        }
    }
}

/// Fails with what to do unless this process is root.
///
/// # Errors
/// When it is not.
pub fn need_root() -> Result<()> {
    // SAFETY: geteuid has no preconditions.
    #[allow(unsafe_code)]
    let uid = unsafe { libc::geteuid() };
    ensure!(
        uid == 0,
        "needs root, to make network namespaces and attach XDP programs: run it with sudo"
    );
    Ok(())
}

fn enter(fd: RawFd) -> std::io::Result<()> {
    // SAFETY: setns takes no memory; a bad descriptor gives an error.
    #[allow(unsafe_code)]
    let done = unsafe { libc::setns(fd, libc::CLONE_NEWNET) };
    if done == 0 {
        Ok(())
    } else {
        Err(std::io::Error::last_os_error())
    }
}

/// Runs `ip` from iproute2.
pub(crate) fn ip(words: &[&str]) -> Result<()> {
    let output = Command::new("ip")
        .args(words)
        .stdin(Stdio::null())
        .output()
        .context("running `ip`: is iproute2 installed? (apt-get install iproute2)")?;
    if !output.status.success() {
        bail!(
            "`ip {}`: {}",
            words.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}

/// Removes namespaces and pins of processes that have ended.
fn sweep() {
    for (folder, prefix) in [(FOLDER, PREFIX), (BPFFS, PIN_PREFIX)] {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(pid) = owner(&name, prefix) else {
                continue;
            };
            if Path::new("/proc").join(pid.to_string()).exists() {
                continue;
            }
            let done = if folder == FOLDER {
                ip(&["netns", "del", &name])
            } else {
                fs::remove_dir_all(entry.path()).map_err(Into::into)
            };
            // Another process may sweep at the same time.
            if let Err(error) = done
                && entry.path().exists()
            {
                let _ = writeln!(std::io::stderr(), "sweeping {name}: {error:#}");
            }
        }
    }
}

/// The process in a name that starts with `prefix`.
fn owner(name: &str, prefix: &str) -> Option<u32> {
    let rest = name.strip_prefix(prefix)?;
    rest.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_their_owner() {
        assert_eq!(owner("rasline-12-0-lan", PREFIX), Some(12));
        assert_eq!(owner("rasline-test-7-1", PIN_PREFIX), Some(7));
        assert_eq!(owner("rasline-mine", PREFIX), None);
        assert_eq!(owner("other-12-0", PREFIX), None);
    }
}
