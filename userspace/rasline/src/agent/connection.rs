//! One call-signalling connection: made within a bounded time, watched until it is lost. What comes on it is read and
//! answered only where it asks for our status; calls are not handled here.
//!
//! Silence is found by TCP (keep-alives, TCP_USER_TIMEOUT), and by Status Enquiries (Q.931 5.8.10) that nothing answers:
//! whatever comes is an answer, as a gatekeeper that knows no such call may say so in other words.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rasline_core::agent::{ConnectionId, Loss};
use rasline_h225::q931::{
    self, CallReference, NULL, RESPONSE_TO_STATUS_ENQUIRY, STATUS, STATUS_ENQUIRY,
};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    time::{Instant, timeout},
};

use crate::tcp::{self, until};

/// Octets read at once.
const READ: usize = 4096;
/// Unanswered keep-alives, if the kernel counts them; TCP_USER_TIMEOUT says it in time.
const KEEP_ALIVES: u32 = 3;

/// Which connection, and how it is watched.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) connection: ConnectionId,
    /// Our address; the port is any.
    pub(super) from: IpAddr,
    pub(super) to: SocketAddr,
    /// Silence that is death.
    pub(super) silence: Duration,
    /// Between Status Enquiries.
    pub(super) status_enquiry: Option<Duration>,
    /// Messages read and not used.
    pub(super) unused: Arc<AtomicU64>,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Connected,
    Lost(Loss),
}

/// Makes it and watches it until it is lost.
pub(super) async fn run(line: Line, news: mpsc::Sender<(ConnectionId, What)>) {
    let mut stream = match timeout(line.silence, line.connect()).await {
        Ok(Ok(stream)) => stream,
        failed => {
            tracing::debug!("call signalling to {}: {failed:?}", line.to);
            let _ = news
                .send((line.connection, What::Lost(Loss::Refused)))
                .await;
            return;
        }
    };
    // Without a receiver the agents are gone, and this task soon.
    let _ = news.send((line.connection, What::Connected)).await;
    let why = line.attend(&mut stream).await;
    let _ = news.send((line.connection, What::Lost(why))).await;
}

impl Line {
    async fn connect(&self) -> io::Result<TcpStream> {
        let socket = tcp::socket_for(self.to)?;
        let options = SockRef::from(&socket);
        let every = Duration::from_secs((self.silence.as_secs() / 3).max(1));
        options.set_tcp_keepalive(
            &TcpKeepalive::new()
                .with_time(every)
                .with_interval(every)
                .with_retries(KEEP_ALIVES),
        )?;
        options.set_tcp_user_timeout(Some(self.silence))?;
        socket.set_nodelay(true)?;
        socket.bind(SocketAddr::new(self.from, 0))?;
        socket.connect(self.to).await
    }

    async fn attend(&self, stream: &mut TcpStream) -> Loss {
        let mut buffer = [0; READ];
        let mut reader = Some(q931::Stream::default());
        let mut watch = Watch::new(self.status_enquiry, self.silence);
        loop {
            tokio::select! {
                biased;
                read = stream.read(&mut buffer) => match read {
                    Ok(0) => return Loss::Closed,
                    Ok(length) => {
                        watch.heard();
                        let answers = self.read(&mut reader, &buffer[..length]);
                        if let Err(why) = self.write(stream, &answers).await {
                            return why;
                        }
                    }
                    Err(e) => return loss(&e),
                },
                () = until(watch.due()) => {
                    if watch.unanswered() {
                        return Loss::Silent;
                    }
                    let enquiry = q931::status_enquiry(CallReference::GLOBAL);
                    if let Err(why) = self.write(stream, &enquiry).await {
                        return why;
                    }
                    watch.asked();
                }
            }
        }
    }

    /// Takes what came; what is to be answered. A stream that is no TPKT is not looked at any more.
    fn read(&self, reader: &mut Option<q931::Stream>, octets: &[u8]) -> Vec<u8> {
        let mut answers = Vec::new();
        let Some(stream) = reader else {
            return answers;
        };
        let read = stream.take(octets, |message| match q931::header(message) {
            Some(header) if header.message_type == STATUS_ENQUIRY => {
                let reference = header.reference.reversed();
                answers.extend(q931::status(reference, RESPONSE_TO_STATUS_ENQUIRY, NULL));
            }
            Some(header) if header.message_type == STATUS => {}
            // An empty TPKT keeps a connection alive (H.460.18).
            None if message.is_empty() => {}
            _ => {
                self.unused.fetch_add(1, Ordering::Relaxed);
            }
        });
        if let Err(e) = read {
            tracing::debug!("call signalling of {}: {e}", self.to);
            self.unused.fetch_add(1, Ordering::Relaxed);
            *reader = None;
        }
        answers
    }

    async fn write(&self, stream: &mut TcpStream, octets: &[u8]) -> Result<(), Loss> {
        if octets.is_empty() {
            return Ok(());
        }
        match timeout(self.silence, stream.write_all(octets)).await {
            Ok(done) => done.map_err(|e| loss(&e)),
            // A peer that reads nothing.
            Err(_) => Err(Loss::Silent),
        }
    }
}

/// How a connection was lost, by the error that says so.
fn loss(e: &io::Error) -> Loss {
    if tcp::is_silence(e) {
        Loss::Silent
    } else {
        Loss::Reset
    }
}

/// When to ask for the status, and when the answer is overdue.
#[derive(Debug)]
struct Watch {
    every: Option<Duration>,
    patience: Duration,
    asked: Instant,
    unanswered: bool,
}

impl Watch {
    fn new(every: Option<Duration>, patience: Duration) -> Self {
        Self {
            every,
            patience,
            asked: Instant::now(),
            unanswered: false,
        }
    }

    fn heard(&mut self) {
        self.unanswered = false;
    }

    fn asked(&mut self) {
        self.asked = Instant::now();
        self.unanswered = true;
    }

    fn unanswered(&self) -> bool {
        self.unanswered
    }

    fn due(&self) -> Option<Instant> {
        let every = self.every?;
        Some(
            self.asked
                + if self.unanswered {
                    self.patience
                } else {
                    every
                },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line {
        Line {
            connection: ConnectionId(1),
            from: [192, 0, 2, 1].into(),
            to: ([192, 0, 2, 2], 1720).into(),
            silence: Duration::from_secs(3),
            status_enquiry: None,
            unused: Arc::default(),
        }
    }

    #[test]
    fn only_enquiries_are_answered() {
        let line = line();
        let mut reader = Some(q931::Stream::default());
        let reference = CallReference {
            value: 9,
            to_originator: true,
        };
        let mut stream = q931::status_enquiry(reference);
        stream.extend(q931::status(reference, 30, 0));
        stream.extend([3, 0, 0, 4]); // keep-alive
        stream.extend([3, 0, 0, 9, 8, 2, 0, 1, 0x05]); // SETUP
        stream.extend([3, 0, 0, 5, 0xff]);
        let answer = q931::status(reference.reversed(), RESPONSE_TO_STATUS_ENQUIRY, NULL);
        assert_eq!(line.read(&mut reader, &stream), answer);
        assert_eq!(line.unused.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn nonsense_is_counted_once() {
        let line = line();
        let mut reader = Some(q931::Stream::default());
        let enquiry = q931::status_enquiry(CallReference::GLOBAL);
        for octets in [&b"GET / HTTP/1.1\r\n\r\n"[..], &enquiry, b"more"] {
            assert!(line.read(&mut reader, octets).is_empty());
        }
        assert!(reader.is_none());
        assert_eq!(line.unused.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn errors_say_how_it_was_lost() {
        for (kind, why) in [
            (io::ErrorKind::TimedOut, Loss::Silent),
            (io::ErrorKind::HostUnreachable, Loss::Silent),
            (io::ErrorKind::ConnectionReset, Loss::Reset),
            (io::ErrorKind::BrokenPipe, Loss::Reset),
        ] {
            assert_eq!(loss(&kind.into()), why);
        }
    }

    #[test]
    fn an_enquiry_is_due_and_then_its_answer() {
        let ms = Duration::from_millis;
        assert_eq!(Watch::new(None, ms(10)).due(), None);
        let mut watch = Watch::new(Some(ms(100)), ms(10));
        assert_eq!(watch.due(), Some(watch.asked + ms(100)));
        watch.asked();
        assert!(watch.unanswered());
        assert_eq!(watch.due(), Some(watch.asked + ms(10)));
        watch.heard();
        assert!(!watch.unanswered());
        assert_eq!(watch.due(), Some(watch.asked + ms(100)));
    }
}
