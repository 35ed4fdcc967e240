//! What is remembered over restarts: an SQLite file in `state_dir`.
//!
//! A thread of its own writes; whoever gives it something never waits for the disk. Invariants:
//! - what goes wrong here is reported and tried again, and stops nothing else;
//! - the file never has a registration that was withdrawn for longer than a batch takes, or a failure lasts.

mod clock;
mod decisions;
mod open;
mod queue;
mod rows;
mod schema;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use rasline_core::{Alternate, Stored, Time};
use rusqlite::Connection;

use crate::failure::{Failure, Result};

use clock::Clock;
use open::Fault;
use queue::{Batch, Change};
use writer::Shared;

pub use open::FILE;
pub use queue::LIMIT;
pub use rows::Loaded;

/// How long the last batch may take when the controller stops.
const LAST_BATCH: Duration = Duration::from_secs(5);

/// A gatekeeper of a zone, as it is found again under another configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Keeper {
    /// Zone.
    pub zone: String,
    /// Id.
    pub gatekeeper: String,
    /// RAS address.
    pub address: SocketAddr,
}

/// What changes often about a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// When the gatekeeper last confirmed it.
    pub confirmed: Time,
    /// Its last keep-alive.
    pub last_seen: Time,
    /// Keep-alives answered by the kernel.
    pub answered: u64,
}

impl Times {
    const fn of(stored: &Stored) -> Self {
        Self {
            confirmed: stored.confirmed,
            last_seen: stored.last_seen,
            answered: stored.answered,
        }
    }

    const fn write_to(self, stored: &mut Stored) {
        stored.confirmed = self.confirmed;
        stored.last_seen = self.last_seen;
        stored.answered = self.answered;
    }
}

/// Which gatekeeper serves a zone, and what the operator decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Zone.
    pub zone: String,
    /// Id of the active gatekeeper; empty: none.
    pub active: String,
    /// The operator's decision.
    pub manual: Manual,
    /// Since when.
    pub since: Time,
}

/// What the operator decided; gatekeepers by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Manual {
    /// Nothing.
    #[default]
    None,
    /// This one is preferred.
    Switch(String),
    /// No move.
    Hold,
}

/// A list of alternate gatekeepers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Who named them.
    pub by: Keeper,
    /// Kind of the message.
    pub message: String,
    /// When it came.
    pub at: Time,
    /// Its entries; none: there is nothing to remember.
    pub alternates: Vec<Alternate>,
}

/// How the store is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Registrations in the file.
    pub registrations: u64,
    /// Changes that wait to be written.
    pub waiting: usize,
    /// When something was last written.
    pub last_write: Option<Time>,
    /// What is wrong; empty: nothing.
    pub error: String,
    /// Corrupt file that was moved aside since the start; empty: none.
    pub set_aside: String,
    /// How often there was no room for what was to be written.
    pub overflows: u64,
}

/// The store. Without a file it takes everything and keeps nothing.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    shared: Arc<Shared>,
    /// `None`: there is no file.
    running: Option<JoinHandle<()>>,
}

impl Store {
    /// Opens the file in this folder. Whatever is wrong with it is reported by [`Store::status`] and [`Store::news`];
    /// the store is then without a file.
    #[must_use]
    pub fn open(folder: &Path) -> Self {
        let path = folder.join(FILE);
        let shared = Arc::new(Shared::default());
        let running = match start(&path, &shared) {
            Ok(running) => Some(running),
            Err(failure) => {
                tracing::error!("{failure}");
                shared.report(&failure.to_string());
                None
            }
        };
        Self {
            path,
            shared,
            running,
        }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is a file.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.running.is_some()
    }

    /// Gives all registrations at gatekeepers that `find` knows: zone and gatekeeper index of each. To be called
    /// before anything is put.
    ///
    /// # Errors
    /// When the file cannot be read; what was given until then holds. A corrupt file is replaced by a new one, and
    /// [`Store::wants_all`].
    pub fn load(
        &self,
        find: impl Fn(&Keeper) -> Option<(u32, u32)>,
        each: impl FnMut(Box<Stored>),
    ) -> Result<Loaded> {
        let loaded = self.read(|db, clock| rows::load(db, clock, find, each))?;
        Ok(loaded.unwrap_or_default())
    }

    /// Zones' decisions.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn zones(&self) -> Result<Vec<Decision>> {
        Ok(self.read(decisions::zones)?.unwrap_or_default())
    }

    /// Alternate gatekeepers, by who named them.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn alternates(&self) -> Result<Vec<Listed>> {
        Ok(self.read(decisions::alternates)?.unwrap_or_default())
    }

    /// `None`: there is no file.
    fn read<T>(
        &self,
        query: impl FnOnce(&Connection, Clock) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        if self.running.is_none() {
            return Ok(None);
        }
        let read = open::connect(&self.path).and_then(|db| {
            let clock = open::clock(&db)?;
            Ok(query(&db, clock)?)
        });
        read.map(Some).map_err(|fault| {
            let failure = unusable(&self.path, &fault);
            if fault.is_lost() {
                self.shared.renew(fault);
            }
            failure
        })
    }

    /// Keeps a published registration, in place of what was kept of it.
    pub fn put(&self, keeper: &Arc<Keeper>, stored: Stored) {
        let id = stored.id.0;
        self.push(id, Change::Put(Arc::clone(keeper), Box::new(stored)));
    }

    /// Notes a kept registration's times.
    pub fn touch(&self, id: u64, times: Times) {
        self.push(id, Change::Times(times));
    }

    /// Forgets a registration.
    pub fn delete(&self, id: u64) {
        self.push(id, Change::Delete);
    }

    /// Forgets all registrations but these.
    pub fn keep_only(&self, mut kept: Vec<u64>) {
        kept.sort_unstable();
        self.queue(|queue| {
            queue
                .registrations
                .retain(|id, _| kept.binary_search(id).is_ok());
            queue.keep_only = Some(kept);
        });
    }

    /// Keeps a zone's decision.
    pub fn put_zone(&self, decision: Decision) {
        self.queue(|queue| {
            queue.zones.insert(decision.zone.clone(), decision);
        });
    }

    /// Keeps a gatekeeper's list of alternates, in place of its last one.
    pub fn put_alternates(&self, listed: Listed) {
        self.queue(|queue| {
            queue.alternates.insert(listed.by.clone(), listed);
        });
    }

    /// Whether something was lost on the way to the file, or the file is new, so that everything is to be put again:
    /// first [`Store::keep_only`], then each. Asked once, it is not said again.
    #[must_use]
    pub fn wants_all(&self) -> bool {
        self.running.is_some() && self.shared.take_wants_all()
    }

    /// How many registrations may be put now without crowding out others.
    #[must_use]
    pub fn room(&self) -> usize {
        (LIMIT / 2).saturating_sub(self.shared.lock().queue.registrations.len())
    }

    /// How it is.
    #[must_use]
    pub fn status(&self) -> Status {
        let state = self.shared.lock();
        Status {
            waiting: state.queue.registrations.len()
                + state.queue.zones.len()
                + state.queue.alternates.len(),
            ..state.status.clone()
        }
    }

    /// What people should know, each once.
    #[must_use]
    pub fn news(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.lock().news)
    }

    /// Writes what waits now.
    ///
    /// # Errors
    /// When it could not be written in time; it is tried again.
    pub fn flush(&self) -> Result<()> {
        if self.running.is_none() || self.shared.flush(LAST_BATCH) {
            return Ok(());
        }
        let error = self.status().error;
        Err(Failure::new(
            thing(&self.path),
            format!("not everything was written: {error}"),
            NEXT,
        ))
    }

    fn push(&self, id: u64, change: Change) {
        if self.running.is_some() {
            self.shared.push(id, change);
        }
    }

    fn queue(&self, change: impl FnOnce(&mut Batch)) {
        if self.running.is_some() {
            change(&mut self.shared.lock().queue);
            self.shared.wake();
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some(thread) = self.running.take() {
            self.shared.stop();
            // A writer that panicked has said so.
            let _ = thread.join();
        }
    }
}

const NEXT: &str = "check the disk's space and the folder's owner and mode";

fn thing(path: &Path) -> String {
    format!("store {}", path.display())
}

/// What people are told of a file that cannot be used.
fn unusable(path: &Path, fault: &Fault) -> Failure {
    let next = match fault {
        Fault::Newer { .. } => {
            "it is left alone and nothing is remembered; use the newer rasline, or move the file away"
        }
        Fault::Corrupt(_) => "a new one takes its place",
        Fault::Sqlite(_) | Fault::Io(_) => NEXT,
    };
    Failure::new(thing(path), fault, next)
}

fn start(path: &Path, shared: &Arc<Shared>) -> Result<JoinHandle<()>> {
    let failed = |fault: Fault| {
        let mut failure = unusable(path, &fault);
        if !matches!(fault, Fault::Newer { .. }) {
            failure.cause = format!("{}; nothing is remembered over a restart", failure.cause);
        }
        failure
    };
    let opened = open::open(path).map_err(failed)?;
    let count = rows::count(&opened.db).map_err(|e| failed(e.into()))?;
    shared.lock().status.registrations = count;
    if let Some(aside) = &opened.aside {
        shared.set_aside(path, aside);
    }
    let writer = writer::Writer::new(path, opened, Arc::clone(shared));
    std::thread::Builder::new()
        .name("store".to_owned())
        .spawn(move || writer.run())
        .map_err(|e| failed(e.into()))
}

/// A thread that panicked leaves nothing half done here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
