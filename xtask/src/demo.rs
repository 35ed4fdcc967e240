//! `cargo xtask demo`: runs `rasline-demo`, a binary of the tests' crate.

use std::ffi::OsString;

use anyhow::Result;

use crate::process;

/// Runs the binary, which is already built, and passes the arguments on.
pub fn run(args: &[OsString]) -> Result<()> {
    process::pass_through("debug", "rasline-demo", args)
}
