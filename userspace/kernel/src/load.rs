//! Loads the program with tables of the configured size or the pinned ones, pins what must outlive the controller.

use std::{path::Path, sync::Arc};

use aya::{
    Ebpf, EbpfError, EbpfLoader,
    maps::{HashMap as BpfHashMap, LpmTrie, Map, MapError, PerCpuArray, RingBuf},
    programs::{ProgramError, Xdp},
};
use bytemuck::Zeroable;
use rasline_abi::{
    ABI_VERSION, Gatekeeper, GatekeeperState, Globals, HASH_KEYS, RcfTemplate, Slot, Zone,
    ZoneState, map,
};
use rasline_host::{
    caps,
    failure::{Failure, Result, chain},
    monotonic_ns, random,
};
use tokio::io::{Interest, unix::AsyncFd};

use crate::{
    Dataplane, FLOW_TABLES, MappedArray, RcfTemplates, Ring, Table,
    old::{Old, OldFlows},
    open::Pinned,
    pins,
    scan::Scanned,
    seen::SeenTable,
    settings::{Limits, Settings},
};

/// The program, built by `cargo xtask build`.
pub(crate) static OBJECT: &[u8] = aya::include_bytes_aligned!(env!("RASLINE_XDP_OBJECT_PATH"));
const PROGRAM: &str = "rasline";
/// Name of the program's pin, and of the one that is about to take its place.
pub(crate) const PIN: &str = "program";
const NEXT_PIN: &str = "program-next";
/// Word of [`Globals`] with the heartbeat.
pub(crate) const HEARTBEAT_WORD: usize = std::mem::offset_of!(Globals, heartbeat_ns) / 8;
/// Likewise of [`Globals::divert_paused_ns`].
pub(crate) const PAUSE_WORD: usize = std::mem::offset_of!(Globals, divert_paused_ns) / 8;
const _: () = assert!(std::mem::offset_of!(Globals, heartbeat_ns).is_multiple_of(8));

impl Dataplane {
    /// Loads the program, with the pinned maps that fit and new ones beside, and pins all. The keep-alive table is that
    /// of the pinned maps if it is among them, else one to carry `old` over to. Nothing is attached yet.
    pub(crate) fn load(
        settings: &Settings,
        pinned: Option<&Pinned>,
        old: impl FnOnce() -> Option<Box<Old>>,
    ) -> Result<(Self, Ring)> {
        let folder = pins::folder(&settings.bpffs);
        let (mut ebpf, program_id) = load(settings, pinned)?;
        std::fs::create_dir_all(&folder)
            .map_err(|e| Failure::plain(format!("bpffs {}", folder.display()), e))?;
        let has = |name| pinned.is_some_and(|p| p.names.contains(&name));
        let tables = if has(map::SLOTS) {
            Tables::Adopted
        } else {
            Tables::New(old())
        };
        let made = pin(&mut ebpf, &folder)
            .and_then(|()| assemble(ebpf, settings, &folder, program_id, tables));
        let Ok((mut dataplane, ring)) = made else {
            if let Err(e) = pins::remove_folder(&folder) {
                tracing::error!("{e}");
            }
            return made;
        };
        if let Some(pinned) = pinned {
            dataplane.old_flows = (0..FLOW_TABLES.len())
                .filter(|table| !has(FLOW_TABLES[*table]))
                .filter_map(|table| OldFlows::open(&pinned.folder, table))
                .collect();
        }
        Ok((dataplane, ring))
    }

    /// Loads the program with all maps that are pinned. Nothing changes for what is attached yet.
    pub(crate) fn adopt(settings: &Settings) -> Result<(Self, Ring)> {
        let folder = pins::folder(&settings.bpffs);
        let pinned = Pinned {
            folder: folder.clone(),
            names: map::ALL.to_vec(),
        };
        let (ebpf, program_id) = load(settings, Some(&pinned))?;
        let (mut dataplane, ring) = assemble(ebpf, settings, &folder, program_id, Tables::Adopted)?;
        dataplane.adopted = true;
        Ok((dataplane, ring))
    }

    /// Pins the program in the place of the one whose maps were adopted.
    pub(crate) fn pin_program(&mut self) -> Result<()> {
        let (path, next) = (self.folder.join(PIN), self.folder.join(NEXT_PIN));
        if next.exists() {
            pins::remove(&next)?;
        }
        program_mut(&mut self.ebpf)?
            .pin(&next)
            .map_err(|e| Failure::plain(format!("pin {}", next.display()), chain(&e)))?;
        pins::rename(&next, &path)
    }
}

/// The object in the kernel, with maps of its own or pinned ones; and the program's id.
fn load(settings: &Settings, pinned: Option<&Pinned>) -> Result<(Ebpf, u32)> {
    let mut loader = EbpfLoader::new();
    for (name, entries) in settings.sizes.entries() {
        loader.map_max_entries(name, entries);
    }
    if let Some(pinned) = pinned {
        for name in &pinned.names {
            loader.map_pin_path(name, pinned.folder.join(name));
        }
    }
    let mut ebpf = loader.load(OBJECT).map_err(|e| explain(&e))?;
    follow_log(&mut ebpf);
    let program_id = load_program(&mut ebpf)?;
    Ok((ebpf, program_id))
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

pub(crate) fn program_mut(ebpf: &mut Ebpf) -> Result<&mut Xdp> {
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
    let path = folder.join(PIN);
    program_mut(ebpf)?
        .pin(&path)
        .map_err(|e| Failure::plain(format!("pin {}", path.display()), chain(&e)))
}

/// Where the tables come from.
enum Tables {
    /// Pinned, with all that stands in them.
    Adopted,
    /// Empty, to be filled from old ones.
    New(Option<Box<Old>>),
}

fn assemble(
    mut ebpf: Ebpf,
    settings: &Settings,
    folder: &Path,
    program_id: u32,
    tables: Tables,
) -> Result<(Dataplane, Ring)> {
    let slots: MappedArray<Slot> = mapped(&mut ebpf, map::SLOTS)?;
    let seen = SeenTable::new(mapped(&mut ebpf, map::SEEN)?);
    let rcf_templates: MappedArray<RcfTemplate> = mapped(&mut ebpf, map::PROFILES)?;
    let globals: MappedArray<Globals> = mapped(&mut ebpf, map::GLOBALS)?;
    let zones: MappedArray<Zone> = mapped(&mut ebpf, map::ZONES)?;
    let gatekeepers: MappedArray<Gatekeeper> = mapped(&mut ebpf, map::GATEKEEPERS)?;
    let states: Arc<MappedArray<GatekeeperState>> =
        Arc::new(mapped(&mut ebpf, map::GATEKEEPER_STATE)?);
    let zone_states: MappedArray<ZoneState> = mapped(&mut ebpf, map::ZONE_STATE)?;
    let endpoints = LpmTrie::try_from(take(&mut ebpf, map::ENDPOINTS)?)
        .map_err(|e| bad_map(map::ENDPOINTS, &e))?;
    let index = BpfHashMap::try_from(take(&mut ebpf, map::GATEKEEPER_INDEX)?)
        .map_err(|e| bad_map(map::GATEKEEPER_INDEX, &e))?;
    let mut table_of_flows = |name| {
        let map = take(&mut ebpf, name)?;
        BpfHashMap::try_from(map).map_err(|e| bad_map(name, &e))
    };
    let flows = [
        table_of_flows(FLOW_TABLES[0])?,
        table_of_flows(FLOW_TABLES[1])?,
        table_of_flows(FLOW_TABLES[2])?,
    ];
    let counters = PerCpuArray::try_from(take(&mut ebpf, map::COUNTERS)?)
        .map_err(|e| bad_map(map::COUNTERS, &e))?;
    let events =
        RingBuf::try_from(take(&mut ebpf, map::EVENTS)?).map_err(|e| bad_map(map::EVENTS, &e))?;
    let slot_count = slots.len();
    let (table, old) = match tables {
        Tables::Adopted => {
            let keys = Box::new(globals.load(0).hash_keys);
            let table = Table::adopt(monotonic_ns(), slots, rcf_templates, keys);
            (table, None)
        }
        Tables::New(old) => {
            let keys = old.as_ref().map(|old| old.keys.clone());
            let keys = keys.map_or_else(draw_keys, Ok)?;
            let mut first = first_globals(&settings.limits, slot_count, &keys);
            if let Some(interfaces) = old.as_ref().and_then(|old| old.interfaces) {
                first.interfaces = interfaces;
            }
            globals.store(0, &first);
            (
                Table::new(slots, RcfTemplates::new(rcf_templates), keys),
                old,
            )
        }
    };
    let dataplane = Dataplane {
        bpffs: settings.bpffs.clone(),
        folder: folder.to_owned(),
        keep: false,
        adopted: false,
        old,
        old_flows: Vec::new(),
        moved: false,
        made: Vec::new(),
        relocked: None,
        ebpf,
        program_id,
        globals,
        zones,
        zone_states,
        flows,
        gatekeepers,
        states,
        endpoints,
        index,
        counters,
        table,
        seen,
        scanned: Scanned::new(slot_count),
        ports: std::collections::BTreeMap::new(),
    };
    Ok((dataplane, Ring::new(events)))
}

fn first_globals(limits: &Limits, slot_count: usize, keys: &[u64; HASH_KEYS]) -> Globals {
    Globals {
        abi_version: ABI_VERSION,
        slot_mask: slot_count as u32 - 1,
        heartbeat_ns: 0,
        heartbeat_timeout_ns: limits.heartbeat_timeout.as_nanos() as u64,
        copies_per_second: limits.copies_per_second,
        copies_per_source: limits.copies_per_source,
        hash_keys: *keys,
        ..Globals::zeroed()
    }
}

fn draw_keys() -> Result<Box<[u64; HASH_KEYS]>> {
    let mut keys = Box::new([0; HASH_KEYS]);
    random(bytemuck::bytes_of_mut(&mut *keys)).map_err(|e| Failure::plain("getrandom", e))?;
    Ok(keys)
}

fn take(ebpf: &mut Ebpf, name: &str) -> Result<Map> {
    ebpf.take_map(name)
        .ok_or_else(|| object(format!("has no map {name}")))
}

fn mapped<T: bytemuck::Pod>(ebpf: &mut Ebpf, name: &str) -> Result<MappedArray<T>> {
    let Map::Array(data) = take(ebpf, name)? else {
        return Err(object(format!("its map {name} is not an array")));
    };
    let info = data.info().map_err(|e| bad_map(name, &e))?;
    if info.value_size() as usize != size_of::<T>() {
        let size = info.value_size();
        return Err(object(format!(
            "its map {name} has values of {size} octets"
        )));
    }
    let fd = std::os::fd::AsFd::as_fd(data.fd());
    MappedArray::map(fd, info.max_entries() as usize)
        .map_err(|e| Failure::plain(format!("map {name}"), format!("mmap: {e}")))
}

pub(crate) fn object(cause: impl std::fmt::Display) -> Failure {
    Failure::new("BPF object", cause, "build again with `cargo xtask build`")
}

fn bad_map(name: &str, e: &MapError) -> Failure {
    Failure::plain(format!("map {name}"), chain(e))
}

pub(crate) fn explain(e: &EbpfError) -> Failure {
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

pub(crate) fn explain_program(e: &ProgramError) -> Failure {
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
    let missing = caps::missing(caps::effective());
    let cause = if missing.is_empty() {
        "not permitted (lockdown or a seccomp filter?)".to_owned()
    } else {
        format!("{} missing", missing.join(" and "))
    };
    Failure::new(thing, cause, "run as root")
}
