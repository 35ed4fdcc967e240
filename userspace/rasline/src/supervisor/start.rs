//! From a configuration to an attached program: every check first, and nothing left behind when one fails.
//!
//! In two steps: [`prepare`] has the tables in the kernel, as an earlier controller left them or empty; then what is
//! remembered is published; then [`attach`] lets packets meet the program.

use std::path::{Path, PathBuf};

use rasline_kernel::{Dataplane, Ring};

use crate::{
    config::Config,
    control::server::{self, Listening},
    failure::{Failure, Result},
    host::{
        OLDEST_KERNEL, bpffs, caps, kernel_version,
        lock::{self, Lock},
    },
    store::Store,
    supervisor::{apply, bridge::dataplane_settings, layout::Layout, ports::Ports},
};

/// What is ready before any packet meets the new program.
pub(super) struct Prepared {
    pub(super) dataplane: Dataplane,
    pub(super) ring: Ring,
    pub(super) layout: Layout,
    pub(super) locks: Vec<Lock>,
    pub(super) store: Store,
}

/// Has the tables in the kernel. The locks are held already.
pub(super) fn prepare(config: &Config, mut locks: Vec<Lock>) -> Result<Prepared> {
    kernel_is_new_enough()?;
    let daemon = &config.daemon;
    if bpffs::ensure(&daemon.bpffs)? {
        tracing::info!(
            "bpffs mounted for {}; inside `ip netns exec` it vanishes with the command: use nsenter --net there",
            daemon.bpffs.display()
        );
    }
    locks.push(lock::take_folder(&daemon.bpffs)?);
    let store = Store::open(&daemon.state_dir);
    let (mut dataplane, ring) = Dataplane::open(&dataplane_settings(config), &config.interfaces)?;
    let layout = apply::plan_start(&dataplane.inherited(), config)?;
    apply::write(&mut dataplane, config, &layout)?;
    dataplane.carry_over();
    let dropped = apply::drop_unclaimed(&mut dataplane, config, &layout);
    let kept = dataplane.table().unclaimed();
    if kept + dropped > 0 {
        tracing::info!(
            "adopted {kept} registrations from the previous controller; {dropped} no longer match the configuration"
        );
    }
    Ok(Prepared {
        dataplane,
        ring,
        layout,
        locks,
        store,
    })
}

/// Puts the program on the interfaces that are there and opens the control socket.
pub(super) fn attach(dataplane: &mut Dataplane, config: &Config) -> Result<Listening> {
    dataplane.table_mut().restored();
    Ports::attach_all(dataplane, &config.interfaces)?;
    dataplane.heartbeat();
    let daemon = &config.daemon;
    // Last: whoever can connect finds everything attached.
    let group = daemon.control_group.as_deref();
    let group = group.filter(|group| server::group_id(group).is_ok());
    let listening = server::bind(&daemon.control_socket, group)?;
    dataplane.keep();
    Ok(listening)
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
pub(super) fn take_locks(config: &Config) -> Result<Vec<Lock>> {
    caps::require()?;
    let mut socket_lock = config.daemon.control_socket.clone().into_os_string();
    socket_lock.push(".lock");
    let mut locks: Vec<Lock> = lock_state(&config.daemon.state_dir)?.into_iter().collect();
    locks.push(lock::take(&PathBuf::from(socket_lock))?);
    Ok(locks)
}

/// Where nothing can be written, the folder itself is locked; where there is none, nothing.
fn lock_state(folder: &Path) -> Result<Option<Lock>> {
    let Err(e) = lock::writable(folder) else {
        return lock::take(&folder.join("lock")).map(Some);
    };
    tracing::warn!(
        "state_dir {}: {e}; the controller runs without it",
        folder.display()
    );
    if folder.is_dir() {
        return lock::take_folder(folder).map(Some);
    }
    Ok(None)
}
