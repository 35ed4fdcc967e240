//! What a person is told when something fails: the thing, the cause and what to do next, in one line.

use std::fmt;

/// One failure, shown as `thing: cause; next step`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Failure {
    /// What it is about.
    pub thing: String,
    /// Why it failed.
    pub cause: String,
    /// What to do about it; empty when nothing can be said.
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
    /// A failure with a next step.
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

    /// A failure that speaks for itself.
    pub fn plain(thing: impl Into<String>, cause: impl fmt::Display) -> Self {
        Self::new(thing, cause, "")
    }
}

/// Most functions here end this way.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// An error and everything below it, in one line.
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
