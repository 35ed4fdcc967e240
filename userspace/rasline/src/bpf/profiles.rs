//! RCF profiles: stored once per distinct content, counted, and rested before they are written anew.
//!
//! Invariant: a profile that a published slot names, or named within the last second, does not change.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher, RandomState},
};

use rasline_abi::Profile;

use super::shared::Shared;

/// How long a slot or profile rests before it is used again: no packet is handled for so long.
pub(super) const REST_NS: u64 = 1_500_000_000;

/// The profiles in use and those that are free.
#[derive(Debug)]
pub struct Profiles {
    memory: Shared<Profile>,
    users: Vec<u32>,
    by_content: HashMap<u64, Vec<u32>>,
    hasher: RandomState,
    free: Vec<u32>,
    fresh: u32,
    resting: VecDeque<(u64, u32)>,
}

impl Profiles {
    /// None in use; the memory is zero.
    #[must_use]
    pub fn new(memory: Shared<Profile>) -> Self {
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

    /// Profiles in use.
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
    pub fn get(&self, index: u32) -> Profile {
        self.memory.load(index as usize)
    }

    /// A profile with this content and one more user. `original` none: the profile is its own. None: table full.
    pub fn acquire(&mut self, mut content: Profile, original: Option<u32>) -> Option<u32> {
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
        let mut content = self.memory.load(index as usize);
        let original = (content.original != index).then_some(content.original);
        content.original = original.unwrap_or(u32::MAX);
        let hash = self.hasher.hash_one(bytemuck::bytes_of(&content));
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
