//! Whether what comes is the gatekeeper's (H.235.1 procedure I): the other side of [`super::sign`].
//!
//! ```text
//!   message of one that it speaks with
//!     | no hash of the password over it           --> Missing, Wrong
//!     | made by ourselves, or by or for another   --> Misdirected
//!     | time stamp outside of the window          --> WrongTime
//!     | came before                               --> Replayed
//!     v
//!   proved: from now on this gatekeeper must prove what it says
//! ```
//! What is not proved is believed where nothing demands proof ([`Answers`]); else it is counted, people are told, and
//! nothing else happens. What is learned is kept by three classes, since gatekeepers that sign leave out some: answers to
//! GRQs (nobody has shown who it is yet), RIPs (sent before anything is looked at), and all else.
//!
//! Invariants: a message that was proved once does nothing when it comes again, but for the same answer to the same
//! request; memory is bounded.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::security::{Claim, Key, Mechanism, claim_by, verify};
use rasline_h225::{RasKind, RasMessage, text};

use super::sign::mechanism;
use super::step::Step;
use super::{Answers, Config, EventKind, Unproved};
use crate::Time;
use crate::access::{Denied, Gate, Limits};
use crate::profile::Authentication;

/// Gatekeepers of which it is known that they sign, at most.
const MOST_SIGNERS: usize = 64;
/// Between two events about this, at least.
const EVENT_EVERY: Duration = Duration::from_mins(1);

/// What is known of the proofs of gatekeepers.
#[derive(Debug)]
pub(super) struct Verifier {
    gate: Gate,
    /// Gatekeepers that sign, and which classes of messages.
    signers: BTreeMap<SocketAddr, u8>,
    /// When an event reported unproved messages last, and how many came since then.
    reported: Option<Time>,
    unreported: u64,
}

/// A message, and what the agent knows of its sender.
pub(super) struct Received<'a> {
    pub from: SocketAddr,
    pub message: &'a RasMessage,
    pub raw: &'a [u8],
    /// endpointIdentifier of the agent.
    pub identity: Option<&'a str>,
    /// gatekeeperIdentifiers by which the agent knows the sender.
    pub names: Vec<String>,
    /// A request that gets the same answer as the first time, which may be lost.
    pub is_repeated: bool,
}

/// Whether a message may be believed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It is proved, and its gatekeeper must prove what follows.
    Proved,
    /// It may be believed without proof.
    Believed,
    /// It is not proved; with how many seconds its time stamp is ahead of the clock.
    Doubted { why: Unproved, ahead: i64 },
}

impl Default for Verifier {
    fn default() -> Self {
        Self {
            // All of them have one password, and are known by address: there is nobody to lock out.
            gate: Gate::new(Limits {
                failures: u32::MAX,
                sources: 1,
                identifiers: MOST_SIGNERS,
                ..Limits::default()
            }),
            signers: BTreeMap::new(),
            reported: None,
            unreported: 0,
        }
    }
}

impl Verifier {
    /// Forgets which gatekeepers have signed, so that each starts unsigned again.
    pub fn forget_signers(&mut self) {
        self.signers.clear();
    }

    /// True if the gatekeeper at this address must prove what it says, discovery aside.
    pub fn demands_proof(&self, config: &Config, from: SocketAddr) -> bool {
        self.demands(config, from, REST)
    }

    fn demands(&self, config: &Config, from: SocketAddr, class: u8) -> bool {
        let signs = || self.signers.get(&from).is_some_and(|all| all & class != 0);
        checks(config) && (config.answers == Answers::Verified || signs())
    }

    /// Whether a message of a gatekeeper may be believed.
    pub fn verify(
        &mut self,
        step: &Step<'_>,
        config: &Config,
        received: &Received<'_>,
    ) -> Judgement {
        let class = class(received.message.kind());
        match self.judge(step, config, received) {
            Ok(()) => Judgement::Proved,
            Err(_) if !self.demands(config, received.from, class) => Judgement::Believed,
            Err((Unproved::Replayed, _)) if received.is_repeated => Judgement::Believed,
            Err((why, ahead)) => Judgement::Doubted { why, ahead },
        }
    }

    /// A gatekeeper proved a message of this kind: from now on it must prove those of its class. Where there are too many
    /// signers, only those that are still gatekeepers of the agent (`is_known`) stay.
    pub fn learn(
        &mut self,
        from: SocketAddr,
        kind: RasKind,
        is_known: impl Fn(SocketAddr) -> bool,
    ) {
        if self.signers.len() >= MOST_SIGNERS && !self.signers.contains_key(&from) {
            self.signers.retain(|one, _| is_known(*one));
        }
        *self.signers.entry(from).or_default() |= class(kind);
    }

    /// Counts a message that was not proved. Returns an event about all since the last one, if one is due.
    pub fn report(
        &mut self,
        now: Time,
        gatekeeper: SocketAddr,
        kind: RasKind,
        (why, ahead): (Unproved, i64),
    ) -> Option<EventKind> {
        self.unreported += 1;
        let recent = |reported: Time| now.since(reported) < EVENT_EVERY;
        if self.reported.is_some_and(recent) {
            return None;
        }
        self.reported = Some(now);
        Some(EventKind::Unproved {
            gatekeeper,
            message: kind.name(),
            why,
            ahead,
            count: std::mem::take(&mut self.unreported),
        })
    }

    /// Whether it is proved; else why not, and how many seconds its time stamp is ahead of the clock.
    fn judge(
        &mut self,
        step: &Step<'_>,
        config: &Config,
        received: &Received<'_>,
    ) -> Result<(), (Unproved, i64)> {
        let Received {
            from, message, raw, ..
        } = *received;
        let claim = claim_by(message, Mechanism::HmacSha1).ok_or((Unproved::Missing, 0))?;
        let Some(credentials) = &config.credentials else {
            return Ok(());
        };
        received
            .check_parties(config, &claim, &credentials.password)
            .map_err(|why| (why, 0))?;
        let unix = step.unix();
        let password = |_: &str| Some(credentials.password.clone());
        let wanted = Authentication::HmacSha1;
        let gate = &mut self.gate;
        match gate.check(step.now, unix, from, raw, message, wanted, &password) {
            Ok(_) => Ok(()),
            Err(Denied::WrongTime) => {
                let ahead = i64::from(claim.unix) - i64::from(unix);
                Err((Unproved::WrongTime, ahead))
            }
            Err(Denied::Replay) => Err((Unproved::Replayed, 0)),
            Err(_) => Err((Unproved::Wrong, 0)),
        }
    }
}

impl Received<'_> {
    /// Whether the gatekeeper there made it, for this agent, whenever that was.
    fn check_parties(
        &self,
        config: &Config,
        claim: &Claim,
        password: &str,
    ) -> Result<(), Unproved> {
        let made_for = |peer: &str| {
            let key = Key {
                identifier: &claim.identifier,
                peer,
                password,
            };
            verify(self.raw, self.message, Mechanism::HmacSha1, &key)
        };
        if !made_for("") {
            return Err(Unproved::Wrong);
        }
        let ours = self.is_of_gatekeeper(config, &claim.identifier)
            && self.own_names(config).any(|name| made_for(&name));
        if ours {
            Ok(())
        } else {
            Err(Unproved::Misdirected)
        }
    }

    /// Whether this sendersID is that of the gatekeeper there, as far as one is given and known. Not our own: what we sent
    /// ourselves must not come back as a gatekeeper's.
    fn is_of_gatekeeper(&self, config: &Config, sender: &str) -> bool {
        let own = config.credentials.as_ref();
        if own.is_some_and(|own| own.identifier == sender) {
            return false;
        }
        // One that is left out shows as the endpoint that the message is about.
        if sender.is_empty() || self.identity == Some(sender) {
            return true;
        }
        let given = gatekeeper_identifier(self.message);
        let mut names = self.names.iter().chain(&given).peekable();
        names.peek().is_none() || names.any(|name| name == sender)
    }

    /// By what a gatekeeper may call this agent (generalID).
    fn own_names(&self, config: &Config) -> impl Iterator<Item = String> {
        let granted = match self.message {
            RasMessage::RegistrationConfirm(rcf) => Some(text::from_bmp(&rcf.endpoint_identifier)),
            _ => None,
        };
        let credentials = config.credentials.as_ref();
        let aliases = config.devices.iter().flat_map(|one| &one.aliases);
        credentials
            .map(|own| own.identifier.clone())
            .into_iter()
            .chain(self.identity.map(str::to_owned))
            .chain(granted)
            .chain(aliases.cloned())
    }
}

/// Answers to GRQs.
const DISCOVERY: u8 = 1;
/// RIPs.
const PROGRESS: u8 = 2;
/// Everything else.
const REST: u8 = 4;

const fn class(kind: RasKind) -> u8 {
    match kind {
        RasKind::GatekeeperConfirm | RasKind::GatekeeperReject => DISCOVERY,
        RasKind::RequestInProgress => PROGRESS,
        _ => REST,
    }
}

/// Whether it looks for proofs at all: those of MD5 say nothing about the message.
pub(super) fn checks(config: &Config) -> bool {
    config.answers != Answers::Any && mechanism(config) == Some(Mechanism::HmacSha1)
}

/// gatekeeperIdentifier that a message of a gatekeeper gives itself.
fn gatekeeper_identifier(message: &RasMessage) -> Option<String> {
    match message {
        RasMessage::GatekeeperConfirm(gcf) => gcf.gatekeeper_identifier.as_ref(),
        RasMessage::GatekeeperReject(grj) => grj.gatekeeper_identifier.as_ref(),
        RasMessage::RegistrationConfirm(rcf) => rcf.gatekeeper_identifier.as_ref(),
        RasMessage::RegistrationReject(rrj) => rrj.gatekeeper_identifier.as_ref(),
        RasMessage::UnregistrationRequest(urq) => urq.gatekeeper_identifier.as_ref(),
        _ => None,
    }
    .map(text::from_bmp)
}
