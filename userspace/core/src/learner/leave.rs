//! The end of registrations: RRJ, URQ, UCF (H.225.0 7.9.3, 7.10).
//!
//! The kernel cannot read whom a URQ or UCF names and withdraws every slot of the address and port; the ones that are
//! not meant are published again here.

use super::pending::{Asked, Request};
use super::phase::Stimulus;
use super::registrations::Registrations;
use super::registry::Place;
use super::{Message, Output, Reason};
use crate::{Cause, RegistrationId, Time};

impl Registrations {
    /// A gatekeeper rejected an RRQ; `asked`: those of its number that were seen. An RRJ takes the registration that asked.
    /// What is published asks with its own keep-alive only: any other RRQ of its address may be forged, and the next refresh
    /// shows whether its gatekeeper still has it. A refresh that was rejected is known only by the slot that the kernel
    /// withdrew: where several stand behind one address and port, the next scan of the slots tells. False if nobody is found
    /// who asked.
    pub(crate) fn handle_reject(
        &mut self,
        now: Time,
        message: &Message<'_>,
        (reason, asked): (&str, &[Request]),
        out: &mut Vec<Output>,
    ) -> bool {
        let cause = Cause::Rejected {
            reason: reason.to_owned(),
        };
        let asking = asked
            .iter()
            .filter_map(|one| self.find_asking(message, one));
        let mut taken: Vec<_> = asking.collect();
        if taken.is_empty()
            && message.reason == Reason::Withdrawn
            && let [id] = self.published_at(message)[..]
        {
            taken.push(id);
        }
        let found = !taken.is_empty() || !asked.is_empty();
        for id in taken {
            self.remove(now, id, cause.clone(), out);
        }
        found
    }

    /// The registration that ends if this RRQ is rejected.
    fn find_asking(&self, message: &Message<'_>, request: &Request) -> Option<RegistrationId> {
        if let Asked::KeepAlive(rrq) = &request.asked
            && let Some(id) = self.find_by_keep_alive(message, rrq)
        {
            return Some(id);
        }
        let named = request.endpoint_identifier.as_ref()?;
        let id = self.registry.find(&place(message, named))?;
        let shown = self.get(id)?;
        (!shown.state.is_published()).then_some(id)
    }

    /// A UCF confirms a URQ that was not seen: what the kernel withdrew is learned again.
    pub(crate) fn handle_unknown_ucf(
        &mut self,
        now: Time,
        message: &Message<'_>,
        out: &mut Vec<Output>,
    ) {
        if message.reason == Reason::Withdrawn {
            for id in self.published_at(message) {
                self.step(now, id, Stimulus::Forget, Cause::UnregistrationUnknown, out);
            }
        }
    }

    /// Those named are gone, all of the address and port if one is not named; the rest stays.
    pub(crate) fn handle_unregistered(
        &mut self,
        now: Time,
        message: &Message<'_>,
        named: &[Option<String>],
        cause: &Cause,
        out: &mut Vec<Output>,
    ) {
        for id in self
            .registry
            .at_gatekeeper(message.zone, message.gatekeeper, message.endpoint)
        {
            let eid = self
                .registry
                .get(id)
                .map(|record| &record.shown.endpoint_identifier);
            let meant = named
                .iter()
                .any(|name| name.is_none() || name.as_ref() == eid);
            if meant {
                self.remove(now, id, cause.clone(), out);
            } else if message.reason == Reason::Withdrawn {
                self.step(now, id, Stimulus::Renew, Cause::Kernel, out);
            }
        }
    }

    fn published_at(&self, message: &Message<'_>) -> Vec<RegistrationId> {
        let mut all =
            self.registry
                .at_gatekeeper(message.zone, message.gatekeeper, message.endpoint);
        all.retain(|id| {
            self.registry
                .get(*id)
                .is_some_and(|r| r.shown.state.is_published())
        });
        all
    }

    fn find_by_keep_alive(&self, message: &Message<'_>, rrq: &[u8]) -> Option<RegistrationId> {
        let all = self
            .registry
            .at_gatekeeper(message.zone, message.gatekeeper, message.endpoint);
        all.into_iter().find(|id| {
            let pair = self
                .registry
                .get(*id)
                .and_then(|record| record.pair.as_ref());
            pair.is_some_and(|pair| *pair.rrq == *rrq)
        })
    }
}

fn place(message: &Message<'_>, endpoint_identifier: &str) -> Place {
    Place {
        zone: message.zone,
        gatekeeper: message.gatekeeper,
        endpoint: message.endpoint,
        endpoint_identifier: endpoint_identifier.to_owned(),
    }
}
