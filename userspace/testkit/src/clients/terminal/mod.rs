//! A terminal on h323plus.
//!
//! ```text
//!  idle --start--> discovering --GCF--> registering --RCF--> registered --timeToLive - 5 s--> lightweight RRQ
//!                      ^                     ^                   |  ^------------RCF------------------'
//!                      |                     |<--RRJ fullRegistrationRequired: at once, same gatekeeper
//!                      |                     |<--URQ: UCF, then at once
//!                      '---- a minute after all gatekeepers failed
//! ```
//! Every request is sent twice, 3 s apart. A lightweight RRQ always goes to the first gatekeeper, dead or not; after 6 s
//! of silence to the next one: octet for octet, if the terminal has registered there before, else GRQ and a full RRQ with
//! its endpointIdentifier come first. An RCF without timeToLive ends its lightweight RRQs. A URQ without both identifiers
//! is ignored.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::types::{
    InfoRequest, RegistrationConfirm, RegistrationReject, RegistrationRejectReason,
    UnregistrationRequest,
};
use rasline_h225::view::{self, Alternates};
use rasline_h225::{RasMessage, decode_ras, text};

use super::desk::{Desk, Pending};
use super::{Client, Datagram, Entry, Way};
use crate::messages::ucf;

mod calls;
mod messages;

pub use calls::{Call, CallState};
use messages::Link;

const TRIES: u8 = 2;
const TIMEOUT: Duration = Duration::from_secs(3);
/// So much before timeToLive is over it says that it is still there.
const DEADBAND: u32 = 5;
/// After all gatekeepers failed.
const PAUSE: Duration = Duration::from_mins(1);

/// Who a terminal is.
#[derive(Clone, Debug)]
pub struct TerminalSettings {
    /// RAS address.
    pub ras: SocketAddr,
    /// callSignalAddress.
    pub call_signal: SocketAddr,
    /// Aliases: digits become dialledDigits, everything else an h323-ID.
    pub aliases: Vec<String>,
    /// Its gatekeeper.
    pub gatekeeper: SocketAddr,
    /// requestSeqNum that it begins with.
    pub first_seq: u16,
}

/// The terminal.
#[derive(Debug)]
pub struct Terminal {
    who: TerminalSettings,
    desk: Desk<Goal>,
    /// The configured one, then alternates, best first.
    gatekeepers: Vec<Gatekeeper>,
    eid: Option<String>,
    time_to_live: Option<u32>,
    confirmed_by: Option<SocketAddr>,
    /// When it sends its next lightweight RRQ, or begins anew.
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

/// What a request is for; with which gatekeeper, by its address, or for which call.
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
    /// One that has not begun yet.
    #[must_use]
    pub fn new(who: TerminalSettings) -> Self {
        Self {
            desk: Desk::new(who.first_seq, TRIES, TIMEOUT),
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

    fn discover(&mut self, now: Duration, gatekeeper: SocketAddr) {
        let octets = messages::discover(self.link(gatekeeper));
        self.desk
            .ask(now, Goal::Discover(gatekeeper), gatekeeper, octets);
    }

    fn register(&mut self, now: Duration, gatekeeper: SocketAddr, discovered: bool) {
        let octets = messages::register(self.link(gatekeeper), discovered);
        self.desk
            .ask(now, Goal::Register(gatekeeper), gatekeeper, octets);
    }

    /// To the first gatekeeper, and with its name.
    fn keep_alive(&mut self, now: Duration) {
        let first = self.gatekeepers[0].ras;
        let octets = messages::keep_alive(self.link(first));
        self.desk.ask(now, Goal::KeepAlive(first), first, octets);
    }

    /// Its registration is no more, and it knows.
    fn lose(&mut self, with: SocketAddr) {
        self.confirmed_by = None;
        self.eid = None;
        if let Some(one) = self.gatekeepers.iter_mut().find(|one| one.ras == with) {
            one.registered = false;
        }
    }

    /// One gatekeeper does not answer, or does not want it: the next one, if there is one.
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
                // A gatekeeper that wants the same of a full RRQ gets no second one at once.
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

    /// A newer list replaces the older; the configured gatekeeper stays the first, and who gave the list stays in it.
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

    /// URQ of a gatekeeper. What is wrong with it, if anything.
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
        self.desk.say(now, from, ucf(urq.request_seq_num));
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
        let to = irq.reply_address.as_ref().and_then(text::from_transport);
        self.desk.say(now, to.unwrap_or(from), irr);
        Ok(())
    }

    fn answered(
        &mut self,
        now: Duration,
        from: SocketAddr,
        message: &RasMessage,
    ) -> Result<(), &'static str> {
        let Some(request) = self.desk.settle(message.request_seq_num(), from) else {
            return Err("answers nothing");
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
        // The journal has it before what it leads to.
        let at = self.desk.journal().len();
        self.desk.note(now, Way::Used, from, octets);
        let done = match &message {
            RasMessage::UnregistrationRequest(urq) => self.expelled(now, from, urq),
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
        };
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
        let octets = messages::leave(self.link(with));
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
