//! Reads a source file as far as the checks need it: what is code, what is a comment, what is a text; the paths that
//! it names, its types and inherent implementations.

/// A source file in three layers of the same length as its text: bytes of the other two are blanks.
pub struct Source {
    /// Code, without comments and without the contents of string literals.
    pub code: String,
    /// Comments and string literals.
    pub words: String,
}

impl Source {
    /// Separates code from comments and string literals. Unit tests (`#[cfg(test)] mod tests {`, the end of a file)
    /// are left out.
    pub fn read(text: &str) -> Self {
        let text = text
            .split_once("\n#[cfg(test)]\nmod tests {")
            .map_or(text, |(before, _)| before);
        let bytes = text.as_bytes();
        let mut kinds = vec![Kind::Code; bytes.len()];
        let mut at = 0;
        while at < bytes.len() {
            let end = at + length(&bytes[at..]).max(1);
            let word = end - at > 1 && !matches!(bytes[at], b'\'');
            kinds[at..end].fill(if word { Kind::Word } else { Kind::Code });
            at = end;
        }
        let layer = |wanted: Kind| {
            let pairs = bytes.iter().zip(&kinds);
            let kept = pairs.map(|(b, kind)| match *b {
                b'\n' => b'\n',
                b if *kind == wanted => b,
                _ => b' ',
            });
            String::from_utf8_lossy(&kept.collect::<Vec<u8>>()).into_owned()
        };
        Self {
            code: layer(Kind::Code),
            words: layer(Kind::Word),
        }
    }

    /// Paths that begin with `crate`, `self`, `super` or a crate of this project, braces expanded, each with whether it
    /// is passed on (`pub use`).
    pub fn paths(&self) -> Vec<Path> {
        let tokens = tokens(&self.code);
        let mut paths = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            let begins = is_root(tokens[at]) && tokens.get(at + 1) == Some(&"::");
            // Not inside of a path, nor in `pub(in ...)`.
            let inside = at > 0 && matches!(tokens[at - 1], "::" | "in");
            if begins && !inside {
                let public = is_public_use(&tokens[..at]);
                let mut all = Vec::new();
                at = expand(&tokens, at, &mut Vec::new(), &mut all);
                paths.extend(all.into_iter().map(|segments| Path { segments, public }));
            } else {
                at += 1;
            }
        }
        paths
    }

    /// Names of the types that this file defines.
    pub fn types(&self) -> Vec<&str> {
        let tokens = tokens(&self.code);
        let defined = tokens
            .windows(2)
            .filter(|pair| matches!(pair[0], "struct" | "enum" | "union"));
        defined.map(|pair| pair[1]).collect()
    }

    /// Names of the types that this file has inherent methods of.
    pub fn inherent(&self) -> Vec<&str> {
        let tokens = tokens(&self.code);
        let mut names = Vec::new();
        for at in (0..tokens.len()).filter(|at| tokens[*at] == "impl" && begins_item(&tokens, *at))
        {
            let head = skip_angles(&tokens, at + 1);
            let mut name = head;
            while tokens.get(name + 1) == Some(&"::") {
                name += 2;
            }
            let end = skip_angles(&tokens, name + 1);
            if matches!(tokens.get(end), Some(&("{" | "where"))) {
                names.extend(tokens.get(name));
            }
        }
        names
    }
}

/// A path that a file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// Its segments, the first of them `crate`, `self`, `super` or a crate.
    pub segments: Vec<String>,
    /// Whether the file passes it on.
    pub public: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Word,
}

/// Length of the comment or literal at the start of a text; 0 if it begins with code.
fn length(text: &[u8]) -> usize {
    let find = |needle: &[u8], from: usize| {
        let mut windows = text[from..].windows(needle.len());
        windows
            .position(|w| w == needle)
            .map_or(text.len(), |at| from + at + needle.len())
    };
    match text {
        [b'/', b'/', ..] => find(b"\n", 2) - 1,
        [b'/', b'*', ..] => find(b"*/", 2),
        [b'"', ..] => quoted(text),
        [b'r', b'"', ..] => find(b"\"", 2),
        [b'r', b'#', b'"', ..] => find(b"\"#", 3),
        [b'\'', b'\\', ..] => find(b"'", 3),
        [b'\'', _, b'\'', ..] => 3,
        _ => 0,
    }
}

/// Length of a string literal, with its quotes.
fn quoted(text: &[u8]) -> usize {
    let mut at = 1;
    while at < text.len() {
        match text[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

/// Words, `::` and single characters.
fn tokens(code: &str) -> Vec<&str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else if rest.starts_with("::") || rest.starts_with("->") {
            2
        } else {
            first.len_utf8()
        };
        tokens.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    tokens
}

fn is_root(token: &str) -> bool {
    matches!(token, "crate" | "self" | "super") || token.starts_with("rasline_")
}

/// Whether the tokens before a path are `pub use` or `pub(...) use`.
fn is_public_use(before: &[&str]) -> bool {
    let item = before
        .iter()
        .rposition(|t| matches!(*t, ";" | "}" | "]"))
        .map_or(0, |at| at + 1);
    before[item..].contains(&"pub") && before.last() == Some(&"use")
}

/// Whether the `impl` at this place begins an item, in contrast to `impl Trait`.
fn begins_item(tokens: &[&str], at: usize) -> bool {
    at == 0 || matches!(tokens[at - 1], ";" | "}" | "]" | "{" | "unsafe")
}

/// Place behind the generics that begin at a place, if there are any.
fn skip_angles(tokens: &[&str], from: usize) -> usize {
    if tokens.get(from) != Some(&"<") {
        return from;
    }
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(from) {
        match *token {
            "<" => depth += 1,
            ">" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// Expands the tree that begins at a place into paths. Returns the place behind it.
fn expand(
    tokens: &[&str],
    from: usize,
    before: &mut Vec<String>,
    all: &mut Vec<Vec<String>>,
) -> usize {
    let mut at = from;
    let depth = before.len();
    loop {
        match tokens.get(at) {
            Some(&"{") => {
                at += 1;
                while at < tokens.len() && tokens[at] != "}" {
                    at = if tokens[at] == "," {
                        at + 1
                    } else {
                        expand(tokens, at, before, all)
                    };
                }
                at += 1;
                break;
            }
            Some(word) => {
                before.push((*word).to_owned());
                at += 1;
                if tokens.get(at) == Some(&"::") && !matches!(tokens.get(at + 1), Some(&"<")) {
                    at += 1;
                    continue;
                }
                all.push(before.clone());
                if tokens.get(at) == Some(&"as") {
                    at += 2;
                }
                break;
            }
            None => break,
        }
    }
    before.truncate(depth);
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<(String, bool)> {
        let all = Source::read(text).paths();
        all.iter()
            .map(|p| (p.segments.join("::"), p.public))
            .collect()
    }

    #[test]
    fn trees_are_expanded() {
        let text = "use super::{a::{self, B}, c as d};\npub use self::e::F;\nfn g(x: crate::h::I) { rasline_core::j::k(x) }";
        let expected = [
            ("super::a::self", false),
            ("super::a::B", false),
            ("super::c", false),
            ("self::e::F", true),
            ("crate::h::I", false),
            ("rasline_core::j::k", false),
        ];
        assert_eq!(
            paths(text),
            expected.map(|(path, public)| (path.to_owned(), public))
        );
    }

    #[test]
    fn comments_texts_and_tests_name_nothing() {
        let text = "// crate::a\n/* crate::b */ let x = \"crate::c \\\" crate::d\"; let y = r#\"crate::e\"#; let z = '\"'; \
                    crate::f::g();\n#[cfg(test)]\nmod tests {\n    use crate::h;\n}\n";
        assert_eq!(paths(text), [("crate::f::g".to_owned(), false)]);
        assert!(Source::read(text).words.contains("crate::a"));
    }

    #[test]
    fn inherent_implementations_are_told_from_those_of_traits() {
        let text = "struct A; enum B { C }\nimpl A { fn f() -> impl Fn() {} }\nimpl<T: Into<u8>> x::B<T> where T: D {}\n\
                    impl E for A {}\nunsafe impl<'a> G<'a> {}";
        let source = Source::read(text);
        assert_eq!(source.types(), ["A", "B"]);
        assert_eq!(source.inherent(), ["A", "B", "G"]);
    }
}
