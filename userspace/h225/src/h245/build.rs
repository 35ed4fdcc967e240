//! Messages of a signalling proxy's own, without a TPKT.
//!
//! Channel numbers are 1 to 65535; 0, which no channel has, is taken for 1.

/// Makes a terminalCapabilitySet without capabilities: the receiver closes its transmit channels (H.323 8.4.6).
#[must_use]
pub fn empty_terminal_capability_set(number: u8) -> Vec<u8> {
    // protocolIdentifier of H.245 version 13: {itu-t(0) recommendation(0) h(8) 245 version(0) 13}.
    let octets = [0x02, 0x00, number, 0x06, 0x00, 0x08, 0x81, 0x75, 0x00, 0x0d];
    octets.to_vec()
}

/// Makes a terminalCapabilitySetAck.
#[must_use]
pub fn terminal_capability_set_ack(number: u8) -> Vec<u8> {
    vec![0x21, 0x80, number]
}

/// Makes a terminalCapabilitySetReject with cause unspecified.
#[must_use]
pub fn terminal_capability_set_reject(number: u8) -> Vec<u8> {
    vec![0x22, 0x00, number, 0x00]
}

/// Makes a masterSlaveDetermination. Uses 24 bits of the number.
#[must_use]
pub fn master_slave_determination(terminal_type: u8, number: u32) -> Vec<u8> {
    let [_, octets @ ..] = number.to_be_bytes();
    let skip = octets
        .iter()
        .take(2)
        .take_while(|&&octet| octet == 0)
        .count();
    let octets = &octets[skip..];
    // Two bits hold the number of octets less one.
    let length = (octets.len() as u8 - 1) << 6;
    [&[0x01, 0x00, terminal_type, length], octets].concat()
}

/// Makes a masterSlaveDeterminationAck: whether the receiver is the master.
#[must_use]
pub fn master_slave_determination_ack(receiver_is_master: bool) -> Vec<u8> {
    vec![0x20, if receiver_is_master { 0x80 } else { 0xa0 }]
}

/// Makes an openLogicalChannelReject with cause unspecified.
#[must_use]
pub fn open_logical_channel_reject(channel: u16) -> Vec<u8> {
    with_channel([0x23, 0x00], channel, &[0x00])
}

/// Makes a closeLogicalChannel with source user.
#[must_use]
pub fn close_logical_channel(channel: u16) -> Vec<u8> {
    with_channel([0x04, 0x00], channel, &[0x00])
}

/// Makes a closeLogicalChannelAck.
#[must_use]
pub fn close_logical_channel_ack(channel: u16) -> Vec<u8> {
    with_channel([0x23, 0x80], channel, &[])
}

/// Makes a requestChannelClose, which asks the sender of media to close its channel.
#[must_use]
pub fn request_channel_close(channel: u16) -> Vec<u8> {
    with_channel([0x05, 0x00], channel, &[])
}

/// Makes a requestChannelCloseAck.
#[must_use]
pub fn request_channel_close_ack(channel: u16) -> Vec<u8> {
    with_channel([0x24, 0x00], channel, &[])
}

/// Makes a requestChannelCloseReject with cause unspecified.
#[must_use]
pub fn request_channel_close_reject(channel: u16) -> Vec<u8> {
    with_channel([0x24, 0x80], channel, &[0x00])
}

/// Makes a roundTripDelayRequest.
#[must_use]
pub fn round_trip_delay_request(number: u8) -> Vec<u8> {
    vec![0x09, 0x00, number]
}

/// Makes a roundTripDelayResponse.
#[must_use]
pub fn round_trip_delay_response(number: u8) -> Vec<u8> {
    vec![0x28, 0x00, number]
}

/// Makes an endSessionCommand: disconnect.
#[must_use]
pub fn end_session() -> Vec<u8> {
    vec![0x4a, 0x40]
}

/// Makes a userInput with alphanumeric. Uses the first 127 octets of the text.
#[must_use]
pub fn user_input_alphanumeric(text: &str) -> Vec<u8> {
    let text = &text.as_bytes()[..text.len().min(0x7f)];
    [&[0x6d, 0x40, text.len() as u8], text].concat()
}

/// Makes a userInput with signal; `None` if the character is not one of `0123456789#*ABCD!`.
#[must_use]
pub fn user_input_signal(character: char) -> Option<Vec<u8>> {
    if !super::head::SIGNALS.contains(character) {
        return None;
    }
    // Three bits of a preamble, then eight bits of the character.
    let octet = character as u8;
    Some(vec![0x6d, 0x81, 0x02, octet >> 3, octet << 5])
}

fn with_channel(head: [u8; 2], channel: u16, tail: &[u8]) -> Vec<u8> {
    let number = channel.saturating_sub(1).to_be_bytes();
    [&head, &number[..], tail].concat()
}
