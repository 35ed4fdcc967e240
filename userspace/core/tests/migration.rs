//! A zone whose gatekeeper died moves to the backup, in virtual time: a million registrations, the kernel's bucket, a
//! backup that knows nobody.
//!
//! An endpoint sends keep-alives at its own rhythm. While its slot stands they are answered from it, but for those that
//! get a place in the bucket: these reach the backup, which answers RRJ fullRegistrationRequired; the endpoint registers,
//! and two more keep-alives make it known. So each registration takes four places. An endpoint with a call to make loses
//! its slot at once and registers with the next RRQ.

use std::collections::VecDeque;

use rasline_testkit_model::dice::Dice;

const SECOND: u64 = 1_000_000_000;
/// Milliseconds that can lie ahead in the calendar.
const AHEAD: usize = 1 << 16;
/// How long an endpoint waits for an answer to an RRQ, ms.
const TIMEOUT: u64 = 3000;
/// When the storm comes, ms.
const STORM: u64 = 60_000;

/// What is varied.
#[derive(Clone, Copy)]
struct Setting {
    endpoints: u32,
    /// `migrate_rate`.
    rate: u64,
    /// Between an endpoint's keep-alives, ms.
    period: u64,
    /// Refused ones get a RIP with about this delay, ms; `None`: they are dropped.
    rip_delay: Option<u64>,
    /// Percent of the endpoints that want to call while their zone moves.
    callers: u64,
    /// Percent of the endpoints that have no slot, so that nothing answers for them.
    unknown: u64,
    /// Per thousand of the endpoints that begin anew (after a power failure, say) within half a second, and register.
    storm: u64,
}

/// The kernel's bucket: `next` is when the next RRQ would be due at exactly the rate.
struct Bucket {
    interval: u64,
    burst: u64,
    next: u64,
}

impl Bucket {
    fn new(rate: u64) -> Self {
        let interval = SECOND / rate;
        let burst = (SECOND / 10).max(4 * interval);
        let next = 0;
        Self {
            interval,
            burst,
            next,
        }
    }

    fn take(&mut self, now: u64, known: bool) -> bool {
        let ahead = if known { self.burst / 2 } else { self.burst };
        if self.next > now + ahead - self.interval {
            return false;
        }
        self.next = self.next.max(now) + self.interval;
        true
    }
}

/// How far an endpoint has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Its slot stands; its gatekeeper is dead.
    Held,
    /// It has no slot, and the backup does not know it.
    Unknown,
    /// It was told to register.
    Registering,
    /// Registered with the backup, which confirmed so many keep-alives since.
    Registered(u8),
    /// The kernel answers for it again.
    Done,
}

#[derive(Clone, Copy)]
struct Endpoint {
    stage: Stage,
    caller: bool,
    /// Since when it waits for an RCF, ms + 1; 0: it does not.
    waits: u32,
}

struct Simulation {
    setting: Setting,
    bucket: Bucket,
    dice: Dice,
    endpoints: Vec<Endpoint>,
    calendar: Vec<Vec<u32>>,
    /// When RRQs reached the backup within the last second, ns.
    lately: VecDeque<u64>,
    at_backup: u64,
    rips: u64,
    drops: u64,
    held_answers: u64,
    longest_wait: u64,
    open: u32,
    last_registered: u64,
}

impl Simulation {
    fn new(setting: Setting) -> Self {
        let mut it = Self {
            setting,
            bucket: Bucket::new(setting.rate),
            dice: Dice::new(u64::from(setting.endpoints)),
            endpoints: Vec::new(),
            calendar: vec![Vec::new(); AHEAD],
            lately: VecDeque::new(),
            at_backup: 0,
            rips: 0,
            drops: 0,
            held_answers: 0,
            longest_wait: 0,
            open: setting.endpoints,
            last_registered: 0,
        };
        for number in 0..setting.endpoints {
            let stage = if it.dice.below(100) < setting.unknown {
                Stage::Unknown
            } else {
                Stage::Held
            };
            let caller = it.dice.below(100) < setting.callers;
            it.endpoints.push(Endpoint {
                stage,
                caller,
                waits: 0,
            });
            let mut first = it.dice.below(setting.period);
            if it.dice.below(1000) < setting.storm {
                it.endpoints[number as usize].stage = Stage::Registering;
                first = STORM + it.dice.below(500);
            }
            it.plan(number, 0, first);
        }
        it
    }

    fn plan(&mut self, number: u32, now_ms: u64, delay: u64) {
        let at = (now_ms + delay.max(1)) as usize % AHEAD;
        self.calendar[at].push(number);
    }

    /// Runs until all are known again; gives how long that took, ms.
    fn run(&mut self, limit: u64) -> u64 {
        for now_ms in 0..limit {
            let due = std::mem::take(&mut self.calendar[now_ms as usize % AHEAD]);
            let step = 1_000_000 / (due.len() as u64 + 1);
            for (nth, number) in (1..).zip(due) {
                self.sends(number, now_ms, now_ms * 1_000_000 + nth * step);
            }
            if self.open == 0 {
                return now_ms;
            }
        }
        panic!("{} endpoints are not known after {limit} ms", self.open);
    }

    /// The endpoint sends its RRQ.
    fn sends(&mut self, number: u32, now_ms: u64, now: u64) {
        let mut endpoint = self.endpoints[number as usize];
        if endpoint.waits == 0 {
            endpoint.waits = now_ms as u32 + 1;
        }
        if endpoint.caller && endpoint.stage == Stage::Held && self.dice.below(20) == 0 {
            // Its ARQ took the slot, and the backup asked it to register.
            endpoint.stage = Stage::Registering;
        }
        let known = endpoint.stage == Stage::Held;
        let delay = if self.bucket.take(now, known) {
            self.reached(now);
            self.backup(&mut endpoint, now_ms)
        } else if known {
            self.held_answers += 1;
            self.confirmed(&mut endpoint, now_ms);
            Some(self.rhythm())
        } else {
            Some(self.refused())
        };
        self.endpoints[number as usize] = endpoint;
        if let Some(delay) = delay {
            self.plan(number, now_ms, delay);
        }
    }

    /// An RRQ comes to the backup: never more than the rate and a burst within any second.
    fn reached(&mut self, now: u64) {
        self.at_backup += 1;
        while self.lately.front().is_some_and(|it| now - it >= SECOND) {
            self.lately.pop_front();
        }
        self.lately.push_back(now);
        let most = self.setting.rate + self.bucket.burst / self.bucket.interval;
        assert!(self.lately.len() as u64 <= most, "too fast for the backup");
    }

    /// What the backup answers, and when the endpoint sends again.
    fn backup(&mut self, endpoint: &mut Endpoint, now_ms: u64) -> Option<u64> {
        let round_trip = 1 + self.dice.below(20);
        endpoint.stage = match endpoint.stage {
            Stage::Held | Stage::Unknown => {
                endpoint.stage = Stage::Registering;
                return Some(round_trip);
            }
            Stage::Registering => {
                self.last_registered = now_ms;
                Stage::Registered(0)
            }
            Stage::Registered(0) => Stage::Registered(1),
            Stage::Registered(_) | Stage::Done => Stage::Done,
        };
        self.confirmed(endpoint, now_ms);
        if endpoint.stage == Stage::Done {
            self.open -= 1;
            return None;
        }
        Some(self.rhythm())
    }

    fn confirmed(&mut self, endpoint: &mut Endpoint, now_ms: u64) {
        let waited = now_ms - u64::from(endpoint.waits - 1);
        self.longest_wait = self.longest_wait.max(waited);
        endpoint.waits = 0;
    }

    /// When a refused one comes again: after the RIP's delay (half to one and a half), or its own timeout.
    fn refused(&mut self) -> u64 {
        if let Some(delay) = self.setting.rip_delay {
            self.rips += 1;
            delay / 2 + self.dice.below(delay)
        } else {
            self.drops += 1;
            TIMEOUT
        }
    }

    /// Until the next keep-alive: the endpoint's clock is not exact.
    fn rhythm(&mut self) -> u64 {
        self.setting.period - 50 + self.dice.below(100)
    }
}

/// Moves everybody, and checks what holds for every setting.
fn moves(setting: Setting) -> Simulation {
    let mut simulation = Simulation::new(setting);
    let expected = 4 * u64::from(setting.endpoints) * 1000 / setting.rate;
    let took = simulation.run(2 * expected + 4 * setting.period);
    let Simulation {
        at_backup,
        held_answers,
        rips,
        drops,
        longest_wait,
        last_registered,
        ..
    } = simulation;
    println!(
        "{} endpoints at {}/s: {} s, the last registered after {} s; backup {at_backup}, answered meanwhile \
         {held_answers}, RIP {rips}, dropped {drops}, longest wait {longest_wait} ms",
        setting.endpoints,
        setting.rate,
        took / 1000,
        last_registered / 1000,
    );
    let all_done = |it: &Endpoint| it.stage == Stage::Done && it.waits == 0;
    assert!(simulation.endpoints.iter().all(all_done));
    assert!(longest_wait <= 2 * TIMEOUT, "an endpoint would give up");
    assert!(
        last_registered <= expected * 3 / 2,
        "the last one waits too long"
    );
    assert!(
        at_backup <= 4 * u64::from(setting.endpoints),
        "no place is wasted"
    );
    simulation
}

const MILLION: Setting = Setting {
    endpoints: 1_000_000,
    rate: 5000,
    period: 45_000,
    rip_delay: Some(2000),
    callers: 2,
    unknown: 1,
    storm: 10,
};

#[test]
fn a_million() {
    let simulation = moves(MILLION);
    assert!(
        simulation.held_answers > 4_000_000,
        "they were answered meanwhile"
    );
}

#[test]
fn a_hundred_thousand_of_which_many_are_unknown() {
    moves(Setting {
        endpoints: 100_000,
        rate: 1000,
        callers: 10,
        unknown: 10,
        storm: 20,
        ..MILLION
    });
}

/// Dropped ones come back together after their timeout, so a storm must be smaller than with RIPs, which spread it.
#[test]
fn a_hundred_thousand_with_drops() {
    let simulation = moves(Setting {
        endpoints: 100_000,
        rate: 1000,
        rip_delay: None,
        storm: 5,
        ..MILLION
    });
    assert!(simulation.rips == 0 && simulation.drops > 50);
}

#[test]
fn a_hundred_thousand_of_a_quick_rhythm() {
    moves(Setting {
        endpoints: 100_000,
        rate: 1000,
        period: 4000,
        ..MILLION
    });
}

/// The bucket alone, with senders that never rest: what cannot be answered otherwise comes first.
#[test]
fn those_that_cannot_be_answered_otherwise_come_first() {
    let mut bucket = Bucket::new(1000);
    let (mut known, mut others) = (0u32, 0u32);
    for now in (SECOND..11 * SECOND).step_by(50_000) {
        known += u32::from(bucket.take(now, true));
        if now % 2_000_000 == 0 {
            assert!(bucket.take(now, false), "500/s always find a place");
            others += 1;
        }
    }
    assert_eq!(others, 5000);
    assert!(
        (4900..=5200).contains(&known),
        "{known}: the rest is theirs"
    );
}
