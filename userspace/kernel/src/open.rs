//! Finds what an earlier controller left, and decides: adopt its maps, or make new ones and take its links over.
//!
//! Invariant: until the new program can take over, nothing that answers is touched.

use std::path::Path;

use aya::maps::MapData;
use aya_obj::Object;
use rasline_abi::{ABI_VERSION, Globals, map};
use rasline_host::{
    failure::{Failure, Result, chain},
    interface::Interface,
};

use crate::{
    Dataplane, attach,
    globals::HEARTBEAT_WORD,
    mapped_array::MappedArray,
    old::Old,
    pins::{self, Pin, Pinned, Pins},
    program,
    ring::Ring,
    settings::{Settings, Sizes},
};

/// The keep-alive table, and what says how large it is.
const TABLES: [&str; 3] = [map::GLOBALS, map::SLOTS, map::PROFILES];

impl Dataplane {
    /// The program, loaded and pinned: with the maps of an earlier controller if they fit, else with maps of its own.
    /// [`Dataplane::attach_all`] then puts it on the interfaces.
    ///
    /// # Errors
    /// When an interface can never be attached to as it is, or the kernel refuses; everything is as before then.
    pub fn open(settings: &Settings, interfaces: &[Interface]) -> Result<(Self, Ring)> {
        let bpffs = &settings.bpffs;
        let links = pins::links(bpffs)?;
        refuse_unfit(interfaces, &links)?;
        remove_dead(bpffs)?;
        let ours = pins::folder(bpffs);
        let found = pins::survey(bpffs)?;
        if let Some(aside) = found.iter().find(|p| p.version == ABI_VERSION)
            && !ours.exists()
        {
            pins::rename(&aside.folder, &ours)?;
        }
        let fitting = if ours.exists() {
            fitting(&ours, &settings.sizes)?
        } else {
            Vec::new()
        };
        if fitting.len() == map::ALL.len() {
            stop_others(bpffs)?;
            let (mut dataplane, ring) = Self::adopt(settings)?;
            let others = pins::survey(bpffs)?;
            let mut others = others.iter().filter(|p| p.folder != ours);
            if let Some(old) = others.find_map(read) {
                dataplane.inheritance.resume(&dataplane.table, old);
            }
            return Ok((dataplane, ring));
        }
        let pinned = if ours.exists() {
            Some(Pinned {
                folder: pins::set_aside(&ours)?,
                names: fitting,
            })
        } else {
            None
        };
        let opened = Self::load(settings, pinned.as_ref(), || {
            let all = pins::survey(bpffs).unwrap_or_default();
            all.iter().filter(|p| p.folder != ours).find_map(read)
        })?;
        stop_others(bpffs)?;
        Ok(opened)
    }
}

/// What an earlier controller left in maps that this one does not use.
fn read(pins: &Pins) -> Option<Box<Old>> {
    Old::open(pins)
        .inspect_err(|why| {
            tracing::warn!(
                "pins {}: not carried over ({why}); what this controller does not remember is learned anew",
                pins.folder.display()
            );
        })
        .ok()
        .map(Box::new)
}

/// Programs that this one takes over from with maps of its own.
fn stop_others(bpffs: &Path) -> Result<()> {
    let ours = pins::folder(bpffs);
    for old in pins::survey(bpffs)?.iter().filter(|p| p.folder != ours) {
        announce(old);
        stop_diverting(old);
    }
    Ok(())
}

/// All that cannot be attached to are logged, so that one start shows them all; the error is the first one.
fn refuse_unfit(interfaces: &[Interface], links: &[Pin]) -> Result<()> {
    let refused = interfaces
        .iter()
        .filter_map(|i| attach::refuse_unfit(i, links).err());
    let refused: Vec<Failure> = refused.collect();
    for other in refused.iter().skip(1) {
        tracing::error!("{other}");
    }
    refused.into_iter().next().map_or(Ok(()), Err)
}

/// Removes what carries no packet any more: of links whose interfaces are gone, or that never were.
fn remove_dead(bpffs: &Path) -> Result<()> {
    for found in pins::survey(bpffs)? {
        if found.is_live()? {
            for pin in &found.links {
                if pin.is_live()? {
                    continue;
                }
                tracing::warn!(
                    "pin {}: interface {} is gone, or no longer runs its program; removed",
                    pin.path.display(),
                    pin.interface
                );
                pins::remove(&pin.path)?;
            }
        } else {
            tracing::warn!(
                "pins {}: left by a controller that died, and no interface runs their program; removed",
                found.folder.display()
            );
            pins::remove_folder(&found.folder)?;
        }
    }
    Ok(())
}

fn announce(old: &Pins) {
    let names: Vec<&str> = old.links.iter().map(|l| l.interface.as_str()).collect();
    tracing::info!(
        "{} answered so far by the program of ABI version {} ({}); this is version {ABI_VERSION} with maps of its own, \
         and takes over",
        names.join(", "),
        old.version,
        old.folder.display()
    );
}

/// The old program must not divert to a ring buffer that nobody reads. In every ABI version the heartbeat stands at
/// the same place.
fn stop_diverting(old: &Pins) {
    let path = old.folder.join(map::GLOBALS);
    let silenced = MapData::from_pin(&path)
        .map_err(|e| chain(&e))
        .and_then(|data| {
            let words = data.info().map_err(|e| chain(&e))?.value_size() as usize / 8;
            let fd = std::os::fd::AsFd::as_fd(data.fd());
            let globals = MappedArray::<u64>::map(fd, words).map_err(|e| e.to_string())?;
            globals.store_word(HEARTBEAT_WORD, 0, 0);
            Ok(())
        });
    if let Err(e) = silenced {
        tracing::warn!("pin {}: {e}", path.display());
    }
}

/// The pinned maps that have the sizes that this program and configuration need. Says why others have not.
fn fitting(folder: &Path, sizes: &Sizes) -> Result<Vec<&'static str>> {
    let object = Object::parse(program::OBJECT).map_err(program::object)?;
    let mut fitting = Vec::new();
    let mut misfits: Vec<String> = other_layout(&folder.join(map::GLOBALS))
        .err()
        .into_iter()
        .collect();
    if misfits.is_empty() {
        for name in map::ALL {
            match misfit(&folder.join(name), name, &object, sizes) {
                None => fitting.push(name),
                Some(why) => misfits.push(why),
            }
        }
    }
    // These three belong together.
    if !TABLES.iter().all(|name| fitting.contains(name)) {
        fitting.retain(|name| !TABLES.contains(name));
    }
    if !misfits.is_empty() {
        tracing::warn!(
            "pins {}: not all can be adopted ({}); new ones are made",
            folder.display(),
            misfits.join("; ")
        );
    }
    Ok(fitting)
}

/// Why a pinned map is not what is needed.
fn misfit(path: &Path, name: &str, object: &Object, sizes: &Sizes) -> Option<String> {
    let info = match MapData::from_pin(path).and_then(|data| data.info()) {
        Ok(info) => info,
        Err(e) => return Some(format!("{name}: {}", chain(&e))),
    };
    let wanted = object.maps.get(name)?;
    let configured = sizes.entries().into_iter().find(|(n, _)| *n == name);
    let entries = configured.map_or(wanted.max_entries(), |(_, entries)| entries);
    // More RCFs than needed do no harm; all else depends on the exact size.
    let enough = if name == map::PROFILES {
        info.max_entries() >= entries
    } else {
        info.max_entries() == entries
    };
    let kind = info.map_type().map_or(0, |kind| kind as u32);
    let same = kind == wanted.map_type()
        && info.key_size() == wanted.key_size()
        && info.value_size() == wanted.value_size();
    (!enough || !same).then(|| {
        format!(
            "{name} has {} values of {} octets, {entries} of {} are needed",
            info.max_entries(),
            info.value_size(),
            wanted.value_size()
        )
    })
}

/// Whether the maps say of themselves that they are of another layout.
fn other_layout(path: &Path) -> std::result::Result<(), String> {
    let data = MapData::from_pin(path).map_err(|e| chain(&e))?;
    let globals = MappedArray::<Globals>::map(std::os::fd::AsFd::as_fd(data.fd()), 1);
    let version = globals.map_err(|e| e.to_string())?.load(0).abi_version;
    if version == ABI_VERSION {
        Ok(())
    } else {
        Err(format!("they are of ABI version {version}"))
    }
}
