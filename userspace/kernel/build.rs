//! Finds the BPF object that `cargo xtask build` made, for the crate to embed it.
//!
//! The crate reads `RASLINE_XDP_OBJECT_PATH` at compile time. Set `RASLINE_XDP_OBJECT` to embed another object.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    println!("cargo::rerun-if-env-changed=RASLINE_XDP_OBJECT");
    let object = std::env::var_os("RASLINE_XDP_OBJECT").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/bpf/rasline-xdp.o"),
        PathBuf::from,
    );
    println!("cargo::rerun-if-changed={}", object.display());
    match std::path::absolute(&object).and_then(|path| path.canonicalize()) {
        Ok(path) => {
            println!(
                "cargo::rustc-env=RASLINE_XDP_OBJECT_PATH={}",
                path.display()
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!(
                "cargo::error=the BPF object {} cannot be read ({error}): run `cargo xtask build` first, \
                 or name an object in RASLINE_XDP_OBJECT",
                object.display()
            );
            ExitCode::FAILURE
        }
    }
}
