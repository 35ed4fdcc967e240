//! H.245 of a phone: capabilities, master and slave, one audio channel each way.
//!
//! ```text
//!  start: TCS, MSD  -->  TCS of the peer acked, own TCS acked, MSD decided  -->  OLC  -->  OLCAck: media flows
//!  TCS without capabilities: the own channel is closed, and opened again after the next full TCS
//! ```

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use rasline_h225::h245::{Head, UserInput, read_head, renumber};

use super::Stack;
use crate::messages::unhex;

/// TCS of each stack; the number is set.
const CAPABILITIES: [&str; 2] = [
    "0270010600088175000f80138000fa000100000100000100000cc0010001800580000020401380000120c0138000028301508000038301108000048301408000058a061404302d313600800102010000000100000202000300040005",
    "023001060008817500080480000020c0ef8000010c001d600007000881710000014028000402914002a200470062029b00a2000d8000028a061404302d313680000383011080000483014000800104000000000001000002000003000004",
];
/// OLC with mediaControlChannel 10.78.1.2:5001 (h323plus), 10.78.1.4:5001 (ooh323c).
const OPEN: [&str; 2] = [
    "030000640c201380188d0001000a4e0102138900800b300080b080018001b80040",
    "030003e80c6013800a040001000a4e01041389",
];
/// OLCAck with mediaChannel and mediaControlChannel.
const OPEN_ACK: [&str; 2] = [
    "22c000640280135c00000a4e01021388000a4e01021389010100",
    "22c000640680101c00000a4e01041388000a4e01041389",
];
/// Addresses in these templates.
const MEDIA: [[u8; 6]; 2] = [[10, 78, 1, 2, 0x13, 0x88], [10, 78, 1, 4, 0x13, 0x88]];
/// terminalType of a terminal.
const TERMINAL: u8 = 50;
const FULL_CIRCLE: u32 = 1 << 24;

/// The H.245 session of one call.
// Each flag is a step of a procedure of its own.
#[allow(clippy::struct_excessive_bools)]
#[derive(Clone, Debug)]
pub struct Control {
    stack: Stack,
    /// Address that it receives RTP at.
    media: SocketAddr,
    /// statusDeterminationNumber of its MSD.
    number: u32,
    last_sent: u8,
    last_accepted: Option<u8>,
    /// Whether its TCS, and its MSD, were sent.
    started: (bool, bool),
    paused: bool,
    own_capabilities_acked: bool,
    peer_is_capable: bool,
    decided: Option<bool>,
    next_channel: u16,
    own_channel: Option<u16>,
    peer_channels: BTreeSet<u16>,
    peer_media: Option<SocketAddr>,
    digits: String,
    ended: bool,
}

impl Control {
    /// A session that has not begun; `number` decides who is master.
    #[must_use]
    pub const fn new(stack: Stack, media: SocketAddr, number: u32) -> Self {
        Self {
            stack,
            media,
            number: number % FULL_CIRCLE,
            last_sent: 0,
            last_accepted: None,
            started: (false, false),
            paused: false,
            own_capabilities_acked: false,
            peer_is_capable: false,
            decided: None,
            next_channel: match stack {
                Stack::H323plus => 101,
                Stack::Ooh323c => 1001,
            },
            own_channel: None,
            peer_channels: BTreeSet::new(),
            peer_media: None,
            digits: String::new(),
            ended: false,
        }
    }

    /// Begins with what has not been sent yet: TCS and MSD.
    pub fn start(&mut self) -> Vec<Vec<u8>> {
        let (capabilities, determination) = std::mem::replace(&mut self.started, (true, true));
        let mut out = Vec::new();
        if !capabilities {
            out.push(self.capabilities());
        }
        if !determination && self.decided.is_none() {
            out.push(self.determination());
        }
        out
    }

    /// Sends no audio and receives none (`false`), or both again: a TCS without capabilities, or a full one.
    pub fn set_capable(&mut self, on: bool) -> Vec<u8> {
        let mut message = self.capabilities();
        if !on {
            message = vec![2, 0, self.last_sent, 6, 0, 8, 0x81, 0x75, 0, 0x0d];
        }
        message
    }

    /// Takes the channels of fast connect as open: the peer receives RTP there.
    pub const fn open_fast(&mut self, peer: SocketAddr) {
        self.own_channel = Some(self.next_channel);
        self.next_channel += 1;
        self.peer_media = Some(peer);
    }

    /// userInput with these digits.
    #[must_use]
    pub fn user_input(digits: &str) -> Vec<u8> {
        let mut message = vec![0x6d, 0x40, digits.len() as u8];
        message.extend(digits.bytes());
        message
    }

    /// The endSessionCommand of H.245.
    #[must_use]
    pub fn end() -> Vec<u8> {
        vec![0x4a, 0x40]
    }

    /// Where its audio goes, once the peer has acknowledged the channel.
    #[must_use]
    pub const fn peer_media(&self) -> Option<SocketAddr> {
        self.peer_media
    }

    /// The own channel, and the peer's channels.
    #[must_use]
    pub const fn channels(&self) -> (Option<u16>, &BTreeSet<u16>) {
        (self.own_channel, &self.peer_channels)
    }

    /// Whether it is the master, once that is decided.
    #[must_use]
    pub const fn is_master(&self) -> Option<bool> {
        self.decided
    }

    /// Digits received by userInput.
    #[must_use]
    pub fn digits(&self) -> &str {
        &self.digits
    }

    /// Whether endSessionCommand came.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Handles a message. Returns the answers, in order.
    pub fn handle(&mut self, message: &[u8]) -> Vec<Vec<u8>> {
        let mut out = match self.stack {
            Stack::H323plus => self.start(),
            Stack::Ooh323c => Vec::new(),
        };
        match read_head(message) {
            Head::TerminalCapabilitySet { number, empty } => {
                out.extend(self.peer_capabilities(number, empty));
            }
            Head::TerminalCapabilitySetAck { number } if number == self.last_sent => {
                self.own_capabilities_acked = true;
            }
            Head::MasterSlaveDetermination => out.extend(self.determine(message)),
            Head::MasterSlaveDeterminationAck { master } if self.decided.is_none() => {
                self.decided = Some(master);
                out.push(Self::decision(!master));
            }
            Head::OpenLogicalChannel { channel } => {
                self.peer_channels.insert(channel);
                out.push(self.accept(channel));
            }
            Head::OpenLogicalChannelAck { channel } if self.own_channel == Some(channel) => {
                self.peer_media = media_channel(message);
            }
            Head::CloseLogicalChannel { channel } => {
                self.peer_channels.remove(&channel);
                let [high, low] = (channel - 1).to_be_bytes();
                out.push(vec![0x23, 0x80, high, low]);
            }
            Head::RequestChannelClose { channel } => {
                let [high, low] = (channel - 1).to_be_bytes();
                out.push(vec![0x24, 0, high, low]);
                if self.own_channel == Some(channel) {
                    out.extend(self.close());
                    // It opens again after the next full TCS.
                    self.peer_is_capable = false;
                }
            }
            Head::RoundTripDelayRequest { number } => out.push(vec![0x28, 0, number]),
            Head::UserInput(UserInput::Alphanumeric(text)) => {
                self.digits.push_str(&String::from_utf8_lossy(text));
            }
            Head::UserInput(UserInput::Signal(signal)) => self.digits.push(signal),
            Head::EndSession => self.ended = true,
            _ => {}
        }
        if !self.started.0 {
            // ooh323c answers first, and leaves MSD to the peer.
            self.started.0 = true;
            out.push(self.capabilities());
        }
        out.extend(self.open());
        out
    }

    /// A full TCS with the next number.
    fn capabilities(&mut self) -> Vec<u8> {
        self.last_sent = self.last_sent.wrapping_add(1);
        self.own_capabilities_acked = false;
        let mut message = unhex(CAPABILITIES[self.stack as usize]);
        renumber(&mut message, self.last_sent);
        message
    }

    fn determination(&self) -> Vec<u8> {
        let [_, a, b, c] = self.number.to_be_bytes();
        vec![1, 0, TERMINAL, 0x80, a, b, c]
    }

    fn peer_capabilities(&mut self, number: u8, empty: bool) -> Vec<Vec<u8>> {
        let is_greater = self.last_accepted.is_none_or(|last| number > last);
        match self.stack {
            Stack::Ooh323c if !is_greater => return vec![vec![0x22, 0, number, 0]],
            Stack::H323plus if self.last_accepted == Some(number) => return Vec::new(),
            _ => {}
        }
        self.last_accepted = Some(number);
        let again = std::mem::replace(&mut self.paused, empty) && !empty;
        self.peer_is_capable = !empty;
        let ack = vec![0x21, 0x80, number];
        match (self.stack, empty) {
            (Stack::H323plus, true) => [self.close(), vec![ack]].concat(),
            // After a pause h323plus sends its own again, and opens when that is acknowledged.
            (Stack::H323plus, false) if again => vec![ack, self.capabilities()],
            _ => vec![ack],
        }
    }

    /// Decides by terminalType and the distance of the numbers, as H.245 C.2 does.
    fn determine(&mut self, message: &[u8]) -> Vec<Vec<u8>> {
        let [_, _, kind, _, number @ ..] = message else {
            return Vec::new();
        };
        let theirs = number
            .iter()
            .fold(0, |sum: u32, one| sum << 8 | u32::from(*one));
        let distance = theirs.wrapping_sub(self.number) % FULL_CIRCLE;
        let master = match kind.cmp(&TERMINAL) {
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Greater => false,
            std::cmp::Ordering::Equal if [0, FULL_CIRCLE / 2].contains(&distance) => {
                return vec![vec![0x21, 0, 0]];
            }
            std::cmp::Ordering::Equal => distance < FULL_CIRCLE / 2,
        };
        if self.decided.replace(master).is_some() {
            return Vec::new();
        }
        vec![Self::decision(!master)]
    }

    /// MSDAck that makes the peer master or slave.
    fn decision(master: bool) -> Vec<u8> {
        vec![0x20, if master { 0x80 } else { 0xa0 }]
    }

    /// Opens the own channel, if it is time.
    fn open(&mut self) -> Option<Vec<u8>> {
        let ready = self.own_capabilities_acked && self.peer_is_capable && self.decided.is_some();
        if !ready || self.own_channel.is_some() || self.ended {
            return None;
        }
        let channel = self.next_channel;
        self.next_channel += 1;
        self.own_channel = Some(channel);
        Some(self.with_addresses(OPEN[self.stack as usize], channel))
    }

    /// Closes the own channel.
    fn close(&mut self) -> Vec<Vec<u8>> {
        self.peer_media = None;
        let close = self.own_channel.take().map(|channel| {
            let [high, low] = (channel - 1).to_be_bytes();
            vec![4, 0, high, low, 0]
        });
        close.into_iter().collect()
    }

    fn accept(&self, channel: u16) -> Vec<u8> {
        self.with_addresses(OPEN_ACK[self.stack as usize], channel)
    }

    /// A captured message with the own addresses, for this channel.
    fn with_addresses(&self, template: &str, channel: u16) -> Vec<u8> {
        let mut message = unhex(template);
        message[2..4].copy_from_slice(&(channel - 1).to_be_bytes());
        let old = MEDIA[self.stack as usize];
        let IpAddr::V4(ip) = self.media.ip() else {
            return message;
        };
        for at in 0..message.len().saturating_sub(5) {
            if message[at..at + 5] == old[..5] {
                let offset = u16::from(message[at + 5] - old[5]);
                let port = self.media.port() + offset;
                message[at..at + 4].copy_from_slice(&ip.octets());
                message[at + 4..at + 6].copy_from_slice(&port.to_be_bytes());
            }
        }
        message
    }
}

/// mediaChannel of an OLCAck of these stacks, which has the same place in both.
fn media_channel(message: &[u8]) -> Option<SocketAddr> {
    let &[a, b, c, d, high, low] = message.get(10..16)? else {
        return None;
    };
    let port = u16::from_be_bytes([high, low]);
    Some(SocketAddr::from(([a, b, c, d], port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(stack: Stack, host: u8) -> Control {
        let media = SocketAddr::from(([192, 0, 2, host], 5000));
        Control::new(stack, media, 0x10_0000 * u32::from(host))
    }

    /// Lets two sessions speak until nothing is left to say; the first one begins.
    fn speak(sessions: &mut [Control; 2], mut to_second: Vec<Vec<u8>>) {
        let mut to_first: Vec<Vec<u8>> = Vec::new();
        while !to_first.is_empty() || !to_second.is_empty() {
            let (one, other) = (
                std::mem::take(&mut to_first),
                std::mem::take(&mut to_second),
            );
            to_second = one.iter().flat_map(|m| sessions[0].handle(m)).collect();
            to_first = other.iter().flat_map(|m| sessions[1].handle(m)).collect();
        }
    }

    #[test]
    fn each_pair_of_stacks_opens_a_channel_each_way() {
        use Stack::{H323plus, Ooh323c};
        for stacks in [
            [H323plus, H323plus],
            [H323plus, Ooh323c],
            [Ooh323c, H323plus],
            [Ooh323c, Ooh323c],
        ] {
            let mut both = [session(stacks[0], 1), session(stacks[1], 2)];
            let first = both[0].start();
            speak(&mut both, first);
            for (n, one) in both.iter().enumerate() {
                let other = &both[1 - n];
                assert_eq!(one.peer_media(), Some(other.media), "{stacks:?}");
                let channel = one.channels().0.expect("a channel");
                assert!(other.channels().1.contains(&channel));
            }
            assert_ne!(both[0].is_master(), both[1].is_master());
            assert!(both[0].is_master().is_some());
            let digits = Control::user_input("1*#");
            assert!(both[1].handle(&digits).is_empty());
            assert_eq!(both[1].digits(), "1*#");
        }
    }

    #[test]
    fn repeated_number_of_capabilities() {
        for (stack, answer) in [
            (Stack::H323plus, vec![]),
            (Stack::Ooh323c, vec![vec![0x22, 0, 1, 0]]),
        ] {
            let mut both = [session(Stack::H323plus, 1), session(stack, 2)];
            let first = both[0].start();
            let capabilities = first[0].clone();
            speak(&mut both, first);
            assert_eq!(both[1].handle(&capabilities), answer);
        }
    }

    #[test]
    fn h323plus_pauses_and_opens_another_channel() {
        let mut both = [session(Stack::H323plus, 1), session(Stack::H323plus, 2)];
        let first = both[0].start();
        speak(&mut both, first);
        let before = both[1].channels().0;
        let pause = both[0].set_capable(false);
        speak(&mut both, vec![pause]);
        assert_eq!((both[1].channels().0, both[1].peer_media()), (None, None));
        assert!(both[0].channels().1.is_empty());
        let resume = both[0].set_capable(true);
        speak(&mut both, vec![resume]);
        assert!(both[1].channels().0 > before);
        assert_eq!(both[1].peer_media(), Some(both[0].media));
    }

    #[test]
    fn ooh323c_closes_on_request_and_opens_after_capabilities() {
        let mut both = [session(Stack::H323plus, 1), session(Stack::Ooh323c, 2)];
        let first = both[0].start();
        speak(&mut both, first);
        assert_eq!(both[1].channels().0, Some(1001));
        let out = both[1].handle(&[5, 0, 3, 0xe8, 0]);
        assert_eq!(out, [vec![0x24, 0, 3, 0xe8], vec![4, 0, 3, 0xe8, 0]]);
        let resume = both[0].set_capable(true);
        speak(&mut both, vec![resume]);
        assert_eq!(both[1].channels().0, Some(1002));
    }
}
