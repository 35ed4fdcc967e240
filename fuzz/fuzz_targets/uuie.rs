//! H323-UserInformation on any octets: no panic, no more time than the length allows, what was decoded encodes to what
//! decodes alike, and a patch changes one address only.
//!
//!     cargo +nightly fuzz run uuie -- -max_total_time=180
#![no_main]

#[path = "../cost.rs"]
mod cost;

use std::net::SocketAddr;

use libfuzzer_sys::fuzz_target;
use rasline_h225::uuie::{
    AddressField, UserInformation, decode_uuie, encode_uuie, patch_addresses, remove_h245_address,
};

fuzz_target!(|octets: &[u8]| {
    let Ok(information) = cost::bounded(octets.len(), || decode_uuie(octets)) else {
        return;
    };
    let _ = (information.call_identifier(), information.conference_id());
    let _ = (information.fast_start(), information.h245_control());
    let _ = (information.tunnels_h245(), information.release_reason());
    if let Ok(again) = encode_uuie(&information) {
        assert_eq!(decode_uuie(&again).as_ref(), Ok(&information));
    }
    for address in ["198.51.100.7:4321", "[2001:db8::7]:4321"] {
        let address = address.parse().expect("an address");
        for (field, read) in FIELDS {
            let patched = cost::bounded(PLACES * octets.len(), || {
                patch_addresses(octets, &[(field, address)])
            });
            if let Ok(patched) = patched {
                check(&information, &patched, field, read, address);
            }
        }
    }
    if let Ok(without) = remove_h245_address(octets) {
        let without = decode_uuie(&without).expect("decodes");
        assert_eq!(without.h245_address(), None);
    }
});

/// How often a patch decodes a message, at most.
const PLACES: usize = 12;

type Read = fn(&UserInformation) -> Option<SocketAddr>;

const FIELDS: [(AddressField, Read); 4] = [
    (AddressField::H245, UserInformation::h245_address),
    (
        AddressField::SourceCallSignal,
        UserInformation::source_call_signal_address,
    ),
    (
        AddressField::DestinationCallSignal,
        UserInformation::destination_call_signal_address,
    ),
    (
        AddressField::Alternative,
        UserInformation::alternative_address,
    ),
];

/// The patched message has the address, and is otherwise as before.
fn check(
    before: &UserInformation,
    patched: &[u8],
    field: AddressField,
    read: Read,
    address: SocketAddr,
) {
    let after = decode_uuie(patched).expect("decodes");
    assert_eq!(read(&after), Some(address));
    for (other, read) in FIELDS {
        assert!(other == field || read(&after) == read(before));
    }
    let Some(original) = read(before) else {
        return;
    };
    if let Ok(back) = patch_addresses(patched, &[(field, original)]) {
        assert_eq!(decode_uuie(&back).as_ref(), Ok(before));
    }
}
