//! `[[interface]]`: where the program is attached, and which side of the network that is.

use std::collections::HashSet;

use rasline_abi::MAX_INTERFACES;
use rasline_host::interface::{Interface, Side, XdpMode};
use serde::Deserialize;
use toml::Spanned;

use super::checker::Checker;

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
