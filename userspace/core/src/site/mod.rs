//! The site: everything that decides in one box, composed. Pure, in the time of the caller.
//!
//! ```text
//!   kernel's copies, slots, decisions --+                    +--> keep-alives to publish or withdraw
//!   datagrams of own sockets -----------+--> Site::handle ---+--> where zones are steered
//!   probes, operator, store, clock -----+        |           +--> messages, records, events
//!                                                |
//!     learner          registrations learned from the traffic, with the monitor of their endpoints
//!     ZoneSteering     which gatekeeper serves each zone
//!     OwnGatekeepers   registrars, the backup's among them, and proxies
//!     LearnedAlternates, Profiles
//! ```
//! A part owns its state, is given what it needs, and returns what follows; it never sees the site. What one part decides
//! and another must know passes through [`Site`] alone. What it must look at while it decides (the kernel's tables, the
//! probes) is a [`Surroundings`]; everything else comes as an [`Input`] and leaves as an [`Output`].
//!
//! Invariants: no clock, no IO, no randomness; outputs are complete and in order, so that carrying out all of them, and
//! giving back what becomes of them, leaves the kernel, the network and the store as the site believes them to be.

mod alternates;
mod config;
mod event;
mod io;
mod machine;
mod memory;
mod profiles;
mod retirement;
mod routing;
mod scene;
mod serving;
mod standbys;
mod steering;
mod twice;

pub use alternates::LearnedAlternates;
pub use config::{Config, Gatekeeper, Origin, Transparent, Zone, ZoneMode};
pub use event::Event;
pub use io::{
    AlternateCandidate, ByHand, Datagram, Input, KernelChange, KernelDecision, LoadedProfiles,
    Output, Send, SendBy, Side, SlotEntry, Start, Steering, Surroundings, Tick,
};
pub use machine::Site;
pub use serving::{FEW, OwnGatekeepers};
pub use steering::ZoneSteering;
pub use twice::ServedAsBackup;
