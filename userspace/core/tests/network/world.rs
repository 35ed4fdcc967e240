//! The simulated network: agents, clients and gatekeepers, and what passes between them in virtual time.
//!
//! Invariant: a run is a function of its seed and of what the scenario does.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use rasline_core::Time;
use rasline_core::agent::{
    AgentId, Agents, Answers, Candidate, Config, Device, Discovery, Input, Kind, Loss, Output,
    Remembered, Signalling, Strategy,
};
use rasline_testkit_model::clients::Client;
use rasline_testkit_model::dice::Dice;
use rasline_testkit_model::transit::Transit;

use crate::network::gatekeeper::{self, Gatekeeper, Wanted};
use crate::network::ledger::Ledger;
use crate::network::lines::Lines;
use crate::network::weather::{SITES, Weather};

pub const SECOND: Duration = Duration::from_secs(1);
const START: Time = Time(1_000_000_000_000);

/// Something that is under way.
#[derive(Debug)]
enum Coming {
    Datagram {
        from: SocketAddr,
        to: SocketAddr,
        payload: Vec<u8>,
    },
    Line(crate::network::lines::Step),
}

/// Who has an address.
#[derive(Clone, Copy, Debug)]
enum Host {
    Agent(AgentId),
    Client(usize),
}

/// See the module.
pub struct World {
    pub now: Time,
    pub weather: Weather,
    pub agents: Agents,
    pub configs: Vec<Config>,
    pub gatekeepers: Vec<Gatekeeper>,
    pub clients: Vec<Box<dyn Client>>,
    pub ledger: Ledger,
    pub dice: Dice,
    /// What agents wanted kept.
    pub remembered: HashMap<String, Remembered>,
    lines: Lines,
    hosts: HashMap<SocketAddr, Host>,
    coming: Transit<Coming>,
    seed: u64,
}

/// Says how to have the same run again.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "seed {}, at {:?} of virtual time",
                self.seed,
                self.now.since(START)
            );
        }
    }
}

/// Address of agent `n`.
pub fn agent_address(n: u32) -> SocketAddr {
    let [_, a, b, c] = (n + 1).to_be_bytes();
    SocketAddr::from(([10, a, b, c], 1719))
}

/// Which site an address belongs to.
pub fn site(address: SocketAddr) -> usize {
    match address {
        SocketAddr::V4(v4) => usize::from(v4.ip().octets()[3]) % SITES,
        SocketAddr::V6(_) => 0,
    }
}

const fn strategy(n: u32) -> Strategy {
    match n % 2 {
        0 => Strategy::InOrder,
        _ => Strategy::All,
    }
}

/// Agent `n`, with these gatekeepers, best first.
pub fn config(n: u32, gatekeepers: &[usize], strategy: Strategy, seed: u64) -> Config {
    let ras = agent_address(n);
    Config {
        id: AgentId(n),
        name: format!("agent{n}"),
        ras_addresses: vec![ras],
        call_signal_addresses: vec![SocketAddr::new(ras.ip(), 1720)],
        kind: Kind::Gateway,
        devices: vec![Device {
            aliases: vec![format!("gw{n}"), format!("{}", 100_000 + n)],
            prefixes: Vec::new(),
        }],
        gatekeepers: gatekeepers
            .iter()
            .map(|one| Candidate {
                address: gatekeeper::address(*one),
                gatekeeper_identifier: None,
            })
            .collect(),
        discovery: Discovery::Off,
        strategy,
        time_to_live: Duration::from_secs(gatekeeper::TIME_TO_LIVE.into()),
        t1: 2 * SECOND,
        signalling: Signalling::Auto,
        allowed_alternates: None,
        credentials: None,
        answers: Answers::default(),
        seed: seed ^ (u64::from(n) << 20),
    }
}

impl World {
    /// So many gatekeepers, and nobody else.
    pub fn new(seed: u64, gatekeepers: usize) -> Self {
        Self {
            now: START,
            weather: Weather::fair(),
            agents: Agents::new(),
            configs: Vec::new(),
            gatekeepers: (0..gatekeepers)
                .map(|n| Gatekeeper::new(n, gatekeepers, START))
                .collect(),
            clients: Vec::new(),
            ledger: Ledger::default(),
            dice: Dice::new(seed),
            remembered: HashMap::new(),
            lines: Lines::default(),
            hosts: HashMap::new(),
            coming: Transit::default(),
            seed,
        }
    }

    /// And so many agents, half of each strategy, each with all gatekeepers in an order of its own, every fourth without
    /// a connection.
    pub fn with_mixed_agents(seed: u64, gatekeepers: usize, agents: u32) -> Self {
        let mut world = Self::new(seed, gatekeepers);
        for n in 0..agents {
            let mut order: Vec<usize> = (0..gatekeepers).collect();
            order.rotate_left(world.dice.below(gatekeepers));
            world.configs.push(Config {
                signalling: if n % 4 == 3 {
                    Signalling::Off
                } else {
                    Signalling::Auto
                },
                ..config(n, &order, strategy(n), seed)
            });
        }
        world.configure();
        world
    }

    /// And so many agents, half of each strategy, with all gatekeepers in order.
    pub fn with_agents(seed: u64, gatekeepers: usize, agents: u32) -> Self {
        let mut world = Self::new(seed, gatekeepers);
        let all: Vec<usize> = (0..gatekeepers).collect();
        world.configs = (0..agents)
            .map(|n| config(n, &all, strategy(n), seed))
            .collect();
        world.configure();
        world
    }

    /// Tells the agents their configuration.
    pub fn configure(&mut self) {
        for one in &self.configs {
            self.hosts.insert(one.ras_addresses[0], Host::Agent(one.id));
        }
        self.tell(Input::WallClock {
            unix_at_zero: 1_700_000_000,
        });
        self.tell(Input::Configure(self.configs.clone()));
    }

    /// The process of all agents is killed and starts again with what it remembered.
    pub fn restart_agents(&mut self) {
        self.agents = Agents::new();
        for (agent, connection) in self.lines.all() {
            self.lines.close(connection);
            self.ledger.closed(agent, connection);
        }
        self.configure();
        let remembered: Vec<_> = self.remembered.values().cloned().collect();
        for one in remembered {
            self.tell(Input::Restore(one));
        }
    }

    /// Adds a client, which starts at once.
    pub fn add(&mut self, mut client: Box<dyn Client>) {
        let number = self.clients.len();
        self.hosts.insert(client.address(), Host::Client(number));
        client.start(self.elapsed());
        self.clients.push(client);
        self.flush_client(number);
    }

    /// What has passed since the start: the time of clients.
    pub fn elapsed(&self) -> Duration {
        self.now.since(START)
    }

    /// Lets so much time pass.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now.after(time);
        while let Some(next) = self.next().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.step();
        }
        self.now = end;
    }

    /// Lets time pass second by second, and looks at all that must always hold.
    pub fn watch(&mut self, time: Duration, mut look: impl FnMut(&mut Self)) {
        for _ in 0..time.as_secs() {
            self.pass(SECOND);
            look(self);
        }
    }

    fn next(&self) -> Option<Time> {
        let agents = self.agents.next_due();
        let gatekeepers = self.gatekeepers.iter().filter_map(Gatekeeper::next_due);
        let clients = self.clients.iter().filter_map(|one| one.next_due());
        let clients = clients.map(|due| START.after(due));
        let all = gatekeepers
            .chain(clients)
            .chain(self.coming.next_due())
            .chain(agents);
        all.min()
    }

    fn step(&mut self) {
        while let Some(arrived) = self.coming.take(self.now) {
            match arrived {
                Coming::Datagram { from, to, payload } => self.deliver(from, to, &payload),
                Coming::Line(step) => self.line(&step),
            }
        }
        if self.agents.next_due().is_some_and(|due| due <= self.now) {
            self.tell(Input::Due);
        }
        for n in 0..self.gatekeepers.len() {
            if self.gatekeepers[n]
                .next_due()
                .is_some_and(|due| due <= self.now)
            {
                let wanted = self.gatekeepers[n].due(self.now);
                self.do_for_gatekeeper(n, wanted);
            }
        }
        for n in 0..self.clients.len() {
            let elapsed = self.elapsed();
            if self.clients[n].next_due().is_some_and(|due| due <= elapsed) {
                self.clients[n].due(elapsed);
                self.flush_client(n);
            }
        }
    }

    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, payload: &[u8]) {
        if let Some(n) = gatekeeper::number(to) {
            if self.gatekeepers.get(n).is_some_and(Gatekeeper::is_up) {
                let wanted = self.gatekeepers[n].message(self.now, from, payload);
                self.do_for_gatekeeper(n, wanted);
            }
            return;
        }
        match self.hosts.get(&to).copied() {
            Some(Host::Agent(agent)) => self.tell(Input::Message {
                agent,
                from,
                payload,
            }),
            Some(Host::Client(n)) => {
                let elapsed = self.elapsed();
                self.clients[n].receive(elapsed, from, payload);
                self.flush_client(n);
            }
            None => {}
        }
    }

    /// Sends what clients were told to.
    pub fn flush(&mut self) {
        for n in 0..self.clients.len() {
            self.flush_client(n);
        }
    }

    fn flush_client(&mut self, n: usize) {
        let from = self.clients[n].address();
        for datagram in self.clients[n].take() {
            self.send(from, datagram.to, &datagram.octets);
        }
    }

    /// Does what a gatekeeper wants.
    pub fn do_for_gatekeeper(&mut self, n: usize, wanted: Wanted) {
        let from = self.gatekeepers[n].address;
        for (to, payload) in wanted.send {
            self.send(from, to, &payload);
        }
    }

    fn send(&mut self, from: SocketAddr, to: SocketAddr, payload: &[u8]) {
        let (gatekeeper, other) = match gatekeeper::number(to) {
            Some(n) => (n, from),
            None => (gatekeeper::number(from).unwrap_or(usize::MAX), to),
        };
        if !self.weather.reachable(gatekeeper, site(other)) {
            return;
        }
        for delay in self.weather.copies(&mut self.dice) {
            let payload = payload.to_vec();
            self.later(delay, Coming::Datagram { from, to, payload });
        }
    }

    fn later(&mut self, delay: Duration, what: Coming) {
        self.coming.send(self.now.after(delay), what);
    }

    /// Tells the agents something, and does what they want.
    pub fn tell(&mut self, input: Input<'_>) {
        let mut out = Vec::new();
        self.agents.handle(self.now, input, &mut out);
        for output in out {
            match output {
                Output::Send { agent, to, payload } => {
                    self.ledger.sent(self.now, agent);
                    self.send(agent_address(agent.0), to, &payload);
                }
                Output::Connect {
                    agent,
                    connection,
                    to,
                    ..
                } => {
                    self.ledger.connect(self.now, agent, connection, to);
                    let gatekeeper = gatekeeper::number(to).unwrap_or(usize::MAX);
                    let site = site(agent_address(agent.0));
                    let up = self
                        .gatekeepers
                        .get(gatekeeper)
                        .is_some_and(Gatekeeper::is_up);
                    let reachable = self.weather.reachable(gatekeeper, site);
                    let step =
                        self.lines
                            .open(agent, connection, (gatekeeper, site), up && reachable);
                    let delay = if reachable {
                        self.weather.most
                    } else {
                        3 * SECOND
                    };
                    self.later(delay, Coming::Line(step));
                }
                Output::Disconnect { connection } => {
                    if let Some(agent) = self.lines.close(connection) {
                        self.ledger.closed(agent, connection);
                    }
                }
                Output::Persist(remembered) => {
                    self.remembered.insert(remembered.name.clone(), remembered);
                }
                Output::Event(_) => {}
            }
        }
    }

    fn line(&mut self, step: &crate::network::lines::Step) {
        let up = |n: usize| self.gatekeepers.get(n).is_some_and(Gatekeeper::is_up);
        let whole = |n: usize, site: usize| up(n) && self.weather.reachable(n, site);
        match self.lines.take(step, whole) {
            Some((_, connection, None)) => self.tell(Input::Connected { connection }),
            Some((agent, connection, Some(why))) => {
                self.ledger.closed(agent, connection);
                self.tell(Input::Lost { connection, why });
            }
            None => {}
        }
    }

    /// A gatekeeper's process is killed: its connections are reset.
    pub fn crash(&mut self, n: usize) {
        self.gatekeepers[n].crash();
        for step in self
            .lines
            .break_all(Loss::Reset, |gatekeeper, _| gatekeeper == n)
        {
            self.later(self.weather.most, Coming::Line(step));
        }
    }

    /// It starts again.
    pub fn restart(&mut self, n: usize, keep_disk: bool) {
        let wanted = self.gatekeepers[n].restart(self.now, keep_disk);
        self.do_for_gatekeeper(n, wanted);
    }

    /// A gatekeeper cannot be reached from a site any more: connections fall silent, which shows after five seconds.
    pub fn cut(&mut self, n: usize, site: usize) {
        self.weather.cut.insert((n, site));
        let silent = |gatekeeper: usize, at: usize| (gatekeeper, at) == (n, site);
        for step in self.lines.break_all(Loss::Silent, silent) {
            self.later(5 * SECOND, Coming::Line(step));
        }
    }

    /// It can be reached again.
    pub fn heal(&mut self, n: usize, site: usize) {
        self.weather.cut.remove(&(n, site));
    }
}
