//! Scheduling of threads.

use std::io;

/// Gives the calling thread the lowest real-time priority (SCHED_RR): it runs as soon as it is ready, which must be
/// rarely and briefly.
///
/// # Errors
/// Without CAP_SYS_NICE or a limit that allows it.
#[allow(unsafe_code)]
pub fn realtime() -> io::Result<()> {
    let priority = libc::sched_param { sched_priority: 1 };
    // SAFETY: 0 is the calling thread, and the parameter lives for the call.
    let done = unsafe { libc::sched_setscheduler(0, libc::SCHED_RR, &raw const priority) };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
