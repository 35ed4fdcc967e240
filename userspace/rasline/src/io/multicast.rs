//! Gatekeeper discovery by multicast (H.225.0 Table 17): the socket that hears what is said to 224.0.1.41:1718.
//!
//! The group is joined on the interfaces towards endpoints, by name: one that comes later, or again, is joined within a
//! second. Answers leave from a gatekeeper's own RAS socket. Invariant: nobody is heard but endpoints of zones that want
//! it.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::{IpAddr, Ipv4Addr},
};

use rasline_core::agent::MULTICAST;
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockRef, Socket, Type};
use tokio::net::UdpSocket;

use crate::{
    config::{Config, Side},
    host::{
        link::{self, Sight},
        sides,
    },
};

/// Where it is joined.
#[derive(Debug, Default)]
pub struct Joined {
    /// Name and index of each interface.
    on: BTreeMap<String, u32>,
    /// Where it could not be; said once.
    failed: BTreeSet<String>,
}

impl Joined {
    /// Joins it on these interfaces as they are now, and on no other.
    pub fn follow(&mut self, socket: &UdpSocket, interfaces: &BTreeSet<String>) {
        let socket = SockRef::from(socket);
        let now = interfaces.iter().filter_map(|name| {
            let index = match link::look(name) {
                Sight::Here(info) => info.index,
                Sight::Absent => return None,
                Sight::Unseen(_) => *self.on.get(name)?,
            };
            Some((name.clone(), index))
        });
        let now: BTreeMap<String, u32> = now.collect();
        for (name, index) in &self.on {
            if now.get(name) != Some(index) {
                // Gone with its interface, or not wanted any more.
                let at = InterfaceIndexOrAddress::Index(*index);
                let _ = socket.leave_multicast_v4_n(&group(), &at);
            }
        }
        let before = std::mem::take(&mut self.on);
        for (name, index) in now {
            let at = InterfaceIndexOrAddress::Index(index);
            if before.get(&name) == Some(&index) {
                self.on.insert(name, index);
                continue;
            }
            match socket.join_multicast_v4_n(&group(), &at) {
                Ok(()) => {
                    self.failed.remove(&name);
                    self.on.insert(name, index);
                }
                Err(e) => {
                    if self.failed.insert(name.clone()) {
                        tracing::warn!(
                            "interface {name}: {MULTICAST} is not heard: {e}; tried again every second"
                        );
                    }
                }
            }
        }
    }
}

fn group() -> Ipv4Addr {
    match MULTICAST.ip() {
        IpAddr::V4(group) => group,
        IpAddr::V6(_) => unreachable!("the group is one of IPv4"),
    }
}

/// A socket of the group; others on this machine may have one, too.
///
/// # Errors
/// When it cannot be made or bound.
pub fn bind() -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::IPV4,
        Type::DGRAM.nonblocking().cloexec(),
        Some(Protocol::UDP),
    )?;
    socket.set_reuse_address(true)?;
    // Only where it is joined here.
    socket.set_multicast_all_v4(false)?;
    sides::ask(&socket, false)?;
    socket.bind(&MULTICAST.into())?;
    UdpSocket::from_std(socket.into())
}

/// Interfaces that it is to be joined on; none: it is not wanted.
#[must_use]
pub fn interfaces(config: &Config) -> BTreeSet<String> {
    let mut zones = config.zones.iter();
    if !zones.any(|zone| zone.mode.answers_multicast()) {
        return BTreeSet::new();
    }
    let all = config.interfaces.iter();
    let towards_endpoints = all.filter(|i| i.side != Side::Gatekeepers);
    towards_endpoints.map(|i| i.name.clone()).collect()
}
