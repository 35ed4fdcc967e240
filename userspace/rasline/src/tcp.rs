//! What all connections of call signalling have in common.

use std::{io, net::SocketAddr};

use tokio::{
    net::TcpSocket,
    time::{Instant, sleep_until},
};

/// A socket of the family of this address.
///
/// # Errors
/// When there is no descriptor left.
pub fn socket_for(address: SocketAddr) -> io::Result<TcpSocket> {
    if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }
}

/// Whether a connection that ended with this error did so because nothing came from the peer; else the peer reset it.
#[must_use]
pub fn is_silence(error: &io::Error) -> bool {
    use io::ErrorKind::{HostUnreachable, NetworkUnreachable, TimedOut};
    matches!(
        error.kind(),
        TimedOut | HostUnreachable | NetworkUnreachable
    )
}

/// Waits until then; `None`: for ever.
pub async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
