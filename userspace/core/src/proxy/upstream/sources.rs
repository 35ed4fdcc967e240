//! Where messages to gatekeepers come from, whether what comes back is the proxy's, and gatekeepers with which that does
//! not work: they compare addresses, or their answers take another way.
//!
//! A gatekeeper that compares callSignalAddress with the source of an RRQ takes endpoints only from their own addresses.
//! What it answers then goes to these; the kernel takes it out of the traffic, together with what it says to endpoints
//! that have nothing to do with the proxy, which is sent on as it is:
//!
//! | to | an answer | a request |
//! |---|---|---|
//! | rasline's own address | to a request under way from there, else ignored | the proxy's |
//! | the RAS address of an endpoint of the proxy | to a request under way from there; a late one, or one to an earlier process, is ignored; else sent on | the proxy's |
//! | any other | sent on | sent on |

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use rasline_h225::text::from_transport;
use rasline_h225::types::RegistrationRequest;

use crate::proxy::endpoints::Endpoint;
use crate::proxy::{Event, Settings, Source, Upstream, rrq};

/// Longest full RRQ, in octets, that is sent from the endpoint's own address: so much less than an MTU that the RCF,
/// which repeats its aliases, needs no fragments either. The kernel takes no fragments out of the traffic. A gatekeeper
/// that compares addresses leaves no choice: it gets longer ones from there, too.
const IN_ONE_PIECE: usize = 1200;

/// Addresses that messages to gatekeepers leave from, and what is known of gatekeepers in that respect.
#[derive(Clone, Debug)]
pub(super) struct Sources {
    /// Rasline's own address.
    own: Option<SocketAddr>,
    /// Whether endpoints' addresses are used.
    from_endpoints: bool,
    /// Gatekeepers reported as refusing endpoints' callSignalAddresses.
    refusing: BTreeSet<SocketAddr>,
    /// Gatekeepers that answered what came from endpoints' addresses (true), or were reported as not answering it.
    answering: BTreeMap<SocketAddr, bool>,
}

impl Sources {
    pub fn new(settings: &Settings) -> Self {
        Self {
            own: settings.ras_address,
            from_endpoints: settings.source == Source::Endpoint
                && settings.upstream == Upstream::Each,
            refusing: BTreeSet::new(),
            answering: BTreeMap::new(),
        }
    }

    /// Rasline's own address.
    pub const fn own(&self) -> Option<SocketAddr> {
        self.own
    }

    /// The address from which messages about an endpoint leave for a gatekeeper. `None`: there is no address of the
    /// gatekeeper's family.
    pub fn source_of(&self, endpoint: &Endpoint, gatekeeper: SocketAddr) -> Option<SocketAddr> {
        let own = self.own.filter(|own| own.is_ipv4() == gatekeeper.is_ipv4());
        let theirs = self.from_endpoints && endpoint.ras.is_ipv4() == gatekeeper.is_ipv4();
        let whole = endpoint.newest_rrq().len() <= IN_ONE_PIECE;
        if theirs && (whole || self.refusing.contains(&gatekeeper) || own.is_none()) {
            return Some(endpoint.ras);
        }
        own
    }

    /// Whether this is an endpoint's address, not rasline's.
    pub fn is_endpoints(&self, address: SocketAddr) -> bool {
        self.own != Some(address)
    }

    /// Notes that the gatekeeper refused an endpoint's callSignalAddress. That is reported once, until
    /// [`Self::note_accepted`].
    pub fn note_refused(&mut self, gatekeeper: SocketAddr, endpoint: &Endpoint) -> Option<Event> {
        let source = self.source_of(endpoint, gatekeeper)?;
        let new = self.refusing.insert(gatekeeper);
        new.then_some(Event::AddressRefused {
            gatekeeper,
            endpoint: endpoint.address,
            source,
        })
    }

    /// Notes that the gatekeeper confirmed this full RRQ: if none of its callSignalAddresses is where it came from, it does
    /// not compare them any more.
    pub fn note_accepted(&mut self, gatekeeper: SocketAddr, source: SocketAddr, full: &[u8]) {
        if self.refusing.contains(&gatekeeper)
            && rrq::parse(full).is_some_and(|rrq| !names_host_of(&rrq, source))
        {
            self.refusing.remove(&gatekeeper);
        }
    }

    /// Notes that the gatekeeper answered what came from this address.
    pub fn note_answered(&mut self, gatekeeper: SocketAddr, source: SocketAddr) {
        if self.is_endpoints(source) {
            self.answering.insert(gatekeeper, true);
        }
    }

    /// Notes that a full RRQ was not answered. That is reported if none from an endpoint's address ever was.
    pub fn note_unanswered(
        &mut self,
        gatekeeper: SocketAddr,
        source: SocketAddr,
        endpoint: &Endpoint,
    ) -> Option<Event> {
        if !self.is_endpoints(source) || self.answering.contains_key(&gatekeeper) {
            return None;
        }
        self.answering.insert(gatekeeper, false);
        Some(Event::Unanswered {
            gatekeeper,
            endpoint: endpoint.address,
            source,
        })
    }
}

/// Whether one of its callSignalAddresses is on this host.
fn names_host_of(rrq: &RegistrationRequest, host: SocketAddr) -> bool {
    let mut all = rrq.call_signal_address.iter().filter_map(from_transport);
    all.any(|address| address.ip() == host.ip())
}
