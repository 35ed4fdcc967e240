//! A terminal on h323plus.
//!
//! ```text
//!  idle --start--> discovering --GCF--> registering --RCF--> registered --timeToLive - 5 s--> lightweight RRQ
//!                      ^                     ^                   |  ^------------RCF------------------'
//!                      |                     |<--RRJ fullRegistrationRequired: at once, same gatekeeper
//!                      |                     |<--URQ: UCF, then at once
//!                      '---- a minute after all gatekeepers failed
//! ```
//! Every request is sent twice, 3 s apart. A lightweight RRQ always goes to the first gatekeeper, dead or not; after 6
//! s of silence to the next one: octet for octet, if the terminal has registered there before, else GRQ and a full RRQ
//! with its endpointIdentifier come first. An RCF without timeToLive ends its lightweight RRQs. A URQ without both
//! identifiers is ignored.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::types::{
    DisengageConfirm, GatekeeperConfirm, InfoRequest, RegistrationConfirm, RegistrationReject,
    RegistrationRejectReason, UnregistrationConfirm, UnregistrationRequest,
};
use rasline_h225::view::{self, Alternates};
use rasline_h225::{RasMessage, decode_ras, text};

use super::desk::{Desk, Pending};
use super::wire::encode_cut;
use super::{Client, Datagram, Entry, Way};
use crate::credentials::{Authenticator, Credentials};

mod calls;
mod messages;

pub use calls::{Call, CallState};
use messages::Link;

const TRIES: u8 = 2;
const TIMEOUT: Duration = Duration::from_secs(3);
/// It sends a lightweight RRQ this long before timeToLive expires.
const DEADBAND: u32 = 5;
/// Delay after all gatekeepers failed.
const PAUSE: Duration = Duration::from_mins(1);

/// Identity and settings of a terminal.
#[derive(Clone, Debug)]
pub struct TerminalSettings {
    /// RAS address.
    pub ras: SocketAddr,
    /// callSignalAddress.
    pub call_signal: SocketAddr,
    /// Aliases: digits become dialledDigits, everything else an h323-ID.
    pub aliases: Vec<String>,
    /// RAS address of its gatekeeper.
    pub gatekeeper: SocketAddr,
    /// First requestSeqNum.
    pub first_seq: u16,
    /// H.235 credentials: messages other than GRQ are signed, and received messages are checked.
    pub credentials: Option<Credentials>,
    /// UNIX time when [`Client`]'s time is 0.
    pub unix: u32,
}

/// The terminal.
#[derive(Debug)]
pub struct Terminal {
    who: TerminalSettings,
    desk: Desk<Goal>,
    proof: Option<Authenticator>,
    /// The configured one, then alternates, best first.
    gatekeepers: Vec<Gatekeeper>,
    eid: Option<String>,
    time_to_live: Option<u32>,
    confirmed_by: Option<SocketAddr>,
    /// Time of its next lightweight RRQ, or of a new start.
    next: Option<(Duration, Next)>,
    calls: Vec<Call>,
    rejected: Option<String>,
}

#[derive(Clone, Debug)]
struct Gatekeeper {
    ras: SocketAddr,
    identifier: Option<String>,
    registered: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    KeepAlive,
    Discover,
}

/// Purpose of a request, with the address of the gatekeeper or the call.
#[derive(Clone, Copy, Debug)]
enum Goal {
    Discover(SocketAddr),
    Register(SocketAddr),
    KeepAlive(SocketAddr),
    Leave,
    Admit(usize),
    Disengage(usize),
}

impl Terminal {
    /// Creates a terminal that is not started yet.
    #[must_use]
    pub fn new(who: TerminalSettings) -> Self {
        Self {
            desk: Desk::new(who.first_seq, TRIES, TIMEOUT),
            proof: who.credentials.clone().map(Authenticator::new),
            gatekeepers: vec![Gatekeeper {
                ras: who.gatekeeper,
                identifier: None,
                registered: false,
            }],
            who,
            eid: None,
            time_to_live: None,
            confirmed_by: None,
            next: None,
            calls: Vec::new(),
            rejected: None,
        }
    }

    /// rejectReason of the last GRJ or RRJ.
    #[must_use]
    pub fn rejected(&self) -> Option<&str> {
        self.rejected.as_deref()
    }

    fn link(&mut self, gatekeeper: SocketAddr) -> Link<'_> {
        let seq = self.desk.seq();
        let known = self.gatekeepers.iter().find(|one| one.ras == gatekeeper);
        Link {
            who: &self.who,
            seq,
            gatekeeper: known.and_then(|one| one.identifier.as_deref()),
            eid: self.eid.as_deref(),
        }
    }

    fn unix(&self, now: Duration) -> u32 {
        let seconds = u32::try_from(now.as_secs()).unwrap_or(u32::MAX);
        self.who.unix.saturating_add(seconds)
    }

    /// Encodes a message, signed if it has credentials. A hash is over all octets, so nothing is cut then.
    fn encode(&mut self, now: Duration, mut message: RasMessage) -> Vec<u8> {
        let unix = self.unix(now);
        match &mut self.proof {
            Some(proof) => proof.sign(&mut message, unix),
            None => encode_cut(&message),
        }
    }

    /// Makes tokens for this gatekeeper from now on.
    fn deal_with(&mut self, gatekeeper: SocketAddr) {
        let known = self.gatekeepers.iter().find(|one| one.ras == gatekeeper);
        let identifier = known.and_then(|one| one.identifier.as_deref());
        if let Some(proof) = &mut self.proof {
            proof.meet(identifier);
        }
    }

    fn discover(&mut self, now: Duration, gatekeeper: SocketAddr) {
        let octets = encode_cut(&messages::discover(self.link(gatekeeper)));
        self.desk
            .ask(now, Goal::Discover(gatekeeper), gatekeeper, octets);
    }

    fn register(&mut self, now: Duration, gatekeeper: SocketAddr, discovered: bool) {
        self.deal_with(gatekeeper);
        let rrq = messages::register(self.link(gatekeeper), discovered);
        let octets = self.encode(now, rrq);
        self.desk
            .ask(now, Goal::Register(gatekeeper), gatekeeper, octets);
    }

    /// Sends a lightweight RRQ to the first gatekeeper, with its identifier.
    fn keep_alive(&mut self, now: Duration) {
        let first = self.gatekeepers[0].ras;
        self.deal_with(first);
        let rrq = messages::keep_alive(self.link(first));
        let octets = self.encode(now, rrq);
        self.desk.ask(now, Goal::KeepAlive(first), first, octets);
    }

    /// Forgets its registration.
    fn lose(&mut self, with: SocketAddr) {
        self.confirmed_by = None;
        self.eid = None;
        if let Some(proof) = &mut self.proof {
            proof.forget();
        }
        if let Some(one) = self.gatekeepers.iter_mut().find(|one| one.ras == with) {
            one.registered = false;
        }
    }

    /// Tries the next gatekeeper, if there is one, after one did not answer or rejected it.
    fn try_after(&mut self, now: Duration, failed: SocketAddr, keep_alive: Option<Vec<u8>>) {
        let at = self.gatekeepers.iter().position(|one| one.ras == failed);
        let next = at.and_then(|at| self.gatekeepers.get(at + 1)).cloned();
        match (next, keep_alive) {
            (None, _) => {
                self.confirmed_by = None;
                self.next = Some((now + PAUSE, Next::Discover));
            }
            (Some(next), Some(octets)) if next.registered => {
                self.desk
                    .ask(now, Goal::KeepAlive(next.ras), next.ras, octets);
            }
            (Some(next), _) => self.discover(now, next.ras),
        }
    }

    fn give_up(&mut self, now: Duration, request: Pending<Goal>) {
        match request.goal {
            Goal::Discover(with) | Goal::Register(with) => self.try_after(now, with, None),
            Goal::KeepAlive(with) => self.try_after(now, with, Some(request.octets)),
            Goal::Leave => self.lose(request.to),
            Goal::Admit(call) => self.calls[call].state = CallState::Refused("no answer".into()),
            Goal::Disengage(call) => self.calls[call].state = CallState::Over,
        }
    }

    fn confirm(&mut self, now: Duration, from: SocketAddr, rcf: &RegistrationConfirm) {
        self.eid = Some(text::from_bmp(&rcf.endpoint_identifier));
        self.confirmed_by = Some(from);
        self.time_to_live = rcf.time_to_live;
        self.rejected = None;
        self.next = rcf.time_to_live.map(|seconds| {
            let pause = Duration::from_secs(seconds.saturating_sub(DEADBAND).max(1).into());
            (now + pause, Next::KeepAlive)
        });
        if let Some(one) = self.gatekeepers.iter_mut().find(|one| one.ras == from) {
            one.registered = true;
            if let Some(identifier) = &rcf.gatekeeper_identifier {
                one.identifier = Some(text::from_bmp(identifier));
            }
        }
    }

    fn reject(&mut self, now: Duration, goal: Goal, rrj: &RegistrationReject) {
        self.rejected = Some(view::registration_reject(&rrj.reject_reason).to_owned());
        match (&rrj.reject_reason, goal) {
            (
                RegistrationRejectReason::FullRegistrationRequired,
                Goal::Register(with) | Goal::KeepAlive(with),
            ) => {
                self.lose(with);
                // A gatekeeper that rejects a full RRQ in the same way does not get a second one at once.
                if matches!(goal, Goal::KeepAlive(_)) {
                    self.register(now, with, false);
                } else {
                    self.try_after(now, with, None);
                }
            }
            (
                RegistrationRejectReason::DiscoveryRequired,
                Goal::Register(with) | Goal::KeepAlive(with),
            ) => {
                self.lose(with);
                self.discover(now, with);
            }
            (_, Goal::Register(with) | Goal::KeepAlive(with)) => {
                self.lose(with);
                self.try_after(now, with, None);
            }
            _ => {}
        }
    }

    /// A newer list replaces the older one; the configured gatekeeper stays first, and the sender of the list stays in
    /// it.
    fn learn(&mut self, from: SocketAddr, alternates: Option<Alternates>) {
        let Some(Alternates { mut list, .. }) = alternates else {
            return;
        };
        list.sort_by_key(|one| one.priority);
        let named = list.iter().map(|one| {
            let identifier = one.gatekeeper_identifier.clone();
            (one.address, identifier)
        });
        let mut all = vec![self.gatekeepers[0].clone()];
        let first = all[0].ras;
        all.extend(
            self.gatekeepers
                .iter()
                .filter(|one| one.ras == from && one.ras != first)
                .cloned(),
        );
        for (ras, identifier) in named {
            if all.iter().any(|one| one.ras == ras) {
                continue;
            }
            let before = self.gatekeepers.iter().find(|one| one.ras == ras);
            all.push(Gatekeeper {
                ras,
                identifier,
                registered: before.is_some_and(|one| one.registered),
            });
        }
        self.gatekeepers = all;
    }

    /// Handles a URQ of a gatekeeper. Returns why it was ignored.
    fn expelled(
        &mut self,
        now: Duration,
        from: SocketAddr,
        urq: &UnregistrationRequest,
    ) -> Result<(), &'static str> {
        let Some(by) = self.gatekeepers.iter().find(|one| one.ras == from) else {
            return Err("URQ of a stranger");
        };
        let (Some(eid), Some(identifier)) = (&urq.endpoint_identifier, &urq.gatekeeper_identifier)
        else {
            return Err("URQ without both identifiers");
        };
        if Some(text::from_bmp(eid)) != self.eid
            || Some(text::from_bmp(identifier)) != by.identifier
        {
            return Err("URQ with other identifiers");
        }
        let ucf = UnregistrationConfirm::new(urq.request_seq_num);
        let ucf = self.encode(now, RasMessage::UnregistrationConfirm(ucf));
        self.desk.say(now, from, ucf);
        self.lose(from);
        self.next = None;
        self.register(now, from, false);
        Ok(())
    }

    fn inquired(
        &mut self,
        now: Duration,
        from: SocketAddr,
        irq: &InfoRequest,
    ) -> Result<(), &'static str> {
        let Some(by) = self.gatekeepers.iter().find(|one| one.ras == from) else {
            return Err("IRQ of a stranger");
        };
        if self.eid.is_none() {
            return Err("IRQ without a registration");
        }
        let irr = messages::inform(Link {
            who: &self.who,
            seq: irq.request_seq_num,
            gatekeeper: by.identifier.as_deref(),
            eid: self.eid.as_deref(),
        });
        let irr = self.encode(now, irr);
        let to = irq.reply_address.as_ref().and_then(text::from_transport);
        let to = to.unwrap_or(from);
        if to.ip() != from.ip() {
            return Err("IRQ with the replyAddress of another host");
        }
        self.desk.say(now, to, irr);
        Ok(())
    }

    /// Checks an answer, apart from its source, number and kind.
    fn fits(&self, from: SocketAddr, message: &RasMessage) -> Result<(), &'static str> {
        let known = self.gatekeepers.iter().find(|one| one.ras == from);
        let known = known.and_then(|one| one.identifier.as_deref());
        match message {
            RasMessage::GatekeeperConfirm(gcf) => {
                confirms_discovery(from, gcf, known)?;
            }
            RasMessage::RegistrationConfirm(rcf) => {
                confirms(rcf, known)?;
                let granted = text::from_bmp(&rcf.endpoint_identifier);
                let light = self.desk.waits_as(rcf.request_seq_num, from, |goal| {
                    matches!(goal, Goal::KeepAlive(_))
                });
                if light && self.eid.as_ref().is_some_and(|eid| *eid != granted) {
                    return Err("RCF to a keep-alive with another endpointIdentifier");
                }
            }
            _ => {}
        }
        Ok(())
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
        if !self.gatekeepers.iter().any(|one| one.ras == from) {
            return Err("of a stranger");
        }
        let unix = self.unix(now);
        match &mut self.proof {
            Some(proof) => proof.check(octets, message, unix),
            None => Ok(()),
        }
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
        match (message, request.goal) {
            (RasMessage::GatekeeperConfirm(gcf), Goal::Discover(with)) => {
                if let Some(one) = self.gatekeepers.iter_mut().find(|one| one.ras == with)
                    && let Some(identifier) = &gcf.gatekeeper_identifier
                {
                    one.identifier = Some(text::from_bmp(identifier));
                }
                self.register(now, with, true);
            }
            (RasMessage::GatekeeperReject(_), Goal::Discover(with)) => {
                self.try_after(now, with, None);
            }
            (
                RasMessage::RegistrationConfirm(rcf),
                Goal::Register(with) | Goal::KeepAlive(with),
            ) => {
                self.confirm(now, with, rcf);
            }
            (RasMessage::RegistrationReject(rrj), goal) => self.reject(now, goal, rrj),
            (
                RasMessage::UnregistrationConfirm(_) | RasMessage::UnregistrationReject(_),
                Goal::Leave,
            ) => self.lose(from),
            (_, Goal::Admit(call) | Goal::Disengage(call)) => self.calls[call].settle(message),
            _ => return Err("answers something else"),
        }
        Ok(())
    }
}

/// Checks a GCF; `known` is the gatekeeperIdentifier that it asked for.
pub(super) fn confirms_discovery(
    from: SocketAddr,
    gcf: &GatekeeperConfirm,
    known: Option<&str>,
) -> Result<(), &'static str> {
    let named = gcf.gatekeeper_identifier.as_ref().map(text::from_bmp);
    if known.is_some_and(|known| named.is_some_and(|named| named != known)) {
        return Err("GCF of another gatekeeper");
    }
    let ras = text::from_transport(&gcf.ras_address);
    if ras != Some(from) {
        return Err("GCF with a rasAddress that was not asked");
    }
    Ok(())
}

/// Checks an RCF; `known` is the gatekeeperIdentifier of the gatekeeper that was asked.
pub(super) fn confirms(rcf: &RegistrationConfirm, known: Option<&str>) -> Result<(), &'static str> {
    let named = rcf.gatekeeper_identifier.as_ref().map(text::from_bmp);
    if known.is_some_and(|known| named.is_some_and(|named| named != known)) {
        return Err("RCF of another gatekeeper");
    }
    if text::from_bmp(&rcf.endpoint_identifier).is_empty() {
        return Err("RCF without an endpointIdentifier");
    }
    let usable = |address: SocketAddr| address.port() != 0 && !address.ip().is_unspecified();
    let mut calls = rcf
        .call_signal_address
        .iter()
        .filter_map(text::from_transport);
    if !calls.all(usable) {
        return Err("RCF with a callSignalAddress that is none");
    }
    Ok(())
}

impl Client for Terminal {
    fn address(&self) -> SocketAddr {
        self.who.ras
    }

    fn start(&mut self, now: Duration) {
        self.discover(now, self.gatekeepers[0].ras);
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
            RasMessage::DisengageRequest(drq) => self.dropped(drq).map(|()| {
                let dcf = DisengageConfirm::new(drq.request_seq_num);
                let dcf = self.encode(now, RasMessage::DisengageConfirm(dcf));
                self.desk.say(now, from, dcf);
            }),
            RasMessage::InfoRequest(irq) => self.inquired(now, from, irq),
            RasMessage::RequestInProgress(rip) => {
                let delay = Duration::from_millis(rip.delay.into());
                let waits = self.desk.wait(now, rip.request_seq_num, from, delay);
                waits.then_some(()).ok_or("answers nothing")
            }
            _ => {
                let alternates = view::alternates(&message);
                if self.desk.expects(message.request_seq_num(), from) {
                    self.learn(from, alternates);
                }
                self.answered(now, from, &message)
            }
        });
        if let Err(why) = done {
            self.desk.ignored(at, why);
        }
    }

    fn due(&mut self, now: Duration) {
        for request in self.desk.overdue(now) {
            self.give_up(now, request);
        }
        match self.next {
            Some((at, Next::KeepAlive)) if at <= now => {
                self.next = None;
                self.keep_alive(now);
            }
            Some((at, Next::Discover)) if at <= now => {
                self.next = None;
                self.start(now);
            }
            _ => {}
        }
    }

    fn next_due(&self) -> Option<Duration> {
        let next = self.next.map(|(at, _)| at);
        self.desk.next_due().into_iter().chain(next).min()
    }

    fn leave(&mut self, now: Duration) {
        let Some(with) = self.confirmed_by else {
            return;
        };
        self.next = None;
        self.desk.forget();
        let urq = messages::leave(self.link(with));
        let octets = self.encode(now, urq);
        self.desk.ask(now, Goal::Leave, with, octets);
    }

    fn take(&mut self) -> Vec<Datagram> {
        self.desk.take()
    }

    fn gatekeeper(&self) -> Option<SocketAddr> {
        self.confirmed_by
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
