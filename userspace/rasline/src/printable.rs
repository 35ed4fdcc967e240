//! Escapes text for people: characters that a terminal would interpret, and characters that are invisible.
//!
//! Aliases, identifiers and reasons come from the network and may hold escape sequences, line feeds, or characters that
//! change the direction of writing. Inside the program they are exact; they are escaped once, where text is output:
//! by the CLI, by the log, and in the status for the service manager.

use std::{borrow::Cow, fmt::Write as _};

/// Escapes text to one line: control and invisible characters become `\n`, `\r`, `\t` or
/// `\u{202e}`.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    replace(text, is_unsafe, |c, out| match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c => out.extend(c.escape_unicode()),
    })
}

/// Escapes a document of several lines; line feeds stay.
#[must_use]
pub fn escape_lines(text: &str) -> String {
    let lines: Vec<Cow<'_, str>> = text.split('\n').map(escape).collect();
    lines.join("\n")
}

/// Escapes such characters in the strings of JSON text as `\u202e`; its value is unchanged. The line feeds between its
/// values stay.
#[must_use]
pub fn escape_json(json: &str) -> Cow<'_, str> {
    replace(
        json,
        |c| c != '\n' && is_unsafe(c),
        |c, out| {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        },
    )
}

fn replace(
    text: &str,
    bad: impl Fn(char) -> bool,
    put: impl Fn(char, &mut String),
) -> Cow<'_, str> {
    if !text.contains(&bad) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if bad(c) {
            put(c, &mut out);
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Control characters (C0, DEL, C1), all white space except the space itself, characters that change the direction of
/// writing, and characters without width: Unicode's format characters and others that are ignorable by default.
const fn is_unsafe(c: char) -> bool {
    matches!(c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{a0}' | '\u{ad}' | '\u{34f}'
        | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
        | '\u{115f}'..='\u{1160}' | '\u{1680}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}'
        | '\u{2800}' | '\u{3000}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{fffe}'..='\u{ffff}'
        | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each kind of character that does more than to be seen.
    const BAD: &str = "\0\u{7}\u{8}\t\n\u{b}\r\u{1b}\u{7f}\u{80}\u{85}\u{9b}\u{9d}\u{a0}\u{ad}\u{61c}\u{180e}\u{200b}\u{200d}\
        \u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202e}\u{2060}\u{2066}\u{2069}\u{3164}\u{feff}\u{fff9}\u{e0041}\u{e0100}";

    #[test]
    fn what_a_terminal_obeys_is_escaped() {
        assert_eq!(
            escape("\u{1b}]0;owned\u{7}\u{1b}[2J\nx\u{202e}"),
            "\\u{1b}]0;owned\\u{7}\\u{1b}[2J\\nx\\u{202e}"
        );
        for c in BAD.chars() {
            let escaped = escape(&c.to_string()).into_owned();
            assert!(escaped.starts_with('\\') && escaped.is_ascii(), "{c:?}");
            assert!(escaped.bytes().all(|b| (0x20..0x7f).contains(&b)), "{c:?}");
        }
    }

    #[test]
    fn what_can_be_read_stays() {
        for text in [
            "",
            "site-a: gk1",
            "Zürich 東京 Ελλάδα 🙂",
            "C:\\n",
            "a\u{301}",
        ] {
            assert!(matches!(escape(text), Cow::Borrowed(same) if same == text));
            assert_eq!(escape_json(text), text);
        }
        assert_eq!(escape_lines("a\n\u{1b}b\n"), "a\n\\u{1b}b\n");
    }

    #[test]
    fn json_stays_the_same_value() {
        let value = serde_json::json!({ BAD: [BAD, "plain"] });
        for text in [
            value.to_string(),
            serde_json::to_string_pretty(&value).unwrap(),
        ] {
            let escaped = escape_json(&text);
            assert!(
                escaped
                    .chars()
                    .all(|c| c == '\n' || (' '..='~').contains(&c)),
                "{escaped}"
            );
            assert_eq!(
                serde_json::from_str::<serde_json::Value>(&escaped).unwrap(),
                value
            );
        }
    }

    /// Every control and white-space character that the standard library knows.
    #[test]
    fn no_control_or_space_is_left_out() {
        let bad =
            (char::MIN..=char::MAX).filter(|c| c.is_control() || (c.is_whitespace() && *c != ' '));
        assert_eq!(bad.filter(|c| !is_unsafe(*c)).count(), 0);
    }
}
