//! Collects the errors of a configuration, and checks what many keys have in common: ranges of durations and numbers,
//! and paths.

use std::{ops::Range, path::PathBuf, time::Duration};

use toml::Spanned;

use super::{ConfigError, human_duration, source::Source, units::Span};

pub(super) const DAY: Duration = Duration::from_hours(24);

/// Checks keys and collects the errors.
pub(super) struct Checker<'a> {
    source: &'a Source<'a>,
    errors: Vec<ConfigError>,
}

impl<'a> Checker<'a> {
    /// Makes a checker of this text that has found no error yet.
    pub(super) const fn new(source: &'a Source<'a>) -> Self {
        Self {
            source,
            errors: Vec::new(),
        }
    }

    /// Returns all errors found, by line.
    pub(super) fn into_errors(mut self) -> Vec<ConfigError> {
        self.errors.sort_by_key(|e| e.line);
        self.errors
    }

    /// Adds an error.
    pub(super) fn fail(&mut self, span: Option<Range<usize>>, key: &str, what: impl Into<String>) {
        self.errors.push(self.source.error(span, key, what));
    }

    /// Checks the range of a duration.
    pub(super) fn duration(
        &mut self,
        key: &str,
        value: Option<Spanned<Span>>,
        range: (Duration, Duration),
    ) -> Option<Duration> {
        let value = value?;
        let d = value.get_ref().0;
        if d < range.0 || d > range.1 {
            self.fail(
                Some(value.span()),
                key,
                format!(
                    "{} is out of range; use {} to {}",
                    human_duration(d),
                    human_duration(range.0),
                    human_duration(range.1)
                ),
            );
        }
        Some(d)
    }

    /// Checks the range of a number, or returns the default.
    pub(super) fn number<T: PartialOrd + std::fmt::Display + Copy>(
        &mut self,
        key: &str,
        value: Option<Spanned<T>>,
        range: (T, T),
        default: T,
    ) -> T {
        let Some(value) = value else { return default };
        let n = *value.get_ref();
        if n < range.0 || n > range.1 {
            self.fail(
                Some(value.span()),
                key,
                format!("{n} is out of range; use {} to {}", range.0, range.1),
            );
        }
        n
    }

    /// Checks that a path is absolute, or returns the default.
    pub(super) fn path(
        &mut self,
        key: &str,
        value: Option<Spanned<PathBuf>>,
        default: &str,
    ) -> PathBuf {
        let Some(value) = value else {
            return default.into();
        };
        if !value.get_ref().is_absolute() {
            self.fail(
                Some(value.span()),
                key,
                format!(
                    "\"{}\" is a relative path; use an absolute path",
                    value.get_ref().display()
                ),
            );
        }
        value.into_inner()
    }
}
