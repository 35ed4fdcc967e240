//! Finds the BPF objects that `cargo xtask build` made, for the crate to embed them.
//!
//! The crate reads `RASLINE_XDP_OBJECT_PATH` and `RASLINE_LOOKUP_OBJECT_PATH` at compile time. Set `RASLINE_XDP_OBJECT` or
//! `RASLINE_LOOKUP_OBJECT` to embed another object.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let xdp = find("RASLINE_XDP_OBJECT", "rasline-xdp.o");
    let lookup = find("RASLINE_LOOKUP_OBJECT", "rasline-lookup.o");
    if xdp && lookup {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Passes an object's path to the compiler. Returns false if there is no such object.
fn find(variable: &str, file: &str) -> bool {
    println!("cargo::rerun-if-env-changed={variable}");
    let object = std::env::var_os(variable).map_or_else(
        || {
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("../../target/bpf")
                .join(file)
        },
        PathBuf::from,
    );
    println!("cargo::rerun-if-changed={}", object.display());
    match std::path::absolute(&object).and_then(|path| path.canonicalize()) {
        Ok(path) => {
            println!("cargo::rustc-env={variable}_PATH={}", path.display());
            true
        }
        Err(error) => {
            println!(
                "cargo::error=the BPF object {} cannot be read ({error}): run `cargo xtask build` first, \
                 or name an object in {variable}",
                object.display()
            );
            false
        }
    }
}
