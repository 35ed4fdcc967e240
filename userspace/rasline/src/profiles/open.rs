//! Opens the database. It is never moved, replaced or repaired.

use std::{
    fs::{File, OpenOptions, Permissions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};

use super::{READ_PATIENCE, Trouble, WRITE_PATIENCE, schema};

/// An open database.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) db: Connection,
    /// State of the file when it was opened.
    stamp: Stamp,
}

impl Open {
    /// Whether it is the file at the path now.
    pub(super) fn is(&self, stamp: &Stamp) -> bool {
        stamp.file() == self.stamp.file()
    }

    /// Whether the file was not written since it was opened, by SQLite or otherwise.
    pub(super) fn is_as_it_was(&self, stamp: &Stamp) -> bool {
        *stamp == self.stamp
    }

    /// Closes it without writing to the file, which may be damaged.
    pub(super) fn leave(self) {
        let keep_log = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        if let Err(e) = self.db.set_db_config(keep_log, true) {
            tracing::debug!(
                "profiles: cannot keep the write-ahead log from being written back: {e}"
            );
        }
    }
}

/// Identity and time of change of a file and its log; differs if either was replaced or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    database: Option<Look>,
    log: Option<Look>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    /// Device and inode number.
    file: (u64, u64),
    size: u64,
    changed: (i64, i64),
}

impl Stamp {
    pub(super) fn of(path: &Path) -> Self {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let look = |path: &Path| {
            let m = std::fs::metadata(path).ok()?;
            Some(Look {
                file: (m.dev(), m.ino()),
                size: m.size(),
                changed: (m.mtime(), m.mtime_nsec()),
            })
        };
        Self {
            database: look(path),
            log: look(Path::new(&log)),
        }
    }

    fn file(&self) -> Option<(u64, u64)> {
        self.database.map(|look| look.file)
    }
}

/// Opens an existing database; [`Trouble::Missing`] if there is none or it is empty.
pub(super) fn existing(path: &Path) -> Result<Open, Trouble> {
    match File::options().read(true).write(true).open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(Trouble::Missing),
        Err(e) => return Err(e.into()),
        Ok(file) if file.metadata()?.len() == 0 => return Err(Trouble::Missing),
        Ok(file) => close_to_others(&file)?,
    }
    let mut db = connect(path)?;
    match schema::version(&db)? {
        0 if schema::is_empty(&db)? => return Err(Trouble::Missing),
        _ if !schema::is_ours(&db)? => return Err(not_ours()),
        version if version < schema::newest() => schema::migrate(&mut db)?,
        version if version > schema::newest() => {
            return Err(Trouble::Newer {
                found: version,
                known: schema::newest(),
            });
        }
        _ => {}
    }
    opened(db, path)
}

/// Restricts access to the owner, as the file contains passwords: a restored copy may be readable for all.
fn close_to_others(file: &File) -> io::Result<()> {
    let open_to_others = file.metadata()?.mode() & 0o077 != 0;
    if open_to_others {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(())
}

/// Creates the database, unless another process just created it.
pub(super) fn create(path: &Path) -> Result<Open, Trouble> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    let mut db = connect(path)?;
    use_log(&db)?;
    db.busy_timeout(WRITE_PATIENCE)?;
    schema::migrate(&mut db)?;
    db.busy_timeout(READ_PATIENCE)?;
    opened(db, path)
}

/// Checks that the file is intact as far as SQLite can tell, and a database of profiles.
pub(super) fn check(db: &Connection) -> Result<(), Trouble> {
    if !schema::is_ours(db)? {
        return Err(not_ours());
    }
    let said: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if said == "ok" {
        Ok(())
    } else {
        Err(Trouble::Damaged(said.replace('\n', ", ")))
    }
}

fn not_ours() -> Trouble {
    Trouble::Damaged("the database belongs to another program".to_owned())
}

fn opened(db: Connection, path: &Path) -> Result<Open, Trouble> {
    let stamp = Stamp::of(path);
    stamp.file().ok_or(Trouble::Missing)?;
    Ok(Open { db, stamp })
}

fn connect(path: &Path) -> Result<Connection, Trouble> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(READ_PATIENCE)?;
    db.set_prepared_statement_cache_capacity(32);
    db.pragma_update(None, "foreign_keys", true)?;
    // Committed changes survive a crash of the machine.
    db.pragma_update(None, "synchronous", "FULL")?;
    Ok(db)
}

/// Turns on the write-ahead log, so that readers and a writer do not block each other. SQLite does not wait for locks
/// here, so this fails if two processes create the file at the same time.
fn use_log(db: &Connection) -> Result<(), Trouble> {
    let end = Instant::now() + WRITE_PATIENCE;
    loop {
        match db.pragma_update(None, "journal_mode", "WAL") {
            Err(e)
                if e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && Instant::now() < end =>
            {
                std::thread::sleep(Duration::from_millis(10));
            }
            done => return Ok(done?),
        }
    }
}
