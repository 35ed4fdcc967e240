//! Which components of a SEQUENCE its encoding has (X.691 19).

use rasn::error::DecodeError;

use super::decode_error;
use super::reader::Reader;

type Result<T> = core::result::Result<T, DecodeError>;

/// Which components of a SEQUENCE are still to come, the next one in the highest bit.
#[derive(Default)]
pub(super) struct Sequence {
    optional: u64,
    additions: Additions,
}

#[derive(Default)]
enum Additions {
    #[default]
    Absent,
    /// How many are known. The bits that tell which are present follow the root.
    Unread(usize),
    Read {
        known: u64,
        /// Number of those that are present, but unknown.
        unknown: usize,
    },
}

impl Sequence {
    /// No SEQUENCE, or one without further components.
    pub(super) const ABSENT: Self = Self {
        optional: 0,
        additions: Additions::Absent,
    };

    /// Reads the bits that precede a SEQUENCE.
    pub(super) fn begin(
        reader: &mut Reader<'_>,
        is_extensible: bool,
        optional: usize,
        known: usize,
    ) -> Result<Self> {
        let is_extended = is_extensible && reader.bit()?;
        let present = reader.bits(optional)?;
        Ok(Self {
            optional: present.checked_shl(64 - optional as u32).unwrap_or(0),
            additions: if is_extended {
                Additions::Unread(known)
            } else {
                Additions::Absent
            },
        })
    }

    /// Whether the next OPTIONAL component of the root is present.
    pub(super) const fn is_present(&mut self) -> bool {
        let is_present = self.optional >> 63 != 0;
        self.optional <<= 1;
        is_present
    }

    /// Whether the next addition is present.
    pub(super) fn is_added(&mut self, reader: &mut Reader<'_>) -> Result<bool> {
        self.read_additions(reader)?;
        let Additions::Read { known, .. } = &mut self.additions else {
            return Ok(false);
        };
        let is_present = *known >> 63 != 0;
        *known <<= 1;
        Ok(is_present)
    }

    /// Skips the additions that are left, those of later versions, and returns their number.
    pub(super) fn skip_rest(&mut self, reader: &mut Reader<'_>) -> Result<usize> {
        self.read_additions(reader)?;
        let Additions::Read { known, unknown } = self.additions else {
            return Ok(0);
        };
        let left = known.count_ones() as usize + unknown;
        for _ in 0..left {
            reader.skip_open_type()?;
        }
        Ok(left)
    }

    /// Reads which additions are present, unless done or there are none.
    fn read_additions(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        let Additions::Unread(expected) = self.additions else {
            return Ok(());
        };
        let (mut known, mut unknown, mut index) = (0, 0, 0);
        let mut read = |reader: &mut Reader<'_>, count: usize| -> Result<()> {
            for _ in 0..count {
                let is_present = reader.bit()?;
                if index < expected {
                    known |= u64::from(is_present) << (63 - index);
                } else {
                    unknown += usize::from(is_present);
                }
                index += 1;
            }
            Ok(())
        };
        if reader.bit()? {
            loop {
                let part = reader.unconstrained_length()?;
                read(reader, part.count)?;
                if part.is_last {
                    break;
                }
            }
        } else {
            let count = reader.bits(6)? as usize + 1;
            read(reader, count)?;
        }
        if index == 0 {
            return Err(decode_error("an empty list of additions"));
        }
        self.additions = Additions::Read { known, unknown };
        Ok(())
    }
}
