//! The registrar: a gatekeeper towards the endpoints of one zone (H.225.0 clause 7).

use std::net::SocketAddr;
use std::sync::Arc;

use rasline_h225::view::Alternate;

use crate::Reserved;
use crate::profile::Profile;

mod additive;
mod admission;
mod adoption;
mod aliases;
mod auth;
mod auth_reject;
mod bandwidth;
mod call_end;
mod calls;
mod capacity;
mod destination;
mod discovery;
mod disengage;
mod entries;
mod expiry;
mod inbound;
mod information;
mod io;
mod location;
mod machine;
mod messages;
mod neighbours;
mod own_requests;
mod policy;
mod predict;
mod profile_index;
mod publish;
mod recall;
mod registration;
mod registration_claim;
mod reply;
mod requests;
mod restore;
mod revoke;
mod rrq;
mod search;
mod sender;
mod view;

pub(crate) use aliases::is_number;
pub use io::{Destination, Input, Output};
pub use machine::Registrar;
pub(crate) use reply::rejection as rejection_name;
pub use view::{Stats, View};

pub use crate::ras_server::{Ended, EntryId, Event, Offer, Stored, StoredCall, StoredLeg};

/// What a registrar is given once.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What it serves.
    pub profile: Arc<Profile>,
    /// Where calls to the gatekeeper go, in RCF; empty is allowed.
    pub call_signal_address: Option<SocketAddr>,
    /// RAS addresses of this machine: neighbours are asked from one of them, of their family. None: from the address that
    /// the gatekeeper was asked at, which must be this machine's then.
    pub here: Vec<SocketAddr>,
    /// Its RAS addresses: a GRQ to a multicast group is answered from the first one of the group's family.
    pub ras_addresses: Vec<SocketAddr>,
    /// Addresses that no endpoint has.
    pub reserved: Reserved,
    /// Alternates that endpoints are told.
    pub alternates: Vec<Alternate>,
    /// Makes endpointIdentifiers differ from those of other registrars and other starts; not secret.
    pub seed: u64,
    /// Requests remembered at most, to answer retransmissions alike.
    pub max_answers: usize,
    /// UNIX time in seconds when [`Time`](crate::Time) was 0.
    pub unix_at_zero: i64,
}
