//! Paths: the workspace, and files that the tasks create in `target/`.

use std::path::{Path, PathBuf};

/// The workspace's root.
pub fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// `target/` of the workspace: tools, the Python environment and the BPF object are here regardless of
/// `CARGO_TARGET_DIR`.
pub fn target() -> PathBuf {
    root().join("target")
}

/// Folder of cargo's userspace binaries, by the folder of the profile (`debug` or `release`).
pub fn binary(profile: &str, name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .filter(|dir| !dir.is_empty())
        .map_or_else(target, |dir| root().join(dir));
    target.join(profile).join(name)
}

/// Root for `cargo install` of the project's tools.
pub fn tools() -> PathBuf {
    target().join("tools")
}

/// The Python environment of the oracles.
pub fn venv() -> PathBuf {
    target().join("venv")
}

/// The environment's interpreter.
pub fn python() -> PathBuf {
    venv().join("bin/python")
}

/// A BPF object that the userspace crate embeds, by its program's name.
pub fn object(program: &str) -> PathBuf {
    target().join(format!("bpf/{program}.o"))
}
