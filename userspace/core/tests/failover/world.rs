//! Zones and their candidates, and a kernel that does what it is told and sometimes decides by itself.

use std::collections::BTreeMap;
use std::time::Duration;

use rasline_core::failover::{
    Candidate, Failback, Failover, Input, Manual, Output, Steering, ZonePolicy,
};
use rasline_core::health::{Evidence, State};
use rasline_core::{EventKind, GatekeeperIndex, Time, ZoneIndex};

pub const ZONE: ZoneIndex = ZoneIndex(0);

/// Gatekeepers by number.
pub fn gk(number: u32) -> GatekeeperIndex {
    GatekeeperIndex(number)
}

/// A number, for what may be no gatekeeper.
fn number(gatekeeper: Option<GatekeeperIndex>) -> u32 {
    gatekeeper.map_or(NONE, |it| it.0)
}

/// No gatekeeper, in what a world says.
pub const NONE: u32 = u32::MAX;

/// What stands in the kernel for the zone.
#[derive(Clone, Debug, Default)]
pub struct KernelZone {
    pub active: u32,
    pub epoch: u64,
    pub steered: Vec<u32>,
    pub auto: bool,
    pub decided: Option<(u32, u64)>,
}

impl KernelZone {
    /// The gatekeeper that traffic really goes to.
    pub fn effective(&self) -> u32 {
        match self.decided {
            Some((gatekeeper, epoch)) if epoch == self.epoch => gatekeeper,
            _ => self.active,
        }
    }
}

#[derive(Clone, Debug)]
pub struct World {
    pub failover: Failover,
    pub now: Time,
    pub kernel: KernelZone,
    pub kept: Option<(u32, Manual)>,
    pub events: Vec<EventKind>,
    pub moves: u32,
    pub states: BTreeMap<u32, State>,
    /// In order.
    pub candidates: Vec<u32>,
}

pub fn policy(candidates: &[(u32, u8)], failback: Failback) -> Vec<ZonePolicy> {
    let candidate = |&(gatekeeper, priority): &(u32, u8)| Candidate {
        gatekeeper: gk(gatekeeper),
        priority,
        need_to_register: true,
    };
    vec![ZonePolicy {
        zone: ZONE,
        candidates: candidates.iter().map(candidate).collect(),
        failback,
    }]
}

/// Three candidates: 0, 1, 2 in this order.
pub fn three(failback: Failback) -> Vec<ZonePolicy> {
    policy(&[(0, 0), (1, 1), (2, 2)], failback)
}

impl World {
    pub fn empty() -> Self {
        Self {
            failover: Failover::new(),
            now: Time(1_000_000_000_000),
            kernel: KernelZone {
                active: NONE,
                ..KernelZone::default()
            },
            kept: None,
            events: Vec::new(),
            moves: 0,
            states: BTreeMap::new(),
            candidates: Vec::new(),
        }
    }

    /// Three candidates that are up.
    pub fn new(failback: Failback) -> Self {
        let mut world = Self::empty();
        world.feed(Input::Policies(three(failback)));
        for gatekeeper in 0..3 {
            world.health(gatekeeper, State::Up);
        }
        world.events.clear();
        world
    }

    pub fn feed(&mut self, input: Input) {
        if let Input::Policies(policies) = &input {
            let mut list = policies[0].candidates.clone();
            list.sort_by_key(|it| it.priority);
            self.candidates = list.iter().map(|it| it.gatekeeper.0).collect();
        }
        let mut out = Vec::new();
        self.failover.handle(self.now, input, &mut out);
        for output in out {
            match output {
                Output::Steer(steering) => self.steer(&steering),
                Output::Persist { active, manual, .. } => {
                    self.kept = Some((number(active), manual));
                }
                Output::Event(event) => self.events.push(event.kind),
            }
        }
        let view = self.failover.zone(ZONE);
        assert_eq!(
            view.map(|it| number(it.active)),
            Some(self.kernel.effective()).filter(|_| self.kernel.epoch > 0),
            "one active gatekeeper"
        );
    }

    fn steer(&mut self, steering: &Steering) {
        let active = number(steering.active);
        let steered: Vec<u32> = steering.steered.iter().map(|it| it.0).collect();
        assert!(!steered.contains(&active));
        let effective = self.kernel.effective();
        assert_eq!(
            steering.moved,
            active != self.kernel.active && self.kernel.epoch > 0,
            "{steering:?}, it was {effective}"
        );
        self.moves += u32::from(steering.moved);
        self.kernel = KernelZone {
            active,
            epoch: self.kernel.epoch + 1,
            steered,
            auto: steering.auto,
            decided: None,
        };
    }

    pub fn health(&mut self, gatekeeper: u32, state: State) {
        self.states.insert(gatekeeper, state);
        let evidence = Evidence {
            unanswered: u32::from(state == State::Down) * 5,
            ..Evidence::default()
        };
        self.feed(Input::Health {
            gatekeeper: gk(gatekeeper),
            state,
            evidence,
        });
    }

    pub fn wait(&mut self, duration: Duration) {
        self.now = self.now.after(duration);
    }

    /// Seconds that pass, with ticks.
    pub fn seconds(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.wait(Duration::from_secs(1));
            self.feed(Input::Tick { minute_of_day: 720 });
        }
    }

    /// The kernel moves the zone, if it may, and says so.
    pub fn kernel_decides(&mut self, gatekeeper: u32) {
        if !self.kernel.auto || gatekeeper == self.kernel.effective() {
            return;
        }
        let from = self.kernel.effective();
        self.kernel.decided = Some((gatekeeper, self.kernel.epoch));
        let evidence_at = Time(self.now.0 - 600_000_000);
        self.feed(Input::KernelDecided {
            zone: ZONE,
            gatekeeper: gk(gatekeeper),
            from: Some(gk(from)).filter(|_| from != NONE),
            at: self.now,
            evidence_at,
        });
    }

    pub fn active(&self) -> u32 {
        self.kernel.effective()
    }

    pub fn waiting(&self) -> String {
        let view = self.failover.zone_at(self.now, ZONE).unwrap();
        view.waiting_for.unwrap_or_default()
    }

    pub fn state(&self, gatekeeper: u32) -> State {
        self.states.get(&gatekeeper).copied().unwrap_or_default()
    }
}
