//! `cargo xtask setup`: installs what the tasks need, unless it is already installed.
//!
//! Files and dpkg's list show what is installed, which is fast enough for every task to check first. Tools are
//! installed in `target/` (bpf-linker, cargo-fuzz, the Python environment) or as packages of the system; nothing is
//! removed.

use std::fs::File;

use anyhow::{Context, Result, bail};

use crate::build;
use crate::process::say;
use crate::toolchain::{CHOICE, Toolchain};
use crate::{paths, process, toolchain};

mod apt;
mod cargo_tools;
mod python;

/// Parts that a task may need.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The compiler and the linker for BPF.
    Bpf,
    /// Tools that create and shape the test networks.
    Network,
    /// Independent decoders: tshark, and pycrate in a Python environment.
    Oracles,
    /// cargo-fuzz and its C++ compiler.
    Fuzz,
    /// Tools that build the Debian package.
    Package,
    /// Tools to test the package in a container with a bare Debian.
    PackageTest,
}

/// Something that is missing, why it is needed, and how to get it.
struct Missing {
    what: String,
    why: &'static str,
    remedy: Remedy,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Remedy {
    /// A package of Debian.
    Package(&'static str),
    /// `cargo install` into `target/tools`.
    CargoTool(&'static cargo_tools::Tool),
    /// The Python environment.
    Venv,
    /// rust-src for rustup's nightly.
    RustSource,
    /// Advice, if this program should not install it by itself.
    ByHand(&'static str),
}

/// Parts that the tests need.
pub const FOR_TESTS: [Part; 3] = [Part::Bpf, Part::Network, Part::Oracles];

/// `setup`: installs everything except what only `fuzz` and `dist` need.
pub fn everything() -> Result<()> {
    ensure(&FOR_TESTS)?;
    say(format!(
        "everything is installed; the BPF compiler is {}",
        Toolchain::pick()?
    ));
    Ok(())
}

/// `setup --check`: reports what is missing.
pub fn report() -> Result<()> {
    let missing = find(&FOR_TESTS)?;
    if missing.is_empty() {
        say(format!(
            "nothing is missing; the BPF compiler is {}",
            Toolchain::pick()?
        ));
        return Ok(());
    }
    list(&missing);
    bail!(
        "{} missing; `cargo xtask setup` installs what it can",
        missing.len()
    );
}

/// Installs what is missing of these parts.
pub fn ensure(parts: &[Part]) -> Result<()> {
    if find(parts)?.is_empty() {
        return Ok(());
    }
    let _alone = lock()?;
    let missing = find(parts)?;
    list(&missing);
    by_hand(&missing)?;
    let _meanwhile = build::Prebuild::start();
    apt::install(&missing)?;
    for Missing { remedy, .. } in &missing {
        match remedy {
            Remedy::CargoTool(tool) => cargo_tools::install(tool)?,
            Remedy::Venv => python::create()?,
            Remedy::RustSource => add_source()?,
            Remedy::Package(_) | Remedy::ByHand(_) => {}
        }
    }
    let left = find(parts)?;
    if !left.is_empty() {
        list(&left);
        bail!(
            "setup: the above is still missing although its installation succeeded; see the messages before it"
        );
    }
    Ok(())
}

fn find(parts: &[Part]) -> Result<Vec<Missing>> {
    let mut missing = Vec::new();
    for part in parts {
        match part {
            Part::Bpf => match Toolchain::pick()? {
                Toolchain::Debian => {
                    missing.extend(apt::missing_packages(&apt::BPF_COMPILER));
                    if let Some(linker) = cargo_tools::missing(&cargo_tools::BPF_LINKER) {
                        missing.extend(apt::missing_packages(&apt::LINKER_BUILD));
                        missing.push(linker);
                    }
                }
                Toolchain::Rustup(_) => missing.extend(missing_of_rustup()),
            },
            Part::Network => missing.extend(apt::missing_commands(&apt::NETWORK)),
            Part::Oracles => {
                missing.extend(apt::missing_commands(&apt::ORACLES));
                missing.extend(python::missing());
            }
            Part::Package => missing.extend(apt::missing_commands(&apt::PACKAGE)),
            Part::PackageTest => missing.extend(apt::missing_commands(&apt::PACKAGE_TEST)),
            Part::Fuzz => {
                missing.extend(apt::missing_commands(&apt::FUZZ));
                missing.extend(cargo_tools::missing(&cargo_tools::CARGO_FUZZ));
            }
        }
    }
    Ok(missing)
}

fn missing_of_rustup() -> Vec<Missing> {
    let mut missing = Vec::new();
    if !toolchain::nightly().is_some_and(|nightly| nightly.has_source()) {
        missing.push(Missing {
            what: "rustup's nightly with rust-src".into(),
            why: "builds core for BPF",
            remedy: Remedy::RustSource,
        });
    }
    if process::which("bpf-linker").is_none() {
        missing.push(Missing {
            what: "bpf-linker on PATH".into(),
            why: "links the BPF object",
            remedy: Remedy::ByHand(
                "install one for the nightly's LLVM, as bpf-linker's README says (`cargo install bpf-linker`)",
            ),
        });
    }
    missing
}

fn add_source() -> Result<()> {
    let mut rustup = std::process::Command::new("rustup");
    if toolchain::nightly().is_some() {
        rustup.args(["component", "add", "rust-src", "--toolchain", "nightly"]);
    } else {
        rustup.args([
            "toolchain",
            "install",
            "nightly",
            "--profile",
            "minimal",
            "--component",
            "rust-src",
        ]);
    }
    process::run(&mut rustup, "rust-src for the nightly")
        .with_context(|| format!("set {CHOICE}=debian to build with Debian's rustc-web instead"))
}

fn by_hand(missing: &[Missing]) -> Result<()> {
    for Missing { what, remedy, .. } in missing {
        if let Remedy::ByHand(advice) = remedy {
            bail!("setup: {what} is missing: {advice}");
        }
    }
    Ok(())
}

fn list(missing: &[Missing]) {
    for Missing { what, why, .. } in missing {
        say(format!("missing: {what} ({why})"));
    }
}

/// Takes a lock, so that two tasks do not install at the same time.
fn lock() -> Result<File> {
    let path = paths::target().join("xtask-setup.lock");
    std::fs::create_dir_all(paths::target())
        .and_then(|()| File::create(&path))
        .and_then(|file| file.lock().map(|()| file))
        .with_context(|| format!("cannot lock {}", path.display()))
}
