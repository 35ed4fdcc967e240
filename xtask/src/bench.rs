//! `cargo xtask bench`: runs `rasline-bench`, a binary of the tests' crate.

use std::ffi::OsString;

use anyhow::Result;

use crate::process;

/// Runs the binary, built before, with the arguments passed through.
pub fn run(args: &[OsString]) -> Result<()> {
    process::pass_through("release", "rasline-bench", args)
}
