//! `[[interface]]`: where the program is attached, and which side of the network that is.

use std::collections::HashSet;

use rasline_abi::MAX_INTERFACES;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::checker::Checker;

/// `[[interface]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Name in the network namespace of the controller.
    pub name: String,
    /// Which side of the network it leads to.
    pub side: Side,
    /// How the program is attached.
    pub xdp_mode: XdpMode,
}

/// The side of the network that an interface leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Towards endpoints.
    Endpoints,
    /// Towards gatekeepers.
    Gatekeepers,
    /// Towards both (a box on a stick).
    Both,
}

impl Side {
    /// Whether endpoints are on this side.
    #[must_use]
    pub const fn endpoints(self) -> bool {
        matches!(self, Self::Endpoints | Self::Both)
    }
    /// Whether gatekeepers are on this side.
    #[must_use]
    pub const fn gatekeepers(self) -> bool {
        matches!(self, Self::Gatekeepers | Self::Both)
    }
}

/// How the program is attached. Generic mode is never used as a fallback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum XdpMode {
    /// In the driver.
    #[default]
    Native,
    /// In the network stack: slow, for drivers without XDP.
    Generic,
}

/// An `[[interface]]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename = "Interface")]
pub(super) struct RawInterface {
    name: Spanned<String>,
    side: Side,
    #[serde(default)]
    xdp_mode: XdpMode,
}

/// Checks all interfaces. `own_only`: rasline is the only gatekeeper of every zone, so none has to be on the side
/// of gatekeepers.
pub(super) fn check_all(
    c: &mut Checker<'_>,
    raw: Vec<Spanned<RawInterface>>,
    own_only: bool,
) -> Vec<Interface> {
    let mut names = HashSet::new();
    let mut all = Vec::new();
    if raw.len() > MAX_INTERFACES {
        c.fail(
            None,
            "interface",
            format!(
                "{} interfaces configured; the maximum is {MAX_INTERFACES}",
                raw.len()
            ),
        );
    }
    for interface in raw {
        let interface = interface.into_inner();
        let (span, name) = (interface.name.span(), interface.name.into_inner());
        if name.is_empty() || name.len() > 15 || name.contains(['/', ' ']) {
            c.fail(Some(span.clone()), "name", format!("\"{name}\" is not a valid interface name; use 1 to 15 characters, as shown by `ip link`"));
        }
        if !names.insert(name.clone()) {
            c.fail(
                Some(span),
                "name",
                format!("duplicate interface \"{name}\"; use side = \"both\" for a box on a stick"),
            );
        }
        all.push(Interface {
            name,
            side: interface.side,
            xdp_mode: interface.xdp_mode,
        });
    }
    for (side, present) in [
        (
            "endpoints",
            all.iter().any(|i: &Interface| i.side.endpoints()),
        ),
        (
            "gatekeepers",
            own_only || all.iter().any(|i| i.side.gatekeepers()),
        ),
    ] {
        if !present {
            c.fail(None, "interface", format!("no interface towards the {side}; add an [[interface]] with side = \"{side}\" or \"both\""));
        }
    }
    all
}
