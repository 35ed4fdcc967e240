//! From a configuration to an attached program: every check first, and nothing left behind when one fails.

use std::path::PathBuf;

use crate::{
    bpf::{Kernel, Ring, pins},
    config::Config,
    control::server::{self, Listening},
    failure::{Failure, Result},
    host::{
        OLDEST_KERNEL, bpffs, caps, kernel_version,
        lock::{self, Lock},
    },
    supervisor::{apply, layout::Layout, ports::Ports},
};

/// All that runs.
pub(super) struct Started {
    pub(super) kernel: Kernel,
    pub(super) ring: Ring,
    pub(super) layout: Layout,
    pub(super) listening: Listening,
    pub(super) locks: Vec<Lock>,
}

pub(super) fn start(config: &Config) -> Result<Started> {
    caps::require()?;
    kernel_is_new_enough()?;
    let mut locks = take_locks(config)?;
    let daemon = &config.daemon;
    if bpffs::ensure(&daemon.bpffs)? {
        tracing::info!(
            "bpffs mounted for {}; inside `ip netns exec` it vanishes with the command: use nsenter --net there",
            daemon.bpffs.display()
        );
    }
    locks.push(lock::take_folder(&daemon.bpffs)?);
    let stale = pins::remove_all(&daemon.bpffs)?;
    if !stale.is_empty() {
        tracing::warn!(
            "a controller that died left its program on {}; taken off",
            stale.join(", ")
        );
    }
    let layout = apply::plan(&Layout::default(), None, config)?;
    let (mut kernel, ring) = Kernel::load(config)?;
    apply::write(&mut kernel, None, config, &layout)?;
    kernel.heartbeat();
    Ports::attach_all(&mut kernel, &config.interfaces)?;
    // Last: whoever can connect finds everything attached.
    let listening = server::bind(&daemon.control_socket, daemon.control_group.as_deref())?;
    kernel.keep();
    Ok(Started {
        kernel,
        ring,
        layout,
        listening,
        locks,
    })
}

fn kernel_is_new_enough() -> Result<()> {
    let (version, release) = kernel_version();
    if version >= OLDEST_KERNEL {
        return Ok(());
    }
    Err(Failure::new(
        "kernel",
        format!("{release} is too old"),
        format!("{}.{} or newer is needed", OLDEST_KERNEL.0, OLDEST_KERNEL.1),
    ))
}

/// One for the state, one for the socket: two configurations that share either do not run at once.
fn take_locks(config: &Config) -> Result<Vec<Lock>> {
    let mut socket_lock = config.daemon.control_socket.clone().into_os_string();
    socket_lock.push(".lock");
    [
        config.daemon.state_dir.join("lock"),
        PathBuf::from(socket_lock),
    ]
    .iter()
    .map(|path| lock::take(path))
    .collect()
}
