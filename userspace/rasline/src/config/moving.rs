//! When a zone returns to a better gatekeeper, and how gatekeepers are probed.

use std::time::Duration;

use toml::Spanned;

use super::{Failback, Probe, RasProbe, check::Checker, parse_duration, raw};

/// Default policy: a better gatekeeper must be healthy for a minute before the zone returns to it.
const FAILBACK: Failback = Failback::After(Duration::from_mins(1));

impl Checker<'_> {
    pub(super) fn failback(&mut self, value: Option<Spanned<raw::Failback>>) -> Failback {
        let Some(value) = value else {
            return FAILBACK;
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
            self.fail(Some(value.span()), "failback", what);
            FAILBACK
        })
    }

    pub(super) fn probe(&mut self, raw: raw::Probe) -> Probe {
        let ms = Duration::from_millis;
        let defaults = rasline_core::health::Settings::default();
        let dead_span = raw.dead_time.as_ref().map(Spanned::span);
        let fall_span = raw.fall.as_ref().map(Spanned::span);
        let interval = self
            .duration("interval", raw.interval, (ms(5), ms(60_000)))
            .unwrap_or(defaults.interval);
        let dead_time = self
            .duration("dead_time", raw.dead_time, (ms(30), ms(60_000)))
            .unwrap_or(defaults.dead_time);
        let fall = self.number("fall", raw.fall, (1, 1000), defaults.fall);
        // Once a probe is overdue, probes are sent at the interval `burst`.
        let needed = defaults.suspect_after + defaults.burst * fall;
        if dead_time < needed {
            let what = format!(
                "{} ms is too short for {fall} probes; use at least {} ms, or a smaller fall",
                dead_time.as_millis(),
                needed.as_millis()
            );
            self.fail(dead_span.or(fall_span), "dead_time", what);
        }
        Probe {
            ras: raw.ras,
            tcp: raw.tcp,
            interval,
            dead_time,
            fall,
            rise: self.number("rise", raw.rise, (1, 1000), defaults.rise),
            stable: self
                .duration("stable", raw.stable, (ms(0), ms(3_600_000)))
                .unwrap_or(defaults.stable),
        }
    }
}

impl Probe {
    /// The settings for the state machine.
    #[must_use]
    pub fn settings(&self) -> rasline_core::health::Settings {
        use rasline_core::health::{Kind, TcpProbe};
        rasline_core::health::Settings {
            ras: self.ras != RasProbe::Off,
            kinds: match self.ras {
                RasProbe::Auto => &[Kind::Grq, Kind::Rrq],
                RasProbe::Grq => &[Kind::Grq],
                RasProbe::Rrq => &[Kind::Rrq],
                RasProbe::Off => &[],
            },
            interval: self.interval,
            dead_time: self.dead_time,
            fall: self.fall,
            rise: self.rise,
            stable: self.stable,
            tcp: match self.ras {
                _ if self.tcp => TcpProbe::Required,
                RasProbe::Auto => TcpProbe::Fallback,
                RasProbe::Grq | RasProbe::Rrq | RasProbe::Off => TcpProbe::Off,
            },
            ..rasline_core::health::Settings::default()
        }
    }
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
    use super::*;

    #[test]
    fn windows() {
        let of = |from, to| Some(Failback::Window { from, to });
        assert_eq!(window("02:00-04:30"), of(120, 270));
        assert_eq!(window("23:00-1:00"), of(1380, 60));
        for bad in ["", "2-4", "24:00-01:00", "02:60-03:00", "02:00-02:00"] {
            assert_eq!(window(bad), None, "{bad}");
        }
    }
}
