//! Whatever comes in whatever order: a registration comes from an RCF to an RRQ of the agent's, there is one connection at
//! most (the world checks it with every output), and what goes out is bounded.

use std::collections::HashSet;
use std::net::SocketAddr;

use proptest::prelude::*;
use rasline_core::Time;
use rasline_core::agent::{
    Config, Discovery, Input, Loss, Remembered, Signalling, Strategy as Manner,
};
use rasline_h225::messages::Urq;
use rasline_h225::types::{InfoRequest, UnregRequestReason};
use rasline_h225::{RasKind, RasMessage, decode_ras, encode_ras};

use crate::agent::steps::{Step, answers, deed, is_request, named, step, words};
use crate::agent::world::{ME, Sent, World, config, gk, ms, urq};

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
                config.signalling = if *signalling {
                    Signalling::Auto
                } else {
                    Signalling::Off
                };
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
