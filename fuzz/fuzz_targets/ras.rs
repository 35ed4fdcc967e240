//! The RAS codec on any octets: no panic, no more time than the length allows, and what was decoded encodes to what decodes alike.
//!
//!     cargo +nightly fuzz run ras -- -max_total_time=180
#![no_main]

#[path = "../cost.rs"]
mod cost;

use libfuzzer_sys::fuzz_target;
use rasline_h225::patch::rcf_time_to_live;
use rasline_h225::view::{alternates, summarise};
use rasline_h225::{decode_ras, encode_ras, header};

fuzz_target!(|bytes: &[u8]| {
    let header = header(bytes);
    let _ = rcf_time_to_live(bytes, 77);
    let Ok(message) = cost::bounded(bytes.len(), || decode_ras(bytes)) else {
        return;
    };
    let _ = (summarise(&message), alternates(&message));
    let seq = message.request_seq_num();
    if let Some(header) = header
        && seq > 0
    {
        assert_eq!((header.kind, header.seq), (message.kind(), seq));
    }
    if let Ok(again) = encode_ras(&message) {
        assert_eq!(decode_ras(&again), Ok(message));
    }
});
