//! The lists of all gatekeepers, and what comes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use rasline_h225::view::Alternate;

use super::weigh::weigh;
use super::{Input, Learned, List, MAX_LISTED, NotTaken, Output, Refused, ZoneRules};
use crate::{Event, EventKind, GatekeeperIndex, Time, ZoneIndex};

/// Gatekeepers of a zone whose lists are kept at most.
const MAX_SOURCES: usize = 16;
/// Refusals of a zone that are told at most, until its rules change.
const MAX_TOLD: usize = 64;

/// What gatekeepers named.
#[derive(Clone, Debug, Default)]
pub struct Alternates {
    zones: BTreeMap<u32, Zone>,
    /// Restored before their zones were known.
    restored: Vec<List>,
}

#[derive(Clone, Debug)]
struct Zone {
    rules: ZoneRules,
    lists: BTreeMap<u32, List>,
    /// The last list of each gatekeeper that was for one request only.
    passing: BTreeMap<u32, List>,
    candidates: Vec<Learned>,
    refused: Vec<Refused>,
    told: BTreeSet<(SocketAddr, NotTaken)>,
}

impl Alternates {
    /// No zones yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one input and appends what is to be done, in order.
    pub fn handle(&mut self, now: Time, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Rules(rules) => self.rules(now, rules, out),
            Input::List {
                zone,
                gatekeeper,
                message,
                permanent,
                mut list,
            } => {
                list.truncate(MAX_LISTED);
                let list = List {
                    zone,
                    gatekeeper,
                    message,
                    at: now,
                    alternates: list,
                };
                self.list(now, list, permanent, out);
            }
            Input::Restore(list) => self.restore(now, list, out),
            Input::Forget { gatekeeper } => self.forget(now, gatekeeper, out),
        }
    }

    /// The learned candidates of a zone, in order.
    #[must_use]
    pub fn candidates(&self, zone: u32) -> &[Learned] {
        self.zones.get(&zone).map_or(&[], |zone| &zone.candidates)
    }

    /// What was named in a zone and is no candidate.
    #[must_use]
    pub fn refused(&self, zone: u32) -> &[Refused] {
        self.zones.get(&zone).map_or(&[], |zone| &zone.refused)
    }

    fn rules(&mut self, now: Time, all: Vec<ZoneRules>, out: &mut Vec<Output>) {
        let known: BTreeSet<u32> = all.iter().map(|rules| rules.zone).collect();
        self.zones.retain(|zone, _| known.contains(zone));
        for rules in all {
            match self.zones.get_mut(&rules.zone) {
                Some(zone) if zone.rules == rules => {}
                Some(zone) => {
                    zone.rules = rules;
                    zone.told.clear();
                    zone.weigh(now, out);
                }
                None => _ = self.zones.insert(rules.zone, Zone::new(rules)),
            }
        }
        for list in std::mem::take(&mut self.restored) {
            if self.zones.contains_key(&list.zone) {
                self.restore(now, list, out);
            }
        }
    }

    fn list(&mut self, now: Time, list: List, permanent: bool, out: &mut Vec<Output>) {
        let Some(zone) = self.zones.get_mut(&list.zone) else {
            return;
        };
        let kept = if permanent {
            &mut zone.lists
        } else {
            &mut zone.passing
        };
        let full = kept.len() >= MAX_SOURCES;
        match kept.get(&list.gatekeeper) {
            Some(old) if old.alternates == list.alternates => return,
            None if full || list.alternates.is_empty() => return,
            _ => {}
        }
        if permanent {
            out.push(persist(&list));
        }
        if list.alternates.is_empty() {
            kept.remove(&list.gatekeeper);
        } else {
            kept.insert(list.gatekeeper, list);
        }
        zone.weigh(now, out);
    }

    fn restore(&mut self, now: Time, mut list: List, out: &mut Vec<Output>) {
        list.alternates.truncate(MAX_LISTED);
        let Some(zone) = self.zones.get_mut(&list.zone) else {
            self.restored.push(list);
            return;
        };
        // What came since is newer than what was kept.
        if zone.lists.len() < MAX_SOURCES {
            zone.lists.entry(list.gatekeeper).or_insert(list);
            zone.weigh(now, out);
        }
    }

    fn forget(&mut self, now: Time, gatekeeper: u32, out: &mut Vec<Output>) {
        for zone in self.zones.values_mut() {
            zone.passing.remove(&gatekeeper);
            if let Some(list) = zone.lists.remove(&gatekeeper) {
                let zone = list.zone;
                out.push(Output::Forget { zone, gatekeeper });
            }
            zone.weigh(now, out);
        }
    }
}

impl Zone {
    const fn new(rules: ZoneRules) -> Self {
        Self {
            rules,
            lists: BTreeMap::new(),
            passing: BTreeMap::new(),
            candidates: Vec::new(),
            refused: Vec::new(),
            told: BTreeSet::new(),
        }
    }

    fn weigh(&mut self, now: Time, out: &mut Vec<Output>) {
        let permanent = self.lists.values().map(|list| (list, true));
        let all = permanent.chain(self.passing.values().map(|list| (list, false)));
        let named = all.flat_map(|(list, permanent)| {
            let each = list.alternates.iter();
            each.map(move |it| (learned(list, it), permanent))
        });
        let (candidates, refused) = weigh(&self.rules, named.collect());
        self.refused = refused;
        self.tell(now, out);
        let essence = |all: &[Learned]| -> Vec<Alternate> {
            all.iter().map(|it| it.alternate.clone()).collect()
        };
        let same = essence(&self.candidates) == essence(&candidates);
        self.candidates = candidates;
        if !same {
            out.push(Output::Candidates {
                zone: self.rules.zone,
                learned: self.candidates.clone(),
            });
        }
    }

    /// Each refusal that is news, once.
    fn tell(&mut self, now: Time, out: &mut Vec<Output>) {
        for refused in self.refused.iter().filter(|it| it.why.is_news()) {
            let address = refused.learned.alternate.address;
            if self.told.len() >= MAX_TOLD || !self.told.insert((address, refused.why)) {
                continue;
            }
            out.push(Output::Event(Event {
                time: now,
                zone: ZoneIndex(self.rules.zone),
                gatekeeper: Some(GatekeeperIndex(refused.learned.named_by)),
                registration: None,
                kind: EventKind::AlternateRefused {
                    address,
                    message: refused.learned.message.clone(),
                    why: refused.why,
                },
            }));
        }
    }
}

fn learned(list: &List, alternate: &Alternate) -> Learned {
    Learned {
        alternate: alternate.clone(),
        named_by: list.gatekeeper,
        message: list.message.clone(),
        at: list.at,
    }
}

fn persist(list: &List) -> Output {
    if list.alternates.is_empty() {
        Output::Forget {
            zone: list.zone,
            gatekeeper: list.gatekeeper,
        }
    } else {
        Output::Persist(list.clone())
    }
}
