//! Arrays that the kernel and the controller both use, as atomic words: an mmap of a BPF array, or plain memory.
//!
//! Invariant: nothing here ever makes a reference to a value that the other side may change; values are copied in
//! and out word by word, and whoever needs a consistent value uses a generation (see `rasline_abi::Slot`).

use std::{
    marker::PhantomData,
    os::fd::BorrowedFd,
    ptr::NonNull,
    sync::atomic::{AtomicU64, Ordering},
};

use bytemuck::Pod;

/// Length and content of the memory behind a [`MappedArray`].
#[derive(Debug)]
enum Memory {
    Plain(Box<[AtomicU64]>),
    Mapped(Mapping),
}

/// An mmap of a BPF array; unmapped when dropped.
#[derive(Debug)]
struct Mapping {
    start: NonNull<AtomicU64>,
    words: usize,
    octets: usize,
}

// SAFETY: the mapping is plain shared memory that belongs to no thread, and is reached through atomics only.
#[allow(unsafe_code)]
unsafe impl Send for Mapping {}

// SAFETY: as above; every access of every thread is an atomic one.
#[allow(unsafe_code)]
unsafe impl Sync for Mapping {}

impl Mapping {
    #[allow(unsafe_code)]
    fn new(map: BorrowedFd<'_>, octets: usize) -> std::io::Result<Self> {
        use rustix::mm::{MapFlags, ProtFlags, mmap};
        let page = rustix::param::page_size();
        let mapped = octets.div_ceil(page) * page;
        // SAFETY: a new mapping at an address of the kernel's choice touches no other memory.
        let start = unsafe {
            mmap(
                std::ptr::null_mut(),
                mapped,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                map,
                0,
            )
        }?;
        let start = NonNull::new(start.cast()).ok_or(std::io::ErrorKind::AddrNotAvailable)?;
        Ok(Self {
            start,
            words: octets / 8,
            octets: mapped,
        })
    }
}

impl Drop for Mapping {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this length, and no reference outlives `self`. It cannot fail then.
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.octets) };
    }
}

impl Memory {
    #[allow(unsafe_code)]
    fn words(&self) -> &[AtomicU64] {
        match self {
            Self::Plain(words) => words,
            // SAFETY: `start` is page-aligned and the mapping holds `words` words for as long as `self` lives; the
            // kernel's writes are seen as those of another thread through atomics.
            Self::Mapped(m) => unsafe { std::slice::from_raw_parts(m.start.as_ptr(), m.words) },
        }
    }
}

/// An array of `T` shared with the kernel. `T`'s size is a multiple of eight octets.
#[derive(Debug)]
pub struct MappedArray<T> {
    memory: Memory,
    of: PhantomData<T>,
}

impl<T: Pod> MappedArray<T> {
    const WORDS: usize = {
        assert!(size_of::<T>().is_multiple_of(8) && align_of::<T>() <= 8);
        size_of::<T>() / 8
    };

    /// Zeroed memory of this process's own.
    #[must_use]
    pub fn plain(len: usize) -> Self {
        let words = (0..len * Self::WORDS).map(|_| AtomicU64::new(0)).collect();
        Self {
            memory: Memory::Plain(words),
            of: PhantomData,
        }
    }

    /// The memory of a BPF array made with `BPF_F_MMAPABLE` and `len` entries of `T`.
    ///
    /// # Errors
    /// What mmap says.
    pub fn map(map: BorrowedFd<'_>, len: usize) -> std::io::Result<Self> {
        let mapping = Mapping::new(map, len * size_of::<T>())?;
        Ok(Self {
            memory: Memory::Mapped(mapping),
            of: PhantomData,
        })
    }

    /// Number of `T`.
    #[must_use]
    pub fn len(&self) -> usize {
        self.memory.words().len() / Self::WORDS
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Stores one word of a value, as it is in `value`: what the other words hold stays.
    pub fn store_word_of(&self, index: usize, value: &T, word: usize) {
        let mut octets = [0; 8];
        octets.copy_from_slice(&bytemuck::bytes_of(value)[8 * word..8 * word + 8]);
        self.store_word(index, word, u64::from_ne_bytes(octets));
    }

    fn at(&self, index: usize) -> &[AtomicU64] {
        &self.memory.words()[index * Self::WORDS..(index + 1) * Self::WORDS]
    }

    /// Copies a value out; each of its words is whole, the value need not be.
    #[must_use]
    pub fn load(&self, index: usize) -> T {
        let mut value = T::zeroed();
        let octets = bytemuck::bytes_of_mut(&mut value);
        for (word, to) in self.at(index).iter().zip(octets.chunks_exact_mut(8)) {
            to.copy_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
        }
        value
    }

    /// Copies a value in, from its last word to its first, so that the first announces the others.
    pub fn store(&self, index: usize, value: &T) {
        for (word, from) in self
            .at(index)
            .iter()
            .zip(bytemuck::bytes_of(value).chunks_exact(8))
            .rev()
        {
            let mut octets = [0; 8];
            octets.copy_from_slice(from);
            word.store(u64::from_ne_bytes(octets), Ordering::Release);
        }
    }

    /// One word of a value.
    #[must_use]
    pub fn load_word(&self, index: usize, word: usize) -> u64 {
        self.at(index)[word].load(Ordering::Acquire)
    }

    /// Writes one word of a value, after everything that was stored before.
    pub fn store_word(&self, index: usize, word: usize, value: u64) {
        self.at(index)[word].store(value, Ordering::Release);
    }
}
