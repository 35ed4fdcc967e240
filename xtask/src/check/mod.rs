//! `cargo xtask check`: formatting, lints, documentation, licences and house rules.
//!
//! All steps run, each with its name and time, and failures are listed at the end.

use std::time::Instant;

use anyhow::{Result, bail};

use crate::build;
use crate::paths;
use crate::process::{self, say};
use crate::setup::{self, Part};
use crate::toolchain::Toolchain;

mod dependencies;
mod features;
mod house;
mod layers;
mod spdx;

struct Step {
    name: &'static str,
    run: fn() -> Result<()>,
}

const STEPS: [Step; 11] = [
    Step {
        name: "house rules",
        run: house::forbidden,
    },
    Step {
        name: "file lengths",
        run: house::lengths,
    },
    Step {
        name: "layers",
        run: layers::run,
    },
    Step {
        name: "formatting",
        run: format,
    },
    Step {
        name: "formatting of fuzz",
        run: format_fuzz,
    },
    Step {
        name: "dependencies",
        run: dependencies::run,
    },
    Step {
        name: "features",
        run: features::run,
    },
    Step {
        name: "BPF object",
        run: build::objects,
    },
    Step {
        name: "lints of the BPF crate",
        run: lint_bpf,
    },
    Step {
        name: "lints",
        run: lint,
    },
    Step {
        name: "documentation",
        run: document,
    },
];

/// Runs all steps.
pub fn run() -> Result<()> {
    setup::ensure(&[Part::Bpf])?;
    let mut results = Vec::new();
    for Step { name, run } in STEPS {
        say(format!("check: {name}"));
        let start = Instant::now();
        let result = run();
        if let Err(error) = &result {
            eprintln!("{error:#}");
        }
        results.push((name, result.is_ok(), start.elapsed().as_secs_f64()));
    }
    say("check: summary");
    for (name, passed, seconds) in &results {
        eprintln!(
            "  {} {name} ({seconds:.1} s)",
            if *passed { "ok    " } else { "FAILED" }
        );
    }
    eprintln!(
        "  not checked: security advisories, whose database is on the network; \
         with cargo-deny installed, `cargo deny check advisories` fetches and checks it"
    );
    let failed: Vec<&str> = results
        .iter()
        .filter(|(_, passed, _)| !passed)
        .map(|(name, ..)| *name)
        .collect();
    if !failed.is_empty() {
        bail!(
            "check: {} of {} steps failed: {}",
            failed.len(),
            results.len(),
            failed.join(", ")
        );
    }
    Ok(())
}

fn format() -> Result<()> {
    process::run(
        process::cargo().args(["fmt", "--all", "--check"]),
        "formatting; run `cargo fmt --all`",
    )
}

fn format_fuzz() -> Result<()> {
    let mut cargo = process::cargo();
    cargo.args(["fmt", "--check", "--manifest-path", "fuzz/Cargo.toml"]);
    process::run(
        &mut cargo,
        "formatting; run `cargo fmt --manifest-path fuzz/Cargo.toml`",
    )
}

/// The default members: all crates except the BPF crate.
fn lint() -> Result<()> {
    process::run(
        process::cargo().args([
            "clippy",
            "--all-targets",
            "--keep-going",
            "--",
            "-D",
            "warnings",
        ]),
        "clippy",
    )
}

/// Uses a separate target folder: other flags would rebuild the object each time.
fn lint_bpf() -> Result<()> {
    let toolchain = Toolchain::pick()?;
    let verb = if toolchain.has_clippy() {
        "clippy"
    } else {
        "check"
    };
    if verb == "check" {
        say(
            "this BPF toolchain has no clippy (Debian's is rust-web-clippy): only the compiler's lints are checked",
        );
    }
    let target_dir = paths::target().join("bpf-check");
    process::run(
        &mut toolchain.cargo(verb, &target_dir, "-D warnings")?,
        "the BPF crate's lints",
    )
}

fn document() -> Result<()> {
    let mut cargo = process::cargo();
    cargo
        .args(["doc", "--no-deps", "--keep-going"])
        .env("RUSTDOCFLAGS", "-D warnings");
    process::run(&mut cargo, "documentation")
}
