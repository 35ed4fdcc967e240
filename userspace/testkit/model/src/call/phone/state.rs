//! What a phone shows of its calls.

use std::time::Duration;

/// State of a phone's call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It has no call.
    Idle,
    /// It wants to call, or has sent Setup.
    Calling,
    /// It rings, or the called side does.
    Ringing,
    /// Connect came, or was sent.
    Up,
}

/// Who began a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The phone itself.
    Outgoing,
    /// The other side.
    Incoming,
}

/// Why a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Its user hung up.
    Here,
    /// `ReleaseComplete` came, with this cause.
    There(Option<u8>),
    /// DRQ of the gatekeeper.
    ByGatekeeper,
    /// A connection broke, or its octets are not what the stack wants.
    Broken,
    /// ARJ, or no answer to ARQ.
    Refused,
}

/// How a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// By call signalling itself.
    Signalling,
    /// H.245 in a message of call signalling.
    Tunnel,
    /// H.245 on a connection of its own.
    H245,
}

/// A received message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Time of the message.
    pub at: Duration,
    /// How it came.
    pub via: Via,
    /// The message, without TPKT.
    pub octets: Vec<u8>,
}
