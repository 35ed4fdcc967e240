//! The system's packages: finds missing ones, and installs them with apt-get without removing any.

use std::collections::HashMap;
use std::process::Command;

use anyhow::{Result, bail};

use super::{Missing, Remedy};
use crate::process::{self, say};
use crate::toolchain::CHOICE;

/// A package and its purpose; if `command` is set, that program is looked for instead of the package.
pub struct Package {
    name: &'static str,
    command: &'static str,
    why: &'static str,
}

const fn library(name: &'static str, why: &'static str) -> Package {
    Package {
        name,
        command: "",
        why,
    }
}

const fn program(name: &'static str, command: &'static str, why: &'static str) -> Package {
    Package { name, command, why }
}

/// Compiler for `bpfel-unknown-none`. The first package must be new enough for the workspace.
pub const BPF_COMPILER: [Package; 4] = [
    library("rustc-web", "compiles the BPF crate; 1.95 or newer"),
    library("cargo-web", "builds the BPF crate"),
    library("rust-web-llvm", "the compiler's LLVM"),
    library("libstd-rust-web-dev-bpf", "core for the BPF target"),
];

/// Libraries to build bpf-linker against the LLVM of [`BPF_COMPILER`].
pub const LINKER_BUILD: [Package; 4] = [
    library("llvm-22-dev", "builds and runs bpf-linker"),
    library("libpolly-22-dev", "builds bpf-linker"),
    library("zlib1g-dev", "builds bpf-linker"),
    library("libzstd-dev", "builds bpf-linker"),
];

/// Programs used by the tests and the demo.
pub const NETWORK: [Package; 3] = [
    program("iproute2", "ip", "makes the test networks"),
    program(
        "nftables",
        "nft",
        "loses and counts packets in the test networks",
    ),
    program("ethtool", "ethtool", "sets the test interfaces' offloads"),
];

/// Decoder for captures of the tests, besides pycrate.
pub const ORACLES: [Package; 1] = [program(
    "tshark",
    "tshark",
    "decodes captured messages independently",
)];

/// Tools to build and check the Debian package.
pub const PACKAGE: [Package; 3] = [
    program(
        "dpkg-dev",
        "dpkg-shlibdeps",
        "finds what the package depends on",
    ),
    program("binutils", "objcopy", "keeps debugging symbols apart"),
    program("lintian", "lintian", "looks at the package"),
];

/// Tools to test the Debian package in a container.
pub const PACKAGE_TEST: [Package; 2] = [
    program("mmdebstrap", "mmdebstrap", "makes a bare Debian"),
    program("systemd-container", "systemd-nspawn", "boots it"),
];

/// Compiler for the fuzz targets.
pub const FUZZ: [Package; 1] = [program("g++", "c++", "compiles libFuzzer")];

const OLDEST_RUSTC: (u32, u32) = (1, 95);

/// Packages that dpkg does not list as installed, or whose version is too old.
pub fn missing_packages(packages: &'static [Package]) -> Vec<Missing> {
    let installed = installed(packages);
    let there = |package: &Package| {
        installed
            .get(package.name)
            .is_some_and(|version| package.name != "rustc-web" || is_new_enough(version))
    };
    packages
        .iter()
        .filter(|package| !there(package))
        .map(missing)
        .collect()
}

/// Packages whose command cannot be found.
pub fn missing_commands(packages: &'static [Package]) -> Vec<Missing> {
    packages
        .iter()
        .filter(|package| process::which(package.command).is_none())
        .map(missing)
        .collect()
}

fn missing(package: &Package) -> Missing {
    Missing {
        what: format!("package {}", package.name),
        why: package.why,
        remedy: Remedy::Package(package.name),
    }
}

/// dpkg-query fails if it does not know one of the names, but still lists the others.
fn installed(packages: &[Package]) -> HashMap<String, String> {
    Command::new("dpkg-query")
        .args([
            "--show",
            "--showformat",
            "${Package} ${db:Status-Status} ${Version}\n",
        ])
        .args(packages.iter().map(|package| package.name))
        .output()
        .map(|output| parse_installed(&String::from_utf8_lossy(&output.stdout)))
        .unwrap_or_default()
}

fn parse_installed(listing: &str) -> HashMap<String, String> {
    listing
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (name, status, version) = (words.next()?, words.next()?, words.next()?);
            (status == "installed").then(|| (name.to_owned(), version.to_owned()))
        })
        .collect()
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version
        .split(|c: char| !c.is_ascii_digit())
        .map(|word| word.parse().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) => (major, minor) >= OLDEST_RUSTC,
        _ => false,
    }
}

/// Installs the missing packages.
pub fn install(missing: &[Missing]) -> Result<()> {
    let packages: Vec<&str> = missing
        .iter()
        .filter_map(|missing| match missing.remedy {
            Remedy::Package(name) => Some(name),
            _ => None,
        })
        .collect();
    if packages.is_empty() {
        return Ok(());
    }
    let names = packages.join(" ");
    if process::which("apt-get").is_none() {
        bail!(
            "setup: packages are missing ({names}) and this system has no apt-get: install what corresponds to them; \
             for the BPF compiler, a rustup nightly with rust-src and a bpf-linker on PATH do as well ({CHOICE}=rustup)"
        );
    }
    if !process::is_root() {
        bail!(
            "setup: packages are missing and only root can install them: run \
             `sudo apt-get update && sudo apt-get install -y --no-install-recommends --no-remove {names}`, \
             then this task again"
        );
    }
    say(format!("apt-get installs: {names}"));
    process::run_long(apt_get().arg("update").arg("-qq"), "the package lists")?;
    rehearse(&packages)?;
    process::run_long(
        apt_get()
            .args(["-qq", "install"])
            .args(OPTIONS)
            .args(&packages),
        "the packages",
    )
}

/// Without a terminal dpkg omits its progress, which would fill a log.
const OPTIONS: [&str; 5] = [
    "-y",
    "--no-install-recommends",
    "--no-remove",
    "-o",
    "Dpkg::Use-Pty=0",
];

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// Simulates the installation first, as apt-get then reports conflicts.
fn rehearse(packages: &[&str]) -> Result<()> {
    let output = apt_get()
        .args(["install", "--simulate"])
        .args(OPTIONS)
        .args(packages)
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    bail!("{}\n{}", obstacle(&said), said.trim_end())
}

fn obstacle(said: &str) -> String {
    if said.contains("remove is disabled") {
        format!(
            "setup: apt-get would have to remove packages, which is for you to decide: rustc-web and cargo-web conflict \
             with Debian's rustc, cargo and rustup packages (not with a rustup in a home folder). Remove those, \
             or build with a rustup nightly ({CHOICE}=rustup). apt-get said:"
        )
    } else if said.contains("Unable to locate package") {
        format!(
            "setup: this release of the system lacks a package. When it is one of the BPF compiler, build with a rustup \
             nightly instead ({CHOICE}=rustup). apt-get said:"
        )
    } else {
        "setup: apt-get cannot install the packages. It said:".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_fully_installed_counts() {
        let listing = "rustc-web installed 1.96.0+dfsg1-1~deb12u2\n\
                       cargo-web config-files 1.96.0+dfsg1-1~deb12u2\n\
                       llvm-22-dev not-installed \n";
        let installed = parse_installed(listing);
        assert_eq!(installed.len(), 1);
        assert_eq!(installed["rustc-web"], "1.96.0+dfsg1-1~deb12u2");
    }

    #[test]
    fn an_old_compiler_does_not_count() {
        assert!(is_new_enough("1.96.0+dfsg1-1~deb12u2"));
        assert!(is_new_enough("1.95.0-1"));
        assert!(!is_new_enough("1.85.0+dfsg3-1~deb12u3"));
        assert!(!is_new_enough("unknown"));
    }

    #[test]
    fn a_refusal_to_remove_is_explained() {
        let said = "E: Packages need to be removed but remove is disabled.";
        assert!(obstacle(said).contains("would have to remove"));
        assert!(obstacle("E: Unable to locate package rustc-web").contains("lacks a package"));
        assert!(obstacle("E: dpkg was interrupted").contains("cannot install"));
    }
}
