//! A `GnuGk` that registers with a parent, as a gateway.
//!
//! ```text
//!  idle --start--> discovering --GCF--> registering --RCF--> registered --timeToLive asked--> lightweight RRQ
//!                      ^                                       |  ^-------------RCF----------------'
//!                      |                                       |-- RRJ --> leaving (URQ) --UCF, URJ or silence--.
//!                      |<--URQ: UCF, then at once -------------'                                                |
//!                      '---- a second later, the next gatekeeper <-------- silence, RRJ, GRJ -------------------'
//! ```
//! A lightweight RRQ asks for three quarters of what the last RCF gave, less 3 s, at least 30 s; after as long it
//! comes. So timeToLive becomes less and less, until the gatekeeper gives what it gives at least: of 120 s, 87, 63, 45,
//! 42, 42. Requests are sent three times, 3 s apart. It stays with the gatekeeper that it moved to. An RCF without
//! timeToLive ends its lightweight RRQs. A URQ without both identifiers is ignored.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::security::Mechanism;
use rasline_h225::types::{RegistrationConfirm, UnregistrationConfirm, UnregistrationRequest};
use rasline_h225::view::{self, Alternates};
use rasline_h225::{RasKind, RasMessage, decode_ras, text};

use super::desk::Desk;
use super::terminal::{confirms, confirms_discovery};
use super::wire::encode_cut;
use super::{Client, Datagram, Entry, Way};
use crate::credentials::{Authenticator, Credentials};

mod messages;

use messages::Link;

const TRIES: u8 = 3;
const TIMEOUT: Duration = Duration::from_secs(3);
/// Delay before the next gatekeeper is tried.
const PAUSE: Duration = Duration::from_secs(1);

/// Identity and settings of a child gatekeeper.
#[derive(Clone, Debug)]
pub struct ChildSettings {
    /// RAS address.
    pub ras: SocketAddr,
    /// callSignalAddress.
    pub call_signal: SocketAddr,
    /// Its h323-ID.
    pub name: String,
    /// Its dialledDigits.
    pub numbers: Vec<String>,
    /// Prefixes that lead to it.
    pub prefixes: Vec<String>,
    /// RAS address of its parent.
    pub parent: SocketAddr,
    /// First timeToLive that it proposes, seconds.
    pub time_to_live: u32,
    /// H.235 credentials: messages other than GRQ are signed, and received messages are checked.
    pub credentials: Option<Credentials>,
    /// UNIX time when [`Client`]'s time is 0.
    pub unix: u32,
}

/// The child gatekeeper.
#[derive(Debug)]
pub struct ChildGatekeeper {
    who: ChildSettings,
    desk: Desk<Goal>,
    proof: Option<Authenticator>,
    /// The current gatekeeper first, then the others, best first.
    gatekeepers: Vec<SocketAddr>,
    identifier: Option<String>,
    eid: Option<String>,
    time_to_live: Option<u32>,
    registered: bool,
    next: Option<(Duration, Next)>,
    rejected: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    KeepAlive,
    Discover,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    Discover,
    Register,
    KeepAlive,
    /// The next gatekeeper is tried.
    Move,
    /// No gatekeeper is left.
    Leave,
}

/// The timeToLive that it proposes after this one was granted, and the delay of its next lightweight RRQ.
#[must_use]
pub const fn asked_after(granted: u32) -> u32 {
    let less = granted.saturating_sub(3);
    (if less < 30 { 30 } else { less }) / 4 * 3
}

impl ChildGatekeeper {
    /// Creates a client that is not started yet.
    #[must_use]
    pub fn new(who: ChildSettings) -> Self {
        Self {
            desk: Desk::new(1, TRIES, TIMEOUT),
            gatekeepers: vec![who.parent],
            proof: who.credentials.clone().map(Authenticator::new),
            who,
            identifier: None,
            eid: None,
            time_to_live: None,
            registered: false,
            next: None,
            rejected: None,
        }
    }

    /// rejectReason of the last RRJ.
    #[must_use]
    pub fn rejected(&self) -> Option<&str> {
        self.rejected.as_deref()
    }

    fn ask(&mut self, now: Duration, goal: Goal) {
        let seq = self.desk.seq();
        let link = Link {
            who: &self.who,
            seq,
            gatekeeper: self.identifier.as_deref(),
            eid: self.eid.as_deref(),
        };
        let message = match goal {
            Goal::Discover => messages::discover(link),
            Goal::Register => messages::register(link),
            Goal::KeepAlive => {
                messages::keep_alive(link, asked_after(self.time_to_live.unwrap_or(0)))
            }
            Goal::Move | Goal::Leave => messages::leave(link),
        };
        let octets = self.encode(now, message);
        self.desk.ask(now, goal, self.gatekeepers[0], octets);
    }

    fn unix(&self, now: Duration) -> u32 {
        let seconds = u32::try_from(now.as_secs()).unwrap_or(u32::MAX);
        self.who.unix.saturating_add(seconds)
    }

    /// Encodes a message; all messages but GRQ are signed if it has a password.
    fn encode(&mut self, now: Duration, mut message: RasMessage) -> Vec<u8> {
        let unix = self.unix(now);
        if let Some(proof) = &mut self.proof
            && message.kind() != RasKind::GatekeeperRequest
        {
            proof.meet(self.identifier.as_deref());
            let octets = proof.sign(&mut message, unix);
            // The extension bitmap is cut as in all messages, which does not affect MD5.
            if proof.mechanism() == Mechanism::HmacSha1 {
                return octets;
            }
        }
        encode_cut(&message)
    }

    /// Whether a message may be processed: checks its sender and authentication.
    fn admits(
        &mut self,
        now: Duration,
        from: SocketAddr,
        octets: &[u8],
        message: &RasMessage,
    ) -> Result<(), &'static str> {
        if !message.kind().is_request() && !self.desk.expects(message.request_seq_num(), from) {
            return Err("answers nothing");
        }
        let unix = self.unix(now);
        match &mut self.proof {
            Some(proof) => proof.check(octets, message, unix),
            None => Ok(()),
        }
    }

    /// Checks an answer, apart from its source, number and kind.
    fn fits(&self, from: SocketAddr, message: &RasMessage) -> Result<(), &'static str> {
        match message {
            RasMessage::GatekeeperConfirm(gcf) => confirms_discovery(from, gcf, None),
            RasMessage::RegistrationConfirm(rcf) => {
                confirms(rcf, self.identifier.as_deref())?;
                let granted = Some(text::from_bmp(&rcf.endpoint_identifier));
                let light = self
                    .desk
                    .waits_as(rcf.request_seq_num, from, |goal| *goal == Goal::KeepAlive);
                if light && granted != self.eid {
                    return Err("RCF to a keep-alive with another endpointIdentifier");
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn lose(&mut self) {
        self.registered = false;
        self.next = None;
        if let Some(proof) = &mut self.proof {
            proof.forget();
        }
    }

    /// Moves the current gatekeeper to the end of the list.
    fn move_on(&mut self, now: Duration) {
        self.lose();
        self.gatekeepers.rotate_left(1);
        self.next = Some((now + PAUSE, Next::Discover));
    }

    fn confirm(&mut self, now: Duration, rcf: &RegistrationConfirm) {
        self.eid = Some(text::from_bmp(&rcf.endpoint_identifier));
        self.registered = true;
        self.time_to_live = rcf.time_to_live;
        self.rejected = None;
        self.next = rcf.time_to_live.map(|granted| {
            let pause = Duration::from_secs(asked_after(granted).into());
            (now + pause, Next::KeepAlive)
        });
    }

    /// A newer list replaces the older one; the current gatekeeper stays first.
    fn learn(&mut self, alternates: Option<Alternates>) {
        let Some(Alternates { mut list, .. }) = alternates else {
            return;
        };
        list.sort_by_key(|one| one.priority);
        self.gatekeepers.truncate(1);
        let others = list.into_iter().map(|one| one.address);
        for one in others.chain([self.who.parent]) {
            if !self.gatekeepers.contains(&one) {
                self.gatekeepers.push(one);
            }
        }
    }

    fn expelled(
        &mut self,
        now: Duration,
        from: SocketAddr,
        urq: &UnregistrationRequest,
    ) -> Result<(), &'static str> {
        if from != self.gatekeepers[0] || !self.registered {
            return Err("URQ of a stranger");
        }
        let (Some(eid), Some(identifier)) = (&urq.endpoint_identifier, &urq.gatekeeper_identifier)
        else {
            return Err("URQ without both identifiers");
        };
        if Some(text::from_bmp(eid)) != self.eid
            || Some(text::from_bmp(identifier)) != self.identifier
        {
            return Err("URQ with other identifiers");
        }
        let ucf = UnregistrationConfirm::new(urq.request_seq_num);
        let ucf = self.encode(now, RasMessage::UnregistrationConfirm(ucf));
        self.desk.say(now, from, ucf);
        self.learn(view::alternates(&RasMessage::UnregistrationRequest(
            urq.clone(),
        )));
        self.lose();
        self.desk.forget();
        self.ask(now, Goal::Discover);
        Ok(())
    }

    fn inquired(&mut self, now: Duration, from: SocketAddr, seq: u16) -> Result<(), &'static str> {
        if from != self.gatekeepers[0] || self.eid.is_none() {
            return Err("IRQ of a stranger");
        }
        let irr = messages::inform(Link {
            who: &self.who,
            seq,
            gatekeeper: self.identifier.as_deref(),
            eid: self.eid.as_deref(),
        });
        let irr = self.encode(now, irr);
        self.desk.say(now, from, irr);
        Ok(())
    }

    fn answered(
        &mut self,
        now: Duration,
        from: SocketAddr,
        message: &RasMessage,
    ) -> Result<(), &'static str> {
        self.fits(from, message)?;
        let Some(request) = self.desk.settle(message, from) else {
            return Err("answers something else");
        };
        self.learn(view::alternates(message));
        match (message, request.goal) {
            (RasMessage::GatekeeperConfirm(gcf), Goal::Discover) => {
                self.identifier = gcf.gatekeeper_identifier.as_ref().map(text::from_bmp);
                self.ask(now, Goal::Register);
            }
            (RasMessage::RegistrationConfirm(rcf), Goal::Register | Goal::KeepAlive) => {
                self.confirm(now, rcf);
            }
            (RasMessage::RegistrationReject(rrj), goal @ (Goal::Register | Goal::KeepAlive)) => {
                let reason = view::registration_reject(&rrj.reject_reason);
                self.rejected = Some(reason.to_owned());
                self.lose();
                match goal {
                    Goal::KeepAlive => self.ask(now, Goal::Move),
                    _ => self.move_on(now),
                }
            }
            (RasMessage::GatekeeperReject(_), Goal::Discover)
            | (
                RasMessage::UnregistrationConfirm(_) | RasMessage::UnregistrationReject(_),
                Goal::Move,
            ) => self.move_on(now),
            (
                RasMessage::UnregistrationConfirm(_) | RasMessage::UnregistrationReject(_),
                Goal::Leave,
            ) => self.lose(),
            _ => return Err("answers something else"),
        }
        Ok(())
    }
}

impl Client for ChildGatekeeper {
    fn address(&self) -> SocketAddr {
        self.who.ras
    }

    fn start(&mut self, now: Duration) {
        self.ask(now, Goal::Discover);
    }

    fn receive(&mut self, now: Duration, from: SocketAddr, octets: &[u8]) {
        let Ok(message) = decode_ras(octets) else {
            return self
                .desk
                .note(now, Way::Ignored("does not decode"), from, octets);
        };
        // The journal contains it before the messages that it causes.
        let at = self.desk.journal().len();
        self.desk.note(now, Way::Used, from, octets);
        let admitted = self.admits(now, from, octets, &message);
        let done = admitted.and_then(|()| match &message {
            RasMessage::UnregistrationRequest(urq) => self.expelled(now, from, urq),
            RasMessage::InfoRequest(irq) => self.inquired(now, from, irq.request_seq_num),
            RasMessage::RequestInProgress(rip) => {
                let delay = Duration::from_millis(rip.delay.into());
                let waits = self.desk.wait(now, rip.request_seq_num, from, delay);
                waits.then_some(()).ok_or("answers nothing")
            }
            _ => self.answered(now, from, &message),
        });
        if let Err(why) = done {
            self.desk.ignored(at, why);
        }
    }

    fn due(&mut self, now: Duration) {
        for request in self.desk.overdue(now) {
            if request.goal == Goal::Leave {
                self.lose();
            } else {
                self.move_on(now);
            }
        }
        match self.next {
            Some((at, next)) if at <= now => {
                self.next = None;
                self.ask(
                    now,
                    match next {
                        Next::KeepAlive => Goal::KeepAlive,
                        Next::Discover => Goal::Discover,
                    },
                );
            }
            _ => {}
        }
    }

    fn next_due(&self) -> Option<Duration> {
        let next = self.next.map(|(at, _)| at);
        self.desk.next_due().into_iter().chain(next).min()
    }

    fn leave(&mut self, now: Duration) {
        if self.registered {
            self.next = None;
            self.desk.forget();
            self.ask(now, Goal::Leave);
        }
    }

    fn take(&mut self) -> Vec<Datagram> {
        self.desk.take()
    }

    fn gatekeeper(&self) -> Option<SocketAddr> {
        self.registered.then(|| self.gatekeepers[0])
    }

    fn endpoint_identifier(&self) -> Option<&str> {
        self.eid.as_deref()
    }

    fn time_to_live(&self) -> Option<u32> {
        self.time_to_live
    }

    fn journal(&self) -> &[Entry] {
        self.desk.journal()
    }
}
