//! Whatever comes in whatever order. What always holds is checked by the world at each step.

use std::time::Duration;

use proptest::prelude::*;
use rasline_core::backup::{Input, Phase, Refusal};
use rasline_core::registrar::EntryId;
use rasline_h225::RasMessage;
use rasline_h225::text::from_transport;

use crate::backup::world::*;

const ZONES: u32 = 4;

#[derive(Clone, Debug)]
enum Step {
    Serve(u32, bool),
    /// Zone, whether it has a profile, is subscribed, until so many seconds from now; tenant; which zones it reaches.
    Profile(u32, bool, bool, Option<u8>, bool, u8),
    /// Which zones are configured, and which of them always served.
    Zones(u8, u8),
    Register(u32, u16),
    KeepAlive(u32, u16),
    Call(u32, u16, u32, u16),
    Octets(u32, Vec<u8>),
    Seen(u32, u64),
    Drop(u32, u64),
    RestoreAll,
    Due,
    Pass(u16),
}

fn step() -> impl Strategy<Value = Step> {
    let zone = 0..ZONES + 1;
    let n = 1..4_u16;
    prop_oneof![
        4 => (zone.clone(), any::<bool>()).prop_map(|(zone, on)| Step::Serve(zone, on)),
        3 => (
            0..ZONES,
            prop::bool::weighted(0.8),
            prop::bool::weighted(0.8),
            prop::option::of(any::<u8>()),
            any::<bool>(),
            any::<u8>()
        )
            .prop_map(|(zone, there, on, until, tenant, reach)| {
                Step::Profile(zone, there, on, until, tenant, reach)
            }),
        1 => any::<(u8, u8)>().prop_map(|(there, always)| Step::Zones(there, always)),
        6 => (zone.clone(), n.clone()).prop_map(|(zone, n)| Step::Register(zone, n)),
        6 => (zone.clone(), n.clone()).prop_map(|(zone, n)| Step::KeepAlive(zone, n)),
        6 => (zone.clone(), n.clone(), zone.clone(), n.clone())
            .prop_map(|(zone, n, to, callee)| Step::Call(zone, n, to, callee)),
        2 => (zone.clone(), prop::collection::vec(any::<u8>(), 0..60))
            .prop_map(|(zone, octets)| Step::Octets(zone, octets)),
        1 => (zone.clone(), 0..6_u64).prop_map(|(zone, id)| Step::Seen(zone, id)),
        1 => (zone.clone(), 0..6_u64).prop_map(|(zone, id)| Step::Drop(zone, id)),
        1 => Just(Step::RestoreAll),
        3 => Just(Step::Due),
        3 => any::<u16>().prop_map(|tenths| Step::Pass(tenths % 3000)),
    ]
}

struct Random {
    world: World,
    /// endpointIdentifier that an endpoint was given last.
    eids: std::collections::BTreeMap<(u32, u16), String>,
    gone: [bool; ZONES as usize],
    configured: u8,
    always: u8,
}

impl Random {
    fn eid(&self, zone: u32, n: u16) -> String {
        let given = self.eids.get(&(zone, n));
        given.cloned().unwrap_or_else(|| "none".into())
    }

    fn unix(&self) -> u64 {
        UNIX - 1000 + self.world.now.0 / 1_000_000_000
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Serve(zone, on) => {
                self.world.serve(zone, on);
                if let Some(gone) = self.gone.get_mut(zone as usize)
                    && self.configured & (1 << zone) != 0
                {
                    *gone = on;
                }
            }
            Step::Profile(zone, there, on, until, tenant, reach) => {
                self.profile(zone, there, (on, until), tenant, reach);
            }
            Step::Zones(there, always) => self.zones(there, always),
            Step::Register(zone, n) => {
                let seq = self.world.seq();
                let rrq = full(zone, n, seq).encode().unwrap();
                let answers = self.world.ask(zone, ras(zone, n), &rrq);
                if let [RasMessage::RegistrationConfirm(_)] = &answers[..] {
                    self.eids.insert((zone, n), confirmed(&answers));
                }
            }
            Step::KeepAlive(zone, n) => {
                let (seq, eid) = (self.world.seq(), self.eid(zone, n));
                let answers = self
                    .world
                    .ask(zone, ras(zone, n), &keep_alive(zone, n, seq, &eid));
                if let [RasMessage::RegistrationConfirm(_)] = &answers[..] {
                    assert_eq!(confirmed(&answers), eid);
                }
            }
            Step::Call(zone, n, to, callee) => self.call(zone, n, to, callee),
            Step::Octets(zone, octets) => {
                self.world.ask(zone, ras(zone, 1), &octets);
            }
            Step::Seen(zone, id) => {
                let (id, at) = (EntryId(id), self.world.now);
                self.world.feed(Input::Seen { zone, id, at });
            }
            Step::Drop(zone, id) => {
                let id = EntryId(id);
                self.world.feed(Input::Drop { zone, id });
            }
            Step::RestoreAll => {
                let all: Vec<_> = self.world.store.clone().into_iter().collect();
                for ((zone, _), stored) in all {
                    if self.world.phase(zone) != Phase::Running {
                        let stored = Box::new(stored);
                        self.world.feed(Input::Restore { zone, stored });
                    }
                }
                let all: Vec<_> = self.world.stored_calls.clone().into_iter().collect();
                for ((zone, _), stored) in all {
                    let stored = Box::new(stored);
                    self.world.feed(Input::RestoreCall { zone, stored });
                }
            }
            Step::Due => {
                self.world.feed(Input::Due);
            }
            Step::Pass(tenths) => {
                self.world
                    .pass(Duration::from_millis(u64::from(tenths) * 100));
            }
        }
    }

    fn profile(&mut self, zone: u32, there: bool, on: (bool, Option<u8>), tenant: bool, reach: u8) {
        self.world.profiles.remove(&zone);
        if there {
            let mut profile = profile(zone, 3);
            profile.subscription.on = on.0;
            profile.subscription.until = on.1.map(|seconds| self.unix() + u64::from(seconds));
            profile.tenant = if tenant { "a" } else { "b" }.into();
            profile.prefixes = vec![zone.to_string()];
            let reached = (0..ZONES).filter(|other| reach & (1 << other) != 0);
            profile.reach = reached.map(name).collect();
            self.world.profiles.insert(zone, profile);
        }
        self.world.commit();
    }

    fn zones(&mut self, there: u8, always: u8) {
        self.configured = there;
        self.always = always;
        let zones = (0..ZONES).filter(|zone| there & (1 << zone) != 0);
        let zones = zones.map(|zone| {
            let mut settings = settings(zone);
            settings.always = always & (1 << zone) != 0;
            settings
        });
        self.world.feed(Input::Zones(zones.collect()));
        for zone in 0..ZONES {
            self.gone[zone as usize] &= there & (1 << zone) != 0;
        }
    }

    /// A call ends at who is called, or nowhere, and never beyond the tenant.
    fn call(&mut self, zone: u32, n: u16, to: u32, callee: u16) {
        let (seq, eid) = (self.world.seq(), self.eid(zone, n));
        let number = if to == zone {
            format!("{}", 1000 + callee)
        } else {
            format!("{to}{}", 1000 + callee)
        };
        for answer in self.world.ask(zone, ras(zone, n), &arq(seq, &eid, &number)) {
            if let RasMessage::AdmissionConfirm(acf) = answer {
                let address = from_transport(&acf.dest_call_signal_address).unwrap();
                let in_zone = (0..ZONES).find(|zone| address == signal(*zone, callee));
                let other = in_zone.unwrap_or_else(|| panic!("{number}: {address}"));
                let tenant = |zone| self.world.profiles.get(&zone).map(|p| p.tenant.clone());
                assert_eq!(tenant(other), tenant(zone));
            }
        }
    }

    /// Every zone is where the table says.
    fn check(&self) {
        for zone in 0..ZONES {
            let bit = 1 << zone;
            let Some(view) = self.world.unit.view(zone) else {
                assert_eq!(self.configured & bit, 0);
                continue;
            };
            let served = self.gone[zone as usize] || self.always & bit != 0;
            let expected = match self.world.profiles.get(&zone) {
                _ if !served => Phase::Idle,
                None => Phase::Refusing {
                    why: Refusal::NoProfile,
                },
                Some(profile) if profile.subscription.holds(self.unix()) => Phase::Running,
                Some(_) => Phase::Refusing {
                    why: Refusal::NotSubscribed,
                },
            };
            assert_eq!(view.phase, expected, "zone {zone}");
            assert_eq!(
                self.world.unit.registrar(zone).is_some(),
                view.stats.is_some()
            );
        }
        let stats = self.world.unit.stats();
        assert_eq!(stats.started - stats.retired, stats.running);
        assert!(stats.running > 0 || self.world.unit.next_due().is_none());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes(steps in prop::collection::vec(step(), 1..150)) {
        let mut random = Random {
            world: World::with(ZONES, 3),
            eids: std::collections::BTreeMap::new(),
            gone: [false; ZONES as usize],
            configured: 0xff,
            always: 0,
        };
        for step in steps {
            random.take(step);
            random.check();
        }
    }
}
