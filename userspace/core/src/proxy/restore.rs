//! Endpoints that outlive a restart of rasline.

use std::time::Duration;

use rasline_h225::text::{from_bmp, to_bmp};

use super::entries::{Entry, Life, Up};
use super::machine::{Proxy, Timer};
use super::{EntryId, Output, Stored, rrq};
use crate::registrar;

/// Stored ones are renewed once a day; what is older by this and two timeToLive is gone.
const OLD: Duration = Duration::from_hours(36);

impl Proxy {
    /// Keeps an endpoint across restarts.
    pub(super) fn store(&mut self, id: EntryId, out: &mut Vec<Output>) {
        let now = self.now;
        if let Some(entry) = self.entries.get_mut(id) {
            entry.stored = now;
        }
        let entry = self.entries.get(id).filter(|entry| entry.confirmed);
        let (Some(entry), Some(up)) = (entry, self.identity(id)) else {
            return;
        };
        out.push(Output::Store(Box::new(Stored {
            registration: registrar::Stored {
                id: registrar::EntryId(id.0),
                endpoint_identifier: entry.identifier.clone(),
                endpoint: entry.endpoint,
                seen_as: entry.seen_as,
                full: entry.full.to_vec(),
                lightweight: entry.lightweight.as_deref().map(<[u8]>::to_vec),
                time_to_live: entry.time_to_live,
                confirmed: entry.last_seen,
            },
            gatekeeper: up.gatekeeper,
            upstream_identifier: up.identifier.as_ref().map(from_bmp),
            upstream_gatekeeper_identifier: up.gatekeeper_identifier.as_ref().map(from_bmp),
            upstream_ttl: up.ttl,
        })));
    }

    pub(super) fn restore(&mut self, stored: &Stored, out: &mut Vec<Output>) {
        let id = EntryId(stored.registration.id.0);
        self.entries.taken(id);
        let free = self.entries.get(id).is_none() && id != EntryId(0);
        let Some(entry) = self.restored(stored).filter(|_| free) else {
            if free {
                out.push(Output::Forget { id });
            }
            return;
        };
        self.timers
            .set(Timer::Life(id), self.now.after(entry.lease()));
        self.entries.insert(id, entry);
        self.settle(id);
        if let Some(octets) = &stored.registration.lightweight
            && let Some(rrq) = rrq::parse(octets)
        {
            self.publish(id, octets, &rrq, out);
        }
    }

    fn restored(&self, stored: &Stored) -> Option<Entry> {
        let kept = &stored.registration;
        let lease = Duration::from_secs(kept.time_to_live.into());
        let full = rrq::parse(&kept.full)?;
        let signalling = rrq::signalling(&full, kept.endpoint);
        let taken = self
            .entries
            .by_identifier(&kept.endpoint_identifier)
            .is_some()
            || self.entries.by_signalling(signalling).is_some();
        if taken
            || to_bmp(&kept.endpoint_identifier).is_err()
            || self.entries.len() >= self.settings.max_endpoints
            || self.now.since(kept.confirmed) > OLD + 2 * lease
        {
            return None;
        }
        let name = |text: &Option<String>| text.as_deref().and_then(|text| to_bmp(text).ok());
        Some(Entry {
            identifier: kept.endpoint_identifier.clone(),
            signalling: Some(signalling),
            endpoint: kept.endpoint,
            seen_as: kept.seen_as,
            ras: rrq::ras_address(&full, kept.endpoint),
            aliases: rrq::aliases(full.terminal_alias.as_deref()),
            full: kept.full.as_slice().into(),
            wanted: None,
            rcf: None,
            lightweight: None,
            confirmed: true,
            time_to_live: kept.time_to_live.max(1),
            last_seen: self.now,
            life: Life::Held,
            stored: self.now,
            published: None,
            other: None,
            waits: std::collections::BTreeSet::new(),
            moving: false,
            up: Up {
                gatekeeper: stored.gatekeeper,
                identifier: name(&stored.upstream_identifier),
                gatekeeper_identifier: name(&stored.upstream_gatekeeper_identifier),
                ttl: stored.upstream_ttl.filter(|ttl| *ttl > 0),
                confirmed: self.now,
                doubtful: true,
                ..Up::default()
            },
        })
    }
}
