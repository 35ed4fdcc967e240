//! The keep-alive table: one [`Slot`] of 64 bytes a registration, one [`RcfTemplate`] a distinct RCF.

use bytemuck::{Pod, Zeroable};

/// Longest lightweight RRQ that a slot can stand for, in octets.
pub const MAX_RRQ: usize = 512;
/// Longest RCF that an RCF template holds, in octets.
pub const MAX_RCF: usize = 480;
/// Longest endpointIdentifier (octets of UTF-16BE) that is kept out of the RCF template.
pub const MAX_EID: usize = 64;
/// Registrations behind one address and port spread over this many first slots (a power of two).
pub const SPREAD: u32 = 8;
/// A registration stands at most this many slots after the first one of its address and port.
pub const PROBE_LIMIT: u32 = 64;
/// Mark in [`Slot::refreshed`]: a keep-alive was answered since the last one was let through.
pub const REFRESH_ANSWERED: u32 = 1;
/// Mark in [`Slot::refreshed`]: the endpoint was seen to repeat a keep-alive that was not answered.
pub const REFRESH_REPEATS: u32 = 2;
/// Mark in [`Slot::refreshed`]: the gatekeeper rejected a request as of nobody registered, so the next keep-alive goes
/// through.
pub const REFRESH_DUE: u32 = 4;
/// Mark in [`Slot::refreshed`]: the gatekeeper has not confirmed the keep-alive that was let through.
pub const REFRESH_UNANSWERED: u32 = 8;
/// All marks; what is left is a tick, rounded down.
pub const REFRESH_MARKS: u32 = 15;
/// [`Slot::generation`] of a slot that was never used: a search ends here.
pub const GENERATION_EMPTY: u32 = 0;

/// One registration that the kernel answers. Open addressing with linear probing, from the slot
/// `home(address, port) + fingerprint % SPREAD` on; at most half of the slots are in use.
///
/// `generation`: 0 empty (a search ends); odd: being written, or deleted (a search goes on); even: published.
/// The controller makes it odd, writes every user field and the kernel fields' first values, then makes it even
/// again with a value not used for this slot before. The program reads it before and after the user fields.
/// The low 16 bits are never 0 in an even generation, as `withdrawn` is compared with them.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Slot {
    /// User. See above.
    pub generation: u32,
    /// User. [`Zone::generation`](crate::Zone::generation) under which this was published.
    pub zone_generation: u16,
    /// User. RRQ length in octets, 12..=[`MAX_RRQ`].
    pub rrq_len: u16,
    /// User. Source address of the RRQ.
    pub address: [u8; 16],
    /// User. Keyed fingerprint of the RRQ with its requestSeqNum (octets 2 and 3) zeroed.
    pub fingerprint: u64,
    /// User. Source port of the RRQ.
    pub port: [u8; 2],
    /// User. Index of the gatekeeper.
    pub gatekeeper: u16,
    /// User. Index of the RCF.
    pub rcf_template: u32,
    /// User. Octet of the RRQ at which the endpointIdentifier's characters stand; 0: the RCF template has no hole.
    pub eid_at: u16,
    /// User. Ones' complement sum (native order, of the octets as they lie in memory) of the whole RCF that is
    /// answered, with requestSeqNum 0.
    pub rcf_sum: u16,
    /// Kernel (first value: user, 0). Answers sent from this slot, wrapping.
    pub answered: u32,
    /// Kernel (first value: user). Tick at which the gatekeeper last confirmed this registration.
    pub confirmed: u32,
    /// Kernel (first value: user). Tick at which a keep-alive was last let through, its last bits being [`REFRESH_MARKS`].
    pub refreshed: u32,
    /// Kernel (first value: user). Tick of the last keep-alive.
    pub last_seen: u32,
    /// Kernel (first value: user, 0). requestSeqNum of the keep-alive last let through, as on the wire.
    pub refresh_seq: [u8; 2],
    /// Kernel (first value: user, 0). Equal to the low 16 bits of `generation`: the gatekeeper withdrew it.
    pub withdrawn: u16,
}

/// Octets of RCF in a [`RcfTemplate`], with room for whole-word copies.
pub const RCF_TEMPLATE_BYTES: usize = 488;

/// The RCF given to a keep-alive, stored once per distinct content. User-written; while a published slot names it,
/// and for a second after, it does not change.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct RcfTemplate {
    /// Octets of RCF; 0: unused.
    pub len: u16,
    /// Octet at which the endpointIdentifier's characters are left out (zeroed).
    pub hole_at: u16,
    /// Octets left out; 0: none.
    pub hole_len: u16,
    /// Bit 0: not what the gatekeeper sends; its own RCF stands in the RCF template `original`.
    pub patched: u16,
    /// Index of the RCF template with the RCF as the gatekeeper sends it (itself if not patched).
    pub original: u32,
    /// Ticks after `Slot::confirmed` for which the gatekeeper keeps the registration.
    pub gatekeeper_ttl: u32,
    /// Ticks after `Slot::confirmed` at which a keep-alive is let through; less up to an eighth, by fingerprint.
    pub refresh_every: u32,
    /// Ones' complement sum (as `Slot::rcf_sum`) of `rcf`, the hole being zeros.
    pub sum: u16,
    /// Zero.
    pub reserved: u16,
    /// The RCF; octets 2 and 3, the hole and everything after `len` zero.
    pub rcf: [u8; RCF_TEMPLATE_BYTES],
}

const _: () = {
    assert!(size_of::<Slot>() == 64);
    assert!(align_of::<Slot>() == 8);
    assert!(core::mem::offset_of!(Slot, address) == 8);
    assert!(core::mem::offset_of!(Slot, fingerprint) == 24);
    assert!(core::mem::offset_of!(Slot, answered) == 44);
    assert!(core::mem::offset_of!(Slot, withdrawn) == 62);
    assert!(size_of::<RcfTemplate>() == 512);
    assert!(core::mem::offset_of!(RcfTemplate, rcf) == 24);
};
