//! The fake gatekeeper's call signalling: answers every Setup with CallProceeding, Alerting and Connect, and keeps the
//! connection open for more.

use std::{
    io::{self, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    os::fd::AsRawFd,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context, Result};
use rasline_h225::q931::{NULL, RESPONSE_TO_STATUS_ENQUIRY, STATUS_ENQUIRY, header, status};

use crate::{
    gatekeeper::{Shared, What},
    messages::hex,
    signalling::{self, Kind},
};

/// A listener for call signalling; it runs until [`CallServer::stop`].
#[derive(Debug)]
pub(crate) struct CallServer {
    listener: Arc<TcpListener>,
    connections: Arc<Mutex<Vec<TcpStream>>>,
    thread: JoinHandle<()>,
}

impl CallServer {
    pub(crate) fn start(listener: TcpListener, shared: &Arc<Shared>) -> Self {
        let listener = Arc::new(listener);
        let connections = Arc::new(Mutex::new(Vec::new()));
        let (ours, open, shared) = (
            Arc::clone(&listener),
            Arc::clone(&connections),
            Arc::clone(shared),
        );
        let thread = std::thread::spawn(move || accept(&ours, &open, &shared));
        Self {
            listener,
            connections,
            thread,
        }
    }

    /// Resets all connections; their peers receive an RST.
    pub(crate) fn reset(&self) -> Result<()> {
        for stream in lock(&self.connections).drain(..) {
            disconnect(&stream).context("resetting a connection")?;
        }
        Ok(())
    }

    /// Closes the listener and all connections, as when a process ends.
    pub(crate) fn stop(self) {
        // On Linux this makes accept fail.
        let _ = socket2::SockRef::from(&*self.listener).shutdown(Shutdown::Both);
        let _ = self.thread.join();
        for stream in lock(&self.connections).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// connect(AF_UNSPEC), which on a TCP connection sends an RST.
fn disconnect(stream: &TcpStream) -> io::Result<()> {
    let none = libc::sockaddr {
        sa_family: libc::AF_UNSPEC as u16,
        sa_data: [0; 14],
    };
    // SAFETY: the address outlives the call, and its size goes with it.
    #[allow(unsafe_code)]
    let done = unsafe {
        libc::connect(
            stream.as_raw_fd(),
            &raw const none,
            size_of_val(&none) as u32,
        )
    };
    if done == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    // The connection has ended already.
    if error.kind() == io::ErrorKind::NotConnected {
        return Ok(());
    }
    Err(error)
}

fn lock(connections: &Mutex<Vec<TcpStream>>) -> std::sync::MutexGuard<'_, Vec<TcpStream>> {
    connections.lock().unwrap_or_else(PoisonError::into_inner)
}

fn accept(listener: &TcpListener, open: &Mutex<Vec<TcpStream>>, shared: &Arc<Shared>) {
    while let Ok((stream, from)) = listener.accept() {
        if shared.stop.load(Ordering::SeqCst) {
            return;
        }
        shared.note(What::Connected, from, None, 0);
        let (Ok(ours), shared) = (stream.try_clone(), Arc::clone(shared)) else {
            continue;
        };
        lock(open).push(ours);
        std::thread::spawn(move || {
            serve(stream, from, &shared);
        });
    }
}

/// ReleaseComplete (Q.931 alone) to a Status Enquiry.
fn release(enquiry: &[u8]) -> Vec<u8> {
    let reference = header(&enquiry[4..]).map_or(0, |header| header.reference.value);
    let [high, low] = reference.to_be_bytes();
    vec![3, 0, 0, 9, 8, 2, high | 0x80, low, 0x5a]
}

fn serve(mut stream: TcpStream, from: SocketAddr, shared: &Shared) {
    let _ = stream.set_nodelay(true);
    let idle = shared.lock().model.policy.closes_idle_ms;
    // A read without data in that time ends the loop.
    let _ = stream.set_read_timeout(idle.map(Duration::from_millis));
    while let Ok(Some(message)) = signalling::read(&mut stream) {
        let what = match message.kind {
            Kind::Setup => What::Setup,
            Kind::Other(STATUS_ENQUIRY) => What::StatusEnquiry,
            Kind::ReleaseComplete => What::ReleaseComplete,
            _ => What::Other,
        };
        let call = hex(&message.call.identifier);
        shared.note(what, from, Some(call), message.call.reference);
        if what == What::Setup {
            let _ = stream.set_read_timeout(None);
        } else if what == What::StatusEnquiry && idle.is_some() {
            let _ = stream.write_all(&release(&message.octets));
            break;
        }
        if what == What::StatusEnquiry
            && !shared.lock().model.policy.silent
            && let Some(header) = header(&message.octets[4..])
        {
            let reference = header.reference.reversed();
            let _ = stream.write_all(&status(reference, RESPONSE_TO_STATUS_ENQUIRY, NULL));
        }
        if what == What::Setup && !shared.lock().model.policy.silent {
            for answer in signalling::answers(message.call) {
                if stream.write_all(&answer).is_err() {
                    break;
                }
            }
        }
    }
    shared.note(What::Disconnected, from, None, 0);
    let _ = stream.shutdown(Shutdown::Both);
}
