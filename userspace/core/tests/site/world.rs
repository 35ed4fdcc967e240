//! A site, and a kernel that does what it is told and sometimes decides by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use rasline_core::alternates::Prefix;
use rasline_core::backup::Setup;
use rasline_core::failover::Failback;
use rasline_core::health::{Change, Evidence, State};
use rasline_core::presence::{Subject, Trace};
use rasline_core::proxy;
use rasline_core::record::Record;
use rasline_core::site::{
    Config, Datagram, Event, Gatekeeper, Input, KernelChange, KernelDecision, Origin, Output, Send,
    Site, SlotEntry, Start, Steering, Surroundings, Tick, Transparent, Zone, ZoneMode,
};
use rasline_core::{
    Answer, EventKind, GatekeeperIndex, Message, Reason, RegistrationId, RegistrationKey, Reserved,
    SlotReport, Time, ZoneIndex,
};
use rasline_h225::messages::{Rcf, Rrq};
use rasline_h225::{RasMessage, decode_ras};
use rasline_testkit_model::party::{Party, granted_identifier};

pub const SECOND: Duration = Duration::from_secs(1);
pub const ZONE: ZoneIndex = ZoneIndex(0);
/// A better gatekeeper, a worse one, and rasline's own.
pub const BEST: GatekeeperIndex = GatekeeperIndex(0);
pub const NEXT: GatekeeperIndex = GatekeeperIndex(1);
pub const OWN: GatekeeperIndex = GatekeeperIndex(2);

/// RAS address of a gatekeeper.
pub fn ras(gatekeeper: GatekeeperIndex) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, gatekeeper.0 as u8 + 1], 1719))
}

pub fn endpoint(n: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, n], 1719))
}

pub fn gatekeeper(index: GatekeeperIndex, priority: u8, origin: Origin) -> Gatekeeper {
    Gatekeeper {
        index,
        id: format!("gk{}", index.0),
        ras: ras(index),
        call_signal_port: 1720,
        priority,
        origin,
    }
}

/// A zone of endpoints at 10.0.0.0/24.
pub fn zone(mode: ZoneMode, gatekeepers: Vec<Gatekeeper>) -> Zone {
    Zone {
        index: ZONE,
        name: "lab".to_owned(),
        mode,
        gatekeepers,
        endpoints: vec![Prefix {
            address: [10, 0, 0, 0].into(),
            length: 24,
        }],
        service_addresses: Vec::new(),
        answer: Answer::Offload,
        endpoint_ttl: None,
        refresh_every: None,
        hold_for: 900 * SECOND,
        migrate_rate: 10,
        silent_after: None,
        failback: Failback::After(60 * SECOND),
        gatekeeper_identifier: None,
    }
}

pub fn config(zones: Vec<Zone>) -> Config {
    Config {
        zones,
        max_registrations: 1000,
        max_pending: 1000,
        reserved: Reserved::default(),
    }
}

pub fn transparent() -> Transparent {
    Transparent {
        standby: false,
        learn_alternates: true,
        allowed_alternates: vec![Prefix {
            address: [198, 51, 100, 0].into(),
            length: 24,
        }],
        dead_after: SECOND,
        resets_lost: true,
    }
}

/// Two gatekeepers outside.
pub fn two_gatekeepers() -> Config {
    let gatekeepers = vec![
        gatekeeper(BEST, 0, Origin::Configured),
        gatekeeper(NEXT, 1, Origin::Configured),
    ];
    config(vec![zone(
        ZoneMode::Transparent(transparent()),
        gatekeepers,
    )])
}

/// One gatekeeper outside, and rasline as its backup.
pub fn with_backup() -> Config {
    let gatekeepers = vec![
        gatekeeper(BEST, 0, Origin::Configured),
        gatekeeper(OWN, 255, Origin::Own),
    ];
    config(vec![zone(
        ZoneMode::Transparent(transparent()),
        gatekeepers,
    )])
}

/// Rasline alone.
pub fn registrar() -> Config {
    let own = vec![gatekeeper(OWN, 0, Origin::Own)];
    config(vec![zone(ZoneMode::Registrar { multicast: false }, own)])
}

/// A proxy before two gatekeepers, which reach it at an address of its own.
pub fn proxied() -> Config {
    let settings = proxy::Settings {
        gatekeeper_identifier: "lab".to_owned(),
        ras_address: Some(upstream_address()),
        source: proxy::Source::Own,
        upstream: proxy::Upstream::default(),
        endpoint_ttl: None,
        migrate_rate: 10,
        reserved: Reserved::default(),
        max_endpoints: 100,
        call_signalling: None,
        seed: 7,
    };
    let gatekeepers = vec![
        gatekeeper(BEST, 0, Origin::Configured),
        gatekeeper(NEXT, 1, Origin::Configured),
        gatekeeper(OWN, 0, Origin::Own),
    ];
    config(vec![zone(ZoneMode::Proxy(Box::new(settings)), gatekeepers)])
}

pub fn upstream_address() -> SocketAddr {
    ([198, 51, 100, 99], 1719).into()
}

/// What the kernel has, and the probes.
#[derive(Debug, Default)]
pub struct Kernel {
    pub steering: Option<Steering>,
    pub decided: Option<KernelDecision>,
    pub held: bool,
    pub slots: BTreeMap<RegistrationKey, SlotEntry>,
    pub last_seen: BTreeMap<RegistrationKey, Time>,
    pub down: BTreeSet<GatekeeperIndex>,
    pub standby: BTreeSet<GatekeeperIndex>,
    pub silent: BTreeSet<GatekeeperIndex>,
    pub move_for: Option<Duration>,
    /// Everything that it was told about zones, in order.
    pub told: Vec<KernelChange>,
    /// Whether it takes no more slots.
    pub full: bool,
}

impl Surroundings for Kernel {
    fn decided(&self, _: ZoneIndex) -> Option<KernelDecision> {
        self.decided
    }

    fn steered_to(&self, _: ZoneIndex) -> Option<(GatekeeperIndex, Time)> {
        let steering = self.steering.as_ref()?;
        Some((steering.active?, steering.moved))
    }

    fn steering(&self, _: ZoneIndex) -> Option<Steering> {
        self.steering.clone()
    }

    fn is_auto(&self, _: ZoneIndex) -> bool {
        !self.held
    }

    fn last_seen(&self, key: RegistrationKey) -> Option<Time> {
        self.last_seen.get(&key).copied()
    }

    fn known_as(&self, _: SocketAddr, _: SocketAddr) -> Option<SocketAddr> {
        None
    }

    fn trace(&self, _: Time, _: &Subject) -> Trace {
        Trace::default()
    }

    fn is_silent(&self, gatekeeper: GatekeeperIndex, _: Duration) -> bool {
        self.silent.contains(&gatekeeper)
    }

    fn is_probed(&self, _: GatekeeperIndex) -> Option<bool> {
        Some(true)
    }
}

impl Kernel {
    /// The gatekeeper that traffic really goes to.
    pub fn active(&self) -> Option<GatekeeperIndex> {
        let decided = self.decided.map(|it| it.active);
        decided.or_else(|| self.steering.as_ref()?.active)
    }

    fn change(&mut self, change: &KernelChange) {
        match change {
            KernelChange::Steer { to, .. } => {
                self.steering = Some(to.clone()).filter(|to| to.active.is_some());
                self.decided = None;
            }
            KernelChange::Auto { on, .. } => self.held = !on,
            KernelChange::Down { gatekeeper, since } => {
                self.down.remove(gatekeeper);
                self.down.extend(since.map(|_| *gatekeeper));
            }
            KernelChange::Back { .. } => {}
            KernelChange::Standby { gatekeeper, on } => {
                self.standby.remove(gatekeeper);
                self.standby.extend(on.then_some(*gatekeeper));
            }
            KernelChange::MoveFor { time, .. } => self.move_for = Some(*time),
        }
        self.told.push(change.clone());
    }
}

pub struct World {
    pub site: Site,
    pub now: Time,
    pub kernel: Kernel,
    pub sent: Vec<Send>,
    pub events: Vec<Event>,
    pub records: Vec<Record>,
    pub forgotten: usize,
    pub adoptions: usize,
    /// Outputs that are none of these.
    pub others: Vec<Output>,
    seq: u16,
}

impl World {
    pub fn new(config: Config) -> Self {
        Self::with(config, Kernel::default(), Start::default())
    }

    /// With what an earlier controller left behind.
    pub fn with(config: Config, kernel: Kernel, start: Start) -> Self {
        let setup = Setup {
            seed: 7,
            unix_at_zero: 1_700_000_000,
            max_answers: 100,
            max_restored: 100,
        };
        let mut world = Self {
            site: Site::new(config, setup),
            now: Time(1_000_000_000_000),
            kernel,
            sent: Vec::new(),
            events: Vec::new(),
            records: Vec::new(),
            forgotten: 0,
            adoptions: 0,
            others: Vec::new(),
            seq: 0,
        };
        world.handle(Input::Start(Box::new(start)));
        world
    }

    pub fn handle(&mut self, input: Input<'_>) {
        let mut out = Vec::new();
        self.site.handle(self.now, &self.kernel, input, &mut out);
        for output in out {
            self.carry_out(output);
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Publish(entry) => {
                let key = entry.key;
                if self.kernel.full {
                    let why = rasline_core::Refusal::TableFull;
                    return self.handle(Input::PublishFailed { key, why });
                }
                self.kernel.slots.insert(key, *entry);
                self.handle(Input::Published(key));
            }
            Output::Withdraw(key) => {
                self.kernel.slots.remove(&key);
            }
            Output::Kernel(change) => self.kernel.change(&change),
            Output::Send(message) => self.sent.push(message),
            Output::Persist(record) => self.records.push(record),
            Output::Forget(_) => self.forgotten += 1,
            Output::Event(event) => self.events.push(event),
            Output::Adopt => self.adoptions += 1,
            Output::Probe => self.handle(Input::Unprobed(BTreeSet::new())),
            other => self.others.push(other),
        }
    }

    pub fn active(&self) -> Option<GatekeeperIndex> {
        self.kernel.active()
    }

    /// Time passes, a second at a time.
    pub fn pass(&mut self, duration: Duration) {
        for _ in 0..duration.as_secs() {
            self.now = self.now.after(SECOND);
            while self.site.next_due().is_some_and(|due| due <= self.now) {
                self.handle(Input::Due);
            }
            self.handle(Input::Tick(Tick {
                unix_at_zero: 1_700_000_000,
                ..Tick::default()
            }));
            self.handle(Input::Look);
        }
    }

    pub fn health(&mut self, gatekeeper: GatekeeperIndex, to: State) {
        let change = Change {
            from: State::Unknown,
            to,
            evidence: Evidence::default(),
        };
        self.handle(Input::Health { gatekeeper, change });
    }

    /// All that live outside are up.
    pub fn all_up(&mut self) {
        for gatekeeper in [BEST, NEXT] {
            self.health(gatekeeper, State::Up);
        }
    }

    fn next_seq(&mut self) -> u16 {
        self.seq += 1;
        self.seq
    }

    /// A message that the kernel copies.
    pub fn copied(
        &mut self,
        reason: Reason,
        from: u8,
        gatekeeper: GatekeeperIndex,
        payload: &[u8],
    ) {
        self.handle(Input::Message(Message {
            reason,
            zone: ZONE.0,
            gatekeeper: gatekeeper.0,
            endpoint: endpoint(from),
            seen_as: ras(gatekeeper),
            payload,
        }));
    }

    /// Endpoint `n` registers with a gatekeeper outside, and keeps alive until the kernel knows it.
    pub fn learn(&mut self, n: u8, gatekeeper: GatekeeperIndex) -> RegistrationKey {
        let eid = format!("ep{n}");
        let seq = self.next_seq();
        let rrq = full(seq, n).encode().unwrap();
        self.copied(Reason::UnknownRrq, n, gatekeeper, &rrq);
        self.confirm(n, gatekeeper, seq, &eid);
        for _ in 0..3 {
            self.keep_alive_through(n, gatekeeper, &eid);
            self.now = self.now.after(SECOND);
        }
        let slots = &self.kernel.slots;
        let mut found = slots.iter().filter(|(_, it)| it.endpoint == endpoint(n));
        *found.next().expect("learned").0
    }

    pub fn keep_alive_through(&mut self, n: u8, gatekeeper: GatekeeperIndex, eid: &str) {
        let seq = self.next_seq();
        let rrq = party(n).keep_alive(seq, eid).encode().unwrap();
        self.copied(Reason::UnknownRrq, n, gatekeeper, &rrq);
        self.confirm(n, gatekeeper, seq, eid);
    }

    fn confirm(&mut self, n: u8, gatekeeper: GatekeeperIndex, seq: u16, eid: &str) {
        let rcf = rcf(seq, gatekeeper, eid).encode().unwrap();
        self.copied(Reason::FromGatekeeper, n, gatekeeper, &rcf);
    }

    /// The kernel noted a keep-alive.
    pub fn seen(&mut self, key: RegistrationKey, answered: u64) {
        let now = self.now;
        self.kernel.last_seen.insert(key, now);
        let report = SlotReport {
            id: RegistrationId(0),
            last_seen: now,
            answered,
            confirmed: now,
            withdrawn: false,
        };
        self.handle(Input::SlotReport { key, report });
        self.handle(Input::Scanned);
    }

    /// A datagram comes to a socket of rasline's own.
    pub fn datagram(&mut self, from: SocketAddr, local: SocketAddr, payload: &[u8]) {
        self.handle(Input::Datagram(Datagram {
            from,
            local,
            side: None,
            payload,
        }));
    }

    /// Endpoint `n` registers with rasline in full; gives its endpointIdentifier.
    pub fn register(&mut self, n: u8) -> String {
        let rrq = full(self.next_seq(), n).encode().unwrap();
        self.datagram(endpoint(n), ras(OWN), &rrq);
        granted_identifier(&self.last_to(endpoint(n)))
    }

    /// Endpoint `n` registers with a proxy, whose gatekeeper confirms.
    pub fn register_through(&mut self, n: u8, gatekeeper: GatekeeperIndex) {
        let rrq = full(self.next_seq(), n).encode().unwrap();
        self.datagram(endpoint(n), ras(OWN), &rrq);
        let RasMessage::RegistrationRequest(rrq) = self.last_to(ras(gatekeeper)) else {
            panic!("an RRQ upstream");
        };
        let rcf = rcf(rrq.request_seq_num, gatekeeper, "up").encode().unwrap();
        self.datagram(ras(gatekeeper), upstream_address(), &rcf);
        let answer = self.last_to(endpoint(n));
        assert!(matches!(answer, RasMessage::RegistrationConfirm(_)));
    }

    /// It keeps alive with rasline.
    pub fn keep_alive(&mut self, n: u8, eid: &str) {
        let seq = self.next_seq();
        let rrq = party(n).keep_alive(seq, eid).encode().unwrap();
        self.datagram(endpoint(n), ras(OWN), &rrq);
    }

    /// What somebody was sent last.
    pub fn last_to(&self, to: SocketAddr) -> RasMessage {
        let mut all = self.sent.iter().rev();
        let found = all.find(|it| it.to == to).expect("nothing was sent");
        decode_ras(&found.payload).unwrap()
    }

    /// Kinds of what happened to learned registrations, gatekeepers and zones.
    pub fn network_events(&self) -> Vec<&EventKind> {
        let all = self.events.iter();
        all.filter_map(|event| match event {
            Event::Network(event) => Some(&event.kind),
            _ => None,
        })
        .collect()
    }

    /// How many keep-alives the kernel answers, of rasline's own gatekeepers and of others.
    pub fn slots(&self) -> (usize, usize) {
        let slots = &self.kernel.slots;
        let served = slots.keys().filter(|key| key.is_served()).count();
        (served, slots.len() - served)
    }
}

/// The RCF of a gatekeeper outside.
pub fn rcf(seq: u16, gatekeeper: GatekeeperIndex, eid: &str) -> Rcf {
    Rcf {
        seq,
        call_signal_addresses: vec![ras(gatekeeper)],
        endpoint_identifier: eid.into(),
        gatekeeper_identifier: Some("outside".into()),
        time_to_live: Some(60),
        ..Rcf::default()
    }
}

fn party(n: u8) -> Party {
    Party::new(endpoint(n).ip(), format!("user{n}"))
}

/// The full RRQ of endpoint `n`.
pub fn full(seq: u16, n: u8) -> Rrq {
    party(n).full(seq)
}
