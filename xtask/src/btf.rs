//! Finds the BTF of an ELF object: without BTF the kernel refuses global functions, and the maps have no types.

use anyhow::{Result, bail};

/// The size of a section of a little-endian 64-bit ELF object; 0 when it has no such section.
pub fn section_size(object: &[u8], wanted: &str) -> Result<u64> {
    if object.get(..6) != Some(b"\x7fELF\x02\x01") {
        bail!("not a little-endian 64-bit ELF object");
    }
    find(object, wanted)
        .ok_or_else(|| anyhow::anyhow!("the ELF object's section table is truncated"))
}

/// `None` when the object ends too early.
fn find(object: &[u8], wanted: &str) -> Option<u64> {
    let table = usize::try_from(u64_at(object, 0x28)?).ok()?;
    let entry = usize::from(u16_at(object, 0x3a)?);
    let count = usize::from(u16_at(object, 0x3c)?);
    let names = usize::from(u16_at(object, 0x3e)?);
    let header = |index: usize| object.get(table.checked_add(index.checked_mul(entry)?)?..);
    let strings = usize::try_from(u64_at(header(names)?, 0x18)?).ok()?;
    for index in 0..count {
        let section = header(index)?;
        let name = strings.checked_add(usize::try_from(u32_at(section, 0)?).ok()?)?;
        if object.get(name..)?.split(|byte| *byte == 0).next() == Some(wanted.as_bytes()) {
            return u64_at(section, 0x20);
        }
    }
    Some(0)
}

fn array_at<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..offset.checked_add(N)?)?.try_into().ok()
}

fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    array_at(bytes, offset).map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    array_at(bytes, offset).map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    array_at(bytes, offset).map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header, two section headers (the names, `.BTF` of 7 bytes), the names.
    fn object() -> Vec<u8> {
        let mut object = vec![0; 0x40 + 2 * 0x40];
        object[..6].copy_from_slice(b"\x7fELF\x02\x01");
        object[0x28] = 0x40; // where the section headers are
        object[0x3a] = 0x40; // the size of one
        object[0x3c] = 2; // how many
        object[0x58] = 0xc0; // where section 0, the names, is
        object[0x80] = 1; // section 1's name
        object[0xa0] = 7; // section 1's size
        object.extend(b"\0.BTF\0");
        object
    }

    #[test]
    fn a_section_is_found_by_its_whole_name() {
        assert_eq!(section_size(&object(), ".BTF").ok(), Some(7));
        assert_eq!(section_size(&object(), ".BT").ok(), Some(0));
        assert_eq!(section_size(&object(), ".BTF.ext").ok(), Some(0));
    }

    #[test]
    fn every_cut_of_an_object_is_survived() {
        let object = object();
        for end in 0..0xc0 {
            assert!(
                section_size(&object[..end], ".BTF").is_err(),
                "cut at {end}"
            );
        }
        assert!(section_size(b"#!/bin/sh", ".BTF").is_err());
    }
}
