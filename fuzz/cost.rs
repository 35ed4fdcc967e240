//! What one input may cost: time of the CPU by its length, so that no short message keeps a controller busy.
//!
//! The bound is wide, since fuzzers run instrumented code; a decode bomb is a hundred times over it.

/// For any input, ns.
const BASE: u64 = 500_000;
/// For each octet, ns.
const PER_OCTET: u64 = 1_000;
/// An input is too slow if it is so each time.
const TRIES: usize = 5;

/// Runs it, again if it is slow.
///
/// # Panics
/// When it takes more than an input of this length may.
pub fn bounded<T>(octets: usize, mut run: impl FnMut() -> T) -> T {
    let bound = BASE + PER_OCTET * octets as u64;
    let mut fastest = u64::MAX;
    for _ in 0..TRIES {
        let start = cpu_ns();
        let result = run();
        fastest = fastest.min(cpu_ns() - start);
        if fastest <= bound {
            return result;
        }
    }
    panic!("{octets} octets take {fastest} ns of the CPU, more than {bound}");
}

fn cpu_ns() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the time outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
