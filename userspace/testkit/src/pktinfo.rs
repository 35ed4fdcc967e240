//! Datagrams with what the kernel knows of them: the address that they came to, hop limit, time. One socket bound to no
//! address can so be thousands of endpoints.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    os::fd::AsRawFd,
    time::Duration,
};

use crate::clock;

/// What [`ask`] asks for: when each datagram came.
pub(crate) const TIME: u8 = 1;
/// ... where it was sent to, and its hop limit.
pub(crate) const ADDRESS_AND_HOPS: u8 = 2;

/// A datagram that [`receive`] put into the buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    pub(crate) length: usize,
    pub(crate) from: SocketAddr,
    pub(crate) to: Option<IpAddr>,
    pub(crate) hops: u8,
    /// Since the epoch.
    pub(crate) at: Option<Duration>,
}

/// Has the kernel tell these with each datagram.
pub(crate) fn ask(socket: &UdpSocket, what: u8) -> io::Result<()> {
    if what & TIME != 0 {
        ask_time(socket)?;
    }
    if what & ADDRESS_AND_HOPS != 0 {
        if socket.local_addr()?.is_ipv6() {
            option(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO)?;
        } else {
            option(socket, libc::IPPROTO_IP, libc::IP_PKTINFO)?;
        }
        ask_hops(socket)?;
    }
    Ok(())
}

/// Has the kernel tell the hop limit of each packet.
pub(crate) fn ask_hops(socket: &UdpSocket) -> io::Result<()> {
    if socket.local_addr()?.is_ipv6() {
        option(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVHOPLIMIT)
    } else {
        option(socket, libc::IPPROTO_IP, libc::IP_RECVTTL)
    }
}

/// Has the kernel tell when each packet came, or went.
pub(crate) fn ask_time(socket: &impl AsRawFd) -> io::Result<()> {
    option(socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS)
}

fn option(socket: &impl AsRawFd, level: libc::c_int, name: libc::c_int) -> io::Result<()> {
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

/// recvmsg on a socket of IP.
pub(crate) fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Received> {
    let (from, received) = receive_any(socket, buffer)?;
    Ok(Received {
        from: from.ok_or(io::Error::from(io::ErrorKind::InvalidData))?,
        ..received
    })
}

/// recvmsg on any socket: the sender, if it has an address of IP, and the rest, where `from` says nothing.
pub(crate) fn receive_any(
    socket: &impl AsRawFd,
    buffer: &mut [u8],
) -> io::Result<(Option<SocketAddr>, Received)> {
    let mut control = [0u64; 32];
    let mut length = 0;
    let (mut to, mut hops, mut at) = (None, 0, None);
    // SAFETY: `try_init` gives storage that is large enough for any address and zeroed; all pointers in `header` are to
    // memory that outlives the call, with its size; control messages are walked only by the macros for that, and each
    // is read as the type that the kernel puts there for its level and type.
    #[allow(unsafe_code)]
    let ((), from) = unsafe {
        socket2::SockAddr::try_init(|storage, storage_length| {
            let mut vector = libc::iovec {
                iov_base: buffer.as_mut_ptr().cast(),
                iov_len: buffer.len(),
            };
            let mut header: libc::msghdr = std::mem::zeroed();
            header.msg_name = storage.cast();
            header.msg_namelen = *storage_length;
            header.msg_iov = &raw mut vector;
            header.msg_iovlen = 1;
            header.msg_control = control.as_mut_ptr().cast();
            header.msg_controllen = size_of_val(&control);
            let n = libc::recvmsg(socket.as_raw_fd(), &raw mut header, 0);
            if n < 0 {
                return Err(io::Error::last_os_error());
            }
            length = n.cast_unsigned();
            *storage_length = header.msg_namelen;
            let mut message = libc::CMSG_FIRSTHDR(&raw const header);
            while !message.is_null() {
                let data = libc::CMSG_DATA(message);
                match ((*message).cmsg_level, (*message).cmsg_type) {
                    (libc::IPPROTO_IP, libc::IP_TTL)
                    | (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) => {
                        hops = data.cast::<libc::c_int>().read_unaligned().cast_unsigned() as u8;
                    }
                    (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                        let info = data.cast::<libc::in_pktinfo>().read_unaligned();
                        to = Some(Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr)).into());
                    }
                    (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                        let info = data.cast::<libc::in6_pktinfo>().read_unaligned();
                        to = Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).into());
                    }
                    (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => {
                        let time = data.cast::<libc::timespec>().read_unaligned();
                        at = Some(clock::duration(time));
                    }
                    _ => {}
                }
                message = libc::CMSG_NXTHDR(&raw const header, message);
            }
            Ok(())
        })?
    };
    let received = Received {
        length,
        from: (Ipv4Addr::UNSPECIFIED, 0).into(),
        to,
        hops,
        at,
    };
    Ok((from.as_socket(), received))
}

/// sendmsg from this address, which must be local.
pub(crate) fn send(
    socket: &UdpSocket,
    from: IpAddr,
    to: SocketAddr,
    octets: &[u8],
) -> io::Result<()> {
    let mut control = [0u64; 8];
    let to = socket2::SockAddr::from(to);
    // SAFETY: all pointers in `header` are to memory that outlives the call, with its size; sendmsg reads them only. The
    // control message is written within `control`, which is zeroed, aligned and large enough for either kind.
    #[allow(unsafe_code)]
    let done = unsafe {
        let mut vector = libc::iovec {
            iov_base: octets.as_ptr().cast_mut().cast(),
            iov_len: octets.len(),
        };
        let mut header: libc::msghdr = std::mem::zeroed();
        header.msg_name = to.as_ptr().cast_mut().cast();
        header.msg_namelen = to.len();
        header.msg_iov = &raw mut vector;
        header.msg_iovlen = 1;
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = size_of_val(&control);
        let message = libc::CMSG_FIRSTHDR(&raw const header);
        let size = match from {
            IpAddr::V4(ip) => {
                let mut info: libc::in_pktinfo = std::mem::zeroed();
                info.ipi_spec_dst.s_addr = u32::from(ip).to_be();
                (*message).cmsg_level = libc::IPPROTO_IP;
                (*message).cmsg_type = libc::IP_PKTINFO;
                libc::CMSG_DATA(message)
                    .cast::<libc::in_pktinfo>()
                    .write_unaligned(info);
                size_of::<libc::in_pktinfo>()
            }
            IpAddr::V6(ip) => {
                let mut info: libc::in6_pktinfo = std::mem::zeroed();
                info.ipi6_addr.s6_addr = ip.octets();
                (*message).cmsg_level = libc::IPPROTO_IPV6;
                (*message).cmsg_type = libc::IPV6_PKTINFO;
                libc::CMSG_DATA(message)
                    .cast::<libc::in6_pktinfo>()
                    .write_unaligned(info);
                size_of::<libc::in6_pktinfo>()
            }
        } as u32;
        (*message).cmsg_len = libc::CMSG_LEN(size) as usize;
        header.msg_controllen = libc::CMSG_SPACE(size) as usize;
        libc::sendmsg(socket.as_raw_fd(), &raw const header, 0)
    };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
