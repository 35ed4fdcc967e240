//! The Python environment in `target/venv` with pycrate, which decodes H.225 independently of this project.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{Missing, Remedy};
use crate::paths;
use crate::process::{self, say};

const PYCRATE: &str = "0.8.1";

/// Lists what the environment lacks, including a Python that can create one.
pub fn missing() -> Vec<Missing> {
    if process::is_executable(&paths::python()) && has_pycrate(&paths::venv()) {
        return Vec::new();
    }
    let mut missing = Vec::new();
    if interpreter().is_none() {
        missing.push(Missing {
            what: "package python3-venv".into(),
            why: "creates the Python environment",
            remedy: Remedy::Package("python3-venv"),
        });
    }
    missing.push(Missing {
        what: format!("target/venv with pycrate {PYCRATE}"),
        why: "decodes and encodes messages independently",
        remedy: Remedy::Venv,
    });
    missing
}

fn has_pycrate(venv: &Path) -> bool {
    let Ok(versions) = fs::read_dir(venv.join("lib")) else {
        return false;
    };
    versions.filter_map(Result::ok).any(|version| {
        let info = format!("site-packages/pycrate-{PYCRATE}.dist-info/METADATA");
        version.path().join(info).is_file()
    })
}

/// The first Python on PATH (Debian's last) that can create an environment with pip.
fn interpreter() -> Option<PathBuf> {
    let candidates = [process::which("python3"), Some("/usr/bin/python3".into())];
    candidates.into_iter().flatten().find(|python| {
        process::succeeds(Command::new(python).args(["-c", "import ensurepip, venv"]))
    })
}

/// Recreates the environment; copies the interpreter if links to it do not start.
pub fn create() -> Result<()> {
    let python = interpreter()
        .context("setup: no python3 that can `import venv, ensurepip`; install python3-venv")?;
    let venv = paths::venv();
    say(format!(
        "{} makes {} with pycrate {PYCRATE}",
        python.display(),
        venv.display()
    ));
    let make = |extra: &[&str]| {
        let mut command = Command::new(&python);
        command
            .args(["-m", "venv", "--clear"])
            .args(extra)
            .arg(&venv);
        process::run_long(&mut command, "the Python environment")
    };
    make(&[])?;
    if !process::succeeds(Command::new(paths::python()).args(["-m", "pip", "--version"])) {
        make(&["--copies"])?;
    }
    let mut pip = Command::new(paths::python());
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ])
    .arg(format!("pycrate=={PYCRATE}"));
    process::run_long(&mut pip, "pycrate from the Python package index")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_pycrate_counts() {
        let venv = std::env::temp_dir().join(format!("xtask-venv-{}", std::process::id()));
        assert!(!has_pycrate(&venv));
        let info = venv.join("lib/python3.11/site-packages/pycrate-0.8.1.dist-info");
        fs::create_dir_all(&info).expect("made");
        fs::write(info.join("METADATA"), "").expect("written");
        assert!(has_pycrate(&venv));
        fs::remove_dir_all(venv).expect("removed");
    }
}
