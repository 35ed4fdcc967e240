//! Rules of style that a tool can judge: no riddles in comments and messages, no doc comments of one or two words on
//! public items.

use std::collections::BTreeMap;

use super::tree::Tree;

/// Words that a reader has to decode. Write the number, the time, the noun, "notified" or "reported", "is stored",
/// "again".
const RIDDLES: [&str; 11] = [
    "so many",
    "for so long",
    "whom",
    "whoever",
    "whence",
    "told",
    "said",
    "heard",
    "stands",
    "anew",
    "be it none",
];

/// Number of places that break each rule, by crate: "crate words" and "crate docs".
pub fn count(tree: &Tree) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for file in &tree.files {
        let words = riddles(&file.source.words).len();
        let docs = short_docs(&file.source.code, &file.source.words);
        for (rule, n) in [("words", words), ("docs", docs)] {
            if n > 0 {
                *counts.entry(format!("{} {rule}", file.krate)).or_default() += n;
            }
        }
    }
    counts
}

/// Riddles in comments and texts.
fn riddles(words: &str) -> Vec<&'static str> {
    let plain: String = words
        .chars()
        .map(|c| {
            if c.is_alphabetic() {
                c.to_ascii_lowercase()
            } else {
                ' '
            }
        })
        .collect();
    let text = format!(
        " {} ",
        plain.split_whitespace().collect::<Vec<_>>().join(" ")
    );
    let places = |riddle: &'static str| {
        let n = text.matches(&format!(" {riddle} ")).count();
        std::iter::repeat_n(riddle, n)
    };
    RIDDLES.into_iter().flat_map(places).collect()
}

/// Number of doc comments of one or two words before public items.
fn short_docs(code: &str, words: &str) -> usize {
    let lines: Vec<(&str, &str)> = code.lines().zip(words.lines()).collect();
    let is_doc = |at: usize| {
        lines
            .get(at)
            .is_some_and(|(_, w)| w.trim_start().starts_with("///"))
    };
    let short = |at: usize| {
        lines[at]
            .1
            .trim_start()
            .trim_start_matches('/')
            .split_whitespace()
            .count()
            <= 2
    };
    let before = |at: usize| at.checked_sub(1).is_some_and(is_doc);
    (0..lines.len())
        .filter(|at| is_doc(*at) && !is_doc(*at + 1) && !before(*at) && short(*at))
        .filter(|at| {
            let mut next = lines[at + 1..]
                .iter()
                .map(|(code, _)| code.trim())
                .filter(|l| !l.starts_with("#["));
            next.next().is_some_and(|line| line.starts_with("pub "))
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::super::scan::Source;
    use super::*;

    #[test]
    fn riddles_are_found_in_comments_and_texts_only() {
        let text = "// What is said\n// anew.\nlet told = \"for so long\"; // untold";
        assert_eq!(
            riddles(&Source::read(text).words),
            ["for so long", "said", "anew"]
        );
    }

    #[test]
    fn short_docs_of_public_items_count() {
        let text = "/// Its name.\npub name: u8,\n/// Its name.\nname: u8,\n/// Name of the zone.\npub zone: u8,\n\
                    /// Long\n/// one.\npub long: u8,\n/// Both.\n#[must_use]\npub fn both() {}\n";
        let source = Source::read(text);
        assert_eq!(short_docs(&source.code, &source.words), 2);
    }
}
