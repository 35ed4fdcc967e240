//! Profiles of zones in an SQLite file: what the administrator gave, and beside it what was learned from live traffic.
//!
//! Invariants:
//! - a change is made as a whole or not at all, and what stands in the file passes [`Profile::check`];
//! - what was learned never takes the place of what the administrator gave;
//! - a file that cannot be read is left as it is, and the last good copy of it is read instead, which is said.

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

/// The name of the file in `state_dir`.
pub const FILE: &str = "profiles.db";
/// The name of its last good copy.
pub const SNAPSHOT: &str = "profiles.snapshot.db";

/// How long a reader waits for someone who holds the file.
const READ_PATIENCE: Duration = Duration::from_millis(200);
/// The same for a writer: another may be importing a large directory.
const WRITE_PATIENCE: Duration = Duration::from_secs(20);

/// Where profiles were read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The database.
    Database,
    /// Its last good copy.
    Snapshot {
        /// When the copy was made, seconds of UNIX time.
        since: u64,
    },
    /// There is neither, or neither can be read.
    Nothing,
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read<T> {
    /// It.
    pub value: T,
    /// Where from.
    pub source: Source,
    /// Why not from the database, and what to do about it.
    pub trouble: Option<Failure>,
}

/// All profiles, as a backup gatekeeper serves them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// By zone; what was learned is merged in.
    pub profiles: Vec<Arc<Profile>>,
    /// Where from.
    pub source: Source,
    /// What is wrong, in a line for people.
    pub trouble: Option<String>,
}

/// What [`Profiles::load`] has seen last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Never,
    /// There was no file.
    Nothing,
    Revision(i64),
    /// It could not be read; that may end by itself.
    Unreadable,
    /// It is damaged; it is tried again when the file changes.
    Damaged(Stamp),
}

/// The profiles of a `state_dir`. Several processes may use them at the same time.
#[derive(Debug)]
pub struct Profiles {
    folder: PathBuf,
    open: Option<Open>,
    seen: Seen,
    /// Revision in the snapshot, once it is known.
    copied: Option<i64>,
}

impl Profiles {
    /// The profiles in this folder. Nothing is opened or made yet.
    #[must_use]
    pub fn open(state_dir: &Path) -> Self {
        Self {
            folder: state_dir.to_owned(),
            open: None,
            seen: Seen::Never,
            copied: None,
        }
    }

    /// The database.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// Reads all profiles: the administrator's, filled up with what was learned. If the database cannot be read (locked
    /// for longer than 200 ms, damaged, missing) the last good copy is, and `trouble` says so; after each good read the
    /// copy is renewed, if something changed.
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

    /// Whether [`Profiles::load`] may give something else than it last did: profiles, or trouble. Costs one read of one
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

    /// Whether the file is another than when it was opened, whatever it says.
    fn written_to(&self) -> bool {
        let stamp = Stamp::of(&self.path());
        self.open
            .as_ref()
            .is_none_or(|open| !open.is_as_it_was(&stamp))
    }

    /// One profile as the administrator gave it.
    ///
    /// # Errors
    /// When neither the database nor its copy can be read.
    pub fn get(&mut self, zone: &str) -> Result<Read<Option<Profile>>> {
        readable(self.read(|db| rows::profile(db, zone))).map(|read| read.map(Option::flatten))
    }

    /// All profiles as the administrator gave them, by zone.
    ///
    /// # Errors
    /// When neither the database nor its copy can be read.
    pub fn all(&mut self) -> Result<Read<Vec<Profile>>> {
        readable(self.read(rows::all)).map(|read| read.map(Option::unwrap_or_default))
    }

    /// What there is, without the endpoints.
    ///
    /// # Errors
    /// When neither the database nor its copy can be read.
    pub fn list(&mut self) -> Result<Read<Vec<Summary>>> {
        readable(self.read(rows::summaries)).map(|read| read.map(Option::unwrap_or_default))
    }

    /// What was learned of a zone, the last seen first.
    ///
    /// # Errors
    /// When neither the database nor its copy can be read.
    pub fn learned(&mut self, zone: &str) -> Result<Read<Vec<KnownEndpoint>>> {
        readable(self.read(|db| learned::endpoints(db, zone)))
            .map(|read| read.map(Option::unwrap_or_default))
    }

    /// Puts a profile in the place of the one of its zone.
    ///
    /// # Errors
    /// When it fails its check, or cannot be written; nothing is changed then.
    pub fn set(&mut self, profile: &Profile) -> Result<()> {
        import::checked("profile", profile).map_err(first)?;
        self.write(|change| Ok((rows::put(change, profile, now())?, true)))
            .map(|_| ())
            .map_err(first)
    }

    /// Changes the settings of a profile, all but its endpoints, in one step with reading them. `create`: there need not
    /// be one yet. Gives whether it is new.
    ///
    /// # Errors
    /// What `edit` gives; when there is no profile; when the result fails its check or cannot be written. Nothing is
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

    /// Deletes a profile and what was learned of its zone. Gives whether there was one.
    ///
    /// # Errors
    /// When it cannot be written.
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

    /// Imports a file: all that is in it, or nothing.
    ///
    /// # Errors
    /// All that is wrong with it, the first 50 things; or why it cannot be written.
    pub fn import(&mut self, import: &Import<'_>) -> Result<Imported, Vec<Failure>> {
        let parsed = import.parse()?;
        self.write(|change| Ok((import.write(parsed, change, now())?, true)))
    }

    /// Remembers what endpoints of a zone are registered now, as its live traffic shows. Those not seen for 30 days are
    /// forgotten; a zone has 200,000 at most. What stands there already costs a read, and a write once a day.
    ///
    /// # Errors
    /// When it cannot be written.
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

/// What could be read from somewhere.
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

/// There is no profile of that zone.
#[must_use]
pub fn unknown(zone: &str) -> Failure {
    Failure::new(
        format!("zone {zone:?}"),
        "has no profile",
        "`rasline profile list` shows those there are, `rasline profile set ZONE --create` makes one",
    )
}

/// Seconds of UNIX time, as SQLite takes them.
fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
        .cast_signed()
}
