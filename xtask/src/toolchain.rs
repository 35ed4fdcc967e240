//! The two ways to compile for `bpfel-unknown-none`, and the choice between them.
//!
//! Debian's rustc-web comes with a ready-made `core` for BPF (libstd-rust-web-dev-bpf) and an LLVM that bpf-linker can
//! be built against. A rustup nightly needs rust-src, from which cargo builds `core`, and a bpf-linker for its LLVM.
//! `RASLINE_BPF_TOOLCHAIN=debian|rustup` decides; otherwise a complete nightly is preferred.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{paths, process};

/// The target of the BPF crate.
pub const TARGET: &str = "bpfel-unknown-none";
/// Environment variable that selects the toolchain.
pub const CHOICE: &str = "RASLINE_BPF_TOOLCHAIN";

const RUSTFLAGS: &str = "-C debuginfo=2 -C link-arg=--btf -C target-cpu=v3";

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Toolchain {
    Debian,
    /// A nightly of rustup: its folder's name.
    Rustup(String),
}

/// A nightly of rustup and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nightly {
    pub name: String,
    pub dir: PathBuf,
}

impl Nightly {
    pub fn has_source(&self) -> bool {
        self.dir
            .join("lib/rustlib/src/rust/library/core/Cargo.toml")
            .is_file()
    }
}

impl Toolchain {
    /// The toolchain of this machine; `setup` completes it.
    pub fn pick() -> Result<Self> {
        let choice = std::env::var(CHOICE).ok();
        choose(
            choice.as_deref(),
            nightly(),
            process::which("bpf-linker").is_some(),
        )
    }

    /// A cargo command for the BPF crate, with its own target folder.
    pub fn cargo(&self, verb: &str, target_dir: &Path, extra_flags: &str) -> Result<Command> {
        let mut command = match self {
            Self::Debian => {
                let program = if verb == "clippy" {
                    "cargo-clippy"
                } else {
                    "cargo"
                };
                let mut command = Command::new(Path::new("/usr/bin").join(program));
                forget_rustup(&mut command);
                command
                    .env(
                        "PATH",
                        process::path_with(&[paths::tools().join("bin"), "/usr/bin".into()])?,
                    )
                    .env("CARGO", "/usr/bin/cargo")
                    .env("RUSTC", "/usr/bin/rustc")
                    .env("RUSTC_BOOTSTRAP", "1")
                    .arg(verb);
                command
            }
            Self::Rustup(name) => {
                let mut command = Command::new("rustup");
                forget_rustup(&mut command);
                command.args(["run", name, "cargo", verb, "-Zbuild-std=core"]);
                command
            }
        };
        command
            .current_dir(paths::root())
            .args([
                "--package",
                "rasline-xdp",
                "--profile",
                "bpf",
                "--target",
                TARGET,
                "--target-dir",
            ])
            .arg(target_dir)
            .env("CARGO_TARGET_BPFEL_UNKNOWN_NONE_LINKER", "bpf-linker")
            .env(
                "CARGO_TARGET_BPFEL_UNKNOWN_NONE_RUSTFLAGS",
                format!("{RUSTFLAGS} {extra_flags}").trim_end(),
            );
        Ok(command)
    }

    /// Whether the toolchain includes clippy.
    pub fn has_clippy(&self) -> bool {
        let bin = match self {
            Self::Debian => PathBuf::from("/usr/bin"),
            Self::Rustup(name) => toolchains().join(name).join("bin"),
        };
        ["cargo-clippy", "clippy-driver"]
            .iter()
            .all(|program| process::is_executable(&bin.join(program)))
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Debian => f.write_str("Debian's rustc-web with libstd-rust-web-dev-bpf"),
            Self::Rustup(name) => write!(
                f,
                "rustup's {name} with rust-src and the bpf-linker on PATH"
            ),
        }
    }
}

fn choose(
    choice: Option<&str>,
    nightly: Option<Nightly>,
    linker_on_path: bool,
) -> Result<Toolchain> {
    match choice {
        Some("debian") => Ok(Toolchain::Debian),
        Some("rustup") => Ok(Toolchain::Rustup(
            nightly.map_or_else(|| "nightly".into(), |nightly| nightly.name),
        )),
        Some(other) if !other.is_empty() => {
            bail!("{CHOICE} is {other:?}; set it to `debian` or `rustup`, or unset it")
        }
        _ => Ok(nightly
            .filter(|nightly| linker_on_path && nightly.has_source())
            .map_or(Toolchain::Debian, |nightly| Toolchain::Rustup(nightly.name))),
    }
}

/// The undated nightly of rustup, found by its folder: asking rustup would take longer than all of `setup`.
pub fn nightly() -> Option<Nightly> {
    let entries = std::fs::read_dir(toolchains()).ok()?;
    entries.filter_map(Result::ok).find_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        is_undated_nightly(&name).then(|| Nightly {
            dir: entry.path(),
            name,
        })
    })
}

fn is_undated_nightly(name: &str) -> bool {
    name.strip_prefix("nightly-")
        .is_some_and(|host| !host.starts_with(|c: char| c.is_ascii_digit()))
}

fn toolchains() -> PathBuf {
    let home = |name: &str| {
        std::env::var_os(name)
            .filter(|dir| !dir.is_empty())
            .map(PathBuf::from)
    };
    home("RUSTUP_HOME")
        .or_else(|| home("HOME").map(|home| home.join(".rustup")))
        .unwrap_or_default()
        .join("toolchains")
}

/// Removes the variables by which cargo and rustup select a toolchain in child processes.
pub fn forget_rustup(command: &mut Command) {
    command
        .env_remove("LD_LIBRARY_PATH")
        .env_remove("MAKEFLAGS");
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_of_a_toolchain) {
            command.env_remove(name);
        }
    }
}

fn is_of_a_toolchain(name: &str) -> bool {
    const KEPT: [&str; 7] = [
        "CARGO_HOME",
        "CARGO_HTTP_",
        "CARGO_NET_",
        "CARGO_REGISTRIES_",
        "CARGO_SOURCE_",
        "CARGO_TERM_",
        "CARGO_BUILD_JOBS",
    ];
    let ours = name == "CARGO" || name.starts_with("CARGO_") || name == "RUSTUP_TOOLCHAIN";
    let compiler = name.starts_with("RUSTC") || name.starts_with("RUSTDOC") || name == "RUSTFLAGS";
    (ours || compiler) && !KEPT.iter().any(|kept| name.starts_with(kept))
}

/// The compiler's own target, from the line `host: ...`.
pub fn host() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = process::capture(Command::new(rustc).arg("-vV"), "the host's target")?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc -vV names no host")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare_nightly() -> Nightly {
        let name = "nightly-x86_64-unknown-linux-gnu".to_owned();
        Nightly {
            name,
            dir: "/nowhere".into(),
        }
    }

    #[test]
    fn a_nightly_without_source_is_passed_over() {
        assert_eq!(
            choose(None, Some(bare_nightly()), true).ok(),
            Some(Toolchain::Debian)
        );
        assert_eq!(choose(Some(""), None, false).ok(), Some(Toolchain::Debian));
    }

    #[test]
    fn the_environment_decides() {
        let rustup = choose(Some("rustup"), Some(bare_nightly()), false).ok();
        assert_eq!(
            rustup,
            Some(Toolchain::Rustup("nightly-x86_64-unknown-linux-gnu".into()))
        );
        assert_eq!(
            choose(Some("rustup"), None, false).ok(),
            Some(Toolchain::Rustup("nightly".into()))
        );
        assert_eq!(
            choose(Some("debian"), Some(bare_nightly()), true).ok(),
            Some(Toolchain::Debian)
        );
        assert!(choose(Some("gcc"), None, true).is_err());
    }

    #[test]
    fn dated_nightlies_are_passed_over() {
        assert!(is_undated_nightly("nightly-aarch64-unknown-linux-gnu"));
        assert!(!is_undated_nightly(
            "nightly-2026-01-01-x86_64-unknown-linux-gnu"
        ));
        assert!(!is_undated_nightly("stable-x86_64-unknown-linux-gnu"));
    }

    #[test]
    fn the_outer_toolchain_is_forgotten_and_the_network_settings_are_kept() {
        for name in [
            "CARGO",
            "CARGO_MANIFEST_DIR",
            "CARGO_TARGET_DIR",
            "RUSTC",
            "RUSTFLAGS",
            "RUSTUP_TOOLCHAIN",
        ] {
            assert!(is_of_a_toolchain(name), "{name}");
        }
        for name in [
            "CARGO_HOME",
            "CARGO_NET_OFFLINE",
            "CARGO_HTTP_PROXY",
            "RUSTUP_HOME",
            "RUST_BACKTRACE",
            "PATH",
        ] {
            assert!(!is_of_a_toolchain(name), "{name}");
        }
    }
}
