//! Tools that cargo builds and installs in `target/tools`: bpf-linker and cargo-fuzz, in fixed versions.

use std::process::Command;

use anyhow::Result;

use super::{Missing, Remedy};
use crate::paths;
use crate::process::{self, say};

/// A crate to install, and how. It is built without optimisation if the code that it calls does the work.
#[derive(Debug, PartialEq, Eq)]
pub struct Tool {
    name: &'static str,
    version: &'static str,
    why: &'static str,
    args: &'static [&'static str],
    env: &'static [(&'static str, &'static str)],
}

/// bpf-linker, linked against the LLVM of Debian's rustc-web.
pub static BPF_LINKER: Tool = Tool {
    name: "bpf-linker",
    version: "0.13.0",
    why: "links the BPF object and makes its BTF",
    args: &["--debug", "--no-default-features", "--features", "llvm-22"],
    env: &[("LLVM_PREFIX", "/usr/lib/llvm-22")],
};

/// cargo-fuzz, which runs libFuzzer.
pub static CARGO_FUZZ: Tool = Tool {
    name: "cargo-fuzz",
    version: "0.13.2",
    why: "runs the fuzz targets",
    args: &[],
    env: &[],
};

/// `None` if the right version is installed and starts; a shared library may have been removed.
pub fn missing(tool: &'static Tool) -> Option<Missing> {
    let mut command = Command::new(paths::tools().join("bin").join(tool.name));
    let said = process::capture(command.arg("--version"), tool.name).unwrap_or_default();
    (!is_version(&said, tool)).then(|| Missing {
        what: format!("{} {}", tool.name, tool.version),
        why: tool.why,
        remedy: Remedy::CargoTool(tool),
    })
}

fn is_version(said: &str, tool: &Tool) -> bool {
    said.split_whitespace().eq([tool.name, tool.version])
}

/// Builds and installs the crate.
pub fn install(tool: &Tool) -> Result<()> {
    say(format!(
        "cargo builds {} {}: about a minute, once",
        tool.name, tool.version
    ));
    let mut cargo = process::cargo();
    cargo
        .args([
            "install",
            tool.name,
            "--version",
            tool.version,
            "--locked",
            "--force",
            "--quiet",
            "--root",
        ])
        .arg(paths::tools())
        .args(tool.args)
        .envs(tool.env.iter().copied())
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_TARGET_DIR");
    process::run_long(&mut cargo, tool.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_does_not_count() {
        assert!(is_version("bpf-linker 0.13.0\n", &BPF_LINKER));
        assert!(!is_version("bpf-linker 0.13.01\n", &BPF_LINKER));
        assert!(!is_version("", &BPF_LINKER));
    }
}
