//! What a call is known by: its callIdentifier, else conferenceID and callReferenceValue.

use rasline_h225::types::CallIdentifier;

/// Legs of a call at most.
pub(crate) const MAX_LEGS: usize = 8;

/// What a call is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CallKey([u8; 16], Option<u16>);

impl CallKey {
    /// An identifier of zeros is none.
    pub fn new(identifier: Option<&CallIdentifier>, conference: &[u8], reference: u16) -> Self {
        let octets = |octets: &[u8]| <[u8; 16]>::try_from(octets).unwrap_or_default();
        let identifier = identifier.map(|one| octets(&one.guid[..]));
        match identifier.filter(|one| *one != [0; 16]) {
            Some(identifier) => Self(identifier, None),
            // The highest bit only says which side made the call (Q.931 4.3).
            None => Self(octets(conference), Some(reference & 0x7fff)),
        }
    }

    /// Names the call among all of its registrar.
    pub fn name(&self) -> String {
        match self.1 {
            None => self.hex(),
            Some(reference) => format!("{}-{reference}", self.hex()),
        }
    }

    /// For people.
    pub fn hex(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn call_identifiers_come_first() {
        let identifier = CallIdentifier::new([3; 16]);
        let key = |reference| CallKey::new(Some(&identifier), &[7; 16], reference);
        assert_eq!(key(5), key(6));
        assert_eq!(key(5).name(), "03".repeat(16));
    }

    #[test]
    fn without_one_both_sides_name_the_same_call() {
        let zeros = CallIdentifier::new([0; 16]);
        let caller = CallKey::new(Some(&zeros), &[7; 16], 5);
        assert_eq!(caller, CallKey::new(None, &[7; 16], 0x8005));
        assert_ne!(caller, CallKey::new(None, &[7; 16], 6));
        assert_eq!(caller.name(), format!("{}-5", "07".repeat(16)));
    }
}
