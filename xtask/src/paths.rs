//! Where things are: the workspace and what the tasks put under `target/`.

use std::path::{Path, PathBuf};

/// The workspace's root.
pub fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// `target/` of the workspace: tools, the Python environment and the BPF object live here whatever `CARGO_TARGET_DIR` says.
pub fn target() -> PathBuf {
    root().join("target")
}

/// Where cargo puts userspace binaries of a profile's folder (`debug` or `release`).
pub fn binary(profile: &str, name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .filter(|dir| !dir.is_empty())
        .map_or_else(target, |dir| root().join(dir));
    target.join(profile).join(name)
}

/// The root that `cargo install` gets for the project's own tools.
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

/// The BPF object that the userspace crate embeds.
pub fn object() -> PathBuf {
    target().join("bpf/rasline-xdp.o")
}
