//! Any octets give a value or an error, and a value that was decoded can be worked with.

mod common;

use proptest::prelude::*;
use rasline_h225::patch::rcf_time_to_live;
use rasline_h225::view::{alternates, summarise};
use rasline_h225::{DecodeError, MAX_MESSAGE, decode_ras, encode_ras, header};

/// What every caller does with bytes from the network.
fn exercise(bytes: &[u8]) {
    let header = header(bytes);
    let _ = rcf_time_to_live(bytes, 77);
    let Ok(message) = decode_ras(bytes) else {
        return;
    };
    let _ = (summarise(&message), alternates(&message));
    if message.request_seq_num() > 0
        && let Some(header) = header
    {
        assert_eq!(
            (header.kind, header.seq),
            (message.kind(), message.request_seq_num())
        );
    }
    if let Ok(again) = encode_ras(&message) {
        assert_eq!(decode_ras(&again), Ok(message));
    }
}

#[test]
fn corpus_of_the_fuzzer() {
    let folder = common::root().join("fuzz/corpus/ras");
    let entries =
        std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut seen = 0;
    for entry in entries {
        exercise(&std::fs::read(entry.expect("an entry").path()).expect("a file"));
        seen += 1;
    }
    assert!(seen > 20, "only {seen} files in {}", folder.display());
}

#[test]
fn every_cut_and_every_flipped_bit() {
    for vector in common::file("samples.txt") {
        common::each_mutilation(&vector.bytes, exercise);
    }
}

#[test]
fn length_is_bounded() {
    assert_eq!(decode_ras(&[]), Err(DecodeError::Empty));
    let long = vec![0; MAX_MESSAGE + 1];
    assert_eq!(
        decode_ras(&long),
        Err(DecodeError::TooLong(MAX_MESSAGE + 1))
    );
    for fill in 0..=u8::MAX {
        exercise(&vec![fill; MAX_MESSAGE]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn random_octets(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        exercise(&bytes);
    }

    #[test]
    fn damaged_messages(
        pick in any::<prop::sample::Index>(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let all = vectors();
        let mut bytes = all[pick.index(all.len())].clone();
        for (at, octet) in damage {
            let at = at.index(bytes.len());
            bytes[at] = octet;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        exercise(&bytes);
    }
}

fn vectors() -> &'static [Vec<u8>] {
    static ALL: std::sync::OnceLock<Vec<Vec<u8>>> = std::sync::OnceLock::new();
    ALL.get_or_init(|| {
        common::good()
            .into_iter()
            .map(|vector| vector.bytes)
            .collect()
    })
}
