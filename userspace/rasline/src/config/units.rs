//! Parses and formats durations ("150ms", "5s", "15m") and sizes ("8MiB").

use std::time::Duration;

use serde::de::{self, Deserializer, Visitor};

const UNITS: [(&str, u64); 6] = [
    ("ns", 1),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Parses a duration: whole numbers, each with a unit, largest first: `1h30m`, `150ms`.
///
/// # Errors
/// The error and how to write the value.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let hint = "write a number and a unit (ms, s, m, h, d), as in \"5s\" or \"1h30m\"";
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(format!("is empty; {hint}"));
    }
    let mut total: u64 = 0;
    let mut smaller_than = u64::MAX;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let letters = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let scale = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .map(|(_, ns)| *ns);
        let (Ok(number), Some(scale)) = (number.parse::<u64>(), scale) else {
            return Err(format!("\"{text}\" is not a duration; {hint}"));
        };
        if scale >= smaller_than {
            return Err(format!(
                "\"{text}\" is not a duration; write its units largest first"
            ));
        }
        smaller_than = scale;
        total = number
            .checked_mul(scale)
            .and_then(|ns| total.checked_add(ns))
            .ok_or_else(|| format!("\"{text}\" is too long; the maximum is 584 years"))?;
        rest = tail;
    }
    Ok(Duration::from_nanos(total))
}

/// Parses a size: a number of octets, or with KiB, MiB, GiB.
///
/// # Errors
/// The error and how to write the value.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let scale = match unit.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => 0,
    };
    number
        .parse::<u64>()
        .ok()
        .filter(|_| scale > 0)
        .and_then(|n| n.checked_mul(scale))
        .ok_or_else(|| {
            format!("\"{text}\" is not a size; write a number and KiB or MiB, as in \"8MiB\"")
        })
}

/// Formats a duration for people, with its two largest units: `4m 10s`.
#[must_use]
pub fn human_duration(d: Duration) -> String {
    let s = d.as_secs();
    match s {
        0 if d.subsec_millis() == 0 => "0s".to_owned(),
        0 => format!("{}ms", d.subsec_millis()),
        1..60 => format!("{s}s"),
        60..3600 => pair(s / 60, "m", s % 60, "s"),
        3600..86_400 => pair(s / 3600, "h", s % 3600 / 60, "m"),
        _ => pair(s / 86_400, "d", s % 86_400 / 3600, "h"),
    }
}

/// Formats a duration in milliseconds: `110 ms`.
pub(super) fn milliseconds(d: Duration) -> String {
    format!("{} ms", d.as_millis())
}

fn pair(a: u64, a_unit: &str, b: u64, b_unit: &str) -> String {
    if b == 0 {
        format!("{a}{a_unit}")
    } else {
        format!("{a}{a_unit} {b}{b_unit}")
    }
}

struct Text<T>(fn(&str) -> Result<T, String>, &'static str);

impl<T> Visitor<'_> for Text<T> {
    type Value = T;
    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.1)
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).map_err(E::custom)
    }
}

/// A duration in a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(super) struct Span(pub(super) Duration);

impl<'de> serde::Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_str(Text(parse_duration, "a duration in quotes, such as \"5s\""))
            .map(Span)
    }
}

/// A size in a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size(pub(super) u64);

impl<'de> serde::Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_str(Text(parse_size, "a size in quotes, such as \"8MiB\""))
            .map(Size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(parse_duration("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(parse_duration("150ms"), Ok(Duration::from_millis(150)));
        assert_eq!(parse_duration("1h30m"), Ok(Duration::from_mins(90)));
        for bad in [
            "",
            "5",
            "s",
            "5 s",
            "1m1h",
            "5s5s",
            "-5s",
            "1.5s",
            "99999999999999d",
            "5µ",
        ] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(parse_size("8MiB"), Ok(8 << 20));
        assert_eq!(parse_size("4096"), Ok(4096));
        for bad in ["", "8MB", "MiB", "99999999999GiB"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn shown() {
        assert_eq!(human_duration(Duration::from_secs(250)), "4m 10s");
        assert_eq!(human_duration(Duration::from_mins(4)), "4m");
        assert_eq!(human_duration(Duration::from_millis(40)), "40ms");
        assert_eq!(human_duration(Duration::from_hours(25)), "1d 1h");
    }
}
