//! Tables and values as text for people.

use std::{
    fmt,
    io::{self, IsTerminal as _, Write},
    time::Duration,
};

use crate::{
    config::human_duration,
    printable::{escape, escape_json, escape_lines},
};

/// A plain table with a header; each column is as wide as its widest cell.
pub(super) struct Table(Vec<Vec<String>>);

/// An empty table with this header.
pub(super) fn table(head: &[&str]) -> Table {
    Table(vec![head.iter().map(ToString::to_string).collect()])
}

impl Table {
    /// Adds a row. Its cells may hold text from the network.
    pub(super) fn add_row<S: AsRef<str>>(&mut self, row: impl IntoIterator<Item = S>) {
        let cells = row
            .into_iter()
            .map(|cell| escape(cell.as_ref()).into_owned());
        self.0.push(cells.collect());
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

/// Prints one line, which may hold text from the network.
pub(super) fn put(line: &str) {
    write_out(&escape(line));
}

/// Prints a table, whose cells are escaped already.
pub(super) fn put_table(table: &Table) {
    write_out(&table.to_string());
}

/// Prints JSON, with characters that a terminal would interpret written as escapes.
pub(super) fn put_json(value: &impl serde::Serialize) {
    write_out(&escape_json(
        &serde_json::to_string_pretty(value).unwrap_or_default(),
    ));
}

/// Prints JSON on one line.
pub(super) fn put_json_line(value: &impl serde::Serialize) {
    write_out(&escape_json(
        &serde_json::to_string(value).unwrap_or_default(),
    ));
}

/// Prints a document for programs: unchanged, except that it is escaped on a terminal.
pub(super) fn put_document(text: &str) {
    if io::stdout().is_terminal() {
        write_out(&escape_lines(text));
    } else {
        write_out(text);
    }
}

/// Empties the terminal.
pub(super) fn clear_screen() {
    write_out("\x1b[H\x1b[2J");
}

/// Writes a line to the standard output. If that fails the command ends with exit code 1, without a message if the
/// reader has gone away.
fn write_out(text: &str) {
    let mut out = io::stdout().lock();
    if let Err(e) = writeln!(out, "{text}").and_then(|()| out.flush()) {
        std::process::exit(cannot_write(&e));
    }
}

/// Reports that the standard output could not be written. Returns the exit code.
pub(super) fn cannot_write(e: &io::Error) -> i32 {
    if e.kind() != io::ErrorKind::BrokenPipe {
        say(&format!(
            "standard output: {e}; free some space, or write elsewhere"
        ));
    }
    1
}

/// Prints a line on the standard error, which may contain text from the network. A failure to write it is ignored, as
/// it cannot be reported.
pub(super) fn say(message: &impl fmt::Display) {
    let message = message.to_string();
    let _ = writeln!(io::stderr().lock(), "rasline: {}", escape(&message));
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

/// Seconds since 1970 as local time: `2026-11-21T06:04:05.250+01:00`.
pub(super) fn clock(seconds: f64) -> String {
    local_time(seconds, &jiff::tz::TimeZone::system())
}

#[allow(clippy::cast_possible_truncation)]
fn local_time(seconds: f64, zone: &jiff::tz::TimeZone) -> String {
    if seconds <= 0.0 {
        return "-".to_owned();
    }
    let milliseconds = (seconds * 1e3).round() as i64;
    match jiff::Timestamp::from_millisecond(milliseconds) {
        Ok(time) => {
            let time = time.to_zoned(zone.clone());
            time.strftime("%Y-%m-%dT%H:%M:%S.%3f%:z").to_string()
        }
        Err(_) => "-".to_owned(),
    }
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
    }

    #[test]
    fn times_are_local_with_milliseconds_and_offset() {
        let zone = |hours| jiff::tz::TimeZone::fixed(jiff::tz::offset(hours));
        for (seconds, hours, text) in [
            (951_782_400.0, 0, "2000-02-29T00:00:00.000+00:00"),
            (1_795_237_445.25, 1, "2026-11-21T06:04:05.250+01:00"),
            (1_795_237_445.999_6, -5, "2026-11-21T00:04:06.000-05:00"),
            (0.0, 0, "-"),
            (1e300, 0, "-"),
        ] {
            assert_eq!(local_time(seconds, &zone(hours)), text);
        }
    }

    #[test]
    fn cells_hold_no_escape_sequences() {
        let mut t = table(&["a", "b"]);
        t.add_row(["\u{1b}[2J\nx", "y"]);
        assert_eq!(t.to_string(), "a             b\n\\u{1b}[2J\\nx  y");
    }

    #[test]
    fn tables_are_aligned_without_trailing_blanks() {
        let mut t = table(&["a", "b"]);
        t.add_row(["longer", "x"]);
        assert_eq!(t.to_string(), "a       b\nlonger  x");
    }
}
