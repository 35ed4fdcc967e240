//! What RAS says, and which calls it is about.

use std::net::SocketAddr;

use super::io::{CallId, Output};
use super::lifecycle::Call;
use super::machine::Calls;
use crate::ras_server::CallFact;
use crate::{Time, ZoneIndex};

impl Calls {
    /// Takes something that RAS says.
    pub(super) fn handle_fact(
        &mut self,
        now: Time,
        zone: ZoneIndex,
        fact: &CallFact,
        out: &mut Vec<Output>,
    ) {
        self.directory.note(zone, fact);
        match *fact {
            CallFact::Disengaged {
                endpoint,
                call,
                gatekeeper,
            } => {
                let found = self.by_identifier.get(&(zone, call)).copied();
                let Some(id) = found.filter(|id| self.is_controlled_by(*id, gatekeeper)) else {
                    return;
                };
                self.with_call(now, id, out, |call, turn| {
                    call.handle_disengage(endpoint, turn);
                });
            }
            CallFact::Dismissed {
                endpoint,
                gatekeeper,
            } => {
                for id in self.controlled_by(zone, gatekeeper) {
                    self.with_call(now, id, out, |call, turn| {
                        if call.has_endpoint(endpoint) {
                            call.lose_gatekeeper(turn);
                        }
                    });
                }
                self.stop_announcing_to(now, (zone, gatekeeper), Some(endpoint), out);
            }
            CallFact::Lost { gatekeeper } => {
                for id in self.controlled_by(zone, gatekeeper) {
                    self.with_call(now, id, out, Call::lose_gatekeeper);
                }
                self.stop_announcing_to(now, (zone, gatekeeper), None, out);
            }
            CallFact::AdmissionAnswered { ticket, ref answer } => {
                self.handle_admission_answer(now, ticket, answer, out);
            }
            CallFact::RegisteredWith { endpoint, .. } | CallFact::Unregistered { endpoint } => {
                self.requeue_calls_of(zone, endpoint);
            }
            CallFact::Registered { .. } | CallFact::Admitted { .. } | CallFact::Serves { .. } => {}
        }
    }

    fn is_controlled_by(&self, id: CallId, gatekeeper: SocketAddr) -> bool {
        let call = self.by_number.get(&id);
        call.is_some_and(|call| call.controller == Some(gatekeeper))
    }

    /// The calls that a gatekeeper controls, the oldest first.
    fn controlled_by(&self, zone: ZoneIndex, gatekeeper: SocketAddr) -> Vec<CallId> {
        let all = self.by_number.values();
        let its = all.filter(|call| call.zone == zone && call.controller == Some(gatekeeper));
        let mut ids: Vec<CallId> = its.map(|call| call.id).collect();
        ids.sort_unstable();
        ids
    }
}
