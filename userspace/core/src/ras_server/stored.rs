//! What is kept of registrations and calls across restarts.

use std::net::SocketAddr;

use rasline_h225::types::CallIdentifier;
use serde::{Deserialize, Serialize};

use super::{CallKey, EntryId};
use crate::Time;

/// What is kept of a registration across restarts. Its endpointIdentifier is its identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Registration.
    pub id: EntryId,
    /// endpointIdentifier.
    pub endpoint_identifier: String,
    /// Where its messages come from.
    pub endpoint: SocketAddr,
    /// The gatekeeper's address as it knows it.
    pub seen_as: SocketAddr,
    /// Its full RRQ, requestSeqNum zeroed; of one that its own gatekeeper had registered, what it would have said. Empty:
    /// that is too long to be kept, the profile must know it.
    pub full: Vec<u8>,
    /// Its lightweight RRQ, requestSeqNum zeroed, if one was seen.
    pub lightweight: Option<Vec<u8>>,
    /// timeToLive given, seconds.
    pub time_to_live: u32,
    /// When it was confirmed.
    pub confirmed: Time,
}

/// What is kept of a call across restarts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCall {
    /// Its name, of its callIdentifier, else of conferenceID and callReferenceValue.
    pub call: String,
    /// callIdentifier, if it has one.
    pub call_identifier: Option<[u8; 16]>,
    /// When it was admitted.
    pub started: Time,
    /// Who takes part.
    pub legs: Vec<StoredLeg>,
}

/// An endpoint's part in a call that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredLeg {
    /// Which endpoint.
    pub endpoint_identifier: String,
    /// It is the one that is called.
    pub answers: bool,
    /// callReferenceValue.
    pub reference: u16,
    /// conferenceID.
    pub conference: [u8; 16],
    /// Bandwidth that it was granted, in units of 100 bit/s.
    pub bandwidth: u32,
}

impl StoredCall {
    /// What it is known by; `None`: the parts of it do not fit each other.
    pub(crate) fn key(&self) -> Option<CallKey> {
        let identifier = self.identifier();
        let of =
            |leg: &StoredLeg| CallKey::new(identifier.as_ref(), &leg.conference, leg.reference);
        let key = of(self.legs.first()?);
        let same = self.legs.iter().all(|leg| of(leg) == key) && key.name() == self.call;
        same.then_some(key)
    }

    /// callIdentifier.
    pub(crate) fn identifier(&self) -> Option<CallIdentifier> {
        self.call_identifier.map(CallIdentifier::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(conference: u8, reference: u16) -> StoredLeg {
        StoredLeg {
            endpoint_identifier: "one".to_owned(),
            answers: false,
            reference,
            conference: [conference; 16],
            bandwidth: 0,
        }
    }

    fn call(call: &str, legs: Vec<StoredLeg>) -> StoredCall {
        StoredCall {
            call: call.to_owned(),
            call_identifier: None,
            started: Time(0),
            legs,
        }
    }

    #[test]
    fn a_key_needs_parts_that_fit() {
        let name = CallKey::new(None, &[7; 16], 5).name();
        let both = |reference| vec![leg(7, 5), leg(7, reference)];
        assert!(call(&name, both(0x8005)).key().is_some());
        assert_eq!(call(&name, both(6)).key(), None);
        assert_eq!(call("another", both(5)).key(), None);
        assert_eq!(call(&name, Vec::new()).key(), None);
    }
}
