//! A gatekeeper behind a network, in virtual time.

use std::time::Duration;

use rasline_core::Time;
use rasline_core::health::{Change, Health, Input, Kind, Output, Settings, State, Traffic};
pub use rasline_testkit_model::dice::Dice;
use rasline_testkit_model::transit::Transit;

/// How the gatekeeper takes a probe.
#[derive(Clone, Copy, PartialEq)]
pub enum Manner {
    Answers,
    Slow,
    Silent,
    Refuses,
    CannotSend,
}

pub struct World {
    pub health: Health,
    pub now: Time,
    pub manner: Manner,
    pub loss: u64,
    pub round_trip: Duration,
    /// Every timer is late by this much.
    pub lateness: Duration,
    /// One timer in a thousand is late by this much.
    pub stall: Duration,
    pub accepts: bool,
    /// Kinds of request that it ignores.
    pub ignores: Vec<Kind>,
    /// It answers an endpoint this often.
    pub traffic: Option<Duration>,
    /// Since when endpoints' requests are unanswered.
    pub unanswered_since: Option<Time>,
    /// No answer leaves before this.
    pub paused_until: Time,
    /// A round trip may take this much longer.
    pub jitter: Duration,
    pub changes: Vec<(Time, Change)>,
    pub probes: u64,
    pub dice: Dice,
    /// What comes back, and when.
    coming: Transit<(u64, bool)>,
    timer: Time,
}

pub const START: Time = Time(1_000_000_000);

impl World {
    pub fn new(settings: Settings) -> Self {
        Self::with(Health::new(settings, START))
    }

    pub fn with(health: Health) -> Self {
        Self {
            health,
            now: START,
            manner: Manner::Answers,
            loss: 0,
            round_trip: Duration::from_micros(300),
            lateness: Duration::ZERO,
            stall: Duration::ZERO,
            accepts: true,
            ignores: Vec::new(),
            traffic: None,
            unanswered_since: None,
            paused_until: START,
            jitter: Duration::ZERO,
            changes: Vec::new(),
            probes: 0,
            dice: Dice::new(7),
            coming: Transit::default(),
            timer: START,
        }
    }

    pub fn run(&mut self, duration: Duration) {
        let end = self.now.after(duration);
        loop {
            let back = self.coming.next_due();
            let next = back.map_or(self.timer, |back| back.min(self.timer));
            if next > end {
                break;
            }
            self.now = next;
            if next == self.timer {
                self.handle(Input::Traffic(self.traffic_now()));
                self.handle(Input::Timer);
            } else if let Some((probe, slow)) = self.coming.take(self.now) {
                self.handle(if slow {
                    Input::Slow { probe }
                } else {
                    Input::Answered { probe }
                });
            }
        }
        self.now = end;
    }

    /// Answers to endpoints come at whole multiples of their interval.
    fn traffic_now(&self) -> Traffic {
        let silent = matches!(self.manner, Manner::Silent | Manner::Refuses);
        let every = self
            .traffic
            .filter(|_| !silent && self.now >= self.paused_until);
        let last = every.map(|it| {
            let ns = u64::try_from(it.as_nanos()).unwrap();
            Time(self.now.0 - self.now.0 % ns)
        });
        Traffic {
            last_reply: last.or(self.health.evidence().last_heard),
            unanswered_since: self.unanswered_since,
        }
    }

    /// No answer for so long; then all of them.
    pub fn pause(&mut self, duration: Duration) {
        self.paused_until = self.now.after(duration);
        self.run(duration);
    }

    pub fn falls(&self) -> usize {
        let down = |(_, change): &&(Time, Change)| change.to == State::Down;
        self.changes.iter().filter(down).count()
    }

    /// When the state last became this one.
    pub fn became(&self, state: State) -> Option<Time> {
        let all = self.changes.iter().rev();
        all.clone()
            .find(|(_, change)| change.to == state)
            .map(|(time, _)| *time)
    }

    pub fn handle(&mut self, input: Input) {
        let mut out = Vec::new();
        self.health.handle(self.now, input, &mut out);
        for output in out {
            match output {
                Output::Probe { probe, kind } => self.probe(probe, kind),
                Output::ConnectTcp => self.handle(if self.accepts {
                    Input::TcpConnected
                } else {
                    Input::TcpFailed
                }),
                Output::Changed(change) => {
                    let before = self.changes.last().map_or(State::Unknown, |it| it.1.to);
                    assert_eq!(change.from, before);
                    assert_ne!(change.from, change.to);
                    self.changes.push((self.now, change));
                }
            }
        }
        if !matches!(input, Input::Traffic(_)) {
            self.arm(input);
        }
    }

    fn arm(&mut self, input: Input) {
        let due = self.health.due();
        if input == Input::Timer {
            assert!(due > self.now, "a timer that is due again at once");
        }
        let stalled = !self.stall.is_zero() && self.dice.roll().is_multiple_of(1000);
        let late = if stalled { self.stall } else { self.lateness };
        self.timer = due.max(self.now).after(late);
    }

    fn probe(&mut self, probe: u64, kind: Kind) {
        self.probes += 1;
        let ignored = self.ignores.contains(&kind);
        match self.manner {
            Manner::Silent => {}
            Manner::Refuses => self.handle(Input::Refused),
            Manner::CannotSend => self.handle(Input::SendFailed),
            Manner::Answers | Manner::Slow => {
                if !ignored && !self.dice.percent(self.loss) {
                    let jitter = self.jitter * u32::try_from(self.dice.roll() % 100).unwrap() / 100;
                    let at = self
                        .now
                        .after(self.round_trip + jitter)
                        .max(self.paused_until);
                    let slow = self.manner == Manner::Slow;
                    self.coming.send(at, (probe, slow));
                }
            }
        }
    }
}
