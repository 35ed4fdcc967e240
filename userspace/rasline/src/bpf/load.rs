//! Loads the program with tables of the configured size, pins what must outlive the controller.

use std::path::Path;

use aya::{
    Ebpf, EbpfError, EbpfLoader,
    maps::{HashMap as BpfHashMap, LpmTrie, Map, MapData, MapError, PerCpuArray, RingBuf},
    programs::{ProgramError, Xdp},
};
use bytemuck::Zeroable;
use rasline_abi::{
    ABI_VERSION, Gatekeeper, GatekeeperState, Globals, HASH_KEYS, MAX_GATEKEEPERS, MAX_ZONES,
    Profile, Slot, Zone, map,
};
use tokio::io::{Interest, unix::AsyncFd};

use super::{Kernel, Profiles, Ring, Shared, Table, pins, scan::Scanned};
use crate::{
    config::{Config, Daemon},
    failure::{Failure, Result, chain},
    host,
};

/// The program, built by `cargo xtask build`.
static OBJECT: &[u8] = aya::include_bytes_aligned!(env!("RASLINE_XDP_OBJECT_PATH"));
const PROGRAM: &str = "rasline";
/// Word of [`Globals`] with the heartbeat.
pub(super) const HEARTBEAT_WORD: usize = std::mem::offset_of!(Globals, heartbeat_ns) / 8;
const _: () = assert!(std::mem::offset_of!(Globals, heartbeat_ns).is_multiple_of(8));

/// Slots for so many registrations: a power of two, at most half of it in use.
pub(super) const fn slots(max_registrations: u32) -> u32 {
    (max_registrations * 2).next_power_of_two()
}

/// Profiles for so many registrations, each with an RCF of its own, twice if RCFs are patched; and some at rest.
fn profiles(config: &Config) -> u32 {
    let patched = config.zones.iter().any(|z| z.endpoint_ttl.is_some());
    let each = config.daemon.max_registrations;
    each * if patched { 2 } else { 1 } + each / 16 + 64
}

impl Kernel {
    /// Loads the program and pins it and its maps. Nothing is attached yet.
    ///
    /// # Errors
    /// When the kernel refuses; nothing is left then.
    pub fn load(config: &Config) -> Result<(Self, Ring)> {
        let daemon = &config.daemon;
        let folder = pins::folder(&daemon.bpffs);
        let mut ebpf = EbpfLoader::new()
            .map_max_entries(map::SLOTS, slots(daemon.max_registrations))
            .map_max_entries(map::PROFILES, profiles(config))
            .map_max_entries(map::EVENTS, daemon.ring_buffer)
            .load(OBJECT)
            .map_err(|e| explain(&e))?;
        follow_log(&mut ebpf);
        let program_id = load_program(&mut ebpf)?;
        std::fs::create_dir_all(&folder)
            .map_err(|e| Failure::plain(format!("bpffs {}", folder.display()), e))?;
        let pinned = pin(&mut ebpf, &folder);
        let made = pinned.and_then(|()| assemble(ebpf, config, folder.clone(), program_id));
        if made.is_err()
            && let Err(e) = pins::remove_all(&daemon.bpffs)
        {
            tracing::error!("{e}");
        }
        made
    }
}

/// Passes on what the program logs, if it was built to (`RASLINE_BPF_LOG=1 cargo xtask build`; `RASLINE_LOG=debug`
/// shows it).
fn follow_log(ebpf: &mut Ebpf) {
    if ebpf.map("AYA_LOGS").is_none() {
        return;
    }
    let logger = aya_log::EbpfLogger::init(ebpf).map_err(|e| e.to_string());
    let logger = logger.and_then(|logger| {
        // SAFETY: the logger owns its descriptor and keeps it as long as it lives.
        #[allow(unsafe_code)]
        let watched = unsafe { AsyncFd::register_with_interest(logger, Interest::READABLE) };
        watched.map_err(|e| e.to_string())
    });
    match logger {
        Ok(mut logger) => drop(tokio::spawn(async move {
            while let Ok(mut ready) = logger.readable_mut().await {
                ready.get_inner_mut().flush();
                ready.clear_ready();
            }
        })),
        Err(e) => tracing::warn!("the XDP program's log cannot be read: {e}"),
    }
}

fn load_program(ebpf: &mut Ebpf) -> Result<u32> {
    let program: &mut Xdp = program_mut(ebpf)?;
    program.load().map_err(|e| explain_program(&e))?;
    program
        .info()
        .map(|i| i.id())
        .map_err(|e| explain_program(&e))
}

pub(super) fn program_mut(ebpf: &mut Ebpf) -> Result<&mut Xdp> {
    let program = ebpf
        .program_mut(PROGRAM)
        .ok_or_else(|| object("has no program \"rasline\""))?;
    program
        .try_into()
        .map_err(|_| object("its program is not XDP"))
}

fn pin(ebpf: &mut Ebpf, folder: &Path) -> Result<()> {
    for name in map::ALL {
        let path = folder.join(name);
        let map = ebpf
            .map(name)
            .ok_or_else(|| object(format!("has no map {name}")))?;
        map.pin(&path)
            .map_err(|e| Failure::plain(format!("pin {}", path.display()), chain(&e)))?;
    }
    let path = folder.join("program");
    program_mut(ebpf)?
        .pin(&path)
        .map_err(|e| Failure::plain(format!("pin {}", path.display()), chain(&e)))
}

fn assemble(
    mut ebpf: Ebpf,
    config: &Config,
    folder: std::path::PathBuf,
    program_id: u32,
) -> Result<(Kernel, Ring)> {
    let daemon = &config.daemon;
    let slot_count = slots(daemon.max_registrations) as usize;
    let slots: Shared<Slot> = mapped(&mut ebpf, map::SLOTS, slot_count)?;
    let profiles: Shared<Profile> = mapped(&mut ebpf, map::PROFILES, profiles(config) as usize)?;
    let globals: Shared<Globals> = mapped(&mut ebpf, map::GLOBALS, 1)?;
    let zones: Shared<Zone> = mapped(&mut ebpf, map::ZONES, MAX_ZONES as usize)?;
    let gatekeepers: Shared<Gatekeeper> =
        mapped(&mut ebpf, map::GATEKEEPERS, MAX_GATEKEEPERS as usize)?;
    let states: Shared<GatekeeperState> =
        mapped(&mut ebpf, map::GATEKEEPER_STATE, MAX_GATEKEEPERS as usize)?;
    let endpoints = LpmTrie::try_from(take(&mut ebpf, map::ENDPOINTS)?)
        .map_err(|e| bad_map(map::ENDPOINTS, &e))?;
    let index = BpfHashMap::try_from(take(&mut ebpf, map::GATEKEEPER_INDEX)?)
        .map_err(|e| bad_map(map::GATEKEEPER_INDEX, &e))?;
    let counters = PerCpuArray::try_from(take(&mut ebpf, map::COUNTERS)?)
        .map_err(|e| bad_map(map::COUNTERS, &e))?;
    let events =
        RingBuf::try_from(take(&mut ebpf, map::EVENTS)?).map_err(|e| bad_map(map::EVENTS, &e))?;
    let keys = draw_keys()?;
    globals.store(0, &first_globals(daemon, slot_count, &keys));
    let kernel = Kernel {
        bpffs: daemon.bpffs.clone(),
        folder,
        keep: false,
        ebpf,
        program_id,
        globals,
        zones,
        gatekeepers,
        states,
        endpoints,
        index,
        counters,
        table: Table::new(slots, Profiles::new(profiles), keys),
        scanned: Scanned::new(slot_count),
        ports: std::collections::BTreeMap::new(),
    };
    Ok((kernel, Ring::new(events)))
}

fn first_globals(daemon: &Daemon, slot_count: usize, keys: &[u64; HASH_KEYS]) -> Globals {
    Globals {
        abi_version: ABI_VERSION,
        slot_mask: slot_count as u32 - 1,
        heartbeat_ns: 0,
        heartbeat_timeout_ns: daemon.heartbeat_timeout.as_nanos() as u64,
        copies_per_second: daemon.copies_per_second,
        copies_per_source: daemon.copies_per_source,
        hash_keys: *keys,
        ..Globals::zeroed()
    }
}

fn draw_keys() -> Result<Box<[u64; HASH_KEYS]>> {
    let mut keys = Box::new([0; HASH_KEYS]);
    host::random(bytemuck::bytes_of_mut(&mut *keys)).map_err(|e| Failure::plain("getrandom", e))?;
    Ok(keys)
}

fn take(ebpf: &mut Ebpf, name: &str) -> Result<Map> {
    ebpf.take_map(name)
        .ok_or_else(|| object(format!("has no map {name}")))
}

fn mapped<T: bytemuck::Pod>(ebpf: &mut Ebpf, name: &str, len: usize) -> Result<Shared<T>> {
    let Map::Array(data) = take(ebpf, name)? else {
        return Err(object(format!("its map {name} is not an array")));
    };
    check_size::<T>(&data, name, len)?;
    let fd = std::os::fd::AsFd::as_fd(data.fd());
    Shared::map(fd, len).map_err(|e| Failure::plain(format!("map {name}"), format!("mmap: {e}")))
}

fn check_size<T>(data: &MapData, name: &str, len: usize) -> Result<()> {
    let info = data.info().map_err(|e| bad_map(name, &e))?;
    if info.value_size() as usize == size_of::<T>() && info.max_entries() as usize == len {
        return Ok(());
    }
    Err(object(format!(
        "its map {name} has {} values of {} octets",
        info.max_entries(),
        info.value_size()
    )))
}

fn object(cause: impl std::fmt::Display) -> Failure {
    Failure::new("BPF object", cause, "build again with `cargo xtask build`")
}

fn bad_map(name: &str, e: &MapError) -> Failure {
    Failure::plain(format!("map {name}"), chain(e))
}

fn explain(e: &EbpfError) -> Failure {
    match e {
        EbpfError::MapError(MapError::CreateError { name, io_error, .. }) => {
            match io_error.raw_os_error() {
                Some(libc::ENOMEM) => Failure::new(
                    format!("map {name}"),
                    "not enough memory",
                    "lower max_registrations, or give the unit more memory",
                ),
                Some(libc::EPERM) => permission(format!("map {name}")),
                _ => Failure::plain(format!("map {name}"), io_error),
            }
        }
        EbpfError::ProgramError(e) => explain_program(e),
        _ => Failure::new("BPF object", chain(e), "see `rasline doctor`"),
    }
}

fn explain_program(e: &ProgramError) -> Failure {
    match e {
        ProgramError::LoadError { io_error, .. }
            if io_error.raw_os_error() == Some(libc::EPERM) =>
        {
            permission("BPF program".to_owned())
        }
        ProgramError::LoadError {
            io_error,
            verifier_log,
        } => {
            tracing::debug!("verifier: {verifier_log}");
            let log = verifier_log.to_string();
            let last = log
                .lines()
                .rev()
                .find(|l| !l.is_empty() && !l.starts_with("processed"))
                .unwrap_or_default();
            Failure::new(
                "BPF program",
                format!("the kernel's verifier refuses it ({io_error}): {last}"),
                "check the kernel's version with `rasline doctor`; RASLINE_LOG=debug shows the verifier's log",
            )
        }
        _ => Failure::plain("BPF program", chain(e)),
    }
}

fn permission(thing: String) -> Failure {
    let missing = host::caps::missing(host::caps::effective());
    let cause = if missing.is_empty() {
        "not permitted (lockdown or a seccomp filter?)".to_owned()
    } else {
        format!("{} missing", missing.join(" and "))
    };
    Failure::new(thing, cause, "run as root")
}
