//! The client side of the control socket, used by the CLI.

use std::{
    io::{self, BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::de::DeserializeOwned;

use super::{Command, Reply, Request, VERSION};
use crate::failure::{Failure, Result};

const PATIENCE: Duration = Duration::from_secs(30);

/// A connection to the controller.
#[derive(Debug)]
pub struct Client {
    path: PathBuf,
    stream: BufReader<UnixStream>,
}

impl Client {
    /// Connects to the control socket.
    ///
    /// # Errors
    /// When the controller is not running, or this user has no permission.
    pub fn connect(path: &Path) -> Result<Self> {
        let stream = UnixStream::connect(path).map_err(|e| refused(path, &e))?;
        let bounded = stream
            .set_read_timeout(Some(PATIENCE))
            .and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
        bounded.map_err(|e| lost(path, &e))?;
        Ok(Self {
            path: path.to_owned(),
            stream: BufReader::new(stream),
        })
    }

    /// Sends a request and returns the data of the reply.
    ///
    /// # Errors
    /// The error in the reply, or that no reply came.
    pub fn call<T: DeserializeOwned>(&mut self, command: Command) -> Result<T> {
        let mut line = serde_json::to_string(&Request {
            version: VERSION,
            command,
        })
        .map_err(|e| Failure::plain("request", e))?;
        line.push('\n');
        self.stream
            .get_mut()
            .write_all(line.as_bytes())
            .map_err(|e| lost(&self.path, &e))?;
        let reply: Reply = self
            .line()?
            .ok_or_else(|| lost(&self.path, &io::ErrorKind::UnexpectedEof.into()))?;
        if reply.version != VERSION {
            return Err(Failure::new(
                "controller",
                format!(
                    "unsupported protocol version {} (this rasline speaks {VERSION})",
                    reply.version
                ),
                "use the rasline command of the running controller's version",
            ));
        }
        if !reply.ok {
            return Err(said(&reply.error.unwrap_or_default()));
        }
        serde_json::from_value(reply.data).map_err(|e| Failure::plain("reply of the controller", e))
    }

    /// Removes the timeout: later reads wait without limit.
    ///
    /// # Errors
    /// When the socket option cannot be set.
    pub fn patient(&mut self) -> Result<()> {
        self.stream
            .get_mut()
            .set_read_timeout(None)
            .map_err(|e| lost(&self.path, &e))
    }

    /// Reads the next line. Returns `None` when the controller has closed the connection.
    ///
    /// # Errors
    /// When the line cannot be parsed.
    pub fn line<T: DeserializeOwned>(&mut self) -> Result<Option<T>> {
        let mut line = String::new();
        let n = self
            .stream
            .read_line(&mut line)
            .map_err(|e| lost(&self.path, &e))?;
        if n == 0 {
            return Ok(None);
        }
        serde_json::from_str(&line)
            .map(Some)
            .map_err(|e| Failure::plain("reply of the controller", e))
    }
}

/// Splits an error of the controller, `thing: cause; next step`, into a failure.
fn said(text: &str) -> Failure {
    let (thing, rest) = text
        .split_once(": ")
        .map_or(("controller", text), |(a, b)| (a, b));
    let (cause, next) = rest.split_once("; ").unwrap_or((rest, ""));
    Failure::new(thing, cause, next)
}

fn refused(path: &Path, e: &io::Error) -> Failure {
    let thing = format!("control socket {}", path.display());
    match e.kind() {
        io::ErrorKind::NotFound => Failure::new(
            thing,
            "does not exist, so the controller is not running",
            "start it with `rasline run`, or give its socket with --socket",
        ),
        io::ErrorKind::ConnectionRefused => Failure::new(
            thing,
            "connection refused, so the controller has died",
            "start it with `rasline run`; it removes the stale socket",
        ),
        io::ErrorKind::PermissionDenied => Failure::new(
            thing,
            "permission denied",
            "run as root, or join the group set as control_group",
        ),
        _ => Failure::plain(thing, e),
    }
}

fn lost(path: &Path, e: &io::Error) -> Failure {
    let cause = match e.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            "the controller does not reply".to_owned()
        }
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionReset => "the controller closed the connection".to_owned(),
        _ => e.to_string(),
    };
    Failure::new(
        format!("control socket {}", path.display()),
        cause,
        "see the controller's log",
    )
}
