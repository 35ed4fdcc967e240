//! The core's clock starts with the machine, so times are stored as wall-clock time, nanoseconds since 1970.
//!
//! Invariant: while the machine runs, the difference between the two clocks stays as first written, so that
//! setting the wall clock does not change the age of what is stored.

use std::time::{SystemTime, UNIX_EPOCH};

use rasline_core::Time;
use rusqlite::{Connection, OptionalExtension, params};

use crate::host::monotonic_ns;

/// Converts between the two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    offset: i64,
}

impl Clock {
    /// Loads the difference for the current boot, `boot_id`; writes it if the machine was started since.
    pub(super) fn open(
        db: &Connection,
        boot_id: &str,
        wall: i64,
        now: Time,
    ) -> rusqlite::Result<Self> {
        let pair = db
            .query_row("SELECT boot_id, wall, monotonic FROM meta", [], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, i64>(1)?,
                    row.get::<_, i64>(2)?,
                ))
            })
            .optional()?;
        if let Some((boot, wall, monotonic)) = pair
            && boot == boot_id
        {
            return Ok(Self {
                offset: wall.saturating_sub(monotonic),
            });
        }
        let monotonic = now.0.cast_signed();
        db.execute(
            "INSERT OR REPLACE INTO meta (only, boot_id, wall, monotonic) VALUES (0, ?, ?, ?)",
            params![boot_id, wall, monotonic],
        )?;
        Ok(Self {
            offset: wall.saturating_sub(monotonic),
        })
    }

    /// Converts a time of the core to a stored one.
    pub(super) const fn wall(self, time: Time) -> i64 {
        time.0.cast_signed().saturating_add(self.offset)
    }

    /// Converts a stored time to the core's clock; negative if it was before the machine started.
    pub(super) const fn time(self, wall: i64) -> Time {
        Time(wall.saturating_sub(self.offset).cast_unsigned())
    }
}

/// The wall-clock time, nanoseconds since 1970.
pub(super) fn wall_now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// The id of the current boot.
pub(super) fn boot_id() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

pub(super) fn now() -> Time {
    Time(monotonic_ns())
}
