//! Call-signalling messages of phones: captured ones with the values of another call.

use std::net::SocketAddr;

use rasline_h225::q931::{self, CallReference, Message, element};
use rasline_h225::types::{
    CallIdentifier, H323UuPduH323MessageBody as Body, List, OctetString, SetupUuie, UserInformation,
};
use rasline_h225::uuie::{decode_uuie, encode_uuie};

use crate::clients::wire::frame;
use crate::messages::{alias, bmp, transport};

/// The capture that the messages come from: h323plus at .2 and .3, ooh323c at .4.
const CAPTURE: &str = "signalling/routed-tunnelled";
/// Octets of a TPKT's own header.
const TPKT: usize = 4;

/// Whose behaviour a phone has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stack {
    /// h323plus 1.28 with its simple terminal.
    H323plus,
    /// ooh323c of Asterisk.
    Ooh323c,
}

/// What identifies a call at all its parties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallIds {
    /// callIdentifier, the same on all legs.
    pub identifier: [u8; 16],
    /// conferenceID, the same on all legs.
    pub conference: [u8; 16],
}

/// How a message treats H.245.
#[derive(Clone, Debug, Default)]
pub struct Carried {
    /// Value of h245Tunnelling.
    pub tunnels: bool,
    /// H.245 messages in h245Control.
    pub messages: Vec<Vec<u8>>,
    /// h245Address, if it names one.
    pub address: Option<SocketAddr>,
    /// fastStart of a Setup or Connect.
    pub fast_start: Option<List<OctetString>>,
}

/// The parties of a Setup.
#[derive(Clone, Copy, Debug)]
pub struct Parties<'a> {
    /// Alias of the caller.
    pub caller: &'a str,
    /// sourceCallSignalAddress, the caller's own.
    pub source: SocketAddr,
    /// Alias of the called side.
    pub called: &'a str,
    /// destCallSignalAddress, from the ACF.
    pub destination: SocketAddr,
    /// endpointIdentifier of the caller.
    pub eid: &'a str,
}

/// Makes the messages of one leg of a call.
#[derive(Clone, Debug)]
pub struct Maker {
    /// Whose messages they are.
    pub stack: Stack,
    /// Identifiers of the call.
    pub ids: CallIds,
    /// Call reference of the messages that it sends.
    pub reference: CallReference,
}

impl Maker {
    /// Makes the Setup.
    pub fn setup(&self, parties: Parties<'_>, carried: &Carried) -> Vec<u8> {
        let (mut message, mut information) = self.template([22, 172]);
        let Body::Setup(body) = &mut information.h323_uu_pdu.h323_message_body else {
            unreachable!("a Setup")
        };
        name_parties(body, parties);
        message.set_element(
            element::DISPLAY,
            &[parties.caller.as_bytes(), &[0]].concat(),
        );
        let number = |kind: u8, name: &str| [&[kind], name.as_bytes()].concat();
        message.set_element(element::CALLED_PARTY_NUMBER, &number(0x81, parties.called));
        message.remove_element(element::CALLING_PARTY_NUMBER);
        if parties.caller.bytes().all(|one| one.is_ascii_digit()) {
            let caller = number(0x81, parties.caller);
            message.set_element(element::CALLING_PARTY_NUMBER, &caller);
        }
        self.finish(message, information, carried)
    }

    /// Makes a CallProceeding.
    pub fn call_proceeding(&self, carried: &Carried) -> Vec<u8> {
        let (message, information) = self.template([29, 101]);
        self.finish(message, information, carried)
    }

    /// Makes an Alerting; that of h323plus was captured with ooh323c's fields only.
    pub fn alerting(&self, carried: &Carried) -> Vec<u8> {
        let (message, information) = self.template([103, 103]);
        self.finish(message, information, carried)
    }

    /// Makes a Connect.
    pub fn connect(&self, carried: &Carried) -> Vec<u8> {
        let (message, information) = self.template([35, 105]);
        self.finish(message, information, carried)
    }

    /// Makes a Facility with tunnelled H.245: with an empty body by h323plus, transportedInformation by ooh323c.
    pub fn facility(&self, messages: Vec<Vec<u8>>) -> Vec<u8> {
        let (message, information) = self.template([39, 121]);
        let carried = Carried {
            tunnels: true,
            messages,
            ..Carried::default()
        };
        self.finish(message, information, &carried)
    }

    /// Makes a `ReleaseComplete` with this cause.
    pub fn release_complete(&self, cause: u8, carried: &Carried) -> Vec<u8> {
        let (mut message, mut information) = self.template([69, 223]);
        if let Body::ReleaseComplete(body) = &mut information.h323_uu_pdu.h323_message_body {
            body.reason = None;
        }
        message.set_cause(cause);
        self.finish(message, information, carried)
    }

    /// Makes a Status, the answer to a `StatusInquiry`.
    pub fn status(&self) -> Vec<u8> {
        const ACTIVE: u8 = 10;
        q931::status(self.reference, q931::RESPONSE_TO_STATUS_ENQUIRY, ACTIVE)
    }

    fn template(&self, frames: [u32; 2]) -> (Message, UserInformation) {
        let octets = &frame(CAPTURE, frames[self.stack as usize]).octets;
        let message = Message::parse(&octets[TPKT..]).expect("a captured message");
        let per = message.user_user().expect("a message with User-User");
        let information = decode_uuie(per).expect("a captured UUIE");
        (message, information)
    }

    fn finish(
        &self,
        mut message: Message,
        mut information: UserInformation,
        carried: &Carried,
    ) -> Vec<u8> {
        let pdu = &mut information.h323_uu_pdu;
        pdu.h245_tunnelling = Some(carried.tunnels);
        let messages = carried.messages.iter().map(|one| one.clone().into());
        pdu.h245_control = (messages.len() > 0).then(|| messages.collect());
        self.identify(&mut pdu.h323_message_body, carried);
        message.reference = self.reference;
        let per = encode_uuie(&information).expect("a captured UUIE with other values");
        message.set_user_user(&per);
        message.to_tpkt().expect("a message that fits a TPKT")
    }

    /// Sets callIdentifier, conferenceID, h245Address and fastStart.
    fn identify(&self, body: &mut Body, carried: &Carried) {
        let identifier = Some(CallIdentifier::new(self.ids.identifier));
        let conference = self.ids.conference.to_vec().into();
        let (h245, fast_start) = (carried.address.map(transport), carried.fast_start.clone());
        match body {
            Body::Setup(body) => {
                body.call_identifier = identifier;
                body.conference_id = conference;
                (body.h245_address, body.fast_start) = (h245, fast_start);
            }
            Body::CallProceeding(body) => {
                body.call_identifier = identifier;
                (body.h245_address, body.fast_start) = (h245, None);
            }
            Body::Alerting(body) => {
                body.call_identifier = identifier;
                (body.h245_address, body.fast_start) = (h245, None);
            }
            Body::Connect(body) => {
                body.call_identifier = identifier;
                body.conference_id = conference;
                (body.h245_address, body.fast_start) = (h245, fast_start);
            }
            Body::Facility(body) => {
                body.call_identifier = identifier;
                body.conference_id = body.conference_id.as_ref().map(|_| conference);
            }
            Body::ReleaseComplete(body) => body.call_identifier = identifier,
            _ => {}
        }
    }
}

fn name_parties(body: &mut SetupUuie, parties: Parties<'_>) {
    body.source_address = Some(List::from([alias(parties.caller)]));
    body.destination_address = Some(List::from([alias(parties.called)]));
    body.source_call_signal_address = Some(transport(parties.source));
    body.dest_call_signal_address = Some(transport(parties.destination));
    body.endpoint_identifier = Some(bmp(parties.eid));
}

/// Alias of the caller in a Setup, as text.
pub fn calling_alias(information: &UserInformation) -> Option<String> {
    match information.body() {
        Body::Setup(body) => {
            let mut all = body.source_address.iter().flatten();
            all.find_map(crate::messages::alias_text)
        }
        _ => None,
    }
}

/// A received message: with its User-User, if that is an H323-UserInformation.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The Q.931 message.
    pub message: Message,
    /// H323-UserInformation in its User-User.
    pub information: Option<UserInformation>,
}

impl Parsed {
    /// Parses a message without its TPKT.
    pub fn parse(octets: &[u8]) -> Option<Self> {
        let message = Message::parse(octets).ok()?;
        let information = message.user_user().and_then(|per| decode_uuie(per).ok());
        Some(Self {
            message,
            information,
        })
    }

    /// callIdentifier, and conferenceID, zero if the message has none.
    pub fn ids(&self) -> Option<CallIds> {
        let information = self.information.as_ref()?;
        Some(CallIds {
            identifier: information.call_identifier()?,
            conference: information.conference_id().unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_carry_the_call() {
        let ids = CallIds {
            identifier: [7; 16],
            conference: [8; 16],
        };
        let at: SocketAddr = "192.0.2.1:1720".parse().expect("an address");
        for stack in [Stack::H323plus, Stack::Ooh323c] {
            let reference = CallReference {
                value: 77,
                to_originator: true,
            };
            let maker = Maker {
                stack,
                ids,
                reference,
            };
            let parties = Parties {
                caller: "5001",
                source: at,
                called: "5002",
                destination: at,
                eid: "ep1",
            };
            let carried = Carried {
                tunnels: true,
                messages: vec![vec![9, 0, 1]],
                address: Some(at),
                ..Carried::default()
            };
            let all = [
                (q931::SETUP, maker.setup(parties, &carried)),
                (q931::CALL_PROCEEDING, maker.call_proceeding(&carried)),
                (q931::ALERTING, maker.alerting(&carried)),
                (q931::CONNECT, maker.connect(&carried)),
                (q931::FACILITY, maker.facility(carried.messages.clone())),
                (q931::RELEASE_COMPLETE, maker.release_complete(16, &carried)),
            ];
            for (kind, octets) in all {
                let parsed = Parsed::parse(&octets[TPKT..]).expect("it parses");
                assert_eq!(parsed.message.message_type, kind);
                assert_eq!(parsed.message.reference, reference);
                let information = parsed.information.as_ref().expect("a UUIE");
                assert!(information.tunnels_h245());
                assert_eq!(information.h245_control().len(), 1);
                if kind != q931::FACILITY || stack == Stack::Ooh323c {
                    assert_eq!(parsed.ids().expect("identifiers").identifier, [7; 16]);
                }
                if kind == q931::SETUP {
                    assert_eq!(calling_alias(information).as_deref(), Some("5001"));
                    assert_eq!(information.h245_address(), Some(at));
                }
            }
        }
    }
}
