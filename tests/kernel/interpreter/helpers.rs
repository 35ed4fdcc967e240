//! The kernel's helpers that the program calls.

use super::memory::{Memory, REGION};

/// MAC addresses of the way to every next hop: one's own and the other's.
const HOP_MAC: [u8; 12] = [2, 0, 0, 0, 0, 7, 2, 0, 0, 0, 0, 8];
const FAILED: u64 = u64::MAX;
const XDP_REDIRECT: u64 = 4;
/// `BPF_FIB_LKUP_RET_NO_NEIGH`: no next hop is known, so the stack routes.
const NO_NEIGHBOUR: u64 = 7;

/// Calls a helper by its number.
pub fn call(
    memory: &mut Memory,
    (now, routes): (u64, bool),
    helper: i32,
    [a, b, c, d, _]: [u64; 5],
) -> u64 {
    match helper {
        // map_lookup_elem
        1 => memory.look_up(a, b),
        // map_update_elem
        2 => memory.update(a, b, c, d),
        // map_delete_elem
        3 => memory.delete(a, b),
        // redirect
        23 => XDP_REDIRECT,
        // xdp_adjust_tail
        65 => memory.adjust_tail(i64::from(b as i32)),
        // fib_lookup
        69 if routes => {
            // struct bpf_fib_lookup: the MTU stands at 6, the interface at 8, both MAC addresses from 52 on.
            memory.store(b + 6, 2, 1500);
            for (i, octet) in HOP_MAC.into_iter().enumerate() {
                memory.store(b + 52 + i as u64, 1, u64::from(octet));
            }
            0
        }
        69 => NO_NEIGHBOUR,
        // ringbuf_output
        130 => 0,
        // ktime_get_coarse_ns
        160 => now,
        // xdp_load_bytes
        189 => {
            let octets = memory.packet().get(b as usize..(b + d) as usize);
            let Some(octets) = octets.map(<[u8]>::to_vec) else {
                return FAILED;
            };
            for (i, octet) in octets.into_iter().enumerate() {
                memory.store(c + i as u64, 1, u64::from(octet));
            }
            memory.touch(super::memory::PACKET << REGION | b, d as usize);
            0
        }
        other => panic!("helper {other}"),
    }
}
