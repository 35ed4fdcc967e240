//! What keeps the database from being read or written.

use std::{io, path::Path};

use rusqlite::ErrorCode;

use super::{Source, format};
use crate::failure::Failure;

/// Why the database cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// There is none, though there was one; or it is empty.
    #[error("the database is gone, though there is a copy of it")]
    Missing,
    /// Someone else holds it.
    #[error("another process holds it locked")]
    Locked,
    /// Its content is not what it should be.
    #[error("damaged: {0}")]
    Damaged(String),
    /// A newer rasline wrote it.
    #[error(
        "it has schema version {found}, and this rasline knows versions up to {known}: a newer one wrote it"
    )]
    Newer {
        /// Its version.
        found: i64,
        /// The newest known here.
        known: i64,
    },
    /// Anything else of SQLite.
    #[error("{0}")]
    Sqlite(rusqlite::Error),
    /// The file or its folder.
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
    /// For people; `source` is what was read instead.
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
                "copy {} beside it to {path}, or move it away to begin anew",
                super::SNAPSHOT
            ),
            Self::Locked => format!("end the process that `fuser {path}` names, or try again"),
            Self::Damaged(_) if copied => format!(
                "nothing was changed: save what `rasline profile export --secrets` gives from the copy, move {path}*, \
                 -wal and -shm too, away, and import it"
            ),
            Self::Damaged(_) => format!(
                "nothing was changed: move {path}, -wal and -shm too, away, and import an export of it"
            ),
            Self::Newer { .. } => "use the newer rasline, or move the file away".to_owned(),
            Self::Sqlite(_) => "is the disk full, or read-only?".to_owned(),
            Self::Io(e) => match e.kind() {
                io::ErrorKind::NotFound => {
                    "make the folder, or name another one with --state-dir".to_owned()
                }
                io::ErrorKind::PermissionDenied => "run it as root".to_owned(),
                _ => String::new(),
            },
        }
    }
}
