//! The machine: interfaces, capabilities, clock, bpffs and locks; and errors for people.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod address;
pub mod arrival;
pub mod bpffs;
pub mod caps;
pub mod conntrack;
pub mod ethtool;
pub mod failure;
pub mod interface;
pub mod link;
pub mod lock;
pub mod netdev;
pub mod netfilter;
mod netlink;
pub mod own;
pub mod own_addresses;
pub mod pressure;
pub mod route;
mod sched;
pub mod sides;

pub use sched::realtime;

/// CLOCK_MONOTONIC in ns, the clock of the kernel program.
#[must_use]
pub fn monotonic_ns() -> u64 {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    t.tv_sec.cast_unsigned() * 1_000_000_000 + t.tv_nsec.cast_unsigned()
}

/// Minutes since midnight, local time.
#[must_use]
pub fn minute_of_day() -> u16 {
    let now = jiff::Zoned::now();
    u16::from(now.hour().unsigned_abs()) * 60 + u16::from(now.minute().unsigned_abs())
}

/// Fills a buffer with random octets from the kernel.
///
/// # Errors
/// When the kernel provides none.
pub fn random(into: &mut [u8]) -> std::io::Result<()> {
    let mut at = 0;
    while at < into.len() {
        at += rustix::rand::getrandom(&mut into[at..], rustix::rand::GetRandomFlags::empty())?;
    }
    Ok(())
}

/// The kernel's version as (major, minor), and its full name.
#[must_use]
pub fn kernel_version() -> ((u32, u32), String) {
    let uname = rustix::system::uname();
    let release = uname.release().to_string_lossy().into_owned();
    let mut numbers = release.split(['.', '-']).map(|n| n.parse().unwrap_or(0));
    (
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)),
        release,
    )
}

/// Oldest kernel with all features of the program (`#[xdp(frags)]`, `bpf_ktime_get_coarse_ns`, links, ring buffer).
pub const OLDEST_KERNEL: (u32, u32) = (5, 18);
