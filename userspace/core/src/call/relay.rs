//! Messages from leg to leg: in order, with the addresses of the leg that they go to.

use std::net::{IpAddr, SocketAddr};

use rasline_h225::q931;

use super::io::LinkId;
use super::leg::Listener;
use super::lifecycle::{Call, Turn, from_endpoint};
use super::links::Role;
use super::place::Place;
use super::received::{NewAddresses, Received};

/// Messages that wait at most for an H.245 listener.
const WAITING_MESSAGES: usize = 32;

impl Call {
    /// Sends a message of one leg to another, behind those that wait there.
    pub(super) fn forward(
        &mut self,
        from: Place,
        to: Place,
        mut received: Received,
        turn: &mut Turn<'_>,
    ) {
        if let Some(target) = received.control_address() {
            if self.may_name(from, target.ip()) {
                if let Some(leg) = self.leg_mut(from) {
                    leg.control.target = Some(target);
                }
                self.dial_control(from, turn);
            } else {
                self.foreign_control += 1;
                received = received.without_control_address();
            }
        }
        if let Some(leg) = self.leg_mut(to) {
            if leg.waiting.len() >= WAITING_MESSAGES {
                return turn.links.overflow(leg.link);
            }
            leg.waiting.push_back(received);
        }
        self.flush(to, turn);
    }

    /// Whether the peer of a leg may have rasline connect to this host for H.245. An endpoint names its own host. A
    /// gatekeeper that does not route H.245 passes on the address of another party.
    fn may_name(&self, place: Place, host: IpAddr) -> bool {
        !place.is_endpoint() || self.leg(place).is_some_and(|leg| leg.peer.ip() == host)
    }

    /// Writes what waits on a leg, up to the first message that needs a listener which is not there yet.
    pub(super) fn flush(&mut self, place: Place, turn: &mut Turn<'_>) {
        let whose = (self.id, place);
        while let Some(leg) = self.leg_mut(place)
            && let Some(first) = leg.waiting.front()
        {
            if first.control_address().is_some() {
                match leg.control.listener {
                    Listener::None => {
                        let on = leg.own.ip();
                        let listener = turn.links.listen(on, whose, turn.out);
                        leg.control.listener = Listener::Opening(listener);
                        return;
                    }
                    Listener::Opening(_) => return,
                    Listener::Open(..) | Listener::Failed | Listener::Used(_) => {}
                }
            }
            let Some(received) = leg.waiting.pop_front() else {
                return;
            };
            self.write(place, &received, turn);
        }
    }

    /// Writes a message on a leg now.
    pub(super) fn write(&mut self, place: Place, received: &Received, turn: &mut Turn<'_>) {
        let Some(leg) = self.leg(place) else {
            return;
        };
        let new = NewAddresses {
            signalling: Some((leg.own, leg.peer)),
            control: leg.control.listener.address(),
        };
        let link = leg.link;
        let Some((octets, is_replaced)) = received.write_for(leg.reference, new) else {
            self.unpatched += 1;
            return;
        };
        self.unpatched += u64::from(!is_replaced);
        turn.links.send(link, octets, turn.out);
    }

    // H.245 on connections of its own.

    /// A listener is there, or could not be had.
    pub fn handle_listening(
        &mut self,
        place: Place,
        address: Option<SocketAddr>,
        turn: &mut Turn<'_>,
    ) {
        if let Some(leg) = self.leg_mut(place)
            && let Listener::Opening(id) = leg.control.listener
        {
            leg.control.listener = match address {
                Some(address) => Listener::Open(id, address),
                None => Listener::Failed,
            };
            self.flush(place, turn);
        }
    }

    /// Whether this host may open the H.245 connection of a leg: the peer's, or rasline's own, if the gatekeeper passed on
    /// the address of one leg to the other.
    pub fn takes_control_from(&self, place: Place, host: IpAddr) -> bool {
        let leg = self.leg(place);
        leg.is_some_and(|leg| {
            leg.peer.ip() == host || (!place.is_endpoint() && leg.own.ip() == host)
        })
    }

    /// The peer of a leg opened its H.245 connection.
    pub fn accept_control(&mut self, place: Place, link: LinkId, turn: &mut Turn<'_>) {
        let whose = Role::Control(self.id, place);
        let Some(leg) = self.leg_mut(place) else {
            return turn.links.refuse(link, turn.out);
        };
        if let Some(address) = leg.control.listener.address() {
            leg.control.listener = Listener::Used(address);
        }
        if leg.control.link.is_some() {
            return turn.links.refuse(link, turn.out);
        }
        leg.control.link = Some(link);
        turn.links.accept(link, whose);
        if let Some(partner) = self.partner(place) {
            self.dial_control(partner, turn);
        }
    }

    /// Opens the H.245 connection to the peer of a leg, if that one listens and the partner has one.
    pub(super) fn dial_control(&mut self, place: Place, turn: &mut Turn<'_>) {
        let has_partner = self
            .partner(place)
            .and_then(|partner| self.leg(partner))
            .is_some_and(|partner| partner.control.link.is_some());
        let whose = Role::Control(self.id, place);
        if let Some(leg) = self.leg_mut(place)
            && has_partner
            && leg.control.link.is_none()
            && let Some(to) = leg.control.target
        {
            let link = turn.links.dial(leg.own.ip(), to, whose, turn.out);
            leg.control.link = Some(link);
        }
    }

    /// Takes a message of a leg's H.245 connection.
    pub fn handle_control_message(&mut self, place: Place, octets: &[u8], turn: &mut Turn<'_>) {
        if !place.is_endpoint() {
            self.in_flight[from_endpoint(place.across().opposite())].leave_control(octets);
        }
        let Some(partner) = self.partner(place) else {
            return;
        };
        if place.is_endpoint() && !partner.is_endpoint() {
            self.in_flight[from_endpoint(place)].enter_control(octets);
        }
        self.write_control(partner, octets, turn);
    }

    /// Writes an H.245 message on the connection of a leg, or tunnels it if the leg has none.
    pub(super) fn write_control(&mut self, place: Place, octets: &[u8], turn: &mut Turn<'_>) {
        let Some(leg) = self.leg(place) else {
            return;
        };
        if let Some(link) = leg.control.link {
            if let Ok(tpkt) = q931::to_tpkt(octets) {
                turn.links.send(link, tpkt, turn.out);
            }
        } else {
            let tunnelled = Received::tunnel(self.identifier, &[octets.to_vec()]);
            self.write(place, &tunnelled, turn);
        }
    }

    /// The H.245 connection of a leg is gone. That of its partner follows, unless it is the gatekeeper's doing: if it is
    /// dead, its call-signalling connections say so.
    pub fn lose_control(&mut self, place: Place, turn: &mut Turn<'_>) {
        if let Some(leg) = self.leg_mut(place) {
            leg.control.forget_link();
            leg.control.target = None;
        }
        if place.is_endpoint()
            && let Some(partner) = self.partner(place)
        {
            self.close_control(partner, turn);
        }
    }

    fn close_control(&mut self, place: Place, turn: &mut Turn<'_>) {
        if let Some(leg) = self.leg_mut(place)
            && let Some(link) = leg.control.forget_link()
        {
            turn.links.close(link, turn.out);
        }
    }
}
