//! Parses the records of an LDIF file (RFC 2849): unfolds lines, decodes values. Any text gives either records or one
//! error with its line.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};

/// An error and its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::profiles) struct LdifError {
    /// Line, from 1.
    pub(in crate::profiles) line: usize,
    pub(in crate::profiles) cause: Cause,
}

/// Cause of the error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::profiles) enum Cause {
    /// A continuation without a line before it.
    Continues,
    /// A line that is not `attribute: value`.
    NoAttribute,
    /// The value of `attribute:: value` is not base64.
    Base64,
    /// A value given by URL.
    Url,
    /// A record that does not begin with `dn:`.
    NoName,
    /// Another version than 1.
    Version,
    /// A change record instead of an entry.
    Change,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Continues => "begins with a space but continues no line",
            Self::NoAttribute => "is not `attribute: value`",
            Self::Base64 => "the value after `::` is not base64",
            Self::Url => "values by URL (`:<`) are not supported",
            Self::NoName => "the entry does not begin with `dn:`",
            Self::Version => "only LDIF version 1 is supported",
            Self::Change => "is a change record (changetype), not an entry",
        })
    }
}

/// An entry of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::profiles) struct Record {
    /// Line of its `dn`.
    pub(in crate::profiles) line: usize,
    pub(in crate::profiles) name: String,
    attributes: Vec<(String, Vec<u8>)>,
}

impl Record {
    /// Values of an attribute; the name is in lower case and without options.
    pub(in crate::profiles) fn values<'a>(
        &'a self,
        attribute: &'a str,
    ) -> impl Iterator<Item = &'a [u8]> {
        self.attributes
            .iter()
            .filter(move |(name, _)| name == attribute)
            .map(|(_, value)| value.as_slice())
    }

    /// Names of the entry's attributes.
    pub(in crate::profiles) fn names(&self) -> impl Iterator<Item = &str> {
        self.attributes.iter().map(|(name, _)| name.as_str())
    }
}

/// Parses all records of a text, in order.
pub(in crate::profiles) fn records(text: &str) -> Result<Vec<Record>, LdifError> {
    let mut records = Vec::new();
    let mut block: Vec<(usize, String)> = Vec::new();
    // A byte order mark is not part of the text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut comment = false;
    for (line, content) in (1..).zip(text.lines()) {
        let content = content.strip_suffix('\r').unwrap_or(content);
        if let Some(rest) = content.strip_prefix(' ') {
            match block.last_mut() {
                _ if comment => {}
                Some((_, last)) => last.push_str(rest),
                None => return Err(fault(line, Cause::Continues)),
            }
            continue;
        }
        comment = content.starts_with('#');
        if comment {
            continue;
        }
        if content.is_empty() {
            records.extend(record(&mut block)?);
        } else {
            block.push((line, content.to_owned()));
        }
    }
    records.extend(record(&mut block)?);
    Ok(records)
}

const fn fault(line: usize, cause: Cause) -> LdifError {
    LdifError { line, cause }
}

/// Parses the lines of one record. Returns `None` if they are not a record, like the lines `ldapsearch` writes at the
/// end.
fn record(block: &mut Vec<(usize, String)>) -> Result<Option<Record>, LdifError> {
    let mut lines = std::mem::take(block).into_iter().peekable();
    if let Some((line, version)) =
        lines.next_if(|(_, content)| content.to_ascii_lowercase().starts_with("version:"))
        && version["version:".len()..].trim() != "1"
    {
        return Err(fault(line, Cause::Version));
    }
    let Some((line, first)) = lines.next() else {
        return Ok(None);
    };
    let (attribute, name) = attribute(line, &first)?;
    match attribute.as_str() {
        "dn" => {}
        // The end of a search, and entries of other servers, in the output of `ldapsearch`.
        "search" | "result" | "ref" => return Ok(None),
        _ => return Err(fault(line, Cause::NoName)),
    }
    let mut attributes = Vec::new();
    for (line, content) in lines {
        let (name, value) = self::attribute(line, &content)?;
        match name.as_str() {
            "changetype" if value.eq_ignore_ascii_case(b"add") => {}
            "changetype" => return Err(fault(line, Cause::Change)),
            _ => attributes.push((name, value)),
        }
    }
    Ok(Some(Record {
        line,
        name: String::from_utf8_lossy(&name).into_owned(),
        attributes,
    }))
}

/// Splits a line into the name, in lower case without options, and the value.
fn attribute(line: usize, content: &str) -> Result<(String, Vec<u8>), LdifError> {
    let malformed = || fault(line, Cause::NoAttribute);
    let (name, value) = content.split_once(':').ok_or_else(malformed)?;
    let name = name.split(';').next().unwrap_or_default();
    let fine = |octet: u8| octet.is_ascii_alphanumeric() || b"-.".contains(&octet);
    if name.is_empty() || !name.bytes().all(fine) {
        return Err(malformed());
    }
    let name = name.to_ascii_lowercase();
    if value.starts_with('<') {
        return Err(fault(line, Cause::Url));
    }
    let value = match value.strip_prefix(':') {
        Some(coded) => STANDARD
            .decode(coded.trim())
            .map_err(|_| fault(line, Cause::Base64))?,
        None => value.trim_start_matches(' ').as_bytes().to_vec(),
    };
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(record: &Record, attribute: &str) -> Vec<String> {
        record
            .values(attribute)
            .map(|v| String::from_utf8(v.to_vec()).unwrap())
            .collect()
    }

    #[test]
    fn folding_base64_comments_options_and_cases() {
        let text = "\u{feff}version: 1\r\n# a comment\r\n  that goes on\r\ndn: cn=a,\r\n  dc=b\r\nCN;lang-en:  al\r\n ice\r\n\
            cn:: w7xiZXI=\r\ndescription:\r\njpegPhoto:: /9j/\r\n\r\n\r\ndn:: Y249Yg==\ncn: b\n\n# search result\nsearch: 2\nresult: 0 Success\n";
        let all = records(text).unwrap();
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].line, all[0].name.as_str()), (4, "cn=a, dc=b"));
        assert_eq!(values(&all[0], "cn"), ["alice", "über"]);
        assert_eq!(values(&all[0], "description"), [""]);
        assert_eq!(
            all[0].values("jpegphoto").next().unwrap(),
            [0xff, 0xd8, 0xff]
        );
        assert_eq!((all[1].line, all[1].name.as_str()), (13, "cn=b"));
        assert_eq!(records(""), Ok(Vec::new()));
        assert_eq!(records("version: 1\n"), Ok(Vec::new()));
    }

    #[test]
    fn each_fault_has_its_line() {
        for (text, line, cause) in [
            (" x\n", 1, Cause::Continues),
            ("dn: a\n\n x\n", 3, Cause::Continues),
            ("dn: a\nnonsense\n", 2, Cause::NoAttribute),
            ("dn: a\n: x\n", 2, Cause::NoAttribute),
            ("dn: a\nc n: x\n", 2, Cause::NoAttribute),
            ("dn: a\ncn:: !\n", 2, Cause::Base64),
            ("dn: a\ncn:< file:///etc/shadow\n", 2, Cause::Url),
            ("version: 1\n\ncn: a\n", 3, Cause::NoName),
            ("version: 2\n\ndn: a\n", 1, Cause::Version),
            ("dn: a\nchangetype: delete\n", 2, Cause::Change),
        ] {
            assert_eq!(records(text), Err(fault(line, cause)), "{text:?}");
        }
        assert_eq!(records("dn: a\nchangetype: add\ncn: x\n").unwrap().len(), 1);
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in "(dn|cn|version|[a-z ]{0,3}|\\PC{0,5}|:|::|:<|\r?\n|\n\n| |#|1){0,40}") {
            let _ = records(&text);
        }

        /// Folded at any place, a value is the same.
        #[test]
        fn folding_changes_nothing(value in "[a-zA-Z0-9][a-zA-Z0-9 ]{0,60}", at in 1_usize..70) {
            let line = format!("cn: {value}");
            let at = at.min(line.len());
            let folded = format!("dn: a\n{}\n {}\n", &line[..at], &line[at..]);
            prop_assert_eq!(values(&records(&folded).unwrap()[0], "cn"), [value]);
        }
    }
}
