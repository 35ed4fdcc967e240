//! Opens the database. It is never moved, replaced or repaired here.

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
    /// When it was opened.
    stamp: Stamp,
}

impl Open {
    /// Whether it is what lies at its path now.
    pub(super) fn is(&self, stamp: &Stamp) -> bool {
        stamp.file() == self.stamp.file()
    }

    /// Whether nobody wrote to it since it was opened, be it without SQLite.
    pub(super) fn is_as_it_was(&self, stamp: &Stamp) -> bool {
        *stamp == self.stamp
    }

    /// Closes it, and writes nothing to the file: it may be damaged.
    pub(super) fn leave(self) {
        let keep_log = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        if let Err(e) = self.db.set_db_config(keep_log, true) {
            tracing::debug!("profiles: the log is written back: {e}");
        }
    }
}

/// What a file and its log look like from outside: another one, or one that was written to, has another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    database: Option<Look>,
    log: Option<Look>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    /// Device and inode.
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

/// Opens the database that is there. [`Trouble::Missing`]: there is none, or it is empty.
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

/// Passwords stand in it; a copy that was put back may be open to all.
fn close_to_others(file: &File) -> io::Result<()> {
    let open_to_others = file.metadata()?.mode() & 0o077 != 0;
    if open_to_others {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(())
}

/// Makes the database, unless another process did just now.
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

/// Sound as far as SQLite can tell, and ours.
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
    Trouble::Damaged("it is another program's database".to_owned())
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
    // What was committed survives a crash of the machine.
    db.pragma_update(None, "synchronous", "FULL")?;
    Ok(db)
}

/// Turns the write-ahead log on: readers and a writer then go on side by side. SQLite waits for nobody here, so that two
/// processes that make the file at once may meet.
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
