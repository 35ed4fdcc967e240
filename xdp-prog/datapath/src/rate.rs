//! Limits by source: token buckets found by a keyed hash of the source's address, a table of them for each limit, and
//! one bucket for all sources together.
//!
//! A fixed number of buckets, without allocation or eviction: who forges sources fills buckets, and so slows down the
//! sources that share one, but pushes nothing out.

use rasline_abi::{RATE_BUCKETS, RateBucket};

use crate::tables::{Address, Shared, get, set};
use crate::{Tables, hash};

/// What is limited by source; each has a table of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limited {
    /// Copies to the controller.
    Copies = 0,
    /// Messages of sources without a registration.
    Unknown = 1,
    /// New flows.
    Flows = 2,
    /// Connections that count as open.
    Open = 3,
}

/// Tokens at most, and tokens a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    pub burst: u32,
    pub per_second: u32,
}

impl Rate {
    /// As many in a row as in a second.
    #[inline(always)]
    pub(crate) const fn even(per_second: u32) -> Self {
        Self {
            burst: per_second,
            per_second,
        }
    }
}

/// Takes a token of this source's bucket.
#[inline(always)]
pub(crate) fn take_of_source<T: Tables>(
    tables: &T,
    limited: Limited,
    source: Address,
    rate: Rate,
    now: u64,
) -> Option<bool> {
    let globals = tables.globals()?;
    let key = [
        get!(globals, hash_keys[6]),
        get!(globals, hash_keys[7]),
        get!(globals, hash_keys[8]),
        get!(globals, hash_keys[9]),
        get!(globals, hash_keys[10]),
        get!(globals, hash_keys[11]),
    ];
    let index = hash::place(source, limited as u16, key) & (RATE_BUCKETS - 1);
    let bucket = tables.rate_bucket(first(limited) + index)?;
    Some(take(bucket, rate, now))
}

/// Takes a token of the bucket of all sources.
#[inline(always)]
pub(crate) fn take_of_all<T: Tables>(
    tables: &T,
    limited: Limited,
    rate: Rate,
    now: u64,
) -> Option<bool> {
    let bucket = tables.rate_bucket(first(limited) + RATE_BUCKETS)?;
    Some(take(bucket, rate, now))
}

#[inline(always)]
const fn first(limited: Limited) -> u32 {
    limited as u32 * (RATE_BUCKETS + 1)
}

/// Takes a token. Two CPUs may take the same one: the limit is a bound on load, not an account.
#[inline(always)]
fn take(bucket: Shared<RateBucket>, rate: Rate, now: u64) -> bool {
    const SECOND: u64 = 1_000_000_000;
    let since = now.saturating_sub(get!(bucket, refilled_ns));
    let (burst, per_second) = (u64::from(rate.burst), u64::from(rate.per_second));
    let mut tokens = u64::from(get!(bucket, tokens));
    // Longer than any bucket here takes to fill, short enough not to overflow.
    let new = if since > 3600 * SECOND {
        burst
    } else {
        since / 1000 * per_second / (SECOND / 1000)
    };
    if new > 0 {
        tokens = if tokens + new > burst {
            burst
        } else {
            tokens + new
        };
        set!(bucket, refilled_ns, now);
    }
    if tokens == 0 {
        return false;
    }
    set!(bucket, tokens, tokens as u32 - 1);
    true
}
