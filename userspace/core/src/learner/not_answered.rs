//! Why the kernel does not answer a registration, in words.

use serde::{Deserialize, Serialize};

use super::Refusal;

/// Why the kernel does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotAnsweredReason {
    /// Not seen often enough yet.
    Learning,
    /// Keep-alive or RCF still change.
    Settling,
    /// Tokens or an integrity check value.
    Secured,
    /// RCF without timeToLive.
    NoTimeToLive,
    /// RRQ longer than a slot can stand for.
    RrqTooLong,
    /// RCF longer than a profile.
    RcfTooLong,
    /// RRQ or RCF shorter than any the kernel knows.
    TooShort,
    /// No room in the kernel's tables.
    TableFull,
    /// Too many registrations behind its address and port.
    Crowded,
    /// The kernel's tables do not take its messages.
    Unfit,
    /// No RCF came for its keep-alive.
    Unconfirmed,
    /// The zone only watches.
    ZoneOff,
}

impl NotAnsweredReason {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Learning,
        Self::Settling,
        Self::Secured,
        Self::NoTimeToLive,
        Self::RrqTooLong,
        Self::RcfTooLong,
        Self::TooShort,
        Self::TableFull,
        Self::Crowded,
        Self::Unfit,
        Self::Unconfirmed,
        Self::ZoneOff,
    ];

    /// A sentence for people.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Learning => "waiting for two keep-alives with the same confirm",
            Self::Settling => "its keep-alives or their confirms still change",
            Self::Secured => {
                "it uses tokens or integrity checks (H.235), which only its gatekeeper can answer"
            }
            Self::NoTimeToLive => "its gatekeeper gives no timeToLive",
            Self::RrqTooLong => "its keep-alive is longer than 512 octets",
            Self::RcfTooLong => "its confirm is longer than 480 octets",
            Self::TooShort => "its keep-alive or confirm is too short to be recognised",
            Self::TableFull => "the kernel's table is full (raise max_registrations)",
            Self::Crowded => "too many registrations behind its address and port",
            Self::Unfit => "its keep-alive or confirm does not fit the kernel's tables",
            Self::Unconfirmed => {
                "its gatekeeper did not confirm its last keep-alive, or that went unseen"
            }
            Self::ZoneOff => "its zone only watches (answer = \"off\")",
        }
    }

    /// The reason that a refusal gives.
    pub(crate) const fn of(refusal: Refusal) -> Self {
        match refusal {
            Refusal::TableFull => Self::TableFull,
            Refusal::Crowded => Self::Crowded,
            Refusal::Unfit => Self::Unfit,
        }
    }
}

impl std::fmt::Display for NotAnsweredReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.sentence())
    }
}

impl From<Refusal> for NotAnsweredReason {
    fn from(refusal: Refusal) -> Self {
        Self::of(refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_sentence() {
        let sentences: std::collections::BTreeSet<_> = NotAnsweredReason::ALL
            .iter()
            .map(|why| why.sentence())
            .collect();
        assert_eq!(sentences.len(), NotAnsweredReason::ALL.len());
    }
}
