//! A message as it came, with what relaying it needs to know; and the messages that rasline makes itself.

use std::net::SocketAddr;

use rasline_h225::q931::{self, CallReference, Message};
use rasline_h225::text::from_alias;
use rasline_h225::types::{AliasAddress, H323UuPduH323MessageBody, List};
use rasline_h225::uuie::build;
use rasline_h225::uuie::{self, AddressField, UserInformation, decode_uuie};

use super::io::CallIdentifier;

/// A Q.931 message. What is not understood in it stays as it came.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub message: Message,
    /// The User-User element, if there is one that can be decoded.
    pub info: Option<UserInformation>,
}

/// The addresses that a message is given for the leg that it goes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct NewAddresses {
    /// sourceCallSignalAddress and destCallSignalAddress of a Setup.
    pub signalling: Option<(SocketAddr, SocketAddr)>,
    /// h245Address, if the message has one; `None`: it is taken out.
    pub control: Option<SocketAddr>,
}

impl Received {
    /// `None`: it is no Q.931 message.
    pub fn parse(octets: &[u8]) -> Option<Self> {
        let message = Message::parse(octets).ok()?;
        Some(Self::from(message))
    }

    /// ReleaseComplete of rasline's own, with this Q.850 cause.
    pub fn release(call: Option<CallIdentifier>, cause: u8) -> Self {
        let reason = Some(q931::cause::to_reason(cause));
        let reference = CallReference::GLOBAL;
        Self::from(build::release_complete(reference, call, cause, reason))
    }

    /// A Facility of rasline's own that carries these H.245 messages.
    pub fn tunnel(call: Option<CallIdentifier>, messages: &[Vec<u8>]) -> Self {
        let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
        let (reference, call) = (CallReference::GLOBAL, call.unwrap_or_default());
        Self::from(build::facility_h245(reference, call, &messages))
    }

    pub fn identifier(&self) -> Option<CallIdentifier> {
        self.info.as_ref()?.call_identifier()
    }

    pub fn control_address(&self) -> Option<SocketAddr> {
        self.info.as_ref()?.h245_address()
    }

    /// Aliases of the calling and of the called party in a Setup.
    pub fn parties(&self) -> (Option<String>, Option<String>) {
        let body = self.info.as_ref().map(UserInformation::body);
        let Some(H323UuPduH323MessageBody::Setup(setup)) = body else {
            return (None, None);
        };
        let first = |list: &Option<List<AliasAddress>>| from_alias(list.as_ref()?.first()?);
        (
            first(&setup.source_address),
            first(&setup.destination_address),
        )
    }

    pub const fn is(&self, message_type: u8) -> bool {
        self.message.message_type == message_type
    }

    /// Whether it is a Setup with a call reference of its sender.
    pub const fn begins_call(&self) -> bool {
        let reference = self.message.reference;
        self.is(q931::SETUP) && !reference.to_originator && reference.value != 0
    }

    /// The message without its h245Address, if that can be taken out.
    pub fn without_control_address(mut self) -> Self {
        let octets = self.message.user_user().map(uuie::remove_h245_address);
        if let Some(Ok(octets)) = octets {
            self.message.set_user_user(&octets);
            return Self::from(self.message);
        }
        self
    }

    /// Octets of its information elements.
    pub fn len(&self) -> usize {
        let elements = self.message.elements();
        elements.map(|(_, _, contents)| contents.len() + 2).sum()
    }

    /// The TPKT for a leg with this call reference. The second value is false if an address could not be replaced; the
    /// message then goes as it came. `None`: it does not fit into a TPKT.
    pub fn write_for(
        &self,
        reference: CallReference,
        new: NewAddresses,
    ) -> Option<(Vec<u8>, bool)> {
        let mut message = self.message.clone();
        message.reference = reference;
        let mut is_replaced = true;
        if let Some(octets) = self.message.user_user() {
            match self.replace_addresses(octets, new) {
                Some(Ok(octets)) => message.set_user_user(&octets),
                Some(Err(_)) => is_replaced = false,
                None => {}
            }
        }
        Some((message.to_tpkt().ok()?, is_replaced))
    }

    /// The User-User element with its new addresses; `None`: nothing changes.
    fn replace_addresses(
        &self,
        octets: &[u8],
        new: NewAddresses,
    ) -> Option<Result<Vec<u8>, uuie::PatchRefused>> {
        let info = self.info.as_ref()?;
        let mut changes = Vec::new();
        if let Some((source, destination)) = new.signalling.filter(|_| self.is(q931::SETUP)) {
            if info.source_call_signal_address().is_some() {
                changes.push((AddressField::SourceCallSignal, source));
            }
            if info.destination_call_signal_address().is_some() {
                changes.push((AddressField::DestinationCallSignal, destination));
            }
        }
        match (info.h245_address(), new.control) {
            (Some(_), Some(address)) => changes.push((AddressField::H245, address)),
            (Some(_), None) => {
                let without = uuie::remove_h245_address(octets);
                return Some(without.and_then(|octets| uuie::patch_addresses(&octets, &changes)));
            }
            (None, _) => {}
        }
        (!changes.is_empty()).then(|| uuie::patch_addresses(octets, &changes))
    }
}

impl From<Message> for Received {
    fn from(message: Message) -> Self {
        let info = message
            .user_user()
            .and_then(|octets| decode_uuie(octets).ok());
        Self { message, info }
    }
}
