//! `cargo xtask setup`: installs what the tasks need, and does nothing when it is there.
//!
//! What is there is found by looking at files and at dpkg's list, so that every task can ask first. What is installed goes
//! into `target/` (bpf-linker, cargo-fuzz, the Python environment) or comes from the system's packages; nothing is removed.

use std::fs::File;

use anyhow::{Context, Result, bail};

use crate::build;
use crate::process::say;
use crate::toolchain::{CHOICE, Toolchain};
use crate::{paths, process, toolchain};

mod apt;
mod cargo_tools;
mod python;

/// What a task may need.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The compiler and the linker for BPF.
    Bpf,
    /// What makes and shapes the test networks.
    Network,
    /// Decoders that this project did not write: tshark, and pycrate in a Python environment.
    Oracles,
    /// cargo-fuzz and its C++ compiler.
    Fuzz,
    /// What makes the Debian package.
    Package,
    /// A bare Debian in a container, to try the package in.
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
    /// Nothing that this program should do by itself: what to do.
    ByHand(&'static str),
}

/// What the tests need.
pub const FOR_TESTS: [Part; 3] = [Part::Bpf, Part::Network, Part::Oracles];

/// `setup`: everything but what only `fuzz` and `dist` need.
pub fn everything() -> Result<()> {
    ensure(&FOR_TESTS)?;
    say(format!(
        "all is set up; the BPF compiler is {}",
        Toolchain::pick()?
    ));
    Ok(())
}

/// `setup --check`: says what is missing.
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

/// Two tasks started at once must not install at once.
fn lock() -> Result<File> {
    let path = paths::target().join("xtask-setup.lock");
    std::fs::create_dir_all(paths::target())
        .and_then(|()| File::create(&path))
        .and_then(|file| file.lock().map(|()| file))
        .with_context(|| format!("cannot lock {}", path.display()))
}
