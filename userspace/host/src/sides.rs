//! The side of the network from which a datagram came, by its interface of arrival ([`crate::arrival`]).
//!
//! A source address does not prove the sender: with loose rp_filter the kernel accepts a gatekeeper's address from the
//! endpoints' side, too. Own sockets therefore request the interface of arrival (IP_PKTINFO, IPV6_PKTINFO), and
//! datagrams from the side where their sender cannot be are dropped.
//!
//! Invariant: an interface that is not configured, or not looked up yet, has no side, and its datagrams are not
//! dropped.

use std::{collections::BTreeMap, fs, io, os::fd::AsRawFd, sync::RwLock};

use super::link;
use crate::interface::{Interface, Side};

/// Maximum depth of stacked devices (a VLAN on a bond) that are followed.
const LEVELS: usize = 4;

/// Sides by ifindex; one table for the process, as interfaces belong to the machine.
static SIDES: RwLock<BTreeMap<u32, Side>> = RwLock::new(BTreeMap::new());

/// Looks up configured interfaces, and the devices on top of them (VLANs, bonds, bridges).
pub fn look_up(interfaces: &[Interface]) {
    let mut sides = BTreeMap::new();
    for interface in interfaces {
        let mut names = vec![interface.name.clone()];
        for _ in 0..LEVELS {
            let above: Vec<String> = names.iter().flat_map(|name| uppers(name)).collect();
            for name in names {
                if let Ok(found) = link::by_name(&name) {
                    let side = sides.entry(found.index).or_insert(interface.side);
                    if *side != interface.side {
                        *side = Side::Both;
                    }
                }
            }
            names = above;
        }
    }
    let mut kept = SIDES
        .write()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    *kept = sides;
}

fn uppers(name: &str) -> Vec<String> {
    let entries = fs::read_dir(format!("/sys/class/net/{name}")).into_iter();
    let names = entries.flatten().flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        Some(name.strip_prefix("upper_")?.to_owned())
    });
    names.collect()
}

/// Whether this interface is only on the endpoints' side.
#[must_use]
pub fn is_endpoints(ifindex: u32) -> bool {
    side(ifindex) == Some(Side::Endpoints)
}

/// Whether this interface is only on the gatekeepers' side.
#[must_use]
pub fn is_gatekeepers(ifindex: u32) -> bool {
    side(ifindex) == Some(Side::Gatekeepers)
}

fn side(ifindex: u32) -> Option<Side> {
    let sides = SIDES
        .read()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    sides.get(&ifindex).copied()
}

/// Makes a socket report the interface of arrival with each datagram.
///
/// # Errors
/// When the socket option cannot be set.
pub fn ask(socket: &impl AsRawFd, v6: bool) -> io::Result<()> {
    let (level, name) = if v6 {
        (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO)
    } else {
        (libc::IPPROTO_IP, libc::IP_PKTINFO)
    };
    let on: libc::c_int = 1;
    // SAFETY: the value is a c_int that outlives the call, and its size goes with it.
    #[allow(unsafe_code)]
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const on).cast(),
            size_of_val(&on) as u32,
        )
    };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use std::{net::UdpSocket, os::fd::AsFd};

    use super::*;
    use crate::arrival;

    #[test]
    fn the_interface_of_arrival_is_told() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            // A machine without IPv6 has nothing to show.
            let Ok(socket) = UdpSocket::bind(host) else {
                continue;
            };
            let here = socket.local_addr().unwrap();
            ask(&socket, here.is_ipv6()).unwrap();
            socket.send_to(b"hello", here).unwrap();
            let mut buffer = [0; 16];
            let received = arrival::receive(socket.as_fd(), &mut buffer).unwrap();
            assert_eq!((received.len, received.from), (5, here));
            let lo = link::by_name("lo").unwrap();
            assert_eq!(received.interface, lo.index);
        }
    }

    #[test]
    fn what_is_not_configured_is_behind_neither_side() {
        assert!(!is_endpoints(0) && !is_gatekeepers(0));
        assert!(!is_endpoints(u32::MAX) && !is_gatekeepers(u32::MAX));
    }
}
