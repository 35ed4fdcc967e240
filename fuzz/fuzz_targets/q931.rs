//! Streams of call signalling and Q.931 messages on any octets: no panic, no more time than the length allows, a stream
//! keeps less than a message, and a parsed message serialises to the same octets.
//!
//!     cargo +nightly fuzz run q931 -- -max_total_time=180
#![no_main]

#[path = "../cost.rs"]
mod cost;

use libfuzzer_sys::fuzz_target;
use rasline_h225::q931::{Message, Stream, element, header};

/// The longest message that the stream takes.
const MAX_MESSAGE: usize = 2_048;

// The first octet is the length of the pieces in which the rest arrives.
fuzz_target!(|input: &[u8]| {
    let Some((&piece, octets)) = input.split_first() else {
        return;
    };
    let _ = header(octets);
    let messages = cost::bounded(input.len(), || messages(octets, usize::from(piece) + 1));
    for message in messages.iter().map(Vec::as_slice).chain([octets]) {
        cost::bounded(message.len(), || edit(message));
    }
});

/// The messages of a stream.
fn messages(octets: &[u8], piece: usize) -> Vec<Vec<u8>> {
    let mut stream = Stream::new(MAX_MESSAGE);
    let mut messages = Vec::new();
    for piece in octets.chunks(piece) {
        let taken = stream.take(piece, |message| messages.push(message.to_vec()));
        if taken.is_err() {
            break;
        }
        assert!(stream.waiting() < MAX_MESSAGE + 4);
    }
    messages
}

fn edit(octets: &[u8]) {
    let Ok(message) = Message::parse(octets) else {
        return;
    };
    if let Ok(tpkt) = message.to_tpkt() {
        assert_eq!(&tpkt[4..], octets);
    }
    let _ = (message.cause(), message.user_user());
    let count = message.elements().count();
    let mut edited = message.clone();
    edited.set_user_user(&[1, 2, 3]);
    edited.set_cause(16);
    edited.remove_element(element::DISPLAY);
    assert_eq!(edited.user_user(), Some(&[1, 2, 3][..]));
    assert_eq!(
        (edited.cause(), edited.element(element::DISPLAY)),
        (Some(16), None)
    );
    assert!(edited.elements().count() <= count + 2);
    if let Ok(tpkt) = edited.to_tpkt() {
        assert_eq!(Message::parse(&tpkt[4..]), Ok(edited));
    }
}
