//! Tables and values for people.

use std::{fmt, io::Write, time::Duration};

use crate::config::human_duration;

/// A plain table with a head line: columns as wide as their widest cell.
pub(super) struct Table(Vec<Vec<String>>);

/// A table with this head line.
pub(super) fn table(head: &[&str]) -> Table {
    Table(vec![head.iter().map(ToString::to_string).collect()])
}

impl Table {
    /// Adds a row.
    pub(super) fn add_row<S: Into<String>>(&mut self, row: impl IntoIterator<Item = S>) {
        self.0.push(row.into_iter().map(Into::into).collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or(0);
        let width = |c: usize| {
            self.0
                .iter()
                .filter_map(|row| row.get(c))
                .map(|cell: &String| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (i, row) in self.0.iter().enumerate() {
            let cells = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}"));
            let line = cells.collect::<Vec<_>>().join("  ");
            write!(f, "{}{}", if i == 0 { "" } else { "\n" }, line.trim_end())?;
        }
        Ok(())
    }
}

/// Prints text; a reader that has gone away is no error.
pub(super) fn put(text: &str) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// Prints a table.
pub(super) fn put_table(table: &Table) {
    put(&table.to_string());
}

/// Prints JSON.
pub(super) fn put_json(value: &impl serde::Serialize) {
    put(&serde_json::to_string_pretty(value).unwrap_or_default());
}

fn duration(seconds: f64) -> String {
    human_duration(Duration::try_from_secs_f64(seconds.abs()).unwrap_or_default())
}

/// `4m 10s`.
pub(super) fn span(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "-".to_owned(), duration)
}

/// `4m 10s ago`.
pub(super) fn ago(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "never".to_owned(), |s| format!("{} ago", duration(s)))
}

/// `in 4m 10s`, `now`.
pub(super) fn ahead(seconds: Option<f64>) -> String {
    match seconds {
        None => "-".to_owned(),
        Some(s) if s <= 0.0 => "now".to_owned(),
        Some(s) => format!("in {}", duration(s)),
    }
}

/// A text, or `-`.
pub(super) fn or_dash(text: &str) -> String {
    if text.is_empty() {
        "-".to_owned()
    } else {
        text.to_owned()
    }
}

/// Seconds since 1970 as UTC.
pub(super) fn clock(seconds: f64) -> String {
    if seconds <= 0.0 {
        return "-".to_owned();
    }
    let total = Duration::try_from_secs_f64(seconds)
        .unwrap_or_default()
        .as_secs()
        .cast_signed();
    let (days, rest) = (total / 86_400, total % 86_400);
    // Days to civil date, counted in eras of 400 years from 0000-03-01.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (
        doy - (153 * mp + 2) / 5 + 1,
        if mp < 10 { mp + 3 } else { mp - 9 },
    );
    let year = yoe + era * 400 + i64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown() {
        assert_eq!(ahead(Some(250.0)), "in 4m 10s");
        assert_eq!(ahead(Some(-1.0)), "now");
        assert_eq!(ago(Some(3.2)), "3s ago");
        assert_eq!(ago(None), "never");
        assert_eq!(clock(951_782_400.0), "2000-02-29T00:00:00Z");
        assert_eq!(clock(1_795_237_445.0), "2026-11-21T05:04:05Z");
    }

    #[test]
    fn tables_are_aligned_without_trailing_blanks() {
        let mut t = table(&["a", "b"]);
        t.add_row(["longer", "x"]);
        assert_eq!(t.to_string(), "a       b\nlonger  x");
    }
}
