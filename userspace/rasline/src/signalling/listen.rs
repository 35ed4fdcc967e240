//! Listeners: at service addresses, at the addresses that stand for endpoints, and one for each H.245 connection.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use rasline_core::call::ListenerId;
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::mpsc,
    time::sleep,
};

use super::news::{News, Purpose};

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: u32 = 1024;
/// After an error (no descriptor is left), and for an address that is not there yet.
const AGAIN: Duration = Duration::from_millis(100);

/// Listens at an address.
///
/// # Errors
/// When it cannot.
pub(super) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
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

/// Accepts the one connection that an H.245 listener is for.
pub(super) async fn accept_control(
    id: ListenerId,
    listener: TcpListener,
    news: mpsc::Sender<News>,
) {
    if let Ok((stream, peer)) = listener.accept().await {
        let came = News::ControlAccepted { id, stream, peer };
        let _ = news.send(came).await;
    }
}

/// Listens at any port of a host.
///
/// # Errors
/// When it cannot.
pub(super) fn bind_any(host: IpAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = bind(SocketAddr::new(host, 0))?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
