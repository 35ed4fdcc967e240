//! A copy of the last configuration that was in force. The controller starts with it when the file has an error, so
//! that a restart with a broken file does not stop the service.

use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::{Config, ConfigError};

/// Path of the copy; `None` keeps no copy.
#[derive(Clone, Debug, Default)]
pub struct LastGood(Option<PathBuf>);

impl LastGood {
    /// Keeps the copy in this file.
    #[must_use]
    pub const fn new(copy: Option<PathBuf>) -> Self {
        Self(copy)
    }

    /// Loads the file, or the copy if the file has errors. Returns the configuration and the errors of the file.
    ///
    /// # Errors
    /// The errors of the file, if there is no copy or the copy has errors too.
    pub fn load(&self, file: &Path) -> Result<(Config, Vec<ConfigError>), Vec<ConfigError>> {
        let errors = match Config::load(file) {
            Ok(config) => return Ok((config, Vec::new())),
            Err(errors) => errors,
        };
        match self.0.as_deref().map(Config::load) {
            Some(Ok(config)) => Ok((config, errors)),
            Some(Err(_)) | None => Err(errors),
        }
    }

    /// Copies the file, which is in force now. Only the owner can read the copy.
    ///
    /// # Errors
    /// When the copy cannot be written.
    pub fn keep(&self, file: &Path) -> io::Result<()> {
        let Some(copy) = &self.0 else {
            return Ok(());
        };
        let fresh = copy.with_extension("new");
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        io::copy(&mut fs::File::open(file)?, &mut options.open(&fresh)?)?;
        fs::rename(&fresh, copy)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const GOOD: &str = "[daemon]\nmax_registrations = 4096\n[[interface]]\nname = \"x\"\nside = \"both\"\n[[zone]]\n\
        name = \"z\"\nendpoints = [\"10.0.0.0/8\"]\n[[zone.gatekeeper]]\nid = \"g\"\naddress = \"192.0.2.1\"\n";

    #[test]
    fn the_copy_is_read_when_the_file_has_errors() {
        let folder = tempfile::tempdir().unwrap();
        let (file, copy) = (
            folder.path().join("rasline.toml"),
            folder.path().join("copy"),
        );
        let last = LastGood::new(Some(copy.clone()));
        fs::write(&file, "nonsense").unwrap();
        assert!(last.load(&file).is_err());
        fs::write(&file, GOOD).unwrap();
        let (config, errors) = last.load(&file).unwrap();
        assert!(errors.is_empty());
        last.keep(&file).unwrap();
        fs::write(&file, "nonsense").unwrap();
        let (again, errors) = last.load(&file).unwrap();
        assert_eq!((again.daemon, errors.len()), (config.daemon, 1));
        assert!(LastGood::default().load(&file).is_err());
        LastGood::default().keep(&file).unwrap();
    }
}
