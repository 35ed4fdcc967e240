//! Profiles of zones in an SQLite file: configured by the administrator, and, apart from that, learned from live
//! traffic.
//!
//! Invariants:
//! - a change is made completely or not at all, and all profiles in the file pass [`Profile::check`];
//! - learned values never replace configured ones;
//! - a file that cannot be read is not changed; its last good copy is read instead, and this is reported.

mod access;
mod edit;
mod error;
mod format;
mod import;
mod learned;
mod merge;
mod open;
mod rows;
mod schema;
mod snapshot;

#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::failure::{Failure, Result};
use rasline_core::profile::{KnownEndpoint, Profile};

pub use edit::{apply, keys};
pub use error::Trouble;
pub use format::{Format, render, without_passwords};
pub use import::{Import, Imported, import_text};
pub use learned::Learned;
pub use merge::merge;
pub use rows::Summary;

use access::Refused;
use open::{Open, Stamp};

/// Name of the file in `state_dir`.
pub const FILE: &str = "profiles.db";
/// Name of its last good copy.
pub const SNAPSHOT: &str = "profiles.snapshot.db";

/// How long a reader waits for another process that holds the file locked.
const READ_PATIENCE: Duration = Duration::from_millis(200);
/// How long a writer waits: another process may be importing a large directory.
const WRITE_PATIENCE: Duration = Duration::from_secs(20);

/// Where profiles were read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The database.
    Database,
    /// Its last good copy.
    Snapshot {
        /// Time when the copy was made, seconds since 1970.
        since: u64,
    },
    /// Neither exists or can be read.
    Nothing,
}

/// A value that was read, and its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read<T> {
    /// What was read.
    pub value: T,
    /// Source of the data.
    pub source: Source,
    /// Why the database could not be read, and what to do about it.
    pub trouble: Option<Failure>,
}

/// All profiles, as rasline's own gatekeepers serve them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Profiles by zone, with learned endpoints merged in.
    pub profiles: Vec<Arc<Profile>>,
    /// Source of the data.
    pub source: Source,
    /// Error in one line for people.
    pub trouble: Option<String>,
}

/// State of the database at the last [`Profiles::load`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Never,
    /// There was no file.
    Nothing,
    Revision(i64),
    /// It could not be read, for a reason that may be temporary.
    Unreadable,
    /// It is damaged; it is read again when the file changes.
    Damaged(Stamp),
}

/// The profiles in a `state_dir`. Several processes may use them at the same time.
#[derive(Debug)]
pub struct Profiles {
    folder: PathBuf,
    open: Option<Open>,
    seen: Seen,
    /// Revision of the snapshot, once it is known.
    copied: Option<i64>,
}

impl Profiles {
    /// The profiles in this folder. Nothing is opened or created yet.
    #[must_use]
    pub fn open(state_dir: &Path) -> Self {
        Self {
            folder: state_dir.to_owned(),
            open: None,
            seen: Seen::Never,
            copied: None,
        }
    }

    /// Path of the database.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// Reads all profiles, with learned endpoints merged in. If the database cannot be read (locked for longer than 200
    /// ms, damaged, missing) its last good copy is read and `trouble` is set. After each good read the copy is updated,
    /// if something changed.
    pub fn load(&mut self) -> Loaded {
        self.leave();
        let read = self.read(|db| Ok((rows::revision(db)?, merge::all(db)?)));
        let (revision, profiles) = read.value.unwrap_or_default();
        let mut trouble = read.trouble.map(|failure| failure.to_string());
        match read.source {
            Source::Database => {
                self.seen = Seen::Revision(revision);
                if let Err(failure) = self.renew_snapshot(revision) {
                    trouble = Some(failure.to_string());
                }
            }
            Source::Nothing if trouble.is_none() => self.seen = Seen::Nothing,
            Source::Snapshot { .. } | Source::Nothing => {}
        }
        Loaded {
            profiles: profiles.into_iter().map(Arc::new).collect(),
            source: read.source,
            trouble,
        }
    }

    /// Whether [`Profiles::load`] may return other profiles or another error than last time. Costs one read of one
    /// row.
    pub fn changed(&mut self) -> bool {
        match self.seen {
            Seen::Never => true,
            Seen::Nothing => !matches!(self.revision(), Ok(None)),
            Seen::Revision(seen) => match self.revision() {
                Ok(now) => now != Some(seen) || self.written_to(),
                Err(_) => true,
            },
            Seen::Unreadable => self.revision().is_ok(),
            Seen::Damaged(stamp) => Stamp::of(&self.path()) != stamp,
        }
    }

    /// Whether the file was replaced or written since it was opened.
    fn written_to(&self) -> bool {
        let stamp = Stamp::of(&self.path());
        self.open
            .as_ref()
            .is_none_or(|open| !open.is_as_it_was(&stamp))
    }

    /// One profile as configured.
    ///
    /// # Errors
    /// When neither the database nor its copy can be read.
    pub fn get(&mut self, zone: &str) -> Result<Read<Option<Profile>>> {
        readable(self.read(|db| rows::profile(db, zone))).map(|read| read.map(Option::flatten))
    }

    /// All profiles as configured, ordered by zone.
    ///
    /// # Errors
    /// When neither the database nor its copy can be read.
    pub fn all(&mut self) -> Result<Read<Vec<Profile>>> {
        readable(self.read(rows::all)).map(|read| read.map(Option::unwrap_or_default))
    }

    /// Summaries of all profiles, without the endpoints.
    ///
    /// # Errors
    /// When neither the database nor its copy can be read.
    pub fn list(&mut self) -> Result<Read<Vec<Summary>>> {
        readable(self.read(rows::summaries)).map(|read| read.map(Option::unwrap_or_default))
    }

    /// Learned endpoints of a zone, the last seen first.
    ///
    /// # Errors
    /// When neither the database nor its copy can be read.
    pub fn learned(&mut self, zone: &str) -> Result<Read<Vec<KnownEndpoint>>> {
        readable(self.read(|db| learned::endpoints(db, zone)))
            .map(|read| read.map(Option::unwrap_or_default))
    }

    /// Replaces the profile of a zone.
    ///
    /// # Errors
    /// When the profile fails its check or cannot be written. Nothing is changed then.
    pub fn set(&mut self, profile: &Profile) -> Result<()> {
        import::checked("profile", profile).map_err(first)?;
        self.write(|change| Ok((rows::put(change, profile, now())?, true)))
            .map(|_| ())
            .map_err(first)
    }

    /// Reads and changes the settings of a profile, without its endpoints, in one transaction. `create`: creates the
    /// profile if there is none. Returns whether it is new.
    ///
    /// # Errors
    /// The error of `edit`; when there is no profile; when the result fails its check or cannot be written. Nothing is
    /// changed then.
    pub fn edit(
        &mut self,
        zone: &str,
        create: bool,
        edit: impl FnOnce(&mut Profile) -> Result<(), Vec<Failure>>,
    ) -> Result<bool, Vec<Failure>> {
        self.write(|change| {
            let found = rows::settings(change, zone)?;
            let new = found.is_none();
            let mut profile = match found {
                Some(profile) => profile,
                None if create => Profile::new(zone, zone),
                None => return Err(vec![unknown(zone)].into()),
            };
            edit(&mut profile)?;
            import::checked("profile", &profile)?;
            rows::put_settings(change, &profile, now())?;
            Ok((new, true))
        })
    }

    /// Deletes a profile and the learned endpoints of its zone. Returns whether there was a profile.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn delete(&mut self, zone: &str) -> Result<bool> {
        if let Ok(None) = self.revision() {
            return Ok(false);
        }
        self.write(|change| {
            let deleted = rows::delete(change, zone)?;
            Ok((deleted, deleted))
        })
        .map_err(first)
    }

    /// Imports all of a file, or nothing if it has an error.
    ///
    /// # Errors
    /// All that is wrong with it, the first 50 things; or why it cannot be written.
    pub fn import(&mut self, import: &Import<'_>) -> Result<Imported, Vec<Failure>> {
        let parsed = import.parse()?;
        self.write(|change| Ok((import.write(parsed, change, now())?, true)))
    }

    /// Stores the endpoints of a zone that are registered now, as learned from live traffic. Endpoints not seen for 30
    /// days are forgotten; a zone has at most 200,000. An endpoint already stored costs a read, and a write once a day.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn learn(&mut self, zone: &str, endpoints: &[KnownEndpoint]) -> Result<Learned> {
        self.learn_at(zone, endpoints, now())
    }

    fn learn_at(&mut self, zone: &str, endpoints: &[KnownEndpoint], unix: i64) -> Result<Learned> {
        self.write(|change| {
            let learned = learned::put(change, zone, endpoints, unix)?;
            Ok((learned, learned.written + learned.forgotten > 0))
        })
        .map_err(first)
    }
}

impl<T> Read<T> {
    fn map<U>(self, map: impl FnOnce(T) -> U) -> Read<U> {
        Read {
            value: map(self.value),
            source: self.source,
            trouble: self.trouble,
        }
    }
}

/// Checks that something could be read, from the database or its copy.
fn readable<T>(read: Read<Option<T>>) -> Result<Read<Option<T>>> {
    match (read.source, read.trouble) {
        (Source::Nothing, Some(failure)) => Err(failure),
        (source, trouble) => Ok(Read {
            value: read.value,
            source,
            trouble,
        }),
    }
}

fn first(failures: Vec<Failure>) -> Failure {
    let mut all = failures.into_iter();
    all.next()
        .unwrap_or_else(|| Failure::plain("profiles", "cannot be written"))
}

/// The error for a zone without a profile.
#[must_use]
pub fn unknown(zone: &str) -> Failure {
    Failure::new(
        format!("zone {zone:?}"),
        "has no profile",
        "see `rasline profile list`, or create one with `rasline profile set ZONE --create`",
    )
}

/// Seconds since 1970 as SQLite's integer.
fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
        .cast_signed()
}
