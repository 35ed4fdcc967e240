//! `[zone.probe]`: how the gatekeepers of a zone are probed.

use std::time::Duration;

use rasline_core::health::{Kind, Settings, TcpProbe};
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::{
    checker::Checker,
    units::{Span, milliseconds as ms},
};

/// The `[zone.probe]` table: how a zone's gatekeepers are probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// RAS requests to send.
    pub ras: RasProbe,
    /// Whether a healthy gatekeeper must also accept connections at its call-signalling port.
    pub tcp: bool,
    /// Interval between probes.
    pub interval: Duration,
    /// A gatekeeper silent for this long is dead, once `fall` probes are unanswered.
    pub dead_time: Duration,
    /// Minimum number of unanswered probes before a gatekeeper is dead.
    pub fall: u32,
    /// Consecutive answers before a dead gatekeeper is alive again.
    pub rise: u32,
    /// Time without silence before a dead gatekeeper is alive again.
    pub stable: Duration,
}

/// Which requests probe a gatekeeper.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RasProbe {
    /// GRQs, or lightweight RRQs if it does not answer GRQs.
    #[default]
    Auto,
    /// GRQs only.
    Grq,
    /// Lightweight RRQs of a registration that rasline makes for this purpose.
    Rrq,
    /// No RAS probes.
    Off,
}

impl Probe {
    /// The settings for the state machine.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings {
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
            ..Settings::default()
        }
    }

    /// Warnings about values that conflict, each with its consequence.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut all = Vec::new();
        if self.ras == RasProbe::Off {
            return all;
        }
        let settings = self.settings();
        if self.interval > self.dead_time {
            all.push(format!(
                "[zone.probe] interval ({}) is longer than dead_time ({}): a dead gatekeeper is detected after up to {}; \
                 use a shorter interval or a longer dead_time",
                ms(self.interval),
                ms(self.dead_time),
                ms(self.interval + self.dead_time),
            ));
        }
        if self.dead_time > settings.dead_time_max {
            all.push(format!(
                "[zone.probe] dead_time ({}) is longer than the maximum for slow gatekeepers ({}): rasline lengthens it \
                 automatically where answers are slow; remove the key to use the default",
                ms(self.dead_time),
                ms(settings.dead_time_max),
            ));
        }
        if self.stable < self.dead_time {
            all.push(format!(
                "[zone.probe] stable ({}) is shorter than dead_time ({}): a gatekeeper counts as alive again before silence \
                 could be detected; use a longer stable",
                ms(self.stable),
                ms(self.dead_time),
            ));
        }
        all
    }
}

/// `[zone.probe]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename = "Probe")]
pub(super) struct RawProbe {
    #[serde(default)]
    ras: RasProbe,
    #[serde(default)]
    tcp: bool,
    interval: Option<Spanned<Span>>,
    dead_time: Option<Spanned<Span>>,
    fall: Option<Spanned<u32>>,
    rise: Option<Spanned<u32>>,
    stable: Option<Spanned<Span>>,
}

impl RawProbe {
    pub(super) fn check(self, c: &mut Checker<'_>) -> Probe {
        let ms = Duration::from_millis;
        let defaults = Settings::default();
        let dead_span = self.dead_time.as_ref().map(Spanned::span);
        let fall_span = self.fall.as_ref().map(Spanned::span);
        let interval = c
            .duration("interval", self.interval, (ms(5), ms(60_000)))
            .unwrap_or(defaults.interval);
        let dead_time = c
            .duration("dead_time", self.dead_time, (ms(30), ms(60_000)))
            .unwrap_or(defaults.dead_time);
        let fall = c.number("fall", self.fall, (1, 1000), defaults.fall);
        // Once a probe is overdue, probes are sent at the interval `burst`.
        let needed = defaults.suspect_after + defaults.burst * fall;
        if dead_time < needed {
            let what = format!(
                "{} ms is too short for {fall} probes; use at least {} ms, or a smaller fall",
                dead_time.as_millis(),
                needed.as_millis()
            );
            c.fail(dead_span.or(fall_span), "dead_time", what);
        }
        Probe {
            ras: self.ras,
            tcp: self.tcp,
            interval,
            dead_time,
            fall,
            rise: c.number("rise", self.rise, (1, 1000), defaults.rise),
            stable: c
                .duration("stable", self.stable, (ms(0), ms(3_600_000)))
                .unwrap_or(defaults.stable),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::config::tests::with;

    #[test]
    fn probe_thresholds() {
        let probe = |lines: &str| {
            let table = format!("[zone.probe]\n{lines}\n[[zone.gatekeeper]]");
            with("[[zone.gatekeeper]]", &table)
        };
        assert_eq!(
            probe("ras = \"rrj\""),
            [
                "r.toml:16: ras: unknown value \"rrj\"; did you mean \"rrq\"? use \"auto\", \"grq\", \"rrq\", \"off\""
            ]
        );
        assert_eq!(
            probe("tcp = true\ninterval = \"1ms\""),
            ["r.toml:17: interval: 1ms is out of range; use 5ms to 1m"]
        );
        // The line is that of whichever of the two was written.
        let late = "30 ms is too short for 5 probes; use at least 45 ms, or a smaller fall";
        assert_eq!(
            probe("dead_time = \"30ms\""),
            [format!("r.toml:16: dead_time: {late}")]
        );
        assert_eq!(
            probe("tcp = true\nfall = 50"),
            [
                "r.toml:17: dead_time: 110 ms is too short for 50 probes; use at least 270 ms, or a smaller fall"
            ]
        );
        assert!(probe("pace = 3")[0].starts_with("r.toml:16: pace: unknown key"));
    }
}
