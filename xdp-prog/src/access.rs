//! Packet access as the verifier wants it: every access checked against the end of the packet.

use core::arch::asm;

use aya_ebpf::bindings::xdp_md;
use aya_ebpf::helpers::bpf_xdp_adjust_tail;
use rasline_datapath::Frame;

/// The linear part of a packet.
pub struct XdpFrame {
    ctx: *mut xdp_md,
    data: usize,
    end: usize,
}

impl XdpFrame {
    /// The packet of this context.
    #[inline(always)]
    pub fn new(ctx: *mut xdp_md) -> Self {
        // SAFETY: the kernel hands the program a valid context.
        let (data, end) = unsafe { ((*ctx).data as usize, (*ctx).data_end as usize) };
        Self { ctx, data, end }
    }

    #[inline(always)]
    fn at<T>(&self, at: usize) -> Option<*mut T> {
        let start = self.data + at;
        if start + size_of::<T>() > self.end {
            None
        } else {
            Some(start as *mut T)
        }
    }

    #[inline(always)]
    fn get<T: Copy>(&self, at: usize) -> Option<T> {
        // SAFETY: `at` checked that the value lies within the packet; the machine reads unaligned numbers.
        self.at(at).map(|p| unsafe { *p })
    }

    #[inline(always)]
    fn set<T>(&mut self, at: usize, value: T) -> Option<()> {
        // SAFETY: as for `get`.
        self.at(at).map(|p| unsafe { *p = value })
    }
}

impl Frame for XdpFrame {
    #[inline(always)]
    fn len(&self) -> usize {
        self.end - self.data
    }
    #[inline(always)]
    fn u8(&self, at: usize) -> Option<u8> {
        self.get(at)
    }
    #[inline(always)]
    fn u16(&self, at: usize) -> Option<u16> {
        self.get(at)
    }
    #[inline(always)]
    fn u32(&self, at: usize) -> Option<u32> {
        self.get(at)
    }
    #[inline(always)]
    fn u64(&self, at: usize) -> Option<u64> {
        self.get(at)
    }
    #[inline(always)]
    fn pair(&self, at: usize) -> Option<[u64; 2]> {
        let first = self.at::<[u64; 2]>(at)?.cast::<u64>();
        // SAFETY: as for `get`; both words were checked.
        Some(unsafe { [*first, *first.add(1)] })
    }
    #[inline(always)]
    fn set_u8(&mut self, at: usize, value: u8) -> Option<()> {
        self.set(at, value)
    }
    #[inline(always)]
    fn set_u16(&mut self, at: usize, value: u16) -> Option<()> {
        self.set(at, value)
    }
    #[inline(always)]
    fn set_u32(&mut self, at: usize, value: u32) -> Option<()> {
        self.set(at, value)
    }
    #[inline(always)]
    fn set_u64(&mut self, at: usize, value: u64) -> Option<()> {
        self.set(at, value)
    }
    #[inline(always)]
    fn resize(&mut self, len: usize) -> Option<()> {
        let delta = len as i32 - self.len() as i32;
        if delta != 0 {
            // SAFETY: the context is valid; the pointers are read anew below.
            if unsafe { bpf_xdp_adjust_tail(self.ctx, delta) } != 0 {
                return None;
            }
        }
        self.renew();
        Some(())
    }
    #[inline(always)]
    fn renew(&mut self) {
        // SAFETY: as in `new`; volatile, so that the compiler does not use the pointers it has.
        unsafe {
            self.data = (&raw const (*self.ctx).data).read_volatile() as usize;
            self.end = (&raw const (*self.ctx).data_end).read_volatile() as usize;
        }
    }
    #[inline(always)]
    fn bounded(&self, value: usize, limit: usize) -> usize {
        // No frame is that long, so this is 0; the verifier does not know.
        let zero = (self.end - self.data) >> 32;
        let (mut value, mask) = (value + zero, limit - 1);
        // SAFETY: an AND. As machine code the compiler cannot drop it where it knows that it changes nothing, but
        // the verifier does not.
        unsafe { asm!("{0} &= {1}", inout(reg) value, in(reg) mask) };
        value
    }
    #[inline(always)]
    fn sum(&mut self, at: usize, len: usize) -> Option<u16> {
        let sum = rasline_sum(self.ctx, at as u32, len as u32);
        self.renew();
        if sum == NO_SUM {
            None
        } else {
            Some(sum as u16)
        }
    }
}

/// What [`rasline_sum`] gives where there is no sum.
const NO_SUM: u32 = 1 << 16;

/// Sum of octets of the packet.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn rasline_sum(ctx: *mut xdp_md, at: u32, len: u32) -> u32 {
    let mut frame = XdpFrame::new(ctx);
    match rasline_datapath::sum(&mut frame, at as usize, len as usize) {
        Some(sum) => u32::from(sum),
        None => NO_SUM,
    }
}
