//! Profiles and settings that change while zones are served.

use std::time::Duration;

use rasline_core::backup::{Event, Input, Output, Phase, Why};
use rasline_core::registrar;
use rasline_h225::{RasKind, RasMessage};

use crate::backup::world::*;

#[test]
fn another_profile_is_applied_as_it_runs() {
    let mut world = World::with(2, 3);
    for zone in [0, 1] {
        world.serve(zone, true);
        world.register(zone, 1);
    }
    let profile = world.profiles.get_mut(&0).unwrap();
    profile.time_to_live.max = 77;
    world.commit();
    let given = |answers: Vec<RasMessage>| match &answers[..] {
        [RasMessage::RegistrationConfirm(rcf)] => rcf.time_to_live.unwrap(),
        other => panic!("{other:?}"),
    };
    let rrq = full(0, 2, 90).encode().unwrap();
    assert!((30..=77).contains(&given(world.ask(0, ras(0, 2), &rrq))));
    let rrq = full(1, 2, 91).encode().unwrap();
    assert!((78..=300).contains(&given(world.ask(1, ras(1, 2), &rrq))));
    // Who is not in it any more is registered no more; the module is the same.
    let profile = world.profiles.get_mut(&0).unwrap();
    profile.endpoints.remove(0);
    let out = world.commit();
    let left: Vec<_> = sent(&out);
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0].3.kind(), RasKind::UnregistrationRequest);
    assert_eq!((left[0].0, left[0].2), (0, ras(0, 1)));
    let here = world.kernel.iter().filter(|((zone, _), _)| *zone == 0);
    let here: Vec<_> = here.map(|(_, offer)| offer.endpoint).collect();
    assert_eq!(here, [ras(0, 2)]);
    assert_eq!(world.unit.stats().started, 2);
    // The same again is no change.
    assert_eq!(world.commit(), []);
}

#[test]
fn zones_come_and_go() {
    let mut world = World::with(3, 2);
    for zone in 0..3 {
        world.serve(zone, true);
        world.register(zone, 1);
    }
    // 0 stays, 1 is gone, 2 has another name, 3 is new.
    let mut renamed = settings(2);
    renamed.name = name(0);
    world.feed(Input::Zones(vec![settings(0), renamed, settings(3)]));
    assert_eq!(world.running(), [0]);
    assert_eq!((world.kernel.len(), world.store.len()), (1, 1));
    let retired: Vec<u32> = world
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Retired {
                zone,
                why: Why::Reconfigured,
                registrations: 1,
            } => Some(*zone),
            _ => None,
        })
        .collect();
    assert_eq!(retired, [2, 1]);
    assert!(world.unit.view(1).is_none());
    world.serve(1, true);
    assert_eq!(world.unit.stats().unknown_zone, 1);
    world.serve(3, true);
    assert!(matches!(world.phase(3), Phase::Refusing { .. }));
}

#[test]
fn what_endpoints_were_told_does_not_change_under_them() {
    let mut world = World::with(1, 2);
    world.serve(0, true);
    let eid = world.register(0, 1);
    let mut other = settings(0);
    other.own.push(gatekeeper(9));
    world.feed(Input::Zones(vec![other.clone()]));
    assert_eq!(world.kernel.len(), 1);
    // Other alternates: a new module, that takes back who comes.
    other.alternates = vec![rasline_core::Alternate {
        address: gatekeeper(8),
        gatekeeper_identifier: None,
        need_to_register: true,
        priority: 1,
    }];
    world.feed(Input::Zones(vec![other]));
    assert_eq!(world.running(), [0]);
    assert_eq!((world.kernel.len(), world.store.len()), (0, 0));
    let rrq = rasline_h225::messages::Rrq {
        endpoint_identifier: Some(eid.clone()),
        supports_alt_gk: true,
        ..full(0, 1, 40)
    };
    let answers = world.ask(0, ras(0, 1), &rrq.encode().unwrap());
    let [RasMessage::RegistrationConfirm(rcf)] = &answers[..] else {
        panic!("{answers:?}");
    };
    assert_eq!(rcf.alternate_gatekeeper.as_ref().unwrap().len(), 1);
    assert_eq!(confirmed(&answers), eid);
}

#[test]
fn overload_is_passed_on() {
    let mut world = World::with(2, 2);
    world.serve(0, true);
    world.feed(Input::Overload(Some(Duration::from_millis(700))));
    // Also to who starts later.
    world.serve(1, true);
    for zone in [0, 1] {
        let rrq = full(zone, 1, 5).encode().unwrap();
        let answers = world.ask(zone, ras(zone, 1), &rrq);
        assert_eq!(answers[0].kind(), RasKind::RequestInProgress, "{zone}");
    }
    world.feed(Input::Overload(None));
    world.pass(2 * SECOND);
    world.register(0, 2);
}

#[test]
fn one_registration_is_dropped() {
    let mut world = World::with(2, 2);
    for zone in [0, 1] {
        world.serve(zone, true);
        world.register(zone, 1);
    }
    let ids: Vec<_> = world.kernel.keys().copied().collect();
    // Numbers are by zone.
    assert_eq!(ids[0].1, ids[1].1);
    let out = world.feed(Input::Drop {
        zone: 1,
        id: ids[1].1,
    });
    assert_eq!(world.kernel.keys().copied().collect::<Vec<_>>(), [ids[0]]);
    assert!(
        out.iter()
            .all(|output| !matches!(output, Output::Zone { zone: 0, .. }))
    );
    let seen = world.now;
    let out = world.feed(Input::Seen {
        zone: 0,
        id: ids[0].1,
        at: seen,
    });
    assert!(!out.iter().any(|output| matches!(
        output,
        Output::Zone {
            output: registrar::Output::Withdraw { .. },
            ..
        }
    )));
}
