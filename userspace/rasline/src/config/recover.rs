//! Reads a file that may have many mistakes, and finds all of them in one run.
//!
//! serde stops at the first value that does not fit. What is wrong is reported, put right in the parsed tree (a key that
//! is not known goes, a value that does not fit is replaced by a placeholder) and the tree is read again. What the
//! checks afterwards say of placeholders is no mistake of the user's: see [`without_placeholders`].

use std::{collections::HashSet, ops::Range};

use serde::Deserialize as _;
use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue, Deserializer},
};

use super::{
    ConfigError, raw,
    source::{Source, expected},
};
use crate::suggest::closest;

/// Mistakes after which the rest is not looked for.
const MOST: usize = 200;
/// Begins every name that is a placeholder.
const NAME: char = '\0';
/// Begins every address that is one: reserved, so nobody has it.
const ADDRESS: &str = "240.0.";

/// What could be read.
pub(super) struct Recovered {
    /// The configuration, with placeholders where there are errors; none: nothing is left of it.
    pub(super) raw: Option<raw::Config>,
    /// What is wrong.
    pub(super) errors: Vec<ConfigError>,
    /// A part of it is missing, so that nothing can be said of the whole.
    pub(super) incomplete: bool,
    /// Lines whose syntax is wrong.
    pub(super) broken: HashSet<usize>,
}

/// Reads a text.
pub(super) fn read(source: &Source<'_>) -> Recovered {
    let (mut tree, syntax) = DeTable::parse_recoverable(source.text);
    let mut found = Recovered {
        raw: None,
        incomplete: !syntax.is_empty(),
        errors: syntax.iter().map(|e| source.syntax(e)).collect(),
        broken: HashSet::new(),
    };
    // One mistake of syntax often causes more on its line.
    found.errors.dedup_by_key(|e| e.line);
    found.broken = found.errors.iter().filter_map(|e| e.line).collect();
    let mut repairs = Repairs::default();
    while found.errors.len() < MOST {
        match raw::Config::deserialize(Deserializer::from(tree.clone())) {
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
                // What is missing after a mistake of syntax stands behind it.
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

/// An error of the checks without placeholders; none: it is about one itself, or stands in a line of broken syntax, so
/// that it is no mistake of the user's.
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
    /// Placeholders so far.
    count: u32,
    /// A part was removed for which others may look.
    removed: bool,
    /// What mistyped keys were meant to be, each with its table's place.
    meant: HashSet<(usize, String)>,
    /// The last repair was of something that is said already.
    is_said: bool,
}

impl Repairs {
    /// Puts right what is wrong at a place; gives its key.
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

    /// What can stand for a value that must be there.
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

    /// What can stand for an element of a list.
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
