//! Compares the features that cargo selects for different builds of the workspace.
//!
//! Cargo selects features anew for each set of packages that is built. Where two builds differ in one feature of one crate, all
//! that depends on it is compiled twice. `xtask/features` selects them once; this check names what it lacks.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process;

/// The build that all others must be a part of: the tests.
const WHOLE: &[&str] = &["test", "--workspace", "--exclude", "rasline-xdp"];

/// What people and tasks build.
const PARTS: [&[&str]; 5] = [
    &["build", "--package", "xtask"],
    &["build", "--package", "rasline", "--bin", "rasline"],
    &["build", "--workspace", "--exclude", "rasline-xdp"],
    &["test", "--package", "rasline-core"],
    &["test", "--package", "rasline-datapath"],
];

/// Fails where a crate would be compiled again.
pub fn run() -> Result<()> {
    let whole = units(WHOLE)?;
    let mut again = BTreeSet::new();
    for part in PARTS {
        let differs = units(part)?.difference(&whole).cloned().collect::<Vec<_>>();
        again.extend(
            differs
                .into_iter()
                .map(|unit| format!("{unit} by `cargo {}`", part.join(" "))),
        );
    }
    if again.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = again.into_iter().collect();
    bail!(
        "compiled again with other features; name the missing ones in xtask/features/Cargo.toml:\n  {}",
        list.join("\n  ")
    )
}

/// Each crate with its features, as a build without tests of its own compiles it.
fn units(build: &[&str]) -> Result<BTreeSet<String>> {
    let mut cargo = process::cargo();
    cargo
        .args(build)
        .args(["--unit-graph", "-Zunstable-options"])
        // the graph is shown on request of cargo's own developers only
        .env("RUSTC_BOOTSTRAP", "1");
    let graph = process::capture(&mut cargo, "cargo's plan of a build")?;
    let graph: Value = serde_json::from_str(&graph).context("cargo's plan of a build")?;
    let units = graph["units"]
        .as_array()
        .context("cargo's plan of a build has no units")?;
    Ok(units
        .iter()
        .filter(|unit| unit["mode"] == "build" && unit["target"]["kind"][0] != "bin")
        .map(describe)
        .collect())
}

fn describe(unit: &Value) -> String {
    let id = unit["pkg_id"].as_str().unwrap_or_default();
    let name = id.rsplit('/').next().unwrap_or_default();
    let features: Vec<&str> = unit["features"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let (kind, profile) = (&unit["target"]["kind"][0], &unit["profile"]);
    format!(
        "{name} ({kind}, opt-level {}, debuginfo {}, features {})",
        profile["opt_level"],
        profile["debuginfo"],
        features.join(" ")
    )
}
