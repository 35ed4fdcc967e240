//! The state of one gatekeeper, its timers and its damping.

use std::collections::VecDeque;
use std::time::Duration;

use super::probes::Probes;
use super::transition::{Stimulus, next};
use super::{Answers, Change, Evidence, Input, Output, Settings, State, TcpProbe, Traffic};
use crate::Time;

/// Connects in a row that bring the call-signalling port back.
const TCP_RISE: u32 = 2;
/// Where RAS is not answered, connections are tried this long after the start.
const TCP_AFTER: Duration = Duration::from_secs(1);
/// Probes while suspicious go so often that the dead time has room for this many.
const BURST_PARTS: u32 = 40;
/// The rhythm is this many times slower where nothing was ever answered.
const SELDOM: u32 = 8;
/// With nothing to send, the data path is looked at this often.
const LOOK: Duration = Duration::from_millis(100);
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
    /// The silence that means death, as of the last input.
    dead_time: Duration,
    traffic: Traffic,
    /// When traffic last changed what is due: nothing was due before.
    touched: Time,
    busy: bool,
    started: Time,
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
        Self::knowing(settings, Answers::default(), now)
    }

    /// The same, of a gatekeeper that was found to answer these earlier.
    #[must_use]
    pub fn knowing(settings: Settings, known: Answers, now: Time) -> Self {
        let probes = Probes::new(settings.kinds, known);
        let tcp_after = match settings.tcp {
            TcpProbe::Fallback => TCP_AFTER,
            TcpProbe::Off | TcpProbe::Required => Duration::ZERO,
        };
        Self {
            settings,
            state: State::Unknown,
            dead_time: probes.dead_time(now, &settings),
            probes,
            bursting: false,
            next_probe: now,
            timer: Time(0),
            late: 0,
            traffic: Traffic::default(),
            touched: now,
            busy: false,
            started: now,
            recovery: Recovery {
                stable: settings.stable,
                ..Recovery::default()
            },
            tcp: Tcp {
                next: now.after(tcp_after),
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
            Input::Traffic(traffic) => self.heard(now, traffic, out),
            Input::Busy(busy) => self.busy = busy,
            Input::Refused => self.refused(now, out),
            Input::SendFailed => self.send_failed(now, out),
            Input::CutOff => self.cut_off(now, out),
            Input::TcpConnected => self.tcp_connected(now, out),
            Input::TcpFailed => self.tcp_failed(now, out),
        }
        self.dead_time = self.dead_time_at(now);
        self.rise(now, out);
    }

    /// When [`Input::Timer`] is wanted next.
    #[must_use]
    pub fn due(&self) -> Time {
        self.wanted().max(self.touched)
    }

    fn wanted(&self) -> Time {
        let mut due = self.next_probe;
        if self.tcp_wanted() && !self.tcp.pending {
            due = due.min(self.tcp.next);
        }
        if !self.settings.ras || !self.watching() {
            return due;
        }
        if let Some(since) = self.probes.silent_since() {
            let silent = since.after(self.dead_time);
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

    /// What it is known to answer.
    #[must_use]
    pub const fn answers(&self) -> Answers {
        self.probes.kinds.answers()
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
        self.look_at_traffic(now, out);
        let Some(since) = self.probes.silent_since().filter(|_| self.watching()) else {
            return;
        };
        let silence = now.since(since);
        if !self.bursting && silence >= self.patience() {
            self.overdue(now, out);
            self.next_probe = now;
        }
        let unanswered = self.probes.unanswered(now, self.patience());
        if silence >= self.dead_time && unanswered >= self.settings.fall {
            self.step(now, Stimulus::Silent, out);
            self.quiet(now);
        }
    }

    /// Where nothing that we ask is answered, the silence that endpoints meet is all there is.
    fn look_at_traffic(&mut self, now: Time, out: &mut Vec<Output>) {
        let mute = !self.settings.ras || !self.answers().ras();
        let since = self.traffic.unanswered_since.filter(|_| mute);
        if let (Some(since), Some(dead)) = (since, self.settings.traffic_dead) {
            let since = self.probes.last_sign().map_or(since, |it| it.max(since));
            if now.since(since) >= dead && self.watching() {
                self.step(now, Stimulus::Silent, out);
                self.quiet(now);
            }
        }
    }

    fn probe(&mut self, now: Time, out: &mut Vec<Output>) {
        if now >= self.next_probe {
            self.next_probe = now.after(self.period());
            if self.settings.ras {
                let kind = self.probes.kinds.next();
                let probe = self.probes.send(now, kind);
                out.push(Output::Probe { probe, kind });
                self.probe_otherwise(now, out);
            }
        }
        if self.tcp_wanted() && !self.tcp.pending && now >= self.tcp.next {
            self.tcp.pending = true;
            self.tcp.next = now.after(self.settings.tcp_interval);
            out.push(Output::ConnectTcp);
        }
    }

    /// Before silence in one kind of request is called death, another kind is tried.
    fn probe_otherwise(&mut self, now: Time, out: &mut Vec<Output>) {
        let silent = self.probes.silent_since();
        let pressing = silent.is_some_and(|since| now.since(since) >= self.dead_time / 2);
        if self.bursting
            && pressing
            && self.answers().ras()
            && let Some(kind) = self.probes.kinds.other()
        {
            let probe = self.probes.send(now, kind);
            out.push(Output::Probe { probe, kind });
        }
    }

    /// The data path speaks. What it saw before the start is no news.
    fn heard(&mut self, now: Time, traffic: Traffic, out: &mut Vec<Output>) {
        let before = std::mem::replace(&mut self.traffic, traffic).last_reply;
        let Some(at) = traffic.last_reply else { return };
        if Some(at) > before && at >= self.started {
            self.probes.heard(at);
            self.touched = now;
            if now.since(at) < self.dead_time {
                self.alive(now, self.probes.row >= self.settings.rise, out);
            }
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
        self.next_probe = self.next_probe.min(now.after(self.burst()));
        self.step(now, Stimulus::Overdue, out);
    }

    fn send_failed(&mut self, now: Time, out: &mut Vec<Output>) {
        self.probes.unsend();
        let unheard = self
            .probes
            .last_sign()
            .is_none_or(|last| now.since(last) >= self.dead_time);
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
        if self.tcp_is_life() {
            self.probes.connected(now);
            self.alive(now, self.tcp.row >= TCP_RISE, out);
        }
    }

    fn tcp_failed(&mut self, now: Time, out: &mut Vec<Output>) {
        self.tcp.pending = false;
        self.tcp.row = 0;
        self.tcp.failed = self.tcp.failed.saturating_add(1);
        // Where it was never accepted, or there are other signs of life, a failure means nothing.
        let lately = self.settings.tcp_interval * self.settings.tcp_fall;
        let heard = self.probes.last_heard;
        let heard = heard.is_some_and(|at| now.since(at) < lately);
        let fallback = self.tcp_is_life() && self.answers().tcp && !heard;
        if !self.tcp_required() && !fallback {
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
        let period = if !self.settings.ras {
            LOOK
        } else if self.bursting {
            self.burst()
        } else if self.probes.kinds.seldom() {
            self.settings.interval * SELDOM
        } else {
            self.settings.interval
        };
        period.max(Duration::from_millis(1))
    }

    fn burst(&self) -> Duration {
        let spread = self.dead_time / BURST_PARTS;
        let longest = self.settings.interval.max(self.settings.burst);
        self.settings.burst.max(spread).min(longest)
    }

    fn dead_time_at(&self, now: Time) -> Duration {
        let measured = self.probes.dead_time(now, &self.settings);
        if self.busy && self.probes.refused < self.settings.fall {
            measured.max(self.settings.dead_time_busy)
        } else {
            measured
        }
    }

    fn patience(&self) -> Duration {
        self.probes.patience(&self.settings, self.dead_time)
    }

    fn tcp_required(&self) -> bool {
        self.settings.tcp == TcpProbe::Required
    }

    /// Whether connections are what shows life, for want of answers to anything else.
    fn tcp_is_life(&self) -> bool {
        match self.settings.tcp {
            TcpProbe::Off => false,
            TcpProbe::Fallback => !self.answers().ras(),
            TcpProbe::Required => !self.settings.ras,
        }
    }

    fn tcp_wanted(&self) -> bool {
        self.tcp_required() || self.tcp_is_life()
    }

    fn evidence_at(&self, now: Time) -> Evidence {
        Evidence {
            tcp_failed: self.tcp.failed,
            dead_time: Some(self.dead_time_at(now)),
            ..self.probes.evidence(now, &self.settings)
        }
    }
}
