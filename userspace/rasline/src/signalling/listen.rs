//! Listeners: at service addresses, at the addresses that represent endpoints, and one for each H.245 connection.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use rasline_core::call::ListenerId;
use socket2::{Domain, Socket, Type};
use tokio::{net::TcpListener, sync::mpsc, time::sleep};

use super::news::{News, Purpose};
use crate::failure::{Failure, Result};

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: i32 = 1024;
/// After an error, as when no descriptor is left.
const AGAIN: Duration = Duration::from_millis(100);

/// Listens at an address, which need not be this machine's yet.
///
/// # Errors
/// When it cannot.
pub(super) fn bind(address: SocketAddr) -> Result<std::net::TcpListener> {
    open(address).map_err(|e| {
        let next = "another program may listen there: see `ss -ltnp`";
        Failure::new(format!("call signalling {address}"), e, next)
    })
}

fn open(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    if address.is_ipv4() {
        socket.set_freebind_v4(true)?;
    } else {
        socket.set_only_v6(true)?;
        socket.set_freebind_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Accepts connections for ever.
pub(super) async fn accept(listener: TcpListener, purpose: Purpose, news: mpsc::Sender<News>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                if let Ok(local) = stream.local_addr() {
                    let accepted = News::Accepted {
                        purpose,
                        stream,
                        peer,
                        local,
                    };
                    // Without a receiver the thread ends, and this task with it.
                    let _ = news.send(accepted).await;
                }
            }
            Err(e) => {
                tracing::warn!("call signalling: accept: {e}");
                sleep(AGAIN).await;
            }
        }
    }
}

/// Accepts connections to an H.245 listener, until the one that it is for has come and the listener is closed.
pub(super) async fn accept_control(
    id: ListenerId,
    listener: TcpListener,
    news: mpsc::Sender<News>,
) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let came = News::ControlAccepted { id, stream, peer };
                let _ = news.send(came).await;
            }
            Err(e) => {
                tracing::warn!("H.245: accept: {e}");
                sleep(AGAIN).await;
            }
        }
    }
}

/// Listens at any port of a host.
///
/// # Errors
/// When it cannot.
pub(super) fn bind_any(host: IpAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::from_std(open(SocketAddr::new(host, 0))?)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
