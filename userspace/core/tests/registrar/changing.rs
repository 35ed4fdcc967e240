//! What the profile allows, profiles that change, and restarts.

use std::sync::Arc;

use rasline_core::Time;
use rasline_core::profile::{Profile, TimeToLive};
use rasline_core::registrar::{Ended, Event, Input, Stored};
use rasline_h225::messages::Rrq;
use rasline_h225::types::{RasMessage, UnregRequestReason};

use crate::registrar::calls::*;
use crate::registrar::world::*;

fn closed() -> Profile {
    let mut closed = profile();
    closed.admit_unknown = false;
    closed.endpoints = vec![known(&["alice", "100"]), known(&["bob", "200"])];
    closed
}

fn with_aliases(seq: u16, n: u8, aliases: &[&str]) -> Rrq {
    Rrq {
        aliases: aliases.iter().map(|one| (*one).to_owned()).collect(),
        ..full(seq, n, "")
    }
}

#[test]
fn only_the_aliases_of_one_known_endpoint() {
    let mut world = World::with(closed());
    for (seq, aliases, why) in [
        (1, &["carol"][..], "invalidAlias"),
        (2, &["alice", "carol"], "invalidAlias"),
        (3, &["alice", "200"], "invalidAlias"),
        (4, &[], "securityDenial"),
    ] {
        assert_eq!(
            world.rrj(ras(1), &with_aliases(seq, 1, aliases)),
            why,
            "{aliases:?}"
        );
    }
    world.rcf(ras(1), &with_aliases(5, 1, &["100"]));
    world.rcf(ras(3), &with_aliases(6, 3, &["alice"]));
    world.rcf(ras(2), &with_aliases(7, 2, &["200", "bob"]));
    // Where unknown ones are admitted, the known ones' aliases are still not mixed.
    let mut open = closed();
    open.admit_unknown = true;
    let mut world = World::with(open);
    world.rcf(ras(1), &with_aliases(1, 1, &["carol", "alice"]));
    assert_eq!(
        world.rrj(ras(2), &with_aliases(2, 2, &["dave", "bob", "100"])),
        "invalidAlias"
    );
}

#[test]
fn one_without_aliases_gets_those_that_it_is_known_by() {
    let mut profile = closed();
    profile.endpoints[0].call_signal_address = Some(signalling(1));
    let mut world = World::with(profile);
    let rcf = world.rcf(ras(1), &with_aliases(1, 1, &[]));
    assert_eq!(rcf.terminal_alias.unwrap().len(), 2);
    assert_eq!(world.only().aliases, ["alice", "100"]);
}

#[test]
fn a_keep_alive_of_one_that_another_gatekeeper_registered() {
    let mut profile = closed();
    profile.endpoints[0].endpoint_identifier = Some("0001_ep".into());
    profile.endpoints[0].ras_address = Some(ras(1));
    profile.endpoints[0].call_signal_address = Some(signalling(1));
    let mut world = World::with(profile);
    // Not from elsewhere.
    let elsewhere = Rrq::lightweight(3, ras(2), "0001_ep");
    assert_eq!(world.rrj(ras(2), &elsewhere), "fullRegistrationRequired");
    // Nor is it given to another one.
    let theft = Rrq {
        endpoint_identifier: Some("0001_ep".into()),
        ..with_aliases(4, 2, &["bob"])
    };
    world.rcf(ras(2), &theft);
    let out = world.keep_alive(1, "0001_ep");
    assert_eq!((kinds(&out), offers(&out).len()), (vec!["RCF"], 1));
    let views = world.views();
    assert_eq!(
        (&views[1].aliases[..], views.len()),
        (&["alice".to_owned(), "100".into()][..], 2)
    );
    // It may call at once, and so may one whose first message that is.
    assert_eq!(
        world.admitted(1, arq(9, "0001_ep", 1, &["bob"])),
        signalling(2)
    );
}

#[test]
fn time_to_live_is_bounded_and_stays() {
    let mut profile = profile();
    profile.time_to_live = TimeToLive {
        default: 200,
        min: 100,
        max: 1000,
    };
    let mut world = World::with(profile);
    let mut given = |seq, n: u8, wanted| {
        let rrq = Rrq {
            time_to_live: wanted,
            ..full(seq, n, &format!("e{n}"))
        };
        let granted = world.rcf(ras(n), &rrq).time_to_live.unwrap();
        let light = |seq, world: &mut World, wanted| {
            let rrq = Rrq {
                call_signal_addresses: vec![signalling(n)],
                endpoint_identifier: None,
                time_to_live: wanted,
                ..Rrq::lightweight(seq, ras(n), "any")
            };
            world.rcf(ras(n), &rrq).time_to_live.unwrap()
        };
        for (more, wanted) in [(100, None), (200, Some(granted - 5)), (300, Some(20))] {
            assert_eq!(light(seq + more, &mut world, wanted), granted);
        }
        granted
    };
    assert_eq!(given(1, 1, Some(1)), 100);
    let (none, much) = (given(2, 2, None), given(3, 3, Some(u32::MAX)));
    assert!((190..=200).contains(&none), "{none}");
    assert!((950..=1000).contains(&much), "{much}");
    // Those that come together do not stay together.
    let all: std::collections::BTreeSet<_> = (4..60).map(|n| given(n.into(), n, None)).collect();
    assert!(all.len() > 5, "{all:?}");
}

#[test]
fn who_must_not_be_registered_under_a_new_profile_is_not() {
    let mut world = World::new();
    let alice = world.register(1, "alice");
    world.register(2, "carol");
    world.keep_alive(1, &alice);
    let out = world.input(Input::Profile(Arc::new(closed())));
    let all = sent(&out);
    let RasMessage::UnregistrationRequest(urq) = &all[0].1 else {
        panic!("{out:?}")
    };
    assert_eq!((all.len(), all[0].0), (1, ras(2)));
    assert_eq!(urq.reason, Some(UnregRequestReason::ReregistrationRequired));
    let why = |event: &Event| {
        matches!(
            event,
            Event::Unregistered {
                why: Ended::NotAllowed,
                ..
            }
        )
    };
    assert!(events(&out).iter().any(why));
    // Nothing changed for the other one.
    assert!(world.only().published && withdrawn(&out).is_empty());
}

#[test]
fn another_time_to_live_is_published_with_the_next_keep_alive() {
    let mut world = World::new();
    let alice = world.register(1, "alice");
    world.keep_alive(1, &alice);
    let mut shorter = profile();
    shorter.time_to_live = TimeToLive {
        default: 30,
        min: 30,
        max: 30,
    };
    let out = world.input(Input::Profile(Arc::new(shorter)));
    assert_eq!(withdrawn(&out).len(), 1);
    // It was told 60 s: it is not asked before.
    assert!(sent(&world.pass(59 * SECOND)).is_empty());
    let out = world.keep_alive(1, &alice);
    assert_eq!(offers(&out)[0].time_to_live, 30 * SECOND);
}

/// What a registration left behind, in a new registrar.
fn restarted(stored: &Stored, later: u64) -> (World, Vec<rasline_core::registrar::Output>) {
    let mut world = World::new();
    world.now = Time(world.now.0 + later * 1_000_000_000);
    let out = world.input(Input::Restore(Box::new(stored.clone())));
    (world, out)
}

#[test]
fn a_restart_is_not_noticed() {
    let mut world = World::new();
    world.register(3, "other");
    let alice = world.register(1, "alice");
    let before = world.keep_alive(1, &alice);
    let kept = stored(&before).pop().unwrap();
    let (mut world, out) = restarted(&kept, 40);
    assert_eq!(offers(&out)[0].rrq, offers(&before)[0].rrq);
    assert_eq!(offers(&out)[0].rcf, offers(&before)[0].rcf);
    assert_eq!(world.only().endpoint_identifier, alice);
    assert_eq!(world.only().id, kept.id);
    let out = world.keep_alive(1, &alice);
    assert_eq!(
        (kinds(&out), stored(&out).len(), events(&out).len()),
        (vec!["RCF"], 0, 0)
    );
    // New ones get other identifiers.
    assert_ne!(world.register(2, "bob"), alice);
    assert_eq!(world.views().len(), 2);
}

#[test]
fn what_is_too_old_or_taken_is_forgotten() {
    let mut world = World::new();
    let alice = world.register(1, "alice");
    let kept = stored(&world.keep_alive(1, &alice)).pop().unwrap();
    let (world, out) = restarted(&kept, 100_000);
    assert_eq!((forgotten(&out), world.views().len()), (vec![kept.id], 0));
    // Registered anew before it was restored.
    let mut world = World::new();
    world.register(1, "alice");
    let mut other = kept.clone();
    other.id.0 += 100;
    let out = world.input(Input::Restore(Box::new(other.clone())));
    assert_eq!((forgotten(&out), world.views().len()), (vec![other.id], 1));
    // The same number is another one's: nothing of that one is forgotten.
    assert!(
        world
            .input(Input::Restore(Box::new(kept.clone())))
            .is_empty()
    );
    let mut garbage = kept;
    garbage.full.truncate(9);
    garbage.id.0 = 77;
    let out = world.input(Input::Restore(Box::new(garbage)));
    assert_eq!(forgotten(&out).len(), 1);
}

#[test]
fn one_that_lives_long_is_stored_again() {
    let mut world = World::new();
    let alice = world.register(1, "alice");
    world.keep_alive(1, &alice);
    let mut times = 0;
    for _ in 0..200 {
        times += stored(&world.pass(50 * SECOND)).len();
        world.keep_alive(1, &alice);
    }
    assert!((2..=3).contains(&times), "{times}");
}

#[test]
fn additive_registrations() {
    let mut world = World::new();
    let eid = world.register(1, "alice");
    world.register(2, "bob");
    let additive = |seq, eid: &str, alias: &str| {
        let rrq = Rrq {
            endpoint_identifier: Some(eid.into()),
            ..full(seq, 1, alias)
        };
        let RasMessage::RegistrationRequest(mut rrq) = rrq.message().unwrap() else {
            panic!()
        };
        rrq.additive_registration = Some(());
        RasMessage::RegistrationRequest(rrq)
    };
    let out = world.message(ras(1), &additive(1, &eid, "100"));
    let RasMessage::RegistrationConfirm(rcf) = &sent(&out)[0].1 else {
        panic!("{out:?}")
    };
    assert_eq!(rcf.supports_additive_registration, Some(()));
    assert_eq!(world.views()[0].aliases, ["alice", "100"]);
    let RasMessage::RegistrationReject(rrj) = world.asked(ras(1), &additive(2, &eid, "bob")) else {
        panic!()
    };
    assert!(format!("{:?}", rrj.reject_reason).starts_with("DuplicateAlias"));
    let RasMessage::RegistrationReject(rrj) = world.asked(ras(1), &additive(3, "no", "300")) else {
        panic!()
    };
    assert_eq!(
        format!("{:?}", rrj.reject_reason),
        "FullRegistrationRequired"
    );
    // Kept across restarts.
    let (world, _) = restarted(&stored(&out)[0], 1);
    assert_eq!(world.only().aliases, ["alice", "100"]);
}

#[test]
fn one_that_another_gatekeeper_registered_outlives_a_restart() {
    let mut profile = closed();
    profile.endpoints[0].endpoint_identifier = Some("0001_ep".into());
    profile.endpoints[0].ras_address = Some(ras(1));
    profile.endpoints[0].call_signal_address = Some(signalling(1));
    let mut world = World::with(profile.clone());
    let mut disk = Disk::default();
    disk.write(&world.keep_alive(1, "0001_ep"));
    let call = RasMessage::AdmissionRequest(arq(9, "0001_ep", 1, &["bob"]));
    disk.write(&world.message(ras(1), &call));
    let before = world.only();
    let kept = disk.clone();
    let mut after = restored(&mut disk, profile.clone(), world.now);
    assert_eq!(after.only(), before);
    assert!(before.published && disk == kept);
    let out = after.keep_alive(1, "0001_ep");
    assert_eq!((kinds(&out), events(&out).len()), (vec!["RCF"], 0));
    // Also where the next process has learned nothing yet, if it takes everybody; else it must be known.
    profile.endpoints.clear();
    let mut open = profile.clone();
    open.admit_unknown = true;
    let after = restored(&mut kept.clone(), open, world.now);
    assert_eq!(after.only(), before);
    let mut disk = kept;
    assert!(restored(&mut disk, profile, world.now).views().is_empty());
    assert_eq!((disk.registrations.len(), disk.calls.len()), (0, 0));
}
