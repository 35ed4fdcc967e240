//! rasn's own coder decodes and encodes call signalling as this crate's coder does: recorded messages, and the same with
//! a bit of each octet flipped.

mod common;

use std::collections::BTreeSet;

use rasline_h225::q931::Message;
use rasline_h225::uuie::{UserInformation, decode_uuie, encode_uuie};

/// The User-User of recorded messages, one for each message type and length.
fn recorded() -> Vec<Vec<u8>> {
    let mut seen = BTreeSet::new();
    let all = common::signalling().into_iter();
    all.filter_map(|vector| {
        let message = Message::parse(&vector.bytes).expect("parses");
        let user = message.user_user().expect("User-User");
        let is_new = seen.insert((message.message_type, user.len()));
        is_new.then(|| user.to_vec())
    })
    .collect()
}

/// Compares both coders; returns whether the octets decode.
fn compare(octets: &[u8]) -> bool {
    let ours = decode_uuie(octets).ok();
    let theirs = rasn::aper::decode_with_remainder::<UserInformation>(octets).ok();
    let theirs = theirs.map(|(value, _)| value);
    assert_eq!(ours, theirs, "{}", common::to_hex(octets));
    let Some(value) = ours else {
        return false;
    };
    assert_eq!(
        encode_uuie(&value).ok(),
        rasn::aper::encode(&value).ok(),
        "{}",
        common::to_hex(octets)
    );
    true
}

#[test]
fn both_coders_agree() {
    let (mut inputs, mut decoded) = (0, 0);
    let messages = recorded();
    assert!(messages.len() > 30, "{}", messages.len());
    for mut octets in messages {
        assert!(compare(&octets), "{}", common::to_hex(&octets));
        for at in 0..octets.len() {
            let bit = 0x80 >> (at % 8);
            octets[at] ^= bit;
            decoded += usize::from(compare(&octets));
            octets[at] ^= bit;
            inputs += 1;
        }
    }
    println!("{decoded} of {inputs} inputs decode");
    assert!(inputs > 4_000, "{inputs}");
    assert!(decoded * 2 > inputs, "{decoded} of {inputs}");
}
