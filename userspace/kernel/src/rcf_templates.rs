//! RCF templates: stored once per distinct content, counted, and rested before they are written anew.
//!
//! Invariant: an RCF template that a published slot names, or named within the last second, does not change.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher, RandomState},
};

use rasline_abi::{MAX_RCF, RcfTemplate};

use crate::mapped_array::MappedArray;

/// How long a slot or RCF template rests before it is used again: no packet is handled for so long.
pub(crate) const REST_NS: u64 = 1_500_000_000;
/// Word of [`RcfTemplate`] that begins with `original`.
const ORIGINAL_WORD: usize = std::mem::offset_of!(RcfTemplate, original) / 8;
const _: () = assert!(
    std::mem::offset_of!(RcfTemplate, original).is_multiple_of(8)
        && std::mem::offset_of!(RcfTemplate, len) == 0
);

/// The RCF templates in use and those that are free.
#[derive(Debug)]
pub struct RcfTemplates {
    memory: MappedArray<RcfTemplate>,
    users: Vec<u32>,
    by_content: HashMap<u64, Vec<u32>>,
    hasher: RandomState,
    free: Vec<u32>,
    fresh: u32,
    resting: VecDeque<(u64, u32)>,
}

impl RcfTemplates {
    /// None in use; the memory is zero.
    #[must_use]
    pub fn new(memory: MappedArray<RcfTemplate>) -> Self {
        let users = vec![0; memory.len()];
        Self {
            memory,
            users,
            by_content: HashMap::new(),
            hasher: RandomState::new(),
            free: Vec::new(),
            fresh: 0,
            resting: VecDeque::new(),
        }
    }

    /// Takes over what stands in the memory: `users` slots name each RCF template. The others rest, as somebody may have
    /// named them a moment ago.
    pub(crate) fn adopt(&mut self, now_ns: u64, users: Vec<u32>) {
        self.users = users;
        let named: Vec<u32> = (0..self.memory.len() as u32)
            .filter(|i| self.users[*i as usize] > 0)
            .collect();
        for index in named {
            self.list(index);
            let original = self.original(index);
            if original != index {
                let alone = self.users[original as usize] == 0;
                self.users[original as usize] += 1;
                if alone {
                    self.list(original);
                }
            }
        }
        let in_use = |i: &u32| self.users[*i as usize] > 0;
        self.fresh = (0..self.memory.len() as u32)
            .rfind(in_use)
            .map_or(0, |last| last + 1);
        self.resting = (0..self.fresh)
            .filter(|i| !in_use(i))
            .map(|i| (now_ns + REST_NS, i))
            .collect();
    }

    /// Makes an RCF template known by its content.
    fn list(&mut self, index: u32) {
        let (hash, _) = self.hash(index);
        self.by_content.entry(hash).or_default().push(index);
    }

    /// Hash of the content, and which other RCF template is its original.
    fn hash(&self, index: u32) -> (u64, Option<u32>) {
        let mut content = self.memory.load(index as usize);
        let original = (content.original != index).then_some(content.original);
        content.original = original.unwrap_or(u32::MAX);
        (self.hasher.hash_one(bytemuck::bytes_of(&content)), original)
    }

    /// Whether a slot may name it.
    pub(crate) fn is_sound(&self, index: u32) -> bool {
        let fits = |i: u32| {
            let word = self.memory.load_word(i as usize, 0).to_ne_bytes();
            (16..=MAX_RCF).contains(&usize::from(u16::from_ne_bytes([word[0], word[1]])))
        };
        let there = |i: u32| (i as usize) < self.memory.len() && fits(i);
        there(index) && {
            let original = self.original(index);
            there(original) && self.original(original) == original
        }
    }

    fn original(&self, index: u32) -> u32 {
        let word = self.memory.load_word(index as usize, ORIGINAL_WORD);
        let octets = word.to_ne_bytes();
        u32::from_ne_bytes([octets[0], octets[1], octets[2], octets[3]])
    }

    /// Whether it has this content. `original` none: it is its own.
    pub(crate) fn is(
        &self,
        index: u32,
        content: &RcfTemplate,
        original: Option<&RcfTemplate>,
    ) -> bool {
        let there = self.memory.load(index as usize);
        let same = |there: RcfTemplate, wanted: &RcfTemplate| {
            let wanted = RcfTemplate {
                original: there.original,
                ..*wanted
            };
            bytemuck::bytes_of(&there) == bytemuck::bytes_of(&wanted)
        };
        let originals = match original {
            None => there.original == index,
            Some(original) => {
                there.original != index && same(self.memory.load(there.original as usize), original)
            }
        };
        originals && same(there, content)
    }

    #[cfg(test)]
    pub(crate) fn into_memory(self) -> MappedArray<RcfTemplate> {
        self.memory
    }

    /// RCF templates in use.
    #[must_use]
    pub fn used(&self) -> usize {
        self.fresh as usize - self.free.len() - self.resting.len()
    }

    /// Room for so many.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.memory.len()
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, index: u32) -> RcfTemplate {
        self.memory.load(index as usize)
    }

    /// An RCF template with this content and one more user. `original` none: it is its own. None: table full.
    pub fn acquire(&mut self, mut content: RcfTemplate, original: Option<u32>) -> Option<u32> {
        content.original = original.unwrap_or(u32::MAX);
        let hash = self.hasher.hash_one(bytemuck::bytes_of(&content));
        let same = |index: u32| {
            let mut there = self.memory.load(index as usize);
            if there.original == index {
                there.original = u32::MAX;
            }
            bytemuck::bytes_of(&there) == bytemuck::bytes_of(&content)
        };
        let found = self
            .by_content
            .get(&hash)
            .and_then(|all| all.iter().copied().find(|i| same(*i)));
        if let Some(index) = found {
            self.users[index as usize] += 1;
            return Some(index);
        }
        let index = self.free.pop().or_else(|| {
            let index = self.fresh;
            ((index as usize) < self.memory.len()).then(|| {
                self.fresh += 1;
                index
            })
        })?;
        self.by_content.entry(hash).or_default().push(index);
        content.original = original.unwrap_or(index);
        self.memory.store(index as usize, &content);
        self.users[index as usize] = 1;
        if let Some(original) = original {
            self.users[original as usize] += 1;
        }
        Some(index)
    }

    /// One user less; the last one sets it to rest.
    pub fn release(&mut self, now_ns: u64, index: u32) {
        let users = &mut self.users[index as usize];
        *users = users.saturating_sub(1);
        if *users > 0 {
            return;
        }
        let (hash, original) = self.hash(index);
        if let Some(all) = self.by_content.get_mut(&hash) {
            all.retain(|i| *i != index);
            if all.is_empty() {
                self.by_content.remove(&hash);
            }
        }
        self.resting.push_back((now_ns + REST_NS, index));
        if let Some(original) = original {
            self.release(now_ns, original);
        }
    }

    /// Ends the rest of those that have rested.
    pub fn settle(&mut self, now_ns: u64) {
        while let Some(&(until, index)) = self.resting.front()
            && until <= now_ns
        {
            self.resting.pop_front();
            self.free.push(index);
        }
    }
}
