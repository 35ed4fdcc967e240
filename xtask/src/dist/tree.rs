//! The contents of a package as a folder: files are added with their modes, then dpkg-deb packs them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::process;

/// The folder with the contents of a package.
pub(super) struct Tree {
    root: PathBuf,
}

impl Tree {
    /// Creates an empty folder.
    pub(super) fn new(root: &Path) -> Result<Self> {
        if root.exists() {
            fs::remove_dir_all(root).with_context(|| root.display().to_string())?;
        }
        let tree = Self {
            root: root.to_owned(),
        };
        tree.make_folder(root)?;
        Ok(tree)
    }

    /// Creates a folder with mode 0755, regardless of the umask.
    fn make_folder(&self, folder: &Path) -> Result<()> {
        if folder != self.root
            && let Some(above) = folder.parent()
            && !above.exists()
        {
            self.make_folder(above)?;
        }
        fs::create_dir_all(folder)
            .and_then(|()| fs::set_permissions(folder, fs::Permissions::from_mode(0o755)))
            .with_context(|| folder.display().to_string())
    }

    fn place(&self, to: &str) -> Result<PathBuf> {
        let path = self.root.join(to);
        self.make_folder(path.parent().unwrap_or(&self.root))?;
        ensure!(!path.exists(), "{to} is packed twice");
        Ok(path)
    }

    pub(super) fn write(&mut self, to: &str, octets: &[u8], mode: u32) -> Result<()> {
        let path = self.place(to)?;
        fs::write(&path, octets)
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(mode)))
            .with_context(|| path.display().to_string())
    }

    pub(super) fn copy(&mut self, from: &Path, to: &str, mode: u32) -> Result<()> {
        let octets = fs::read(from).with_context(|| from.display().to_string())?;
        self.write(to, &octets, mode)
    }

    pub(super) fn link(&mut self, to: &str, target: &str) -> Result<()> {
        let path = self.place(to)?;
        symlink(target, &path).with_context(|| path.display().to_string())
    }

    /// Adds a file compressed by gzip, without a time stamp.
    pub(super) fn gzip(&mut self, to: &str, octets: &[u8]) -> Result<()> {
        let path = self.place(to)?;
        let plain = path.with_extension("");
        fs::write(&plain, octets).with_context(|| plain.display().to_string())?;
        let mut gzip = Command::new("gzip");
        gzip.args(["--no-name", "--best"]).arg(&plain);
        process::run(&mut gzip, to)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644))
            .with_context(|| path.display().to_string())
    }

    /// Adds a binary without its symbols.
    pub(super) fn strip(&mut self, from: &Path, to: &str) -> Result<()> {
        let path = self.place(to)?;
        let mut strip = Command::new("strip");
        strip
            .args(["--remove-section=.comment", "--remove-section=.note", "-o"])
            .arg(&path)
            .arg(from);
        process::run(&mut strip, to)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
            .with_context(|| path.display().to_string())
    }

    /// Adds only the symbols of a binary, where debuggers look for them.
    pub(super) fn symbols(&mut self, binary: &Path) -> Result<()> {
        let id = build_id(binary)?;
        let (first, rest) = id.split_at(2);
        let path = self.place(&format!("usr/lib/debug/.build-id/{first}/{rest}.debug"))?;
        let mut objcopy = Command::new("objcopy");
        objcopy
            .args(["--only-keep-debug", "--compress-debug-sections"])
            .arg(binary)
            .arg(&path);
        process::run(&mut objcopy, "the debugging symbols")?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644))
            .with_context(|| path.display().to_string())
    }

    /// The packages of the libraries to which a binary is linked.
    pub(super) fn libraries(&self, binary: &str) -> Result<String> {
        // dpkg-shlibdeps requires a source package.
        let source = self.root.with_extension("source");
        fs::create_dir_all(source.join("debian")).context("a folder for dpkg-shlibdeps")?;
        let control = "Source: rasline\n\nPackage: rasline\nArchitecture: any\n";
        fs::write(source.join("debian/control"), control).context("a file for dpkg-shlibdeps")?;
        let mut shlibdeps = Command::new("dpkg-shlibdeps");
        shlibdeps
            .current_dir(&source)
            .arg("-O")
            .arg(self.root.join(binary));
        let said = process::capture(&mut shlibdeps, "the libraries' packages")?;
        let depends = said
            .lines()
            .find_map(|line| line.strip_prefix("shlibs:Depends="));
        Ok(depends
            .context("dpkg-shlibdeps names no packages")?
            .to_owned())
    }

    /// Total size of all files.
    pub(super) fn kilobytes(&self) -> Result<u64> {
        let mut octets = 0;
        for path in files(&self.root)? {
            octets += fs::metadata(&path)
                .with_context(|| path.display().to_string())?
                .len();
        }
        Ok(octets.div_ceil(1024))
    }

    /// Packs the folder.
    pub(super) fn build(
        &mut self,
        control: &str,
        package: &Path,
        compression: &[&str],
    ) -> Result<()> {
        self.write("DEBIAN/control", control.as_bytes(), 0o644)?;
        let mut sums = String::new();
        for path in files(&self.root)? {
            let name = path.strip_prefix(&self.root).context("a file's name")?;
            if !name.starts_with("DEBIAN") {
                let said = process::capture(Command::new("md5sum").arg(&path), "a checksum")?;
                let sum = said.split_whitespace().next().unwrap_or_default();
                sums += &[sum, "  ", &name.to_string_lossy(), "\n"].concat();
            }
        }
        self.write("DEBIAN/md5sums", sums.as_bytes(), 0o644)?;
        let mut deb = Command::new("dpkg-deb");
        deb.args(compression)
            .args(["--root-owner-group", "--build"])
            .arg(&self.root)
            .arg(package);
        process::run(&mut deb, "the package")
    }
}

/// dpkg's name for this machine's architecture.
pub(super) fn architecture() -> Result<String> {
    let said = process::capture(Command::new("dpkg").arg("--print-architecture"), "dpkg")?;
    Ok(said.trim().to_owned())
}

fn build_id(binary: &Path) -> Result<String> {
    let said = process::capture(
        Command::new("readelf").arg("--notes").arg(binary),
        "readelf",
    )?;
    let id = said
        .lines()
        .find_map(|line| line.trim().strip_prefix("Build ID: "));
    let id = id.filter(|id| id.len() > 2).map(str::to_owned);
    id.with_context(|| format!("{} has no build id", binary.display()))
}

/// All regular files in a folder and its subfolders, sorted.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry.with_context(|| folder.display().to_string())?;
        let kind = entry.file_type().context("a file's type")?;
        if kind.is_dir() {
            all.extend(files(&entry.path())?);
        } else if kind.is_file() {
            all.push(entry.path());
        }
    }
    all.sort();
    Ok(all)
}

/// Fails if two files have the same contents.
pub(super) fn refuse_copies(folder: &Path) -> Result<()> {
    let mut seen: BTreeMap<Vec<u8>, PathBuf> = BTreeMap::new();
    for path in files(folder)? {
        let octets = fs::read(&path).with_context(|| path.display().to_string())?;
        if let Some(other) = seen.insert(octets, path.clone()) {
            bail!("{} and {} are the same", other.display(), path.display());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_file_twice_is_refused() {
        let folder = std::env::temp_dir().join(format!("xtask-tree-{}", std::process::id()));
        let mut tree = Tree::new(&folder).expect("a folder");
        tree.write("a/one", b"x", 0o644).expect("written");
        tree.write("b/two", b"y", 0o644).expect("written");
        refuse_copies(&folder).expect("no copies");
        assert!(tree.write("b/two", b"z", 0o644).is_err());
        tree.write("b/three", b"x", 0o644).expect("written");
        assert!(refuse_copies(&folder).is_err());
        fs::remove_dir_all(folder).expect("removed");
    }
}
