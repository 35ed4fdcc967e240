//! The octets that go out, with proof of who sent them (H.235), if that is wanted.
//!
//! Invariant: nothing leaves an agent that has credentials without a token of its own.

use rasline_h225::security::{self, Key, Mechanism};
use rasline_h225::{EncodeError, RasMessage, encode_ras, text};

use super::Config;
use crate::profile::Authentication;

/// The octets of a message, with a token if the agent has credentials. `registered_with`: gatekeeperIdentifier of its
/// gatekeeper.
pub(super) fn sign_message(
    message: &mut RasMessage,
    config: &Config,
    registered_with: Option<&String>,
    (unix, random): (u32, i32),
) -> Result<Vec<u8>, EncodeError> {
    let Some((mechanism, credentials)) = mechanism(config).zip(config.credentials.as_ref()) else {
        return encode_ras(message);
    };
    let peer = addressee(message).or_else(|| registered_with.cloned());
    let key = Key {
        identifier: &credentials.identifier,
        peer: &peer.unwrap_or_default(),
        password: &credentials.password,
    };
    security::sign(message, mechanism, &key, unix, random)
}

/// How an agent proves who it is.
pub(super) fn mechanism(config: &Config) -> Option<Mechanism> {
    match config.credentials.as_ref()?.mechanism {
        Authentication::None => None,
        Authentication::Md5 => Some(Mechanism::Md5),
        Authentication::HmacSha1 => Some(Mechanism::HmacSha1),
    }
}

/// gatekeeperIdentifier of the gatekeeper that a request is for, if it names one. One that is not named in the request is
/// not named in the token either: an alternate may have another name than the gatekeeper that it stands in for.
fn addressee(message: &RasMessage) -> Option<String> {
    match message {
        RasMessage::GatekeeperRequest(grq) => Some(&grq.gatekeeper_identifier),
        RasMessage::RegistrationRequest(rrq) => Some(&rrq.gatekeeper_identifier),
        RasMessage::UnregistrationRequest(urq) => Some(&urq.gatekeeper_identifier),
        _ => None,
    }
    .map(|named| named.as_ref().map(text::from_bmp).unwrap_or_default())
}
