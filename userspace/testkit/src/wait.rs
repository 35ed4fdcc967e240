//! Waits for conditions without an event: bounded, with growing pauses.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Default time limit. Only a failing test waits that long, so that a busy machine has enough time.
pub const PATIENCE: Duration = Duration::from_mins(1);

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Polls until there is a value.
///
/// # Errors
/// What `ask` fails with, or that `within` is over.
pub fn until<T>(
    what: &str,
    within: Duration,
    mut ask: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let end = Instant::now() + within;
    let mut pause = FIRST_PAUSE;
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if Instant::now() >= end {
            bail!("waited {within:?} in vain for {what}");
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// As [`until`], for a condition.
///
/// # Errors
/// As [`until`].
pub fn until_true(
    what: &str,
    within: Duration,
    mut ask: impl FnMut() -> Result<bool>,
) -> Result<()> {
    until(what, within, || Ok(ask()?.then_some(())))
}
