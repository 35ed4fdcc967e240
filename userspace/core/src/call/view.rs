//! Calls as people see them.

use std::net::SocketAddr;

use super::io::{CallId, CallIdentifier};
use super::lifecycle::{Call, Progress};
use super::place::Place;
use crate::{Time, ZoneIndex};

/// A call as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Number of the call.
    pub call: CallId,
    /// Index of its zone.
    pub zone: ZoneIndex,
    /// callIdentifier, if the Setup had one.
    pub identifier: Option<CallIdentifier>,
    /// When the Setup came.
    pub started: Time,
    /// When it was connected.
    pub connected: Option<Time>,
    /// Alias of the caller, if the Setup had one.
    pub caller: Option<String>,
    /// Alias of the called party, if the Setup had one.
    pub callee: Option<String>,
    /// How far the set-up is.
    pub progress: Progress,
    /// RAS address of the gatekeeper that controls it.
    pub controller: Option<SocketAddr>,
    /// Whether the endpoints are connected to each other without a gatekeeper.
    pub is_joined: bool,
    /// Its legs, from the caller to the called endpoint.
    pub legs: Vec<LegView>,
}

/// A leg as people see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegView {
    /// Where it is in the call.
    pub place: Place,
    /// callSignalAddress of the peer.
    pub peer: SocketAddr,
    /// rasline's callSignalAddress on this leg.
    pub own: SocketAddr,
    /// Call reference value.
    pub reference: u16,
    /// Whether H.245 has a connection of its own.
    pub has_control: bool,
}

/// Counts since the start, and what there is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Calls that there are.
    pub calls: u64,
    /// Calls whose endpoints are connected without a gatekeeper.
    pub joined: u64,
    /// Connections that there are.
    pub links: u64,
    /// Legs that there are.
    pub legs: u64,
    /// H.245 listeners that there are.
    pub listeners: u64,
    /// Calls that began.
    pub started: u64,
    /// Messages that were relayed.
    pub relayed: u64,
    /// Messages of H.245 connections relayed.
    pub relayed_control: u64,
    /// Messages that belong to no call.
    pub ignored: u64,
    /// Connections and Setups refused.
    pub refused: u64,
    /// Messages whose addresses could not be replaced.
    pub unpatched: u64,
    /// h245Addresses of another host than that of the endpoint that named them.
    pub foreign_control: u64,
    /// H.245 listeners that could not be had.
    pub listeners_failed: u64,
}

pub(super) fn view_call(call: &Call) -> View {
    let leg = |place: Place| {
        let leg = call.leg(place)?;
        Some(LegView {
            place,
            peer: leg.peer,
            own: leg.own,
            reference: leg.reference.value,
            has_control: leg.control.link.is_some(),
        })
    };
    View {
        call: call.id,
        zone: call.zone,
        identifier: call.identifier,
        started: call.started,
        connected: call.connected,
        caller: call.caller.clone(),
        callee: call.callee.clone(),
        progress: call.progress,
        controller: call.controller,
        is_joined: call.is_joined,
        legs: Place::ALL.into_iter().filter_map(leg).collect(),
    }
}
