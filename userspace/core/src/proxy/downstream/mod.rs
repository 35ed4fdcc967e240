//! The side of the endpoints: their registrations with rasline, what they are told, and what they are asked.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::decode_ras;
use rasline_h225::text::{from_bmp, from_transport, to_bmp, to_transport};
use rasline_h225::types::{
    BmpString, InfoRequest, RasMessage, RegistrationConfirm, RegistrationRequest,
    UnregRequestReason, UnregistrationRequest,
};

use super::endpoints::{Endpoint, Endpoints, Life};
use super::message::{EndpointMessage, GatekeeperRequest};
use super::translate::{self, DownstreamNames};
use super::{EntryId, Output, Settings, rrq};
use crate::ras_server::PublishedKeepAlive;
use crate::{Reserved, Time, octets};
use lifetimes::{LifetimeStep, Lifetimes};
use requests_to_endpoints::{Destination, RequestsToEndpoints};

pub(super) mod additive_rrq;
pub(super) mod claims;
pub(super) mod discovery;
mod keep_alive;
pub(super) mod lifetimes;
pub(super) mod requests_to_endpoints;

/// timeToLive towards an endpoint when nobody says one, seconds.
const TIME_TO_LIVE: u32 = 300;

/// The endpoints, their lifetimes, and the requests to them that are under way.
#[derive(Clone, Debug)]
pub(super) struct EndpointSide {
    pub endpoints: Endpoints,
    pub requests: RequestsToEndpoints,
    lifetimes: Lifetimes,
    /// gatekeeperIdentifier towards endpoints.
    own_identifier: BmpString,
    reserved: Reserved,
    /// timeToLive given to endpoints, unless it is the gatekeeper's.
    time_to_live: Option<Duration>,
    max_endpoints: usize,
    /// Port of rasline's callSignalAddress towards endpoints, if it ends their call signalling.
    signalling_port: Option<u16>,
    seed: u64,
    /// endpointIdentifiers made so far.
    identifiers_made: u64,
}

/// An RCF for an endpoint, and what it changes.
pub(super) struct Grant {
    /// The RCF, whose requestSeqNum is to be set.
    pub rcf: RasMessage,
    /// It says another timeToLive than the one before.
    pub changes_ttl: bool,
    /// It is the first one.
    pub is_first: bool,
}

impl EndpointSide {
    /// No endpoint yet.
    pub fn new(settings: &Settings) -> Self {
        let fits = |text: &str| to_bmp(text).ok().filter(|_| !text.is_empty());
        let short: String = settings.gatekeeper_identifier.chars().take(60).collect();
        Self {
            endpoints: Endpoints::default(),
            requests: RequestsToEndpoints::new(settings.seed),
            lifetimes: Lifetimes::default(),
            own_identifier: fits(&short).or_else(|| fits("rasline")).unwrap_or_default(),
            reserved: settings.reserved.clone(),
            time_to_live: settings.endpoint_ttl,
            max_endpoints: settings.max_endpoints,
            signalling_port: settings.call_signalling.map(|one| one.service_port),
            seed: settings.seed,
            identifiers_made: 0,
        }
    }

    /// gatekeeperIdentifier towards endpoints.
    pub const fn own_identifier(&self) -> &BmpString {
        &self.own_identifier
    }

    /// Addresses that no endpoint has.
    pub const fn reserved(&self) -> &Reserved {
        &self.reserved
    }

    /// Whether there are as many endpoints as there may be.
    pub fn is_full(&self) -> bool {
        self.endpoints.len() >= self.max_endpoints
    }

    /// How an endpoint knows itself and rasline.
    pub fn names_of(&self, endpoint: &Endpoint) -> Option<DownstreamNames> {
        Some(DownstreamNames {
            endpoint_identifier: to_bmp(&endpoint.identifier).ok()?,
            gatekeeper_identifier: self.own_identifier.clone(),
            ras_address: to_transport(endpoint.seen_as),
            signalling: self.service_of(endpoint).map(to_transport),
        })
    }

    /// rasline's callSignalAddress that an endpoint knows; `None`: it signals without rasline.
    pub fn service_of(&self, endpoint: &Endpoint) -> Option<SocketAddr> {
        let port = self.signalling_port?;
        Some(SocketAddr::new(endpoint.seen_as.ip(), port))
    }

    /// Adds an endpoint, which is not confirmed yet, by its first full RRQ.
    pub fn add(
        &mut self,
        asked: &EndpointMessage<'_>,
        rrq: &RegistrationRequest,
        now: Time,
    ) -> EntryId {
        let id = self.endpoints.next_number();
        let endpoint = Endpoint {
            identifier: self.make_identifier(),
            signalling: Some(rrq::signalling_address(rrq, asked.from)),
            address: asked.from,
            seen_as: asked.to,
            ras: rrq::ras_address(rrq, asked.from),
            aliases: rrq::aliases(rrq.terminal_alias.as_deref()),
            full: Box::default(),
            wanted: None,
            adding: None,
            rcf: None,
            lightweight: None,
            confirmed: false,
            time_to_live: 0,
            last_seen: now,
            life: Life::Held,
            stored: now,
            published: PublishedKeepAlive::default(),
        };
        self.endpoints.insert(id, endpoint);
        id
    }

    /// Adds an endpoint that was stored.
    pub fn restore(&mut self, id: EntryId, endpoint: Endpoint, now: Time) {
        let until = now.after(endpoint.lease());
        self.lifetimes.set(id, until);
        self.endpoints.insert(id, endpoint);
    }

    /// Removes an endpoint.
    pub fn remove(&mut self, id: EntryId) -> Option<Endpoint> {
        self.lifetimes.remove(id);
        self.endpoints.remove(id)
    }

    /// An endpointIdentifier that was never given.
    fn make_identifier(&mut self) -> String {
        loop {
            self.identifiers_made += 1;
            let (made, seed) = (self.identifiers_made, self.seed);
            let whole = format!("{made:04x}{seed:016x}_{}", from_bmp(&self.own_identifier));
            let mut length = 0;
            let fits = |c: &char| {
                length += c.len_utf16();
                length <= octets::EID / 2
            };
            let identifier: String = whole.chars().take_while(fits).collect();
            if to_bmp(&identifier).is_ok() && self.endpoints.by_identifier(&identifier).is_none() {
                return identifier;
            }
        }
    }

    /// The endpoint that a URQ names by its callSignalAddress, if it comes from its host.
    pub fn find_leaver(&self, from: SocketAddr, urq: &UnregistrationRequest) -> Option<EntryId> {
        let mut all = urq.call_signal_address.iter().filter_map(from_transport);
        let id = all.find_map(|address| self.endpoints.by_signalling(address))?;
        let endpoint = self.endpoints.get(id)?;
        endpoint.is_on_host(from.ip()).then_some(id)
    }

    /// Notes a message of an endpoint.
    pub fn note_message(&mut self, id: EntryId, now: Time) {
        if let Some(endpoint) = self.endpoints.get_mut(id) {
            self.lifetimes.note_message(id, endpoint, now);
        }
    }

    /// Notes that the kernel answered an endpoint's keep-alive.
    pub fn note_seen(&mut self, id: EntryId, at: Time, now: Time) {
        if let Some(endpoint) = self.endpoints.get_mut(id) {
            self.lifetimes.note_seen(id, endpoint, at, now);
        }
    }

    /// Begins an endpoint's timeToLive anew.
    pub fn renew(&mut self, id: EntryId, now: Time) {
        if let Some(endpoint) = self.endpoints.get_mut(id) {
            self.lifetimes.renew(id, endpoint, now);
        }
    }

    /// When the next timeToLive is over.
    pub fn next_lifetime(&self) -> Option<Time> {
        self.lifetimes.next_due()
    }

    /// Takes the first endpoint whose timeToLive is over, and decides on it.
    pub fn expire(&mut self, now: Time) -> Option<(EntryId, LifetimeStep)> {
        let id = self.lifetimes.pop(now)?;
        let endpoint = self.endpoints.get_mut(id)?;
        Some((id, self.lifetimes.expire(id, endpoint, now)))
    }

    /// An RCF that says what rasline knows by itself.
    fn make_own_rcf(
        &self,
        endpoint: &Endpoint,
        seq: u16,
        rrq: &RegistrationRequest,
    ) -> Option<RegistrationConfirm> {
        let mut rcf = RegistrationConfirm::new(seq, to_bmp(&endpoint.identifier).ok()?);
        rcf.protocol_identifier = rrq.protocol_identifier.clone();
        rcf.gatekeeper_identifier = Some(self.own_identifier.clone());
        rcf.time_to_live = Some(endpoint.time_to_live);
        rcf.will_respond_to_irr = Some(false);
        rcf.maintain_connection = Some(false);
        Some(rcf)
    }

    /// The RCF that an endpoint got to its last full RRQ, for another one that says the same.
    pub fn last_rcf(&self, id: EntryId, seq: u16, rrq: &RegistrationRequest) -> Option<RasMessage> {
        let endpoint = self.endpoints.get(id)?;
        let kept = endpoint.rcf.as_deref().map(decode_ras);
        let mut message = if let Some(Ok(message)) = kept {
            message
        } else {
            let mut rcf = self.make_own_rcf(endpoint, seq, rrq)?;
            rcf.terminal_alias.clone_from(&rrq.terminal_alias);
            RasMessage::RegistrationConfirm(rcf)
        };
        message.set_request_seq_num(seq);
        Some(message)
    }

    /// Confirms an endpoint as its gatekeeper did by this RCF.
    pub fn grant(&mut self, id: EntryId, rcf: &RegistrationConfirm) -> Option<Grant> {
        let granted = self.granted_ttl(id, rcf);
        let endpoint = self.endpoints.get_mut(id)?;
        let changes_ttl = std::mem::replace(&mut endpoint.time_to_live, granted) != granted;
        let is_first = !std::mem::replace(&mut endpoint.confirmed, true);
        let names = self.names_of(self.endpoints.get(id)?)?;
        let mut message = RasMessage::RegistrationConfirm(rcf.clone());
        translate::to_endpoint(&mut message, &names);
        if let RasMessage::RegistrationConfirm(rcf) = &mut message {
            rcf.time_to_live = Some(granted);
            rcf.supports_additive_registration = Some(());
        }
        Some(Grant {
            rcf: message,
            changes_ttl,
            is_first,
        })
    }

    /// The RCF to the gateway as it concerns one of its endpoints: the aliases of the others are none of its business.
    pub fn rcf_of_carried(&self, id: EntryId, rcf: &RegistrationConfirm) -> RegistrationConfirm {
        let mut own = rcf.clone();
        let newest = self.endpoints.get(id).map(Endpoint::newest_rrq);
        own.terminal_alias = newest
            .and_then(rrq::parse)
            .and_then(|rrq| rrq.terminal_alias);
        own
    }

    fn granted_ttl(&self, id: EntryId, rcf: &RegistrationConfirm) -> u32 {
        if let Some(ttl) = self.time_to_live {
            return octets::seconds(ttl);
        }
        let endpoint = self.endpoints.get(id);
        let asked = endpoint.and_then(|endpoint| rrq::parse(&endpoint.full)?.time_to_live);
        rcf.time_to_live.or(asked).unwrap_or(TIME_TO_LIVE)
    }

    /// Makes what an endpoint's newest full RRQ says what is so. Returns the endpoints that had one of its aliases.
    pub fn apply_rrq(&mut self, id: EntryId) -> std::collections::BTreeSet<EntryId> {
        let endpoint = self.endpoints.get(id);
        let found = endpoint.and_then(|one| Some((one.address, rrq::parse(&one.full)?)));
        let Some((address, full)) = found else {
            return std::collections::BTreeSet::new();
        };
        self.endpoints
            .move_ras(id, rrq::ras_address(&full, address));
        let signalling = rrq::signalling_address(&full, address);
        // It may have become another's since.
        if self.endpoints.by_signalling(signalling).is_none() {
            self.endpoints.move_signalling(id, Some(signalling));
        }
        let aliases = rrq::aliases(full.terminal_alias.as_deref());
        self.endpoints.take_aliases(id, aliases)
    }

    /// Sends a request of the gatekeeper on to an endpoint under this number of ours. `None`: it cannot be encoded.
    pub fn relay(
        &mut self,
        (seq, id): (u16, EntryId),
        asker: GatekeeperRequest,
        names: &DownstreamNames,
        mut message: RasMessage,
        now: Time,
    ) -> Option<Output> {
        let to = destination(id, self.endpoints.get(id)?);
        message.set_request_seq_num(seq);
        translate::to_endpoint(&mut message, names);
        self.requests.relay(seq, to, asker, &message, now)
    }

    /// Asks an endpoint under this number whether it is there.
    pub fn poll(&mut self, id: EntryId, seq: u16, now: Time) -> Option<Output> {
        let to = destination(id, self.endpoints.get(id)?);
        let irq = RasMessage::InfoRequest(InfoRequest::new(seq, 0));
        self.requests.ask(seq, to, &irq, now)
    }

    /// Tells an endpoint that was removed, under this number, that it is registered no more.
    pub fn dismiss(
        &mut self,
        endpoint: &Endpoint,
        (seq, names): (u16, &DownstreamNames),
        reason: UnregRequestReason,
        now: Time,
    ) -> Option<Output> {
        let mut urq = UnregistrationRequest::new(seq);
        if let Some(rrq) = rrq::parse(&endpoint.full) {
            urq.call_signal_address = rrq.call_signal_address;
        }
        urq.reason = Some(reason);
        let mut message = RasMessage::UnregistrationRequest(urq);
        translate::to_endpoint(&mut message, names);
        let to = destination(EntryId(0), endpoint);
        self.requests.ask(seq, to, &message, now)
    }
}

const fn destination(id: EntryId, endpoint: &Endpoint) -> Destination {
    Destination {
        id,
        from: endpoint.seen_as,
        to: endpoint.ras,
    }
}
