//! Learning from the RAS messages that the kernel hands over (H.225.0 7.9, 7.9.1).
//!
//! An RRQ waits in [`pending`](super::pending) until its RCF comes. A full pair makes a registration known; two equal
//! lightweight pairs with different requestSeqNum make it ready for the kernel.

use std::net::SocketAddr;

use rasline_h225::decode_ras;
use rasline_h225::view::{Alternate, Summary, summarise};

use super::confirm::Confirm;
use super::pending::{Asked, Inserted, Request};
use super::registry::Place;
use super::{Learner, Message, Output, Reason};
use crate::octets::{self, masked};
use crate::{Cause, Event, EventKind, Time};

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
            && self.standby_said(now, message, summary.as_ref(), out)
        {
            return;
        }
        if matches!(message.reason, Reason::Diverted | Reason::Standby) {
            self.send_on(now, message, summary.as_ref(), out);
        }
        if !self.is_configured(message.zone, message.gatekeeper) {
            self.stats.foreign += 1;
            return;
        }
        let Some(summary) = summary else {
            self.stats.undecodable += 1;
            return;
        };
        if message.reason.from_endpoint() {
            self.request(now, message, summary);
        } else {
            self.answer(now, message, summary, out);
        }
    }

    pub(crate) fn is_configured(&self, zone: u32, gatekeeper: u32) -> bool {
        self.zone(zone)
            .is_some_and(|zone| zone.gatekeepers.iter().any(|g| g.index == gatekeeper))
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
            }) => self.grant(now, message, (*seq, *time_to_live), endpoint_identifier),
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
    fn request(&mut self, now: Time, message: &Message<'_>, summary: Summary) {
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
            self.seen(now, &request);
        }
        match self.pendings.insert(now, self.config.max_pending, request) {
            Inserted::New => {}
            Inserted::Repeated => self.stats.repeated += 1,
            Inserted::Evicted => self.stats.pending_evicted += 1,
            Inserted::EvictedSource => self.stats.pending_evicted_source += 1,
        }
    }

    fn seen(&mut self, now: Time, request: &Request) {
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
        if let Some(id) = self.registry.find(&place)
            && let Some(record) = self.registry.get_mut(id)
        {
            record.shown.last_seen = now;
            self.heard(now, id, now);
        }
    }

    /// A message of a gatekeeper.
    fn answer(
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
                self.introduced(now, message, gatekeeper_identifier.as_ref(), list, out);
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
                self.introduced(
                    now,
                    message,
                    gatekeeper_identifier.as_ref(),
                    Some(alternates),
                    out,
                );
            }
            Summary::Rrj { seq, reason } => self.rejected(now, message, seq, reason, out),
            Summary::Urq {
                endpoint_identifier,
                reason,
                ..
            } => {
                let cause = Cause::UnregisteredByGatekeeper {
                    reason: reason.map(str::to_owned),
                };
                self.unregistered(now, message, &[endpoint_identifier], &cause, out);
            }
            Summary::Ucf { seq } => self.unregistration_confirmed(now, message, seq, out),
            _ => {}
        }
    }

    /// What the gatekeeper says about itself.
    fn introduced(
        &mut self,
        now: Time,
        message: &Message<'_>,
        gatekeeper_identifier: Option<&String>,
        alternates: Option<Vec<Alternate>>,
        out: &mut Vec<Output>,
    ) {
        let info = self.gatekeepers.entry(message.gatekeeper).or_default();
        if info.gatekeeper_identifier.as_ref() != gatekeeper_identifier
            && gatekeeper_identifier.is_some()
        {
            info.gatekeeper_identifier = gatekeeper_identifier.cloned();
        }
        let Some(alternates) = alternates else { return };
        info.alternates_at = Some(now);
        if info.alternates == alternates {
            return;
        }
        let addresses = alternates
            .iter()
            .map(|alternate| alternate.address)
            .collect();
        info.alternates = alternates;
        out.push(Output::Event(Event {
            time: now,
            zone: message.zone,
            gatekeeper: message.gatekeeper,
            registration: None,
            kind: EventKind::Alternates { addresses },
        }));
    }
}
