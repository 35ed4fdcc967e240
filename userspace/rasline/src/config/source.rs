//! The text of a configuration and where things stand in it.

use std::{ops::Range, path::Path};

use super::ConfigError;

/// The text and its name, to say where an error is.
pub(super) struct Source<'a> {
    pub(super) file: &'a Path,
    pub(super) text: &'a str,
}

impl Source<'_> {
    fn line(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or(self.text);
        before.matches('\n').count() + 1
    }

    /// An error at a place.
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

    /// An error of the TOML parser or of serde. The key is what stands left of `=` in that line.
    pub(super) fn syntax(&self, e: &toml::de::Error) -> ConfigError {
        let message = e.message().replace('\n', ", ");
        let Some(span) = e.span() else {
            return self.error(None, "", message);
        };
        let line = self
            .text
            .lines()
            .nth(self.line(span.start) - 1)
            .unwrap_or_default();
        let key = line
            .split_once('=')
            .map(|(key, _)| key.trim())
            .unwrap_or_default();
        let key = if key.starts_with('#') || key.starts_with('[') {
            ""
        } else {
            key
        };
        let what = if let Some(rest) = message.strip_prefix("unknown field ") {
            let known = rest.split_once(", ").map_or("", |(_, known)| known);
            let name = self.text.get(span.clone()).unwrap_or_default();
            let known = known.replace("expected one of ", "known here: ");
            return self.error(
                Some(span.clone()),
                if key.is_empty() { name } else { key },
                format!("is not a key that is known here; remove it or correct its name ({known})"),
            );
        } else {
            message
        };
        self.error(Some(span), key, what)
    }
}
