//! What a part of the site decides by, and what follows from a decision about a zone.

use super::Config;
use super::io::{Output, Surroundings};
use crate::{GatekeeperIndex, Time, ZoneIndex, learner};

/// When something happens, in which configuration, and what can be looked at.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub now: Time,
    pub config: &'a Config,
    pub around: &'a dyn Surroundings,
}

/// What follows from a decision.
#[derive(Debug)]
pub(super) enum Step {
    /// Rasline's own gatekeeper of a zone serves it, if this one is rasline itself.
    Serve(ZoneIndex, Option<GatekeeperIndex>),
    /// A proxied zone's gatekeeper is this one.
    Upstream(ZoneIndex, Option<GatekeeperIndex>),
    /// The learner is to know.
    Learner(learner::Input<'static>),
    /// To be carried out as it is.
    Output(Output),
}
