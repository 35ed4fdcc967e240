//! The last good copy of the database.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::UNIX_EPOCH,
};

use rusqlite::{Connection, OpenFlags};

use super::{Trouble, open, rows};
use crate::failure::{Failure, Result};

/// Copies the database. The copy replaces the previous one only when it is complete and on disk.
pub(super) fn make(db: &Connection, path: &Path) -> Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = Path::new(&fresh);
    let done = copy(db, fresh).and_then(|()| put(fresh, path).map_err(Trouble::from));
    done.map_err(|trouble| {
        let _ = std::fs::remove_file(fresh);
        Failure::new(
            path.display().to_string(),
            format!("the copy of the profiles cannot be written: {trouble}"),
            "check that the disk is not full or read-only; an earlier copy is kept",
        )
    })
}

fn copy(db: &Connection, fresh: &Path) -> Result<(), Trouble> {
    match std::fs::remove_file(fresh) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e.into()),
        _ => {}
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(fresh)?;
    let name = fresh
        .to_str()
        .ok_or_else(|| io::Error::other("its path is not UTF-8"))?;
    db.execute("VACUUM INTO ?", [name])?;
    Ok(())
}

fn put(fresh: &Path, path: &Path) -> io::Result<()> {
    File::open(fresh)?.sync_all()?;
    std::fs::rename(fresh, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Reads from the copy. Returns the value and the time when the copy was made, seconds since 1970.
pub(super) fn read<T>(
    path: &Path,
    what: impl Fn(&Connection) -> Result<T, Trouble>,
) -> Result<(T, u64), Trouble> {
    let made = std::fs::metadata(path)?.modified()?;
    let since = made.duration_since(UNIX_EPOCH).unwrap_or_default();
    let db = connect(path)?;
    open::check(&db)?;
    Ok((what(&db)?, since.as_secs()))
}

/// The revision of the copy, if it can be read.
pub(super) fn revision(path: &Path) -> Option<i64> {
    rows::revision(&connect(path).ok()?).ok()
}

fn connect(path: &Path) -> Result<Connection, Trouble> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Ok(Connection::open_with_flags(path, flags)?)
}
