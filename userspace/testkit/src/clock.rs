//! Clocks as numbers, to compare times of different processes.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// CLOCK_MONOTONIC, which `Instant` reads too.
#[must_use]
pub fn monotonic() -> Duration {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` outlives the call, which fills it; the clock exists on every Linux.
    #[allow(unsafe_code)]
    unsafe {
        libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now);
    }
    duration(now)
}

/// UNIX time in seconds.
#[must_use]
pub fn unix() -> u32 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs() as u32)
}

/// A time as the kernel gives it.
pub(crate) const fn duration(time: libc::timespec) -> Duration {
    let nanoseconds = time.tv_nsec.cast_unsigned() as u32;
    Duration::new(time.tv_sec.cast_unsigned(), nanoseconds)
}

/// The `Instant` of a time of [`monotonic`] that is not in the future.
#[must_use]
pub fn instant(at: Duration) -> Instant {
    let ago = monotonic().saturating_sub(at);
    let now = Instant::now();
    now.checked_sub(ago).unwrap_or(now)
}
