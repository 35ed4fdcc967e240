//! H.245 on any octets: no panic, no more time than the length allows, and a changed number is the only change.
//!
//!     cargo +nightly fuzz run h245 -- -max_total_time=180
#![no_main]

#[path = "../cost.rs"]
mod cost;

use libfuzzer_sys::fuzz_target;
use rasline_h225::h245::{Head, decode_open_logical_channel_ack, read_head, renumber};

fuzz_target!(|octets: &[u8]| {
    let head = read_head(octets);
    let ack = cost::bounded(octets.len(), || decode_open_logical_channel_ack(octets));
    if let Some(ack) = ack {
        let channel = ack.channel;
        assert_eq!(head, Head::OpenLogicalChannelAck { channel });
    }
    let mut changed = octets.to_vec();
    if renumber(&mut changed, 77) {
        let number = 77;
        let expected = match head {
            Head::TerminalCapabilitySet { empty, .. } => {
                Head::TerminalCapabilitySet { number, empty }
            }
            Head::TerminalCapabilitySetAck { .. } => Head::TerminalCapabilitySetAck { number },
            _ => Head::TerminalCapabilitySetReject { number },
        };
        assert_eq!(read_head(&changed), expected);
        changed[2] = octets[2];
    }
    assert_eq!(changed, octets);
});
