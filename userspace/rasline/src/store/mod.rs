//! The store: state that survives restarts, in an SQLite file in `state_dir`.
//!
//! A separate thread writes; callers that put something never wait for the disk. Invariants:
//! - errors are reported and the write is retried; they stop nothing else;
//! - a withdrawn registration is removed from the file with the next successful batch.

mod agents;
mod calls;
mod clock;
mod decisions;
mod events;
mod kept;
mod keyed;
mod open;
mod queue;
mod rows;
mod schema;
mod served;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use rasline_core::{Stored, agent::Remembered, registrar::StoredCall};
use rusqlite::Connection;

use crate::failure::{Failure, Result};

use clock::Clock;
use keyed::{Key, Keyed};
use open::Fault;
use queue::{Batch, Change};
use writer::Shared;

pub use calls::CallRow;
pub use kept::{Decision, Keeper, Listed, Manual, Served, Status, Times};
pub use open::FILE;
pub use queue::LIMIT;
pub use rows::Loaded;

/// Time limit for the last batch when the controller stops.
const LAST_BATCH: Duration = Duration::from_secs(5);

/// The store. Without a file it accepts everything and keeps nothing.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    shared: Arc<Shared>,
    /// `None` if there is no file.
    running: Option<JoinHandle<()>>,
}

impl Store {
    /// Opens the file in this folder. Errors are reported by [`Store::status`] and [`Store::news`];
    /// the store then has no file.
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

    /// Path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the store has a file.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.running.is_some()
    }

    /// Loads all registrations at gatekeepers that `find` knows, with zone and gatekeeper index of each. To be called
    /// before anything is put.
    ///
    /// # Errors
    /// When the file cannot be read; registrations given until then are valid. A corrupt file is replaced by a new one,
    /// and
    /// [`Store::wants_all`].
    pub fn load(
        &self,
        find: impl Fn(&Keeper) -> Option<(u32, u32)>,
        each: impl FnMut(Box<Stored>),
    ) -> Result<Loaded> {
        let loaded = self.read(|db, clock| rows::load(db, clock, find, each))?;
        Ok(loaded.unwrap_or_default())
    }

    /// Loads the zones' decisions.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn zones(&self) -> Result<Vec<Decision>> {
        Ok(self.read(decisions::zones)?.unwrap_or_default())
    }

    /// Loads the lists of alternate gatekeepers.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn alternates(&self) -> Result<Vec<Listed>> {
        Ok(self.read(decisions::alternates)?.unwrap_or_default())
    }

    /// Loads what agents knew about their gatekeepers.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn agents(&self) -> Result<Vec<Remembered>> {
        Ok(self.read(|db, _| agents::all(db))?.unwrap_or_default())
    }

    /// Loads important events, each as JSON, the oldest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn events(&self) -> Result<Vec<String>> {
        Ok(self.read(|db, _| events::all(db))?.unwrap_or_default())
    }

    /// Loads registrations with rasline itself, each with its zone. Invalid rows are skipped.
    ///
    /// # Errors
    /// When the file cannot be read. A corrupt file is replaced by a new one, and [`Store::wants_all`].
    pub fn served(&self) -> Result<Vec<(String, Served)>> {
        Ok(self.read(served::all)?.unwrap_or_default())
    }

    /// Loads calls that rasline's registrars admitted, the oldest first.
    ///
    /// # Errors
    /// When the file cannot be read. A corrupt file is replaced by a new one, and [`Store::wants_all`].
    pub fn calls(&self) -> Result<Vec<CallRow>> {
        Ok(self.read(calls::all)?.unwrap_or_default())
    }

    /// `None` if there is no file.
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

    /// Puts a published registration, replacing its old row.
    pub fn put(&self, keeper: &Arc<Keeper>, stored: Stored) {
        let id = stored.id.0;
        self.push(id, Change::Put(Arc::clone(keeper), Box::new(stored)));
    }

    /// Updates the times of a registration.
    pub fn touch(&self, id: u64, times: Times) {
        self.push(id, Change::Times(times));
    }

    /// Removes a registration.
    pub fn delete(&self, id: u64) {
        self.push(id, Change::Delete);
    }

    /// Removes all registrations but these.
    pub fn keep_only(&self, mut kept: Vec<u64>) {
        kept.sort_unstable();
        self.queue(|queue| {
            queue
                .registrations
                .retain(|id, _| kept.binary_search(id).is_ok());
            queue.keep_only = Some(kept);
        });
    }

    /// Puts a zone's decision.
    pub fn put_zone(&self, decision: Decision) {
        self.queue(|queue| {
            queue.zones.insert(decision.zone.clone(), decision);
        });
    }

    /// Puts a gatekeeper's list of alternates, replacing its last one.
    pub fn put_alternates(&self, listed: Listed) {
        self.queue(|queue| {
            queue.alternates.insert(listed.by.clone(), listed);
        });
    }

    /// Puts what an agent knows about its gatekeepers, replacing its old rows.
    pub fn remember_agent(&self, agent: Remembered) {
        self.queue(|queue| {
            queue.agents.insert(agent.name.clone(), agent);
        });
    }

    /// Puts an important event; the oldest ones are removed.
    pub fn put_event(&self, number: u64, event: String) {
        self.queue(|queue| queue.events.push(number, event));
    }

    /// Puts a registration with rasline itself, replacing its old row.
    pub fn put_served(&self, zone: &str, served: Served) {
        let identifier = served.registration().endpoint_identifier.clone();
        let key = (zone.to_owned(), identifier);
        self.push_keyed(|queue| &mut queue.served, key, Some(served));
    }

    /// Removes a registration with rasline itself.
    pub fn delete_served(&self, zone: &str, endpoint_identifier: &str) {
        let key = (zone.to_owned(), endpoint_identifier.to_owned());
        self.push_keyed(|queue| &mut queue.served, key, None);
    }

    /// Removes all registrations with rasline itself but these: zone and endpointIdentifier of each.
    pub fn keep_only_served(&self, kept: impl IntoIterator<Item = (String, String)>) {
        let kept = kept.into_iter().collect();
        self.queue(|queue| queue.served.keep_only(kept));
    }

    /// Puts a call, replacing its old row.
    pub fn put_call(&self, zone: &str, call: StoredCall) {
        let key = (zone.to_owned(), call.call.clone());
        self.push_keyed(|queue| &mut queue.calls, key, Some(call));
    }

    /// Removes a call.
    pub fn delete_call(&self, zone: &str, call: &str) {
        let key = (zone.to_owned(), call.to_owned());
        self.push_keyed(|queue| &mut queue.calls, key, None);
    }

    /// Removes all calls but these: zone and name of each.
    pub fn keep_only_calls(&self, kept: impl IntoIterator<Item = (String, String)>) {
        let kept = kept.into_iter().collect();
        self.queue(|queue| queue.calls.keep_only(kept));
    }

    /// Whether changes were lost or the file is new, so that everything must be put again:
    /// first [`Store::keep_only`], [`Store::keep_only_served`] and [`Store::keep_only_calls`], then each row. True is
    /// returned once.
    #[must_use]
    pub fn wants_all(&self) -> bool {
        self.running.is_some() && self.shared.take_wants_all()
    }

    /// Number of registrations that can be put now.
    #[must_use]
    pub fn room(&self) -> usize {
        (LIMIT / 2).saturating_sub(self.shared.lock().queue.registrations.len())
    }

    /// Number of registrations with rasline itself that can be put now.
    #[must_use]
    pub fn room_for_served(&self) -> usize {
        self.shared.lock().queue.served.room()
    }

    /// Number of calls that can be put now.
    #[must_use]
    pub fn room_for_calls(&self) -> usize {
        self.shared.lock().queue.calls.room()
    }

    /// State of the store.
    #[must_use]
    pub fn status(&self) -> Status {
        let state = self.shared.lock();
        Status {
            waiting: state.queue.len(),
            ..state.status.clone()
        }
    }

    /// Messages for people; each is returned once.
    #[must_use]
    pub fn news(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.lock().news)
    }

    /// Writes all waiting changes now.
    ///
    /// # Errors
    /// When they could not be written in time; the write is retried.
    pub fn flush(&self) -> Result<()> {
        if self.running.is_none() || self.shared.flush(LAST_BATCH) {
            return Ok(());
        }
        let error = self.status().error;
        Err(Failure::new(
            thing(&self.path),
            format!("some changes were not written: {error}"),
            NEXT,
        ))
    }

    fn push(&self, id: u64, change: Change) {
        if self.running.is_some() {
            self.shared.push(|queue| queue.push(id, change));
        }
    }

    fn push_keyed<T>(
        &self,
        of: impl FnOnce(&mut Batch) -> &mut Keyed<T>,
        key: Key,
        change: Option<T>,
    ) {
        if self.running.is_some() {
            self.shared.push(|queue| of(queue).push(key, change));
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
            // A panic of the writer was already reported.
            let _ = thread.join();
        }
    }
}

const NEXT: &str = "check the disk's space and the folder's owner and mode";

fn thing(path: &Path) -> String {
    format!("store {}", path.display())
}

/// The error for a file that cannot be used.
fn unusable(path: &Path, fault: &Fault) -> Failure {
    let next = match fault {
        Fault::Newer { .. } => "state is not saved; use the newer rasline, or move the file away",
        Fault::Corrupt(_) => "a new file takes its place",
        Fault::Sqlite(_) | Fault::Io(_) => NEXT,
    };
    Failure::new(thing(path), fault, next)
}

fn start(path: &Path, shared: &Arc<Shared>) -> Result<JoinHandle<()>> {
    let failed = |fault: Fault| {
        let mut failure = unusable(path, &fault);
        if !matches!(fault, Fault::Newer { .. }) {
            failure.cause = format!("{}; state is not saved over a restart", failure.cause);
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

/// Locks a mutex. A thread that panicked leaves no inconsistent state in it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
