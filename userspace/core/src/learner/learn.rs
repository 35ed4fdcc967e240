//! Learning from the RAS messages that the kernel hands over (H.225.0 7.9, 7.9.1).
//!
//! An RRQ waits in [`pending`](super::pending) until its RCF comes. A full pair makes a registration known; two equal
//! lightweight pairs with different requestSeqNum make it ready for the kernel.

use std::net::SocketAddr;

use rasline_h225::decode_ras;
use rasline_h225::view::{Alternate, Summary, summarise};

use super::confirm::Confirm;
use super::grant::{GrantingRcf, grant};
use super::pending::{Asked, Inserted, Request};
use super::registrations::Registrations;
use super::registry::Place;
use super::{Learner, Message, Output, Reason};
use crate::octets::{self, masked};
use crate::{Cause, Event, EventKind, GatekeeperIndex, Time, ZoneIndex};

/// Alias names and addresses kept of one registration.
pub(crate) const KEPT: usize = 16;

impl Learner {
    pub(crate) fn handle_message(
        &mut self,
        now: Time,
        message: &Message<'_>,
        out: &mut Vec<Output>,
    ) {
        let endpoint = SocketAddr::new(
            message.endpoint.ip().to_canonical(),
            message.endpoint.port(),
        );
        let message = &Message {
            endpoint,
            ..*message
        };
        self.stats.messages += 1;
        self.given = None;
        let summary = decode_ras(message.payload)
            .ok()
            .map(|decoded| summarise(&decoded));
        if message.reason == Reason::Standby
            && self.handle_standby_message(now, message, summary.as_ref(), out)
        {
            return;
        }
        if matches!(message.reason, Reason::Diverted | Reason::Standby) {
            self.send_on(now, message, summary.as_ref(), out);
        }
        let config = &self.registrations.config;
        if config
            .gatekeeper(message.zone, message.gatekeeper)
            .is_none()
        {
            self.stats.foreign += 1;
            return;
        }
        let Some(summary) = summary else {
            self.stats.undecodable += 1;
            return;
        };
        if message.reason.from_endpoint() {
            self.handle_request(now, message, summary);
        } else {
            self.handle_answer(now, message, summary, out);
        }
    }

    /// A diverted message goes to the endpoint whatever it is; an RCF with the timeToLive that its endpoint is given.
    fn send_on(
        &mut self,
        now: Time,
        message: &Message<'_>,
        summary: Option<&Summary>,
        out: &mut Vec<Output>,
    ) {
        let endpoint_ttl = match summary {
            Some(Summary::Rcf {
                seq,
                endpoint_identifier,
                time_to_live,
                ..
            }) => {
                let source = (message.gatekeeper, message.endpoint);
                let pendings = &self.pendings;
                let rcf = GrantingRcf {
                    seq: *seq,
                    time_to_live: *time_to_live,
                    endpoint_identifier,
                    request: pendings.peek_confirmed(source, *seq, endpoint_identifier),
                };
                grant(&mut self.registrations, now, message, &rcf)
            }
            _ => None,
        };
        let patched = match summary {
            Some(Summary::Rcf {
                time_to_live,
                secured: false,
                ..
            }) => octets::patched(message.payload, *time_to_live, endpoint_ttl),
            _ => None,
        };
        self.stats.sent += 1;
        self.given = endpoint_ttl.filter(|_| patched.is_some());
        if patched.is_some() {
            self.stats.patched += 1;
        } else {
            self.stats.unpatched += 1;
        }
        out.push(Output::Send {
            gatekeeper: message.gatekeeper,
            from: message.seen_as,
            endpoint: message.endpoint,
            payload: patched.unwrap_or_else(|| message.payload.to_vec()),
        });
    }

    /// A message of an endpoint.
    fn handle_request(&mut self, now: Time, message: &Message<'_>, summary: Summary) {
        let (seq, endpoint_identifier, secured, asked) = match summary {
            Summary::Rrq {
                seq,
                keep_alive: true,
                endpoint_identifier,
                secured,
                ..
            } => (
                seq,
                endpoint_identifier,
                secured,
                Asked::KeepAlive(masked(message.payload)),
            ),
            Summary::Rrq {
                seq,
                endpoint_identifier,
                mut aliases,
                mut call_signal_addresses,
                secured,
                ..
            } => {
                aliases.truncate(KEPT);
                call_signal_addresses.truncate(KEPT);
                (
                    seq,
                    endpoint_identifier,
                    secured,
                    Asked::Register {
                        // With tokens it is good for one use only.
                        rrq: octets::full(message.payload).filter(|_| !secured),
                        aliases,
                        call_signal_addresses,
                    },
                )
            }
            Summary::Urq {
                seq,
                endpoint_identifier,
                ..
            } => (seq, endpoint_identifier, false, Asked::Unregister),
            _ => return,
        };
        let source = (message.gatekeeper, message.endpoint);
        let request = Request {
            zone: message.zone,
            source,
            seq,
            endpoint_identifier,
            secured,
            asked,
        };
        if !matches!(request.asked, Asked::Unregister) {
            self.note_seen(now, &request);
        }
        match self
            .pendings
            .insert(now, self.registrations.config.max_pending, request)
        {
            Inserted::New => {}
            Inserted::Repeated => self.stats.repeated += 1,
            Inserted::Evicted => self.stats.pending_evicted += 1,
            Inserted::EvictedSource => self.stats.pending_evicted_source += 1,
        }
    }

    fn note_seen(&mut self, now: Time, request: &Request) {
        let Some(endpoint_identifier) = request.endpoint_identifier.clone() else {
            return;
        };
        let (gatekeeper, endpoint) = request.source;
        let place = Place {
            zone: request.zone,
            gatekeeper,
            endpoint,
            endpoint_identifier,
        };
        if let Some(id) = self.registrations.registry.find(&place)
            && let Some(record) = self.registrations.registry.get_mut(id)
        {
            record.shown.last_seen = now;
            self.registrations.note_heard(now, id, now);
        }
    }

    /// A message of a gatekeeper.
    fn handle_answer(
        &mut self,
        now: Time,
        message: &Message<'_>,
        summary: Summary,
        out: &mut Vec<Output>,
    ) {
        match summary {
            Summary::Rcf {
                seq,
                endpoint_identifier,
                gatekeeper_identifier,
                aliases,
                time_to_live,
                alternates,
                secured,
            } => {
                let list = (!alternates.is_empty()).then_some(alternates);
                self.note_gatekeeper(now, message, gatekeeper_identifier.as_ref(), list, out);
                let confirm = Confirm {
                    raw: message.payload,
                    seq,
                    endpoint_identifier,
                    gatekeeper_identifier,
                    aliases,
                    time_to_live,
                    secured,
                };
                self.confirm(now, message, &confirm, out);
            }
            Summary::Gcf {
                gatekeeper_identifier,
                alternates,
                ..
            } => {
                self.note_gatekeeper(
                    now,
                    message,
                    gatekeeper_identifier.as_ref(),
                    Some(alternates),
                    out,
                );
            }
            Summary::Rrj { seq, reason } => self.handle_rrj(now, message, (seq, reason), out),
            Summary::Urq {
                endpoint_identifier,
                reason,
                ..
            } => {
                let cause = Cause::UnregisteredByGatekeeper {
                    reason: reason.map(str::to_owned),
                };
                let (named, registrations) = ([endpoint_identifier], &mut self.registrations);
                registrations.handle_unregistered(now, message, &named, &cause, out);
            }
            Summary::Ucf { seq } => self.handle_ucf(now, message, seq, out),
            _ => {}
        }
    }

    /// What the gatekeeper says about itself.
    fn note_gatekeeper(
        &mut self,
        now: Time,
        message: &Message<'_>,
        gatekeeper_identifier: Option<&String>,
        alternates: Option<Vec<Alternate>>,
        out: &mut Vec<Output>,
    ) {
        let (gatekeepers, index) = (&mut self.gatekeepers, message.gatekeeper);
        if let Some(addresses) = gatekeepers.note(now, index, gatekeeper_identifier, alternates) {
            out.push(Output::Event(Event {
                time: now,
                zone: ZoneIndex(message.zone),
                gatekeeper: Some(GatekeeperIndex(message.gatekeeper)),
                registration: None,
                kind: EventKind::Alternates { addresses },
            }));
        }
    }

    /// A message of a gatekeeper on standby; false: it is not about what is kept warm there, and is to be sent on.
    fn handle_standby_message(
        &mut self,
        now: Time,
        message: &Message<'_>,
        summary: Option<&Summary>,
        out: &mut Vec<Output>,
    ) -> bool {
        let Registrations {
            standby, registry, ..
        } = &mut self.registrations;
        standby.handle_message(now, registry, (message, summary), out)
    }

    fn handle_rrj(
        &mut self,
        now: Time,
        message: &Message<'_>,
        (seq, reason): (u16, &str),
        out: &mut Vec<Output>,
    ) {
        let source = (message.gatekeeper, message.endpoint);
        let asked = self.pendings.rejected(source, seq);
        let registrations = &mut self.registrations;
        if !registrations.handle_reject(now, message, (reason, &asked), out) {
            self.stats.unpaired += 1;
        }
    }

    /// A UCF confirms what the URQ with its number asked.
    fn handle_ucf(&mut self, now: Time, message: &Message<'_>, seq: u16, out: &mut Vec<Output>) {
        let source = (message.gatekeeper, message.endpoint);
        let asked = self.pendings.unregistered(source, seq);
        if asked.is_empty() {
            self.stats.unpaired += 1;
            return self.registrations.handle_unknown_ucf(now, message, out);
        }
        let named = asked.into_iter().map(|one| one.endpoint_identifier);
        let (named, cause) = (named.collect::<Vec<_>>(), Cause::Unregistered);
        let registrations = &mut self.registrations;
        registrations.handle_unregistered(now, message, &named, &cause, out);
    }
}
