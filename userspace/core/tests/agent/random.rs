//! Whatever comes in whatever order: a registration comes from an RCF to an RRQ of the agent's, there is one connection at
//! most (the world checks it with every output), and what goes out is bounded.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use proptest::prelude::*;
use rasline_core::Time;
use rasline_core::agent::{Config, Discovery, Input, Loss, Remembered, Strategy as Manner};
use rasline_h225::build::{self, Gcf, Rcf, Rrj, Urq};
use rasline_h225::types::{
    AltGkInfo, GatekeeperReject, GatekeeperRejectReason, InfoRequest,
    RegistrationRejectReason as Why, UnregRequestReason,
};
use rasline_h225::view::Alternate;
use rasline_h225::{RasKind, RasMessage, decode_ras, encode_ras};

use crate::world::{ME, Sent, World, alternate, config, gk, ms, rcf, urq};

/// What a gatekeeper does with a request.
#[derive(Clone, Debug)]
enum Deed {
    Confirm {
        identity: u8,
        ttl: Option<u32>,
        alternates: Vec<u8>,
    },
    Reject {
        why: u8,
        alternates: Vec<u8>,
        permanent: bool,
    },
    Delay(u16),
    NotUnderstood,
}

/// What happens.
#[derive(Clone, Debug)]
enum Step {
    Pass(u64),
    /// The request sent so many before the last one is dealt with.
    Answer(usize, Deed),
    /// The same, by another gatekeeper.
    Forge(u8, usize, Deed),
    /// The same, with some octets changed.
    Mutate(usize, Deed, Vec<(usize, u8)>),
    Dismiss {
        n: u8,
        seq: u16,
        alternates: Vec<u8>,
    },
    Ask(u8),
    Junk(u8, Vec<u8>),
    Connected,
    Lost(bool),
    Reregister,
    Configure {
        gatekeepers: Vec<u8>,
        devices: usize,
        signalling: bool,
    },
    Restore(u8),
}

fn numbers() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(1..9_u8, 0..4)
}

fn deed() -> impl Strategy<Value = Deed> {
    let ttl = prop_oneof![Just(None), (10..600_u32).prop_map(Some)];
    prop_oneof![
        4 => (0..2_u8, ttl, numbers())
            .prop_map(|(identity, ttl, alternates)| Deed::Confirm { identity, ttl, alternates }),
        3 => (0..8_u8, numbers(), any::<bool>())
            .prop_map(|(why, alternates, permanent)| Deed::Reject { why, alternates, permanent }),
        1 => (1..20_000_u16).prop_map(Deed::Delay),
        1 => Just(Deed::NotUnderstood),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let changes = prop::collection::vec((0..200_usize, any::<u8>()), 1..4);
    prop_oneof![
        6 => prop_oneof![0..100_u64, 100..4000_u64, 4000..400_000_u64].prop_map(Step::Pass),
        8 => (0..3_usize, deed()).prop_map(|(back, deed)| Step::Answer(back, deed)),
        1 => (1..9_u8, 0..3_usize, deed()).prop_map(|(n, back, deed)| Step::Forge(n, back, deed)),
        2 => (0..3_usize, deed(), changes)
            .prop_map(|(back, deed, changes)| Step::Mutate(back, deed, changes)),
        1 => (1..9_u8, 1..4_u16, numbers())
            .prop_map(|(n, seq, alternates)| Step::Dismiss { n, seq, alternates }),
        1 => (1..9_u8).prop_map(Step::Ask),
        1 => (1..9_u8, prop::collection::vec(any::<u8>(), 0..60)).prop_map(|(n, octets)| Step::Junk(n, octets)),
        3 => Just(Step::Connected),
        3 => any::<bool>().prop_map(Step::Lost),
        1 => Just(Step::Reregister),
        1 => (prop::collection::vec(1..5_u8, 1..4), 0..3_usize, any::<bool>()).prop_map(
            |(gatekeepers, devices, signalling)| Step::Configure { gatekeepers, devices, signalling }
        ),
        1 => (1..9_u8).prop_map(Step::Restore),
    ]
}

fn named(numbers: &[u8]) -> Vec<Alternate> {
    let priorities = numbers.iter().map(|n| Alternate {
        need_to_register: n % 3 == 0,
        ..alternate(*n, n % 4)
    });
    priorities.collect()
}

const REASONS: [Why; 7] = [
    Why::DiscoveryRequired,
    Why::FullRegistrationRequired,
    Why::ResourceUnavailable,
    Why::SecurityDenial,
    Why::InvalidAlias,
    Why::RegisterWithAssignedGk,
    Why::UndefinedReason,
];

/// The words of gatekeeper `n` about a request.
fn words(n: u8, request: &Sent, deed: &Deed) -> Vec<u8> {
    let seq = request.seq();
    let discovery = request.kind() == RasKind::GatekeeperRequest;
    let message = match deed {
        Deed::Confirm { alternates, .. } if discovery => Gcf {
            seq,
            gatekeeper_identifier: None,
            ras_address: gk(n),
            alternates: named(alternates),
        }
        .message(),
        Deed::Confirm {
            identity,
            ttl,
            alternates,
        } => Rcf {
            endpoint_identifier: format!("000{identity}_ep"),
            time_to_live: *ttl,
            alternates: named(alternates),
            ..rcf(seq, n)
        }
        .message(),
        Deed::Reject { .. } if discovery => Ok(RasMessage::GatekeeperReject(
            GatekeeperReject::new(seq, GatekeeperRejectReason::ResourceUnavailable),
        )),
        Deed::Reject {
            why,
            alternates,
            permanent,
        } => {
            let why = REASONS.get(usize::from(*why)).cloned();
            let rrj = Rrj {
                alternates: named(alternates),
                ..Rrj::new(seq, why.unwrap_or(Why::DuplicateAlias(vec![])))
            };
            rrj.message().map(|message| lasting(message, *permanent))
        }
        Deed::Delay(delay) => Ok(build::rip(seq, *delay)),
        Deed::NotUnderstood => Ok(build::xrs(seq, &request.raw)),
    };
    encode_ras(&message.unwrap()).unwrap()
}

fn lasting(mut message: RasMessage, permanent: bool) -> RasMessage {
    if let RasMessage::RegistrationReject(rrj) = &mut message {
        let info: Option<&mut AltGkInfo> = rrj.alt_gk_info.as_mut();
        if let Some(info) = info {
            info.alt_gk_is_permanent = permanent;
        }
    }
    message
}

/// Who answers a request to that address.
fn answers(to: SocketAddr) -> (SocketAddr, u8) {
    match to {
        SocketAddr::V4(four) if !four.ip().is_multicast() => (to, four.ip().octets()[3]),
        SocketAddr::V4(_) => (gk(3), 3),
        SocketAddr::V6(_) => (to, 4),
    }
}

fn is_request(sent: &Sent) -> bool {
    let kind = sent.kind();
    kind == RasKind::GatekeeperRequest || kind == RasKind::RegistrationRequest
}

/// A world, and what an observer makes of what goes by.
struct Witness {
    world: World,
    /// RRQs that were sent: to whom, number, and that were not answered yet.
    asked: HashSet<(SocketAddr, u16)>,
    /// Gatekeepers and identifiers of RCFs to those.
    confirmed: HashSet<(SocketAddr, String)>,
    seen: usize,
    inputs: usize,
    started: Time,
}

impl Witness {
    fn new(config: Config) -> Self {
        let world = World::new(config);
        let started = world.now;
        Self {
            world,
            asked: HashSet::new(),
            confirmed: HashSet::new(),
            seen: 0,
            inputs: 0,
            started,
        }
    }

    fn look(&mut self) {
        for sent in &self.world.sent[self.seen..] {
            if sent.kind() == RasKind::RegistrationRequest {
                self.asked.insert((sent.to, sent.seq()));
            }
        }
        self.seen = self.world.sent.len();
        let Some(view) = self.world.agents.view(ME) else {
            return;
        };
        if view.state == "Registered" {
            let by = (
                view.gatekeeper.unwrap(),
                view.endpoint_identifier.clone().unwrap(),
            );
            assert!(self.confirmed.contains(&by), "{by:?} never confirmed it");
        } else if view.confirmed_ns.is_none() {
            assert_ne!(view.state, "Registered");
        }
    }

    fn say(&mut self, from: SocketAddr, payload: &[u8]) {
        self.look();
        if let Ok(RasMessage::RegistrationConfirm(rcf)) = decode_ras(payload)
            && self.asked.contains(&(from, rcf.request_seq_num))
        {
            let identity = rasline_h225::text::from_bmp(&rcf.endpoint_identifier);
            self.confirmed.insert((from, identity));
        }
        self.world.say(from, payload);
    }

    fn recent(&self, back: usize) -> Option<Sent> {
        let requests = self.world.sent.iter().rev();
        requests.filter(|sent| is_request(sent)).nth(back).cloned()
    }

    fn step(&mut self, step: &Step) {
        self.inputs += 1;
        match step {
            Step::Pass(millis) => self.world.run(ms(*millis)),
            Step::Answer(back, deed) => {
                if let Some(request) = self.recent(*back) {
                    let (from, n) = answers(request.to);
                    self.say(from, &words(n, &request, deed));
                }
            }
            Step::Forge(n, back, deed) => {
                if let Some(request) = self.recent(*back) {
                    self.say(gk(*n), &words(*n, &request, deed));
                }
            }
            Step::Mutate(back, deed, changes) => {
                if let Some(request) = self.recent(*back) {
                    let (from, n) = answers(request.to);
                    let mut octets = words(n, &request, deed);
                    let length = octets.len();
                    for (at, value) in changes {
                        octets[at % length] = *value;
                    }
                    self.say(from, &octets);
                }
            }
            Step::Dismiss { n, seq, alternates } => {
                let urq = Urq {
                    endpoint_identifier: self
                        .world
                        .agents
                        .view(ME)
                        .and_then(|view| view.endpoint_identifier),
                    alternates: named(alternates),
                    ..urq(*seq, UnregRequestReason::UndefinedReason)
                };
                self.say(gk(*n), &urq.encode().unwrap());
            }
            Step::Ask(n) => {
                let irq = RasMessage::InfoRequest(InfoRequest::new(3, 0));
                self.say(gk(*n), &encode_ras(&irq).unwrap());
            }
            Step::Junk(n, octets) => self.say(gk(*n), octets),
            Step::Connected => {
                if let Some((connection, _)) = self.world.connections.first().copied() {
                    self.world.input(Input::Connected { connection });
                }
            }
            Step::Lost(refused) => {
                if !self.world.connections.is_empty() {
                    self.world
                        .lose(if *refused { Loss::Refused } else { Loss::Reset });
                }
            }
            Step::Reregister => self.world.input(Input::Reregister { agent: ME }),
            Step::Configure {
                gatekeepers,
                devices,
                signalling,
            } => {
                let mut config = config(gatekeepers);
                config.devices.truncate(*devices);
                config.signalling = *signalling;
                self.world.input(Input::Configure(vec![config]));
            }
            Step::Restore(n) => self.world.input(Input::Restore(Remembered {
                name: "site".into(),
                gatekeeper: Some(gk(*n)),
                endpoint_identifier: Some("0009_ep".into()),
                alternates: named(&[*n]),
            })),
        }
        self.look();
    }

    /// One input can lead to one request for each candidate, and one to each whom an answer named; the rest is time.
    fn check_rate(&self) {
        let seconds = self.world.now.since(self.started).as_secs() as usize;
        let most = 20 + self.inputs * 12 + seconds * 4;
        assert!(
            self.world.sent.len() <= most,
            "{} of {most}",
            self.world.sent.len()
        );
    }
}

fn some_config() -> impl Strategy<Value = Config> {
    let discovery = prop_oneof![
        Just(Discovery::Off),
        Just(Discovery::Unicast),
        Just(Discovery::Multicast)
    ];
    let manner = prop_oneof![Just(Manner::InOrder), Just(Manner::All)];
    let t1 = prop_oneof![Just(ms(0)), Just(ms(200)), Just(ms(3000))];
    (
        prop::collection::vec(1..6_u8, 0..4),
        discovery,
        manner,
        t1,
        any::<u64>(),
    )
        .prop_map(|(gatekeepers, discovery, strategy, t1, seed)| Config {
            discovery,
            strategy,
            t1,
            seed,
            ..config(&gatekeepers)
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes(config in some_config(), steps in prop::collection::vec(step(), 1..120)) {
        let mut witness = Witness::new(config);
        for step in &steps {
            witness.step(step);
        }
        witness.check_rate();
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Gatekeepers that do whatever they like with each request, at once, and drop connections as they like.
    #[test]
    fn fickle_gatekeepers_are_not_flooded(
        config in some_config(),
        deeds in prop::collection::vec((deed(), 0..4_u8), 1..40),
    ) {
        let mut witness = Witness::new(config);
        let mut deeds = deeds.iter().cycle();
        let mut urqs = 0_u16;
        for _ in 0..6000 {
            let requests = witness.world.sent.split_off(0);
            witness.seen = 0;
            for request in requests.into_iter().filter(is_request) {
                let (deed, whim) = deeds.next().unwrap();
                let (from, n) = answers(request.to);
                witness.inputs += 1;
                witness.asked.insert((request.to, request.seq()));
                witness.say(from, &words(n, &request, deed));
                if *whim == 0 {
                    urqs += 1;
                    witness.step(&Step::Dismiss { n, seq: urqs, alternates: vec![n] });
                }
                if *whim == 1 {
                    witness.world.run(ms(1));
                    witness.step(&Step::Lost(true));
                }
            }
            witness.world.run(ms(10));
        }
        // A minute.
        prop_assert!(witness.inputs < 400, "{} requests", witness.inputs);
    }
}

/// After all gatekeepers died, many agents do not knock in step, and seldom.
#[test]
fn a_mass_failure_brings_no_storm() {
    const AGENTS: u32 = 500;
    for reject in [false, true] {
        let mut world = World::empty();
        let configs = (0..AGENTS).map(|n| Config {
            id: rasline_core::agent::AgentId(n),
            name: n.to_string(),
            seed: u64::from(n) * 7919,
            ..config(&[1, 2])
        });
        world.input(Input::Configure(configs.collect()));
        let mut by_second = vec![];
        for _ in 0..600 {
            let end = world.now.after(Duration::from_secs(1));
            let mut count = 0;
            while let Some(due) = world.agents.next_due().filter(|due| *due <= end) {
                world.now = due;
                let mut out = vec![];
                world.agents.handle(due, Input::Due, &mut out);
                count += answer_all(&mut world, out, reject);
            }
            world.now = end;
            by_second.push(count);
        }
        let worst = |from: usize| by_second[from..].iter().max().copied().unwrap();
        assert!(
            worst(0) <= 3 * AGENTS as usize,
            "reject {reject}: {} in a second",
            worst(0)
        );
        assert!(
            worst(300) <= AGENTS as usize / 4,
            "reject {reject}: {} in a second, later",
            worst(300)
        );
        assert!(
            by_second[120..].iter().sum::<usize>() > 1000,
            "they go on trying"
        );
    }
}

/// How many messages were sent, and what came of their being rejected.
fn answer_all(world: &mut World, out: Vec<rasline_core::agent::Output>, reject: bool) -> usize {
    let mut queue = std::collections::VecDeque::from(out);
    let mut count = 0;
    while let Some(output) = queue.pop_front() {
        let rasline_core::agent::Output::Send { agent, to, payload } = output else {
            continue;
        };
        count += 1;
        if reject {
            let seq = decode_ras(&payload).unwrap().request_seq_num();
            let payload = Rrj::new(seq, Why::ResourceUnavailable).encode().unwrap();
            let mut out = vec![];
            let from = to;
            let input = Input::Message {
                agent,
                from,
                payload: &payload,
            };
            world.agents.handle(world.now, input, &mut out);
            queue.extend(out);
        }
    }
    count
}

/// Real messages, some of them broken, to an agent in every state; and real RCFs as answers to its own RRQ.
#[test]
fn captured_messages() {
    let directory = format!("{}/../../tests/vectors", env!("CARGO_MANIFEST_DIR"));
    let mut rcfs = 0;
    for file in std::fs::read_dir(directory).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let octet = |at| u8::from_str_radix(line.get(at..at + 2)?, 16).ok();
            let octets: Vec<u8> = (0..line.len()).step_by(2).filter_map(octet).collect();
            for mut world in [World::new(config(&[1])), World::registered(config(&[1, 2]))] {
                let before = world.view();
                world.say(gk(9), &octets);
                assert_eq!(world.view().state, before.state, "a stranger");
                world.say(gk(1), &octets);
                world.run(ms(100));
            }
            rcfs += usize::from(confirms(&octets));
        }
    }
    assert!(rcfs > 100, "{rcfs}");
}

/// Whether this is an RCF; then it registers an agent that asked with its number.
fn confirms(octets: &[u8]) -> bool {
    let Ok(RasMessage::RegistrationConfirm(rcf)) = decode_ras(octets) else {
        return false;
    };
    let mut world = World::new(config(&[1]));
    let mut octets = octets.to_vec();
    octets[2..4].copy_from_slice(&(world.last().seq() - 1).to_be_bytes());
    world.say(gk(1), &octets);
    let identity = rasline_h225::text::from_bmp(&rcf.endpoint_identifier);
    let view = world.view();
    assert_eq!(view.state, "Registered");
    assert_eq!(view.endpoint_identifier, Some(identity));
    assert_eq!(view.time_to_live, rcf.time_to_live);
    true
}
