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

use super::agent::{Agent, Step};
use super::sign::mechanism;
use super::{Answers, Config, EventKind, Unproved};
use crate::Time;
use crate::access::{Denied, Gate, Limits};
use crate::profile::Authentication;

/// Gatekeepers of which it is known that they sign, at most.
const MOST_SIGNERS: usize = 64;
/// Between two events about this, at least.
const TELL_EVERY: Duration = Duration::from_mins(1);

/// What is known of the proofs of gatekeepers.
#[derive(Debug)]
pub(super) struct Proofs {
    gate: Gate,
    /// Who signs, and which classes of messages.
    signers: BTreeMap<SocketAddr, u8>,
    /// When people were told last, and how many came since then.
    told: Option<Time>,
    untold: u64,
}

impl Default for Proofs {
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
            told: None,
            untold: 0,
        }
    }
}

impl Proofs {
    /// Whoever signed may begin anew.
    pub fn forget_signers(&mut self) {
        self.signers.clear();
    }

    fn signs(&self, from: SocketAddr, class: u8) -> bool {
        let classes = self.signers.get(&from);
        classes.is_some_and(|classes| classes & class != 0)
    }
}

impl Agent {
    /// Whether a message may be believed. If not, that is counted, and people are told now and then.
    pub(super) fn believes(
        &mut self,
        step: &mut Step<'_>,
        from: SocketAddr,
        message: &RasMessage,
        raw: &[u8],
    ) -> bool {
        // What strangers say comes to nothing anyway.
        if !checks(&self.config) || !self.speaks_with(from) {
            return true;
        }
        let class = class(message.kind());
        match self.judge(step, from, message, raw) {
            Ok(()) => {
                self.learn(from, class);
                true
            }
            Err(_) if !self.demands(from, class) => true,
            Err((Unproved::Replayed, _)) if self.is_asked_again(step.now, from, message) => true,
            Err((why, ahead)) => {
                self.doubt(step, from, message.kind(), why, ahead);
                false
            }
        }
    }

    /// Whether the gatekeeper at this address must prove what it says, discovery aside.
    pub(super) fn demands_proof(&self, from: SocketAddr) -> bool {
        self.demands(from, REST)
    }

    fn demands(&self, from: SocketAddr, class: u8) -> bool {
        checks(&self.config)
            && (self.config.answers == Answers::Verified || self.proofs.signs(from, class))
    }

    /// Whether something may come from there: of a gatekeeper, or in answer to a request.
    fn speaks_with(&self, from: SocketAddr) -> bool {
        self.is_known(from) || self.requests.concern(from)
    }

    fn learn(&mut self, from: SocketAddr, class: u8) {
        if self.proofs.signers.len() >= MOST_SIGNERS && !self.proofs.signers.contains_key(&from) {
            let mut signers = std::mem::take(&mut self.proofs.signers);
            signers.retain(|one, _| self.is_known(*one));
            self.proofs.signers = signers;
        }
        *self.proofs.signers.entry(from).or_default() |= class;
    }

    /// A request that gets the same answer as the first time, which may be lost.
    fn is_asked_again(&self, now: Time, from: SocketAddr, message: &RasMessage) -> bool {
        match message {
            RasMessage::UnregistrationRequest(urq) => {
                self.is_repeated(now, from, urq.request_seq_num)
            }
            other => other.kind().is_request(),
        }
    }

    /// Whether it is proved; else why not, and how many seconds its time stamp is ahead of the clock.
    fn judge(
        &mut self,
        step: &Step<'_>,
        from: SocketAddr,
        message: &RasMessage,
        raw: &[u8],
    ) -> Result<(), (Unproved, i64)> {
        let claim = claim_by(message, Mechanism::HmacSha1).ok_or((Unproved::Missing, 0))?;
        let Some(credentials) = &self.config.credentials else {
            return Ok(());
        };
        self.is_made(from, message, raw, (&claim, &credentials.password))
            .map_err(|why| (why, 0))?;
        let unix = step.unix();
        let password = |_: &str| Some(credentials.password.clone());
        let wanted = Authentication::HmacSha1;
        let gate = &mut self.proofs.gate;
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

    /// Whether the gatekeeper there made it, for this agent, whenever that was.
    fn is_made(
        &self,
        from: SocketAddr,
        message: &RasMessage,
        raw: &[u8],
        (claim, password): (&Claim, &str),
    ) -> Result<(), Unproved> {
        let made_for = |peer: &str| {
            let key = Key {
                identifier: &claim.identifier,
                peer,
                password,
            };
            verify(raw, message, Mechanism::HmacSha1, &key)
        };
        if !made_for("") {
            return Err(Unproved::Wrong);
        }
        let ours = self.is_gatekeeper(from, message, &claim.identifier)
            && self.own_names(message).any(|name| made_for(&name));
        if ours {
            Ok(())
        } else {
            Err(Unproved::Misdirected)
        }
    }

    /// Whether this sendersID is that of the gatekeeper there, as far as one is given and known. Not our own: what we said
    /// ourselves must not come back as a gatekeeper's.
    fn is_gatekeeper(&self, from: SocketAddr, message: &RasMessage, sender: &str) -> bool {
        let own = self.config.credentials.as_ref();
        if own.is_some_and(|own| own.identifier == sender) {
            return false;
        }
        // One that is left out shows as whom the message is about.
        if sender.is_empty() || self.identity.as_deref() == Some(sender) {
            return true;
        }
        let held = self.registration.as_ref();
        let held = held.filter(|held| held.gatekeeper == from);
        let held = held.and_then(|held| held.gatekeeper_identifier.clone());
        let asked = self.asked_targets().iter().cloned();
        let here = self.candidates().into_iter().chain(asked);
        let here = here.filter(|one| one.address == from);
        let mut names = here
            .filter_map(|one| one.gatekeeper_identifier)
            .chain(held)
            .chain(gatekeeper_identifier(message))
            .peekable();
        names.peek().is_none() || names.any(|name| name == sender)
    }

    /// By what a gatekeeper may call this agent (generalID).
    fn own_names(&self, message: &RasMessage) -> impl Iterator<Item = String> {
        let granted = match message {
            RasMessage::RegistrationConfirm(rcf) => Some(text::from_bmp(&rcf.endpoint_identifier)),
            _ => None,
        };
        let credentials = self.config.credentials.as_ref();
        let aliases = self.config.devices.iter().flat_map(|one| &one.aliases);
        credentials
            .map(|own| own.identifier.clone())
            .into_iter()
            .chain(self.identity.clone())
            .chain(granted)
            .chain(aliases.cloned())
    }

    fn doubt(
        &mut self,
        step: &mut Step<'_>,
        gatekeeper: SocketAddr,
        message: RasKind,
        why: Unproved,
        ahead: i64,
    ) {
        self.sums.unproved[why as usize] += 1;
        let proofs = &mut self.proofs;
        proofs.untold += 1;
        let recent = |told: Time| step.now.since(told) < TELL_EVERY;
        if proofs.told.is_some_and(recent) {
            return;
        }
        proofs.told = Some(step.now);
        let count = std::mem::take(&mut proofs.untold);
        let kind = EventKind::Unproved {
            gatekeeper,
            message: message.name(),
            why,
            ahead,
            count,
        };
        self.tell(step, kind);
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
fn checks(config: &Config) -> bool {
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
