//! Loads the program with tables of the configured size or the pinned ones, pins what must outlive the controller.

use std::path::Path;

use rasline_abi::{HASH_KEYS, map};
use rasline_host::{
    failure::{Failure, Result},
    monotonic_ns, random,
};

use crate::{
    Dataplane,
    attachments::Attachments,
    counters::Counters,
    flows::{Flows, OldFlows},
    gatekeepers::Gatekeepers,
    globals::GlobalsRow,
    old::{Inheritance, Old},
    pins::{self, Pinned},
    prefixes::Prefixes,
    program::Program,
    rcf_templates::RcfTemplates,
    ring::Ring,
    scan::Scanned,
    seen::SeenTable,
    settings::Settings,
    table::Table,
    zones::Zones,
};

impl Dataplane {
    /// Loads the program, with the pinned maps that fit and new ones beside, and pins all. The keep-alive table is that
    /// of the pinned maps if it is among them, else one to carry `old` over to. Nothing is attached yet.
    pub(crate) fn load(
        settings: &Settings,
        pinned: Option<&Pinned>,
        old: impl FnOnce() -> Option<Box<Old>>,
    ) -> Result<(Self, Ring)> {
        let folder = pins::folder(&settings.bpffs);
        let mut program = Program::load(settings, pinned)?;
        std::fs::create_dir_all(&folder)
            .map_err(|e| Failure::plain(format!("bpffs {}", folder.display()), e))?;
        let has = |name| pinned.is_some_and(|p| p.names.contains(&name));
        let tables = if has(map::SLOTS) {
            Tables::Adopted
        } else {
            Tables::New(old())
        };
        let made =
            (program.pin(&folder)).and_then(|()| assemble(program, settings, &folder, tables));
        let Ok((mut dataplane, ring)) = made else {
            if let Err(e) = pins::remove_folder(&folder) {
                tracing::error!("{e}");
            }
            return made;
        };
        if let Some(pinned) = pinned {
            let flows = OldFlows::open_others(&pinned.folder, &pinned.names);
            dataplane.inheritance.add_flows(flows);
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
        let program = Program::load(settings, Some(&pinned))?;
        let (mut dataplane, ring) = assemble(program, settings, &folder, Tables::Adopted)?;
        dataplane.attachments.set_adopted();
        Ok((dataplane, ring))
    }
}

/// Where the tables come from.
enum Tables {
    /// They are pinned, and keep what is in them.
    Adopted,
    /// They are empty, to be filled from old ones.
    New(Option<Box<Old>>),
}

/// Gives the maps to the parts that own them.
fn assemble(
    mut program: Program,
    settings: &Settings,
    folder: &Path,
    tables: Tables,
) -> Result<(Dataplane, Ring)> {
    let globals = GlobalsRow::new(program.take_array(map::GLOBALS)?);
    let slots = program.take_array(map::SLOTS)?;
    let slot_count = slots.len();
    let rcf_templates = program.take_array(map::PROFILES)?;
    let (table, old) = match tables {
        Tables::Adopted => {
            let keys = globals.hash_keys();
            let table = Table::adopt(monotonic_ns(), slots, rcf_templates, keys);
            (table, None)
        }
        Tables::New(old) => {
            let keys = old.as_ref().map(|old| old.keys.clone());
            let keys = keys.map_or_else(draw_keys, Ok)?;
            let interfaces = old.as_ref().and_then(|old| old.interfaces);
            globals.fill(&settings.limits, slot_count, &keys, interfaces);
            let rcf_templates = RcfTemplates::new(rcf_templates);
            (Table::new(slots, rcf_templates, keys), old)
        }
    };
    let ring = Ring::new(program.take(map::EVENTS)?);
    let dataplane = Dataplane {
        keep: false,
        inheritance: Inheritance::new(old),
        globals,
        zones: Zones::new(
            program.take_array(map::ZONES)?,
            program.take_array(map::ZONE_STATE)?,
        ),
        gatekeepers: Gatekeepers::new(
            program.take_array(map::GATEKEEPERS)?,
            program.take_array(map::GATEKEEPER_STATE)?,
            program.take(map::GATEKEEPER_INDEX)?,
        ),
        prefixes: Prefixes::new(program.take(map::ENDPOINTS)?),
        flows: Flows::take(|name| program.take_map(name))?,
        counters: Counters::new(program.take(map::COUNTERS)?),
        seen: SeenTable::new(program.take_array(map::SEEN)?),
        scanned: Scanned::new(slot_count),
        table,
        attachments: Attachments::new(program, &settings.bpffs, folder),
    };
    Ok((dataplane, ring))
}

fn draw_keys() -> Result<Box<[u64; HASH_KEYS]>> {
    let mut keys = Box::new([0; HASH_KEYS]);
    random(bytemuck::bytes_of_mut(&mut *keys)).map_err(|e| Failure::plain("getrandom", e))?;
    Ok(keys)
}
