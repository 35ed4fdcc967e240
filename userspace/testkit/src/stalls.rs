//! Measures how long this machine lets a runnable thread wait, which tests that measure gaps must subtract.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

const NAP: Duration = Duration::from_millis(1);

/// A thread on each CPU that sleeps and notes how late it wakes; until dropped.
#[derive(Debug)]
pub struct Stalls {
    longest_ns: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Stalls {
    /// Starts it.
    #[must_use]
    pub fn start() -> Self {
        let longest_ns = Arc::new(AtomicU64::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = (0..cpus)
            .map(|cpu| {
                let (longest, end) = (Arc::clone(&longest_ns), Arc::clone(&stop));
                std::thread::spawn(move || {
                    // Where that is not allowed, it measures on whatever CPU it gets.
                    let _ = stay_on(cpu);
                    while !end.load(Ordering::Relaxed) {
                        let due = Instant::now() + NAP;
                        std::thread::sleep(NAP);
                        let late = Instant::now().saturating_duration_since(due);
                        longest.fetch_max(late.as_nanos() as u64, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        Self {
            longest_ns,
            stop,
            threads,
        }
    }

    /// The longest that one of them was late.
    #[must_use]
    pub fn longest(&self) -> Duration {
        Duration::from_nanos(self.longest_ns.load(Ordering::Relaxed))
    }
}

impl Drop for Stalls {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn stay_on(cpu: usize) -> io::Result<()> {
    // SAFETY: the set is plain data, zeroed is an empty one, and it outlives the call, which reads it.
    #[allow(unsafe_code)]
    let done = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &raw const set)
    };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
