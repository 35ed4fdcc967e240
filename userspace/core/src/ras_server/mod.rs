//! What any gatekeeper towards endpoints has: the words that `registrar` and `proxy` share.

mod answer_address;
mod call_fact;
mod call_key;
mod event;
mod offer;
mod own_admission;
mod published_keep_alive;
mod stored;

pub use crate::ids::EntryId;

pub(crate) use answer_address::answer_address;
pub use call_fact::CallFact;
pub(crate) use call_key::{CallKey, MAX_LEGS};
pub use event::{Ended, Event};
pub use offer::Offer;
pub use own_admission::{AdmissionAnswer, AdmissionTicket, OwnAdmission};
pub(crate) use published_keep_alive::{
    PublishedKeepAlive, fits_slot, keep_alive_digest, slot_answer,
};
pub use stored::{Stored, StoredCall, StoredLeg};
