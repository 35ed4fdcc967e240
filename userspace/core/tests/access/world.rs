//! A gate, its clocks, and messages to come.

use std::net::SocketAddr;

use rasline_core::Time;
use rasline_core::access::{Denied, Gate, Limits, Pass};
use rasline_core::profile::Authentication;
use rasline_h225::security::{Key, Mechanism, sign};
use rasline_h225::{decode_ras, messages};

/// The wall clock at the beginning.
pub const UNIX: u32 = 1_795_230_000;

pub fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// A message to come.
#[derive(Clone, Debug)]
pub struct Sent {
    pub name: &'static str,
    pub password: &'static str,
    pub by: Option<Mechanism>,
    /// Of the sender, against the gate's.
    pub clock: i64,
    pub seq: u16,
    pub random: i32,
    pub from: &'static str,
}

pub const SENT: Sent = Sent {
    name: "alice",
    password: "geheim",
    by: Some(Mechanism::HmacSha1),
    clock: 0,
    seq: 1,
    random: 1,
    from: "192.0.2.7:1719",
};

/// A gate and its clocks.
pub struct World {
    pub gate: Gate,
    pub second: u32,
}

impl World {
    pub fn new(limits: Limits) -> Self {
        Self {
            gate: Gate::new(limits),
            second: 0,
        }
    }

    pub fn octets(&self, sent: &Sent) -> Vec<u8> {
        let mut rrq = messages::Rrq::lightweight(sent.seq, address("192.0.2.7:1719"), "0001_ep");
        rrq.aliases = vec![sent.name.into()];
        let plain = rrq.encode().expect("encodes");
        let Some(mechanism) = sent.by else {
            return plain;
        };
        let key = Key {
            identifier: sent.name,
            peer: "gk1",
            password: sent.password,
        };
        let unix = u32::try_from(i64::from(UNIX + self.second) + sent.clock).expect("a time");
        let mut message = decode_ras(&plain).expect("decodes");
        sign(&mut message, mechanism, &key, unix, sent.random).expect("signs")
    }

    pub fn comes(
        &mut self,
        raw: &[u8],
        from: &str,
        wanted: Authentication,
    ) -> Result<Pass, Denied> {
        let now = Time(u64::from(self.second) * 1_000_000_000);
        let message = decode_ras(raw).expect("decodes");
        let password = |name: &str| match name {
            "alice" => Some("geheim".to_owned()),
            "bob" => Some("s3cret".to_owned()),
            "open" => Some(String::new()),
            _ => None,
        };
        let (gate, unix) = (&mut self.gate, UNIX + self.second);
        gate.check(now, unix, address(from), raw, &message, wanted, &password)
    }

    pub fn send(&mut self, sent: &Sent, wanted: Authentication) -> Result<Pass, Denied> {
        let raw = self.octets(sent);
        self.comes(&raw, sent.from, wanted)
    }
}

#[allow(clippy::unnecessary_wraps, reason = "it is compared with verdicts")]
pub fn proved(mechanism: Mechanism) -> Result<Pass, Denied> {
    Ok(Pass::Proved {
        mechanism,
        identifier: "alice".into(),
    })
}
