//! What a demonstration expected and what it saw, as a table for people.

use std::fmt::{self, Display};

#[derive(Debug)]
struct Row {
    what: String,
    expected: String,
    seen: String,
    ok: bool,
}

/// The table.
#[derive(Debug, Default)]
pub struct Report {
    rows: Vec<Row>,
}

impl Report {
    /// Adds a line.
    pub fn add(&mut self, what: &str, expected: impl Display, seen: impl Display, ok: bool) {
        self.rows.push(Row {
            what: what.to_owned(),
            expected: expected.to_string(),
            seen: seen.to_string(),
            ok,
        });
    }

    /// Adds a line that is right if both are equal.
    pub fn equal<T: Display + PartialEq>(&mut self, what: &str, expected: T, seen: T) {
        let ok = expected == seen;
        self.add(what, expected, seen, ok);
    }

    /// Whether every line is right.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.rows.iter().all(|row| row.ok)
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |of: fn(&Row) -> &str, title: &str| {
            let all = self.rows.iter().map(|row| of(row).chars().count());
            all.max().unwrap_or(0).max(title.len())
        };
        let what = width(|r| &r.what, "what");
        let expected = width(|r| &r.expected, "expected");
        let seen = width(|r| &r.seen, "seen");
        let mut line = |a: &str, b: &str, c: &str, d: &str| {
            writeln!(f, "  {a:what$}  {b:expected$}  {c:seen$}  {d}")
        };
        line("what", "expected", "seen", "ok")?;
        line(
            &"-".repeat(what),
            &"-".repeat(expected),
            &"-".repeat(seen),
            "---",
        )?;
        for row in &self.rows {
            let ok = if row.ok { "yes" } else { "NO" };
            line(&row.what, &row.expected, &row.seen, ok)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wrong_line_is_enough() {
        let mut report = Report::default();
        report.equal("endpoints", 200, 200);
        assert!(report.ok());
        report.equal("keep-alives", "all", "none");
        assert!(!report.ok());
        let text = report.to_string();
        assert_eq!(text.lines().count(), 4, "{text}");
        assert!(text.contains("keep-alives  all       none  NO"), "{text}");
    }
}
