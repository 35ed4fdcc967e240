//! `[[zone.gatekeeper]]`: the gatekeepers of a zone, and rasline itself as one of them.

use std::{
    collections::HashSet,
    net::{IpAddr, SocketAddr},
};

use serde::Deserialize;
use toml::Spanned;

use super::checker::Checker;

/// A `[[zone.gatekeeper]]` table, or rasline itself, or a learned alternate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gatekeeper {
    /// Id in messages, commands and metrics.
    pub id: String,
    /// IP address for RAS and call signalling.
    pub address: IpAddr,
    /// UDP port for RAS.
    pub ras_port: u16,
    /// TCP port for call signalling.
    pub call_signal_port: u16,
    /// As in H.225.0, the lowest is tried first. Learned alternates have 128 added, so that all configured ones precede
    /// them.
    pub priority: u8,
    /// How it became a gatekeeper of the zone.
    pub origin: Origin,
}

impl Gatekeeper {
    /// Address and port for RAS.
    #[must_use]
    pub const fn ras(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.ras_port)
    }

    /// Whether this is rasline's own gatekeeper.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.origin == Origin::Own
    }
}

/// How a gatekeeper became a candidate of its zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is configured.
    Configured,
    /// It is rasline itself.
    Own,
    /// Another gatekeeper named it as an alternate.
    Learned {
        /// Id of the gatekeeper that named it.
        from: String,
        /// Kind of the message that named it.
        message: String,
        /// Whether endpoints must register before they use it (H.225.0, needToRegister).
        need_to_register: bool,
    },
}

/// Its priority as a backup: after all others, including learned alternates.
pub const LAST: u8 = u8::MAX;

/// Id of rasline's own gatekeeper of the family of this address, as in `rasline gatekeeper list`.
#[must_use]
pub const fn own_id(address: IpAddr) -> &'static str {
    match address {
        IpAddr::V4(_) => "rasline",
        IpAddr::V6(_) => "rasline-v6",
    }
}

/// A `[[zone.gatekeeper]]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename = "Gatekeeper")]
pub(super) struct RawGatekeeper {
    pub(super) id: Spanned<String>,
    pub(super) address: Spanned<IpAddr>,
    pub(super) ras_port: Option<Spanned<u16>>,
    pub(super) call_signal_port: Option<Spanned<u16>>,
    pub(super) priority: Option<Spanned<u8>>,
}

/// Checks the gatekeepers of a zone: ids and addresses, each of them once.
pub(super) fn check_all(
    c: &mut Checker<'_>,
    zone: &str,
    raw: Vec<Spanned<RawGatekeeper>>,
) -> Vec<Gatekeeper> {
    let mut ids: HashSet<String> = HashSet::new();
    let mut addresses: HashSet<IpAddr> = HashSet::new();
    let mut all = Vec::new();
    for gatekeeper in raw {
        let g = gatekeeper.into_inner();
        let (id, address) = (g.id.get_ref().clone(), *g.address.get_ref());
        if id.is_empty() || !ids.insert(id.clone()) {
            let what = if id.is_empty() {
                "is empty; give the gatekeeper a name".to_owned()
            } else {
                format!("duplicate gatekeeper id \"{id}\" in zone \"{zone}\"; rename one")
            };
            c.fail(Some(g.id.span()), "id", what);
        }
        if !addresses.insert(address) {
            c.fail(Some(g.address.span()), "address", format!("duplicate gatekeeper address {address} in zone \"{zone}\"; give each gatekeeper its own address"));
        }
        if address.is_unspecified() || address.is_multicast() {
            c.fail(
                Some(g.address.span()),
                "address",
                format!("{address} is not a unicast address; use the gatekeeper's own address"),
            );
        }
        all.push(Gatekeeper {
            id,
            address,
            ras_port: c.number("ras_port", g.ras_port, (1, 65_535), 1719),
            call_signal_port: c.number("call_signal_port", g.call_signal_port, (1, 65_535), 1720),
            priority: c.number("priority", g.priority, (0, 127), 0),
            origin: Origin::Configured,
        });
    }
    all
}
