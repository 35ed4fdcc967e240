//! Datagrams with the interface of arrival (`IP_PKTINFO`, RFC 3542 6.1), and ICMP errors as errors of the socket.
//!
//! A source address proves little: a host on the endpoints' network can send with the address of a gatekeeper.
//! The interface of arrival cannot be forged.

use std::{
    io,
    mem::{size_of, zeroed},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::{AsRawFd, BorrowedFd},
};

use libc::{c_int, c_void, socklen_t};

/// Size of the buffer for control messages; enough for one of each kind.
const CONTROL: usize = 256;

/// A received datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Number of octets at the start of the buffer.
    pub len: usize,
    /// Source address.
    pub from: SocketAddr,
    /// ifindex of the interface of arrival; 0: unknown.
    pub interface: u32,
}

/// Makes the socket report the interface of arrival of datagrams, and ICMP errors although it is not connected.
///
/// # Errors
/// When a socket option cannot be set.
pub fn prepare(socket: BorrowedFd<'_>, v6: bool) -> io::Result<()> {
    let options = if v6 {
        [
            (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO),
            (libc::IPPROTO_IPV6, libc::IPV6_RECVERR),
        ]
    } else {
        [
            (libc::IPPROTO_IP, libc::IP_PKTINFO),
            (libc::IPPROTO_IP, libc::IP_RECVERR),
        ]
    };
    for (level, option) in options {
        set(socket, level, option)?;
    }
    Ok(())
}

#[allow(unsafe_code)]
fn set(socket: BorrowedFd<'_>, level: c_int, option: c_int) -> io::Result<()> {
    let on: c_int = 1;
    // SAFETY: the value is an int that lives for the call, and its size is given.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const on).cast::<c_void>(),
            size_of::<c_int>() as socklen_t,
        )
    };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Receives a datagram without blocking.
///
/// # Errors
/// `WouldBlock` if there is none, an ICMP error, or another error of the kernel.
pub fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Arrival> {
    let (arrival, _) = message(socket, buffer, libc::MSG_DONTWAIT)?;
    arrival.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Empties the queue of ICMP errors, which were reported already.
pub fn drop_errors(socket: BorrowedFd<'_>) {
    let mut buffer = [0; 64];
    let flags = libc::MSG_DONTWAIT | libc::MSG_ERRQUEUE;
    // Bounded, in case errors arrive faster than they are read.
    for _ in 0..1024 {
        if message(socket, &mut buffer, flags).is_err() {
            return;
        }
    }
}

/// A buffer with the alignment of control messages.
#[repr(C, align(8))]
struct Control([u8; CONTROL]);

#[allow(unsafe_code)]
fn message(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
    flags: c_int,
) -> io::Result<(Option<Arrival>, usize)> {
    let mut control = Control([0; CONTROL]);
    let mut part = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // SAFETY: all zeros are a valid value of both.
    let (mut name, mut header): (libc::sockaddr_storage, libc::msghdr) =
        unsafe { (zeroed(), zeroed()) };
    header.msg_name = (&raw mut name).cast();
    header.msg_namelen = size_of::<libc::sockaddr_storage>() as socklen_t;
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = CONTROL as _;
    // SAFETY: everything that the header points to lives for the call, with the lengths that it says.
    let len = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags) };
    let Ok(len) = usize::try_from(len) else {
        return Err(io::Error::last_os_error());
    };
    let from = source(&name);
    let arrival = from.map(|from| Arrival {
        len: len.min(buffer.len()),
        from,
        interface: interface(&header),
    });
    Ok((arrival, len))
}

#[allow(unsafe_code)]
fn source(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    let at = &raw const *name;
    match c_int::from(name.ss_family) {
        libc::AF_INET => {
            // SAFETY: the storage is large enough and aligned for every address, and its family says that it is this.
            let v4 = unsafe { at.cast::<libc::sockaddr_in>().read() };
            let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Some((ip, u16::from_be(v4.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let v6 = unsafe { at.cast::<libc::sockaddr_in6>().read() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some((ip, u16::from_be(v6.sin6_port)).into())
        }
        _ => None,
    }
}

#[allow(unsafe_code)]
fn interface(header: &libc::msghdr) -> u32 {
    // SAFETY: the header is as recvmsg left it, and its control messages live as long as it does.
    let mut at = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !at.is_null() {
        // SAFETY: not null, so it points to a whole control message inside the buffer.
        let (kind, data) = unsafe { ((*at).cmsg_type, libc::CMSG_DATA(at)) };
        // SAFETY: as above.
        let level = unsafe { (*at).cmsg_level };
        match (level, kind) {
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                // SAFETY: the kernel puts this structure into messages of this kind; it may be unaligned.
                let info = unsafe { data.cast::<libc::in_pktinfo>().read_unaligned() };
                return info.ipi_ifindex.cast_unsigned();
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                // SAFETY: as above.
                let info = unsafe { data.cast::<libc::in6_pktinfo>().read_unaligned() };
                return info.ipi6_ifindex;
            }
            _ => {}
        }
        // SAFETY: both are of the same header.
        at = unsafe { libc::CMSG_NXTHDR(header, at) };
    }
    0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{net::UdpSocket, os::fd::AsFd};

    use super::*;

    #[test]
    fn source_and_interface_are_said() {
        for (any, v6) in [("127.0.0.1:0", false), ("[::1]:0", true)] {
            let Ok(socket) = UdpSocket::bind(any) else {
                continue; // no IPv6 here
            };
            prepare(socket.as_fd(), v6).unwrap();
            let other = UdpSocket::bind(any).unwrap();
            other
                .send_to(b"hello", socket.local_addr().unwrap())
                .unwrap();
            let mut buffer = [0; 16];
            let arrival = receive(socket.as_fd(), &mut buffer).unwrap();
            assert_eq!(arrival.from, other.local_addr().unwrap());
            assert_eq!((arrival.interface, arrival.len), (1, 5), "loopback");
            assert_eq!(&buffer[..5], b"hello");
            let none = receive(socket.as_fd(), &mut buffer).unwrap_err();
            assert_eq!(none.kind(), io::ErrorKind::WouldBlock);
        }
    }

    #[test]
    fn a_closed_port_is_reported_once() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        prepare(socket.as_fd(), false).unwrap();
        let gone = UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        socket.send_to(b"x", gone).unwrap();
        let mut buffer = [0; 16];
        let refused = receive(socket.as_fd(), &mut buffer).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        drop_errors(socket.as_fd());
        let none = receive(socket.as_fd(), &mut buffer).unwrap_err();
        assert_eq!(none.kind(), io::ErrorKind::WouldBlock);
    }
}
