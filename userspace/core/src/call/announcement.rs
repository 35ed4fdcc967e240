//! How a call that lost its gatekeeper comes under the control of the next one: it is announced there by an ARQ and a Setup
//! with its own callIdentifier, and rasline answers for the called endpoint when that Setup comes back.
//!
//! ```text
//! Waiting --> Asking --ACF, routed--> SettingUp --Setup comes back--> Answering --ACF--> Answered --Connect--> controlled
//!    ^           | -----ACF, direct----------------------------------> Answering --ACF--> controlled
//!    +-----------+------- refused, lost, or ten seconds are over: rests 1 s .. 30 s from that gatekeeper
//! ```
//!
//! Invariants: one attempt of a call at a time; only the gatekeeper that was asked counts; a gatekeeper that refused or
//! dropped the call rests before it is asked again.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::q931::{CallReference, Message, element};
use rasline_h225::types::{AliasAddress, H323UuPduH323MessageBody as Body};
use rasline_h225::uuie::{build, decode_uuie, encode_uuie};

use super::received::Received;
use crate::Time;
use crate::ras_server::AdmissionAnswer;

/// How long an attempt may take.
const WITHIN: Duration = Duration::from_secs(10);
/// The rest after the first refusal, which doubles with each further one.
const FIRST_REST: Duration = Duration::from_secs(1);
/// The longest rest.
const LONGEST_REST: Duration = Duration::from_secs(30);
/// The rest from a gatekeeper that closed the call's legs: RAS finds out meanwhile whether it lives.
const DROPPED_REST: Duration = Duration::from_secs(2);

/// The announcement of one call.
#[derive(Clone, Debug)]
pub(super) struct Announcement {
    /// When the gatekeeper was lost.
    orphaned: Time,
    attempt: Option<Attempt>,
    rest: Option<Rest>,
    /// How often it was refused.
    refusals: u32,
}

/// A gatekeeper that is not asked for a while.
#[derive(Clone, Copy, Debug)]
struct Rest {
    from: SocketAddr,
    /// `None`: for ever.
    until: Option<Time>,
}

/// An attempt at one gatekeeper.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    /// RAS address of the gatekeeper.
    pub gatekeeper: SocketAddr,
    /// Address that represents the caller there.
    pub own: SocketAddr,
    until: Time,
    /// Number of the question whose answer is waited for.
    question: u32,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The caller's ARQ is under way.
    Asking,
    /// The Setup is under way.
    SettingUp,
    /// The called endpoint's ARQ is under way.
    Answering { is_routed: bool },
    /// The called side is connected.
    Answered,
}

/// What follows from the answer to an ARQ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NextStep {
    /// The answer is to an earlier question.
    Nothing,
    /// The attempt has failed.
    GiveUp,
    /// Send the Setup to this address, for this called alias.
    SetUp(SocketAddr, Option<AliasAddress>),
    /// Ask for the called endpoint.
    AskToAnswer,
    /// Connect the called side.
    Connect,
    /// The gatekeeper has the call.
    Finish,
}

impl Announcement {
    /// The call lost its gatekeeper now.
    pub const fn new(orphaned: Time) -> Self {
        Self {
            orphaned,
            attempt: None,
            rest: None,
            refusals: 0,
        }
    }

    /// Leaves the gatekeeper alone that closed the legs of this call: for a while, or for ever.
    pub fn rest_from(&mut self, gatekeeper: SocketAddr, for_ever: bool) {
        let until = (!for_ever).then(|| self.orphaned.after(DROPPED_REST));
        self.rest = Some(Rest {
            from: gatekeeper,
            until,
        });
    }

    /// Allows this gatekeeper at once: it is known to have been dead.
    pub fn end_rest(&mut self, gatekeeper: SocketAddr) {
        self.rest.take_if(|rest| rest.from == gatekeeper);
    }

    pub const fn is_waiting(&self) -> bool {
        self.attempt.is_none()
    }

    /// Whether this gatekeeper may be asked now.
    pub fn may_ask(&self, gatekeeper: SocketAddr) -> bool {
        self.is_waiting() && self.rest.is_none_or(|rest| rest.from != gatekeeper)
    }

    /// How long the call has been without a gatekeeper.
    pub const fn waited(&self, now: Time) -> Duration {
        now.since(self.orphaned)
    }

    /// Begins an attempt.
    pub fn begin(&mut self, gatekeeper: SocketAddr, own: SocketAddr, now: Time) {
        self.attempt = Some(Attempt {
            gatekeeper,
            own,
            until: now.after(WITHIN),
            question: 0,
            stage: Stage::Asking,
        });
    }

    pub const fn attempt(&self) -> Option<&Attempt> {
        self.attempt.as_ref()
    }

    /// Notes the number of the question that was asked.
    pub const fn note_question(&mut self, question: u32) {
        if let Some(attempt) = &mut self.attempt {
            attempt.question = question;
        }
    }

    /// Takes the answer to a question.
    pub fn handle_answer(&mut self, question: u32, answer: AdmissionAnswer) -> NextStep {
        let Some(attempt) = (self.attempt.as_mut()).filter(|one| one.question == question) else {
            return NextStep::Nothing;
        };
        let (stage, next) = match (attempt.stage, answer) {
            (_, AdmissionAnswer::Refused) => return NextStep::GiveUp,
            (
                Stage::Asking,
                AdmissionAnswer::Granted {
                    to,
                    called,
                    is_routed: true,
                },
            ) => (Stage::SettingUp, NextStep::SetUp(to, called)),
            (Stage::Asking, _) => (Stage::Answering { is_routed: false }, NextStep::AskToAnswer),
            (Stage::Answering { is_routed: true }, _) => (Stage::Answered, NextStep::Connect),
            (Stage::Answering { is_routed: false }, _) => (Stage::Answered, NextStep::Finish),
            (Stage::SettingUp | Stage::Answered, _) => return NextStep::Nothing,
        };
        attempt.stage = stage;
        next
    }

    /// Takes the Setup that came back. False: it is not waited for from this gatekeeper.
    pub fn accept_setup(&mut self, gatekeeper: Option<SocketAddr>) -> bool {
        let is_awaited = |one: &&mut Attempt| {
            one.stage == Stage::SettingUp && Some(one.gatekeeper) == gatekeeper
        };
        let Some(attempt) = self.attempt.as_mut().filter(is_awaited) else {
            return false;
        };
        attempt.stage = Stage::Answering { is_routed: true };
        true
    }

    /// Whether a Connect to the caller is the one that rasline has sent for the called endpoint.
    pub fn is_answered(&self) -> bool {
        self.attempt.is_some_and(|one| one.stage == Stage::Answered)
    }

    /// Ends an attempt that failed. The gatekeeper rests, unless it is dead. Returns the gatekeeper.
    pub fn fail(&mut self, is_dead: bool, now: Time) -> Option<SocketAddr> {
        let from = self.attempt.take()?.gatekeeper;
        if !is_dead {
            let rest = (FIRST_REST * 2_u32.saturating_pow(self.refusals.min(8))).min(LONGEST_REST);
            self.refusals += 1;
            self.rest = Some(Rest {
                from,
                until: Some(now.after(rest)),
            });
        }
        Some(from)
    }

    /// When [`Self::expire`] is wanted.
    pub fn next_due(&self) -> Option<Time> {
        let attempt = self.attempt.map(|one| one.until);
        attempt.or_else(|| self.rest?.until)
    }

    /// Ends a rest that is over. True: the attempt has taken too long.
    pub fn expire(&mut self, now: Time) -> bool {
        self.rest
            .take_if(|rest| rest.until.is_some_and(|until| until <= now));
        self.attempt.is_some_and(|one| one.until <= now)
    }
}

/// The Setup by which a call began, as its announcement needs it.
#[derive(Clone, Debug)]
pub(super) struct OriginalSetup {
    message: Message,
    pub conference: [u8; 16],
}

impl OriginalSetup {
    /// `None`: it names no conference.
    pub fn new(setup: &Received) -> Option<Self> {
        let conference = setup.info.as_ref()?.conference_id()?;
        let message = setup.message.clone();
        Some(Self {
            message,
            conference,
        })
    }

    /// The Setup that announces the call, from one address to another. It names the called endpoint's own alias: what was
    /// dialled may lead to somebody else.
    pub fn announce(
        &self,
        reference: CallReference,
        (source, destination): (SocketAddr, SocketAddr),
        called: Option<AliasAddress>,
    ) -> Option<Received> {
        let announcement = build::Announcement {
            reference,
            source,
            destination,
            endpoint_identifier: None,
        };
        let mut message = build::setup(&self.message, &announcement)?;
        for dialled in [
            element::CALLED_PARTY_NUMBER,
            element::CALLED_PARTY_SUBADDRESS,
        ] {
            message.remove_element(dialled);
        }
        let mut info = decode_uuie(message.user_user()?).ok()?;
        if let Body::Setup(body) = &mut info.h323_uu_pdu.h323_message_body {
            body.destination_address = called.map(|alias| vec![alias].into());
        }
        message.set_user_user(&encode_uuie(&info).ok()?);
        Some(Received::from(message))
    }
}
