//! A gatekeeper (H.225.0 7.8 to 7.10, the registrar's side).
//!
//! ```text
//! GRQ -> GCF      full RRQ -> RCF (a new or the same endpointIdentifier)      URQ -> UCF (and forgotten)
//! lightweight RRQ -> RCF, or RRJ fullRegistrationRequired: unknown, from another address, or told to reject
//! ARQ -> ACF, or ARJ: invalidEndpointIdentifier, callerNotRegistered (known, but at another address)     DRQ -> DCF
//! ```
//! With a password it signs all messages that it sends (H.235.1); it does not check received ones.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use rasline_h225::security::claim;
use rasline_h225::types::{AdmissionRequest, RegistrationRejectReason, RegistrationRequest};
use rasline_h225::{RasMessage, decode_ras, text};

use crate::admission::{self, Refusal};
use crate::messages;

mod policy;

pub use policy::{Policy, Refuse, What};

/// A registered endpoint.
#[derive(Clone, Debug)]
pub struct Registration {
    /// Where its RRQ came from.
    pub ras: SocketAddr,
    /// callSignalAddress in its RRQ.
    pub signalling: Vec<SocketAddr>,
    /// Aliases in its RRQ.
    pub aliases: Vec<String>,
}

/// A received message, as far as a test wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Kind of the message.
    pub what: What,
    /// endpointIdentifier in it, or given in answer to it.
    pub eid: Option<String>,
    /// requestSeqNum of the message.
    pub seq: u16,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Gatekeeper {
    /// How it behaves; may be changed at any time.
    pub policy: Policy,
    registrations: HashMap<String, Registration>,
    rejected: HashSet<String>,
    last_rcf: HashMap<String, Vec<u8>>,
    next_eid: u32,
    next_seq: u16,
    dice: u32,
    /// Names that signed requests give their senders.
    senders: HashMap<SocketAddr, String>,
    /// Distinguishes signed messages of the same second.
    signed: i32,
    /// Requests that were answered by a RIP.
    slow: HashSet<(SocketAddr, u16)>,
}

impl Gatekeeper {
    /// A gatekeeper without registrations.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            registrations: HashMap::new(),
            rejected: HashSet::new(),
            last_rcf: HashMap::new(),
            next_eid: 1,
            next_seq: 1,
            dice: 0x2545_f491,
            senders: HashMap::new(),
            signed: 0,
            slow: HashSet::new(),
        }
    }

    /// The registration of this endpointIdentifier.
    #[must_use]
    pub fn registration(&self, eid: &str) -> Option<&Registration> {
        self.registrations.get(eid)
    }

    /// All registrations with their endpointIdentifiers.
    pub fn registrations(&self) -> impl Iterator<Item = (&str, &Registration)> {
        let all = self.registrations.iter();
        all.map(|(eid, registration)| (eid.as_str(), registration))
    }

    /// The registration that has this alias, with its endpointIdentifier.
    #[must_use]
    pub fn find_alias(&self, alias: &str) -> Option<(&str, &Registration)> {
        self.registrations()
            .find(|(_, one)| one.aliases.iter().any(|it| it == alias))
    }

    /// Forgets all registrations, as a restart without a store does.
    pub fn forget(&mut self) {
        self.registrations.clear();
    }

    /// Rejects the next keep-alive of this endpoint and forgets it.
    pub fn reject_next(&mut self, eid: &str) {
        self.rejected.insert(eid.to_owned());
    }

    /// The RCF that it last sent to this endpoint, without a signature.
    #[must_use]
    pub fn last_rcf(&self, eid: &str) -> Option<&[u8]> {
        self.last_rcf.get(eid).map(Vec::as_slice)
    }

    /// Numbers a request of its own. Returns its requestSeqNum and the octets to send.
    pub fn request(
        &mut self,
        to: SocketAddr,
        mut request: RasMessage,
        unix: u32,
    ) -> (u16, Vec<u8>) {
        let seq = self.next_seq;
        self.next_seq += 1;
        request.set_request_seq_num(seq);
        (seq, self.signed(to, messages::encode(&request), unix))
    }

    /// Forgets an endpoint. Returns the URQ ttlExpired that says so, and the address to send it to; `None` if the
    /// endpoint is not registered.
    pub fn unregister(&mut self, eid: &str, unix: u32) -> Option<(Vec<u8>, SocketAddr)> {
        let to = self.registrations.remove(eid)?.ras;
        let seq = self.next_seq;
        self.next_seq += 1;
        let urq = messages::expire(seq, &self.policy.name, to, eid);
        let urq = admission::with_alternates(urq, &self.policy.alternates);
        Some((self.signed(to, urq, unix), to))
    }

    /// Whether the next received message is lost (Numerical Recipes' generator: the same losses in every run).
    pub fn loses(&mut self) -> bool {
        self.dice = self
            .dice
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        (self.dice >> 16) % 1000 < self.policy.lost_per_mille
    }

    /// Handles a datagram that came to its address `ours`. Returns what it was and the answer; `None` if it is no RAS
    /// message.
    pub fn handle(
        &mut self,
        ours: SocketAddr,
        from: SocketAddr,
        octets: &[u8],
        unix: u32,
    ) -> Option<(Received, Option<Vec<u8>>)> {
        let message = decode_ras(octets).ok()?;
        if let Some(claim) = claim(&message).filter(|_| self.policy.signs.is_some()) {
            self.senders.insert(from, claim.identifier);
        }
        let (what, seq) = match &message {
            RasMessage::GatekeeperRequest(m) => (What::Discovery, m.request_seq_num),
            RasMessage::RegistrationRequest(m) if m.keep_alive == Some(true) => {
                (What::KeepAlive, m.request_seq_num)
            }
            RasMessage::RegistrationRequest(m) => (What::FullRrq, m.request_seq_num),
            RasMessage::UnregistrationRequest(m) => (What::Urq, m.request_seq_num),
            RasMessage::UnregistrationConfirm(m) => (What::Ucf, m.request_seq_num),
            RasMessage::AdmissionRequest(m) => (What::Arq, m.request_seq_num),
            RasMessage::DisengageRequest(m) => (What::Drq, m.request_seq_num),
            RasMessage::DisengageConfirm(m) => (What::Dcf, m.request_seq_num),
            RasMessage::InfoRequestResponse(m) => (What::Irr, m.request_seq_num),
            _ => (What::Other, messages::seq(octets)?),
        };
        let received = |eid| Received { what, eid, seq };
        if self.ignores(what, &message) {
            return Some((received(None), None));
        }
        if let Some(rip) = self.slow_first(what, from, seq) {
            return Some((received(None), Some(self.signed(from, rip, unix))));
        }
        let (eid, reply) = self.answer(ours, from, what, seq, message);
        let reply = reply.map(|reply| {
            let reply = admission::with_alternates(reply, &self.policy.alternates);
            self.signed(from, reply, unix)
        });
        Some((received(eid), reply))
    }

    /// endpointIdentifier of a request, and the answer to it.
    fn answer(
        &mut self,
        ours: SocketAddr,
        from: SocketAddr,
        what: What,
        seq: u16,
        message: RasMessage,
    ) -> (Option<String>, Option<Vec<u8>>) {
        match message {
            RasMessage::GatekeeperRequest(_) if self.policy.refuse == Some(Refuse::Everything) => {
                (None, Some(messages::grj(seq, &self.policy.name)))
            }
            RasMessage::GatekeeperRequest(_) => {
                (None, Some(messages::gcf(seq, &self.policy.name, ours)))
            }
            RasMessage::RegistrationRequest(m) if what == What::KeepAlive => {
                self.keep_alive(ours, from, &m)
            }
            RasMessage::RegistrationRequest(m) => self.register(ours, from, &m),
            RasMessage::UnregistrationRequest(m) => {
                let eid = m.endpoint_identifier.as_ref().map(messages::text);
                if let Some(eid) = &eid {
                    self.registrations.remove(eid);
                }
                (eid, Some(messages::ucf(seq)))
            }
            RasMessage::AdmissionRequest(m) => self.admit(ours, from, &m),
            RasMessage::DisengageRequest(m) => (
                Some(messages::text(&m.endpoint_identifier)),
                Some(admission::dcf(seq)),
            ),
            RasMessage::InfoRequestResponse(m) => {
                (Some(messages::text(&m.endpoint_identifier)), None)
            }
            _ => (None, None),
        }
    }

    fn ignores(&self, what: What, message: &RasMessage) -> bool {
        let stranger = match message {
            RasMessage::RegistrationRequest(m) if what == What::KeepAlive => {
                let eid = m.endpoint_identifier.as_ref().map(messages::text);
                eid.is_none_or(|eid| !self.registrations.contains_key(&eid))
            }
            _ => false,
        };
        self.policy.ignore.contains(&what) || (stranger && self.policy.ignore_strangers)
    }

    /// The message with a token for its receiver, if the gatekeeper signs.
    fn signed(&mut self, to: SocketAddr, octets: Vec<u8>, unix: u32) -> Vec<u8> {
        let Some(password) = &self.policy.signs else {
            return octets;
        };
        self.signed = self.signed.wrapping_add(1);
        let peer = self.senders.get(&to).map_or("", String::as_str);
        messages::signed(
            &octets,
            (&self.policy.name, peer),
            password,
            unix,
            self.signed,
        )
    }

    /// The RIP to a request that is seen for the first time by a slow gatekeeper.
    fn slow_first(&mut self, what: What, from: SocketAddr, seq: u16) -> Option<Vec<u8>> {
        let delay = self.policy.rip?;
        if matches!(what, What::Ucf | What::Dcf | What::Irr | What::Other) {
            return None;
        }
        // The second time it is answered.
        if self.slow.remove(&(from, seq)) {
            return None;
        }
        self.slow.insert((from, seq));
        Some(admission::rip(seq, delay))
    }

    fn admit(
        &self,
        ours: SocketAddr,
        from: SocketAddr,
        arq: &AdmissionRequest,
    ) -> (Option<String>, Option<Vec<u8>>) {
        let (seq, eid) = (
            arq.request_seq_num,
            messages::text(&arq.endpoint_identifier),
        );
        let reply = match self.registrations.get(&eid) {
            None => admission::arj(seq, Refusal::InvalidEndpointIdentifier),
            Some(r) if r.ras.ip() != from.ip() => admission::arj(seq, Refusal::CallerNotRegistered),
            Some(_) => {
                let port = self.policy.call_port.unwrap_or(messages::CALL_SIGNALLING);
                admission::acf(seq, SocketAddr::new(ours.ip(), port))
            }
        };
        (Some(eid), Some(reply))
    }

    fn register(
        &mut self,
        ours: SocketAddr,
        from: SocketAddr,
        rrq: &RegistrationRequest,
    ) -> (Option<String>, Option<Vec<u8>>) {
        let refuses = [Refuse::ResourceUnavailable, Refuse::Everything];
        if (self.policy.refuse).is_some_and(|refuse| refuses.contains(&refuse)) {
            return (None, Some(self.refuse(rrq)));
        }
        let aliases: Vec<String> = rrq
            .terminal_alias
            .iter()
            .flatten()
            .filter_map(messages::alias_text)
            .collect();
        let asked = rrq.endpoint_identifier.as_ref().map(messages::text);
        let asked = asked.filter(|_| !self.policy.own_eids);
        let all = rrq.call_signal_address.iter();
        let signalling: Vec<SocketAddr> = all.filter_map(text::from_transport).collect();
        let compares = self.policy.compares_addresses;
        if compares && !signalling.iter().any(|one| one.ip() == from.ip()) {
            let rrj = messages::rrj(rrq, &self.policy.name);
            let reason = RegistrationRejectReason::InvalidCallSignalAddress;
            return (None, Some(messages::rejected(&rrj, reason)));
        }
        let known = self.registrations.iter().find(|(_, r)| {
            let same_address = || r.signalling.iter().any(|one| signalling.contains(one));
            (r.ras == from && r.aliases == aliases) || (compares && same_address())
        });
        let eid = asked
            .or_else(|| known.map(|(eid, _)| eid.clone()))
            .unwrap_or_else(|| {
                let eid = format!("{:04}_{}", self.next_eid, self.policy.eid_suffix);
                self.next_eid += 1;
                eid
            });
        self.registrations.insert(
            eid.clone(),
            Registration {
                ras: from,
                signalling,
                aliases,
            },
        );
        let rcf = self.confirm(ours, rrq, &eid);
        (Some(eid), Some(rcf))
    }

    fn keep_alive(
        &mut self,
        ours: SocketAddr,
        from: SocketAddr,
        rrq: &RegistrationRequest,
    ) -> (Option<String>, Option<Vec<u8>>) {
        let eid = rrq.endpoint_identifier.as_ref().map(messages::text);
        let mut named = rrq.call_signal_address.iter();
        let compares = self.policy.compares_addresses;
        let mut theirs = |r: &Registration| {
            let named = named.by_ref().filter_map(text::from_transport);
            !compares || named.into_iter().all(|one| r.signalling.contains(&one))
        };
        let known = eid.as_ref().filter(|eid| {
            self.registrations
                .get(*eid)
                .is_some_and(|r| r.ras.ip() == from.ip() && theirs(r))
        });
        let reply = match known {
            _ if self.policy.refuse.is_some() => self.refuse(rrq),
            None if self.policy.confirm_unknown => {
                let eid = eid.clone().unwrap_or_default();
                let unknown = Registration {
                    ras: from,
                    signalling: Vec::new(),
                    aliases: Vec::new(),
                };
                self.registrations.insert(eid.clone(), unknown);
                self.confirm(ours, rrq, &eid)
            }
            Some(eid) if self.rejected.remove(eid) => {
                self.registrations.remove(eid);
                messages::rrj(rrq, &self.policy.name)
            }
            Some(eid) => self.confirm(ours, rrq, &eid.clone()),
            None => messages::rrj(rrq, &self.policy.name),
        };
        (eid, Some(reply))
    }

    fn refuse(&self, rrq: &RegistrationRequest) -> Vec<u8> {
        let rrj = messages::rrj(rrq, &self.policy.name);
        if self.policy.refuse == Some(Refuse::FullRequired) {
            return rrj;
        }
        messages::rejected(&rrj, RegistrationRejectReason::ResourceUnavailable)
    }

    fn confirm(&mut self, ours: SocketAddr, rrq: &RegistrationRequest, eid: &str) -> Vec<u8> {
        let none = Vec::new();
        let registered = self.registrations.get(eid).map_or(&none, |r| &r.aliases);
        let rcf = messages::rcf(
            rrq,
            &messages::Confirm {
                ras: ours,
                gatekeeper: &self.policy.name,
                eid,
                time_to_live: self.policy.time_to_live,
                aliases: if self.policy.aliases_in_rcf {
                    registered
                } else {
                    &none
                },
                crypto_tokens: rrq.crypto_tokens.clone(),
            },
        );
        self.last_rcf.insert(eid.to_owned(), rcf.clone());
        rcf
    }
}
