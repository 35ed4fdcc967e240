//! Sockets to the kernel's netlink families.

use std::{io, time::Duration};

use socket2::{Domain, Protocol, Socket, Type};

/// How long the kernel may take for a reply.
const PATIENCE: Duration = Duration::from_secs(2);

/// Opens a socket to a family (`NETLINK_*`).
pub(crate) fn open(family: i32) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::from(libc::AF_NETLINK),
        Type::RAW.cloexec(),
        Some(Protocol::from(family)),
    )?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}
