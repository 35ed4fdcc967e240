//! Who controls a call: what a gatekeeper's orders are worth, and what its loss means.
//!
//! ```text
//!                          leg or gatekeeper lost, without an order      both endpoints here
//!  Controlled(gatekeeper) --------------------------------------> Orphan --------------------> joined
//!     |        ^                                                    |
//!     | order  | gatekeeper lost within `leave_grace`               | one endpoint here
//!     v        | (that goes to Orphan as well)                      v
//!  waits for `leave_grace` ---------------------> obeyed: ended    alone, ended after `one_sided_hold`,
//!                                                                  or at once if it is not up, or the other half is ended
//! ```
//! A joined call that is up is announced to the gatekeeper that both endpoints are registered with ([`announcement`]
//! (super::announcement)), and is Controlled by it then.

use std::net::SocketAddr;

use rasline_h225::q931::{self, CallReference, cause};
use rasline_h225::types::AliasAddress;
use rasline_h225::uuie::build;

use super::announcement::{Announcement, NextStep};
use super::directory::EndpointKey;
use super::event::{EndedBy, Happening};
use super::in_flight::Undelivered;
use super::io::Output;
use super::leg::{Leg, Order, SetupTimer};
use super::lifecycle::{Call, Progress, Turn, from_endpoint};
use super::links::Role;
use super::place::Place;
use super::received::Received;
use crate::Time;
use crate::ras_server::{AdmissionAnswer, AdmissionTicket, EntryId, OwnAdmission};

/// How often a call goes back to a gatekeeper that closed its legs although it lived.
const MAX_DROPS: u8 = 2;
/// Call state of a Status, as in Q.931: active.
const ACTIVE: u8 = 10;

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

    /// The gatekeeper closed a leg without a ReleaseComplete. If it ordered the other endpoint out, this one is meant, too.
    pub(super) fn lose_gatekeeper_leg(&mut self, place: Place, turn: &mut Turn<'_>) {
        self.drop_leg(place, turn);
        if self.hang_up.is_some() {
            return self.finish_hang_up(turn);
        }
        if self.announcement.is_some() {
            return self.give_up_announcement(None, turn);
        }
        let ordered = |endpoint: &Place| self.leg(*endpoint).is_some_and(|leg| leg.order.is_some());
        if Place::ENDPOINTS.iter().any(ordered) {
            return self.take_order(place.across(), None, turn);
        }
        let left = self.controller;
        self.lose_gatekeeper(turn);
        if let Some(left) = left {
            self.note_dropped_by(left);
        }
    }

    /// A gatekeeper that lives, as far as is known, closed the legs: it gets the call at most twice again.
    fn note_dropped_by(&mut self, gatekeeper: SocketAddr) {
        let before = self.dropped_by.filter(|(by, _)| *by == gatekeeper);
        let times = before.map_or(0, |(_, times)| times).saturating_add(1);
        self.dropped_by = Some((gatekeeper, times));
        if let Some(announcement) = &mut self.announcement {
            announcement.rest_from(gatekeeper, times > MAX_DROPS);
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
        if self.is_over() || self.announcement.is_some() {
            return;
        }
        self.report(Happening::Orphaned { gatekeeper }, turn);
        self.announcement = Some(Announcement::new(turn.now));
        if self.is_joined {
            return;
        }
        let is_here = |place: &Place| self.leg(*place).is_some();
        if Place::ENDPOINTS.iter().all(is_here) {
            return self.join(turn);
        }
        if self.progress != Progress::Up || self.ended.is_some() {
            return self.end(EndedBy::Rasline, cause::TEMPORARY_FAILURE, turn);
        }
        self.lone_until = Some(turn.now.after(turn.settings.one_sided_hold));
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
        let announcement = self.announcement.as_ref().and_then(Announcement::next_due);
        let setups = self.legs.iter().flatten();
        let setups = setups.filter_map(|leg| leg.setup_timer.map(SetupTimer::due));
        let all = orders.chain(setups).chain(hang_up).chain(self.lone_until);
        all.chain(announcement).min()
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
        if (self.announcement.as_mut()).is_some_and(|one| one.expire(now)) {
            self.give_up_announcement(None, turn);
        }
        for place in [Place::CallerGatekeeper, Place::Called] {
            let timer = self.leg(place).and_then(|leg| leg.setup_timer);
            if timer.is_some_and(|timer| timer.due() <= now) {
                self.give_up_setup(place, turn);
            }
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
        if self.is_joined {
            return self.release_all(&release, turn);
        }
        self.release_leg(place, &release, turn);
        self.release_leg(place.across(), &release, turn);
        self.end_if_deserted(turn);
    }

    // The next gatekeeper.

    /// The parties, if the call waits to be announced: it is up, and both are here.
    pub fn parties_to_announce(&self) -> Option<[EndpointKey; 2]> {
        let is_kept = self.is_joined && self.progress == Progress::Up && self.hang_up.is_none();
        let is_known = self.setup.is_some() && self.identifier.is_some();
        let is_waiting = (self.announcement.as_ref()).is_some_and(Announcement::is_waiting);
        if !is_kept || !is_known || !is_waiting {
            return None;
        }
        self.parties()
    }

    fn parties(&self) -> Option<[EndpointKey; 2]> {
        let party = |place: Place| Some((self.zone, self.leg(place)?.endpoint?));
        Some([party(Place::Caller)?, party(Place::Called)?])
    }

    /// Whether it may be announced to this gatekeeper now.
    pub fn may_announce(&self, gatekeeper: SocketAddr) -> bool {
        let announcement = self.announcement.as_ref();
        announcement.is_some_and(|one| one.may_ask(gatekeeper))
    }

    /// Begins to announce it to a gatekeeper, where this address represents the caller.
    pub fn announce(&mut self, gatekeeper: SocketAddr, own: SocketAddr, turn: &mut Turn<'_>) {
        if let Some(announcement) = &mut self.announcement {
            announcement.begin(gatekeeper, own, turn.now);
            self.ask_admission(Place::Caller, turn);
        }
    }

    /// Asks the gatekeeper for an admission of one of the endpoints.
    fn ask_admission(&mut self, place: Place, turn: &mut Turn<'_>) {
        self.questions += 1;
        let asked = self.own_admission(place);
        if let Some(announcement) = &mut self.announcement {
            announcement.note_question(self.questions);
        }
        match asked {
            Some(asked) => turn.out.push(Output::AskAdmission {
                zone: self.zone,
                asked,
            }),
            None => self.give_up_announcement(None, turn),
        }
    }

    fn own_admission(&self, place: Place) -> Option<OwnAdmission> {
        let [caller, other] = self.parties()?;
        let (attempt, setup) = (self.announcement.as_ref()?.attempt()?, self.setup.as_ref()?);
        let at_gatekeeper = self.leg(place.across()).or_else(|| self.leg(place));
        Some(OwnAdmission {
            ticket: AdmissionTicket {
                call: self.id.0,
                question: self.questions,
            },
            gatekeeper: attempt.gatekeeper,
            caller: caller.1,
            called: other.1,
            answers: place == Place::Called,
            call: self.identifier?,
            conference: setup.conference,
            reference: at_gatekeeper?.reference.value,
        })
    }

    /// Takes the gatekeeper's answer to an ARQ.
    pub fn handle_admission_answer(
        &mut self,
        question: u32,
        answer: AdmissionAnswer,
        turn: &mut Turn<'_>,
    ) {
        let Some(announcement) = &mut self.announcement else {
            return;
        };
        match announcement.handle_answer(question, answer) {
            NextStep::Nothing => {}
            NextStep::GiveUp => self.give_up_announcement(None, turn),
            NextStep::SetUp(to, called) => {
                if self.send_announcement(to, called, turn).is_none() {
                    self.give_up_announcement(None, turn);
                }
            }
            NextStep::AskToAnswer => self.ask_admission(Place::Called, turn),
            NextStep::Connect => self.connect_announcement(turn),
            NextStep::Finish => self.finish_announcement(turn),
        }
    }

    /// Sends the Setup for the caller on a connection of its own. `None`: there can be none.
    fn send_announcement(
        &mut self,
        to: SocketAddr,
        called: Option<AliasAddress>,
        turn: &mut Turn<'_>,
    ) -> Option<()> {
        let own = self.announcement.as_ref()?.attempt()?.own;
        let reference = self.leg(Place::Caller)?.reference.reversed();
        let setup = (self.setup.as_ref()?).announce(reference, (own, to), called)?;
        let place = Place::CallerGatekeeper;
        let role = Role::Leg(self.id, place);
        let link = turn.links.dial(own.ip(), to, role, turn.out);
        self.set_leg(place, Leg::new(link, reference, own, to));
        self.write(place, &setup, turn);
        Some(())
    }

    /// Whether a gatekeeper's Setup for this endpoint is the one that announces the call, and is waited for.
    pub fn accepts_setup(&mut self, gatekeeper: Option<SocketAddr>, endpoint: EntryId) -> bool {
        let called = self.leg(Place::Called).and_then(|leg| leg.endpoint);
        let is_free = self.leg(Place::CalledGatekeeper).is_none();
        let announcement = self.announcement.as_mut();
        called == Some(endpoint)
            && is_free
            && announcement.is_some_and(|one| one.accept_setup(gatekeeper))
    }

    /// The Setup came back: it is answered for the called endpoint, which has the call already.
    pub fn proceed_with_announcement(&mut self, turn: &mut Turn<'_>) {
        let identifier = self.identifier.unwrap_or_default();
        let proceeding = build::call_proceeding(CallReference::GLOBAL, identifier);
        self.write(Place::CalledGatekeeper, &proceeding.into(), turn);
        self.ask_admission(Place::Called, turn);
    }

    fn connect_announcement(&mut self, turn: &mut Turn<'_>) {
        let identifier = self.identifier.unwrap_or_default();
        let conference = self.setup.as_ref().map(|setup| setup.conference);
        let connect = build::connect(
            CallReference::GLOBAL,
            identifier,
            conference.unwrap_or_default(),
        );
        self.write(Place::CalledGatekeeper, &connect.into(), turn);
    }

    /// The gatekeeper controls the call from now on.
    fn finish_announcement(&mut self, turn: &mut Turn<'_>) {
        let Some(announcement) = self.announcement.take() else {
            return;
        };
        let Some(gatekeeper) = announcement.attempt().map(|one| one.gatekeeper) else {
            return;
        };
        self.controller = Some(gatekeeper);
        let after = announcement.waited(turn.now);
        self.report(Happening::Announced { gatekeeper, after }, turn);
    }

    /// The gatekeeper does not take the call, which goes on as before.
    fn give_up_announcement(&mut self, cause: Option<u8>, turn: &mut Turn<'_>) {
        self.release_gatekeeper_legs(turn);
        let announcement = self.announcement.as_mut();
        if let Some(gatekeeper) = announcement.and_then(|one| one.fail(false, turn.now)) {
            self.report(Happening::AnnounceRefused { gatekeeper, cause }, turn);
        }
    }

    fn release_gatekeeper_legs(&mut self, turn: &mut Turn<'_>) {
        let release = Received::release(self.identifier, cause::NORMAL_UNSPECIFIED);
        for place in Place::GATEKEEPERS {
            self.release_leg(place, &release, turn);
        }
    }

    /// A gatekeeper that the call waits for or is being announced to is dead, or has let an endpoint go.
    pub fn forget_gatekeeper(&mut self, gatekeeper: SocketAddr, turn: &mut Turn<'_>) {
        self.dropped_by.take_if(|(by, _)| *by == gatekeeper);
        let Some(announcement) = &mut self.announcement else {
            return;
        };
        announcement.end_rest(gatekeeper);
        let attempt = announcement.attempt();
        if attempt.is_some_and(|one| one.gatekeeper == gatekeeper) {
            announcement.fail(true, turn.now);
            self.release_gatekeeper_legs(turn);
        }
    }

    /// Takes a message of a gatekeeper while the endpoints are joined: an answer to the announcement, an order, or nothing
    /// that concerns the endpoints.
    pub(super) fn handle_controller_message(
        &mut self,
        place: Place,
        received: Received,
        turn: &mut Turn<'_>,
    ) {
        match received.message.message_type {
            q931::RELEASE_COMPLETE if self.announcement.is_some() => {
                self.drop_leg(place, turn);
                self.give_up_announcement(received.message.cause(), turn);
            }
            q931::RELEASE_COMPLETE => self.handle_gatekeeper_release(place, received, turn),
            q931::CONNECT if place == Place::CallerGatekeeper => self.handle_connect(turn),
            q931::STATUS_ENQUIRY => {
                let identifier = self.identifier.unwrap_or_default();
                let status = build::status(CallReference::GLOBAL, identifier, ACTIVE);
                self.write(place, &status.into(), turn);
            }
            _ => {}
        }
    }

    /// The gatekeeper connects the caller: with rasline, which answered for the called endpoint, or with somebody else.
    fn handle_connect(&mut self, turn: &mut Turn<'_>) {
        match &self.announcement {
            Some(announcement) if announcement.is_answered() => self.finish_announcement(turn),
            Some(_) => self.give_up_announcement(None, turn),
            None => {}
        }
    }
}
