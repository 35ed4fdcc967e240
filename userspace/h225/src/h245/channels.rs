//! Addresses of media in an `OpenLogicalChannelAck`.

use std::net::{IpAddr, SocketAddr};

use super::{Head, read_head};
use crate::per;
use crate::types::{
    ForwardMultiplexAckParameters, H245TransportAddress, MulticastAddress, OpenLogicalChannelAck,
    ReverseMultiplexParameters, UnicastAddress,
};

/// Bits before the value: those of the two CHOICEs around it.
const PREAMBLE: usize = 9;

/// Where the media of one direction is sent, IP addresses only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MediaAddresses {
    /// mediaChannel: the address of RTP.
    pub media: Option<SocketAddr>,
    /// mediaControlChannel: the address of RTCP.
    pub control: Option<SocketAddr>,
}

/// Content of an `OpenLogicalChannelAck`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChannelAck {
    /// forwardLogicalChannelNumber of the acknowledged channel.
    pub channel: u16,
    /// sessionID: 1 audio, 2 video, 3 data; others are assigned by the master.
    pub session: Option<u8>,
    /// Addresses of the acknowledging side, for the media of the channel.
    pub forward: MediaAddresses,
    /// The channel in the other direction, if the channel is bidirectional, and addresses for its media.
    pub reverse: Option<(u16, MediaAddresses)>,
}

/// Decodes an `OpenLogicalChannelAck`; `None` if the message is none, or malformed.
#[must_use]
pub fn decode_open_logical_channel_ack(message: &[u8]) -> Option<ChannelAck> {
    let Head::OpenLogicalChannelAck { channel } = read_head(message) else {
        return None;
    };
    let ack: OpenLogicalChannelAck = per::decode_at(message, PREAMBLE).ok()?;
    let mut session = None;
    let mut forward = MediaAddresses::default();
    if let Some(ForwardMultiplexAckParameters::H2250LogicalChannelAckParameters(parameters)) =
        ack.forward_multiplex_ack_parameters
    {
        session = parameters.session_id;
        forward = addresses(
            parameters.media_channel.as_ref(),
            parameters.media_control_channel.as_ref(),
        );
    }
    let reverse = ack.reverse_logical_channel_parameters.map(|reverse| {
        let media = match reverse.multiplex_parameters {
            Some(ReverseMultiplexParameters::H2250LogicalChannelParameters(parameters)) => {
                addresses(
                    parameters.media_channel.as_ref(),
                    parameters.media_control_channel.as_ref(),
                )
            }
            _ => MediaAddresses::default(),
        };
        (reverse.reverse_logical_channel_number, media)
    });
    Some(ChannelAck {
        channel,
        session,
        forward,
        reverse,
    })
}

fn addresses(
    media: Option<&H245TransportAddress>,
    control: Option<&H245TransportAddress>,
) -> MediaAddresses {
    MediaAddresses {
        media: media.and_then(from_transport),
        control: control.and_then(from_transport),
    }
}

/// The socket address, if it is an IP address.
fn from_transport(address: &H245TransportAddress) -> Option<SocketAddr> {
    use {MulticastAddress as Multicast, UnicastAddress as Unicast};
    Some(match address {
        H245TransportAddress::UnicastAddress(Unicast::IPAddress(v4))
        | H245TransportAddress::MulticastAddress(Multicast::IPAddress(v4)) => {
            let ip = <[u8; 4]>::try_from(&v4.network[..]).ok()?;
            SocketAddr::new(IpAddr::from(ip), v4.tsap_identifier)
        }
        H245TransportAddress::UnicastAddress(Unicast::IP6Address(v6))
        | H245TransportAddress::MulticastAddress(Multicast::IP6Address(v6)) => {
            let ip = <[u8; 16]>::try_from(&v6.network[..]).ok()?;
            SocketAddr::new(IpAddr::from(ip), v6.tsap_identifier)
        }
        _ => return None,
    })
}
