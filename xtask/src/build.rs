//! Builds the BPF object, then the crates that embed and use it.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::process::say;
use crate::toolchain::{TARGET, Toolchain};
use crate::{btf, paths, process};

/// What to build for userspace.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// All crates, for development.
    Debug,
    /// The `rasline` binary alone, for development.
    DebugBinary,
    /// The `rasline` binary, optimised.
    Release,
    /// The `rasline` binary and the binaries of the tests' crate, optimised.
    ReleaseWithTools,
}

/// Builds the BPF objects and the selected part of userspace.
pub fn run(want: Want) -> Result<()> {
    objects()?;
    userspace(want)
}

/// The programs that run in the kernel.
const PROGRAMS: [&str; 2] = ["rasline-xdp", "rasline-lookup"];

/// Builds the BPF objects, and replaces those in `target/bpf` that have changed, as cargo checks their time.
pub fn objects() -> Result<()> {
    let toolchain = Toolchain::pick()?;
    say(format!("BPF objects, with {toolchain}"));
    let start = Instant::now();
    let target_dir = paths::target().join("bpf");
    let mut cargo = toolchain.cargo("build", &target_dir, "")?;
    if std::env::var_os("RASLINE_BPF_LOG").is_some_and(|v| v == "1") {
        say("with debug logging in the slow part (RASLINE_BPF_LOG=1)");
        cargo.args(["--features", "log"]);
    }
    process::run(&mut cargo, "the BPF objects")?;
    for program in PROGRAMS {
        publish_object(program, &target_dir)?;
    }
    say(format!(
        "BPF objects in {:.1} s",
        start.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// Puts a built object where the userspace crate finds it.
fn publish_object(program: &str, target_dir: &Path) -> Result<()> {
    let built = target_dir.join(TARGET).join("bpf").join(program);
    let bytes = fs::read(&built).with_context(|| format!("the BPF object {}", built.display()))?;
    let btf = btf::section_size(&bytes, ".BTF")
        .with_context(|| format!("the BPF object {}", built.display()))?;
    if btf == 0 {
        bail!(
            "the BPF object {} has no .BTF section: check that bpf-linker got --btf and the bpf profile keeps debug = 2",
            built.display()
        );
    }
    let changed = replace_if_changed(&paths::object(program), &bytes)?;
    say(format!(
        "{program} {} ({} KiB, BTF {} KiB)",
        if changed { "built" } else { "unchanged" },
        bytes.len() / 1024,
        btf / 1024
    ));
    Ok(())
}

/// A build of the crates that need neither the BPF object nor installed tools, in parallel to the installation. Its
/// result does not matter: the build that follows repeats what failed, and reports why.
pub struct Prebuild(Option<Child>);

impl Prebuild {
    /// Starts the build; its messages go to `target/prebuild.log`.
    pub fn start() -> Self {
        say("meanwhile, crates that need no installed tools are built");
        let log = fs::File::create(paths::target().join("prebuild.log"));
        let log = log.map_or_else(|_| Stdio::null(), Stdio::from);
        let mut cargo = process::cargo();
        cargo
            .args(["build", "--keep-going"])
            .args(PACKAGES)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        Self(cargo.spawn().ok())
    }
}

impl Drop for Prebuild {
    /// Waits for the build, so that it does not compete with the builds that follow.
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.wait();
        }
    }
}

/// All crates for userspace except xtask, which is running.
const PACKAGES: [&str; 5] = [
    "--workspace",
    "--exclude",
    "rasline-xdp",
    "--exclude",
    "xtask",
];

fn userspace(want: Want) -> Result<()> {
    let start = Instant::now();
    say("the userspace crates");
    let mut cargo = process::cargo();
    cargo.arg("build");
    match want {
        Want::Debug => cargo.args(PACKAGES),
        Want::DebugBinary => cargo.args(["--package", "rasline", "--bin", "rasline"]),
        Want::Release => cargo.args(["--release", "--package", "rasline"]),
        Want::ReleaseWithTools => cargo.args([
            "--release",
            "--package",
            "rasline",
            "--package",
            "rasline-tests",
            "--bins",
        ]),
    };
    process::run(&mut cargo, "the userspace crates")?;
    say(format!(
        "userspace crates built in {:.0} s",
        start.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// Writes to a temporary file and renames it, so that a reader never sees a partial object. Returns true if it was
/// replaced.
fn replace_if_changed(path: &Path, bytes: &[u8]) -> Result<bool> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(false);
    }
    let fresh = path.with_extension(format!("o.{}", std::process::id()));
    fs::write(&fresh, bytes).with_context(|| format!("cannot write {}", fresh.display()))?;
    fs::rename(&fresh, path).with_context(|| format!("cannot replace {}", path.display()))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unchanged_object_keeps_its_time() {
        let path = std::env::temp_dir().join(format!("xtask-object-{}", std::process::id()));
        assert!(replace_if_changed(&path, b"one").expect("written"));
        assert!(!replace_if_changed(&path, b"one").expect("compared"));
        assert!(replace_if_changed(&path, b"two").expect("replaced"));
        assert_eq!(fs::read(&path).expect("read"), b"two");
        fs::remove_file(path).expect("removed");
    }
}
