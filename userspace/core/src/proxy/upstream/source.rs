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

use std::net::SocketAddr;

use rasline_h225::text::from_transport;
use rasline_h225::types::RegistrationRequest;

use crate::proxy::downstream::requests_to_endpoints::Way;
use crate::proxy::entries::Entry;
use crate::proxy::machine::Proxy;
use crate::proxy::upstream::requests_to_gatekeeper::RequestToGatekeeper;
use crate::proxy::{EntryId, Event, Output, Source, UpstreamState, rrq};

/// Longest full RRQ, in octets, that is sent from the endpoint's own address: so much less than an MTU that the RCF,
/// which repeats its aliases, needs no fragments either. The kernel takes no fragments out of the traffic. A gatekeeper
/// that compares addresses leaves no choice: it gets longer ones from there, too.
const IN_ONE_PIECE: usize = 1200;

impl Proxy {
    /// The address from which messages about an endpoint leave for a gatekeeper. `None`: there is no address of the
    /// gatekeeper's family.
    pub(in crate::proxy) fn source(
        &self,
        entry: &Entry,
        gatekeeper: SocketAddr,
    ) -> Option<SocketAddr> {
        let own = self.settings.ras_address;
        let own = own.filter(|own| own.is_ipv4() == gatekeeper.is_ipv4());
        let theirs = self.settings.source == Source::Endpoint
            && !self.is_aggregate()
            && entry.ras.is_ipv4() == gatekeeper.is_ipv4();
        let full = entry.wanted.as_ref().unwrap_or(&entry.full);
        let whole = full.len() <= IN_ONE_PIECE || self.address_refused.contains(&gatekeeper);
        if theirs && (whole || own.is_none()) {
            return Some(entry.ras);
        }
        own
    }

    /// Whether this is an endpoint's address, not rasline's.
    pub(in crate::proxy) fn is_endpoints(&self, address: SocketAddr) -> bool {
        self.settings.ras_address != Some(address)
    }

    /// The endpoint of the proxy at this RAS address; of several, a registered one before others, and of these the one
    /// that was confirmed longest ago.
    pub(in crate::proxy) fn resident(&self, address: SocketAddr) -> Option<EntryId> {
        self.entries.by_ras(address).min_by_key(|id| {
            let up = self.entries.get(*id).map(|entry| &entry.up);
            up.map(|up| (up.standing != UpstreamState::Registered, up.confirmed, *id))
        })
    }

    /// An answer to nothing that is under way.
    pub(in crate::proxy) fn unawaited(
        &mut self,
        way: Way,
        seq: u16,
        payload: &[u8],
        out: &mut Vec<Output>,
    ) {
        let earlier = self.to_gatekeeper.are_young(self.now) && self.resident(way.1).is_some();
        if earlier || self.to_gatekeeper.is_late(seq, self.now, way) {
            self.stats.ignored += 1;
        } else {
            self.pass_on(way, payload, out);
        }
    }

    /// A message of a gatekeeper that is not the proxy's: its endpoint gets it as it is.
    pub(in crate::proxy) fn pass_on(
        &mut self,
        (from, to): Way,
        payload: &[u8],
        out: &mut Vec<Output>,
    ) {
        self.stats.ignored += 1;
        if self.is_endpoints(to) {
            let payload = payload.to_vec();
            out.push(Output::ToEndpoint { from, to, payload });
        }
    }

    /// The gatekeeper refused an endpoint's callSignalAddress; people are told once, until [`Self::address_taken`].
    pub(in crate::proxy) fn address_refused(&mut self, id: EntryId, out: &mut Vec<Output>) {
        let (Some(gatekeeper), Some(entry)) = (self.active, self.entries.get(id)) else {
            return;
        };
        let Some(source) = self.source(entry, gatekeeper) else {
            return;
        };
        let endpoint = entry.endpoint;
        if self.address_refused.insert(gatekeeper) {
            out.push(Output::Event(Event::AddressRefused {
                gatekeeper,
                endpoint,
                source,
            }));
        }
    }

    /// An answer came back to the address that a request came from.
    pub(in crate::proxy) fn returned(&mut self, flight: &RequestToGatekeeper) {
        if self.is_endpoints(flight.from) {
            self.returns.insert(flight.to, true);
        }
    }

    /// A full RRQ was not answered; people are told if none from an endpoint's address ever was.
    pub(in crate::proxy) fn not_returned(
        &mut self,
        id: EntryId,
        source: SocketAddr,
        gatekeeper: SocketAddr,
        out: &mut Vec<Output>,
    ) {
        let known = !self.is_endpoints(source) || self.returns.contains_key(&gatekeeper);
        if let Some(entry) = self.entries.get(id).filter(|_| !known) {
            out.push(Output::Event(Event::Unanswered {
                gatekeeper,
                endpoint: entry.endpoint,
                source,
            }));
            self.returns.insert(gatekeeper, false);
        }
    }

    /// The gatekeeper confirmed a full RRQ: if none of its callSignalAddresses is where it came from, it does not compare
    /// them any more.
    pub(in crate::proxy) fn address_taken(&mut self, flight: &RequestToGatekeeper) {
        if self.address_refused.contains(&flight.to)
            && rrq::parse(&flight.octets).is_some_and(|rrq| !names(&rrq, flight.from))
        {
            self.address_refused.remove(&flight.to);
        }
    }
}

/// Whether one of its callSignalAddresses is on this host.
fn names(rrq: &RegistrationRequest, host: SocketAddr) -> bool {
    let mut all = rrq.call_signal_address.iter().filter_map(from_transport);
    all.any(|address| address.ip() == host.ip())
}
