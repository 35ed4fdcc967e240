//! What any gatekeeper towards endpoints has: the words that `registrar` and `proxy` share.

mod answer_address;
mod call_key;
mod event;
mod offer;
mod stored;

use serde::{Deserialize, Serialize};

pub(crate) use answer_address::answer_address;
pub(crate) use call_key::{CallKey, MAX_LEGS};
pub use event::{Ended, Event};
pub use offer::Offer;
pub use stored::{Stored, StoredCall, StoredLeg};

/// Number of a registration with a registrar, or of an endpoint with a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryId(pub u64);
