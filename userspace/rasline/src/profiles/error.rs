//! Errors of reading and writing the database.

use std::{io, path::Path};

use rusqlite::ErrorCode;

use super::{Source, format};
use crate::failure::Failure;

/// Why the database cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The database is missing or empty although a copy of it exists.
    #[error("the database is missing, although a copy of it exists")]
    Missing,
    /// Another process holds it locked.
    #[error("locked by another process")]
    Locked,
    /// Its content is invalid.
    #[error("damaged: {0}")]
    Damaged(String),
    /// A newer rasline wrote it.
    #[error(
        "schema version {found} was written by a newer rasline; this one supports versions up to {known}"
    )]
    Newer {
        /// Schema version of the file.
        found: i64,
        /// Newest supported schema version.
        known: i64,
    },
    /// Another error of SQLite.
    #[error("{0}")]
    Sqlite(rusqlite::Error),
    /// An error accessing the file or its folder.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl From<rusqlite::Error> for Trouble {
    fn from(e: rusqlite::Error) -> Self {
        use rusqlite::Error as E;
        match (e.sqlite_error_code(), &e) {
            (Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase), _)
            | (
                _,
                E::FromSqlConversionFailure(..)
                | E::InvalidColumnType(..)
                | E::IntegralValueOutOfRange(..)
                | E::QueryReturnedNoRows,
            ) => Self::Damaged(e.to_string()),
            (Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked), _) => Self::Locked,
            _ => Self::Sqlite(e),
        }
    }
}

impl Trouble {
    /// The error for people; `source` is what was read instead.
    pub(super) fn failure(&self, path: &Path, source: Source) -> Failure {
        let instead = match source {
            Source::Snapshot { since } => format!(
                "; its last good copy of {} is used",
                format::show_time(since)
            ),
            Source::Database | Source::Nothing => String::new(),
        };
        Failure::new(
            path.display().to_string(),
            format!("{self}{instead}"),
            self.next_step(path, source),
        )
    }

    fn next_step(&self, path: &Path, source: Source) -> String {
        let path = path.display();
        let copied = matches!(source, Source::Snapshot { .. });
        match self {
            Self::Missing => format!(
                "copy {} in the same folder to {path}, or move the copy away to start empty",
                super::SNAPSHOT
            ),
            Self::Locked => format!("try again, or end the process shown by `fuser {path}`"),
            Self::Damaged(_) if copied => format!(
                "nothing was changed; run `rasline profile export --secrets`, which reads the copy, move {path} and its \
                 -wal and -shm files away, and import the export"
            ),
            Self::Damaged(_) => format!(
                "nothing was changed; move {path} and its -wal and -shm files away, and import an earlier export"
            ),
            Self::Newer { .. } => "use the newer rasline, or move the file away".to_owned(),
            Self::Sqlite(_) => "check that the disk is not full or read-only".to_owned(),
            Self::Io(e) => match e.kind() {
                io::ErrorKind::NotFound => {
                    "create the folder, or give another one with --state-dir".to_owned()
                }
                io::ErrorKind::PermissionDenied => "run the command as root".to_owned(),
                _ => String::new(),
            },
        }
    }
}
