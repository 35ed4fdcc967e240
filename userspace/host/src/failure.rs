//! Errors for people: the thing, the cause and the next step, in one line.

use std::fmt;

/// An error for people, shown as `thing: cause; next step`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Failure {
    /// What failed: a file, an interface, a command, ...
    pub thing: String,
    /// Why it failed.
    pub cause: String,
    /// What to do about it; empty if there is no advice.
    pub next: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.thing, self.cause)?;
        if !self.next.is_empty() {
            write!(f, "; {}", self.next)?;
        }
        Ok(())
    }
}

impl Failure {
    /// Creates a failure with a next step.
    pub fn new(
        thing: impl Into<String>,
        cause: impl fmt::Display,
        next: impl Into<String>,
    ) -> Self {
        Self {
            thing: thing.into(),
            cause: cause.to_string(),
            next: next.into(),
        }
    }

    /// Creates a failure without a next step.
    pub fn plain(thing: impl Into<String>, cause: impl fmt::Display) -> Self {
        Self::new(thing, cause, "")
    }
}

/// The result of functions whose errors are shown to people.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// An error and all of its sources, in one line.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}
