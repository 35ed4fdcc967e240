//! The XDP program and its maps as the BPF object has them: loads them, pins them, gives the maps to those that own them.

use std::path::Path;

use aya::{
    Ebpf, EbpfError, EbpfLoader,
    maps::{Map, MapError},
    programs::{ProgramError, Xdp},
};
use rasline_abi::map;
use rasline_host::{
    caps,
    failure::{Failure, Result, chain},
};
use tokio::io::{Interest, unix::AsyncFd};

use crate::{
    mapped_array::MappedArray,
    pins::{self, Pinned},
    settings::Settings,
};

/// The BPF object, built by `cargo xtask build`.
pub(crate) static OBJECT: &[u8] = aya::include_bytes_aligned!(env!("RASLINE_XDP_OBJECT_PATH"));
/// Name of the program in the object.
const NAME: &str = "rasline";
/// Name of the program's pin, and of the one that is about to take its place.
pub(crate) const PIN: &str = "program";
const NEXT_PIN: &str = "program-next";

/// The loaded program, with the maps that nobody has taken.
pub(crate) struct Program {
    ebpf: Ebpf,
    id: u32,
}

impl Program {
    /// Loads the program, with maps of its own or pinned ones.
    pub(crate) fn load(settings: &Settings, pinned: Option<&Pinned>) -> Result<Self> {
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
        let id = load_xdp(&mut ebpf)?;
        Ok(Self { ebpf, id })
    }

    /// Returns the kernel's id of the program.
    pub(crate) const fn id(&self) -> u32 {
        self.id
    }

    /// Returns the XDP program, to attach or to pin.
    pub(crate) fn xdp(&mut self) -> Result<&mut Xdp> {
        xdp(&mut self.ebpf)
    }

    /// Pins the program and all maps in a folder.
    pub(crate) fn pin(&mut self, folder: &Path) -> Result<()> {
        for name in map::ALL {
            let path = folder.join(name);
            let map = self
                .ebpf
                .map(name)
                .ok_or_else(|| object(format!("has no map {name}")))?;
            map.pin(&path)
                .map_err(|e| Failure::plain(format!("pin {}", path.display()), chain(&e)))?;
        }
        let path = folder.join(PIN);
        self.xdp()?
            .pin(&path)
            .map_err(|e| Failure::plain(format!("pin {}", path.display()), chain(&e)))
    }

    /// Pins the program in the place of the one that is pinned in a folder.
    pub(crate) fn replace_pin(&mut self, folder: &Path) -> Result<()> {
        let (path, next) = (folder.join(PIN), folder.join(NEXT_PIN));
        if next.exists() {
            pins::remove(&next)?;
        }
        self.xdp()?
            .pin(&next)
            .map_err(|e| Failure::plain(format!("pin {}", next.display()), chain(&e)))?;
        pins::rename(&next, &path)
    }

    /// Takes a map.
    pub(crate) fn take_map(&mut self, name: &str) -> Result<Map> {
        self.ebpf
            .take_map(name)
            .ok_or_else(|| object(format!("has no map {name}")))
    }

    /// Takes a map of aya's type `T`.
    pub(crate) fn take<T: TryFrom<Map, Error = MapError>>(&mut self, name: &str) -> Result<T> {
        T::try_from(self.take_map(name)?).map_err(|e| bad_map(name, &e))
    }

    /// Takes an array, and maps its values into memory.
    pub(crate) fn take_array<T: bytemuck::Pod>(&mut self, name: &str) -> Result<MappedArray<T>> {
        let Map::Array(data) = self.take_map(name)? else {
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

fn load_xdp(ebpf: &mut Ebpf) -> Result<u32> {
    let program: &mut Xdp = xdp(ebpf)?;
    program.load().map_err(|e| explain_program(&e))?;
    program
        .info()
        .map(|i| i.id())
        .map_err(|e| explain_program(&e))
}

fn xdp(ebpf: &mut Ebpf) -> Result<&mut Xdp> {
    let program = ebpf
        .program_mut(NAME)
        .ok_or_else(|| object("has no program \"rasline\""))?;
    program
        .try_into()
        .map_err(|_| object("its program is not XDP"))
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
