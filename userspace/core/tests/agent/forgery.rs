//! A gatekeeper that signs what it says, and those who only pretend to be it.

use std::net::SocketAddr;

use rasline_core::Time;
use rasline_core::agent::{Agents, Answers, Config, Credentials, Discovery, Input, Unproved, View};
use rasline_core::profile::Authentication;
use rasline_h225::security::{Key, Mechanism, sign};
use rasline_h225::{RasMessage, decode_ras, encode_ras};

use crate::agent::world::{ME, World, config};

pub const UNIX_AT_ZERO: i64 = 1_700_000_000;

/// How a message of a gatekeeper is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgery {
    Unsigned,
    /// Of another password.
    Guessed,
    /// An octet was changed on its way.
    Altered(usize),
    /// In the name of another gatekeeper that has the password.
    OfAnother,
    /// In our own name.
    OfOurs,
    /// For another agent with this password.
    ForAnother,
    /// By a clock that is wrong by so many seconds.
    Off(i64),
}

pub const FORGERIES: [Forgery; 8] = [
    Forgery::Unsigned,
    Forgery::Guessed,
    Forgery::Altered(usize::MAX),
    Forgery::OfAnother,
    Forgery::OfOurs,
    Forgery::ForAnother,
    Forgery::Off(-121),
    Forgery::Off(3600),
];

impl Forgery {
    /// What it is called.
    pub fn why(self) -> Unproved {
        match self {
            Self::Unsigned => Unproved::Missing,
            Self::Guessed | Self::Altered(_) => Unproved::Wrong,
            Self::OfAnother | Self::OfOurs | Self::ForAnother => Unproved::Misdirected,
            Self::Off(_) => Unproved::WrongTime,
        }
    }
}

/// An agent with gatekeepers that it knows by name, HMAC and this policy.
pub fn secured(gatekeepers: &[u8], answers: Answers) -> Config {
    let mut config = config(gatekeepers);
    for (gatekeeper, n) in config.gatekeepers.iter_mut().zip(gatekeepers) {
        gatekeeper.gatekeeper_identifier = Some(format!("gk{n}"));
    }
    Config {
        discovery: Discovery::Unicast,
        answers,
        credentials: Some(Credentials {
            identifier: "gw-a".into(),
            password: "secret".into(),
            mechanism: Authentication::HmacSha1,
        }),
        ..config
    }
}

/// It has begun, and knows the time.
pub fn begun(config: Config) -> World {
    let mut world = World::empty();
    world.input(Input::WallClock {
        unix_at_zero: UNIX_AT_ZERO,
    });
    world.input(Input::Configure(vec![config]));
    world.run(std::time::Duration::ZERO);
    world
}

fn unix(now: Time, off: i64) -> u32 {
    let unix = UNIX_AT_ZERO + (now.0 / 1_000_000_000).cast_signed() + off;
    u32::try_from(unix).unwrap()
}

fn token(octets: &[u8], n: u8, random: i32, now: Time, how: Option<Forgery>) -> Vec<u8> {
    let mut message = decode_ras(octets).unwrap();
    let (name, other) = (format!("gk{n}"), format!("gk{}", n + 100));
    let key = Key {
        identifier: match how {
            Some(Forgery::OfAnother) => &other,
            Some(Forgery::OfOurs) => "gw-a",
            _ => &name,
        },
        peer: if how == Some(Forgery::ForAnother) {
            "gw-b"
        } else {
            "gw-a"
        },
        password: if how == Some(Forgery::Guessed) {
            "Secret"
        } else {
            "secret"
        },
    };
    let off = match how {
        Some(Forgery::Off(seconds)) => seconds,
        _ => 0,
    };
    sign(
        &mut message,
        Mechanism::HmacSha1,
        &key,
        unix(now, off),
        random,
    )
    .unwrap()
}

/// As gatekeeper `n` sends it.
pub fn genuine(octets: &[u8], n: u8, random: i32, now: Time) -> Vec<u8> {
    token(octets, n, random, now, None)
}

/// As somebody else does.
pub fn forged(octets: &[u8], n: u8, random: i32, now: Time, how: Forgery) -> Vec<u8> {
    match how {
        Forgery::Unsigned => octets.to_vec(),
        Forgery::Altered(at) => {
            let mut octets = token(octets, n, random, now, None);
            // Its number, or one of the last octets, which are in the token.
            let length = octets.len();
            let at = if at < length { length - 1 - at % 8 } else { 2 };
            octets[at] ^= 1;
            octets
        }
        how => token(octets, n, random, now, Some(how)),
    }
}

/// All that is not a sum of what came to nothing.
#[derive(Debug, PartialEq)]
pub struct Standing {
    view: Option<View>,
    due: Option<Time>,
    sent: Vec<Vec<u8>>,
    connections: Vec<SocketAddr>,
    persisted: usize,
}

impl Standing {
    /// But for what it demands.
    pub fn is_like(&self, other: &Self) -> bool {
        let view = other.view.clone().map(|view| View {
            proof_demanded: self.view.as_ref().is_some_and(|own| own.proof_demanded),
            ..view
        });
        self.view == view
            && self.due == other.due
            && self.sent == other.sent
            && self.connections == other.connections
            && self.persisted == other.persisted
    }
}

pub fn standing(world: &World) -> Standing {
    let agents: &Agents = &world.agents;
    Standing {
        view: agents.view(ME).map(|view| View {
            ignored: 0,
            unproved: [0; Unproved::ALL.len()],
            ..view
        }),
        due: agents.next_due(),
        sent: world.sent.iter().map(|sent| sent.raw.clone()).collect(),
        connections: world.connections.iter().map(|(_, to)| *to).collect(),
        persisted: world.persisted.len(),
    }
}

/// How many messages were not proved, for this reason and for all.
pub fn counted(world: &World, why: Unproved) -> (u64, u64) {
    let all = world.view().unproved;
    (all[why as usize], all.iter().sum())
}

/// The octets of it.
pub fn octets(message: &RasMessage) -> Vec<u8> {
    encode_ras(message).unwrap()
}
