//! An endpoint's call-signalling connection, kept open for several calls.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use socket2::{Domain, Socket, Type};

use crate::{
    Netns,
    signalling::{self, Call, Kind, Message},
};

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was reset (RST).
    Reset,
    /// It was closed (FIN).
    Closed,
    /// It is still open.
    Open,
}

/// A call-signalling connection.
#[derive(Debug)]
pub struct CallLine {
    stream: TcpStream,
    local: SocketAddr,
    to: SocketAddr,
    calls: u16,
}

impl CallLine {
    /// Connects from `from` to a gatekeeper's call-signalling address.
    ///
    /// # Errors
    /// When the connection is refused, or takes longer than `within`.
    pub fn connect(netns: &Netns, from: IpAddr, to: SocketAddr, within: Duration) -> Result<Self> {
        let stream = netns
            .run(|| -> io::Result<TcpStream> {
                let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
                socket.bind(&SocketAddr::new(from, 0).into())?;
                socket.connect_timeout(&to.into(), within)?;
                Ok(socket.into())
            })?
            .with_context(|| format!("connecting {from} to {to}"))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            local: stream.local_addr()?,
            stream,
            to,
            calls: 0,
        })
    }

    /// The local address and port.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Sends Setup of another call. Returns the answers up to Connect.
    ///
    /// # Errors
    /// `ConnectionReset` after a RST, `UnexpectedEof` after a FIN, `TimedOut` without an answer.
    pub fn call(&mut self, eid: &str, within: Duration) -> io::Result<Vec<Message>> {
        self.calls += 1;
        let call = Call::new(self.calls, self.local.ip());
        let setup = signalling::setup(call, self.local, self.to, eid);
        self.stream.write_all(&setup)?;
        self.answers(within)
    }

    /// Reads the remaining answers to the last Setup, up to Connect.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub fn answers(&mut self, within: Duration) -> io::Result<Vec<Message>> {
        let call = Call::new(self.calls, self.local.ip());
        let end = Instant::now() + within;
        let mut answers = Vec::new();
        loop {
            self.time_out_at(end)?;
            let answer = match signalling::read(&mut self.stream) {
                Ok(Some(answer)) => answer,
                Ok(None) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                Err(e) => return Err(e),
            };
            if answer.call != call {
                return Err(io::Error::other(format!("another call: {answer:?}")));
            }
            let connected = answer.kind == Kind::Connect;
            answers.push(answer);
            if connected {
                return Ok(answers);
            }
        }
    }

    /// Sends ReleaseComplete of the last call. The connection stays.
    ///
    /// # Errors
    /// When the connection fails.
    pub fn release(&mut self) -> io::Result<()> {
        let call = Call::new(self.calls, self.local.ip());
        self.stream.write_all(&signalling::release(call))
    }

    /// Waits until the connection ends, without sending anything.
    ///
    /// # Errors
    /// When data is received.
    pub fn end(&mut self, within: Duration) -> Result<End> {
        let end = Instant::now() + within;
        loop {
            self.time_out_at(end)?;
            return match self.stream.read(&mut [0; 1]) {
                Ok(0) => Ok(End::Closed),
                Ok(_) => anyhow::bail!("data was received on a connection that should be quiet"),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(End::Open),
                Err(e) if e.kind() == io::ErrorKind::ConnectionReset => Ok(End::Reset),
                // The machine was suspended.
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => Err(e).context("reading"),
            };
        }
    }

    fn time_out_at(&self, end: Instant) -> io::Result<()> {
        let left = end.saturating_duration_since(Instant::now());
        let left = left.max(Duration::from_micros(1));
        self.stream.set_read_timeout(Some(left))
    }
}
