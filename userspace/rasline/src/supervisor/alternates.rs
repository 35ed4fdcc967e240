//! Alternate gatekeepers that gatekeepers name: learned ones stand in the configuration beside those of the file, so
//! that everything else treats them alike.
//!
//! Invariant: the configuration in force is that of the file and what the core allows of the learned ones, no more.

use std::collections::HashMap;

use rasline_core::{
    Time,
    alternates::{Input, Learned, Output, Prefix, ZoneRules},
};
use rasline_h225::{decode_ras, view};
use rasline_kernel::Reason;

use crate::{
    config::{Config, Gatekeeper, Origin},
    host::monotonic_ns,
    supervisor::{Supervisor, layout::Layout},
};

/// What was learned, and whether the configuration in force knows it yet.
#[derive(Debug, Default)]
pub(super) struct Alternates {
    machine: rasline_core::alternates::Alternates,
    /// By zone name.
    learned: HashMap<String, Vec<Gatekeeper>>,
    changed: bool,
}

/// Identity of a learned gatekeeper within its zone: its identifier if that is not taken, else its address.
fn id(learned: &Learned, taken: &[Gatekeeper]) -> String {
    let named = learned.alternate.gatekeeper_identifier.clone();
    named
        .filter(|name| !name.is_empty() && taken.iter().all(|g| g.id != *name))
        .unwrap_or_else(|| learned.alternate.address.to_string())
}

/// The configuration of the file with learned gatekeepers added.
pub(super) fn with_learned(file: &Config, learned: &HashMap<String, Vec<Gatekeeper>>) -> Config {
    let mut config = file.clone();
    for zone in &mut config.zones {
        let more = learned.get(&zone.name).into_iter().flatten();
        zone.gatekeepers.extend(more.cloned());
    }
    config
}

/// What each zone allows.
fn rules(file: &Config, layout: &Layout) -> Vec<ZoneRules> {
    let rule = |zone: &crate::config::Zone| {
        let steering = zone.mode.steering().cloned().unwrap_or_default();
        Some(ZoneRules {
            zone: layout.zone(&zone.name)?,
            learn: steering.learn_alternates,
            allowed: steering
                .allowed_alternates
                .iter()
                .map(|net| Prefix {
                    address: net.addr(),
                    length: net.prefix_len(),
                })
                .collect(),
            configured: zone.gatekeepers.iter().map(Gatekeeper::ras).collect(),
        })
    };
    file.zones.iter().filter_map(rule).collect()
}

impl Supervisor {
    /// Tells what the zones allow, at start and after a reload.
    pub(super) fn allow_alternates(&mut self) {
        let rules = rules(&self.file_config, &self.layout);
        self.alternates(Input::Rules(rules));
    }

    /// Lists that an earlier controller learned; in force from the first tick on.
    pub(super) fn restore_alternates(&mut self) {
        for list in self.remembered_alternates() {
            self.alternates(Input::Restore(list));
        }
    }

    /// A message that the kernel copied: a gatekeeper's may name alternates.
    pub(super) fn look_for_alternates(&mut self, message: &rasline_kernel::Message) {
        if matches!(message.reason, Reason::UnknownRrq | Reason::FromEndpoint) {
            return;
        }
        let Ok(decoded) = decode_ras(&message.octets) else {
            return;
        };
        let Some(named) = view::alternates(&decoded) else {
            return;
        };
        self.alternates(Input::List {
            zone: message.zone,
            gatekeeper: message.gatekeeper,
            message: decoded.kind().name().to_owned(),
            permanent: named.permanent,
            list: named.list,
        });
    }

    /// Those that are no more.
    pub(super) fn forget_alternates(&mut self, gone: impl Iterator<Item = u32>) {
        for gatekeeper in gone {
            self.alternates(Input::Forget { gatekeeper });
        }
    }

    fn alternates(&mut self, input: Input) {
        let mut out = Vec::new();
        self.alternates
            .machine
            .handle(Time(monotonic_ns()), input, &mut out);
        for output in out {
            match output {
                Output::Candidates { zone, learned } => self.learned(zone, &learned),
                Output::Event(event) => self.tell(&event),
                Output::Persist(list) => self.remember_alternates(list.gatekeeper, Some(list)),
                Output::Forget { gatekeeper, .. } => self.remember_alternates(gatekeeper, None),
            }
        }
    }

    /// A zone's learned candidates are others now; the configuration follows at the next tick.
    fn learned(&mut self, zone: u32, learned: &[Learned]) {
        let Some(zone) = self.zone_at(zone) else {
            return;
        };
        let configured = self
            .file_config
            .zones
            .iter()
            .find(|z| z.name == zone.name)
            .map(|z| z.gatekeepers.clone())
            .unwrap_or_default();
        let call_signal_port = configured.first().map_or(1720, |g| g.call_signal_port);
        let mut taken = configured;
        let mut all = Vec::new();
        for one in learned {
            let gatekeeper = Gatekeeper {
                id: id(one, &taken),
                address: one.alternate.address.ip().to_canonical(),
                ras_port: one.alternate.address.port(),
                call_signal_port,
                priority: one.priority(),
                origin: Origin::Learned {
                    from: self.gatekeeper_name(one.named_by),
                    message: one.message.clone(),
                    need_to_register: one.alternate.need_to_register,
                },
            };
            taken.push(gatekeeper.clone());
            all.push(gatekeeper);
        }
        let name = zone.name.clone();
        if self.alternates.learned.get(&name) != Some(&all) {
            self.alternates.learned.insert(name, all);
            self.alternates.changed = true;
        }
    }

    /// The configuration in force for this one of the file.
    pub(super) fn effective(&self, file: &Config) -> Config {
        with_learned(file, &self.alternates.learned)
    }

    /// Puts learned candidates into force, if there are others than before.
    pub(super) fn adopt_alternates(&mut self) {
        if !std::mem::take(&mut self.alternates.changed) {
            return;
        }
        let new = self.effective(&self.file_config);
        if let Err(e) = self.apply_config(new) {
            tracing::error!("alternate gatekeepers: {e}");
        }
    }

    /// What a zone's gatekeepers named that is no candidate, and why.
    pub(super) fn refused_alternates(&self, zone: u32) -> Vec<String> {
        let refused = self.alternates.machine.refused(zone).iter();
        refused
            .map(|r| {
                let from = self.gatekeeper_name(r.learned.named_by);
                let address = r.learned.alternate.address;
                format!("{address} ({} of {from}): {}", r.learned.message, r.why)
            })
            .collect()
    }
}
