//! Opens the file; creates it, upgrades an older version, or replaces a corrupt one.

use std::{
    fs::OpenOptions,
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};

use super::{
    clock::{self, Clock},
    schema,
};

/// How long to wait for another process that holds the file locked.
const PATIENCE: Duration = Duration::from_secs(2);
/// Files up to this size are checked completely before they are read. For larger ones that takes too long: reading the
/// registrations touches every page that matters.
const CHECKED: u64 = 64 << 20;

/// Name of the file in its folder.
pub const FILE: &str = "state.db";

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// The content of the file is invalid.
    #[error("corrupt: {0}")]
    Corrupt(String),
    /// A newer rasline wrote it.
    #[error(
        "schema version {found} was written by a newer rasline; this one supports versions up to {known}"
    )]
    Newer { found: i64, known: i64 },
    /// Another error of SQLite.
    #[error("{0}")]
    Sqlite(rusqlite::Error),
    /// An error accessing the file or its folder.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(e: rusqlite::Error) -> Self {
        match e.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Corrupt(e.to_string())
            }
            _ => Self::Sqlite(e),
        }
    }
}

impl Fault {
    /// Whether the file is unusable: corrupt, or removed.
    pub(super) fn is_lost(&self) -> bool {
        match self {
            Self::Corrupt(_) => true,
            Self::Sqlite(e) => e
                .sqlite_error()
                .is_some_and(|e| e.extended_code == ffi::SQLITE_READONLY_DBMOVED),
            Self::Newer { .. } | Self::Io(_) => false,
        }
    }
}

/// An open file.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) db: Connection,
    pub(super) clock: Clock,
    /// New path of a corrupt file, and what was wrong with it.
    pub(super) aside: Option<(PathBuf, String)>,
}

/// Opens the file; moves a corrupt one aside and creates a new one.
pub(super) fn open(path: &Path) -> Result<Opened, Fault> {
    match open_as_it_is(path) {
        Err(fault) if fault.is_lost() => renew(path, &fault),
        opened => opened,
    }
}

/// Creates a new file in place of an unusable one.
pub(super) fn renew(path: &Path, fault: &Fault) -> Result<Opened, Fault> {
    let aside = move_aside(path)?;
    let opened = open_as_it_is(path)?;
    Ok(Opened {
        aside: Some((aside, fault.to_string())),
        ..opened
    })
}

fn open_as_it_is(path: &Path) -> Result<Opened, Fault> {
    // The file contains names and numbers of people.
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    let mut db = connect(path)?;
    let (found, known) = (schema::version(&db)?, schema::newest());
    if found > known {
        return Err(Fault::Newer { found, known });
    }
    check(&db, path)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "journal_size_limit", CHECKED.cast_signed())?;
    schema::migrate(&mut db)?;
    let clock = clock(&db)?;
    Ok(Opened {
        db,
        clock,
        aside: None,
    })
}

pub(super) fn clock(db: &Connection) -> rusqlite::Result<Clock> {
    Clock::open(db, &clock::boot_id(), clock::wall_now(), clock::now())
}

/// Opens a connection for the writer or a reader.
pub(super) fn connect(path: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(PATIENCE)?;
    // A crash of the machine may lose the last batches, but does not corrupt the file.
    db.pragma_update(None, "synchronous", "NORMAL")?;
    Ok(db)
}

fn check(db: &Connection, path: &Path) -> Result<(), Fault> {
    if std::fs::metadata(path)?.len() > CHECKED {
        return Ok(());
    }
    let said: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if said == "ok" {
        Ok(())
    } else {
        Err(Fault::Corrupt(said))
    }
}

/// Moves the file and its journal aside. Returns the new path.
fn move_aside(path: &Path) -> io::Result<PathBuf> {
    let with = |path: &Path, ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let time = jiff::Timestamp::now()
        .strftime("%Y%m%dT%H%M%S%.3fZ")
        .to_string();
    let aside = with(path, &format!(".corrupt-{time}"));
    for ending in ["", "-wal", "-shm"] {
        match std::fs::rename(with(path, ending), with(&aside, ending)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    Ok(aside)
}
