//! The octets that go out, with proof of who sent them (H.235), if that is wanted.
//!
//! Invariant: nothing leaves an agent that has credentials without a token of its own.

use std::net::SocketAddr;

use rasline_h225::security::{self, Key, Mechanism};
use rasline_h225::{EncodeError, RasMessage, encode_ras, text};

use super::agent::{Agent, Step};
use super::{Config, Output};
use crate::Time;
use crate::profile::Authentication;

impl Agent {
    /// The octets of a message.
    pub(super) fn secured(
        &mut self,
        step: &Step<'_>,
        message: &mut RasMessage,
    ) -> Result<Vec<u8>, EncodeError> {
        let random = self.dice.roll() as i32;
        let Some((mechanism, credentials)) =
            mechanism(&self.config).zip(self.config.credentials.as_ref())
        else {
            return encode_ras(message);
        };
        let known = self.registration.as_ref();
        let known = known.and_then(|held| held.gatekeeper_identifier.clone());
        let key = Key {
            identifier: &credentials.identifier,
            peer: &addressee(message).or(known).unwrap_or_default(),
            password: &credentials.password,
        };
        security::sign(message, mechanism, &key, unix(step), random)
    }

    /// Sends what is not answered.
    pub(super) fn send(&mut self, step: &mut Step<'_>, to: SocketAddr, mut message: RasMessage) {
        if let Ok(payload) = self.secured(step, &mut message) {
            let agent = self.config.id;
            step.out.push(Output::Send { agent, to, payload });
        }
    }
}

/// How an agent proves who it is.
pub(super) fn mechanism(config: &Config) -> Option<Mechanism> {
    match config.credentials.as_ref()?.mechanism {
        Authentication::None => None,
        Authentication::Md5 => Some(Mechanism::Md5),
        Authentication::HmacSha1 => Some(Mechanism::HmacSha1),
    }
}

/// gatekeeperIdentifier of whom a request is for, if it names one. Who was not told by name is not named in the token
/// either: an alternate may have another name than the gatekeeper that it stands in for.
fn addressee(message: &RasMessage) -> Option<String> {
    match message {
        RasMessage::GatekeeperRequest(grq) => Some(&grq.gatekeeper_identifier),
        RasMessage::RegistrationRequest(rrq) => Some(&rrq.gatekeeper_identifier),
        RasMessage::UnregistrationRequest(urq) => Some(&urq.gatekeeper_identifier),
        _ => None,
    }
    .map(|named| named.as_ref().map(text::from_bmp).unwrap_or_default())
}

/// UNIX time in seconds.
pub(super) fn unix(step: &Step<'_>) -> u32 {
    let seconds = i64::try_from(step.now.since(Time(0)).as_secs()).unwrap_or(i64::MAX);
    let unix = step.unix_at_zero.saturating_add(seconds);
    u32::try_from(unix.max(0)).unwrap_or(u32::MAX)
}
