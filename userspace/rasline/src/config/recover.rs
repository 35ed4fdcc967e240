//! Reads a file and finds all of its errors in one run.
//!
//! serde stops at the first error. That error is reported and repaired in the parsed tree (an unknown key is removed,
//! an invalid value is replaced by a placeholder), and the tree is read again. Errors that the later checks find in
//! placeholders are not the user's: see [`without_placeholders`].

use std::{collections::HashSet, ops::Range};

use serde::Deserialize as _;
use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue, Deserializer},
};

use super::{
    ConfigError, RawConfig,
    source::{Source, expected},
};
use crate::suggest::closest;

/// Maximum number of errors; the rest of the file is not examined.
const MOST: usize = 200;
/// First character of every placeholder name.
const NAME: char = '\0';
/// Start of every placeholder address; these are reserved, so no host has one.
const ADDRESS: &str = "240.0.";

/// Result of reading a file with errors.
pub(super) struct Recovered {
    /// The configuration, with placeholders in place of errors; `None` if it could not be repaired.
    pub(super) raw: Option<RawConfig>,
    /// Errors found.
    pub(super) errors: Vec<ConfigError>,
    /// Whether a part is missing, so that checks of the whole file would mislead.
    pub(super) incomplete: bool,
    /// Lines with syntax errors.
    pub(super) broken: HashSet<usize>,
}

/// Reads a text and repairs its errors.
pub(super) fn read(source: &Source<'_>) -> Recovered {
    let (mut tree, syntax) = DeTable::parse_recoverable(source.text);
    let mut found = Recovered {
        raw: None,
        incomplete: !syntax.is_empty(),
        errors: syntax.iter().map(|e| source.syntax(e)).collect(),
        broken: HashSet::new(),
    };
    // One syntax error often causes more on its line.
    found.errors.dedup_by_key(|e| e.line);
    found.broken = found.errors.iter().filter_map(|e| e.line).collect();
    let mut repairs = Repairs::default();
    while found.errors.len() < MOST {
        match RawConfig::deserialize(Deserializer::from(tree.clone())) {
            Ok(raw) => {
                found.raw = Some(raw);
                break;
            }
            Err(e) => {
                let Some(span) = e.span() else {
                    found.errors.push(source.value(None, "", e.message()));
                    break;
                };
                let whole = tree.span();
                let repaired = repairs.table(tree.get_mut(), &whole, "", &span, e.message());
                let key = repaired.as_deref().unwrap_or_default();
                let error = source.value(Some(span), key, e.message());
                // A key missing after a syntax error is probably in the part that could not be parsed.
                let follows = !found.broken.is_empty() && e.message().starts_with(MISSING)
                    || error.line.is_some_and(|line| found.broken.contains(&line));
                if !follows && !std::mem::take(&mut repairs.is_said) {
                    found.errors.push(error);
                }
                if repaired.is_none() {
                    break;
                }
            }
        }
    }
    found.incomplete |= repairs.removed;
    found
}

/// Removes placeholders from an error of the checks. Returns `None` if the error is about a placeholder or in a line
/// with a syntax error, so that it is not the user's.
pub(super) fn without_placeholders(
    mut error: ConfigError,
    broken: &HashSet<usize>,
) -> Option<ConfigError> {
    let named = error.what.contains(NAME);
    let of_one = named && matches!(error.key.as_str(), "name" | "id" | "aliases" | "prefixes");
    if of_one || error.what.contains(ADDRESS) || error.line.is_some_and(|l| broken.contains(&l)) {
        return None;
    }
    if named {
        let parts = error.what.split(NAME).enumerate();
        let parts = parts.map(|(i, part)| match i {
            0 => part.to_owned(),
            _ => format!("?{}", part.trim_start_matches(|c: char| c.is_ascii_digit())),
        });
        error.what = parts.collect();
    }
    Some(error)
}

const MISSING: &str = "missing field `";

#[derive(Default)]
struct Repairs {
    /// Number of placeholders so far.
    count: u32,
    /// Whether a part was removed that other parts may refer to.
    removed: bool,
    /// Keys that mistyped ones were meant to be, each with the position of its table.
    meant: HashSet<(usize, String)>,
    /// Whether the last repaired error was reported already.
    is_said: bool,
}

impl Repairs {
    /// Repairs the error at a position. Returns its key, or `None` if it cannot be repaired.
    fn table(
        &mut self,
        table: &mut DeTable<'_>,
        own: &Range<usize>,
        name: &str,
        at: &Range<usize>,
        message: &str,
    ) -> Option<String> {
        if let Some(missing) = message.strip_prefix(MISSING) {
            let missing = missing.trim_end_matches('`');
            if own == at && !table.contains_key(missing) {
                self.is_said = self.meant.contains(&(own.start, missing.to_owned()));
                let value = self.placeholder(missing, at)?;
                let key = Spanned::new(at.clone(), DeString::Owned(missing.to_owned()));
                table.insert(key, value);
                return Some(missing.to_owned());
            }
        } else if let Some(key) = table.keys().find(|key| key.span() == *at).cloned() {
            self.removed |= name.is_empty();
            let known = expected(message, "unknown field `").unwrap_or_default();
            if let Some(meant) = closest(key.get_ref(), known.iter().map(String::as_str)) {
                self.meant.insert((own.start, meant.to_owned()));
            }
            table.remove(key.get_ref().as_ref());
            return Some(key.into_inner().into_owned());
        }
        let keys: Vec<String> = table.keys().map(|k| k.get_ref().to_string()).collect();
        for key in keys {
            let Some(value) = table.get_mut(key.as_str()) else {
                continue;
            };
            if value.span() == *at && !message.starts_with(MISSING) {
                if let Some(other) = self.placeholder(&key, at) {
                    *value = other;
                } else {
                    self.removed |= name.is_empty();
                    table.remove(key.as_str());
                }
                return Some(key);
            }
            if let Some(found) = self.value(value, &key, at, message) {
                return Some(found);
            }
        }
        None
    }

    fn value(
        &mut self,
        value: &mut Spanned<DeValue<'_>>,
        key: &str,
        at: &Range<usize>,
        message: &str,
    ) -> Option<String> {
        let own = value.span();
        match value.get_mut() {
            DeValue::Table(inner) => self.table(inner, &own, key, at, message),
            DeValue::Array(all) => {
                for i in 0..all.len() {
                    let one = all.get_mut(i)?;
                    if one.span() == *at && !message.starts_with(MISSING) {
                        *one.get_mut() = match key {
                            "interface" | "zone" | "gatekeeper" | "agent" | "device" => {
                                DeValue::Table(DeTable::new())
                            }
                            _ => DeValue::String(self.element(key)?.into()),
                        };
                        return Some(key.to_owned());
                    }
                    if let Some(found) = self.value(one, key, at, message) {
                        return Some(found);
                    }
                }
                None
            }
            _ => None,
        }
    }

    /// A placeholder for a required value.
    fn placeholder<'i>(&mut self, key: &str, at: &Range<usize>) -> Option<Spanned<DeValue<'i>>> {
        let text = match key {
            "side" => "both".to_owned(),
            "address" | "ras_address" => self.element("address")?,
            "name" | "id" => {
                self.count += 1;
                format!("{NAME}{}", self.count)
            }
            list => {
                let one = DeValue::String(self.element(list)?.into());
                let all = [Spanned::new(at.clone(), one)].into_iter().collect();
                return Some(Spanned::new(at.clone(), DeValue::Array(all)));
            }
        };
        Some(Spanned::new(at.clone(), DeValue::String(text.into())))
    }

    /// A placeholder for an element of a list.
    fn element(&mut self, list: &str) -> Option<String> {
        self.count += 1;
        let address = format!("{ADDRESS}{}.{}", self.count / 256, self.count % 256);
        match list {
            "endpoints" | "allowed_alternates" => Some(format!("{address}/32")),
            "address" | "service_address" | "gatekeepers" => Some(address),
            "aliases" | "prefixes" => Some(format!("{NAME}{}", self.count)),
            _ => None,
        }
    }
}
