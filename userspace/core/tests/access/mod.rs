//! Who is let in by what, when, and how often.

mod random;
mod world;

use std::net::SocketAddr;
use std::time::Duration;

use rasline_core::Time;
use rasline_core::access::{Denied, Limits, Pass};
use rasline_core::profile::Authentication::{self, HmacSha1, Md5};
use rasline_h225::security::{Key, Mechanism, sign};
use rasline_h225::{RasMessage, decode_ras};

use world::*;

#[test]
fn table() {
    const MD5: Option<Mechanism> = Some(Mechanism::Md5);
    const HMAC: Option<Mechanism> = Some(Mechanism::HmacSha1);
    let with = |by, password, clock| Sent {
        password,
        by,
        clock,
        ..SENT
    };
    let good = |by, clock| with(by, "geheim", clock);
    let named = |name| Sent { name, ..SENT };
    let rows = [
        (good(None, 0), Authentication::None, Ok(Pass::Open)),
        (
            with(MD5, "wrong", 999),
            Authentication::None,
            Ok(Pass::Open),
        ),
        (good(None, 0), Md5, Err(Denied::Missing)),
        (good(None, 0), HmacSha1, Err(Denied::Missing)),
        (good(MD5, 0), Md5, proved(Mechanism::Md5)),
        (good(MD5, 0), HmacSha1, Err(Denied::TooWeak)),
        (good(HMAC, 0), Md5, proved(Mechanism::HmacSha1)),
        (good(HMAC, 0), HmacSha1, proved(Mechanism::HmacSha1)),
        (good(MD5, 120), Md5, proved(Mechanism::Md5)),
        (good(MD5, -120), Md5, proved(Mechanism::Md5)),
        (good(MD5, 121), Md5, Err(Denied::WrongTime)),
        (good(MD5, -121), Md5, Err(Denied::WrongTime)),
        (good(HMAC, -121), HmacSha1, Err(Denied::WrongTime)),
        (with(MD5, "wrong", 0), Md5, Err(Denied::Wrong)),
        (with(HMAC, "wrong", 0), Md5, Err(Denied::Wrong)),
        (with(HMAC, "wrong", 0), HmacSha1, Err(Denied::Wrong)),
        (with(HMAC, "wrong", 121), HmacSha1, Err(Denied::WrongTime)),
        (named("carol"), HmacSha1, Err(Denied::Unknown)),
        (
            Sent {
                password: "",
                ..named("open")
            },
            HmacSha1,
            Err(Denied::Unknown),
        ),
        (
            Sent {
                by: MD5,
                password: "",
                ..named("open")
            },
            Md5,
            Err(Denied::Unknown),
        ),
    ];
    for (sent, wanted, expected) in rows {
        let mut world = World::new(Limits::default());
        assert_eq!(
            world.send(&sent, wanted),
            expected,
            "{sent:?} where {wanted:?} is wanted"
        );
    }
}

#[test]
fn both_mechanisms_in_a_message() {
    for (md5, hmac, wanted, expected) in [
        ("geheim", "geheim", Md5, proved(Mechanism::HmacSha1)),
        ("geheim", "wrong", Md5, proved(Mechanism::Md5)),
        ("geheim", "wrong", HmacSha1, Err(Denied::Wrong)),
        ("wrong", "geheim", HmacSha1, proved(Mechanism::HmacSha1)),
        ("wrong", "wrong", Md5, Err(Denied::Wrong)),
    ] {
        let mut world = World::new(Limits::default());
        let plain = world.octets(&Sent { by: None, ..SENT });
        let mut message = decode_ras(&plain).expect("decodes");
        let key = |password| Key {
            identifier: "alice",
            peer: "",
            password,
        };
        sign(&mut message, Mechanism::Md5, &key(md5), UNIX, 0).expect("signs");
        let raw = sign(&mut message, Mechanism::HmacSha1, &key(hmac), UNIX, 0).expect("signs");
        assert_eq!(
            world.comes(&raw, SENT.from, wanted),
            expected,
            "{md5} {hmac} {wanted:?}"
        );
    }
}

#[test]
fn general_id() {
    for (general_id, expected) in [
        ("gk1", proved(Mechanism::HmacSha1)),
        ("", proved(Mechanism::HmacSha1)),
        ("gk2", Err(Denied::NotForUs)),
    ] {
        let limits = Limits {
            general_id: general_id.into(),
            ..Limits::default()
        };
        let mut world = World::new(limits);
        assert_eq!(world.send(&SENT, HmacSha1), expected, "{general_id}");
        let wrong = Sent {
            password: "wrong",
            ..SENT
        };
        assert_eq!(world.send(&wrong, HmacSha1), Err(Denied::Wrong));
        // That is not guessing.
        let sent = |at: u16| Sent {
            seq: at,
            random: at.into(),
            ..SENT
        };
        let mut more = (2..100).map(|at| world.send(&sent(at), HmacSha1));
        assert!(more.all(|verdict| verdict == expected));
    }
}

#[test]
fn a_message_passes_once() {
    for by in [Mechanism::Md5, Mechanism::HmacSha1] {
        let mut world = World::new(Limits::default());
        let sent = Sent {
            by: Some(by),
            ..SENT
        };
        let raw = world.octets(&sent);
        assert_eq!(world.comes(&raw, sent.from, Md5), proved(by));
        // The sender may go on in the same second.
        assert_eq!(
            world.send(
                &Sent {
                    seq: 2,
                    random: 2,
                    ..sent.clone()
                },
                Md5
            ),
            proved(by)
        );
        for second in 0..=120 {
            world.second = second;
            for from in [sent.from, "198.51.100.1:1719"] {
                assert_eq!(
                    world.comes(&raw, from, Md5),
                    Err(Denied::Replay),
                    "{by:?} after {second} s"
                );
            }
        }
        world.second = 121;
        assert_eq!(world.comes(&raw, sent.from, Md5), Err(Denied::WrongTime));
        assert_eq!(world.send(&Sent { seq: 3, ..sent }, Md5), proved(by));
        // Even if the clock is set back.
        world.second = 60;
        assert_eq!(world.comes(&raw, SENT.from, Md5), Err(Denied::Replay));
    }
}

#[test]
fn datagrams_may_overtake_each_other() {
    let mut world = World::new(Limits::default());
    let sent: Vec<Vec<u8>> = (0..5_u16)
        .map(|at| {
            world.octets(&Sent {
                clock: i64::from(at),
                seq: at + 1,
                random: at.into(),
                ..SENT
            })
        })
        .collect();
    for at in [3, 0, 4, 2, 1] {
        assert_eq!(
            world.comes(&sent[at], SENT.from, HmacSha1),
            proved(Mechanism::HmacSha1)
        );
    }
    for raw in &sent {
        assert_eq!(world.comes(raw, SENT.from, HmacSha1), Err(Denied::Replay));
    }
}

/// An MD5 hash that somebody overheard does not serve him for a message of his own.
#[test]
fn a_stolen_hash() {
    let mut world = World::new(Limits::default());
    let by = Some(Mechanism::Md5);
    assert_eq!(
        world.send(&Sent { by, ..SENT }, Md5),
        proved(Mechanism::Md5)
    );
    let stolen = Sent {
        by,
        seq: 9,
        from: "198.51.100.1:1719",
        ..SENT
    };
    assert_eq!(world.send(&stolen, Md5), Err(Denied::Replay));
    // It is let in from elsewhere when it knows the password a second later.
    assert_eq!(
        world.send(&Sent { clock: 1, ..stolen }, Md5),
        proved(Mechanism::Md5)
    );
}

/// One answer a second, for longer each time; what is right passes at any time.
#[test]
fn who_guesses_is_slowed_down_for_longer_each_time() {
    let mut world = World::new(Limits::default());
    let wrong = Sent {
        password: "wrong",
        ..SENT
    };
    let mut seq = 100;
    for lock in [30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600] {
        for _ in 0..9 {
            assert_eq!(world.send(&wrong, HmacSha1), Err(Denied::Wrong));
        }
        assert_eq!(world.send(&wrong, HmacSha1), Err(Denied::LockedNow));
        for second in 0..2 {
            let first = if second == 0 {
                Denied::Locked
            } else {
                Denied::Wrong
            };
            assert_eq!(world.send(&wrong, HmacSha1), Err(first));
            for _ in 0..20 {
                assert_eq!(world.send(&wrong, HmacSha1), Err(Denied::Locked));
                let plain = Sent { by: None, ..SENT };
                assert_eq!(world.send(&plain, HmacSha1), Err(Denied::Locked));
            }
            seq += 1;
            let right = Sent {
                seq,
                random: seq.into(),
                ..SENT
            };
            assert_eq!(world.send(&right, HmacSha1), proved(Mechanism::HmacSha1));
            world.second += 1;
        }
        let locked = |world: &World| {
            let now = Time(u64::from(world.second) * 1_000_000_000);
            world.gate.is_locked(now, address("192.0.2.7:9"))
        };
        world.second += lock - 3;
        assert!(locked(&world), "for {lock} s");
        world.second += 1;
        assert!(!locked(&world), "for {lock} s");
    }
    // Long after, it begins anew.
    world.second += 3_600;
    for _ in 0..10 {
        let _ = world.send(&wrong, HmacSha1);
    }
    world.second += 30;
    assert_eq!(world.send(&wrong, HmacSha1), Err(Denied::Wrong));
}

/// From a thousand addresses: the name is what is guessed at.
#[test]
fn who_guesses_from_everywhere_is_slowed_down_too() {
    let mut world = World::new(Limits::default());
    let wrong = world.octets(&Sent {
        password: "wrong",
        ..SENT
    });
    let answered = (0..1_000_u32).filter(|n| {
        let from = format!("198.51.{}.{}:1719", n / 250, n % 250 + 1);
        world.comes(&wrong, &from, HmacSha1) != Err(Denied::Locked)
    });
    assert_eq!(answered.count(), 10);
    let other = Sent {
        name: "bob",
        password: "s3cret",
        ..SENT
    };
    assert!(world.send(&other, HmacSha1).is_ok());
    assert_eq!(world.send(&SENT, HmacSha1), proved(Mechanism::HmacSha1));
}

#[test]
fn what_counts_as_guessing() {
    let hmac = SENT;
    let rows = [
        (
            Sent {
                password: "wrong",
                ..hmac.clone()
            },
            true,
        ),
        (
            Sent {
                name: "carol",
                ..hmac.clone()
            },
            true,
        ),
        (
            Sent {
                by: None,
                ..hmac.clone()
            },
            false,
        ),
        (
            Sent {
                by: Some(Mechanism::Md5),
                ..hmac.clone()
            },
            false,
        ),
        (
            Sent {
                clock: 7_200,
                password: "wrong",
                ..hmac.clone()
            },
            false,
        ),
        (hmac.clone(), false),
    ];
    for (sent, counts) in rows {
        let mut world = World::new(Limits::default());
        let locked = (0..100).any(|_| world.send(&sent, HmacSha1) == Err(Denied::LockedNow));
        assert_eq!(locked, counts, "{sent:?}");
        // Who fails now and then is not locked.
        let mut world = World::new(Limits::default());
        for _ in 0..100 {
            world.second += 10;
            assert_ne!(
                world.send(&sent, HmacSha1),
                Err(Denied::LockedNow),
                "{sent:?}"
            );
        }
    }
}

/// By a forger of addresses or names, or by a neighbour behind the same NAT, whoever was seen there before.
#[test]
fn nobody_is_locked_out_by_another() {
    let names = ["carol", "dave", "bob", "alice"];
    for (n, name) in names.into_iter().enumerate() {
        let mut world = World::new(Limits::default());
        let guess = |from| Sent {
            name,
            password: "wrong",
            from,
            ..SENT
        };
        for at in 0..1_000 {
            let from = [SENT.from, "192.0.2.7:40000"][at % 2];
            let _ = world.send(&guess(from), HmacSha1);
        }
        assert_eq!(world.send(&guess(SENT.from), HmacSha1), Err(Denied::Locked));
        // From a port that nobody has seen, and from one that somebody has.
        for (seq, from) in [(2, "192.0.2.7:5"), (3, SENT.from), (4, SENT.from)] {
            let right = Sent {
                seq,
                random: seq.into(),
                from,
                ..SENT
            };
            assert_eq!(
                world.send(&right, HmacSha1),
                proved(Mechanism::HmacSha1),
                "{n} {from}"
            );
        }
    }
}

/// Bounds hold under a flood from everywhere: what is right still passes.
#[test]
fn a_flood() {
    let limits = Limits {
        sources: 64,
        within: Duration::from_mins(10),
        ..Limits::default()
    };
    let mut world = World::new(limits);
    let wrong = world.octets(&Sent {
        password: "wrong",
        ..SENT
    });
    let message: RasMessage = decode_ras(&wrong).expect("decodes");
    for at in 0..5_000_u32 {
        let from = SocketAddr::from((at.to_be_bytes(), 1719));
        let denied = world
            .gate
            .check(Time(0), UNIX, from, &wrong, &message, HmacSha1, &|_| {
                Some("geheim".into())
            });
        assert!(denied.is_err(), "{denied:?}");
    }
    assert_eq!(world.send(&SENT, HmacSha1), proved(Mechanism::HmacSha1));
}
