//! What goes into a registrar and what comes out of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{EntryId, Event};
use crate::Time;
use crate::profile::Profile;
use crate::ras_server::{Offer, Stored, StoredCall};

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// A RAS message came.
    Message {
        /// From where.
        from: SocketAddr,
        /// The gatekeeper's RAS address as the sender knows it, which it is answered from; or a multicast group, where only
        /// GRQs are heard.
        to: SocketAddr,
        /// The message.
        payload: &'a [u8],
    },
    /// It is [`Registrar::next_due`](crate::registrar::Registrar::next_due).
    Due,
    /// The kernel answered a keep-alive of this registration at this time, the last one so far. Also the answer to
    /// [`Output::AskSeen`].
    Seen {
        /// Registration.
        id: EntryId,
        /// When.
        at: Time,
    },
    /// Another profile. Who must not be registered under it any more is unregistered (URQ).
    Profile(Arc<Profile>),
    /// A registration as [`Output::Store`] gave it, maybe to another process. Published if it still holds.
    Restore(Box<Stored>),
    /// A call as [`Output::StoreCall`] gave it, maybe to another process. To be given after the registrations.
    RestoreCall(Box<StoredCall>),
    /// The answer to [`Output::Locate`].
    Located {
        /// As in that.
        ticket: u64,
        /// Where it is; `None`: nobody knows.
        found: Option<Destination>,
    },
    /// The operator drops a registration (URQ).
    Drop {
        /// Registration.
        id: EntryId,
    },
    /// More comes than can be handled now: full registrations get a RIP of this length; `None`: no more.
    Overload(Option<Duration>),
    /// UNIX time in seconds when [`Time`] was 0, anew.
    WallClock {
        /// Seconds.
        unix_at_zero: i64,
    },
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a RAS message.
    Send {
        /// From which of the gatekeeper's addresses.
        from: SocketAddr,
        /// To whom.
        to: SocketAddr,
        /// The message.
        payload: Vec<u8>,
    },
    /// Let the kernel answer this keep-alive from now on, in place of an earlier one of this registration.
    Publish(Box<Offer>),
    /// The kernel must not answer this registration any more.
    Withdraw {
        /// Registration.
        id: EntryId,
    },
    /// timeToLive runs out: did the kernel answer meanwhile? Answered by [`Input::Seen`], if it did.
    AskSeen {
        /// Registration.
        id: EntryId,
    },
    /// Keep across restarts, in place of what was kept of this one.
    Store(Box<Stored>),
    /// Keep no longer.
    Forget {
        /// Registration.
        id: EntryId,
    },
    /// Keep across restarts, in place of what was kept of this call.
    StoreCall(Box<StoredCall>),
    /// Keep no longer.
    ForgetCall {
        /// [`StoredCall::call`].
        call: String,
    },
    /// Somebody wants to call who is not of this zone; answered by [`Input::Located`].
    Locate {
        /// Names the question.
        ticket: u64,
        /// destinationInfo, the numbering plan applied.
        destination: Vec<String>,
    },
    /// Tell people.
    Event(Event),
}

/// Where somebody is to be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Where the call is signalled.
    pub call_signal_address: SocketAddr,
    /// Its RAS address.
    pub ras_address: SocketAddr,
    /// Its aliases.
    pub aliases: Vec<String>,
}
