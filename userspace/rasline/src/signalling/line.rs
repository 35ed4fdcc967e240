//! One connection: whole messages out of it, whole messages into it, each by one write.
//!
//! Some endpoints clear a call when the header of a TPKT comes in a segment of its own.

use std::{io, net::SocketAddr, time::Duration};

use rasline_core::call::{LinkId, LinkLoss};
use rasline_h225::q931::Stream;
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    time::{Instant, timeout, timeout_at},
};

use super::news::News;
use crate::tcp::{self, until};

/// Octets read at once.
const READ: usize = 4096;
/// Messages that wait to be written at most.
pub(super) const MAX_WRITES: usize = 64;
/// How long a connection may take to be made.
const CONNECT_WITHIN: Duration = Duration::from_secs(4);
/// How long the rest of a message may take once it has begun.
const MESSAGE_WITHIN: Duration = Duration::from_secs(10);
/// How long the peer has to close after rasline has.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);
/// When an idle connection is asked whether it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(3);
/// After this time without an acknowledgement a connection counts as lost.
const SILENCE: Duration = Duration::from_secs(10);

/// Makes a connection and serves it.
pub(super) async fn connect(
    link: LinkId,
    (from, to): (SocketAddr, SocketAddr),
    writes: mpsc::Receiver<Vec<u8>>,
    news: mpsc::Sender<News>,
) {
    match timeout(CONNECT_WITHIN, dial(from, to)).await {
        Ok(Ok(stream)) => {
            let local = stream.local_addr().unwrap_or(from);
            // Without a receiver the thread ends, and this task with it.
            let _ = news.send(News::Connected { link, local }).await;
            serve(link, stream, writes, news).await;
        }
        failed => {
            tracing::debug!("call signalling from {from} to {to}: {failed:?}");
            let why = LinkLoss::Refused;
            let _ = news.send(News::Lost { link, why }).await;
        }
    }
}

async fn dial(from: SocketAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = tcp::socket_for(to)?;
    socket.bind(from)?;
    socket.connect(to).await
}

/// Serves a connection until it is lost, or is to be closed: when `writes` ends.
pub(super) async fn serve(
    link: LinkId,
    mut stream: TcpStream,
    mut writes: mpsc::Receiver<Vec<u8>>,
    news: mpsc::Sender<News>,
) {
    if let Err(e) = watch(&stream) {
        tracing::debug!("call signalling: {e}");
    }
    if let Some(why) = relay(link, &mut stream, &mut writes, &news).await {
        let _ = news.send(News::Lost { link, why }).await;
        return;
    }
    // To close while something is unread would reset the connection, and the peer might lose what was written last.
    if stream.shutdown().await.is_ok() {
        let end = Instant::now() + CLOSE_WITHIN;
        let mut rest = [0; READ];
        while matches!(timeout_at(end, stream.read(&mut rest)).await, Ok(Ok(1..))) {}
    }
}

/// Has TCP find out when the peer is gone.
fn watch(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let options = SockRef::from(stream);
    options.set_tcp_keepalive(
        &TcpKeepalive::new()
            .with_time(KEEP_ALIVE)
            .with_interval(KEEP_ALIVE_INTERVAL),
    )?;
    options.set_tcp_user_timeout(Some(SILENCE))
}

/// Reads and writes. `None`: it is to be closed, and all that was to be written is.
async fn relay(
    link: LinkId,
    stream: &mut TcpStream,
    writes: &mut mpsc::Receiver<Vec<u8>>,
    news: &mpsc::Sender<News>,
) -> Option<LinkLoss> {
    let mut buffer = [0; READ];
    let mut messages = Stream::default();
    let mut whole_by = None;
    loop {
        tokio::select! {
            biased;
            write = writes.recv() => {
                let octets = write?;
                match timeout(SILENCE, stream.write_all(&octets)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(e)) => return Some(loss(&e)),
                    Err(_) => return Some(LinkLoss::Full),
                }
            }
            read = stream.read(&mut buffer) => {
                let length = match read {
                    Ok(0) => return Some(LinkLoss::Closed),
                    Ok(length) => length,
                    Err(e) => return Some(loss(&e)),
                };
                let mut came = Vec::new();
                if let Err(e) = messages.take(&buffer[..length], |one| came.push(one.to_vec())) {
                    tracing::debug!("call signalling: {e}");
                    return Some(LinkLoss::Garbled);
                }
                for octets in came.into_iter().filter(|one| !one.is_empty()) {
                    let _ = news.send(News::Message { link, octets }).await;
                    whole_by = None;
                }
                if messages.waiting() == 0 {
                    whole_by = None;
                } else {
                    whole_by.get_or_insert_with(|| Instant::now() + MESSAGE_WITHIN);
                }
            }
            () = until(whole_by) => return Some(LinkLoss::Garbled),
        }
    }
}

/// How a connection was lost, by the error that says so.
fn loss(e: &io::Error) -> LinkLoss {
    if tcp::is_silence(e) {
        LinkLoss::Silent
    } else {
        LinkLoss::Reset
    }
}
