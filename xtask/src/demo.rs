//! `cargo xtask demo`: runs `rasline-demo`, a binary of the tests' crate.

use std::ffi::OsString;

use anyhow::Result;

use crate::process;

/// Runs the binary, built before, with the arguments passed through.
pub fn run(args: &[OsString]) -> Result<()> {
    process::pass_through("debug", "rasline-demo", args)
}
