//! Whom an agent may ask, best first: configured gatekeepers, then those that gatekeepers named, by priority.
//!
//! Invariant: no address twice, none of the agent's own, none that cannot be sent to.

use std::net::SocketAddr;

use rasline_h225::view::Alternate;

use super::Config;
use crate::alternates::Prefix;

/// Alternates kept at most.
const MOST: usize = 16;

/// A gatekeeper that is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub address: SocketAddr,
    pub gatekeeper_identifier: Option<String>,
    /// needToRegister: a lightweight RRQ is not enough.
    pub register: bool,
    /// Named by a gatekeeper, so that it need not be discovered.
    pub learned: bool,
    /// It asked to be discovered first.
    pub discover: bool,
}

impl Target {
    pub const fn learned(address: SocketAddr, gatekeeper_identifier: Option<String>) -> Self {
        Self {
            address,
            gatekeeper_identifier,
            register: false,
            learned: true,
            discover: false,
        }
    }
}

impl From<&Alternate> for Target {
    fn from(alternate: &Alternate) -> Self {
        Self {
            address: alternate.address,
            gatekeeper_identifier: alternate.gatekeeper_identifier.clone(),
            register: alternate.need_to_register,
            learned: true,
            discover: false,
        }
    }
}

/// All candidates. What an alternate says of a configured gatekeeper counts, too.
pub(super) fn candidates(config: &Config, alternates: &[Alternate]) -> Vec<Target> {
    let configured = config.gatekeepers.iter().map(|one| {
        let named = alternates.iter().find(|other| other.address == one.address);
        let identifier = named.and_then(|other| other.gatekeeper_identifier.as_ref());
        Target {
            address: one.address,
            gatekeeper_identifier: one.gatekeeper_identifier.as_ref().or(identifier).cloned(),
            register: named.is_some_and(|other| other.need_to_register),
            learned: false,
            discover: false,
        }
    });
    distinct(configured.chain(alternates.iter().map(Target::from)))
}

/// True if a gatekeeper at this address is configured, or is an alternate.
pub(super) fn is_named(config: &Config, alternates: &[Alternate], address: SocketAddr) -> bool {
    let mut configured = config.gatekeepers.iter().map(|one| one.address);
    let mut alternates = alternates.iter().map(|one| one.address);
    configured.any(|one| one == address) || alternates.any(|one| one == address)
}

/// Each address once, at its first place.
pub(super) fn distinct(targets: impl IntoIterator<Item = Target>) -> Vec<Target> {
    let mut all: Vec<Target> = Vec::new();
    for target in targets {
        if !all.iter().any(|one| one.address == target.address) {
            all.push(target);
        }
    }
    all
}

/// The alternates of a message that can be used, best first.
pub(super) fn usable(config: &Config, list: &[Alternate]) -> Vec<Alternate> {
    let mut kept: Vec<Alternate> = Vec::new();
    for one in list {
        let address = canonical(one.address);
        let known = kept.iter().any(|other| other.address == address);
        if !known && allowed(config, address) {
            kept.push(Alternate {
                address,
                ..one.clone()
            });
        }
    }
    kept.sort_by_key(|one| one.priority);
    kept.truncate(MOST);
    kept
}

/// Whether a gatekeeper that was named may be asked there.
pub(super) fn allowed(config: &Config, address: SocketAddr) -> bool {
    let configured = || config.gatekeepers.iter().any(|one| one.address == address);
    let inside = |all: &Vec<Prefix>| all.iter().any(|one| one.contains(address.ip()));
    reachable(config, address)
        && (config.allowed_alternates.as_ref().is_none_or(inside) || configured())
}

/// Whether a gatekeeper can be there.
pub(super) fn reachable(config: &Config, address: SocketAddr) -> bool {
    let ip = address.ip();
    address.port() != 0
        && !ip.is_unspecified()
        && !ip.is_multicast()
        && !config.ras_addresses.contains(&address)
}

/// IPv4 as IPv4, also where a socket of both kinds shows it as IPv6.
pub(super) const fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
