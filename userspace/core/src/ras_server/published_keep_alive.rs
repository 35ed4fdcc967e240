//! Which of a registration's keep-alives the kernel answers.

use std::net::SocketAddr;
use std::ops::Range;

use crate::octets;
use crate::transaction::digest;

/// Where requestSeqNum stands in RRQ and RCF.
const SEQ: Range<usize> = 2..4;

/// The published keep-alive of a registration, by its digest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PublishedKeepAlive {
    published: Option<u64>,
    /// The last one that is not the published one.
    other: Option<u64>,
}

impl PublishedKeepAlive {
    /// Whether one is published.
    pub const fn is_some(self) -> bool {
        self.published.is_some()
    }

    /// Whether this one is published.
    pub fn is(self, digest: u64) -> bool {
        self.published == Some(digest)
    }

    /// Whether a keep-alive is to be published: the first one; the same one again, since that renews what the kernel promises;
    /// and another one when it came twice in a row. Some endpoints never send the same twice, and would be published each
    /// time in vain.
    pub fn admit(&mut self, digest: u64) -> bool {
        if !self.is_some() || self.is(digest) || self.other == Some(digest) {
            return true;
        }
        self.other = Some(digest);
        false
    }

    /// Notes that this one is published.
    pub const fn set(&mut self, digest: u64) {
        self.published = Some(digest);
        self.other = None;
    }

    /// Notes that none is published. Returns whether one was.
    pub const fn clear(&mut self) -> bool {
        self.other = None;
        self.published.take().is_some()
    }
}

/// Whether a slot can hold this RRQ and endpointIdentifier.
pub(crate) fn fits_slot(rrq: &[u8], identifier: &str) -> bool {
    octets::RRQ.contains(&rrq.len()) && octets::utf16(identifier).len() <= octets::EID
}

/// Digest of a keep-alive that fits a slot, requestSeqNum left out: from this address, to a gatekeeper seen as that one, and
/// `more` that its answer depends on.
pub(crate) fn keep_alive_digest(
    rrq: &[u8],
    way: (SocketAddr, SocketAddr),
    more: impl std::hash::Hash,
) -> u64 {
    digest(&(way, &rrq[..SEQ.start], &rrq[SEQ.end..], more))
}

/// An RCF with requestSeqNum zeroed; `None` if the kernel cannot send it.
pub(crate) fn slot_answer(mut rcf: Vec<u8>) -> Option<Vec<u8>> {
    if !octets::RCF.contains(&rcf.len()) {
        return None;
    }
    rcf[SEQ].fill(0);
    Some(rcf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_keep_alive_is_published_when_it_came_twice_in_a_row() {
        let mut published = PublishedKeepAlive::default();
        assert!(published.admit(1), "the first one");
        published.set(1);
        assert!(published.admit(1), "the same one");
        assert!(!published.admit(2));
        assert!(!published.admit(3), "another other one");
        assert!(!published.admit(2), "not in a row");
        assert!(published.admit(2));
        published.set(2);
        assert!(!published.admit(1));
        assert!(published.clear() && !published.clear());
        assert!(published.admit(4), "the first one again");
    }

    #[test]
    fn an_answer_has_no_number() {
        assert_eq!(slot_answer(vec![7; 15]), None);
        assert_eq!(slot_answer(vec![7; 16]).unwrap()[..5], [7, 7, 0, 0, 7]);
    }
}
