//! Dialled prefixes of a gateway.

use crate::text::from_alias;
use crate::types::{EndpointType, SupportedPrefix, SupportedProtocols};

/// supportedPrefixes of a gateway for any protocol, in the order of the message; empty if the endpoint is not a
/// gateway.
#[must_use]
pub fn supported_prefixes(endpoint_type: &EndpointType) -> Vec<String> {
    let gateway = endpoint_type.gateway.as_ref();
    let protocols = gateway.and_then(|gateway| gateway.protocol.as_deref());
    let all = protocols.unwrap_or_default().iter().flat_map(prefixes);
    all.filter_map(|one| from_alias(&one.prefix)).collect()
}

fn prefixes(protocol: &SupportedProtocols) -> &[SupportedPrefix] {
    let optional = match protocol {
        SupportedProtocols::NonStandardData(_) => return &[],
        SupportedProtocols::NonStandardProtocol(caps) => return &caps.supported_prefixes,
        SupportedProtocols::T38FaxAnnexbOnly(caps) => return &caps.supported_prefixes,
        SupportedProtocols::H310(caps) => &caps.supported_prefixes,
        SupportedProtocols::H320(caps) => &caps.supported_prefixes,
        SupportedProtocols::H321(caps) => &caps.supported_prefixes,
        SupportedProtocols::H322(caps) => &caps.supported_prefixes,
        SupportedProtocols::H323(caps) => &caps.supported_prefixes,
        SupportedProtocols::H324(caps) => &caps.supported_prefixes,
        SupportedProtocols::Voice(caps) => &caps.supported_prefixes,
        SupportedProtocols::T120Only(caps) => &caps.supported_prefixes,
        SupportedProtocols::Sip(caps) => &caps.supported_prefixes,
    };
    optional.as_deref().unwrap_or_default()
}
