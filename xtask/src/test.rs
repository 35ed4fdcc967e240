//! `cargo xtask test`: runs all tests of the workspace, including those with the kernel and in network namespaces.
//!
//! The output is passed on line by line, and libtest's results are counted for a summary at the end.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::build::{self, Want};
use crate::demo;
use crate::paths;
use crate::process::{self, say};
use crate::setup;

/// Sets up, builds, runs the tests whose name contains one of the filters (all tests without filters), prints a
/// summary.
pub fn run(filters: &[String]) -> Result<()> {
    process::require_root("test")?;
    setup::ensure(&setup::FOR_TESTS)?;
    build::run(Want::Debug)?;

    let start = Instant::now();
    let mut cargo = process::cargo();
    cargo
        .args([
            "test",
            "--workspace",
            "--exclude",
            "rasline-xdp",
            "--no-fail-fast",
        ])
        .env("RASLINE_PYTHON", paths::python())
        .env("RASLINE_BIN", paths::binary("debug", "rasline"))
        .env("RUST_TEST_THREADS", threads().to_string())
        .stdout(Stdio::piped());
    if !filters.is_empty() {
        cargo.arg("--").args(filters);
    }
    say("tests are compiled, then run: about ten minutes on two cores");
    let mut child = cargo
        .spawn()
        .context("the tests: cargo cannot be started")?;
    let mut tally = Tally::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line.context("the tests' output")?;
            tally.read(&String::from_utf8_lossy(&line));
            let mut out = std::io::stdout().lock();
            // the tests go on if the reader of the output has gone away
            let _ = out
                .write_all(&line)
                .and_then(|()| out.write_all(b"\n"))
                .and_then(|()| out.flush());
        }
    }
    let status = child.wait().context("the tests: cargo is lost")?;

    say(format!(
        "{} in {:.0} s",
        tally.summary(),
        start.elapsed().as_secs_f64()
    ));
    for name in &tally.failures {
        say(format!("failed: {name}"));
    }
    ensure!(
        status.success(),
        "tests failed, or did not build: see above ({status})"
    );
    ensure!(
        filters.is_empty() || tally.passed > 0,
        "no test matches any of {filters:?}"
    );
    if filters.is_empty() {
        say("the demo, whose checks must succeed");
        demo::run(&[])?;
    }
    Ok(())
}

/// Number of tests that run in parallel. Most tests wait more than they compute. `RUST_TEST_THREADS` sets another
/// number.
fn threads() -> usize {
    let wanted = std::env::var("RUST_TEST_THREADS").ok();
    let wanted = wanted.and_then(|number| number.parse().ok());
    wanted.unwrap_or_else(|| 2 * std::thread::available_parallelism().map_or(1, usize::from))
}

/// Results of libtest.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    programs: u32,
    passed: u32,
    failed: u32,
    ignored: u32,
    failures: Vec<String>,
}

impl Tally {
    fn read(&mut self, line: &str) {
        if let Some(result) = line.strip_prefix("test result: ") {
            self.programs += 1;
            for (number, word) in counts(result) {
                match word {
                    "passed" => self.passed += number,
                    "failed" => self.failed += number,
                    "ignored" => self.ignored += number,
                    _ => {}
                }
            }
        } else if let Some(name) = line
            .strip_prefix("test ")
            .and_then(|line| line.strip_suffix(" ... FAILED"))
        {
            self.failures.push(name.to_owned());
        }
    }

    fn summary(&self) -> String {
        let Self {
            programs,
            passed,
            failed,
            ignored,
            ..
        } = self;
        format!(
            "{passed} tests passed, {failed} failed, {ignored} ignored, in {programs} test programs,"
        )
    }
}

/// Parses the pairs of `ok. 12 passed; 0 failed; ...`.
fn counts(result: &str) -> impl Iterator<Item = (u32, &str)> {
    let result = result.split_once(". ").map_or("", |(_, counts)| counts);
    result.split("; ").filter_map(|part| {
        let (number, word) = part.split_once(' ')?;
        Some((number.parse().ok()?, word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_all_programs_are_added_up() {
        let mut tally = Tally::default();
        for line in [
            "running 3 tests",
            "test answers::first ... ok",
            "test answers::second ... FAILED",
            "test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: ok. 40 passed; 0 failed; 0 ignored; 0 measured; 2 filtered out; finished in 1.20s",
        ] {
            tally.read(line);
        }
        let failures = vec!["answers::second".to_owned()];
        assert_eq!(
            tally,
            Tally {
                programs: 2,
                passed: 41,
                failed: 1,
                ignored: 1,
                failures
            }
        );
    }
}
