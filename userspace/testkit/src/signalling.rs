//! Call signalling: TPKT (RFC 1006), Q.931 and the H.225.0 user-user element, as real endpoints and a real gatekeeper
//! sent them; Alerting has the same fields as their CallProceeding.
//!
//! Invariant: a message differs from the real one in the fields that [`Call`] and [`setup`] name, and in the lengths
//! that follow from them. The addresses within a Setup stay the real IPv4 ones when the call runs over IPv6.

use std::{
    io::{self, Read},
    net::{IpAddr, SocketAddr},
};

use crate::messages::unhex;

/// Version and reserved octet of a TPKT.
const TPKT: [u8; 2] = [3, 0];
const Q931: u8 = 8;
const LONGEST: usize = 8192;
/// callIdentifier of the call that the templates are of; conferenceID follows from it.
const GUID: &str = "e209939ac3e3f111862ce6d78ce9115b";
const CONFERENCE: &str = "a410939ac3e3f111862ce6d78ce9115b";
const EID: &str = "1f1c0033003500370035003000300031003400370036005f0065006e00640070";

// Information elements before the user-user one, then the user-user one without its length.
const SETUP: [&str; 2] = [
    "04038090a52804657031006c058135303031700581353030327e",
    "0520b8060008914a00070240020065007000310180833422c00900003d1048333233506c75732073696d706c6500001a312e32382e30202848333233706c75732076312e32382e30290000000101808335000a4d000106b800a410939ac3e3f111862ce6d78ce9115b006d0fa007000a4d000bd2d41100e209939ac3e3f111862ce6d78ce9115b010001001f1c0033003500370035003000300031003400370036005f0065006e0064007001000100070120656e2d757302800180",
];
const CALL_PROCEEDING: [&str; 2] = [
    "2804657032007e",
    "052180060008914a000722c00900003d1048333233506c75732073696d706c6500001a312e32382e30202848333233706c75732076312e32382e3029000000f0e01100e209939ac3e3f111862ce6d78ce9115b01000100010002800180",
];
/// As CallProceeding, without fastConnectRefused.
const ALERTING: &str = "052380060008914a000722c00900003d1048333233506c75732073696d706c6500001a312e32382e30202848333233706c75732076312e32382e3029000000f0c01100e209939ac3e3f111862ce6d78ce9115b0100010002800180";
const CONNECT: &str = "052280060008914a000722c00900003d1048333233506c75732073696d706c6500001a312e32382e30202848333233706c75732076312e32382e3029000000a410939ac3e3f111862ce6d78ce9115b170e201100e209939ac3e3f111862ce6d78ce9115b01000100070120656e2d7573010002800180";
const RELEASE_COMPLETE: [&str; 2] = [
    "080280907e",
    "052580060008914a0007011100e209939ac3e3f111862ce6d78ce9115b04c001800401024a40",
];

/// Message type of Q.931.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// SETUP.
    Setup,
    /// CALL PROCEEDING.
    CallProceeding,
    /// ALERTING.
    Alerting,
    /// CONNECT.
    Connect,
    /// RELEASE COMPLETE.
    ReleaseComplete,
    /// Any other.
    Other(u8),
}

impl Kind {
    const fn octet(self) -> u8 {
        match self {
            Self::Setup => 0x05,
            Self::CallProceeding => 0x02,
            Self::Alerting => 0x01,
            Self::Connect => 0x07,
            Self::ReleaseComplete => 0x5a,
            Self::Other(octet) => octet,
        }
    }

    const fn of(octet: u8) -> Self {
        match octet {
            0x05 => Self::Setup,
            0x02 => Self::CallProceeding,
            0x01 => Self::Alerting,
            0x07 => Self::Connect,
            0x5a => Self::ReleaseComplete,
            other => Self::Other(other),
        }
    }
}

/// Which call a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Call reference value of Q.931, 15 bits.
    pub reference: u16,
    /// callIdentifier.
    pub identifier: [u8; 16],
}

impl Call {
    /// The `n`th call of the endpoint with this address.
    #[must_use]
    pub fn new(n: u16, endpoint: IpAddr) -> Self {
        let mut identifier = [0; 16];
        match endpoint {
            IpAddr::V4(ip) => identifier[..4].copy_from_slice(&ip.octets()),
            IpAddr::V6(ip) => identifier.copy_from_slice(&ip.octets()),
        }
        identifier[4..6].copy_from_slice(&n.to_be_bytes());
        // So that it does not look like the beginning of one, see `parse`.
        for octet in &mut identifier {
            *octet ^= 0xa5;
        }
        Self {
            reference: n & 0x7fff,
            identifier,
        }
    }
}

/// What was read of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its type.
    pub kind: Kind,
    /// Its call. The identifier is zero in a message that has none.
    pub call: Call,
    /// The whole TPKT.
    pub octets: Vec<u8>,
}

/// Setup of an endpoint that signals from `from` to the gatekeeper at `to`.
#[must_use]
pub fn setup(call: Call, from: SocketAddr, to: SocketAddr, eid: &str) -> Vec<u8> {
    let mut user = unhex(SETUP[1]);
    let wide: Vec<u8> = eid.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let text = (wide.len() / 2).saturating_sub(1) as u8;
    let mut open = vec![wide.len() as u8 + 1, text << 1];
    open.extend(wide);
    replace(&mut user, &unhex(EID), &open);
    for (address, real) in [(to, "0a4d000106b8"), (from, "0a4d000bd2d4")] {
        if let IpAddr::V4(ip) = address.ip() {
            let mut octets = ip.octets().to_vec();
            octets.extend(address.port().to_be_bytes());
            replace(&mut user, &unhex(real), &octets);
        }
    }
    message(Kind::Setup, call, &unhex(SETUP[0]), user)
}

/// What a gatekeeper answers to a Setup: CallProceeding, Alerting, Connect.
#[must_use]
pub fn answers(call: Call) -> [Vec<u8>; 3] {
    let before = unhex(CALL_PROCEEDING[0]);
    [
        (Kind::CallProceeding, CALL_PROCEEDING[1]),
        (Kind::Alerting, ALERTING),
        (Kind::Connect, CONNECT),
    ]
    .map(|(kind, user)| message(kind, call, &before, unhex(user)))
}

/// ReleaseComplete of the endpoint that called.
#[must_use]
pub fn release(call: Call) -> Vec<u8> {
    let user = unhex(RELEASE_COMPLETE[1]);
    message(
        Kind::ReleaseComplete,
        call,
        &unhex(RELEASE_COMPLETE[0]),
        user,
    )
}

/// The next message of a stream; none at its end.
///
/// # Errors
/// When the stream fails, or what it gives is no Q.931 in a TPKT.
pub fn read(stream: &mut impl Read) -> io::Result<Option<Message>> {
    let mut head = [0; 4];
    // A read with a timeout is interrupted when the machine was suspended.
    let read = loop {
        match stream.read(&mut head[..1]) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            read => break read?,
        }
    };
    if read == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut head[1..])?;
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    if head[..2] != TPKT || !(9..=LONGEST).contains(&length) {
        return Err(nonsense("no TPKT"));
    }
    let mut octets = head.to_vec();
    octets.resize(length, 0);
    stream.read_exact(&mut octets[4..])?;
    parse(octets).map(Some)
}

fn parse(octets: Vec<u8>) -> io::Result<Message> {
    let &[Q931, 2, high, low, kind] = &octets[4..9] else {
        return Err(nonsense("no Q.931"));
    };
    // An open type of 17 octets that starts with the SEQUENCE's own extension bit: a GlobalUniqueID.
    let guid = octets[9..].windows(18).find(|w| w[..2] == [0x11, 0]);
    let mut identifier = [0; 16];
    if let Some(guid) = guid {
        identifier.copy_from_slice(&guid[2..]);
    }
    Ok(Message {
        kind: Kind::of(kind),
        call: Call {
            reference: u16::from_be_bytes([high & 0x7f, low]),
            identifier,
        },
        octets,
    })
}

fn nonsense(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// A TPKT of these; `before` ends with the identifier of the user-user element.
fn message(kind: Kind, call: Call, before: &[u8], mut user: Vec<u8>) -> Vec<u8> {
    replace(&mut user, &unhex(GUID), &call.identifier);
    replace(&mut user, &unhex(CONFERENCE), &call.identifier);
    let [mut high, low] = call.reference.to_be_bytes();
    if matches!(kind, Kind::CallProceeding | Kind::Alerting | Kind::Connect) {
        high |= 0x80; // towards the side that made the call
    }
    let mut octets = TPKT.to_vec();
    let length = 4 + 5 + before.len() + 2 + user.len();
    octets.extend((length as u16).to_be_bytes());
    octets.extend([Q931, 2, high, low, kind.octet()]);
    octets.extend(before);
    octets.extend((user.len() as u16).to_be_bytes());
    octets.extend(user);
    octets
}

fn replace(octets: &mut Vec<u8>, old: &[u8], new: &[u8]) {
    if let Some(at) = octets.windows(old.len()).position(|w| w == old) {
        octets.splice(at..at + old.len(), new.iter().copied());
    }
}
