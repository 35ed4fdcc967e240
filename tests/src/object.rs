//! The compiled XDP program.

use std::path::PathBuf;

/// Where `cargo xtask build` puts the program, or the object that `RASLINE_XDP_OBJECT` names.
#[must_use]
pub fn object_path() -> PathBuf {
    std::env::var_os("RASLINE_XDP_OBJECT").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../target/bpf/rasline-xdp.o"
            ))
        },
        PathBuf::from,
    )
}
