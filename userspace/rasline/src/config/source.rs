//! The text of a configuration, and errors with their position in it.

use std::{
    fmt,
    ops::Range,
    path::{Path, PathBuf},
};

use crate::suggest::did_you_mean;

/// An error in a configuration and its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// Path of the file.
    pub file: PathBuf,
    /// Line, from 1; `None` if the error concerns the whole file.
    pub line: Option<usize>,
    /// Key; empty if the error concerns no single key.
    pub key: String,
    /// Cause and next step.
    pub what: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.what)
    }
}

/// The text and the path of its file.
pub(super) struct Source<'a> {
    pub(super) file: &'a Path,
    pub(super) text: &'a str,
}

impl Source<'_> {
    fn line(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or(self.text);
        before.matches('\n').count() + 1
    }

    /// An error at a position of the text.
    pub(super) fn error(
        &self,
        span: Option<Range<usize>>,
        key: &str,
        what: impl Into<String>,
    ) -> ConfigError {
        ConfigError {
            file: self.file.to_owned(),
            line: span.map(|s| self.line(s.start)),
            key: key.to_owned(),
            what: what.into(),
        }
    }

    /// An error of the TOML parser. Its key is the text left of `=` in that line.
    pub(super) fn syntax(&self, e: &toml::de::Error) -> ConfigError {
        let message = e.message().replace('\n', ", ");
        let Some(span) = e.span() else {
            return self.error(None, "", message);
        };
        let line = self.text.lines().nth(self.line(span.start) - 1);
        let key = line.unwrap_or_default().split_once('=');
        let key = key.map(|(key, _)| key.trim()).unwrap_or_default();
        let key = if key.starts_with(['#', '[']) { "" } else { key };
        self.error(Some(span), key, message)
    }

    /// An error of serde about a key or value, with the value.
    pub(super) fn value(
        &self,
        span: Option<Range<usize>>,
        key: &str,
        message: &str,
    ) -> ConfigError {
        let message = in_words(&message.replace('\n', ", "));
        let text = span.clone().and_then(|s| self.text.get(s));
        let text = text.unwrap_or_default().trim();
        let what = if let Some(known) = expected(&message, "unknown field `") {
            let close = did_you_mean(key, known.iter().map(String::as_str));
            let list = known.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>();
            let list = list.join(", ");
            format!("unknown key; {close}remove it or correct its name (valid keys: {list})")
        } else if let Some(known) = expected(&message, "unknown variant `") {
            let value = text.trim_matches(['"', '\'']);
            let close = did_you_mean(value, known.iter().map(String::as_str));
            let list = known.iter().map(|k| format!("\"{k}\"")).collect::<Vec<_>>();
            format!("unknown value \"{value}\"; {close}use {}", list.join(", "))
        } else if message.starts_with("missing field ") {
            "is missing; add it".to_owned()
        } else if message.starts_with("invalid IP address syntax") {
            if matches!(key, "endpoints" | "allowed_alternates") {
                format!("{text} is not a prefix; write \"10.0.0.0/16\" or \"2001:db8::/64\"")
            } else {
                format!("{text} is not an IP address; write \"192.0.2.1\" or \"2001:db8::1\"")
            }
        } else if text.is_empty() || text.contains('\n') || text.len() > 80 || says(&message, text)
        {
            message
        } else {
            format!("{text}: {message}")
        };
        self.error(span, key, what)
    }
}

/// Replaces the names of types in a message of serde by words.
fn in_words(message: &str) -> String {
    let words = [
        ("expected u8", "expected a whole number from 0 to 255"),
        ("expected u16", "expected a whole number from 0 to 65535"),
        (
            "expected u32",
            "expected a whole number from 0 to 4294967295",
        ),
        (
            "expected a sequence",
            "expected a list, as in [\"...\", \"...\"]",
        ),
        ("expected a boolean", "expected true or false"),
        ("expected a string", "expected text in quotes"),
        ("wanted string or table", "expected a word in quotes"),
    ];
    let found = words.iter().find(|(end, _)| message.ends_with(end));
    found.map_or_else(
        || message.to_owned(),
        |(end, words)| message.replacen(end, words, 1),
    )
}

/// Whether a message already contains the value.
fn says(message: &str, value: &str) -> bool {
    message.contains(value.trim_matches(['"', '\'']))
}

/// The names that serde lists after `expected` in a message that begins with `start`.
pub(super) fn expected(message: &str, start: &str) -> Option<Vec<String>> {
    let (_, list) = message.strip_prefix(start)?.split_once("`, expected ")?;
    let names = list.split('`').skip(1).step_by(2);
    Some(names.map(str::to_owned).collect())
}
