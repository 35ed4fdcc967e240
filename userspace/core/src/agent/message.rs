//! The messages of an agent.

use std::net::SocketAddr;

use rasline_h225::messages::{self, Grq, Rrq, Urq, alias};
use rasline_h225::text::{to_bmp, to_transport};
use rasline_h225::types::{
    EndpointType, GatewayInfo, InfoRequestResponse, SupportedPrefix, SupportedProtocols, VoiceCaps,
};
use rasline_h225::{EncodeError, RasMessage};

use super::sign::mechanism;
use super::{Config, Kind};

/// A GRQ.
pub(super) fn discovery(
    config: &Config,
    seq: u16,
    gatekeeper_identifier: Option<&String>,
) -> Result<RasMessage, EncodeError> {
    let grq = Grq {
        aliases: aliases(config),
        gatekeeper_identifier: gatekeeper_identifier.cloned(),
        ..Grq::new(seq, ras_address(config)?)
    };
    let mut message = grq.message()?;
    if let RasMessage::GatekeeperRequest(grq) = &mut message {
        grq.endpoint_type = endpoint_type(config)?;
        if let Some(mechanism) = mechanism(config) {
            grq.authentication_capability = Some(vec![mechanism.authentication()].into());
            grq.algorithm_oids = Some(vec![mechanism.algorithm()].into());
        }
    }
    Ok(message)
}

/// A full RRQ.
pub(super) fn full(
    config: &Config,
    seq: u16,
    gatekeeper_identifier: Option<&String>,
    endpoint_identifier: Option<&String>,
    discovered: bool,
) -> Result<RasMessage, EncodeError> {
    registration(
        config,
        Rrq {
            seq,
            discovery_complete: discovered,
            aliases: aliases(config),
            gatekeeper_identifier: gatekeeper_identifier.cloned(),
            endpoint_identifier: endpoint_identifier.cloned(),
            ..Rrq::default()
        },
    )
}

/// A lightweight RRQ.
pub(super) fn lightweight(
    config: &Config,
    seq: u16,
    gatekeeper_identifier: Option<&String>,
    endpoint_identifier: &str,
) -> Result<RasMessage, EncodeError> {
    registration(
        config,
        Rrq {
            seq,
            keep_alive: true,
            discovery_complete: true,
            gatekeeper_identifier: gatekeeper_identifier.cloned(),
            endpoint_identifier: Some(endpoint_identifier.to_owned()),
            ..Rrq::default()
        },
    )
}

fn registration(config: &Config, rrq: Rrq) -> Result<RasMessage, EncodeError> {
    let rrq = Rrq {
        call_signal_addresses: config.call_signal_addresses.clone(),
        ras_addresses: config.ras_addresses.clone(),
        time_to_live: Some(seconds(config)),
        supports_alt_gk: true,
        product: Some(product()),
        ..rrq
    };
    let mut message = rrq.message()?;
    if let RasMessage::RegistrationRequest(rrq) = &mut message {
        rrq.terminal_type = endpoint_type(config)?;
    }
    Ok(message)
}

/// A URQ of the endpoint.
pub(super) fn leave(
    config: &Config,
    seq: u16,
    gatekeeper_identifier: Option<&String>,
    endpoint_identifier: &str,
) -> Result<RasMessage, EncodeError> {
    Urq {
        seq,
        call_signal_addresses: config.call_signal_addresses.clone(),
        aliases: aliases(config),
        endpoint_identifier: Some(endpoint_identifier.to_owned()),
        gatekeeper_identifier: gatekeeper_identifier.cloned(),
        ..Urq::default()
    }
    .message()
}

/// The IRR that answers an IRQ: no calls (H.225.0 7.15.2).
pub(super) fn status(
    config: &Config,
    seq: u16,
    endpoint_identifier: &str,
) -> Result<RasMessage, EncodeError> {
    let mut irr = InfoRequestResponse::new(
        seq,
        endpoint_type(config)?,
        to_bmp(endpoint_identifier)?,
        to_transport(ras_address(config)?),
    );
    let signalling = config.call_signal_addresses.iter().copied();
    irr.call_signal_address = signalling.map(to_transport).collect();
    let list: Vec<_> = aliases(config)
        .iter()
        .map(|text| alias(text))
        .collect::<Result<_, _>>()?;
    irr.endpoint_alias = (!list.is_empty()).then_some(list.into());
    irr.need_response = Some(false);
    irr.unsolicited = Some(false);
    Ok(RasMessage::InfoRequestResponse(irr))
}

/// A gateway names the prefixes of all devices.
fn endpoint_type(config: &Config) -> Result<EndpointType, EncodeError> {
    let mut kind = messages::endpoint_type(Some(&product()));
    if config.kind == Kind::Gateway {
        let mut voice = VoiceCaps::new();
        let devices = config.devices.iter();
        let prefixes = distinct(devices.flat_map(|device| &device.prefixes));
        voice.supported_prefixes = Some(
            prefixes
                .iter()
                .map(|text| alias(text).map(SupportedPrefix::new))
                .collect::<Result<_, _>>()?,
        );
        let mut gateway = GatewayInfo::new();
        gateway.protocol = Some(vec![SupportedProtocols::Voice(voice)].into());
        kind.gateway = Some(gateway);
        kind.terminal = None;
    }
    Ok(kind)
}

fn aliases(config: &Config) -> Vec<String> {
    distinct(config.devices.iter().flat_map(|device| &device.aliases))
}

fn distinct<'a>(texts: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    texts.filter(|text| seen.insert(*text)).cloned().collect()
}

/// timeToLive that is proposed.
fn seconds(config: &Config) -> u32 {
    u32::try_from(config.time_to_live.as_secs())
        .unwrap_or(u32::MAX)
        .max(1)
}

fn ras_address(config: &Config) -> Result<SocketAddr, EncodeError> {
    let first = config.ras_addresses.first().copied();
    first.ok_or_else(|| EncodeError::Constraint("the agent has no rasAddress".into()))
}

fn product() -> (String, String) {
    ("rasline".into(), env!("CARGO_PKG_VERSION").into())
}
