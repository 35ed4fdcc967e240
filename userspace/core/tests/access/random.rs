//! Anything in any order.

use std::collections::HashSet;

use proptest::prelude::*;
use rasline_core::access::Limits;
use rasline_core::profile::Authentication::{HmacSha1, Md5};
use rasline_h225::decode_ras;
use rasline_h225::security::Mechanism;

use crate::access::world::*;

/// What happens in the property test.
#[derive(Clone, Debug)]
enum Step {
    Send {
        by: u8,
        right: bool,
        clock: i64,
        seq: u16,
        from: u8,
    },
    Again {
        which: usize,
        from: u8,
    },
    Later(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3_u8, any::<bool>(), -200..200_i64, 1..50_u16, 0..4_u8)
            .prop_map(|(by, right, clock, seq, from)| Step::Send { by, right, clock, seq, from }),
        6 => (any::<usize>(), 0..4_u8).prop_map(|(which, from)| Step::Again { which, from }),
        1 => (1..90_u32).prop_map(Step::Later),
    ]
}

const FROM: [&str; 4] = [
    "192.0.2.7:1719",
    "192.0.2.8:1719",
    "[2001:db8::7]:1719",
    "192.0.2.7:1720",
];

proptest! {
    /// No octets pass twice, whatever the limits and the order; nothing passes with a wrong password.
    #[test]
    fn nothing_passes_twice(
        steps in proptest::collection::vec(step(), 1..120),
        messages in 1..6_usize,
        identifiers in 1..3_usize,
    ) {
        let mut world = World::new(Limits { messages, identifiers, ..Limits::default() });
        let mut sent: Vec<(Vec<u8>, bool)> = Vec::new();
        let mut passed = HashSet::new();
        for step in steps {
            let (raw, right, from) = match step {
                Step::Later(seconds) => {
                    world.second += seconds;
                    continue;
                }
                Step::Send { by, right, clock, seq, from } => {
                    let by = [None, Some(Mechanism::Md5), Some(Mechanism::HmacSha1)][usize::from(by)];
                    let (name, password) = if seq % 2 == 0 { ("alice", "geheim") } else { ("bob", "s3cret") };
                    let password = if right { password } else { "wrong" };
                    let message = Sent { name, password, by, clock, seq, random: i32::from(seq), from: "" };
                    sent.push((world.octets(&message), right && by.is_some()));
                    let (raw, right) = sent[sent.len() - 1].clone();
                    (raw, right, from)
                }
                Step::Again { which, from } => {
                    let Some((raw, right)) = sent.get(which % sent.len().max(1)).cloned() else {
                        continue;
                    };
                    (raw, right, from)
                }
            };
            if world.comes(&raw, FROM[usize::from(from)], Md5).is_ok() {
                prop_assert!(right);
                prop_assert!(passed.insert(raw), "passed twice");
            }
        }
    }

    /// A message that was changed on its way does not pass where HMAC is wanted.
    #[test]
    fn nothing_changed_passes(at in any::<proptest::sample::Index>(), flip in 1..=u8::MAX) {
        let mut world = World::new(Limits::default());
        let mut raw = world.octets(&SENT);
        let at = at.index(raw.len());
        raw[at] ^= flip;
        if decode_ras(&raw).is_ok() {
            prop_assert!(world.comes(&raw, SENT.from, HmacSha1).is_err());
        }
    }
}
