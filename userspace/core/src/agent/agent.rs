//! One agent: what it knows, its state, its time.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::view::{Alternate, Alternates};
use rasline_h225::{EncodeError, RasMessage};

use super::bearing::Bearing;
use super::contested::Contested;
use super::door::Door;
use super::link::Link;
use super::moving::Moving;
use super::registration_attempt::RegistrationAttempt;
use super::request::{Expired, Purpose, Requests, URQ};
use super::sign::sign_message;
use super::targets::{self, Target};
use super::verify::Proofs;
use super::{Config, Discovery, Event, EventKind, Output, Remembered, Unproved, message};
use crate::Time;
use crate::transaction::{Backoff, Dice, Retry};

/// What has held this long holds.
pub(super) const STEADY: Duration = Duration::from_secs(10);
/// Steps that one moment can take at most; more is left to the next [`super::Input::Due`].
const STEPS: usize = 256;

/// What the handling of one input needs.
pub(super) struct Step<'a> {
    pub now: Time,
    pub unix_at_zero: i64,
    pub out: &'a mut Vec<Output>,
}

impl Step<'_> {
    /// UNIX time in seconds.
    pub fn unix(&self) -> u32 {
        let seconds = i64::try_from(self.now.since(Time(0)).as_secs()).unwrap_or(i64::MAX);
        let unix = self.unix_at_zero.saturating_add(seconds);
        u32::try_from(unix.max(0)).unwrap_or(u32::MAX)
    }
}

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
    /// URQ sent.
    Leaving,
}

/// What an RCF said.
#[derive(Clone, Debug)]
pub(super) struct Registration {
    pub gatekeeper: SocketAddr,
    pub gatekeeper_identifier: Option<String>,
    pub endpoint_identifier: String,
    pub time_to_live: Option<u32>,
    pub call_signal_address: SocketAddr,
    /// Last RCF.
    pub confirmed: Time,
    /// First RCF here.
    pub since: Time,
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

/// An agent.
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
    /// Connections lost soon after they were made, or not made, in a row.
    pub drops: Backoff,
    pub dice: Dice,
    pub sums: Sums,
    pub proofs: Proofs,
    pub door: Door,
    pub contested: Contested,
    pub bearing: Bearing,
    /// The gatekeeper closed a connection in order that had been open this long, and is asked whether it lives.
    pub closed: Option<Duration>,
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
    pub connections: u32,
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
            link: Link::Closed,
            rounds: Backoff::default(),
            flaps: Backoff::default(),
            drops: Backoff::default(),
            dice,
            sums: Sums::default(),
            proofs: Proofs::default(),
            door: Door::default(),
            contested: Contested::default(),
            bearing: Bearing::default(),
            closed: None,
            dismissed: None,
            forlorn: false,
            restored: false,
            removed: false,
            indexed: None,
            connections: 0,
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
        let link = match self.link {
            Link::Resting { until } => Some(until),
            _ => None,
        };
        [state, link, self.requests.next_due()]
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
            Purpose::Discover | Purpose::Register { .. } => self.candidate_silent(step),
            Purpose::KeepAlive => self.gatekeeper_silent(step),
            Purpose::Ask { .. } => self.ask_on(step),
            Purpose::Leave => {}
        }
    }

    /// A registration that has held for a while makes old failures count no more.
    pub fn calm_if_steady(&mut self, now: Time) {
        let since = self.registration.as_ref().map(|held| held.since);
        if since.is_some_and(|since| now.since(since) >= STEADY) {
            self.flaps.reset();
        }
    }

    /// Unregisters, for good if `removed`.
    pub fn leave(&mut self, step: &mut Step<'_>) {
        self.requests.abandon(step.now);
        self.contested.take();
        self.close(step);
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
}
