//! The RAS side of the terminal's calls.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::types::DisengageRequest;
use rasline_h225::{RasMessage, text};

use super::{Goal, Terminal, messages};
use crate::messages::CALL_SIGNALLING;

/// A call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// conferenceID.
    pub conference: [u8; 16],
    /// callIdentifier.
    pub identifier: [u8; 16],
    /// callReferenceValue.
    pub reference: u16,
    /// Alias of the other side.
    pub other: String,
    /// Source of the Setup, if it is the called side.
    pub from: Option<SocketAddr>,
    /// Whether it is the called side.
    pub answered: bool,
    /// State of the call.
    pub state: CallState,
}

/// State of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallState {
    /// ARQ sent.
    Asked,
    /// ACF received.
    Admitted {
        /// destCallSignalAddress, if it is an IP address.
        to: Option<SocketAddr>,
    },
    /// ARJ, or no answer.
    Refused(String),
    /// DCF, DRJ, or no answer to DRQ.
    Over,
}

impl Call {
    pub(super) fn settle(&mut self, message: &RasMessage) {
        self.state = match message {
            RasMessage::AdmissionConfirm(acf) => CallState::Admitted {
                to: text::from_transport(&acf.dest_call_signal_address),
            },
            RasMessage::AdmissionReject(arj) => {
                CallState::Refused(format!("{:?}", arj.reject_reason))
            }
            _ => CallState::Over,
        };
    }
}

impl Terminal {
    /// Starts a call: sends ARQ. Returns its index in [`Self::calls`]; `None` without a registration.
    pub fn call(&mut self, now: Duration, destination: &str) -> Option<usize> {
        let number = u16::try_from(self.calls.len() + 1).ok()?;
        let mut identifier = [0; 16];
        identifier[..2].copy_from_slice(&number.to_be_bytes());
        identifier[2..4].copy_from_slice(&self.who.ras.port().to_be_bytes());
        let ip = match self.who.ras.ip() {
            std::net::IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            std::net::IpAddr::V6(ip) => ip,
        };
        identifier[4..].copy_from_slice(&ip.octets()[4..]);
        let mut conference = identifier;
        conference.reverse();
        self.admit(
            now,
            Call {
                conference,
                identifier,
                reference: number,
                other: destination.to_owned(),
                from: None,
                answered: false,
                state: CallState::Asked,
            },
        )
    }

    /// Receives a call: sends ARQ with answerCall.
    pub fn answer(&mut self, now: Duration, call: &Call, caller: &str) -> Option<usize> {
        let port = CALL_SIGNALLING;
        let from = call
            .from
            .unwrap_or(SocketAddr::new(self.who.ras.ip(), port));
        self.admit(
            now,
            Call {
                other: caller.to_owned(),
                from: Some(from),
                answered: true,
                state: CallState::Asked,
                ..call.clone()
            },
        )
    }

    /// Ends a call: sends DRQ.
    pub fn hang_up(&mut self, now: Duration, call: usize) {
        let Some(with) = self.confirmed_by else {
            return;
        };
        let one = self.calls[call].clone();
        let drq = messages::disengage(self.link(with), &one);
        let octets = self.encode(now, drq);
        self.desk.ask(now, Goal::Disengage(call), with, octets);
    }

    /// All calls of the terminal.
    #[must_use]
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// Handles DRQ of its gatekeeper, which ends the call.
    pub(super) fn dropped(&mut self, drq: &DisengageRequest) -> Result<(), &'static str> {
        if Some(text::from_bmp(&drq.endpoint_identifier)) != self.eid {
            return Err("DRQ with another endpointIdentifier");
        }
        let same = |call: &&mut Call| {
            let identifier = drq.call_identifier.as_ref();
            identifier.map_or(drq.conference_id[..] == call.conference, |one| {
                one.guid[..] == call.identifier
            })
        };
        let call = self.calls.iter_mut().find(same).ok_or("DRQ of no call")?;
        call.state = CallState::Over;
        Ok(())
    }

    /// Sends ARQ for this call.
    pub fn admit(&mut self, now: Duration, call: Call) -> Option<usize> {
        let with = self.confirmed_by?;
        let arq = messages::admit(self.link(with), &call);
        let octets = self.encode(now, arq);
        self.calls.push(call);
        let at = self.calls.len() - 1;
        self.desk.ask(now, Goal::Admit(at), with, octets);
        Some(at)
    }
}
