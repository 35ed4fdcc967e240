//! Licences, duplicates and sources of all dependencies on Linux and BPF, offline, against `deny.toml`.
//!
//! The same file serves cargo-deny, which takes minutes to build and is therefore not required.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::spdx;
use crate::process::{self, say};
use crate::{paths, toolchain};

/// The policy in `deny.toml`.
struct Policy {
    licences: Vec<String>,
    registries: Vec<String>,
    /// Crates of which several versions are accepted.
    skipped: Vec<String>,
}

/// Fails if a crate's licence or source is not allowed; warns about several versions of one crate.
pub fn run() -> Result<()> {
    let path = paths::root().join("deny.toml");
    let text =
        fs::read_to_string(&path).with_context(|| format!("the policy {}", path.display()))?;
    let policy = Policy::parse(&text).with_context(|| format!("the policy {}", path.display()))?;
    let mut cargo = process::cargo();
    cargo
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args([
            "--filter-platform",
            &toolchain::host()?,
            "--filter-platform",
            toolchain::TARGET,
        ]);
    let metadata = process::capture(&mut cargo, "the dependencies (is Cargo.lock up to date?)")?;
    let metadata: Value = serde_json::from_str(&metadata).context("cargo metadata")?;
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata lists no packages")?;

    for (name, versions) in duplicates(packages) {
        if !policy.skipped.contains(&name) {
            say(format!(
                "warning: several versions of {name}: {}",
                versions.join(", ")
            ));
        }
    }
    let refusals: Vec<String> = packages
        .iter()
        .flat_map(|package| policy.refusals(package))
        .collect();
    if !refusals.is_empty() {
        bail!(
            "{}\nchoose other crates, or allow it in deny.toml",
            refusals.join("\n")
        );
    }
    say(format!(
        "{} crates have allowed licences and sources",
        packages.len()
    ));
    Ok(())
}

impl Policy {
    fn parse(text: &str) -> Result<Self> {
        let policy: toml::Table = text.parse()?;
        let list = |section: &str, key: &str| -> Result<Vec<String>> {
            let list = policy
                .get(section)
                .and_then(|section| section.get(key))
                .and_then(toml::Value::as_array);
            let list = list.with_context(|| format!("no list `{key}` in [{section}]"))?;
            // an entry of `skip` may be a table with the crate's name
            let name = |entry: &toml::Value| {
                entry
                    .get("crate")
                    .unwrap_or(entry)
                    .as_str()
                    .map(str::to_owned)
            };
            list.iter()
                .map(|entry| {
                    name(entry).with_context(|| format!("{section}.{key}: {entry} is not a name"))
                })
                .collect()
        };
        Ok(Self {
            licences: list("licenses", "allow")?,
            registries: list("sources", "allow-registry")?,
            skipped: list("bans", "skip")?,
        })
    }

    fn refusals(&self, package: &Value) -> Vec<String> {
        let name = format!("{} {}", text(package, "name"), text(package, "version"));
        let mut refusals = Vec::new();
        let licence = text(package, "license");
        match spdx::is_allowed(licence, &self.licences) {
            Ok(true) => {}
            Ok(false) => refusals.push(format!("{name}: the licence {licence:?} is not allowed")),
            Err(error) => refusals.push(format!(
                "{name}: the licence {licence:?} cannot be read: {error}"
            )),
        }
        let source = text(package, "source");
        let registry = source
            .strip_prefix("registry+")
            .or_else(|| source.strip_prefix("sparse+"));
        // a crate without a source is one of the workspace's own
        let known = source.is_empty()
            || registry.is_some_and(|registry| self.registries.iter().any(|r| r == registry));
        if !known {
            refusals.push(format!("{name}: the source {source} is not allowed"));
        }
        refusals
    }
}

fn text<'a>(package: &'a Value, key: &str) -> &'a str {
    package[key].as_str().unwrap_or_default()
}

fn duplicates(packages: &[Value]) -> BTreeMap<String, Vec<String>> {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in packages {
        versions
            .entry(text(package, "name").to_owned())
            .or_default()
            .insert(text(package, "version").to_owned());
    }
    versions.retain(|_, versions| versions.len() > 1);
    versions
        .into_iter()
        .map(|(name, versions)| (name, versions.into_iter().collect()))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const POLICY: &str = r#"
        [licenses]
        allow = ["MIT", "Apache-2.0"]
        [bans]
        skip = ["old", { crate = "older" }]
        [sources]
        allow-registry = ["https://github.com/rust-lang/crates.io-index"]
    "#;
    const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

    fn package(license: &str, source: Option<&str>) -> Value {
        json!({ "name": "trial", "version": "1.0.0", "license": license, "source": source })
    }

    #[test]
    fn a_refusal_names_the_crate() {
        let policy = Policy::parse(POLICY).expect("parsed");
        assert_eq!(policy.skipped, ["old", "older"]);
        assert!(policy.refusals(&package("MIT", None)).is_empty());
        assert!(policy.refusals(&package("MIT", Some(CRATES_IO))).is_empty());
        let refusals = policy.refusals(&package(
            "GPL-3.0-only",
            Some("git+https://example.org/trial"),
        ));
        assert_eq!(refusals.len(), 2);
        assert!(
            refusals
                .iter()
                .all(|refusal| refusal.starts_with("trial 1.0.0: ")),
            "{refusals:?}"
        );
        assert_eq!(policy.refusals(&package("", None)).len(), 1);
    }

    #[test]
    fn versions_of_one_crate_are_gathered() {
        let second = json!({ "name": "trial", "version": "2.0.0" });
        let packages = [package("MIT", None), package("MIT", None), second];
        assert_eq!(duplicates(&packages)["trial"], ["1.0.0", "2.0.0"]);
        assert!(duplicates(&packages[..2]).is_empty());
    }
}
