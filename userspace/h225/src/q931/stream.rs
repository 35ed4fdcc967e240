//! TPKTs of a TCP connection (RFC 1006), for call signalling and H.245 alike.

/// Version of a TPKT.
const VERSION: u8 = 3;
/// Octets of a TPKT's own header.
pub(super) const HEADER: usize = 4;
/// What some endpoints send in place of an empty TPKT to keep a connection alive.
const MISPLACED_KEEP_ALIVE: [u8; HEADER] = [0, 3, 0, 4];
/// The longest message that a TPKT can carry.
const MAX_MESSAGE: usize = 65_535 - HEADER;

/// The header of a TPKT of this length.
pub(super) const fn header(length: u16) -> [u8; HEADER] {
    let [high, low] = length.to_be_bytes();
    [VERSION, 0, high, low]
}

/// A message does not fit a TPKT, or an information element its length field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} octets are too long for their length field")]
pub struct TooLong(
    /// Number of octets of the message or element.
    pub usize,
);

/// Puts a message into a TPKT.
///
/// # Errors
/// When it is longer than 65,531 octets.
pub fn to_tpkt(message: &[u8]) -> Result<Vec<u8>, TooLong> {
    let length = u16::try_from(message.len() + HEADER).map_err(|_| TooLong(message.len()))?;
    Ok([&header(length), message].concat())
}

/// A stream contains something other than TPKTs, so the start of the next message is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no TPKT, but {0:02x?}")]
pub struct NotTpkt(
    /// The octets found in place of a TPKT header.
    pub [u8; HEADER],
);

/// Why a stream cannot be used any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// It contains something other than TPKTs.
    #[error(transparent)]
    NotTpkt(#[from] NotTpkt),
    /// A TPKT announces a message that is longer than the stream accepts.
    #[error("message of {length} octets is longer than {max}")]
    TooLong {
        /// Length of the announced message.
        length: usize,
        /// Length of the longest message that the stream accepts.
        max: usize,
    },
}

/// Reassembles the messages of a stream.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Octets of an incomplete TPKT.
    rest: Vec<u8>,
    max_message: usize,
    misplaced_keep_alives: u64,
}

impl Default for Stream {
    fn default() -> Self {
        Self::new(MAX_MESSAGE)
    }
}

impl Stream {
    /// A stream whose messages have at most this number of octets, without their TPKTs.
    #[must_use]
    pub const fn new(max_message: usize) -> Self {
        Self {
            rest: Vec::new(),
            max_message,
            misplaced_keep_alives: 0,
        }
    }

    /// Adds received octets and passes on the complete messages without their TPKTs. An empty one, which H.460.18 uses
    /// to keep a connection alive, is passed on, too; the octets `00 03 00 04`, which some endpoints send for it, count
    /// as one. Any reserved octet is accepted.
    ///
    /// # Errors
    /// When the octets are not a TPKT, or announce a message that is too long. The stream cannot be used after that.
    pub fn take(&mut self, octets: &[u8], mut each: impl FnMut(&[u8])) -> Result<(), StreamError> {
        self.rest.extend_from_slice(octets);
        let mut at = 0;
        while let Some(header) = self.rest[at..].first_chunk() {
            let length = self.message_length(*header)?;
            let start = at + HEADER;
            let Some(message) = self.rest.get(start..start + length) else {
                break;
            };
            each(message);
            at = start + length;
        }
        self.rest.drain(..at);
        Ok(())
    }

    /// The length of the message behind this header.
    fn message_length(&mut self, header: [u8; HEADER]) -> Result<usize, StreamError> {
        if header == MISPLACED_KEEP_ALIVE {
            self.misplaced_keep_alives += 1;
            return Ok(0);
        }
        let [version, _, high, low] = header;
        let length = usize::from(u16::from_be_bytes([high, low])).checked_sub(HEADER);
        let length = length
            .filter(|_| version == VERSION)
            .ok_or(NotTpkt(header))?;
        if length > self.max_message {
            let max = self.max_message;
            return Err(StreamError::TooLong { length, max });
        }
        Ok(length)
    }

    /// Number of octets of an incomplete message.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.rest.len()
    }

    /// Number of keep-alives that came as `00 03 00 04`.
    #[must_use]
    pub const fn misplaced_keep_alives(&self) -> u64 {
        self.misplaced_keep_alives
    }
}
