//! H.245 through the gatekeeper, on connections of its own: each side that listens is reached through a port here.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::q931::to_tpkt;

use super::{Role, RoutedGatekeeper};
use crate::call::{Action, ConnectionId};

impl RoutedGatekeeper {
    /// The address where one side of a call shall connect to for H.245; the other side listens at `theirs`.
    pub(super) fn listen_for_h245(
        &mut self,
        id: u32,
        side: usize,
        theirs: SocketAddr,
    ) -> Option<SocketAddr> {
        let leg = &mut self.calls.get_mut(&id)?.legs[side];
        if let Some((ours, _)) = leg.h245_addresses {
            return Some(ours);
        }
        let ours = SocketAddr::new(self.host, self.next_h245);
        self.next_h245 += 1;
        leg.h245_addresses = Some((ours, theirs));
        self.actions.push(Action::Listen(ours));
        Some(ours)
    }

    /// What a connection to this address is for, if it is for H.245.
    pub(super) fn h245_role(&self, at: SocketAddr) -> Option<Role> {
        self.calls.iter().find_map(|(id, call)| {
            let is_at =
                |leg: &super::calls::Leg| leg.h245_addresses.is_some_and(|(ours, _)| ours == at);
            let side = call.legs.iter().position(is_at)?;
            Some(Role::H245(*id, side))
        })
    }

    /// One side has connected: connects to where the other one listens.
    pub(super) fn join_h245(
        &mut self,
        now: Duration,
        id: u32,
        side: usize,
        connection: ConnectionId,
    ) {
        let Some(leg) = self.calls.get_mut(&id).map(|call| &mut call.legs[side]) else {
            return;
        };
        leg.h245 = Some(connection);
        let Some((_, theirs)) = leg.h245_addresses else {
            return;
        };
        let other = 1 - side;
        let onward = self.connect(now, Role::H245(id, other), theirs, Vec::new());
        if let Some(call) = self.calls.get_mut(&id) {
            call.legs[other].h245 = Some(onward);
        }
    }

    /// Passes a message to the other side.
    pub(super) fn relay_h245(&mut self, id: u32, from: usize, message: &[u8]) {
        let to = self
            .calls
            .get(&id)
            .and_then(|call| call.legs[1 - from].h245);
        if let (Some(to), Ok(octets)) = (to, to_tpkt(message)) {
            self.send(to, octets);
        }
    }

    /// One side's connection is lost: the other one's is closed.
    pub(super) fn close_h245(&mut self, id: u32, side: usize) {
        let other = self.calls.get_mut(&id).and_then(|call| {
            call.legs[side].h245 = None;
            call.legs[1 - side].h245.take()
        });
        if let Some(other) = other {
            self.close(other);
        }
    }
}
