//! A network that loses, repeats and reorders, gatekeepers that come and go: in the end each endpoint is registered
//! once, where the zone is served, and neither side ever sees the other's identifiers.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use rasline_core::proxy::UpstreamState;
use rasline_h225::decode_ras;
use rasline_h225::text::from_bmp;
use rasline_h225::types::RasMessage;

use crate::proxy::world::*;

const ENDPOINTS: u32 = 6;

#[derive(Clone, Debug)]
enum Step {
    Register(u32),
    KeepAlive(u32),
    Leave(u32),
    Call(u32, u32),
    Active(u8),
    Restart(bool),
    Pass(u16),
}

fn step() -> impl Strategy<Value = Step> {
    let who = 1..=ENDPOINTS;
    prop_oneof![
        4 => who.clone().prop_map(Step::Register),
        2 => who.clone().prop_map(Step::KeepAlive),
        1 => who.clone().prop_map(Step::Leave),
        2 => (who.clone(), who).prop_map(|(from, to)| Step::Call(from, to)),
        1 => (0..3_u8).prop_map(Step::Active),
        1 => any::<bool>().prop_map(Step::Restart),
        4 => (0..20_000_u16).prop_map(Step::Pass),
    ]
}

/// Loses one in six, repeats one in eight, up to 300 ms late; the same for the same seed.
fn unreliable(mut seed: u64) -> Fate {
    let mut draw = move |below: u64| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    Box::new(move || {
        let copies = match draw(24) {
            0..4 => 0,
            4..7 => 2,
            _ => 1,
        };
        (0..copies)
            .map(|_| Duration::from_millis(draw(300)))
            .collect()
    })
}

/// endpointIdentifiers that endpoints were given last.
fn given(world: &World) -> BTreeMap<u32, String> {
    let mut all = BTreeMap::new();
    for (_, to, octets) in &world.at_endpoints {
        let n = (1..=ENDPOINTS).find(|n| ras(*n) == *to);
        if let (Some(n), Ok(RasMessage::RegistrationConfirm(rcf))) = (n, decode_ras(octets)) {
            all.insert(n, from_bmp(&rcf.endpoint_identifier));
        }
    }
    all
}

fn run(world: &mut World, one: &Step) {
    let given = given(world);
    let eid = |n: &u32| given.get(n).cloned();
    match one {
        Step::Register(n) => {
            let seq = world.next_seq();
            world.send(*n, &full(seq, *n).message().unwrap());
        }
        Step::KeepAlive(n) => {
            if let Some(eid) = eid(n) {
                world.keep_alive(*n, &eid);
            }
        }
        Step::Leave(n) => {
            if let Some(eid) = eid(n) {
                world.unregister(*n, &eid);
            }
        }
        Step::Call(n, to) => {
            if let Some(eid) = eid(n) {
                world.call(*n, &eid, *to);
            }
        }
        Step::Active(which) => world.active([None, Some(ONE), Some(TWO)][usize::from(*which)]),
        Step::Restart(first) => {
            let (at, name) = if *first {
                (ONE, "gk-one")
            } else {
                (TWO, "gk-number-two")
            };
            world.gatekeepers.insert(at, gatekeeper(at, name));
        }
        Step::Pass(ms) => world.pass(Duration::from_millis((*ms).into())),
    }
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

fn has(octets: &[u8], part: &[u8]) -> bool {
    octets.windows(part.len()).any(|window| window == part)
}

fn no_side_knows_the_other(world: &World) {
    for (_, _, octets) in &world.at_endpoints {
        for text in ["gk-one", "gk-number"] {
            assert!(!has(octets, &utf16(text)), "{:?}", decode_ras(octets));
        }
        for address in [[198, 51, 100, 1], [198, 51, 100, 2], [203, 0, 113, 2]] {
            assert!(!has(octets, &address), "{:?}", decode_ras(octets));
        }
    }
    for (_, _, octets) in &world.at_gatekeepers {
        assert!(!has(octets, &utf16("zone")), "{:?}", decode_ras(octets));
        assert!(!has(octets, &[203, 0, 113, 1]), "{:?}", decode_ras(octets));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128,
        failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn registered_once_where_the_zone_is_served(
        steps in proptest::collection::vec(step(), 1..60),
        seed in any::<u64>(),
        rate in 0..4_u32,
        last in any::<bool>(),
        own in any::<bool>(),
    ) {
        let rate = rate * 5;
        let mut world = World::with(if own { settings(rate) } else { as_endpoints(rate) });
        world.active(Some(ONE));
        world.fate = unreliable(seed);
        for one in &steps {
            run(&mut world, one);
        }
        world.fate = Box::new(|| vec![MS]);
        let active = if last { ONE } else { TWO };
        world.active(Some(active));
        // Those that are there stay there.
        for _ in 0..5 {
            world.pass(Duration::from_secs(50));
            for view in world.views() {
                let n = (1..=ENDPOINTS).find(|n| ras(*n) == view.endpoint).unwrap();
                world.keep_alive(n, &view.endpoint_identifier);
            }
        }
        world.pass(SECOND);
        let views = world.views();
        for view in &views {
            prop_assert_eq!(view.upstream, UpstreamState::Registered);
            let n = (1..=ENDPOINTS).find(|n| ras(*n) == view.endpoint).unwrap();
            let known = world.known_as(active, n);
            prop_assert_eq!(known, Vec::from_iter(view.upstream_identifier.clone()));
        }
        prop_assert_eq!(world.registered_at(active), views.len());
        prop_assert_eq!(world.stats().waiting, 0);
        no_side_knows_the_other(&world);
        // Endpoints that have left may still be asked about by a gatekeeper that did not hear of it.
        for (_, to, octets) in &world.passed_on {
            let message = decode_ras(octets).unwrap();
            prop_assert!(message.kind().is_request(), "to {}: {:?}", to, message);
        }
    }
}
