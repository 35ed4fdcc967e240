//! Who may come in: judges the credentials of messages (H.235), keeps out replays and those who guess.
//!
//! ```text
//!   message ------------------------ no claim: Missing, TooWeak
//!     v
//!   time stamp within the window? --no--> WrongTime
//!     v
//!   password known, hash right?   --no--> Unknown, Wrong: counted against the source and the name; too many: LockedNow
//!     v
//!   made for this gatekeeper?     --no--> NotForUs
//!     v
//!   not seen before?              --no--> Replay
//!     v
//!   Pass
//!
//!   denied, and source or name is locked, and such a one was denied within the last second: Locked (no answer)
//! ```
//! Invariants: nothing of a message is remembered as its sender's before its hash was found right; a message that passed
//! does not pass again; memory is bounded by [`Limits`] whatever comes.
//!
//! Every message is judged, whatever came before it: a right credential always passes. UDP sources can be forged, and
//! names are no secret, so a lock that kept out what is right would be a weapon. What a lock does is to slow down those
//! who fail: they are answered once a second, and else not at all, so that guessing gets no faster by more guesses. The
//! price is one check of a hash, some microseconds, for each message of a locked source. What counts is only what could
//! be guessing: a wrong clock locks nobody. A source is an IPv4 address, or the /64 of an IPv6 address.

mod replay;
mod sources;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rasline_h225::RasMessage;
use rasline_h225::security::{Claim, Key, Mechanism, claim, claim_by, verify};

use crate::Time;
use crate::profile::Authentication;
use replay::{Identities, Mark, Showing};
use sources::{Sources, subscriber};

/// Bounds of a [`Gate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How far a time stamp may be from the clock, both ways.
    pub window: Duration,
    /// Failures of a source, or under a name, within [`Limits::within`] that lock it.
    pub failures: u32,
    /// See [`Limits::failures`].
    pub within: Duration,
    /// How long a source is locked the first time; each further time twice as long.
    pub lock: Duration,
    /// How long it is locked at most. After so long without a lock its earlier ones are forgotten.
    pub max_lock: Duration,
    /// How often a failure of what is locked is answered.
    pub answer_every: Duration,
    /// Sources with failures remembered at most, and names.
    pub sources: usize,
    /// Identifiers remembered at most.
    pub identifiers: usize,
    /// Messages of one identifier remembered at most. With more than these within the window, older ones are taken for
    /// replays.
    pub messages: usize,
    /// How long it is remembered from which address an identifier was shown.
    pub remember: Duration,
    /// generalID that a message must bear, if it bears one (HMAC); empty: any.
    pub general_id: String,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            window: Duration::from_mins(2),
            failures: 10,
            within: Duration::from_mins(1),
            lock: Duration::from_secs(30),
            max_lock: Duration::from_hours(1),
            answer_every: Duration::from_secs(1),
            sources: 16_384,
            identifiers: 262_144,
            messages: 128,
            remember: Duration::from_hours(1),
            general_id: String::new(),
        }
    }
}

/// What let a message in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Nothing is wanted.
    Open,
    /// Its sender knows the password. Whether this is the one that the message is about (its aliases, its
    /// endpointIdentifier) is for the caller to see.
    Proved {
        /// By this.
        mechanism: Mechanism,
        /// Whose it is, as given to the function that looks up the password.
        identifier: String,
    },
}

/// Why a message is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Denied {
    /// Its time stamp is outside of the window.
    WrongTime,
    /// It came before, or cannot be told from one that did.
    Replay,
    /// Nobody of this name has a password.
    Unknown,
    /// The hash is not of this password, or the message was changed on its way.
    Wrong,
    /// The hash is right, but made for another gatekeeper ([`Limits::general_id`]). Nobody guesses so: an endpoint that
    /// moves here may believe yet that it speaks with the one before.
    NotForUs,
    /// It shows nothing, or by means that are not known.
    Missing,
    /// MD5 where HMAC is wanted.
    TooWeak,
    /// It fails, and its source or its name is locked: do not answer.
    Locked,
    /// It was wrong or unknown, and its source or its name is locked from now on.
    LockedNow,
}

/// Judges messages.
#[derive(Clone, Debug)]
pub struct Gate {
    limits: Limits,
    sources: Sources<IpAddr>,
    /// Names, by a digest of each.
    names: Sources<u64>,
    identities: Identities,
}

impl Gate {
    /// One that has seen nothing yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            sources: Sources::default(),
            names: Sources::default(),
            identities: Identities::default(),
        }
    }

    /// Whether a message is let in. `unix` is the wall clock, seconds; `raw` the message as it came; `password` looks up
    /// whom it says it is from: an alias, or an endpointIdentifier.
    ///
    /// A retransmission is a replay, too: answer it as the first time without asking here.
    ///
    /// # Errors
    /// Why it is not.
    #[allow(
        clippy::too_many_arguments,
        reason = "what there is to know of a message"
    )]
    pub fn check(
        &mut self,
        now: Time,
        unix: u32,
        from: SocketAddr,
        raw: &[u8],
        message: &RasMessage,
        wanted: Authentication,
        password: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Pass, Denied> {
        let least = match wanted {
            Authentication::None => return Ok(Pass::Open),
            Authentication::Md5 => Mechanism::Md5,
            Authentication::HmacSha1 => Mechanism::HmacSha1,
        };
        let seen = Seen {
            now,
            unix,
            from,
            raw,
            message,
        };
        self.judge(&seen, least, password)
            .map_err(|denied| self.slow_down(&seen, denied))
    }

    /// What becomes of a message that is denied: counted if it could be a guess, and answered seldom if it is locked.
    fn slow_down(&mut self, seen: &Seen<'_>, denied: Denied) -> Denied {
        let (now, source) = (seen.now, subscriber(seen.from.ip()));
        let name = claim(seen.message).map(|claim| digest(claim.identifier.as_bytes()));
        let source_answers = self.sources.answers(now, &source, &self.limits);
        let name_answers = name.map(|name| self.names.answers(now, &name, &self.limits));
        let locked = source_answers.is_some() || name_answers.flatten().is_some();
        if matches!(denied, Denied::Unknown | Denied::Wrong) {
            let by_source = self.sources.failed(now, source, &self.limits);
            let by_name = name.is_some_and(|name| self.names.failed(now, name, &self.limits));
            if (by_source || by_name) && !locked {
                return Denied::LockedNow;
            }
        }
        let answered = [source_answers, name_answers.flatten()];
        if answered.contains(&Some(false)) {
            Denied::Locked
        } else {
            denied
        }
    }

    /// Whether what fails from this source is answered seldom.
    #[must_use]
    pub fn is_locked(&self, now: Time, source: SocketAddr) -> bool {
        self.sources.is_locked(now, &subscriber(source.ip()))
    }

    /// By the stronger mechanism, or by the other one if that is enough.
    fn judge(
        &mut self,
        seen: &Seen<'_>,
        least: Mechanism,
        password: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Pass, Denied> {
        let mut denied = None;
        for mechanism in [Mechanism::HmacSha1, Mechanism::Md5] {
            let Some(claim) = claim_by(seen.message, mechanism) else {
                continue;
            };
            let why = if mechanism < least {
                Denied::TooWeak
            } else {
                match self.holds(seen, &claim, password) {
                    Ok(()) => {
                        return Ok(Pass::Proved {
                            mechanism,
                            identifier: claim.identifier,
                        });
                    }
                    Err(why) => why,
                }
            };
            denied.get_or_insert(why);
        }
        Err(denied.unwrap_or(Denied::Missing))
    }

    fn holds(
        &mut self,
        seen: &Seen<'_>,
        claim: &Claim,
        password: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(), Denied> {
        let window = u32::try_from(self.limits.window.as_secs()).unwrap_or(u32::MAX);
        if claim.unix.abs_diff(seen.unix) > window {
            return Err(Denied::WrongTime);
        }
        let password = password(&claim.identifier).filter(|password| !password.is_empty());
        let key = Key {
            identifier: &claim.identifier,
            peer: &self.limits.general_id,
            password: password.as_deref().unwrap_or_default(),
        };
        // Computed for the unknown as well, so that the time that it takes does not tell who is known.
        let right = verify(seen.raw, seen.message, claim.mechanism, &key);
        if password.is_none() {
            return Err(Denied::Unknown);
        }
        if !right {
            let anybodys = Key { peer: "", ..key };
            let made =
                !key.peer.is_empty() && verify(seen.raw, seen.message, claim.mechanism, &anybodys);
            return Err(if made {
                Denied::NotForUs
            } else {
                Denied::Wrong
            });
        }
        let showing = Showing {
            now: seen.now,
            unix: seen.unix,
            from: seen.from,
            bound: claim.mechanism == Mechanism::HmacSha1,
            mark: Mark {
                unix: claim.unix,
                random: claim.random,
                digest: digest(seen.raw),
            },
        };
        if self
            .identities
            .is_new(&claim.identifier, &showing, &self.limits)
        {
            Ok(())
        } else {
            Err(Denied::Replay)
        }
    }
}

/// What is judged, and when.
struct Seen<'a> {
    now: Time,
    unix: u32,
    from: SocketAddr,
    raw: &'a [u8],
    message: &'a RasMessage,
}

/// Tells messages apart. Two that agree in it can only be denied, not let in.
fn digest(raw: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    raw.hash(&mut hasher);
    hasher.finish()
}
