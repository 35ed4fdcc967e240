//! bpf(2) as far as the bench needs it, shared memory, clocks, and the heap.
#![allow(
    unsafe_code,
    reason = "this module is the bench's boundary to the kernel"
)]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use anyhow::{Context, Result};

const MAP_CREATE: u32 = 0;
const MAP_UPDATE: u32 = 2;
const PROG_LOAD: u32 = 5;
const PROG_TEST_RUN: u32 = 10;
const LINK_CREATE: u32 = 28;
const LINK_UPDATE: u32 = 29;
const TYPE_XDP: u32 = 6;
const ATTACH_XDP: u32 = 37;
const XDP_HAS_FRAGS: u32 = 1 << 5;
const LIVE_FRAMES: u32 = 1 << 1;
const DRV_MODE: u32 = 1 << 2;
const LOG: usize = 64 * 1024;
/// A map of one mmapable value.
pub const ARRAY: (u32, u32) = (2, 1 << 10);
/// A map of programs.
pub const PROG_ARRAY: (u32, u32) = (3, 0);

/// Attributes of a command: `u32`s, and `u64`s at multiples of 8.
#[derive(Default)]
struct Attr([u64; 16]);

impl Attr {
    fn u32(mut self, at: usize, value: u32) -> Self {
        self.0[at / 8] |= u64::from(value) << (at % 8 * 8);
        self
    }
    fn u64(mut self, at: usize, value: u64) -> Self {
        self.0[at / 8] = value;
        self
    }
    fn call(&mut self, command: u32) -> io::Result<i32> {
        // SAFETY: the attributes have the kernel's layout and their size goes with them; what they point to outlives
        // the call, as every caller holds it.
        let result = unsafe {
            libc::syscall(
                libc::SYS_bpf,
                command,
                self.0.as_mut_ptr(),
                size_of_val(&self.0),
            )
        };
        if result < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(result as i32)
        }
    }
    fn fd(&mut self, command: u32) -> io::Result<OwnedFd> {
        let fd = self.call(command)?;
        // SAFETY: a new descriptor that nobody else owns.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }
}

/// Makes a map of one element with a key of four octets.
pub fn map((kind, flags): (u32, u32), value_size: u32) -> Result<OwnedFd> {
    Attr::default()
        .u32(0, kind)
        .u32(4, 4)
        .u32(8, value_size)
        .u32(12, 1)
        .u32(16, flags)
        .fd(MAP_CREATE)
        .context("making a map")
}

/// Puts a program at place 0 of a map of programs.
pub fn set_target(map: &OwnedFd, program: RawFd) -> Result<()> {
    let (key, value) = (0u32, program);
    Attr::default()
        .u32(0, map.as_raw_fd().cast_unsigned())
        .u64(8, (&raw const key) as u64)
        .u64(16, (&raw const value) as u64)
        .call(MAP_UPDATE)
        .map(|_| ())
        .context("setting the program to be measured")
}

/// Loads an XDP program.
pub fn program(name: &str, code: &[u64]) -> Result<OwnedFd> {
    let license = c"GPL";
    let mut log = vec![0u8; LOG];
    let mut short = [0u8; 16];
    short[..name.len()].copy_from_slice(name.as_bytes());
    let name_at = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| short[at + i]));
    Attr::default()
        .u32(0, TYPE_XDP)
        .u32(4, code.len() as u32)
        .u64(8, code.as_ptr() as u64)
        .u64(16, license.as_ptr() as u64)
        .u32(24, 1)
        .u32(28, LOG as u32)
        .u64(32, log.as_mut_ptr() as u64)
        .u32(44, XDP_HAS_FRAGS)
        .u64(48, name_at(0))
        .u64(56, name_at(8))
        .u32(68, ATTACH_XDP)
        .fd(PROG_LOAD)
        .with_context(|| {
            let end = log.iter().position(|b| *b == 0).unwrap_or(0);
            format!("loading {name}: {}", String::from_utf8_lossy(&log[..end]))
        })
}

/// Runs a program `repeat` times on one frame; the last XDP action.
pub fn test_run(program: RawFd, frame: &[u8], repeat: u32) -> Result<u32> {
    let mut attr = Attr::default()
        .u32(0, program.cast_unsigned())
        .u32(8, frame.len() as u32)
        .u64(16, frame.as_ptr() as u64)
        .u32(32, repeat);
    attr.call(PROG_TEST_RUN).context("BPF_PROG_TEST_RUN")?;
    Ok((attr.0[0] >> 32) as u32)
}

/// Sends `frames` frames of a generating program out of interface `ifindex` of this thread's namespace.
pub fn live_run(program: RawFd, frame: &[u8], frames: u32, ifindex: u32, batch: u32) -> Result<()> {
    // struct xdp_md: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex.
    let context = [0, frame.len() as u32, 0, ifindex, 0, 0];
    Attr::default()
        .u32(0, program.cast_unsigned())
        .u32(8, frame.len() as u32)
        .u64(16, frame.as_ptr() as u64)
        .u32(32, frames)
        .u32(40, size_of_val(&context) as u32)
        .u64(48, context.as_ptr() as u64)
        .u32(64, LIVE_FRAMES)
        .u32(72, batch)
        .call(PROG_TEST_RUN)
        .map(|_| ())
        .context("BPF_PROG_TEST_RUN with live frames")
}

/// Attaches a program in native mode while the descriptor lives.
pub fn attach(program: RawFd, ifindex: u32) -> Result<OwnedFd> {
    Attr::default()
        .u32(0, program.cast_unsigned())
        .u32(4, ifindex)
        .u32(8, ATTACH_XDP)
        .u32(12, DRV_MODE)
        .fd(LINK_CREATE)
        .context("attaching XDP")
}

/// Puts another program in the place of the attached one.
pub fn replace(link: &OwnedFd, program: RawFd) -> Result<()> {
    Attr::default()
        .u32(0, link.as_raw_fd().cast_unsigned())
        .u32(4, program.cast_unsigned())
        .call(LINK_UPDATE)
        .map(|_| ())
        .context("replacing the XDP program")
}

/// A map's values in our memory.
pub struct Shared<T> {
    at: *mut T,
    len: usize,
}

// SAFETY: the mapping belongs to no thread, and the kernel changes it at any time anyway: every access is volatile.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above; writing takes `&mut self`.
unsafe impl<T: Sync> Sync for Shared<T> {}

impl<T: bytemuck::Pod> Shared<T> {
    /// Maps `len` values.
    pub fn new(map: RawFd, len: usize) -> Result<Self> {
        // SAFETY: a new mapping at an address of the kernel's choice.
        let at = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                size_of::<T>() * len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                map,
                0,
            )
        };
        if at == libc::MAP_FAILED {
            return Err(io::Error::last_os_error()).context("mapping a map into memory");
        }
        Ok(Self { at: at.cast(), len })
    }
    pub fn len(&self) -> usize {
        self.len
    }
    pub fn get(&self, index: usize) -> T {
        assert!(index < self.len);
        // SAFETY: within the mapping.
        unsafe { self.at.add(index).read_volatile() }
    }
    pub fn set(&mut self, index: usize, value: T) {
        assert!(index < self.len);
        // SAFETY: within the mapping.
        unsafe { self.at.add(index).write_volatile(value) }
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping that `new` made.
        unsafe { libc::munmap(self.at.cast(), size_of::<T>() * self.len) };
    }
}

/// Nanoseconds that a clock shows.
fn clock(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: a place for the time.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}

/// CPU time of this thread: other work on the machine does not count.
pub fn cpu_time() -> u64 {
    clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Octets of heap in use by this thread's arena (the main one, on the main thread) and by large blocks.
pub fn heap() -> usize {
    // SAFETY: it only reads the allocator's own counts.
    let info = unsafe { libc::mallinfo2() };
    info.uordblks + info.hblkhd
}

/// CLOCK_MONOTONIC.
pub fn now() -> u64 {
    clock(libc::CLOCK_MONOTONIC)
}

/// Keeps this thread on one CPU.
pub fn pin(cpu: usize) -> Result<()> {
    // SAFETY: an all-zero set is a valid one, and `cpu` is far below its size.
    let result = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &raw const set)
    };
    if result != 0 {
        return Err(io::Error::last_os_error()).with_context(|| format!("keeping to CPU {cpu}"));
    }
    Ok(())
}

/// CPUs at hand.
pub fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// ifindex of an interface of this thread's namespace.
pub fn ifindex(name: &std::ffi::CStr) -> Result<u32> {
    // SAFETY: a terminated string.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(io::Error::last_os_error()).with_context(|| format!("interface {name:?}")),
        index => Ok(index),
    }
}
