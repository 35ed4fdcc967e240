//! `cargo xtask dist`: the Debian package and that of its debugging symbols, in `target/dist`, by dpkg's own tools.
//!
//! `packaging/debian` has what dpkg wants of a package; [`FILES`] says what else goes in, and where.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process::{self, say};
use crate::{build, paths, setup, toolchain};

mod tree;
mod trial;

use tree::Tree;

/// Which build goes into the package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Profile {
    /// Optimised: what is to be installed.
    Release,
    /// The build of the tests, to try the package itself without minutes of compiling.
    Dev,
}

impl Profile {
    const fn folder(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Dev => "debug",
        }
    }

    /// How much time dpkg-deb takes to make the package small.
    const fn compression(self) -> &'static [&'static str] {
        match self {
            Self::Release => &[],
            Self::Dev => &["-Zgzip", "-z1"],
        }
    }

    const fn want(self) -> build::Want {
        match self {
            Self::Release => build::Want::Release,
            Self::Dev => build::Want::DebugBinary,
        }
    }
}

/// From the workspace to the package, and the mode.
const FILES: [(&str, &str, u32); 14] = [
    ("packaging/rasline.toml", CONFIG, 0o640),
    ("packaging/systemd/rasline.service", UNIT, 0o644),
    ("docs/guide.md", "usr/share/doc/rasline/guide.md", 0o644),
    ("docs/cli.md", "usr/share/doc/rasline/cli.md", 0o644),
    ("docs/backup.md", "usr/share/doc/rasline/backup.md", 0o644),
    (
        "docs/profiles.md",
        "usr/share/doc/rasline/profiles.md",
        0o644,
    ),
    ("docs/events.md", "usr/share/doc/rasline/events.md", 0o644),
    ("docs/metrics.md", "usr/share/doc/rasline/metrics.md", 0o644),
    ("docs/bench.md", "usr/share/doc/rasline/bench.md", 0o644),
    (
        "docs/rasline.toml",
        "usr/share/doc/rasline/examples/rasline.toml",
        0o644,
    ),
    (
        "packaging/prometheus/rasline.rules.yml",
        "usr/share/doc/rasline/examples/rasline.rules.yml",
        0o644,
    ),
    (
        "packaging/grafana/rasline.json",
        "usr/share/doc/rasline/examples/grafana.json",
        0o644,
    ),
    (
        "packaging/debian/copyright",
        "usr/share/doc/rasline/copyright",
        0o644,
    ),
    (
        "packaging/debian/lintian-overrides",
        "usr/share/lintian/overrides/rasline",
        0o644,
    ),
];
const CONFIG: &str = "etc/rasline/rasline.toml";
const UNIT: &str = "usr/lib/systemd/system/rasline.service";
const BINARY: &str = "usr/bin/rasline";
/// Made by the binary itself (`rasline generate completions`).
const COMPLETIONS: [(&str, &str); 3] = [
    (
        "rasline.bash",
        "usr/share/bash-completion/completions/rasline",
    ),
    ("_rasline", "usr/share/zsh/vendor-completions/_rasline"),
    (
        "rasline.fish",
        "usr/share/fish/vendor_completions.d/rasline.fish",
    ),
];
const DESCRIPTION: &str = "H.323 gateway: answers RAS keep-alives in the kernel\n \
    Inside the kernel an XDP program answers RAS keep-alives (lightweight RRQ) of\n \
    H.323 endpoints with the RCF that their gatekeeper would send, and steers\n \
    signalling to a backup gatekeeper when the active one fails. A controller\n \
    learns, probes, decides and shows what happens.\n";
const MAINTAINER: &str = "The rasline authors <rasline@rasline.invalid>";

/// Builds, packs, looks at the result, and with `trial` installs, upgrades, removes and purges it in a bare root.
pub fn run(profile: Profile, trial: bool) -> Result<()> {
    let mut parts = vec![setup::Part::Bpf, setup::Part::Package];
    if trial {
        process::require_root("dist --test")?;
        parts.push(setup::Part::PackageTest);
    }
    setup::ensure(&parts)?;
    build::run(profile.want())?;
    let version = env!("CARGO_PKG_VERSION");
    let package = pack(profile, version)?;
    look_into(&package)?;
    if profile == Profile::Release {
        symbols(&paths::binary(profile.folder(), "rasline"), version)?;
    }
    if trial {
        // Only for its number: dpkg takes it for an upgrade.
        let next = pack(profile, &format!("{version}+next"))?;
        trial::run(&package, &next)?;
    }
    say(format!("{}", package.display()));
    Ok(())
}

fn dist() -> PathBuf {
    paths::target().join("dist")
}

/// Packs a version; the path of the package.
fn pack(profile: Profile, version: &str) -> Result<PathBuf> {
    let binary = paths::binary(profile.folder(), "rasline");
    let mut tree = Tree::new(&dist().join("tree"))?;
    for (from, to, mode) in FILES {
        tree.copy(&paths::root().join(from), to, mode)?;
    }
    tree.strip(&binary, BINARY)?;
    generate(&binary, &mut tree)?;
    changelog(&mut tree, version)?;
    tree.gzip(
        "usr/share/doc/rasline/third-party.gz",
        third_party()?.as_bytes(),
    )?;
    for script in ["postinst", "prerm", "postrm"] {
        let from = paths::root().join("packaging/debian").join(script);
        tree.copy(&from, &format!("DEBIAN/{script}"), 0o755)?;
    }
    tree.write("DEBIAN/conffiles", format!("/{CONFIG}\n").as_bytes(), 0o644)?;
    let depends = tree.libraries(BINARY)?;
    let depends = format!("{depends}, init-system-helpers (>= 1.54~), passwd, mount");
    let control = format!(
        "Package: rasline\nVersion: {version}\nArchitecture: {}\nMaintainer: {MAINTAINER}\nInstalled-Size: {}\n\
         Depends: {depends}\nRecommends: iproute2, systemd\nSection: net\nPriority: optional\n\
         Description: {DESCRIPTION}",
        tree::architecture()?,
        tree.kilobytes()?,
    );
    let suffix = version
        .strip_prefix(env!("CARGO_PKG_VERSION"))
        .unwrap_or("");
    let package = dist().join(format!("rasline{}.deb", suffix.replace('+', "-")));
    tree.build(&control, &package, profile.compression())?;
    Ok(package)
}

/// Man pages and completions.
fn generate(binary: &Path, tree: &mut Tree) -> Result<()> {
    let made = dist().join("generated");
    if made.exists() {
        fs::remove_dir_all(&made).context("what was generated before")?;
    }
    for what in ["man", "completions"] {
        let mut generate = Command::new(binary);
        generate.args(["generate", what]).arg(made.join(what));
        process::run(&mut generate, what)?;
    }
    for page in fs::read_dir(made.join("man")).context("the man pages")? {
        let page = page.context("a man page")?;
        let to = format!("usr/share/man/man1/{}.gz", page.file_name().display());
        tree.gzip(&to, &fs::read(page.path()).context("a man page")?)?;
    }
    for (from, to) in COMPLETIONS {
        tree.copy(&made.join("completions").join(from), to, 0o644)?;
    }
    Ok(())
}

/// The changelog, its newest version being that of the package.
fn changelog(tree: &mut Tree, version: &str) -> Result<()> {
    let path = paths::root().join("packaging/debian/changelog");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let current = env!("CARGO_PKG_VERSION");
    ensure!(
        text.starts_with(&format!("rasline ({current}) ")),
        "packaging/debian/changelog does not begin with version {current}"
    );
    let text = text.replacen(current, version, 1);
    tree.gzip("usr/share/doc/rasline/changelog.gz", text.as_bytes())
}

/// The crates in the binary, with their licences.
fn third_party() -> Result<String> {
    let mut metadata = process::cargo();
    // Crates for other platforms need not be here.
    metadata
        .args(["metadata", "--format-version=1", "--locked", "--offline"])
        .args(["--filter-platform", &toolchain::host()?]);
    let said = process::capture(&mut metadata, "the crates' licences")?;
    let all: serde_json::Value = serde_json::from_str(&said).context("cargo metadata")?;
    let text = |v: &serde_json::Value| v.as_str().unwrap_or("-").to_owned();
    let mut lines: Vec<String> = all["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|package| !package["source"].is_null())
        .map(|p| {
            let [name, version, licence] = ["name", "version", "license"].map(|key| text(&p[key]));
            format!("{name} {version}: {licence}\n")
        })
        .collect();
    lines.sort();
    Ok(lines.concat())
}

/// The package of debugging symbols, found by the binary's build id.
fn symbols(binary: &Path, version: &str) -> Result<()> {
    let mut tree = Tree::new(&dist().join("tree-dbgsym"))?;
    tree.symbols(binary)?;
    tree.link("usr/share/doc/rasline-dbgsym", "rasline")?;
    let control = format!(
        "Package: rasline-dbgsym\nVersion: {version}\nArchitecture: {}\nMaintainer: {MAINTAINER}\n\
         Installed-Size: {}\nDepends: rasline (= {version})\nSection: debug\nPriority: optional\n\
         Auto-Built-Package: debug-symbols\nDescription: debug symbols for rasline\n",
        tree::architecture()?,
        tree.kilobytes()?,
    );
    tree.build(&control, &dist().join("rasline-dbgsym.deb"), &[])
}

/// The packaged binary starts and accepts the packaged configuration, nothing is in it twice, and lintian finds no error.
fn look_into(package: &Path) -> Result<()> {
    let unpacked = dist().join("unpacked");
    if unpacked.exists() {
        fs::remove_dir_all(&unpacked).context("what was unpacked before")?;
    }
    let mut unpack = Command::new("dpkg-deb");
    unpack.arg("--extract").arg(package).arg(&unpacked);
    process::run(&mut unpack, "the package")?;
    let binary = unpacked.join(BINARY);
    let said = process::capture(
        Command::new(&binary).arg("--version"),
        "the packaged binary",
    )?;
    ensure!(said.starts_with("rasline "), "it says {said:?}");
    let mut sections = Command::new("readelf");
    sections.args(["--wide", "--section-headers"]).arg(&binary);
    let sections = process::capture(&mut sections, "the packaged binary")?;
    ensure!(
        !sections.contains(".debug_info"),
        "the packaged binary is not stripped"
    );
    let mut check = Command::new(&binary);
    check.arg("check").arg(unpacked.join(CONFIG));
    process::capture(&mut check, "the packaged configuration")?;
    let mode = fs::metadata(unpacked.join(CONFIG))
        .context(CONFIG)?
        .permissions()
        .mode();
    ensure!(
        mode.trailing_zeros() >= 3,
        "the packaged configuration may be read by everybody"
    );
    tree::refuse_copies(&unpacked)?;
    let mut lintian = Command::new("lintian");
    lintian
        .args([
            "--fail-on",
            "error",
            "--tag-display-limit",
            "0",
            "--allow-root",
        ])
        .arg(package);
    process::run(&mut lintian, "lintian")?;
    fs::remove_dir_all(&unpacked).context("the folder of the package's contents")
}
