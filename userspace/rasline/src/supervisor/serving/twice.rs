//! Endpoints that are known twice while a backup serves their zone: once as their own gatekeeper had them, which is kept
//! for the return, and once as rasline has them now. People see each once, as it is now.

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
};

use rasline_core::{Registration, registrar::View};

use crate::supervisor::Supervisor;

/// Who is registered with rasline, in zones that it serves as their backup.
#[derive(Debug, Default)]
pub(in crate::supervisor) struct Served(HashMap<u32, Zone>);

#[derive(Debug, Default)]
struct Zone {
    identifiers: HashSet<String>,
    /// Aliases by address: who registered in full may have another endpointIdentifier now.
    aliases: HashMap<SocketAddr, HashSet<String>>,
}

impl Served {
    fn add(&mut self, zone: u32, one: View) {
        let zone = self.0.entry(zone).or_default();
        zone.identifiers.insert(one.endpoint_identifier);
        zone.aliases
            .entry(one.endpoint)
            .or_default()
            .extend(one.aliases);
    }

    /// Whether no zone is served so.
    pub(in crate::supervisor) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this registration with a zone's own gatekeeper is of an endpoint that rasline has now.
    pub(in crate::supervisor) fn has(&self, one: &Registration) -> bool {
        let Some(zone) = self.0.get(&one.zone) else {
            return false;
        };
        let shares = |aliases: &HashSet<String>| {
            one.aliases.is_empty() || one.aliases.iter().any(|alias| aliases.contains(alias))
        };
        zone.identifiers.contains(&one.endpoint_identifier)
            || zone.aliases.get(&one.endpoint).is_some_and(shares)
    }
}

impl Supervisor {
    /// Who is registered with rasline as the backup of a zone. Walks over all of them.
    pub(in crate::supervisor) fn served_as_backup(&self) -> Served {
        let mut served = Served::default();
        for zone in self.serving.serves.iter().copied() {
            let registrar = self.serving.unit.registrar(zone).into_iter();
            let views = registrar.flat_map(rasline_core::registrar::Registrar::views);
            views.for_each(|one| served.add(zone, one));
        }
        served
    }
}

#[cfg(test)]
mod tests {
    use rasline_core::{RegistrationId, State, Time, registrar::EntryId};

    use super::*;

    fn at(n: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, n], 1719))
    }

    fn view(eid: &str, n: u8, alias: &str) -> View {
        View {
            id: EntryId(1),
            endpoint_identifier: eid.into(),
            endpoint: at(n),
            call_signal_address: None,
            aliases: vec![alias.into()],
            time_to_live: 60,
            last_seen: Time(0),
            calls: 0,
            published: false,
        }
    }

    #[test]
    fn who_is_the_same() {
        let mut served = Served::default();
        served.add(1, view("a", 1, "alice"));
        served.add(1, view("other", 2, "bob"));
        let known = |zone, eid: &str, n, alias: &str| {
            served.has(&Registration {
                id: RegistrationId(1),
                zone,
                gatekeeper: 0,
                endpoint: at(n),
                endpoint_identifier: eid.into(),
                gatekeeper_identifier: None,
                aliases: vec![alias.into()],
                call_signal_addresses: Vec::new(),
                gatekeeper_ttl: None,
                endpoint_ttl: None,
                refresh_every: None,
                refresh_clamped: false,
                first_seen: Time(0),
                last_seen: Time(0),
                confirmed: Time(0),
                answered: 0,
                state: State::Answered,
                settling: false,
                secured: false,
            })
        };
        assert!(known(1, "a", 1, "alice"));
        assert!(known(1, "b", 2, "bob"), "registered in full since");
        assert!(!known(1, "c", 2, "carol"), "behind the same address");
        assert!(!known(1, "d", 3, "dave"));
        assert!(!known(2, "a", 1, "alice"), "of another zone");
    }
}
