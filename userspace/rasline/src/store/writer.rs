//! The thread that writes about once a second, and the state that it shares with other threads.
//!
//! ```text
//!            something waits            a second later            written
//!   idle ---------------------> gathering ------------> writing -----------> idle
//!                                   ^                     |
//!                                   +---- 1 s .. 60 s ----+  failed: reported once, put back
//! ```
//! A file that is corrupt or removed is replaced by a new one, and everything is put again.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Condvar, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{
    Mutex, Status, agents, calls, clock, decisions, events, lock,
    open::{self, Fault, Opened},
    queue::{Batch, Change},
    rows::{self, Keys},
    served, thing, unusable,
};

/// Changes are gathered for this long before they are written.
const EVERY: Duration = Duration::from_secs(1);
/// Longest delay before a retry.
const LONGEST: Duration = Duration::from_mins(1);

/// State shared between the controller and the writer.
#[derive(Debug, Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    written: Condvar,
}

/// What the writer does next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Pace {
    /// Gather changes, then write.
    #[default]
    Gather,
    /// Write once without gathering.
    Now,
    /// Write the remaining changes and end.
    Stop,
}

/// The state behind the lock.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) queue: Batch,
    pub(super) status: Status,
    pub(super) news: Vec<String>,
    /// Changes were lost: neither the file nor the queue has them.
    missing: bool,
    /// The reader found the file unusable.
    lost: Option<Fault>,
    pace: Pace,
    /// Number of attempts to write, successful or not.
    attempts: u64,
    writing: bool,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(super) fn wake(&self) {
        self.changed.notify_one();
    }

    /// Applies a change to the queue; `change` returns whether there was room.
    pub(super) fn push(&self, change: impl FnOnce(&mut Batch) -> bool) {
        let mut state = self.lock();
        let first = state.queue.is_empty();
        if !change(&mut state.queue) {
            state.status.overflows += 1;
            state.missing = true;
        }
        drop(state);
        if first {
            self.wake();
        }
    }

    /// Whether everything must be put again; false while the file cannot be written.
    pub(super) fn take_wants_all(&self) -> bool {
        let mut state = self.lock();
        state.status.error.is_empty() && std::mem::take(&mut state.missing)
    }

    /// Reports an error once.
    pub(super) fn report(&self, error: &str) {
        let mut state = self.lock();
        if state.status.error.is_empty() {
            state.news.push(error.to_owned());
        }
        error.clone_into(&mut state.status.error);
    }

    /// Reports that a corrupt file was moved aside.
    pub(super) fn set_aside(&self, path: &Path, (aside, why): &(PathBuf, String)) {
        let text = format!(
            "{}: {why}; moved to {}, a new file takes its place",
            thing(path),
            aside.display()
        );
        tracing::warn!("{text}");
        let mut state = self.lock();
        state.status.set_aside = aside.display().to_string();
        state.status.registrations = 0;
        state.missing = true;
        state.news.push(text);
    }

    /// Replaces an unusable file.
    pub(super) fn renew(&self, fault: Fault) {
        self.lock().lost = Some(fault);
        self.wake();
    }

    pub(super) fn stop(&self) {
        self.lock().pace = Pace::Stop;
        self.wake();
    }

    /// Writes at once. Returns true if everything was written in time.
    pub(super) fn flush(&self, within: Duration) -> bool {
        let mut state = self.lock();
        let until = Instant::now() + within;
        let enough = state.attempts + 1 + u64::from(state.writing);
        while (!state.queue.is_empty() || state.writing) && state.attempts < enough {
            if state.pace == Pace::Gather {
                state.pace = Pace::Now;
            }
            self.wake();
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.written.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.queue.is_empty() && state.status.error.is_empty()
    }

    fn wait(&self, state: MutexGuard<'_, State>, most: Duration) {
        let waited = self.changed.wait_timeout(state, most);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

/// State owned by the thread.
pub(super) struct Writer {
    path: PathBuf,
    /// Connection to the file; `None` if it must be opened again.
    opened: Option<Opened>,
    keys: Keys,
    shared: Arc<Shared>,
    pause: Duration,
}

impl Writer {
    pub(super) fn new(path: &Path, opened: Opened, shared: Arc<Shared>) -> Self {
        Self {
            path: path.to_owned(),
            opened: Some(opened),
            keys: Keys::new(),
            shared,
            pause: EVERY,
        }
    }

    pub(super) fn run(mut self) {
        while let Some(batch) = self.next() {
            let done = match self.lost() {
                Some(fault) => Err(fault),
                None => self.write(&batch),
            };
            let stopping = self.finish(batch, done);
            if stopping {
                break;
            }
        }
    }

    fn lost(&self) -> Option<Fault> {
        self.shared.lock().lost.take()
    }

    /// Waits for changes and gathers them. Returns `None` when the writer is to end.
    fn next(&self) -> Option<Batch> {
        let mut gathered: Option<Instant> = None;
        loop {
            let mut state = self.shared.lock();
            if state.lost.is_some() {
                return Some(Batch::default());
            }
            let idle = state.queue.is_empty();
            if state.pace == Pace::Stop && idle {
                return None;
            }
            let since = gathered.map_or(Duration::ZERO, |at| at.elapsed());
            if !idle && (state.pace != Pace::Gather || since >= self.pause) {
                if state.pace == Pace::Now {
                    state.pace = Pace::Gather;
                }
                state.writing = true;
                return Some(std::mem::take(&mut state.queue));
            }
            if idle {
                gathered = None;
                self.shared.wait(state, LONGEST);
            } else {
                gathered.get_or_insert_with(Instant::now);
                self.shared.wait(state, self.pause.saturating_sub(since));
            }
        }
    }

    /// Records the result of a batch. Returns true if it was the last one.
    fn finish(&mut self, batch: Batch, done: Result<u64, Fault>) -> bool {
        let shared = Arc::clone(&self.shared);
        match done {
            Ok(count) => {
                self.pause = EVERY;
                let mut state = shared.lock();
                state.status.registrations = count;
                state.status.last_write = Some(clock::now());
                if !std::mem::take(&mut state.status.error).is_empty() {
                    let text = format!("{}: writing works again", thing(&self.path));
                    tracing::info!("{text}");
                    state.news.push(text);
                }
            }
            Err(fault) => self.failed(batch, &fault),
        }
        let mut state = shared.lock();
        state.attempts += 1;
        state.writing = false;
        shared.written.notify_all();
        // This was the last attempt; the stop does not wait for a full disk.
        state.pace == Pace::Stop && !state.status.error.is_empty()
    }

    fn failed(&mut self, batch: Batch, fault: &Fault) {
        // Keys added in this batch are not in the file.
        self.keys.clear();
        self.shared.lock().queue.put_back(batch);
        if fault.is_lost() {
            // Close it first: SQLite removes the journal by its name, which the new file will use.
            self.opened = None;
            match open::renew(&self.path, fault) {
                Ok(opened) => return self.reopened(opened),
                Err(other) => self.report(&other),
            }
        } else {
            self.report(fault);
        }
        self.pause = (self.pause * 2).min(LONGEST);
    }

    fn reopened(&mut self, opened: Opened) {
        if let Some(aside) = &opened.aside {
            self.shared.set_aside(&self.path, aside);
        }
        self.opened = Some(opened);
    }

    fn report(&self, fault: &Fault) {
        let failure = unusable(&self.path, fault);
        if self.shared.lock().status.error.is_empty() {
            tracing::error!(
                "{failure}; writing is retried until it works, everything else continues"
            );
        }
        self.shared.report(&failure.to_string());
    }

    /// Writes a batch in one transaction. Returns the number of registrations in the file.
    fn write(&mut self, batch: &Batch) -> Result<u64, Fault> {
        if self.opened.is_none() {
            let opened = open::open(&self.path)?;
            self.reopened(opened);
        }
        let Some(opened) = &mut self.opened else {
            return Ok(0);
        };
        let clock = opened.clock;
        let mut count = self.shared.lock().status.registrations;
        let change = opened.db.transaction()?;
        if let Some(kept) = &batch.keep_only {
            rows::keep_only(&change, kept)?;
            count = rows::count(&change)?;
        }
        for (id, what) in &batch.registrations {
            match what {
                Change::Put(keeper, stored) => {
                    let key = rows::key(&change, &mut self.keys, keeper)?;
                    count += u64::from(rows::put(&change, clock, key, stored)?);
                }
                Change::Times(times) => rows::touch(&change, clock, *id, *times)?,
                Change::Delete => {
                    count = count.saturating_sub(u64::from(rows::delete(&change, *id)?));
                }
            }
        }
        for decision in batch.zones.values() {
            decisions::put_zone(&change, clock, decision)?;
        }
        for listed in batch.alternates.values() {
            decisions::put_alternates(&change, clock, &mut self.keys, listed)?;
        }
        for agent in batch.agents.values() {
            agents::put(&change, agent)?;
        }
        events::write(&change, &batch.events)?;
        served::write(&change, clock, batch)?;
        calls::write(&change, clock, batch)?;
        change.commit()?;
        Ok(count)
    }
}
