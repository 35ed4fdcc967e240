//! Compares the features that cargo selects for different builds of the workspace.
//!
//! Cargo selects features separately for each set of packages. If two builds differ in one feature of one crate,
//! everything that depends on it is compiled twice. `xtask/features` selects the features once; this check lists what
//! it lacks.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process;

/// The build of the tests, of which all others must be a part.
const WHOLE: &[&str] = &["test", "--workspace", "--exclude", "rasline-xdp"];

/// The builds of people and tasks.
const PARTS: [&[&str]; 5] = [
    &["build", "--package", "xtask"],
    &["build", "--package", "rasline", "--bin", "rasline"],
    &["build", "--workspace", "--exclude", "rasline-xdp"],
    &["test", "--package", "rasline-core"],
    &["test", "--package", "rasline-datapath"],
];

/// Fails if a crate would be compiled twice.
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
        "compiled twice with different features; add the missing ones to xtask/features/Cargo.toml:\n  {}",
        list.join("\n  ")
    )
}

/// Each crate with its features, as compiled by a build without its own tests.
fn units(build: &[&str]) -> Result<BTreeSet<String>> {
    let mut cargo = process::cargo();
    cargo
        .args(build)
        .args(["--unit-graph", "-Zunstable-options"])
        // the graph is an unstable feature of cargo
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
