//! Coarse time that fits a slot: ticks of 2^24 ns, compared with wrap-around (2.2 years, half of it either way).

/// Nanoseconds in a tick (16.8 ms).
pub const TICK_NS: u64 = 1 << 24;

/// The tick in which `now_ns` (CLOCK_MONOTONIC) lies.
#[inline(always)]
#[must_use]
pub const fn ticks(now_ns: u64) -> u32 {
    (now_ns / TICK_NS) as u32
}

/// Ticks from `since` to `now`; zero if `since` lies in the future (another CPU's clock was read later).
#[inline(always)]
#[must_use]
pub const fn elapsed(now: u32, since: u32) -> u32 {
    let d = now.wrapping_sub(since);
    if d > u32::MAX / 2 { 0 } else { d }
}

/// A duration in ticks, rounded down, at most half the range so that it can be compared.
#[must_use]
pub const fn duration_to_ticks(ns: u64) -> u32 {
    let t = ns / TICK_NS;
    if t > (u32::MAX / 2) as u64 {
        u32::MAX / 2
    } else {
        t as u32
    }
}
