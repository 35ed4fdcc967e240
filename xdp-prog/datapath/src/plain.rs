//! What a frame plainly is, after as few loads as can be: most of what a gateway sees is neither RAS nor call
//! signalling.

use crate::parse::{
    FRAGMENT, IPV4, IPV6, MORE, OFFSET, QINQ, TCP, UDP, VLAN, is_ras, is_signalling,
};
use crate::tables::get;
use crate::{Frame, Tables};

/// What a frame plainly is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plain {
    /// Neither RAS nor call signalling.
    Other,
    /// TCP that may be call signalling.
    Signalling,
    /// A fragment, of UDP if it is IPv4.
    Fragment,
    /// Takes a closer look.
    Unclear,
}

/// Whether the frame plainly is neither RAS nor call signalling, after as few loads as can be: that is most of what a gateway sees. VLAN
/// tags, options and whatever else takes a closer look are left to [`parse`](crate::parse::parse).
#[inline(always)]
pub(crate) fn plain<F: Frame, T: Tables>(frame: &F, tables: &mut T) -> Plain {
    let Some(ethertype) = frame.u16(12) else {
        return Plain::Unclear;
    };
    let (protocol, l4) = match ethertype {
        IPV4 => (frame.u8(23), 34),
        IPV6 => (frame.u8(20), 54),
        // Behind a tag either may stand; the transport decides where the tag is known.
        _ => return Plain::Unclear,
    };
    let (Some(globals), Some(ports)) = (tables.globals(), frame.u32(l4)) else {
        return Plain::Unclear;
    };
    let (source, destination) = (ports as u16, (ports >> 16) as u16);
    match protocol {
        Some(TCP) => {
            if get!(globals, steering) != 0
                && (is_signalling(globals, source) || is_signalling(globals, destination))
            {
                Plain::Signalling
            } else {
                Plain::Other
            }
        }
        Some(UDP) if ethertype == IPV4 && is_fragment(frame.u16(20)) => Plain::Fragment,
        Some(FRAGMENT) if ethertype == IPV6 => Plain::Fragment,
        Some(UDP)
            if !is_ras(globals, source)
                && !is_ras(globals, destination)
                && (ethertype == IPV6 || frame.u8(14) == Some(0x45)) =>
        {
            Plain::Other
        }
        _ => Plain::Unclear,
    }
}

/// Whether IPv4 flags and fragment offset are those of a fragment.
#[inline(always)]
fn is_fragment(field: Option<u16>) -> bool {
    field.is_some_and(|field| field & (MORE | OFFSET) != 0)
}

/// Whether a tagged frame carries TCP: the walk to its header comes later.
#[inline(always)]
pub(crate) fn tagged_tcp<F: Frame>(frame: &F) -> bool {
    match behind_tags(frame) {
        Some((IPV4, at)) => frame.u8(at + 9) == Some(TCP),
        Some((IPV6, at)) => frame.u8(at + 6) == Some(TCP),
        _ => false,
    }
}

/// Whether a tagged frame is a fragment, of UDP if it is IPv4.
#[inline(always)]
pub(crate) fn tagged_fragment<F: Frame>(frame: &F) -> bool {
    match behind_tags(frame) {
        Some((IPV4, at)) => is_fragment(frame.u16(at + 6)) && frame.u8(at + 9) == Some(UDP),
        Some((IPV6, at)) => frame.u8(at + 6) == Some(FRAGMENT),
        _ => false,
    }
}

/// EtherType and octet of what a tagged frame carries.
#[inline(always)]
fn behind_tags<F: Frame>(frame: &F) -> Option<(u16, usize)> {
    let tag = |at| matches!(frame.u16(at), Some(VLAN | QINQ));
    if !tag(12) {
        return None;
    }
    let at = if tag(16) { 20 } else { 16 };
    Some((frame.u16(at)?, at + 2))
}
