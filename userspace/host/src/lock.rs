//! Ensures one controller per state folder: an flock on a file that contains the controller's process id.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::Path,
};

use crate::failure::{Failure, Result};

/// Held until dropped; the kernel releases it when the process ends, even if it is killed.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code)] File);

/// Takes the lock.
///
/// # Errors
/// When another process holds the lock; the error names it.
pub fn take(path: &Path) -> Result<Lock> {
    let thing = || format!("lock {}", path.display());
    let mut file =
        open(path).map_err(|e| Failure::new(thing(), e, "check the folder's owner and mode"))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Failure::new(
                thing(),
                format!("another controller is running ({})", holder(&mut file)),
                "stop it with `rasline stop`, or give this one its own control_socket, state_dir and bpffs",
            ));
        }
        Err(TryLockError::Error(e)) => return Err(Failure::plain(thing(), e)),
    }
    let written = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()));
    written.map_err(|e| Failure::plain(thing(), e))?;
    Ok(Lock(file))
}

/// Creates a folder if it is missing, and checks that files can be written into it.
///
/// # Errors
/// When it cannot be created or written.
pub fn writable(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    Ok(rustix::fs::access(folder, rustix::fs::Access::WRITE_OK)?)
}

/// Locks the folder itself, if it cannot be written.
///
/// # Errors
/// When another process holds the lock.
pub fn take_folder(path: &Path) -> Result<Lock> {
    let thing = || format!("lock {}", path.display());
    let folder = File::open(path).map_err(|e| Failure::plain(thing(), e))?;
    match folder.try_lock() {
        Ok(()) => Ok(Lock(folder)),
        Err(TryLockError::WouldBlock) => Err(Failure::new(
            thing(),
            "another controller uses this folder",
            "stop that controller, or give this one its own folder",
        )),
        Err(TryLockError::Error(e)) => Err(Failure::plain(thing(), e)),
    }
}

/// The process that holds the lock, or `None` if no process does.
#[must_use]
pub fn held(path: &Path) -> Option<String> {
    holder_of(path).ok().flatten()
}

/// Whether it is certain that no process holds the lock; false if the file cannot be read.
#[must_use]
pub fn is_free(path: &Path) -> bool {
    matches!(holder_of(path), Ok(None))
}

fn holder_of(path: &Path) -> std::io::Result<Option<String>> {
    let mut file = match OpenOptions::new().read(true).open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(holder(&mut file))),
        Err(TryLockError::Error(e)) => Err(e),
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}

fn holder(file: &mut File) -> String {
    let mut pid = String::new();
    match file.read_to_string(&mut pid) {
        Ok(_) if !pid.trim().is_empty() => format!("process {}", pid.trim()),
        _ => "process unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_second_is_refused_by_pid() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/lock");
        let first = take(&path).unwrap();
        let refused = take(&path).unwrap_err().to_string();
        assert!(
            refused.contains(&format!("process {}", std::process::id())),
            "{refused}"
        );
        assert!(held(&path).is_some() && !is_free(&path));
        drop(first);
        assert!(held(&path).is_none() && is_free(&path));
        assert!(is_free(&folder.path().join("none")));
        // Not a folder: it cannot be looked at.
        assert!(!is_free(&path.join("below")));
        take(&path).unwrap();
    }
}
