//! Who controls a call: what a gatekeeper's orders are worth, and what its loss means.
//!
//! ```text
//!                          leg or gatekeeper lost, without an order      both endpoints here
//!  Controlled(gatekeeper) --------------------------------------> Orphan --------------------> joined
//!     |        ^                                                    |
//!     | order  | gatekeeper lost within `leave_grace`               | one endpoint here
//!     v        | (that goes to Orphan as well)                      v
//!  waits for `leave_grace` ---------------------> obeyed: ended    alone, ended after `one_sided_hold`
//! ```

use rasline_h225::q931::{self, cause};

use super::event::{EndedBy, Happening};
use super::in_flight::Undelivered;
use super::leg::Order;
use super::lifecycle::{Call, Progress, Turn, from_endpoint};
use super::place::Place;
use super::received::Received;
use crate::Time;
use crate::ras_server::EntryId;

impl Call {
    /// The gatekeeper releases a leg. What an endpoint asked for is done at once, and so is what refuses a call; a call
    /// that is up is ended only if the gatekeeper is still there after a while: one that shuts down releases its calls,
    /// too.
    pub(super) fn handle_gatekeeper_release(
        &mut self,
        place: Place,
        release: Received,
        turn: &mut Turn<'_>,
    ) {
        let endpoint = place.across();
        self.drop_leg(place, turn);
        if self.hang_up.is_some() || self.progress != Progress::Up {
            self.note_end(EndedBy::Gatekeeper, release.message.cause());
            self.hang_up = None;
            self.release_leg(endpoint, &release, turn);
            return self.end_if_deserted(turn);
        }
        self.take_order(endpoint, Some(release), turn);
    }

    /// The gatekeeper orders an endpoint out of the call by RAS (DRQ).
    pub fn handle_disengage(&mut self, endpoint: EntryId, turn: &mut Turn<'_>) {
        let is_meant = |place: &Place| {
            let leg = self.leg(*place);
            leg.is_some_and(|leg| leg.endpoint == Some(endpoint))
        };
        if let Some(place) = Place::ENDPOINTS.into_iter().find(is_meant) {
            self.take_order(place, None, turn);
        }
    }

    fn take_order(&mut self, endpoint: Place, release: Option<Received>, turn: &mut Turn<'_>) {
        let until = turn.now.after(turn.settings.leave_grace);
        if let Some(leg) = self.leg_mut(endpoint) {
            let earlier = leg.order.take();
            let until = earlier.as_ref().map_or(until, |order| order.until);
            let release = release.or_else(|| earlier.and_then(|order| order.release));
            leg.order = Some(Order { until, release });
        }
    }

    /// The gatekeeper closed a leg without a ReleaseComplete.
    pub(super) fn lose_gatekeeper_leg(&mut self, place: Place, turn: &mut Turn<'_>) {
        self.drop_leg(place, turn);
        if self.hang_up.is_some() {
            return self.finish_hang_up(turn);
        }
        let ordered = |endpoint: &Place| self.leg(*endpoint).is_some_and(|leg| leg.order.is_some());
        if !Place::ENDPOINTS.iter().any(ordered) {
            self.lose_gatekeeper(turn);
        }
    }

    /// The gatekeeper that controls this call is lost. Nothing is sent to any endpoint.
    pub fn lose_gatekeeper(&mut self, turn: &mut Turn<'_>) {
        let gatekeeper = self.controller.take();
        for place in Place::GATEKEEPERS {
            self.drop_leg(place, turn);
        }
        for place in Place::ENDPOINTS {
            if let Some(leg) = self.leg_mut(place) {
                leg.order = None;
            }
        }
        if self.hang_up.is_some() {
            return self.finish_hang_up(turn);
        }
        if self.is_joined || self.is_over() {
            return;
        }
        self.report(Happening::Orphaned { gatekeeper }, turn);
        let both = Place::ENDPOINTS.map(|place| self.leg(place).is_some());
        match both {
            [true, true] => self.join(turn),
            [true, false] if self.progress == Progress::SettingUp => {
                self.end(EndedBy::Rasline, cause::TEMPORARY_FAILURE, turn);
            }
            _ => self.lone_until = Some(turn.now.after(turn.settings.one_sided_hold)),
        }
    }

    /// Makes the endpoints partners of each other, and delivers what the gatekeeper had in its hands.
    fn join(&mut self, turn: &mut Turn<'_>) {
        self.is_joined = true;
        self.report(Happening::Joined, turn);
        for from in Place::ENDPOINTS {
            for undelivered in self.in_flight[from_endpoint(from)].take() {
                self.deliver(from, undelivered, turn);
            }
            self.dial_control(from, turn);
        }
    }

    fn deliver(&mut self, from: Place, undelivered: Undelivered, turn: &mut Turn<'_>) {
        let to = from.opposite();
        match undelivered {
            Undelivered::Signalling(received) if received.is(q931::RELEASE_COMPLETE) => {}
            Undelivered::Signalling(received) => self.forward(from, to, *received, turn),
            Undelivered::Tunnelled(messages) => {
                let facility = Received::tunnel(self.identifier, &messages);
                self.forward(from, to, facility, turn);
            }
            Undelivered::Control(octets) => self.write_control(to, &octets, turn),
        }
    }

    /// One endpoint's half ended: with the other half gone as well, or nobody in it, the call is over.
    fn end_if_deserted(&mut self, turn: &mut Turn<'_>) {
        if Place::ENDPOINTS
            .iter()
            .all(|place| self.leg(*place).is_none())
        {
            for place in Place::GATEKEEPERS {
                let release = Received::release(self.identifier, cause::NORMAL_CALL_CLEARING);
                self.release_leg(place, &release, turn);
            }
        }
    }

    /// When [`Self::expire`] is wanted.
    pub fn next_due(&self) -> Option<Time> {
        let orders = self.legs.iter().flatten();
        let orders = orders.filter_map(|leg| leg.order.as_ref().map(|order| order.until));
        let hang_up = self.hang_up.as_ref().map(|hang_up| hang_up.until);
        orders.chain(hang_up).chain(self.lone_until).min()
    }

    /// Does what is due.
    pub fn expire(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now;
        if self.hang_up.as_ref().is_some_and(|one| one.until <= now) {
            self.finish_hang_up(turn);
        }
        for place in Place::ENDPOINTS {
            self.obey(place, turn);
        }
        if self.lone_until.is_some_and(|until| until <= now) {
            self.lone_until = None;
            self.end(EndedBy::Rasline, cause::NETWORK_OUT_OF_ORDER, turn);
        }
    }

    /// Ends the half of an endpoint that its gatekeeper wants out of the call, if its grace is over.
    fn obey(&mut self, place: Place, turn: &mut Turn<'_>) {
        let now = turn.now;
        let is_due = |order: &Order| order.until <= now;
        let Some(order) = self
            .leg_mut(place)
            .and_then(|leg| leg.order.take_if(|one| is_due(one)))
        else {
            return;
        };
        let own = Received::release(self.identifier, cause::NORMAL_UNSPECIFIED);
        let release = order.release.unwrap_or(own);
        self.note_end(EndedBy::Gatekeeper, release.message.cause());
        self.release_leg(place, &release, turn);
        self.release_leg(place.across(), &release, turn);
        self.end_if_deserted(turn);
    }
}
