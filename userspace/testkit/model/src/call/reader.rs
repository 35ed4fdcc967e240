//! Messages out of the segments of a connection, as strictly as a stack reads them.

use rasline_h225::q931::Stream;

use super::Stack;

/// Octets of a TPKT's own header.
const HEADER: usize = 4;

/// Reads the TPKTs of a connection.
#[derive(Clone, Debug)]
pub struct Reader {
    stream: Stream,
    stack: Stack,
}

impl Reader {
    /// A reader of a new connection.
    pub fn new(stack: Stack) -> Self {
        Self {
            stream: Stream::default(),
            stack,
        }
    }

    /// Returns the complete messages without their TPKTs, and why the stack gives the connection up, if it does. An empty
    /// TPKT is left out.
    pub fn take(&mut self, segment: &[u8]) -> (Vec<Vec<u8>>, Option<&'static str>) {
        let mut messages = Vec::new();
        let mut is_empty = false;
        let read = self.stream.take(segment, |message| {
            is_empty |= message.is_empty();
            if !message.is_empty() {
                messages.push(message.to_vec());
            }
        });
        let is_split = (1..HEADER).contains(&self.stream.waiting());
        let wrong = match self.stack {
            _ if read.is_err() => Some("no TPKT"),
            Stack::Ooh323c if is_split => Some("TPKT header in two segments"),
            Stack::Ooh323c if is_empty => Some("empty TPKT"),
            _ => None,
        };
        (messages, wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ooh323c_wants_whole_headers_and_no_empty_tpkt() {
        let message = [3, 0, 0, 6, 8, 2];
        for stack in [Stack::H323plus, Stack::Ooh323c] {
            let wrong = |why| (stack == Stack::Ooh323c).then_some(why);
            let mut reader = Reader::new(stack);
            assert_eq!(reader.take(&message), (vec![vec![8, 2]], None));
            // Header and body apart.
            assert_eq!(reader.take(&message[..4]), (vec![], None));
            assert_eq!(reader.take(&message[4..]), (vec![vec![8, 2]], None));
            assert_eq!(reader.take(&[3, 0, 0, 4]), (vec![], wrong("empty TPKT")));
            let split = wrong("TPKT header in two segments");
            assert_eq!(reader.take(&message[..2]), (vec![], split));
            assert_eq!(reader.take(&message[2..]), (vec![vec![8, 2]], None));
            assert_eq!(reader.take(&[0; 4]), (vec![], Some("no TPKT")));
        }
    }
}
