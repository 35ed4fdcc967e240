//! How a gatekeeper behaves, and what it notes of messages.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::admission::Alternate;
use crate::messages;

/// Behaviour of a gatekeeper; it can be changed at any time.
// Each flag is an independent behaviour.
#[allow(clippy::struct_excessive_bools)]
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Policy {
    /// gatekeeperIdentifier.
    pub name: String,
    /// timeToLive that it grants.
    pub time_to_live: u32,
    /// Whether RCFs carry the endpoint's aliases.
    pub aliases_in_rcf: bool,
    /// Whether it reads but does not answer (a frozen process).
    pub silent: bool,
    /// Loss rate of received messages, in thousandths.
    pub lost_per_mille: u32,
    /// Messages of these kinds that it ignores: GRQs where discovery is switched off, say.
    pub ignore: Vec<What>,
    /// Whether it ignores lightweight RRQs with an endpointIdentifier that it did not give.
    pub ignore_strangers: bool,
    /// Another address of the gatekeeper from which it answers. Takes effect when it starts.
    pub answers_from: Option<IpAddr>,
    /// Answers every request with a RIP of this delay in milliseconds first, and its retransmission properly (a slow one).
    pub rip: Option<u16>,
    /// What its GCF, RCF, RRJ, ARJ and URQ say about alternates.
    pub alternates: Vec<Alternate>,
    /// Suffix of its endpointIdentifiers.
    pub eid_suffix: String,
    /// Whether it grants an endpointIdentifier of its own even to one that asks for another.
    pub own_eids: bool,
    /// As a widespread gatekeeper does: RRJ invalidCallSignalAddress unless a callSignalAddress is on the host that the
    /// RRQ comes from; who registers with the callSignalAddress of another is taken for that one; and RRJ
    /// fullRegistrationRequired to a lightweight RRQ with another callSignalAddress.
    pub compares_addresses: bool,
    /// Whether it confirms lightweight RRQs of endpoints that it does not know, as if its peers had informed it.
    pub confirm_unknown: bool,
    /// Whether it receives GRQs to 224.0.1.41:1718, on the interface of its IPv4 address. Takes effect when it starts.
    pub multicast: bool,
    /// If set, rejects every RRQ for this reason.
    pub refuse: Option<Refuse>,
    /// Password with which it signs all messages that it sends (H.235.1).
    pub signs: Option<String>,
    /// Port for call signalling; `None` does not listen. Takes effect when it starts.
    pub call_port: Option<u16>,
    /// As GnuGk: closes (FIN) a connection on which no Setup comes within this time in milliseconds, and at once at a Status
    /// Enquiry, which it answers by a ReleaseComplete. Counts from the next connection on.
    pub closes_idle_ms: Option<u64>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            name: "gk1".into(),
            time_to_live: 600,
            aliases_in_rcf: true,
            silent: false,
            lost_per_mille: 0,
            ignore: Vec::new(),
            ignore_strangers: false,
            answers_from: None,
            rip: None,
            alternates: Vec::new(),
            eid_suffix: "endp".into(),
            own_eids: false,
            compares_addresses: false,
            confirm_unknown: false,
            multicast: false,
            refuse: None,
            signs: None,
            call_port: Some(messages::CALL_SIGNALLING),
            closes_idle_ms: None,
        }
    }
}

/// Why a gatekeeper rejects every RRQ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refuse {
    /// resourceUnavailable.
    ResourceUnavailable,
    /// fullRegistrationRequired, and full ones are granted.
    FullRequired,
    /// resourceUnavailable, and GRQs are rejected, too: terminalExcluded.
    Everything,
}

/// Kind of a received message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// GRQ.
    Discovery,
    /// RRQ without keepAlive.
    FullRrq,
    /// RRQ with keepAlive.
    KeepAlive,
    /// URQ.
    Urq,
    /// UCF, the answer to a URQ of its own.
    Ucf,
    /// ARQ.
    Arq,
    /// DRQ.
    Drq,
    /// DCF, the answer to a DRQ of its own.
    Dcf,
    /// IRR.
    Irr,
    /// A call-signalling connection; the log has no endpointIdentifier.
    Connected,
    /// Setup; the log has the callIdentifier for an endpointIdentifier, and the call reference for requestSeqNum.
    Setup,
    /// Status Enquiry; the log has the call reference for requestSeqNum.
    StatusEnquiry,
    /// ReleaseComplete, logged as Setup.
    ReleaseComplete,
    /// A call-signalling connection ended.
    Disconnected,
    /// Anything else.
    Other,
}
