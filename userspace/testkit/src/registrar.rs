//! What the fake gatekeeper remembers, and what it answers.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::Write,
    net::SocketAddr,
    time::Instant,
};

use rasline_h225::{
    RasMessage, decode_ras,
    security::claim,
    text,
    types::{AdmissionRequest, RegistrationRejectReason, RegistrationRequest},
};

use crate::{
    admission::{self, Refusal},
    clock,
    gatekeeper::{Policy, Refuse, Seen, What},
    journal::Line,
    messages,
};

#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) ras: SocketAddr,
    /// callSignalAddress.
    pub(crate) signalling: Vec<SocketAddr>,
    pub(crate) aliases: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) policy: Policy,
    pub(crate) registrations: HashMap<String, Registration>,
    pub(crate) reject: HashSet<String>,
    pub(crate) log: Vec<Seen>,
    pub(crate) last_rcf: HashMap<String, Vec<u8>>,
    pub(crate) next_eid: u32,
    pub(crate) next_seq: u16,
    pub(crate) dice: u32,
    /// What those who sign call themselves.
    senders: HashMap<SocketAddr, String>,
    /// Tells apart what is signed.
    signed: i32,
    /// Requests that had a RIP.
    slow: HashSet<(SocketAddr, u16)>,
    journal: Option<File>,
}

impl State {
    pub(crate) fn new(policy: Policy, journal: Option<File>) -> Self {
        Self {
            policy,
            registrations: HashMap::new(),
            reject: HashSet::new(),
            log: Vec::new(),
            last_rcf: HashMap::new(),
            next_eid: 1,
            next_seq: 1,
            dice: 0x2545_f491,
            senders: HashMap::new(),
            signed: 0,
            slow: HashSet::new(),
            journal,
        }
    }

    /// Numerical Recipes' generator: the same losses in every run.
    pub(crate) fn lost(&mut self) -> bool {
        self.dice = self
            .dice
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        (self.dice >> 16) % 1000 < self.policy.lost_per_mille
    }

    pub(crate) fn handle(
        &mut self,
        ours: SocketAddr,
        from: SocketAddr,
        octets: &[u8],
    ) -> Option<Vec<u8>> {
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
        if self.ignores(what, &message) {
            self.note(what, from, None, seq);
            return None;
        }
        if let Some(rip) = self.slow_first(what, from, seq) {
            self.note(what, from, None, seq);
            return Some(self.signed(from, rip));
        }
        let (eid, reply) = match message {
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
        };
        self.note(what, from, eid, seq);
        let reply = admission::with_alternates(reply?, &self.policy.alternates);
        Some(self.signed(from, reply))
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

    /// The message with a token for whoever is there, if it signs.
    pub(crate) fn signed(&mut self, to: SocketAddr, octets: Vec<u8>) -> Vec<u8> {
        let Some(password) = &self.policy.signs else {
            return octets;
        };
        self.signed = self.signed.wrapping_add(1);
        let peer = self.senders.get(&to).map_or("", String::as_str);
        messages::signed(&octets, &self.policy.name, peer, password, self.signed)
    }

    /// Puts a line into the log.
    pub(crate) fn note(&mut self, what: What, from: SocketAddr, eid: Option<String>, seq: u16) {
        if let Some(journal) = &mut self.journal {
            let line = Line {
                at: clock::monotonic(),
                from,
                what,
                eid,
                seq,
            };
            // One write, so that a reader never sees half a line; a full disk fails the tests that read it.
            let _ = journal.write_all(line.text().as_bytes());
            return;
        }
        self.log.push(Seen {
            at: Instant::now(),
            from,
            what,
            eid,
            seq,
        });
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
            Some(eid) if self.reject.remove(eid) => {
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
