//! Reading and writing, each in one transaction. A damaged file is never written; if the database cannot be read, its
//! copy is.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{
    Profiles, READ_PATIENCE, Read, SNAPSHOT, Seen, Source, Trouble, WRITE_PATIENCE,
    open::{self, Stamp},
    rows, snapshot,
};
use crate::failure::{Failure, Result};

impl Profiles {
    /// Reads from the database, or from its copy if that fails. The value is `None` if neither exists.
    pub(super) fn read<T>(
        &mut self,
        what: impl Fn(&Connection) -> Result<T, Trouble>,
    ) -> Read<Option<T>> {
        let trouble = match self.read_database(&what) {
            Ok(Some(value)) => {
                return Read {
                    value: Some(value),
                    source: Source::Database,
                    trouble: None,
                };
            }
            Ok(None) => {
                return Read {
                    value: None,
                    source: Source::Nothing,
                    trouble: None,
                };
            }
            Err(trouble) => trouble,
        };
        self.leave();
        self.seen = match trouble {
            Trouble::Damaged(_) | Trouble::Newer { .. } => Seen::Damaged(Stamp::of(&self.path())),
            _ => Seen::Unreadable,
        };
        let copy = snapshot::read(&self.folder.join(SNAPSHOT), what);
        let (value, source) = match copy {
            Ok((value, since)) => (Some(value), Source::Snapshot { since }),
            Err(_) => (None, Source::Nothing),
        };
        Read {
            value,
            source,
            trouble: Some(trouble.failure(&self.path(), source)),
        }
    }

    fn read_database<T>(
        &mut self,
        what: impl Fn(&Connection) -> Result<T, Trouble>,
    ) -> Result<Option<T>, Trouble> {
        let Some(db) = self.connection()? else {
            return Ok(None);
        };
        let at_once = db.transaction()?;
        open::check(&at_once)?;
        what(&at_once).map(Some)
    }

    /// The revision of the database, or `None` if there is no database.
    pub(super) fn revision(&mut self) -> Result<Option<i64>, Trouble> {
        match self.connection()? {
            Some(db) => rows::revision(db).map(Some),
            None => Ok(None),
        }
    }

    /// Writes in a transaction; `what` returns its result and whether it changed anything.
    pub(super) fn write<T>(
        &mut self,
        what: impl FnOnce(&Transaction<'_>) -> Result<(T, bool), Refused>,
    ) -> Result<T, Vec<Failure>> {
        let path = self.path();
        let told = |trouble: Trouble| vec![trouble.failure(&path, Source::Nothing)];
        let result = self.write_database(what);
        result.map_err(|refused| match refused {
            Refused::Trouble(trouble) => {
                self.open = None;
                told(trouble)
            }
            Refused::Because(failures) => failures,
        })
    }

    fn write_database<T>(
        &mut self,
        what: impl FnOnce(&Transaction<'_>) -> Result<(T, bool), Refused>,
    ) -> Result<T, Refused> {
        let path = self.path();
        if self.connection()?.is_none() {
            self.open = Some(open::create(&path)?);
        }
        let db = self.connection()?.ok_or(Trouble::Missing)?;
        db.busy_timeout(WRITE_PATIENCE).map_err(Trouble::from)?;
        let change = db
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(Trouble::from)?;
        open::check(&change)?;
        let (value, changed) = what(&change)?;
        if changed {
            rows::touch(&change)?;
        }
        change.commit().map_err(Trouble::from)?;
        Ok(value)
    }

    /// A connection to the file that is at the path now; `None` if neither the database nor a copy exists.
    fn connection(&mut self) -> Result<Option<&mut Connection>, Trouble> {
        let path = self.path();
        let stamp = Stamp::of(&path);
        if self.open.as_ref().is_none_or(|open| !open.is(&stamp)) {
            self.open = None;
            let had = self.folder.join(SNAPSHOT).exists();
            match open::existing(&path) {
                Ok(open) => self.open = Some(open),
                Err(Trouble::Missing) if !had => return Ok(None),
                Err(trouble) => return Err(trouble),
            }
        }
        let Some(open) = &mut self.open else {
            return Ok(None);
        };
        // A write before may have set its longer timeout.
        open.db.busy_timeout(READ_PATIENCE)?;
        Ok(Some(&mut open.db))
    }

    /// Closes the connection, so that the next read is a fresh one: a connection caches what it has read.
    pub(super) fn leave(&mut self) {
        if let Some(open) = self.open.take() {
            open.leave();
        }
    }

    pub(super) fn renew_snapshot(&mut self, revision: i64) -> Result<()> {
        let path = self.folder.join(SNAPSHOT);
        let copied = self.copied.or_else(|| snapshot::revision(&path));
        if copied == Some(revision) {
            return Ok(());
        }
        let Some(open) = &self.open else {
            return Ok(());
        };
        snapshot::make(&open.db, &path)?;
        self.copied = snapshot::revision(&path);
        Ok(())
    }
}

/// Why a write was refused.
pub(super) enum Refused {
    Trouble(Trouble),
    Because(Vec<Failure>),
}

impl From<Trouble> for Refused {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl From<rusqlite::Error> for Refused {
    fn from(e: rusqlite::Error) -> Self {
        Self::Trouble(e.into())
    }
}

impl From<Vec<Failure>> for Refused {
    fn from(failures: Vec<Failure>) -> Self {
        Self::Because(failures)
    }
}
