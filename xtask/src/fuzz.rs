//! `cargo xtask fuzz`: runs the fuzz targets of `fuzz/` with cargo-fuzz on nightly.
//!
//! It starts from the committed corpus in `fuzz/corpus`, and writes new inputs to `target/fuzz-corpus`.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::process::{self, say};
use crate::setup::{self, Part};
use crate::{paths, toolchain};

/// Runs one target, or all targets one after the other.
pub fn run(target: Option<&str>, minutes: u64) -> Result<()> {
    ensure!(
        toolchain::nightly().is_some(),
        "fuzzing needs a nightly compiler, and rustup has none: run `rustup toolchain install nightly --profile minimal`"
    );
    setup::ensure(&[Part::Fuzz])?;
    let known = targets()?;
    let chosen: Vec<&String> = known
        .iter()
        .filter(|name| target.is_none_or(|wanted| wanted == *name))
        .collect();
    if chosen.is_empty() {
        bail!("unknown fuzz target; use one of: {}", known.join(", "));
    }
    for name in chosen {
        say(format!("fuzzing {name} for {minutes} min"));
        let seconds = minutes.saturating_mul(60);
        // libFuzzer writes to the first folder and only reads the others
        let found = paths::target().join("fuzz-corpus").join(name);
        let committed = paths::root().join("fuzz/corpus").join(name);
        for dir in [&found, &committed] {
            fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        }
        let mut fuzz = Command::new("rustup");
        fuzz.args([
            "run",
            "nightly",
            "cargo",
            "fuzz",
            "run",
            "--fuzz-dir",
            ".",
            name,
        ])
        .args([&found, &committed])
        .arg("--")
        .arg(format!("-max_total_time={seconds}"))
        .current_dir(paths::root().join("fuzz"))
        .env("PATH", process::path_with(&[paths::tools().join("bin")])?);
        toolchain::forget_rustup(&mut fuzz);
        process::run(&mut fuzz, name).with_context(|| {
            format!("the failing input is in fuzz/artifacts/{name}; move it to fuzz/corpus/{name} once the fault is fixed")
        })?;
    }
    Ok(())
}

/// Lists the targets, which are the files in `fuzz/fuzz_targets`.
fn targets() -> Result<Vec<String>> {
    let dir = paths::root().join("fuzz/fuzz_targets");
    let entries =
        fs::read_dir(&dir).with_context(|| format!("the fuzz targets in {}", dir.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| {
            entry
                .ok()?
                .file_name()
                .to_str()?
                .strip_suffix(".rs")
                .map(str::to_owned)
        })
        .collect();
    names.sort();
    Ok(names)
}
