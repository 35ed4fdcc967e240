//! H.235: what is signed holds, what was altered does not, and what stacks in use sent is understood.

mod common;

use proptest::prelude::*;
use rasline_h225::security::{Claim, Key, Mechanism, claim, claim_by, sign, verify};
use rasline_h225::types::{CryptoH323Token, CryptoH323TokenCryptoEpPwdHash};
use rasline_h225::{RasMessage, decode_ras, messages};

use Mechanism::{HmacSha1, Md5};

/// When the tests sign.
const UNIX: u32 = 1_795_230_382;

const KEY: Key<'_> = Key {
    identifier: "0001_ep",
    peer: "gk1",
    password: "geheim",
};

fn rrq() -> RasMessage {
    let ras = "192.0.2.1:1719".parse().expect("an address");
    let mut rrq = messages::Rrq::lightweight(7, ras, "0001_ep");
    rrq.aliases = vec!["alice".into(), "4433".into()];
    decode_ras(&rrq.encode().expect("encodes")).expect("decodes")
}

fn signed(message: &RasMessage, mechanism: Mechanism, key: &Key<'_>) -> Vec<u8> {
    sign(&mut message.clone(), mechanism, key, UNIX, -77).expect("signs")
}

fn holds(raw: &[u8], mechanism: Mechanism, key: &Key<'_>) -> bool {
    decode_ras(raw).is_ok_and(|message| verify(raw, &message, mechanism, key))
}

#[test]
fn what_is_signed_holds() {
    for mechanism in [Md5, HmacSha1] {
        let mut message = rrq();
        let raw = sign(&mut message, mechanism, &KEY, UNIX, -77).expect("signs");
        assert_eq!(
            decode_ras(&raw),
            Ok(message.clone()),
            "the message is what was sent"
        );
        let expected = Claim {
            mechanism,
            identifier: "0001_ep".into(),
            peer: if mechanism == Md5 { "" } else { KEY.peer }.into(),
            unix: UNIX,
            random: if mechanism == Md5 { 0 } else { -77 },
        };
        assert_eq!(claim(&message), Some(expected));
        assert!(verify(&raw, &message, mechanism, &KEY));
        let other = if mechanism == Md5 { HmacSha1 } else { Md5 };
        assert!(!verify(&raw, &message, other, &KEY));
        let wrong = |key| {
            assert!(
                !verify(&raw, &message, mechanism, &key),
                "{mechanism:?} {key:?}"
            );
        };
        wrong(Key {
            password: "Geheim",
            ..KEY
        });
        wrong(Key {
            password: "",
            ..KEY
        });
        wrong(Key {
            identifier: "0001_e",
            ..KEY
        });
        wrong(Key {
            identifier: "",
            ..KEY
        });
        if mechanism == HmacSha1 {
            wrong(Key { peer: "gk2", ..KEY });
            assert!(verify(&raw, &message, mechanism, &Key { peer: "", ..KEY }));
        }
    }
}

#[test]
fn no_octet_may_change_under_hmac() {
    let raw = signed(&rrq(), HmacSha1, &KEY);
    assert!(holds(&raw, HmacSha1, &KEY));
    for bit in 0..raw.len() * 8 {
        let mut altered = raw.clone();
        altered[bit / 8] ^= 0x80 >> (bit % 8);
        assert!(
            !holds(&altered, HmacSha1, &KEY),
            "bit {bit} of {}",
            common::to_hex(&raw)
        );
    }
    for end in 0..raw.len() {
        assert!(!holds(&raw[..end], HmacSha1, &KEY));
    }
    let mut longer = raw;
    longer.push(0);
    assert!(!holds(&longer, HmacSha1, &KEY));
}

#[test]
fn md5_is_of_who_when_and_password_only() {
    let raw = signed(&rrq(), Md5, &KEY);
    let message = decode_ras(&raw).expect("decodes");
    let Some(RasMessage::RegistrationRequest(mut rrq)) = Some(message) else {
        panic!("not an RRQ");
    };
    rrq.request_seq_num += 1;
    let mut message = RasMessage::RegistrationRequest(rrq.clone());
    assert!(
        verify(&[], &message, Md5, &KEY),
        "the rest of the message may be another"
    );
    let changes: [fn(&mut CryptoH323TokenCryptoEpPwdHash); 5] = [
        |hash| hash.time_stamp += 1,
        |hash| hash.token.hash.rotate_left(1),
        |hash| hash.token.hash.truncate(120),
        |hash| hash.token.hash.clear(),
        |hash| hash.alias = messages::alias("bob").expect("an alias"),
    ];
    for change in changes {
        let mut altered = rrq.clone();
        let Some([CryptoH323Token::CryptoEpPwdHash(hash)]) = altered.crypto_tokens.as_deref_mut()
        else {
            panic!("not one token");
        };
        change(hash);
        message = RasMessage::RegistrationRequest(altered);
        assert!(!verify(&[], &message, Md5, &KEY));
    }
}

#[test]
fn every_kind_is_signed() {
    let mut kinds = 0;
    let mut seen = std::collections::HashSet::new();
    for vector in common::good() {
        let mut message = decode_ras(&vector.bytes).expect("decodes");
        if !seen.insert(message.kind()) {
            continue;
        }
        if matches!(message, RasMessage::AdmissionConfirmSequence(_)) {
            assert!(sign(&mut message, Md5, &KEY, UNIX, 1).is_err());
            continue;
        }
        kinds += 1;
        sign(&mut message, Md5, &KEY, UNIX, 1)
            .unwrap_or_else(|error| panic!("{}: {error}", vector.at));
        let raw = sign(&mut message, HmacSha1, &KEY, UNIX, 1)
            .unwrap_or_else(|error| panic!("{}: {error}", vector.at));
        assert_eq!(decode_ras(&raw), Ok(message.clone()), "{}", vector.at);
        assert!(verify(&raw, &message, Md5, &KEY) && verify(&raw, &message, HmacSha1, &KEY));
        assert_eq!(claim(&message).map(|claim| claim.mechanism), Some(HmacSha1));
        assert_eq!(claim_by(&message, Md5).map(|claim| claim.unix), Some(UNIX));
    }
    assert!(kinds > 20, "only {kinds} kinds");
}

#[test]
fn gatekeepers_sign_as_gatekeepers() {
    let RasMessage::RegistrationRequest(mut request) = rrq() else {
        panic!("not an RRQ")
    };
    request.crypto_tokens = None;
    let mut confirm = decode_ras(&common::hex(
        "1240000a060008914a000600040067006b00310c0030003000300031005f00650070288a00000340012b01000100",
        "RCF",
    ))
    .expect("decodes");
    let key = Key {
        identifier: "gk1",
        ..KEY
    };
    let raw = sign(&mut confirm, Md5, &key, UNIX, 0).expect("signs");
    let RasMessage::RegistrationConfirm(rcf) = &confirm else {
        panic!("not an RCF")
    };
    let tokens = rcf.crypto_tokens.as_deref();
    assert!(matches!(
        tokens,
        Some([CryptoH323Token::CryptoGkPwdHash(_)])
    ));
    assert!(verify(&raw, &confirm, Md5, &key));
    // A hash of an endpoint does not hold for a gatekeeper of that name with another password, and the names must agree.
    assert!(!verify(&raw, &confirm, Md5, &KEY));
}

#[test]
fn signed_anew_it_has_one_token() {
    let mut message = rrq();
    for unix in UNIX..UNIX + 3 {
        for mechanism in [Md5, HmacSha1] {
            sign(&mut message, mechanism, &KEY, unix, 0).expect("signs");
        }
    }
    let RasMessage::RegistrationRequest(rrq) = &message else {
        panic!("not an RRQ")
    };
    assert_eq!(
        rrq.crypto_tokens.as_ref().map(|tokens| tokens.len()),
        Some(2)
    );
    assert_eq!(claim(&message).map(|claim| claim.unix), Some(UNIX + 2));
}

#[test]
fn what_cannot_be_signed() {
    let long = "x".repeat(128);
    let bad = [
        (
            Key {
                password: &long,
                ..KEY
            },
            UNIX,
            Md5,
        ),
        (
            Key {
                identifier: &long,
                ..KEY
            },
            UNIX,
            Md5,
        ),
        (KEY, 0, Md5),
        (KEY, 0, HmacSha1),
    ];
    for (key, unix, mechanism) in bad {
        assert!(
            sign(&mut rrq(), mechanism, &key, unix, 0).is_err(),
            "{mechanism:?} {key:?} {unix}"
        );
    }
    assert!(claim(&rrq()).is_none());
}

/// A sender that names itself in no token: the message does.
#[test]
fn without_senders_id_the_message_names_the_sender() {
    let key = Key {
        identifier: "",
        ..KEY
    };
    let raw = signed(&rrq(), HmacSha1, &key);
    let message = decode_ras(&raw).expect("decodes");
    assert_eq!(
        claim(&message).map(|claim| claim.identifier),
        Some("0001_ep".into())
    );
    assert!(verify(&raw, &message, HmacSha1, &KEY));
}

/// Copies of the hash elsewhere in the message lead nobody astray.
#[test]
fn copies_of_the_hash() {
    let RasMessage::NonStandardMessage(plain) = decode_ras(&nonstandard()).expect("decodes") else {
        panic!("not a NonStandardMessage")
    };
    let with = |data: Vec<u8>| {
        let mut message = plain.clone();
        message.non_standard_data.data = data.into();
        RasMessage::NonStandardMessage(message)
    };
    // The value of the hash of a message cannot be put into it; that of zeros can.
    let mut decoy = with([96].into_iter().chain([0; 12]).collect());
    let raw = sign(&mut decoy, HmacSha1, &KEY, UNIX, 0).expect("signs");
    assert!(verify(&raw, &decoy, HmacSha1, &KEY));

    let mut many = with([96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0].repeat(1_000));
    let mut raw = sign(&mut many, HmacSha1, &KEY, UNIX, 0).expect("signs");
    assert!(verify(&raw, &many, HmacSha1, &KEY));
    let end = raw.len();
    raw[end - 12..].fill(0);
    assert!(!holds(&raw, HmacSha1, &KEY), "a hash of zeros");
}

fn nonstandard() -> Vec<u8> {
    common::good()
        .into_iter()
        .find(|vector| {
            matches!(
                decode_ras(&vector.bytes),
                Ok(RasMessage::NonStandardMessage(_))
            )
        })
        .expect("a vector")
        .bytes
}

/// A gatekeeper in use registered with its parent so, and was confirmed.
#[test]
fn captured() {
    let key = Key {
        identifier: "ChildGK",
        peer: "",
        password: "secret",
    };
    let mut held = 0;
    for vector in common::file("b-child-h235.txt") {
        let message = decode_ras(&vector.bytes).expect("decodes");
        let Some(claim) = claim(&message) else {
            continue;
        };
        assert_eq!(
            (claim.mechanism, claim.identifier.as_str()),
            (Md5, "ChildGK")
        );
        assert!(verify(&vector.bytes, &message, Md5, &key), "{}", vector.at);
        assert!(!verify(
            &vector.bytes,
            &message,
            Md5,
            &Key {
                password: "secreT",
                ..key
            }
        ));
        let mut ours = message.clone();
        sign(&mut ours, Md5, &key, claim.unix, 0).expect("signs");
        assert_eq!(ours, message, "ours is the same to the bit");
        held += 1;
    }
    assert_eq!(held, 4);
}

/// Made by another implementation: pycrate's encoding, and HMAC of Python's library.
#[test]
fn made_elsewhere() {
    let raw = common::hex(ELSEWHERE, "a GRQ");
    let key = Key {
        identifier: "alice",
        peer: "gk1",
        password: "p\u{e4}ssword",
    };
    let message = decode_ras(&raw).expect("decodes");
    assert_eq!(
        claim(&message).map(|claim| (claim.unix, claim.random)),
        Some((UNIX, 300))
    );
    assert!(verify(&raw, &message, HmacSha1, &key));
}

const ELSEWHERE: &str = "02a00008060008914a000600c000020106b700020067006b00310140040061006c006900630065164000470174070008816b000101c500070008816b000105c06b010aad02012c040067006b003106800b080061006c006900630065070008816b0001060060d6761886662bf8fcdf765990";

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9]{1,20}", "\\PC{1,30}"]
        .prop_map(|text| text.replace('\0', ""))
        .prop_filter("empty", |text| !text.is_empty())
}

proptest! {
    #[test]
    fn signing_and_verifying_agree(
        (identifier, peer, password, other) in (text(), text(), text(), text()),
        unix in 1..=u32::MAX,
        random: i32,
        hmac: bool,
    ) {
        let mechanism = if hmac { HmacSha1 } else { Md5 };
        let key = Key { identifier: &identifier, peer: &peer, password: &password };
        let mut message = rrq();
        let raw = sign(&mut message, mechanism, &key, unix, random).expect("signs");
        prop_assert_eq!(decode_ras(&raw), Ok(message.clone()));
        let found = claim(&message).expect("a claim");
        prop_assert_eq!(found.unix, unix);
        prop_assert_eq!(&found.identifier, &identifier);
        prop_assert!(verify(&raw, &message, mechanism, &key));
        let wrong = Key { password: &other, ..key };
        prop_assert_eq!(verify(&raw, &message, mechanism, &wrong), other == password);
    }

    #[test]
    fn anything_is_survived(
        octets in proptest::collection::vec(any::<u8>(), 0..400),
        cut in 0_usize..300,
        splice in any::<bool>(),
        hmac in any::<bool>(),
    ) {
        let mechanism = if hmac { HmacSha1 } else { Md5 };
        let mut raw = signed(&rrq(), mechanism, &KEY);
        let mut spliced = raw.clone();
        if splice {
            for (at, octet) in octets.iter().enumerate().take(8) {
                let at = (cut + at * usize::from(*octet)) % spliced.len();
                spliced[at] ^= octet;
            }
        } else {
            spliced = octets;
        }
        if let Ok(message) = decode_ras(&spliced) {
            let _ = claim(&message);
            for mechanism in [Md5, HmacSha1] {
                let holds = verify(&spliced, &message, mechanism, &KEY);
                if mechanism == HmacSha1 && spliced != raw {
                    prop_assert!(!holds);
                }
            }
            // The octets need not be those of the message.
            raw.truncate(cut);
            prop_assert!(!verify(&raw, &message, HmacSha1, &KEY) || raw == spliced);
        }
    }
}
