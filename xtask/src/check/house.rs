//! House rules that the compiler does not check: no unfinished code, no ignored test, no overlong file.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::paths;
use crate::process::{self, say};

/// The brackets keep the pattern from matching itself.
const FORBIDDEN: &str = r"todo[!]|unimplemented[!]|dbg[!]\(|#\[ignore";
/// What crates without IO do not name.
const IO: &str =
    r"(Udp|Tcp)(Socket|Stream|Listener)|std::(fs|io|thread)\b|\bInstant\b|SystemTime|tokio::";
const WITHOUT_IO: [&str; 2] = ["userspace/core/src", "userspace/testkit/model/src"];
const LONGEST: usize = 500;

/// Fails if a source file matches [`FORBIDDEN`], or one of a crate without IO matches [`IO`].
pub fn forbidden() -> Result<()> {
    has_none("must not be in the sources", FORBIDDEN, &["*.rs"])?;
    has_none("must not be in a crate without IO", IO, &WITHOUT_IO)
}

/// Fails if a file at these paths matches the pattern.
fn has_none(complaint: &str, pattern: &str, paths: &[&str]) -> Result<()> {
    let mut git = git();
    git.args([
        "grep",
        "--untracked",
        "--line-number",
        "--extended-regexp",
        "-e",
        pattern,
        "--",
    ]);
    git.args(paths);
    let output = git.output().context("git cannot be started")?;
    match output.status.code() {
        Some(1) => Ok(()), // nothing found
        Some(0) => bail!(
            "{complaint}:\n{}",
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
