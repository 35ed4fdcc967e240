//! Numbers: values by prefix, and the numbering plan.
//!
//! Aliases are compared as text: a dialedDigits and an h323-ID of the same digits are the same alias.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rasline_h225::text::from_alias;
use rasline_h225::types::{AliasAddress, EndpointType};
use rasline_h225::view::supported_prefixes;

/// Values by prefix. Finding costs a look-up for each length of a prefix that there is, however many prefixes.
#[derive(Clone, Debug)]
pub(super) struct Prefixes<T> {
    values: HashMap<String, BTreeSet<T>>,
    /// How many prefixes are so long.
    lengths: BTreeMap<usize, usize>,
}

impl<T> Default for Prefixes<T> {
    fn default() -> Self {
        Self {
            values: HashMap::new(),
            lengths: BTreeMap::new(),
        }
    }
}

impl<T: Ord> Prefixes<T> {
    pub fn add(&mut self, prefix: &str, value: T) {
        let values = self.values.entry(prefix.to_owned()).or_insert_with(|| {
            *self.lengths.entry(prefix.len()).or_default() += 1;
            BTreeSet::new()
        });
        values.insert(value);
    }

    pub fn remove(&mut self, prefix: &str, value: &T) {
        let Some(values) = self.values.get_mut(prefix) else {
            return;
        };
        values.remove(value);
        if !values.is_empty() {
            return;
        }
        self.values.remove(prefix);
        if let Some(count) = self.lengths.get_mut(&prefix.len()) {
            *count -= 1;
            if *count == 0 {
                self.lengths.remove(&prefix.len());
            }
        }
    }

    /// Those of the longest prefix that the number begins with, and how long that is.
    pub fn longest(&self, number: &str) -> Option<(usize, &BTreeSet<T>)> {
        let mut lengths = self.lengths.range(..=number.len()).rev();
        lengths.find_map(|(length, _)| {
            let values = self.values.get(number.get(..*length)?)?;
            Some((*length, values))
        })
    }
}

/// Whether a text is one of dialled digits.
pub(crate) fn is_number(text: &str) -> bool {
    let digit = |octet: u8| octet.is_ascii_digit() || b"#*,".contains(&octet);
    !text.is_empty() && text.bytes().all(digit)
}

/// The aliases as text, each once, in their order.
pub(super) fn texts(aliases: Option<&[AliasAddress]>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let all = aliases.unwrap_or_default().iter().filter_map(from_alias);
    all.filter(|text| !text.is_empty() && seen.insert(text.clone()))
        .collect()
}

/// The prefixes that a gateway says it serves, each once.
pub(super) fn prefixes(endpoint_type: &EndpointType) -> Vec<String> {
    let mut all = supported_prefixes(endpoint_type);
    all.retain(|prefix| !prefix.is_empty());
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_counts() {
        let mut prefixes = Prefixes::default();
        for (prefix, value) in [("", 0), ("0", 1), ("0049", 2), ("0049", 3)] {
            prefixes.add(prefix, value);
        }
        let longest = |prefixes: &Prefixes<i32>, number: &str| -> Vec<i32> {
            prefixes
                .longest(number)
                .map_or_else(Vec::new, |(_, values)| values.iter().copied().collect())
        };
        assert_eq!(longest(&prefixes, "004930"), [2, 3]);
        assert_eq!(longest(&prefixes, "00"), [1]);
        assert_eq!(longest(&prefixes, "ä"), [0]);
        prefixes.remove("0049", &2);
        assert_eq!(longest(&prefixes, "0049"), [3]);
        prefixes.remove("0049", &3);
        prefixes.remove("", &0);
        assert_eq!(longest(&prefixes, "0049"), [1]);
        assert!(longest(&prefixes, "7").is_empty());
        assert_eq!(prefixes.lengths.len(), 1);
    }
}
