//! The profiles on disk, read and written by a thread of its own: the loop never waits for the disk.

use std::{
    path::Path,
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    time::Duration,
};

use rasline_core::profile::KnownEndpoint;
use tokio::sync::mpsc;

use crate::{
    failure::{Failure, Result},
    profiles::{Loaded, Profiles},
};

/// How often is looked whether the database is another.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Zones whose learned endpoints wait to be written at most.
const WAITING: usize = 64;

/// What was learned of a zone.
struct Lesson {
    zone: String,
    endpoints: Vec<KnownEndpoint>,
}

/// The way to that thread.
#[derive(Debug)]
pub struct ProfileThread {
    lessons: SyncSender<Lesson>,
}

impl ProfileThread {
    /// What the database says now, and where changes will come out.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(state_dir: &Path) -> Result<(Self, Loaded, mpsc::Receiver<Loaded>)> {
        let mut profiles = Profiles::open(state_dir);
        let first = profiles.load();
        let (lessons, learned) = sync_channel(WAITING);
        // Only the newest counts; the thread waits for the loop to take it.
        let (tell, news) = mpsc::channel(1);
        std::thread::Builder::new()
            .name("profiles".to_owned())
            .spawn(move || follow(profiles, &learned, &tell))
            .map_err(|e| Failure::plain("profiles", e))?;
        Ok((Self { lessons }, first, news))
    }

    /// What was learned of a zone from its traffic. Left out when too much waits: it comes again.
    pub fn learn(&self, zone: &str, endpoints: Vec<KnownEndpoint>) {
        let zone = zone.to_owned();
        if let Err(TrySendError::Full(lesson)) = self.lessons.try_send(Lesson { zone, endpoints }) {
            tracing::debug!("zone {}: what was learned is not written now", lesson.zone);
        }
    }
}

fn follow(mut profiles: Profiles, learned: &Receiver<Lesson>, tell: &mpsc::Sender<Loaded>) {
    loop {
        match learned.recv_timeout(LOOK_EVERY) {
            Ok(Lesson { zone, endpoints }) => {
                if let Err(e) = profiles.learn(&zone, &endpoints) {
                    tracing::warn!("zone {zone}: what was learned is not written: {e}");
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if profiles.changed() && tell.blocking_send(profiles.load()).is_err() {
            return;
        }
    }
}
