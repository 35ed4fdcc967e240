//! Keep-alives of endpoints: confirmed at once, and by the kernel from then on.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::encode_ras;
use rasline_h225::text::from_bmp;
use rasline_h225::types::{RasMessage, RegistrationRequest};

use crate::octets;
use crate::proxy::downstream::EndpointSide;
use crate::proxy::{EntryId, Output, rrq};
use crate::ras_server::{Offer, fits_slot, keep_alive_digest, slot_answer};

/// A keep-alive that the kernel is to answer.
pub(in crate::proxy) struct Publication {
    pub offer: Offer,
    /// It is another one than was published before.
    pub is_new: bool,
}

impl EndpointSide {
    /// The confirmed endpoint that a lightweight RRQ is of.
    pub fn find_keep_alive_sender(
        &self,
        from: SocketAddr,
        rrq: &RegistrationRequest,
    ) -> Option<EntryId> {
        if let Some(identifier) = &rrq.endpoint_identifier {
            return self.endpoints.find_sender(&from_bmp(identifier), from);
        }
        let id = self
            .endpoints
            .by_signalling(rrq::signalling_address(rrq, from))?;
        let endpoint = self.endpoints.get(id)?;
        (endpoint.is_on_host(from.ip()) && endpoint.confirmed).then_some(id)
    }

    /// The RCF to a lightweight RRQ: nothing of it changes with the gatekeeper.
    pub fn make_light_rcf(
        &self,
        id: EntryId,
        seq: u16,
        rrq: &RegistrationRequest,
    ) -> Option<Vec<u8>> {
        let rcf = self.make_own_rcf(self.endpoints.get(id)?, seq, rrq)?;
        encode_ras(&RasMessage::RegistrationConfirm(rcf)).ok()
    }

    /// Publishes the first keep-alive, another one when it came twice in a row, and the same one again when the kernel lets
    /// it through: that renews what the kernel promises. `None`: nothing is to be published.
    pub fn publish(
        &mut self,
        id: EntryId,
        payload: &[u8],
        rrq: &RegistrationRequest,
    ) -> Option<Publication> {
        let endpoint = self.endpoints.get_mut(id)?;
        if rrq::is_secured(rrq) || !fits_slot(payload, &endpoint.identifier) {
            return None;
        }
        let way = (endpoint.address, endpoint.seen_as);
        let new = keep_alive_digest(payload, way, endpoint.time_to_live);
        let is_new = !endpoint.published.is(new);
        if !endpoint.published.admit(new) {
            return None;
        }
        let offer = self.offer(id, octets::masked(payload).into_vec(), rrq)?;
        if let Some(endpoint) = self.endpoints.get_mut(id) {
            endpoint.published.set(new);
            endpoint.lightweight = Some(offer.rrq.as_slice().into());
        }
        Some(Publication { offer, is_new })
    }

    fn offer(&self, id: EntryId, octets: Vec<u8>, rrq: &RegistrationRequest) -> Option<Offer> {
        let rcf = slot_answer(self.make_light_rcf(id, 1, rrq)?)?;
        let endpoint = self.endpoints.get(id)?;
        Some(Offer {
            id,
            endpoint: endpoint.address,
            seen_as: endpoint.seen_as,
            rrq: octets,
            rcf,
            endpoint_identifier: octets::utf16(&endpoint.identifier),
            time_to_live: Duration::from_secs(endpoint.time_to_live.into()),
            confirmed: endpoint.last_seen,
        })
    }

    /// Takes an endpoint's keep-alive from the kernel, if it has one.
    pub fn withdraw(&mut self, id: EntryId) -> Option<Output> {
        let was_published = self.endpoints.get_mut(id)?.published.clear();
        was_published.then_some(Output::Withdraw { id })
    }
}
