//! Calls between zones: within a tenant, where both allow it.

use rasline_core::backup::Input;
use rasline_core::profile::{CallModel, PlanRule};
use rasline_h225::types::AdmissionRejectReason;

use crate::backup::world::*;

const UNKNOWN: Admission = Admission::Rejected(AdmissionRejectReason::CalledPartyNotRegistered);

/// These zones, all served, endpoints 1 and 2 of each registered; zone `n` has the prefix 7n, which it takes off.
fn served(zones: u32) -> (World, Vec<String>) {
    let mut world = World::with(zones, 3);
    for (zone, profile) in &mut world.profiles {
        profile.prefixes = vec![format!("7{zone}")];
        profile.plan = vec![PlanRule {
            prefix: format!("7{zone}"),
            strip: 2,
            add: String::new(),
        }];
    }
    world.commit();
    let mut callers = Vec::new();
    for zone in 0..zones {
        world.serve(zone, true);
        callers.push(world.register(zone, 1));
        world.register(zone, 2);
    }
    (world, callers)
}

fn allow(world: &mut World, from: u32, to: u32) {
    let profile = world.profiles.get_mut(&from).unwrap();
    profile.reach.push(name(to));
    world.commit();
}

#[test]
fn both_must_allow_it() {
    let (mut world, callers) = served(2);
    assert_eq!(world.call(0, 1, &callers[0], "711002"), UNKNOWN);
    allow(&mut world, 0, 1);
    assert_eq!(world.call(0, 1, &callers[0], "711002"), UNKNOWN);
    assert_eq!(world.call(1, 1, &callers[1], "701002"), UNKNOWN);
    allow(&mut world, 1, 0);
    let there = Admission::Called(signal(1, 2));
    assert_eq!(world.call(0, 1, &callers[0], "711002"), there);
    let back = Admission::Called(signal(0, 2));
    assert_eq!(world.call(1, 1, &callers[1], "701002"), back);
    assert_eq!(world.unit.stats().reached, 2);
    // Also who is only known there.
    let known = Admission::Called(signal(1, 3));
    assert_eq!(world.call(0, 1, &callers[0], "711003"), known);
    assert_eq!(world.call(0, 1, &callers[0], "711004"), UNKNOWN);
    // No prefix, no way, even if somebody there has that very number.
    world.profiles.get_mut(&0).unwrap().endpoints.pop();
    world.commit();
    assert_eq!(world.call(0, 1, &callers[0], "1003"), UNKNOWN);
    world.profiles.get_mut(&1).unwrap().reach.clear();
    world.commit();
    assert_eq!(world.call(0, 1, &callers[0], "711002"), UNKNOWN);
}

#[test]
fn tenants_never_meet() {
    let (mut world, callers) = served(2);
    allow(&mut world, 0, 1);
    allow(&mut world, 1, 0);
    for (zone, tenant) in [(0, "north"), (1, "south")] {
        world.profiles.get_mut(&zone).unwrap().tenant = tenant.into();
    }
    world.commit();
    // The same extension is another one's in each.
    for zone in [0, 1] {
        let own = Admission::Called(signal(zone, 2));
        let caller = &callers[zone as usize];
        assert_eq!(world.call(zone, 1, caller, "1002"), own);
        assert_eq!(
            world.call(zone, 1, caller, "711002"),
            match zone {
                1 => Admission::Called(signal(1, 2)),
                _ => UNKNOWN,
            }
        );
    }
    assert_eq!(world.unit.stats().reached, 0);
}

#[test]
fn the_longest_prefix_leads() {
    let (mut world, callers) = served(3);
    for to in [1, 2] {
        allow(&mut world, 0, to);
        allow(&mut world, to, 0);
    }
    world.profiles.get_mut(&1).unwrap().prefixes = vec!["9".into()];
    world.profiles.get_mut(&2).unwrap().prefixes = vec!["910".into()];
    for zone in [1, 2] {
        world.profiles.get_mut(&zone).unwrap().plan = vec![PlanRule {
            prefix: "9".into(),
            strip: 1,
            add: String::new(),
        }];
    }
    world.commit();
    let of = |zone| Admission::Called(signal(zone, 2));
    assert_eq!(world.call(0, 1, &callers[0], "91002"), of(2));
    world.profiles.get_mut(&2).unwrap().prefixes = vec!["911".into()];
    world.commit();
    assert_eq!(world.call(0, 1, &callers[0], "91002"), of(1));
}

#[test]
fn names_need_no_prefix() {
    let (mut world, callers) = served(2);
    allow(&mut world, 0, 1);
    allow(&mut world, 1, 0);
    let profile = world.profiles.get_mut(&1).unwrap();
    profile.endpoints[2].aliases = vec!["conference".into()];
    world.commit();
    world.serve(1, false);
    let room = Admission::Called(signal(1, 3));
    assert_eq!(world.call(0, 1, &callers[0], "conference"), room);
    assert_eq!(world.call(0, 1, &callers[0], "nobody"), UNKNOWN);
    assert_eq!(world.unit.stats().reached_by_profile, 1);
}

#[test]
fn a_zone_with_a_gatekeeper_of_its_own_is_reached_by_its_profile() {
    let (mut world, callers) = served(3);
    for to in [1, 2] {
        allow(&mut world, 0, to);
        allow(&mut world, to, 0);
    }
    world.serve(1, false);
    let there = |n| Admission::Called(signal(1, n));
    assert_eq!(world.call(0, 1, &callers[0], "711003"), there(3));
    // By way of its gatekeeper, if that is how it is called.
    let routed = signal(1, 99);
    world.profiles.get_mut(&1).unwrap().call_model = CallModel::GatekeeperRouted(routed);
    world.commit();
    let to = Admission::Called(routed);
    assert_eq!(world.call(0, 1, &callers[0], "711003"), to);
    // A gateway there has all numbers of its prefix.
    let profile = world.profiles.get_mut(&1).unwrap();
    profile.call_model = CallModel::Direct;
    // Nobody who knows where it is.
    profile.endpoints[2].call_signal_address = None;
    profile.endpoints[0].prefixes = vec!["55".into()];
    profile.endpoints[1].prefixes = vec!["555".into()];
    world.commit();
    assert_eq!(world.call(0, 1, &callers[0], "711003"), UNKNOWN);
    assert_eq!(world.call(0, 1, &callers[0], "71554"), there(1));
    assert_eq!(world.call(0, 1, &callers[0], "715554"), there(2));
    assert_eq!(world.call(0, 1, &callers[0], "7154"), UNKNOWN);
    // A zone that is not configured here at all.
    world.feed(Input::Zones(vec![settings(0), settings(2)]));
    assert_eq!(world.call(0, 1, &callers[0], "711002"), there(2));
    // Not one that is not subscribed.
    world.profiles.get_mut(&1).unwrap().subscription.on = false;
    world.commit();
    assert_eq!(world.call(0, 1, &callers[0], "711002"), UNKNOWN);
}
