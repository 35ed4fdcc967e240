//! The state of one gatekeeper, its timers and its damping.

use std::collections::VecDeque;
use std::time::Duration;

use super::probes::Probes;
use super::transition::{Stimulus, next};
use super::{Change, Evidence, Input, Output, Settings, State, TcpProbe};
use crate::Time;

/// Connects in a row that bring the call-signalling port back.
const TCP_RISE: u32 = 2;
/// Falls remembered at most; more double nothing any more.
const FALLS: usize = 32;

/// What is known of one gatekeeper.
#[derive(Debug)]
pub struct Health {
    settings: Settings,
    state: State,
    probes: Probes,
    bursting: bool,
    next_probe: Time,
    timer: Time,
    late: u64,
    recovery: Recovery,
    tcp: Tcp,
}

/// The way back from Down.
#[derive(Debug, Default)]
struct Recovery {
    alive_since: Option<Time>,
    risen: bool,
    falls: VecDeque<Time>,
    stable: Duration,
}

#[derive(Debug, Default)]
struct Tcp {
    next: Time,
    pending: bool,
    failed: u32,
    row: u32,
    down: bool,
}

impl Health {
    /// Nothing known; the first probe is due at once.
    #[must_use]
    pub fn new(settings: Settings, now: Time) -> Self {
        Self {
            settings,
            state: State::Unknown,
            probes: Probes::default(),
            bursting: false,
            next_probe: now,
            timer: Time(0),
            late: 0,
            recovery: Recovery {
                stable: settings.stable,
                ..Recovery::default()
            },
            tcp: Tcp {
                next: now,
                ..Tcp::default()
            },
        }
    }

    /// Takes one input and appends what is to be done.
    pub fn handle(&mut self, now: Time, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Timer => self.timer(now, out),
            Input::Answered { probe } => self.answered(now, probe, true, out),
            Input::Slow { probe } => self.answered(now, probe, false, out),
            Input::Refused => self.refused(now, out),
            Input::SendFailed => self.send_failed(now, out),
            Input::CutOff => self.cut_off(now, out),
            Input::TcpConnected => self.tcp_connected(now, out),
            Input::TcpFailed => self.tcp_failed(now, out),
        }
        self.rise(now, out);
    }

    /// When [`Input::Timer`] is wanted next.
    #[must_use]
    pub fn due(&self) -> Time {
        let mut due = Time::MAX;
        if self.tcp_required() && !self.tcp.pending {
            due = due.min(self.tcp.next);
        }
        if !self.settings.ras {
            return due;
        }
        due = due.min(self.next_probe);
        if !self.watching() {
            return due;
        }
        if let Some(since) = self.probes.silent_since() {
            let silent = since.after(self.settings.dead_time);
            if !self.bursting {
                due = due.min(since.after(self.patience()));
            } else if silent > self.timer {
                due = due.min(silent);
            }
        }
        due
    }

    /// What is thought of it.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// What that rests on, as of the last timer.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        self.evidence_at(self.timer)
    }

    /// Timers that fired too late to be evidence.
    #[must_use]
    pub const fn late_timers(&self) -> u64 {
        self.late
    }

    /// For how long it must be well before it is Up again, should it be Down.
    #[must_use]
    pub const fn stable(&self) -> Duration {
        self.recovery.stable
    }

    fn timer(&mut self, now: Time, out: &mut Vec<Output>) {
        let due = self.due();
        if now < due {
            return;
        }
        self.timer = now;
        if now.since(due) > self.settings.late {
            self.late += 1;
            self.probes.void();
            self.bursting = false;
            self.tcp.failed = 0;
            self.step(now, Stimulus::Late, out);
        } else {
            self.look(now, out);
        }
        self.probe(now, out);
    }

    /// What the silence says.
    fn look(&mut self, now: Time, out: &mut Vec<Output>) {
        let Some(since) = self.probes.silent_since().filter(|_| self.watching()) else {
            return;
        };
        let silence = now.since(since);
        if !self.bursting && silence >= self.patience() {
            self.overdue(now, out);
            self.next_probe = now;
        }
        let unanswered = self.probes.unanswered(now, self.patience());
        if silence >= self.settings.dead_time && unanswered >= self.settings.fall {
            self.step(now, Stimulus::Silent, out);
            self.quiet(now);
        }
    }

    fn probe(&mut self, now: Time, out: &mut Vec<Output>) {
        if self.settings.ras && now >= self.next_probe {
            out.push(Output::Probe {
                probe: self.probes.send(now),
            });
            self.next_probe = now.after(self.period());
        }
        if self.tcp_required() && !self.tcp.pending && now >= self.tcp.next {
            self.tcp.pending = true;
            self.tcp.next = now.after(self.settings.tcp_interval);
            out.push(Output::ConnectTcp);
        }
    }

    fn answered(&mut self, now: Time, probe: u64, measure: bool, out: &mut Vec<Output>) {
        if self.probes.answered(now, probe, measure) {
            self.alive(now, self.probes.row >= self.settings.rise, out);
        }
    }

    fn alive(&mut self, now: Time, risen: bool, out: &mut Vec<Output>) {
        self.bursting = false;
        if self.state == State::Down {
            self.recovery.alive_since.get_or_insert(now);
            self.recovery.risen |= risen;
        }
        self.step(now, Stimulus::Answer, out);
    }

    fn refused(&mut self, now: Time, out: &mut Vec<Output>) {
        if self.probes.waiting() {
            self.probes.refused = self.probes.refused.saturating_add(1);
            if self.watching() && !self.bursting {
                self.overdue(now, out);
            }
        }
    }

    fn overdue(&mut self, now: Time, out: &mut Vec<Output>) {
        self.bursting = true;
        self.next_probe = self.next_probe.min(now.after(self.settings.burst));
        self.step(now, Stimulus::Overdue, out);
    }

    fn send_failed(&mut self, now: Time, out: &mut Vec<Output>) {
        self.probes.unsend();
        let unheard = self
            .probes
            .last_answer
            .is_none_or(|last| now.since(last) >= self.settings.dead_time);
        if !self.probes.waiting() && unheard {
            self.bursting = false;
            self.step(now, Stimulus::Blind, out);
        }
    }

    /// Whatever is outstanding says something about our link and nothing about the gatekeeper.
    fn cut_off(&mut self, now: Time, out: &mut Vec<Output>) {
        self.timer = now;
        self.probes.void();
        self.tcp.failed = 0;
        self.tcp.next = self.tcp.next.max(now.after(self.settings.tcp_interval));
        self.step(now, Stimulus::Blind, out);
        self.quiet(now);
    }

    fn tcp_connected(&mut self, now: Time, out: &mut Vec<Output>) {
        self.tcp.pending = false;
        self.tcp.failed = 0;
        self.tcp.row = self.tcp.row.saturating_add(1);
        self.tcp.down &= self.tcp.row < TCP_RISE;
        if !self.settings.ras && self.tcp_required() {
            self.probes.alive(now);
            self.alive(now, self.tcp.row >= TCP_RISE, out);
        }
    }

    fn tcp_failed(&mut self, now: Time, out: &mut Vec<Output>) {
        self.tcp.pending = false;
        self.tcp.row = 0;
        self.tcp.failed = self.tcp.failed.saturating_add(1);
        if !self.tcp_required() {
            return;
        }
        if self.tcp.failed >= self.settings.tcp_fall.max(1) {
            self.tcp.down = true;
            self.step(now, Stimulus::TcpDown, out);
        }
        if self.state == State::Down {
            self.recovery.alive_since = None;
        }
    }

    fn rise(&mut self, now: Time, out: &mut Vec<Output>) {
        let recovery = &self.recovery;
        let stable = recovery
            .alive_since
            .is_some_and(|since| now.since(since) >= recovery.stable);
        if stable && recovery.risen && !self.tcp.down && !self.bursting {
            self.step(now, Stimulus::Steady, out);
        }
    }

    fn step(&mut self, now: Time, stimulus: Stimulus, out: &mut Vec<Output>) {
        let from = self.state;
        let to = next(from, stimulus);
        if from == to {
            return;
        }
        self.state = to;
        if to == State::Down {
            self.fell(now, from);
        } else if from == State::Down {
            self.recovery.alive_since = None;
            self.recovery.risen = false;
        }
        let evidence = self.evidence_at(now);
        out.push(Output::Changed(Change { from, to, evidence }));
    }

    /// Damping. A gatekeeper that was never up has not fallen.
    fn fell(&mut self, now: Time, from: State) {
        self.quiet(now);
        let falls = &mut self.recovery.falls;
        while falls.len() >= FALLS
            || falls
                .front()
                .is_some_and(|fall| now.since(*fall) > self.settings.flap_window)
        {
            falls.pop_front();
        }
        if from != State::Unknown {
            falls.push_back(now);
        }
        let doublings = u32::try_from(falls.len().saturating_sub(1)).unwrap_or(u32::MAX);
        let factor = 2u32.saturating_pow(doublings);
        let longest = self.settings.stable_max.max(self.settings.stable);
        self.recovery.stable = self.settings.stable.saturating_mul(factor).min(longest);
    }

    /// No sign of life: back to the slow rhythm until there is one.
    fn quiet(&mut self, now: Time) {
        self.bursting = false;
        self.probes.row = 0;
        self.recovery.alive_since = None;
        self.recovery.risen = false;
        self.next_probe = now.after(self.settings.interval);
    }

    /// Whether silence would be news.
    fn watching(&self) -> bool {
        self.state != State::Down || self.recovery.alive_since.is_some()
    }

    fn period(&self) -> Duration {
        let period = if self.bursting {
            self.settings.burst
        } else {
            self.settings.interval
        };
        period.max(Duration::from_millis(1))
    }

    fn patience(&self) -> Duration {
        let Settings {
            suspect_after,
            dead_time,
            ..
        } = self.settings;
        self.probes
            .patience(suspect_after.min(dead_time), dead_time / 2)
    }

    fn tcp_required(&self) -> bool {
        self.settings.tcp == TcpProbe::Required
    }

    fn evidence_at(&self, now: Time) -> Evidence {
        Evidence {
            first_unanswered: self.probes.first_unanswered,
            unanswered: self.probes.unanswered(now, self.patience()),
            last_answer: self.probes.last_answer,
            refused: self.probes.refused,
            tcp_failed: self.tcp.failed,
            round_trip: self.probes.round_trip,
        }
    }
}
