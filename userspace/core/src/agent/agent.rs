//! One agent: what it knows, its state, its time.

use std::net::SocketAddr;

use rasline_h225::view::{Alternate, Alternates};
use rasline_h225::{EncodeError, RasMessage};

use super::contested::Contested;
use super::door::Door;
use super::link::Link;
use super::moving::Moving;
use super::registration::Registration;
use super::registration_attempt::RegistrationAttempt;
use super::request::{Expired, Purpose, Requests, URQ};
use super::sign::sign_message;
use super::step::Step;
use super::targets::{self, Target};
use super::verify::Verifier;
use super::{
    Config, ConnectionId, Discovery, Event, EventKind, Loss, Output, Remembered, Unproved, message,
};
use crate::Time;
use crate::transaction::{Backoff, Dice, Retry};

/// Steps that one moment can take at most; more is left to the next [`super::Input::Due`].
const STEPS: usize = 256;

/// See the diagram of the module.
#[derive(Debug)]
pub(super) enum State {
    /// Until its next try.
    Waiting { until: Time },
    /// Discovering or Registering.
    Seeking(RegistrationAttempt),
    /// With the time of the next lightweight RRQ, if the gatekeeper wants any.
    Registered { refresh: Option<Time> },
    /// Asking alternates with lightweight RRQs.
    Moving(Moving),
    /// It has sent a URQ, and waits for the answer.
    Leaving,
}

/// Sums since the start.
#[derive(Debug, Default)]
pub(super) struct Sums {
    pub registrations: u64,
    pub keep_alives: u64,
    pub losses: u64,
    pub ignored: u64,
    pub unproved: [u64; Unproved::ALL.len()],
}

/// One agent, composed of its parts.
#[derive(Debug)]
pub(super) struct Agent {
    pub config: Config,
    pub state: State,
    pub registration: Option<Registration>,
    /// endpointIdentifier that it had last.
    pub identity: Option<String>,
    /// Gatekeeper that it was registered with last.
    pub home: Option<SocketAddr>,
    pub alternates: Vec<Alternate>,
    pub requests: Requests,
    pub link: Link,
    /// Rounds without a taker, in a row.
    pub rounds: Backoff,
    /// Registrations lost soon after they were won, in a row.
    pub flaps: Backoff,
    pub dice: Dice,
    pub sums: Sums,
    pub verifier: Verifier,
    pub door: Door,
    pub contested: Contested,
    /// The last URQ obeyed.
    pub dismissed: Option<(SocketAddr, u16, Time)>,
    /// It was told that nobody takes it.
    pub forlorn: bool,
    /// What is known of it is from before the start.
    pub restored: bool,
    /// It goes for good.
    pub removed: bool,
    /// Its entry among the timers.
    pub indexed: Option<Time>,
    /// What was asked to be kept last.
    pub kept: Option<Remembered>,
    seq: u16,
}

impl Agent {
    pub fn new(config: Config, start: Time) -> Self {
        let mut dice = Dice::new(config.seed ^ u64::from(config.id.0).rotate_left(32));
        let seq = dice.roll() as u16;
        Self {
            config,
            state: State::Waiting { until: start },
            registration: None,
            identity: None,
            home: None,
            alternates: Vec::new(),
            requests: Requests::default(),
            link: Link::default(),
            rounds: Backoff::default(),
            flaps: Backoff::default(),
            dice,
            sums: Sums::default(),
            verifier: Verifier::default(),
            door: Door::default(),
            contested: Contested::default(),
            dismissed: None,
            forlorn: false,
            restored: false,
            removed: false,
            indexed: None,
            kept: None,
            seq,
        }
    }

    /// When something is due.
    pub fn next_due(&self) -> Option<Time> {
        let state = match &self.state {
            State::Waiting { until } => Some(*until),
            State::Registered { refresh } => *refresh,
            State::Moving(moving) => Some(moving.next_due()),
            State::Seeking(_) | State::Leaving => None,
        };
        [state, self.link.next_due(), self.requests.next_due()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does what is due.
    pub fn due(&mut self, step: &mut Step<'_>) {
        for _ in 0..STEPS {
            if !(self.repeat_one(step) || self.state_due(step) || self.link_due(step)) {
                return;
            }
        }
    }

    fn state_due(&mut self, step: &mut Step<'_>) -> bool {
        match &self.state {
            State::Waiting { until } if *until <= step.now => self.wake(step),
            State::Registered {
                refresh: Some(refresh),
            } if *refresh <= step.now => self.refresh(step),
            State::Moving(moving) if moving.next_due() <= step.now => self.moving_due(step),
            _ => return false,
        }
        true
    }

    /// It has waited long enough.
    fn wake(&mut self, step: &mut Step<'_>) {
        let home = self.home.filter(|_| std::mem::take(&mut self.restored));
        let mut known = self.candidates();
        let anywhere = self.config.discovery == Discovery::Multicast;
        match home {
            Some(home) if anywhere || known.iter().any(|one| one.address == home) => {
                known.sort_by_key(|one| one.address != home);
                if anywhere {
                    known.insert(0, Target::learned(home, None));
                }
                self.ask(step, known);
            }
            _ => self.seek(step, Vec::new(), self.config.discovery != Discovery::Off),
        }
    }

    pub fn candidates(&self) -> Vec<Target> {
        targets::candidates(&self.config, &self.alternates)
    }

    /// requestSeqNum of the next request.
    pub const fn next_seq(&mut self) -> u16 {
        self.seq = match self.seq.wrapping_add(1) {
            0 => 1,
            seq => seq,
        };
        self.seq
    }

    pub fn tell(&self, step: &mut Step<'_>, kind: EventKind) {
        step.out.push(Output::Event(Event {
            agent: self.config.id,
            name: self.config.name.clone(),
            kind,
        }));
    }

    /// Adopts the alternates that a message names: a newer list takes the place of the older one (H.225.0 7.9.2). Returns
    /// those to be used for this request.
    pub fn adopt_alternates(&mut self, named: Option<Alternates>) -> Vec<Target> {
        let Some(named) = named else {
            return Vec::new();
        };
        let list = targets::usable(&self.config, &named.list);
        let targets = list.iter().map(Target::from).collect();
        if named.permanent {
            self.alternates = list;
        }
        targets
    }

    /// Keeps what changed, for the next start.
    pub fn keep(&mut self, step: &mut Step<'_>) {
        let remembered = Remembered {
            name: self.config.name.clone(),
            gatekeeper: self.home,
            endpoint_identifier: self.identity.clone(),
            alternates: self.alternates.clone(),
        };
        let nothing = remembered.gatekeeper.is_none() && remembered.alternates.is_empty();
        if self.kept.as_ref() != Some(&remembered) && !(nothing && self.kept.is_none()) {
            self.kept = Some(remembered.clone());
            step.out.push(Output::Persist(remembered));
        }
    }

    /// Sends what is not answered.
    pub fn send(&mut self, step: &mut Step<'_>, to: SocketAddr, mut message: RasMessage) {
        if let Ok(payload) = self.sign(step, &mut message) {
            let agent = self.config.id;
            step.out.push(Output::Send { agent, to, payload });
        }
    }

    /// Sends a request. False: it cannot be encoded, which an event reports.
    pub fn request(
        &mut self,
        step: &mut Step<'_>,
        to: SocketAddr,
        purpose: Purpose,
        retry: Retry,
        message: Result<RasMessage, EncodeError>,
    ) -> bool {
        let built = message.and_then(|mut message| {
            let seq = message.request_seq_num();
            Ok((seq, self.sign(step, &mut message)?))
        });
        let (seq, payload) = match built {
            Ok(built) => built,
            Err(error) => {
                let reason = format!("the request cannot be sent: {error}");
                let gatekeeper = to;
                self.tell(step, EventKind::Rejected { gatekeeper, reason });
                return false;
            }
        };
        let sent = (to, seq, payload.clone());
        let agent = self.config.id;
        step.out.push(Output::Send { agent, to, payload });
        self.requests.insert(step.now, sent, purpose, retry);
        true
    }

    fn sign(&mut self, step: &Step<'_>, message: &mut RasMessage) -> Result<Vec<u8>, EncodeError> {
        let random = self.dice.roll() as i32;
        let held = self.registration.as_ref();
        let gatekeeper = held.and_then(|held| held.gatekeeper_identifier.as_ref());
        sign_message(message, &self.config, gatekeeper, (step.unix(), random))
    }

    /// Repeats or gives up one request that is due; false: none is.
    fn repeat_one(&mut self, step: &mut Step<'_>) -> bool {
        match self.requests.expire_one(step.now) {
            Some(Expired::SendAgain { to, payload }) => {
                let agent = self.config.id;
                step.out.push(Output::Send { agent, to, payload });
            }
            Some(Expired::GivenUp(request)) => self.give_up(step, request.purpose),
            None => return false,
        }
        true
    }

    fn give_up(&mut self, step: &mut Step<'_>, purpose: Purpose) {
        match purpose {
            Purpose::Discover | Purpose::Register { .. } => self.next_candidate(step),
            Purpose::KeepAlive => self.gatekeeper_silent(step),
            Purpose::Ask { .. } => self.ask_on(step),
            Purpose::Leave => {}
        }
    }

    /// A registration that has held for a while makes old failures count no more.
    pub fn calm_if_steady(&mut self, now: Time) {
        let held = self.registration.as_ref();
        if held.is_some_and(|held| held.is_steady(now)) {
            self.flaps.reset();
        }
    }

    /// Unregisters, for good if `removed`.
    pub fn leave(&mut self, step: &mut Step<'_>) {
        self.requests.abandon(step.now);
        self.contested.take();
        self.link.close(step.out);
        if let Some(held) = self.registration.take() {
            self.unregister(
                step,
                held.gatekeeper,
                held.gatekeeper_identifier.as_ref(),
                &held.endpoint_identifier,
            );
        }
        self.identity = None;
        self.state = State::Leaving;
    }

    /// A URQ to whoever has a registration that is not wanted.
    pub fn unregister(
        &mut self,
        step: &mut Step<'_>,
        gatekeeper: SocketAddr,
        gatekeeper_identifier: Option<&String>,
        endpoint_identifier: &str,
    ) {
        let seq = self.next_seq();
        let urq = message::leave(
            &self.config,
            seq,
            gatekeeper_identifier,
            endpoint_identifier,
        );
        self.request(step, gatekeeper, Purpose::Leave, URQ, urq);
    }

    /// Whether nothing of it is left to do.
    pub fn is_gone(&self) -> bool {
        self.removed && self.requests.open.is_empty()
    }

    /// Takes over what was known before the start, unless it has learned something since.
    pub fn restore(&mut self, remembered: Remembered) {
        if !matches!(self.state, State::Waiting { .. }) || self.home.is_some() || self.forlorn {
            return;
        }
        self.alternates = targets::usable(&self.config, &remembered.alternates);
        self.identity.clone_from(&remembered.endpoint_identifier);
        self.home = remembered.gatekeeper;
        self.restored = self.identity.is_some();
        self.kept = Some(remembered);
    }

    /// It is not configured any more.
    pub fn remove(&mut self, step: &mut Step<'_>) {
        self.leave(step);
        self.home = None;
        self.alternates.clear();
        self.keep(step);
        self.removed = true;
    }

    /// The process ends.
    pub fn stop(&mut self, step: &mut Step<'_>) {
        self.leave(step);
        self.keep(step);
        self.removed = true;
    }

    /// It is to be otherwise: what gatekeepers must know brings a full registration, if need be elsewhere.
    pub fn reconfigure(&mut self, step: &mut Step<'_>, config: Config) {
        let old = std::mem::replace(&mut self.config, config);
        if matches!(self.state, State::Leaving) {
            self.removed = false;
            self.state = State::Waiting { until: step.now };
            return;
        }
        if old == self.config {
            return;
        }
        if old.signalling != self.config.signalling {
            self.link.forget_closes();
        }
        if old.allowed_alternates != self.config.allowed_alternates {
            self.alternates = targets::usable(&self.config, &self.alternates);
            self.keep(step);
        }
        if old.credentials != self.config.credentials || old.answers != self.config.answers {
            self.verifier = Verifier::default();
        }
        if old.gatekeepers != self.config.gatekeepers {
            self.drop_old_gatekeeper(step);
        }
        if matches!(self.state, State::Waiting { .. }) {
            return;
        }
        if must_be_known(&old, &self.config) || self.registration.is_none() {
            let discover = self.registration.is_none();
            let first = self.registration.as_ref().map(|held| held.gatekeeper);
            let mut targets = self.candidates();
            targets.sort_by_key(|target| Some(target.address) != first);
            let discover = discover && self.config.discovery != Discovery::Off;
            self.seek(step, targets, discover);
        } else if old.signalling != self.config.signalling {
            self.connect(step);
        }
    }

    /// A gatekeeper that is not configured any more is left, and what it named is forgotten.
    fn drop_old_gatekeeper(&mut self, step: &mut Step<'_>) {
        let configured = |address| {
            self.config
                .gatekeepers
                .iter()
                .any(|one| one.address == address)
        };
        let gone = self.registration.as_ref();
        let gone = gone.is_some_and(|held| !configured(held.gatekeeper));
        if !gone || self.config.discovery == Discovery::Multicast {
            return;
        }
        self.leave(step);
        self.alternates.clear();
        self.home = None;
        self.keep(step);
        self.state = State::Waiting { until: step.now };
    }
}

/// Transitions that the call-signalling connection brings.
impl Agent {
    /// Has a connection to the gatekeeper of the registration, if one is kept to it, and to no other.
    pub fn connect(&mut self, step: &mut Step<'_>) {
        let (agent, signalling) = (self.config.id, self.config.signalling);
        let held = self.registration.as_ref();
        self.link.update(agent, signalling, held, step.out);
    }

    /// A connection was made.
    pub fn connected(&mut self, step: &mut Step<'_>, made: ConnectionId) {
        if let Some(gatekeeper) = self.link.handle_connected(step.now, made, step.out) {
            self.tell(step, EventKind::Connected { gatekeeper });
        }
    }

    /// A connection could not be made, or was lost.
    pub fn lost(&mut self, step: &mut Step<'_>, gone: ConnectionId, why: Loss) {
        let Some(gatekeeper) = self.link.handle_lost(step.now, gone, why) else {
            return;
        };
        self.sums.losses += 1;
        self.tell(step, EventKind::SignallingLost { gatekeeper, why });
        if !matches!(self.state, State::Registered { .. }) {
            self.link.take_closed();
            return;
        }
        let free = u32::try_from(self.candidates().len()).unwrap_or(u32::MAX);
        if !self.link.rest(step.now, &mut self.dice, free.max(2)) {
            self.ask_after_loss(step);
        }
    }

    /// Ends the rest after failures, if its time is over. Returns true if it was.
    pub fn link_due(&mut self, step: &mut Step<'_>) -> bool {
        let is_over = self.link.expire(step.now);
        if is_over && matches!(self.state, State::Registered { .. }) {
            self.ask_after_loss(step);
        }
        is_over
    }

    /// A gatekeeper that closed the connection in order may live; after any other loss it is asked last.
    fn ask_after_loss(&mut self, step: &mut Step<'_>) {
        if self.link.is_closed_in_order() {
            self.ask_own_first(step);
        } else {
            self.ask_others(step, Vec::new());
        }
    }
}

/// Whether a gatekeeper must hear of the change.
fn must_be_known(old: &Config, new: &Config) -> bool {
    old.ras_addresses != new.ras_addresses
        || old.call_signal_addresses != new.call_signal_addresses
        || old.kind != new.kind
        || old.devices != new.devices
        || old.credentials != new.credentials
}
