//! Whether this machine has an address now, and sockets that can be bound before it does.
//!
//! An address may appear later: a VRRP peer holds it, DHCP has not answered, an IPv6 address is still tentative. A
//! socket bound with IP_FREEBIND receives packets from the moment the address appears.

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
};

use socket2::Socket;

/// Whether this machine has the address, so that a socket can be bound to it without IP_FREEBIND.
///
/// # Errors
/// When the kernel gives no clear answer.
pub fn is_here(address: IpAddr) -> io::Result<bool> {
    match UdpSocket::bind(SocketAddr::new(address, 0)) {
        Ok(_) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::AddrNotAvailable => Ok(false),
        Err(e) => Err(e),
    }
}

/// Lets a socket be bound to an address that this machine does not have yet.
///
/// # Errors
/// When the socket option cannot be set.
pub fn bind_early(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    match address {
        SocketAddr::V4(_) => socket.set_freebind_v4(true)?,
        SocketAddr::V6(_) => socket.set_freebind_v6(true)?,
    }
    socket.bind(&address.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use socket2::{Domain, Type};

    #[test]
    fn of_this_machine_or_not() {
        assert!(is_here("127.0.0.1".parse().unwrap()).unwrap());
        assert!(!is_here("192.0.2.1".parse().unwrap()).unwrap());
        assert!(!is_here("2001:db8::1".parse().unwrap()).unwrap());
    }

    #[test]
    fn a_socket_is_bound_before_its_address_is_there() {
        for address in ["192.0.2.1:0", "[2001:db8::1]:0"] {
            let address: SocketAddr = address.parse().unwrap();
            let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None).unwrap();
            bind_early(&socket, address).unwrap();
        }
    }
}
