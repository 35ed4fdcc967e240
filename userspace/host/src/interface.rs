//! An interface that the XDP program runs on, as the operator names it.

use serde::{Deserialize, Serialize};

/// An interface: its name, where it leads to, and how the program is attached.
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
