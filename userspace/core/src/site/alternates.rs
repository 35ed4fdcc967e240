//! Alternates that gatekeepers name, as candidates of their zones: learned ones stand in the configuration beside those of
//! the file, so that everything else treats them alike.
//!
//! Invariant: the configuration in force is that of the file and what is allowed of the learned ones, no more.

use std::collections::BTreeMap;

use rasline_h225::{decode_ras, view};

use super::io::{AlternateCandidate, Output};
use super::{Config, Event, Gatekeeper, Origin};
use crate::alternates::{self, Alternates, Input, Learned, ZoneRules};
use crate::record::{Record, RecordKey};
use crate::{GatekeeperIndex, Message, Reason, Time, ZoneIndex};

/// What was learned, and whether the configuration in force knows it yet.
#[derive(Debug, Default)]
pub struct LearnedAlternates {
    machine: Alternates,
    candidates: BTreeMap<ZoneIndex, Vec<AlternateCandidate>>,
    changed: bool,
}

impl LearnedAlternates {
    /// What a zone's gatekeepers named that is no candidate, and why.
    #[must_use]
    pub fn refused(&self, zone: ZoneIndex) -> &[alternates::Refused] {
        self.machine.refused(zone.0)
    }

    /// Whether there are other candidates than the configuration in force has; asked once.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Follows a configuration: what its zones allow.
    pub(super) fn configure(&mut self, now: Time, config: &Config) -> Vec<Output> {
        let rules = config.zones.iter().map(|zone| ZoneRules {
            zone: zone.index.0,
            learn: zone.transparent().is_some_and(|it| it.learn_alternates),
            allowed: zone
                .transparent()
                .map(|it| it.allowed_alternates.clone())
                .unwrap_or_default(),
            configured: configured(&zone.gatekeepers).map(|one| one.ras).collect(),
        });
        self.candidates
            .retain(|zone, _| config.zone(*zone).is_some());
        let rules = Input::Rules(rules.collect());
        self.handle(now, config, rules)
    }

    /// A list that an earlier controller learned; in force from the first tick on.
    pub(super) fn restore(
        &mut self,
        now: Time,
        config: &Config,
        list: alternates::List,
    ) -> Vec<Output> {
        self.handle(now, config, Input::Restore(list))
    }

    /// Looks whether a gatekeeper's message names alternates.
    pub(super) fn handle_message(
        &mut self,
        now: Time,
        config: &Config,
        message: &Message<'_>,
    ) -> Vec<Output> {
        if matches!(message.reason, Reason::UnknownRrq | Reason::FromEndpoint) {
            return Vec::new();
        }
        let Ok(decoded) = decode_ras(message.payload) else {
            return Vec::new();
        };
        let Some(named) = view::alternates(&decoded) else {
            return Vec::new();
        };
        let list = Input::List {
            zone: message.zone,
            gatekeeper: message.gatekeeper,
            message: decoded.kind().name().to_owned(),
            permanent: named.permanent,
            list: named.list,
        };
        self.handle(now, config, list)
    }

    /// Forgets what a gatekeeper named that is no longer configured.
    pub(super) fn forget(
        &mut self,
        now: Time,
        config: &Config,
        gatekeeper: GatekeeperIndex,
    ) -> Vec<Output> {
        let gatekeeper = gatekeeper.0;
        self.handle(now, config, Input::Forget { gatekeeper })
    }

    fn handle(&mut self, now: Time, config: &Config, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        self.machine.handle(now, input, &mut out);
        let follow = |output| match output {
            alternates::Output::Candidates { zone, learned } => {
                self.follow_candidates(config, ZoneIndex(zone), &learned)
            }
            alternates::Output::Event(event) => Some(Output::Event(Event::Network(event))),
            alternates::Output::Persist(list) => {
                Some(Output::Persist(Record::Alternates(Box::new(list))))
            }
            alternates::Output::Forget { gatekeeper, .. } => {
                let key = RecordKey::Alternates(GatekeeperIndex(gatekeeper));
                Some(Output::Forget(key))
            }
        };
        out.into_iter().filter_map(follow).collect()
    }

    /// A zone's learned candidates are others now; the configuration follows at the next tick.
    fn follow_candidates(
        &mut self,
        config: &Config,
        index: ZoneIndex,
        learned: &[Learned],
    ) -> Option<Output> {
        let zone = config.zone(index)?;
        let mut configured = configured(&zone.gatekeepers);
        let first = configured.next();
        let call_signal_port = first.map_or(1720, |one| one.call_signal_port);
        let mut taken: Vec<String> = first.into_iter().map(|one| one.id.clone()).collect();
        taken.extend(configured.map(|one| one.id.clone()));
        let mut candidates = Vec::new();
        for one in learned {
            let id = candidate_id(one, &taken);
            taken.push(id.clone());
            let address = one.alternate.address;
            candidates.push(AlternateCandidate {
                id,
                ras: (address.ip().to_canonical(), address.port()).into(),
                call_signal_port,
                priority: one.priority(),
                named_by: config.gatekeeper_name(GatekeeperIndex(one.named_by)),
                message: one.message.clone(),
                need_to_register: one.alternate.need_to_register,
            });
        }
        if self.candidates.get(&index) == Some(&candidates) {
            return None;
        }
        self.candidates.insert(index, candidates.clone());
        self.changed = true;
        Some(Output::Alternates {
            zone: index,
            candidates,
        })
    }
}

/// Gatekeepers that are not learned.
fn configured(all: &[Gatekeeper]) -> impl Iterator<Item = &Gatekeeper> {
    all.iter()
        .filter(|one| !matches!(one.origin, Origin::Learned { .. }))
}

/// Identity of a learned gatekeeper within its zone: its identifier if that is not taken, else its address.
fn candidate_id(learned: &Learned, taken: &[String]) -> String {
    let named = learned.alternate.gatekeeper_identifier.clone();
    named
        .filter(|name| !name.is_empty() && !taken.contains(name))
        .unwrap_or_else(|| learned.alternate.address.to_string())
}
