//! The fake gatekeeper's call signalling: answers every Setup with CallProceeding, Alerting and Connect, and keeps the
//! connection open for more.

use std::{
    io::Write,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    thread::JoinHandle,
};

use crate::{
    gatekeeper::{Shared, What},
    messages::hex,
    signalling::{self, Kind},
};

/// Listens until [`CallServer::stop`].
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

    /// Closes the listener and all connections, as the end of a process does.
    pub(crate) fn stop(self) {
        // On Linux this makes accept fail.
        let _ = socket2::SockRef::from(&*self.listener).shutdown(Shutdown::Both);
        let _ = self.thread.join();
        for stream in lock(&self.connections).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
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

fn serve(mut stream: TcpStream, from: SocketAddr, shared: &Shared) {
    let _ = stream.set_nodelay(true);
    while let Ok(Some(message)) = signalling::read(&mut stream) {
        let what = match message.kind {
            Kind::Setup => What::Setup,
            Kind::ReleaseComplete => What::ReleaseComplete,
            _ => What::Other,
        };
        let call = hex(&message.call.identifier);
        shared.note(what, from, Some(call), message.call.reference);
        if what == What::Setup && !shared.lock().policy.silent {
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
