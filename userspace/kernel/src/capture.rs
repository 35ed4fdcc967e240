//! Frames as the data path saw them and what it decided, read from the program's own tables: with or without a
//! controller.
//!
//! Invariant: frames are copied only while a [`Capture`] lives; one that is killed is found out by its lock, and the
//! controller ends what it began.

use std::{os::fd::AsFd, path::Path};

use aya::maps::{Map, MapData, RingBuf};
use rasline_abi::{CAPTURE_MAX, CaptureHeader, Counter, map};
use rasline_host::failure::{Failure, Result, chain};

use crate::{globals::GlobalsRow, mapped_array::MappedArray, pins};

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// CLOCK_MONOTONIC (coarse), ns.
    pub time_ns: u64,
    /// Interface that it came in by.
    pub ifindex: u32,
    /// What became of it: name of a counter, and what that counts.
    pub verdict: (&'static str, &'static str),
    /// It is the frame as it left, not as it came in.
    pub left: bool,
    /// Octets of the frame.
    pub frame_len: u32,
    /// Its first octets.
    pub octets: Vec<u8>,
}

/// A capture under way.
pub struct Capture {
    ring: RingBuf<MapData>,
    globals: GlobalsRow,
}

fn pinned(folder: &Path, name: &str) -> Result<MapData> {
    let path = folder.join(name);
    MapData::from_pin(&path).map_err(|e| {
        Failure::new(
            format!("pin {}", path.display()),
            chain(&e),
            "start rasline, and run this as root in its network namespace (nsenter --net, not ip netns exec)",
        )
    })
}

impl Capture {
    /// Octets of a frame at most.
    pub const MAX: u32 = CAPTURE_MAX as u32;

    /// Begins: from now on the program copies the first `len` octets of frames.
    ///
    /// # Errors
    /// When the program is not loaded, or is of another version.
    pub fn begin(bpffs: &Path, len: u32) -> Result<Self> {
        let folder = pins::folder(bpffs);
        let globals = pinned(&folder, map::GLOBALS)?;
        let globals = MappedArray::map(globals.fd().as_fd(), 1)
            .map_err(|e| Failure::plain("map GLOBALS", format!("mmap: {e}")))?;
        let ring = RingBuf::try_from(Map::RingBuf(pinned(&folder, map::CAPTURE)?))
            .map_err(|e| Failure::plain("map CAPTURE", chain(&e)))?;
        let globals = GlobalsRow::new(globals);
        let mut capture = Self { ring, globals };
        // What an earlier capture left behind.
        while capture.ring.next().is_some() {}
        capture.globals.set_capture_len(len.clamp(1, Self::MAX));
        Ok(capture)
    }

    /// The next frame, if there is one.
    pub fn next_frame(&mut self) -> Option<Captured> {
        loop {
            let item = self.ring.next()?;
            if let Some(captured) = parse(&item) {
                return Some(captured);
            }
        }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.globals.set_capture_len(0);
    }
}

impl std::os::fd::AsRawFd for Capture {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.ring.as_raw_fd()
    }
}

fn parse(item: &[u8]) -> Option<Captured> {
    let (header, rest) = item.split_at_checked(size_of::<CaptureHeader>())?;
    let header: CaptureHeader = bytemuck::pod_read_unaligned(header);
    let verdict = Counter::ALL.get(header.verdict as usize)?;
    Some(Captured {
        time_ns: header.time_ns,
        ifindex: header.ifindex,
        verdict: (verdict.name(), verdict.help().trim()),
        left: header.direction == 1,
        frame_len: header.frame_len,
        octets: rest.get(..header.captured as usize)?.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_read_or_refused() {
        let header = CaptureHeader {
            verdict: Counter::Answer as u32,
            frame_len: 60,
            captured: 2,
            direction: 1,
            ..CaptureHeader::default()
        };
        let mut item = bytemuck::bytes_of(&header).to_vec();
        item.extend([1, 2]);
        let frame = parse(&item).unwrap();
        assert_eq!((frame.verdict.0, frame.left), ("answer", true));
        assert_eq!((frame.octets, frame.frame_len), (vec![1, 2], 60));
        assert_eq!(parse(&item[..item.len() - 1]), None);
        item[12] = 250;
        assert_eq!(parse(&item), None);
    }
}
