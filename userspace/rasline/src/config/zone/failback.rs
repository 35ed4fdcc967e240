//! `failback` of a zone: when it returns to a better gatekeeper.

use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use crate::config::{checker::Checker, parse_duration};

/// When a zone returns to a better gatekeeper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failback {
    /// Only by command of the operator.
    None,
    /// When it has been healthy for this long.
    After(Duration),
    /// When no call-signalling connection to the active gatekeeper is open.
    AfterCalls,
    /// Within this time of day (minutes since midnight, local time); it may span midnight.
    Window {
        /// Start of the window.
        from: u16,
        /// End of the window.
        to: u16,
    },
}

/// Default policy: a better gatekeeper must be healthy for a minute before the zone returns to it.
const DEFAULT: Failback = Failback::After(Duration::from_mins(1));

/// `"none"`, `"after_calls"`, `"after 60s"` or `"window 02:00-04:00"`, as written.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct RawFailback(String);

/// Checks a policy, or returns the default one.
pub(super) fn check(c: &mut Checker<'_>, value: Option<Spanned<RawFailback>>) -> Failback {
    let Some(value) = value else {
        return DEFAULT;
    };
    let text = &value.get_ref().0;
    let parsed = match text.as_str() {
        "none" => Some(Failback::None),
        "after_calls" => Some(Failback::AfterCalls),
        text => text
            .strip_prefix("after ")
            .and_then(|d| parse_duration(d.trim()).ok())
            .map(Failback::After)
            .or_else(|| window(text.strip_prefix("window ")?.trim())),
    };
    parsed.unwrap_or_else(|| {
        let what = format!(
            "unknown failback policy \"{text}\"; use \"none\", \"after 60s\", \"after_calls\" or \"window 02:00-04:00\""
        );
        c.fail(Some(value.span()), "failback", what);
        DEFAULT
    })
}

/// Parses "02:00-04:00".
fn window(text: &str) -> Option<Failback> {
    let (from, to) = text.split_once('-')?;
    let (from, to) = (minute(from.trim())?, minute(to.trim())?);
    (from != to).then_some(Failback::Window { from, to })
}

fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use super::*;
    use crate::config::{
        Config,
        tests::{GOOD, with},
    };

    #[test]
    fn windows() {
        let of = |from, to| Some(Failback::Window { from, to });
        assert_eq!(window("02:00-04:30"), of(120, 270));
        assert_eq!(window("23:00-1:00"), of(1380, 60));
        for bad in ["", "2-4", "24:00-01:00", "02:60-03:00", "02:00-02:00"] {
            assert_eq!(window(bad), None, "{bad}");
        }
    }

    #[test]
    fn policies() {
        let zone = |lines: &str| {
            let text = GOOD.replacen("endpoint_ttl = \"5s\"", lines, 1);
            let text = text.replacen("[[zone.gatekeeper]]", "\n[[zone.gatekeeper]]", 1);
            Config::parse(Path::new("r.toml"), &text).unwrap().zones[0].clone()
        };
        let plain = zone("");
        assert_eq!(plain.failback, Failback::After(Duration::from_mins(1)));
        assert_eq!(
            plain.probe.settings(),
            rasline_core::health::Settings {
                tcp: rasline_core::health::TcpProbe::Fallback,
                ..rasline_core::health::Settings::default()
            }
        );
        for (text, failback) in [
            ("none", Failback::None),
            ("after 90s", Failback::After(Duration::from_secs(90))),
            ("after_calls", Failback::AfterCalls),
            (
                "window 22:30-04:00",
                Failback::Window {
                    from: 1350,
                    to: 240,
                },
            ),
        ] {
            assert_eq!(zone(&format!("failback = {text:?}")).failback, failback);
        }
        for bad in ["", "never", "after", "after 60", "window 2-4", "60s"] {
            let errors = with("endpoint_ttl = \"5s\"", &format!("failback = {bad:?}"));
            let expected = format!(
                "r.toml:12: failback: unknown failback policy {bad:?}; use \"none\", \"after 60s\", \"after_calls\" or \
                 \"window 02:00-04:00\""
            );
            assert_eq!(errors, [expected]);
        }
    }
}
