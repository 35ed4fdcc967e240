//! A monitor with a clock, and endpoints that speak when they are told to.

use std::time::Duration;

use rasline_core::presence::{Change, Monitor, Presence, Sign, Subject, Trace};
use rasline_core::{RegistrationId, Time};

pub const ZONE: u32 = 0;

pub const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Registration `n` with this timeToLive in seconds (0: none).
pub fn subject(n: u64, ttl: u64) -> Subject {
    let [.., a, b, c] = n.to_be_bytes();
    Subject {
        id: RegistrationId(n),
        zone: ZONE,
        gatekeeper: 0,
        endpoint: ([10, a, b, c], 1719).into(),
        time_to_live: (ttl > 0).then(|| s(ttl)),
    }
}

pub struct World {
    pub now: Time,
    pub monitor: Monitor,
    pub blind: bool,
    pub trace: fn(&Subject) -> Trace,
    pub changes: Vec<Change>,
}

impl World {
    /// The monitor has looked for a while, and `others` endpoints of the zone were heard of since it began.
    pub fn new(others: u64) -> Self {
        let mut world = Self::fresh();
        for n in 0..others {
            let subject = Subject {
                id: RegistrationId(1_000_000 + n),
                ..subject(n, 600)
            };
            let now = world.now;
            world.monitor.hear(now, &subject, now, Sign::Other);
        }
        world
    }

    /// The monitor has just looked for the first time.
    pub fn fresh() -> Self {
        let mut world = Self {
            now: Time(0).after(s(1_000_000)),
            monitor: Monitor::default(),
            blind: false,
            trace: |_| Trace::default(),
            changes: Vec::new(),
        };
        world.monitor.configure([(ZONE, None)]);
        world.pass(2);
        world
    }

    pub fn hear(&mut self, subject: &Subject) {
        self.monitor
            .hear(self.now, subject, self.now, Sign::KeepAlive);
    }

    /// A second passes, and there is a look.
    pub fn tick(&mut self) {
        self.now = self.now.after(s(1));
        let changes = self.monitor.look(self.now, self.blind, self.trace);
        self.changes.extend(changes);
    }

    pub fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.tick();
        }
    }

    /// Speaks every `interval` for `times` times, and looks meanwhile.
    pub fn live(&mut self, subject: &Subject, interval: u64, times: u64) {
        for _ in 0..times {
            self.hear(subject);
            self.pass(interval);
        }
    }

    /// The machine stands still.
    pub fn stall(&mut self, seconds: u64) {
        self.now = self.now.after(s(seconds));
    }

    pub fn of(&self, n: u64) -> Presence {
        let known = self.monitor.presence(RegistrationId(n));
        known.expect("it is watched").0
    }

    /// What was told of one since the last time.
    pub fn told(&mut self, n: u64) -> Vec<Presence> {
        let all = std::mem::take(&mut self.changes);
        all.into_iter()
            .filter(|c| c.id == RegistrationId(n))
            .map(|c| c.to)
            .collect()
    }
}
