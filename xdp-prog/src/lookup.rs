//! The SK_LOOKUP program: gives connections to a range of ports of a local address to one listening socket, so that each
//! upstream registration can have a call-signalling port of its own without a socket of its own.
#![no_std]
#![no_main]
// Entry point, map values and access to the context: the whole crate is the kernel boundary.
#![allow(unsafe_code, missing_docs, unreachable_pub)]

use aya_ebpf::bindings::sk_action::SK_PASS;
use aya_ebpf::macros::{map, sk_lookup};
use aya_ebpf::maps::{HashMap, SockHash};
use aya_ebpf::programs::SkLookupContext;
use rasline_abi::{ListenerPorts, MAX_LISTENERS};

const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;
const IPPROTO_TCP: u32 = 6;

/// Flag of a selection: it replaces an earlier one.
const BPF_SK_LOOKUP_F_REPLACE: u64 = 1;

/// Ports that go to the listening socket of a local address.
#[map]
static LISTENER_PORTS: HashMap<[u32; 4], ListenerPorts> =
    HashMap::with_max_entries(MAX_LISTENERS, 0);
/// Listening sockets by local address.
#[map]
static LISTENERS: SockHash<[u32; 4]> = SockHash::with_max_entries(MAX_LISTENERS, 0);

/// Entry. Whatever is not for a listener is looked up as if there were no program.
#[sk_lookup]
pub fn rasline_lookup(ctx: SkLookupContext) -> u32 {
    let _none_selected = select(&ctx);
    SK_PASS
}

#[inline(always)]
fn select(ctx: &SkLookupContext) -> Option<()> {
    // The kernel takes loads of whole fields only, so none may be merged.
    macro_rules! field {
        ($($field:tt)+) => {
            // SAFETY: a field of the context, which is valid while the program runs.
            unsafe { (&raw const (*ctx.lookup).$($field)+).read_volatile() }
        };
    }
    if field!(protocol) != IPPROTO_TCP {
        return None;
    }
    // All are loaded first: loads from both families' fields at one computed place would be refused. Those of the other family
    // are zero.
    let v4 = field!(local_ip4);
    let v6 = [
        field!(local_ip6[0]),
        field!(local_ip6[1]),
        field!(local_ip6[2]),
        field!(local_ip6[3]),
    ];
    let address = match field!(family) {
        AF_INET => [0, 0, 0xffff_u32.to_be(), v4],
        AF_INET6 => v6,
        _ => return None,
    };
    let port = field!(local_port);
    // SAFETY: the value is copied, and its two halves are checked one by one.
    let ports = unsafe { LISTENER_PORTS.get(&address) }.copied()?;
    if port < ports.first || port > ports.last {
        return None;
    }
    // An earlier program that is still attached may have selected a socket.
    LISTENERS
        .redirect_sk_lookup(ctx, address, BPF_SK_LOOKUP_F_REPLACE)
        .ok()
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
