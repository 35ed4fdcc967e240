//! Endpoints that are known twice while a backup serves their zone: once as their own gatekeeper had them, which is kept
//! for the return, and once as rasline has them now. People see each once, as it is now.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use super::OwnGatekeepers;
use crate::registrar::{Registrar, View};
use crate::{Registration, ZoneIndex};

/// Who is registered with rasline, in zones that it serves as their backup.
#[derive(Debug, Default)]
pub struct ServedAsBackup(HashMap<ZoneIndex, Zone>);

#[derive(Debug, Default)]
struct Zone {
    identifiers: HashSet<String>,
    /// Aliases by address: who registered in full may have another endpointIdentifier now.
    aliases: HashMap<SocketAddr, HashSet<String>>,
}

impl ServedAsBackup {
    /// Walks over all of them.
    #[must_use]
    pub fn new(own: &OwnGatekeepers) -> Self {
        let mut served = Self::default();
        for zone in own.backed_up() {
            let registrar = own.unit().registrar(zone.0).into_iter();
            let views = registrar.flat_map(Registrar::views);
            views.for_each(|one| served.add(*zone, one));
        }
        served
    }

    fn add(&mut self, zone: ZoneIndex, one: View) {
        let zone = self.0.entry(zone).or_default();
        zone.identifiers.insert(one.endpoint_identifier);
        zone.aliases
            .entry(one.endpoint)
            .or_default()
            .extend(one.aliases);
    }

    /// Whether no zone is served so.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this registration with a zone's own gatekeeper is of an endpoint that rasline has now.
    #[must_use]
    pub fn has(&self, one: &Registration) -> bool {
        let Some(zone) = self.0.get(&ZoneIndex(one.zone)) else {
            return false;
        };
        let shares = |aliases: &HashSet<String>| {
            one.aliases.is_empty() || one.aliases.iter().any(|alias| aliases.contains(alias))
        };
        zone.identifiers.contains(&one.endpoint_identifier)
            || zone.aliases.get(&one.endpoint).is_some_and(shares)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ras_server::EntryId;
    use crate::{RegistrationId, State, Time};

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
        let mut served = ServedAsBackup::default();
        served.add(ZoneIndex(1), view("a", 1, "alice"));
        served.add(ZoneIndex(1), view("other", 2, "bob"));
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
