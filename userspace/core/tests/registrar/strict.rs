//! H.235.1 with an endpoint that checks as strictly as the strictest stack in use: generalID names it, and nobody else.

use rasline_core::profile::{Authentication, KnownEndpoint, Profile};
use rasline_core::registrar::{Input, Output};
use rasline_h225::messages::{Rrq, Urq};
use rasline_h225::security::{Mechanism, claim};
use rasline_h225::text::from_bmp;
use rasline_h225::types::{RasMessage, UnregistrationConfirm};
use rasline_h225::{decode_ras, encode_ras, header};
use rasline_testkit_model::clients::Client;
use rasline_testkit_model::clients::{Terminal, TerminalSettings, Way};
use rasline_testkit_model::credentials::{Authenticator, Credentials};

use crate::registrar::calls::*;
use crate::registrar::world::*;

fn secured(mechanism: Mechanism) -> Profile {
    let mut profile = profile();
    profile.authentication = match mechanism {
        Mechanism::Md5 => Authentication::Md5,
        Mechanism::HmacSha1 => Authentication::HmacSha1,
    };
    let one = |alias: &str| KnownEndpoint {
        password: Some("secret".into()),
        ..known(&[alias])
    };
    profile.endpoints = vec![one("ep1"), one("ep2")];
    profile
}

fn credentials(mechanism: Mechanism, name: &str) -> Credentials {
    Credentials {
        mechanism,
        name: name.into(),
        password: "secret".into(),
    }
}

/// A world, and endpoint 1 that checks all that comes.
struct Strict {
    world: World,
    proof: Authenticator,
    eid: Option<String>,
}

impl Strict {
    fn new(world: World) -> Self {
        let mut proof = Authenticator::new(credentials(Mechanism::HmacSha1, "ep1"));
        proof.meet(Some("gk1"));
        let eid = None;
        Self { world, proof, eid }
    }

    fn unix(&self) -> u32 {
        (1_700_000_000 + self.world.now.0 / 1_000_000_000) as u32
    }

    /// What is sent to it, each checked.
    fn checked(&mut self, out: &[Output]) -> Vec<RasMessage> {
        let unix = self.unix();
        let mut all = Vec::new();
        for one in out {
            if let Output::Send { to, payload, .. } = one
                && *to == ras(1)
            {
                let message = decode_ras(payload).unwrap();
                self.proof
                    .check(payload, &message, unix)
                    .unwrap_or_else(|why| panic!("{why}: {message:?}"));
                all.push(message);
            }
        }
        all
    }

    fn says(&mut self, mut message: RasMessage) -> Vec<RasMessage> {
        let unix = self.unix();
        let octets = self.proof.sign(&mut message, unix);
        let out = self.world.octets(ras(1), &octets);
        self.checked(&out)
    }

    /// Says it, and the only answer is of this kind.
    fn gets(&mut self, message: RasMessage, kind: &str) -> RasMessage {
        let mut all = self.says(message);
        let kinds: Vec<_> = all.iter().map(|one| one.kind().name()).collect();
        assert_eq!(kinds, [kind]);
        all.pop().unwrap()
    }

    fn eid(&self) -> String {
        self.eid.clone().expect("registered")
    }

    fn register(&mut self) {
        let seq = self.world.next_seq();
        let rrq = Rrq {
            endpoint_identifier: self.eid.clone(),
            ..full(seq, 1, "ep1")
        };
        let RasMessage::RegistrationConfirm(rcf) = self.gets(rrq.message().unwrap(), "RCF") else {
            unreachable!("an RCF")
        };
        self.eid = Some(from_bmp(&rcf.endpoint_identifier));
    }

    fn keep_alive(&mut self) {
        let rrq = Rrq::lightweight(self.world.next_seq(), ras(1), &self.eid());
        self.gets(rrq.message().unwrap(), "RCF");
    }

    /// What comes to it within this time.
    fn waits(&mut self, seconds: u32) -> Vec<RasMessage> {
        let mut all = Vec::new();
        for _ in 0..seconds {
            let out = self.world.pass(SECOND);
            all.extend(self.checked(&out));
        }
        all
    }
}

#[test]
fn all_that_it_is_told_is_for_its_endpoint_identifier() {
    let mut strict = Strict::new(World::with(secured(Mechanism::HmacSha1)));
    strict.register();
    strict.keep_alive();
    // Again, as it does when it starts anew with what it has.
    strict.register();
    let eid = strict.eid();
    let arq = arq(900, &eid, 1, &["ep1"]);
    strict.gets(RasMessage::AdmissionRequest(arq), "ACF");
    let brq = rasline_h225::types::BandwidthRequest::new(
        901,
        rasline_h225::text::to_bmp(&eid).unwrap(),
        vec![1; 16].into(),
        1,
        10,
    );
    strict.says(RasMessage::BandwidthRequest(brq));
    strict.gets(RasMessage::DisengageRequest(drq(902, &eid, 1)), "DCF");
    // Asked, and then unregistered: each for its endpointIdentifier, which `checked` sees.
    let told = strict.waits(90);
    let kinds: Vec<_> = told.iter().map(|one| one.kind().name()).collect();
    assert!(
        kinds.contains(&"IRQ") && kinds.contains(&"URQ"),
        "{kinds:?}"
    );
    let seq = told.last().unwrap().request_seq_num();
    let ucf = UnregistrationConfirm::new(seq);
    strict.says(RasMessage::UnregistrationConfirm(ucf));
    // A rejection, too: it still believes that it is registered.
    let rrq = Rrq::lightweight(903, ras(1), &eid);
    strict.gets(rrq.message().unwrap(), "RRJ");
}

#[test]
fn it_leaves_by_its_endpoint_identifier() {
    let mut strict = Strict::new(World::with(secured(Mechanism::HmacSha1)));
    strict.register();
    let urq = Urq {
        seq: 903,
        endpoint_identifier: strict.eid.clone(),
        ..Urq::default()
    };
    strict.gets(urq.message().unwrap(), "UCF");
}

/// Whoever names himself by an endpointIdentifier that nobody knows here any more is known by his aliases.
#[test]
fn an_endpoint_identifier_of_before_is_no_guess() {
    let mut strict = Strict::new(World::with(secured(Mechanism::HmacSha1)));
    strict.register();
    let mut settings = settings(secured(Mechanism::HmacSha1));
    settings.seed = 0xbeef;
    strict.world = World::of(settings);
    let light = Rrq {
        aliases: vec!["ep1".into()],
        ..Rrq::lightweight(77, ras(1), &strict.eid())
    };
    strict.gets(light.message().unwrap(), "RRJ");
    strict.register();
    strict.keep_alive();
}

#[test]
fn after_a_restart_and_after_another_profile() {
    let mut strict = Strict::new(World::with(secured(Mechanism::HmacSha1)));
    let mut disk = Disk::default();
    let mut rrq = full(7, 1, "ep1").message().unwrap();
    let unix = strict.unix();
    let octets = strict.proof.sign(&mut rrq, unix);
    let out = strict.world.octets(ras(1), &octets);
    disk.write(&out);
    strict.checked(&out);
    strict.eid = Some(strict.world.only().endpoint_identifier);
    let now = strict.world.now;
    strict.world = restored(&mut disk, secured(Mechanism::HmacSha1), now);
    let mut without = secured(Mechanism::HmacSha1);
    without.admit_unknown = false;
    without.endpoints.remove(0);
    // Restored, it has said nothing yet: what is sent to it is for its endpointIdentifier all the same.
    let told = strict.waits(61);
    assert!(!told.is_empty());
    strict.keep_alive();
    let out = strict.world.input(Input::Profile(without.into()));
    let urq = out.iter().find_map(|one| match one {
        Output::Send { payload, .. } => decode_ras(payload).ok(),
        _ => None,
    });
    let urq = urq.expect("a URQ");
    assert_eq!(urq.kind().name(), "URQ");
    assert!(claim(&urq).is_none_or(|one| one.peer == strict.eid()));
}

/// The client that stands for the stack which refused the RCF, as a whole.
#[test]
fn the_strictest_stack_lives_with_it() {
    for mechanism in [Mechanism::Md5, Mechanism::HmacSha1] {
        let mut world = World::with(secured(mechanism));
        let begin = world.now;
        let mut terminal = Terminal::new(TerminalSettings {
            ras: ras(1),
            call_signal: signalling(1),
            aliases: vec!["ep1".into()],
            gatekeeper: GATEKEEPER,
            first_seq: 1,
            credentials: Some(credentials(mechanism, "ep1")),
            unix: (1_700_000_000 + begin.0 / 1_000_000_000) as u32,
        });
        let since = |world: &World| world.now.since(begin);
        terminal.start(since(&world));
        let mut leaving = false;
        for second in 0..600 {
            loop {
                let said = terminal.take();
                if said.is_empty() {
                    break;
                }
                for datagram in said {
                    for one in world.octets(ras(1), &datagram.octets) {
                        if let Output::Send { from, payload, .. } = one {
                            terminal.receive(since(&world), from, &payload);
                        }
                    }
                }
            }
            if second == 400 {
                terminal.leave(since(&world));
                leaving = true;
                continue;
            }
            assert_eq!(terminal.registered(), !leaving, "{mechanism:?} {second}");
            for one in world.pass(SECOND) {
                if let Output::Send { from, payload, .. } = one {
                    terminal.receive(since(&world), from, &payload);
                }
            }
            if terminal.next_due().is_some_and(|due| due <= since(&world)) {
                terminal.due(since(&world));
            }
        }
        let ignored = terminal.journal().iter().find_map(|one| match one.way {
            Way::Ignored(why) => Some((why, header(&one.octets))),
            _ => None,
        });
        assert_eq!(ignored, None);
        assert!(world.views().is_empty());
    }
}

/// It sees what the stack in the capture saw.
#[test]
fn the_client_refuses_what_was_refused() {
    let mut proof = Authenticator::new(credentials(Mechanism::HmacSha1, "ep1"));
    proof.meet(Some("gk1"));
    let key = |peer| rasline_h225::security::Key {
        identifier: "gk1",
        peer,
        password: "secret",
    };
    let mut rcf = rasline_h225::messages::Rcf {
        seq: 5,
        endpoint_identifier: "0001_x".into(),
        ..rasline_h225::messages::Rcf::default()
    };
    let mut answer = |peer, random| {
        let mut rcf = rcf.message().unwrap();
        let raw = rasline_h225::security::sign(
            &mut rcf,
            Mechanism::HmacSha1,
            &key(peer),
            1_700_000_000,
            random,
        )
        .unwrap();
        proof.check(&raw, &decode_ras(&raw).unwrap(), 1_700_000_000)
    };
    assert_eq!(answer("ep1", 1), Err("generalID is not its name"));
    assert_eq!(answer("", 2), Err("generalID is not its name"));
    assert_eq!(answer("0001_x", 3), Ok(()));
    assert_eq!(answer("0001_x", 3), Ok(()), "a retransmission");
    rcf.seq = 6;
    let mut rcf = rcf.message().unwrap();
    let raw = rasline_h225::security::sign(
        &mut rcf,
        Mechanism::HmacSha1,
        &key("0001_x"),
        1_700_000_000,
        3,
    );
    let replayed = proof.check(&raw.unwrap(), &rcf, 1_700_000_000);
    assert_eq!(replayed, Err("seen before"));
    let rcf = rasline_h225::messages::Rcf {
        seq: 7,
        endpoint_identifier: "0001_x".into(),
        ..rasline_h225::messages::Rcf::default()
    };
    let plain = encode_ras(&rcf.message().unwrap()).unwrap();
    let plain = proof.check(&plain, &rcf.message().unwrap(), 1_700_000_000);
    assert_eq!(plain, Err("no token"));
}
