//! Signs of life that no slot notes: see `rasline_abi::Seen`.

use rasline_abi::{SEEN_EVERY, Seen, elapsed, ticks};

use crate::Tables;
use crate::hash;
use crate::tables::{Address, get, get_pair};

/// Port under which TCP of an address is noted.
pub const TCP_PORT: u16 = 0;

/// Notes that something came from an endpoint's address and port.
#[inline(always)]
pub fn notice<T: Tables>(tables: &T, address: Address, port: u16) {
    let Some(globals) = tables.globals() else {
        return;
    };
    let key = |i: usize| get!(globals, hash_keys[i]);
    let at = hash::place(
        address,
        port,
        [key(0), key(1), key(2), key(3), key(4), key(5)],
    );
    let check = hash::place(
        address,
        port,
        [key(6), key(7), key(8), key(9), key(10), key(11)],
    ) | 1;
    let Some(seen) = tables.seen(at & get!(globals, slot_mask)) else {
        return;
    };
    let now = ticks(tables.now());
    let old = get_pair!(seen, tick);
    if (old >> 32) as u32 == check && elapsed(now, old as u32) < SEEN_EVERY {
        return;
    }
    let p = seen.ptr();
    // SAFETY: a valid value of eight aligned octets, which only the kernel writes.
    #[allow(unsafe_code)]
    unsafe {
        p.cast::<u64>()
            .write_volatile(u64::from(check) << 32 | u64::from(now));
    }
    let _: *mut Seen = p;
}
