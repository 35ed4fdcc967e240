use proptest::prelude::*;

use super::*;

const DAY: i64 = 86_400;

fn seen(aliases: &[&str], at: &str) -> KnownEndpoint {
    KnownEndpoint {
        ras_address: Some(format!("{at}:1719").parse().unwrap()),
        call_signal_address: Some(format!("{at}:1720").parse().unwrap()),
        endpoint_identifier: Some(format!("id-{at}")),
        ..endpoint(aliases)
    }
}

fn loaded(profiles: &mut Profiles) -> Vec<KnownEndpoint> {
    profiles.load().profiles[0].endpoints.clone()
}

#[test]
fn what_is_learned_stands_beside_what_was_given() {
    let folder = folder();
    let mut profiles = Profiles::open(folder.path());
    let given = peopled("hq");
    profiles.set(&given).unwrap();
    let carol = seen(&["carol"], "10.0.0.9");
    let learned = profiles
        .learn(
            "hq",
            &[
                carol.clone(),
                seen(&["1001", "alice", "spy"], "10.0.0.1"),
                seen(&["gw"], "10.9.9.9"),
            ],
        )
        .unwrap();
    assert_eq!((learned.written, learned.skipped), (3, 0));
    let all = loaded(&mut profiles);
    // Filled up, but no alias added; and an address that was given stands, with its identifier.
    let alice = KnownEndpoint {
        password: Some("one".into()),
        ..seen(&["alice", "1001"], "10.0.0.1")
    };
    assert_eq!(all, [alice, given.endpoints[1].clone(), carol]);
    // What the administrator gave is as it was.
    assert_eq!(profiles.get("hq").unwrap().value, Some(given));
    assert_eq!(profiles.list().unwrap().value[0].learned, 3);
    profiles.delete("hq").unwrap();
    assert_eq!(profiles.learned("hq").unwrap().value, []);
}

#[test]
fn an_identifier_counts_only_with_its_address() {
    let mut hq = profile("hq");
    let at = Some("10.0.0.1:1719".parse().unwrap());
    hq.endpoints = vec![KnownEndpoint {
        ras_address: at,
        ..endpoint(&["alice"])
    }];
    merge(&mut hq, vec![seen(&["alice"], "10.0.0.2")]);
    assert_eq!(hq.endpoints[0].endpoint_identifier, None);
    assert_eq!(hq.endpoints[0].ras_address, at);
}

#[test]
fn the_same_again_writes_nothing() {
    let folder = folder();
    let mut profiles = Profiles::open(folder.path());
    let all = [seen(&["a"], "10.0.0.1"), seen(&["b"], "10.0.0.2")];
    profiles.learn_at("hq", &all, DAY).unwrap();
    profiles.load();
    let again = profiles.learn_at("hq", &all, DAY + 5).unwrap();
    assert_eq!(
        again,
        Learned {
            unchanged: 2,
            ..Learned::default()
        }
    );
    assert!(!profiles.changed());
    let moved = profiles
        .learn_at("hq", &[seen(&["a"], "10.0.0.3")], DAY + 6)
        .unwrap();
    assert_eq!(
        moved,
        Learned {
            written: 1,
            ..Learned::default()
        }
    );
    assert!(profiles.changed());
}

#[test]
fn those_long_gone_are_forgotten() {
    let folder = folder();
    let mut profiles = Profiles::open(folder.path());
    profiles
        .learn_at(
            "hq",
            &[seen(&["a"], "10.0.0.1"), seen(&["b"], "10.0.0.2")],
            0,
        )
        .unwrap();
    profiles
        .learn_at("hq", &[seen(&["a"], "10.0.0.1")], 20 * DAY)
        .unwrap();
    let learned = profiles.learn_at("hq", &[], 31 * DAY).unwrap();
    assert_eq!(learned.forgotten, 1);
    assert_eq!(
        profiles.learned("hq").unwrap().value,
        [seen(&["a"], "10.0.0.1")]
    );
}

#[test]
fn what_no_registrar_could_serve_is_not_learned() {
    let folder = folder();
    let mut profiles = Profiles::open(folder.path());
    let bad = [endpoint(&[]), endpoint(&["\n"]), seen(&["a"], "0.0.0.0")];
    let learned = profiles.learn("hq", &bad).unwrap();
    assert_eq!(
        learned,
        Learned {
            skipped: 3,
            ..Learned::default()
        }
    );
    let secret = KnownEndpoint {
        password: Some("x".into()),
        ..endpoint(&["a"])
    };
    profiles.learn("hq", &[secret]).unwrap();
    assert_eq!(profiles.learned("hq").unwrap().value, [endpoint(&["a"])]);
}

fn anyone() -> impl Strategy<Value = KnownEndpoint> {
    let aliases = proptest::collection::btree_set("[a-h]", 1..4);
    (aliases, 1_u8..5, proptest::option::of("[xyz]")).prop_map(|(aliases, host, id)| {
        KnownEndpoint {
            aliases: aliases.into_iter().collect(),
            ras_address: Some(([10, 0, 0, host], 1719).into()),
            endpoint_identifier: id,
            ..KnownEndpoint::default()
        }
    })
}

proptest! {
    /// Whatever is learned, a profile that passes its check still does, and keeps all that was given.
    #[test]
    fn a_merged_profile_passes_its_check(
        given in proptest::collection::vec(anyone(), 0..5),
        learned in proptest::collection::vec(anyone(), 0..10),
    ) {
        let mut hq = Profile { endpoints: given, ..profile("hq") };
        if hq.check().is_ok() {
            let before = hq.clone();
            merge(&mut hq, learned);
            prop_assert_eq!(hq.check(), Ok(()));
            for (before, after) in before.endpoints.iter().zip(&hq.endpoints) {
                prop_assert_eq!(&before.aliases, &after.aliases);
                prop_assert_eq!(before.ras_address, after.ras_address);
                if before.endpoint_identifier.is_some() {
                    prop_assert_eq!(&before.endpoint_identifier, &after.endpoint_identifier);
                }
            }
        }
    }
}
