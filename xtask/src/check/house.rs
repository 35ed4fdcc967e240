//! House rules that the compiler does not check: no unfinished code, no ignored test, no overlong file.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::paths;
use crate::process::{self, say};

/// The brackets keep the pattern from matching itself.
const FORBIDDEN: &str = r"todo[!]|unimplemented[!]|dbg[!]\(|#\[ignore";
const LONGEST: usize = 500;

/// Fails if a source file matches [`FORBIDDEN`].
pub fn forbidden() -> Result<()> {
    let mut git = git();
    git.args([
        "grep",
        "--untracked",
        "--line-number",
        "--extended-regexp",
        "-e",
        FORBIDDEN,
        "--",
        "*.rs",
    ]);
    let output = git.output().context("git cannot be started")?;
    match output.status.code() {
        Some(1) => Ok(()), // nothing found
        Some(0) => bail!(
            "must not be in the sources:\n{}",
            String::from_utf8_lossy(&output.stdout).trim_end()
        ),
        _ => bail!(
            "git grep failed: {}",
            String::from_utf8_lossy(&output.stderr).trim_end()
        ),
    }
}

/// Paths of all Rust files, one a line: those that git has and those that it would take. A listed file may have been deleted.
pub fn rust_files() -> Result<String> {
    let mut git = git();
    git.args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "--",
        "*.rs",
    ]);
    process::capture(&mut git, "the list of files")
}

/// Warns about files over 500 lines.
pub fn lengths() -> Result<()> {
    for name in rust_files()?.lines() {
        // a listed file may have been deleted
        let lines =
            fs::read_to_string(paths::root().join(name)).map_or(0, |text| text.lines().count());
        if lines > LONGEST {
            say(format!(
                "warning: {name} has {lines} lines; split files over {LONGEST}"
            ));
        }
    }
    Ok(())
}

pub(super) fn git() -> Command {
    let mut git = Command::new("git");
    git.current_dir(paths::root());
    git
}
