//! Runs other programs. Every failure names the program and its purpose.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::paths;

/// Interval between progress messages of a long step.
const STILL_AT_WORK: Duration = Duration::from_secs(15);

/// The cargo that runs this task, in the workspace's root.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(paths::root());
    command
}

/// Runs a program to its end; anything but success is an error.
pub fn run(command: &mut Command, what: &str) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("{what}: {} cannot be started", shown(command)))?;
    ensure!(
        status.success(),
        "{what}: `{}` failed ({status})",
        shown(command)
    );
    Ok(())
}

/// As [`run`], for programs without output for minutes: reports from time to time that they are still running.
pub fn run_long(command: &mut Command, what: &str) -> Result<()> {
    let start = Instant::now();
    let (ended, ending) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            while ending.recv_timeout(STILL_AT_WORK) == Err(RecvTimeoutError::Timeout) {
                say(format!(
                    "{what}: running for {} s",
                    start.elapsed().as_secs()
                ));
            }
        });
        let result = run(command, what);
        drop(ended);
        result
    })?;
    say(format!(
        "{what}: done in {:.0} s",
        start.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// Runs a program to its end. Returns its standard output.
pub fn capture(command: &mut Command, what: &str) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{what}: {} cannot be started", shown(command)))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!(
            "{what}: `{}` failed ({})\n{}",
            shown(command),
            output.status,
            stderr.trim_end()
        );
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("{what}: `{}` did not write UTF-8", shown(command)))
}

/// Whether a program runs and succeeds; its output is discarded.
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs a built binary and passes the arguments on.
pub fn pass_through(profile: &str, name: &str, args: &[OsString]) -> Result<()> {
    let program = paths::binary(profile, name);
    let mut command = Command::new(&program);
    command
        .args(args)
        .current_dir(paths::root())
        .env("RASLINE_BIN", paths::binary(profile, "rasline"))
        .env("RASLINE_PYTHON", paths::python());
    run(&mut command, name)
}

/// Finds a program on PATH, or in the folders of administration tools.
pub fn which(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    find_in(&path, name).or_else(|| find_in(OsStr::new("/usr/sbin:/sbin:/usr/local/sbin"), name))
}

fn find_in(path: &OsStr, name: &str) -> Option<PathBuf> {
    std::env::split_paths(path)
        .map(|dir| dir.join(name))
        .find(|candidate| is_executable(candidate))
}

/// Whether a path is an executable file, or a link to one.
pub fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// PATH with additional folders in front.
pub fn path_with(first: &[PathBuf]) -> Result<OsString> {
    let rest = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(first.iter().cloned().chain(std::env::split_paths(&rest)))
        .context("PATH: a folder's name contains a colon; move the checkout")
}

/// Whether this process runs as root.
pub fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

/// Fails without root, and says how to get it.
pub fn require_root(task: &str) -> Result<()> {
    ensure!(
        is_root(),
        "`cargo xtask {task}` loads BPF programs and makes network namespaces, and so needs root: \
         run `sudo -E env \"PATH=$PATH\" cargo xtask {task}`; \
         the crates that need no root can be tested one by one, as in `cargo test -p rasline-h225`"
    );
    Ok(())
}

/// Reports progress on the standard error, so that results can be piped.
pub fn say(text: impl AsRef<str>) {
    eprintln!("xtask: {}", text.as_ref());
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_by_name() {
        assert!(find_in(OsStr::new("/nowhere:/bin"), "sh").is_some());
        assert!(find_in(OsStr::new("/bin"), "no-such-program").is_none());
    }

    #[test]
    fn a_folder_is_no_program() {
        assert!(!is_executable(Path::new("/bin")));
    }

    #[test]
    fn a_failure_names_the_command() {
        let error = run(Command::new("false").arg("--why"), "trial").expect_err("false fails");
        assert!(
            error.to_string().contains("`false --why` failed"),
            "{error}"
        );
    }
}
