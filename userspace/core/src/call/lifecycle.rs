//! One call: its legs, who controls it, how it ends. What a gatekeeper's loss means is in `control`, how messages go from
//! leg to leg in `relay`.

use std::net::SocketAddr;

use rasline_h225::q931::{self, cause};

use super::Settings;
use super::announcement::{Announcement, OriginalSetup};
use super::event::{EndedBy, Event, Happening};
use super::in_flight::InFlight;
use super::io::{CallId, CallIdentifier, Output};
use super::leg::{Leg, SetupTimer};
use super::links::Links;
use super::place::Place;
use super::received::Received;
use crate::ras_server::EntryId;
use crate::{Time, ZoneIndex};

/// What a call is given to act with.
pub(super) struct Turn<'a> {
    pub now: Time,
    pub settings: &'a Settings,
    pub links: &'a mut Links,
    pub out: &'a mut Vec<Output>,
}

/// How far the set-up is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Progress {
    /// Nobody rings yet.
    SettingUp,
    /// The called endpoint rings.
    Ringing,
    /// It is connected.
    Up,
}

/// An endpoint has hung up; the other one hears it of the gatekeeper, or of rasline when its time is over.
#[derive(Clone, Debug)]
pub(super) struct HangUp {
    pub until: Time,
    pub release: Received,
}

/// A call with its legs.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub id: CallId,
    pub zone: ZoneIndex,
    pub identifier: Option<CallIdentifier>,
    pub started: Time,
    pub connected: Option<Time>,
    /// Aliases of both parties, as the first Setup has them.
    pub caller: Option<String>,
    pub callee: Option<String>,
    pub progress: Progress,
    /// RAS address of the gatekeeper that controls it.
    pub controller: Option<SocketAddr>,
    /// The endpoints are partners of each other; there is no gatekeeper between them.
    pub is_joined: bool,
    /// The Setup of the caller, if that is here.
    pub(super) setup: Option<Box<OriginalSetup>>,
    /// It is to come under the control of another gatekeeper.
    pub(super) announcement: Option<Announcement>,
    /// How many ARQs it has asked for.
    pub(super) questions: u32,
    /// The gatekeeper that closed its legs although it lived, and how often it did.
    pub(super) dropped_by: Option<(SocketAddr, u8)>,
    pub(super) legs: [Option<Leg>; 4],
    pub(super) hang_up: Option<HangUp>,
    /// The gatekeeper is lost, and with it the leg to the other party: the call ends then.
    pub(super) lone_until: Option<Time>,
    /// From the caller, and from the called endpoint.
    pub(super) in_flight: [InFlight; 2],
    /// Who ended it, with the cause.
    pub ended: Option<(EndedBy, Option<u8>)>,
    /// Messages whose addresses could not be replaced.
    pub unpatched: u64,
    /// h245Addresses of another host than that of the endpoint that named them.
    pub foreign_control: u64,
}

impl Call {
    pub fn new(id: CallId, zone: ZoneIndex, identifier: Option<CallIdentifier>, now: Time) -> Self {
        Self {
            id,
            zone,
            identifier,
            started: now,
            connected: None,
            caller: None,
            callee: None,
            progress: Progress::SettingUp,
            controller: None,
            is_joined: false,
            setup: None,
            announcement: None,
            questions: 0,
            dropped_by: None,
            legs: [const { None }; 4],
            hang_up: None,
            lone_until: None,
            in_flight: [InFlight::default(), InFlight::default()],
            ended: None,
            unpatched: 0,
            foreign_control: 0,
        }
    }

    pub fn leg(&self, place: Place) -> Option<&Leg> {
        self.legs[place as usize].as_ref()
    }

    pub(super) fn leg_mut(&mut self, place: Place) -> Option<&mut Leg> {
        self.legs[place as usize].as_mut()
    }

    pub fn set_leg(&mut self, place: Place, leg: Leg) {
        self.legs[place as usize] = Some(leg);
    }

    /// Whether one of its endpoints is this one.
    pub fn has_endpoint(&self, endpoint: EntryId) -> bool {
        let mut legs = self.legs.iter().flatten();
        legs.any(|leg| leg.endpoint == Some(endpoint))
    }

    /// Whether nothing of it is left.
    pub fn is_over(&self) -> bool {
        self.legs.iter().all(Option::is_none)
    }

    /// The leg that messages of this one are relayed to.
    pub(super) fn partner(&self, place: Place) -> Option<Place> {
        let partner = if self.is_joined {
            place.opposite()
        } else {
            place.across()
        };
        self.leg(partner).map(|_| partner)
    }

    /// Takes a message of a leg's connection. Setups are not given to it.
    pub fn handle_message(&mut self, place: Place, received: Received, turn: &mut Turn<'_>) {
        if self.is_joined && !place.is_endpoint() {
            return self.handle_controller_message(place, received, turn);
        }
        if !place.is_endpoint() {
            self.in_flight[from_endpoint(place.across().opposite())].leave(&received);
        }
        if received.is(q931::RELEASE_COMPLETE) {
            return self.handle_release(place, received, turn);
        }
        self.note_answer(place, &received, turn.now);
        let Some(partner) = self.partner(place) else {
            return;
        };
        if place.is_endpoint() && !partner.is_endpoint() {
            self.in_flight[from_endpoint(place)].enter(&received);
        }
        self.forward(place, partner, received, turn);
    }

    /// Notes both parties, by the first Setup of the call.
    pub fn note_parties(&mut self, setup: &Received, turn: &mut Turn<'_>) {
        if self.leg(Place::Caller).is_some() && self.leg(Place::Called).is_some() {
            return;
        }
        (self.caller, self.callee) = setup.parties();
        if self.leg(Place::Caller).is_some() {
            self.setup = OriginalSetup::new(setup).map(Box::new);
        }
        let started = Happening::Started {
            caller: self.caller.clone(),
            callee: self.callee.clone(),
        };
        self.report(started, turn);
    }

    /// Starts the time that the Setup on this leg may take to be answered.
    pub fn await_answer(&mut self, place: Place, turn: &Turn<'_>) {
        if let Some(leg) = self.leg_mut(place) {
            leg.setup_timer = Some(SetupTimer {
                answer_by: Some(turn.now.after(turn.settings.answer_wait)),
                connect_by: turn.now.after(turn.settings.connect_wait),
            });
        }
    }

    /// Notes how far the set-up is by a message of a leg on which a Setup was sent.
    fn note_answer(&mut self, place: Place, received: &Received, now: Time) {
        let Some(leg) = self.leg_mut(place).filter(|leg| leg.setup_timer.is_some()) else {
            return;
        };
        if received.is(q931::CONNECT) {
            leg.setup_timer = None;
        } else if let Some(timer) = &mut leg.setup_timer {
            timer.answer_by = None;
        }
        if received.is(q931::CONNECT) {
            self.progress = Progress::Up;
            self.connected.get_or_insert(now);
        } else if received.is(q931::ALERTING) {
            self.progress = self.progress.max(Progress::Ringing);
        }
    }

    fn handle_release(&mut self, place: Place, release: Received, turn: &mut Turn<'_>) {
        if place.is_endpoint() {
            let by = match place {
                Place::Caller => EndedBy::Caller,
                _ => EndedBy::Called,
            };
            self.note_end(by, release.message.cause());
            self.end_half(place, release, turn);
        } else {
            self.handle_gatekeeper_release(place, release, turn);
        }
    }

    /// The peer of a leg is gone without a word. Its connection is closed already.
    pub fn lose_leg(&mut self, place: Place, turn: &mut Turn<'_>) {
        if place.is_endpoint() {
            self.note_end(EndedBy::Rasline, Some(cause::DESTINATION_OUT_OF_ORDER));
            let release = Received::release(self.identifier, cause::DESTINATION_OUT_OF_ORDER);
            self.end_half(place, release, turn);
        } else {
            self.lose_gatekeeper_leg(place, turn);
        }
    }

    /// A Setup was not answered in time. The gatekeeper may try another endpoint for one that does not answer.
    pub(super) fn give_up_setup(&mut self, place: Place, turn: &mut Turn<'_>) {
        if !place.is_endpoint() {
            return self.end(EndedBy::Rasline, cause::TIMER_EXPIRY, turn);
        }
        self.note_end(EndedBy::Rasline, Some(cause::TIMER_EXPIRY));
        let release = Received::release(self.identifier, cause::TIMER_EXPIRY);
        if let Some(leg) = self.leg_mut(place) {
            leg.waiting.clear();
        }
        self.write(place, &release, turn);
        self.end_half(place, release, turn);
    }

    /// An endpoint's leg ends with this ReleaseComplete, which its partner gets. The other endpoint gets it of the
    /// gatekeeper, if there is one; it has a while for that.
    fn end_half(&mut self, place: Place, release: Received, turn: &mut Turn<'_>) {
        self.drop_leg(place, turn);
        if self.is_joined {
            return self.release_all(&release, turn);
        }
        let Some(partner) = self.partner(place) else {
            return self.end_alone(release, turn);
        };
        self.release_leg(partner, &release, turn);
        if !partner.is_endpoint() && self.leg(place.opposite()).is_some() {
            if self.hang_up.is_none() {
                self.in_flight[from_endpoint(place)].take();
                let until = turn.now.after(turn.settings.release_wait);
                self.hang_up = Some(HangUp { until, release });
            }
        } else {
            self.end_alone(release, turn);
        }
    }

    /// Ends what is left, since no gatekeeper passes on this ReleaseComplete. One that came before goes first.
    fn end_alone(&mut self, release: Received, turn: &mut Turn<'_>) {
        let release = self.hang_up.take().map_or(release, |first| first.release);
        self.release_all(&release, turn);
    }

    /// Writes a ReleaseComplete on all legs that are left.
    pub(super) fn release_all(&mut self, release: &Received, turn: &mut Turn<'_>) {
        for place in Place::ALL {
            self.release_leg(place, release, turn);
        }
    }

    /// The other endpoint gets an endpoint's ReleaseComplete of rasline.
    pub(super) fn finish_hang_up(&mut self, turn: &mut Turn<'_>) {
        if let Some(hang_up) = self.hang_up.take() {
            self.end_alone(hang_up.release, turn);
        }
    }

    /// Ends the call on all legs.
    pub fn end(&mut self, by: EndedBy, cause: u8, turn: &mut Turn<'_>) {
        self.note_end(by, Some(cause));
        self.release_all(&Received::release(self.identifier, cause), turn);
    }

    /// Notes why the call ends, once.
    pub(super) fn note_end(&mut self, by: EndedBy, cause: Option<u8>) {
        self.ended.get_or_insert((by, cause));
    }

    /// Writes a ReleaseComplete on a leg, which is no part of the call any more.
    pub(super) fn release_leg(&mut self, place: Place, release: &Received, turn: &mut Turn<'_>) {
        if let Some(leg) = self.leg_mut(place) {
            leg.waiting.clear();
            self.write(place, release, turn);
            self.drop_leg(place, turn);
        }
    }

    /// Takes a leg out of the call and closes what is its own.
    pub(super) fn drop_leg(&mut self, place: Place, turn: &mut Turn<'_>) {
        let Some(leg) = self.legs[place as usize].take() else {
            return;
        };
        if let Some(listener) = leg.control.listener.id() {
            turn.links.stop_listening(listener, turn.out);
        }
        if let Some(control) = leg.control.link {
            turn.links.close(control, turn.out);
        }
        turn.links.release(leg.link, turn.out);
    }

    pub(super) fn report(&self, happening: Happening, turn: &mut Turn<'_>) {
        turn.out.push(Output::Event(Event {
            zone: self.zone,
            call: self.id,
            identifier: self.identifier,
            happening,
        }));
    }
}

/// Index of the direction whose messages an endpoint sends.
pub(super) const fn from_endpoint(place: Place) -> usize {
    match place {
        Place::Called | Place::CalledGatekeeper => 1,
        Place::Caller | Place::CallerGatekeeper => 0,
    }
}
