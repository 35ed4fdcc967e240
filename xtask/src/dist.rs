//! `cargo xtask dist`: the Debian package, in target/debian: binary, unit, configuration, man pages, completions, docs.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process::{self, say};
use crate::{paths, setup};

/// What the package must hold, beside what it may.
const CONTENTS: [&str; 8] = [
    "./usr/bin/rasline",
    "./etc/rasline/rasline.toml",
    "./usr/lib/systemd/system/rasline.service",
    "./usr/share/man/man1/rasline.1.gz",
    "./usr/share/man/man1/rasline-zone-switch.1.gz",
    "./usr/share/bash-completion/completions/rasline",
    "./usr/share/doc/rasline/guide.md",
    "./usr/share/doc/rasline/examples/rasline.toml",
];

/// Makes the package from the optimised binary, which was built before, and looks into it.
pub fn run() -> Result<()> {
    setup::ensure(&[setup::Part::Package])?;
    let binary = paths::binary("release", "rasline");
    let dist = paths::root().join("target/dist");
    for what in ["man", "completions"] {
        let mut generate = Command::new(&binary);
        generate.args(["generate", what]).arg(dist.join(what));
        process::run(&mut generate, what)?;
    }
    let package = dist.join("rasline.deb");
    let mut deb = Command::new(paths::tools().join("bin/cargo-deb"));
    deb.current_dir(paths::root())
        .args(["--package", "rasline", "--no-build", "--locked", "--output"])
        .arg(&package);
    process::run(&mut deb, "the Debian package")?;
    look_into(&package)?;
    say(format!("{}", package.display()));
    Ok(())
}

fn look_into(package: &std::path::Path) -> Result<()> {
    let mut list = Command::new("dpkg-deb");
    list.arg("--contents").arg(package);
    let contents = process::capture(&mut list, "the package's contents")?;
    for file in CONTENTS {
        let there = contents.lines().any(|line| line.ends_with(file));
        ensure!(there, "the package lacks {file}:\n{contents}");
    }
    let unpacked = tempdir().context("a folder for the package's contents")?;
    let mut unpack = Command::new("dpkg-deb");
    unpack.arg("--extract").arg(package).arg(&unpacked);
    process::run(&mut unpack, "the package")?;
    let mut version = Command::new(unpacked.join("usr/bin/rasline"));
    let said = process::capture(version.arg("--version"), "the packaged binary")?;
    ensure!(said.starts_with("rasline "), "it says {said:?}");
    let mut check = Command::new(unpacked.join("usr/bin/rasline"));
    check
        .arg("check")
        .arg(unpacked.join("etc/rasline/rasline.toml"));
    process::capture(&mut check, "the packaged configuration")?;
    std::fs::remove_dir_all(&unpacked).context("the folder of the package's contents")
}

fn tempdir() -> std::io::Result<std::path::PathBuf> {
    let path = paths::root().join("target/dist/unpacked");
    if path.exists() {
        std::fs::remove_dir_all(&path)?;
    }
    std::fs::create_dir_all(&path)?;
    Ok(path)
}
