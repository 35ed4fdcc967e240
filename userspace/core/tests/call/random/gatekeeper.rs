//! A gatekeeper that routes call signalling and passes on the addresses of H.245: it may die, freeze, wake up and leave.

use std::collections::BTreeMap;
use std::time::Duration;

use rasline_core::call::LinkId;
use rasline_core::ras_server::{CallFact, EntryId};
use rasline_h225::q931::{self, CallReference, Message};
use rasline_h225::types::H323UuPduH323MessageBody as Body;
use rasline_h225::uuie::{build, decode_uuie};

use super::super::world::gatekeeper;
use super::ledger::{CallNumber, identifier, number_of};
use super::network::{Arrival, Network, Peer};

#[derive(Clone, Debug)]
struct Leg {
    call: CallNumber,
    partner: LinkId,
    /// What is written on this leg.
    reference: CallReference,
}

#[derive(Clone, Debug, Default)]
pub struct Gatekeeper {
    legs: BTreeMap<LinkId, Leg>,
    pub is_dead: bool,
    pub is_frozen: bool,
    /// What came while it was frozen; `None`: the connection was closed.
    unread: Vec<(LinkId, Option<Vec<u8>>)>,
    /// Calls that it ordered to end.
    pub ordered: Vec<CallNumber>,
    references: u16,
}

impl Gatekeeper {
    /// Takes a message of a connection, or that it was closed.
    pub fn take(&mut self, n: usize, link: LinkId, octets: Option<Vec<u8>>, net: &mut Network) {
        if self.is_frozen {
            return self.unread.push((link, octets));
        }
        if self.is_dead {
            return;
        }
        let Some(octets) = octets else {
            net.close(link);
            if let Some(leg) = self.legs.get(&link).cloned() {
                self.end(leg.call, Some(leg.partner), net);
            }
            return;
        };
        self.relay(n, link, Message::parse(&octets).unwrap(), net);
    }

    fn relay(&mut self, n: usize, link: LinkId, mut message: Message, net: &mut Network) {
        if message.message_type == q931::SETUP {
            return self.route(n, link, message, net);
        }
        let Some(leg) = self.legs.get(&link) else {
            return;
        };
        assert_eq!(
            message.reference,
            leg.reference.reversed(),
            "gatekeeper {n}"
        );
        let partner = leg.partner;
        message.reference = self.legs[&partner].reference;
        let ends = message.message_type == q931::RELEASE_COMPLETE;
        if ends {
            self.legs.remove(&link);
            self.legs.remove(&partner);
        }
        net.send(partner, message.to_tpkt().unwrap()[4..].to_vec());
        if ends && net.dice.percent(50) {
            net.close(link);
            net.close(partner);
        }
    }

    fn route(&mut self, n: usize, link: LinkId, mut setup: Message, net: &mut Network) {
        assert!(!setup.reference.to_originator);
        let info = decode_uuie(setup.user_user().unwrap()).unwrap();
        let call = number_of(info.call_identifier().unwrap());
        let Body::Setup(body) = info.body() else {
            panic!("{info:?}");
        };
        let called = &body.destination_address.as_ref().unwrap()[0];
        let called: usize = rasline_h225::text::from_alias(called)
            .unwrap()
            .parse()
            .unwrap();
        let new = net.open(Peer::Gatekeeper(n), |link| {
            Arrival::GatekeeperConnects(link, called)
        });
        let back = Leg {
            call,
            partner: new,
            reference: setup.reference.reversed(),
        };
        self.references += 1;
        setup.reference.value = 4000 + self.references;
        let on = Leg {
            call,
            partner: link,
            reference: setup.reference,
        };
        self.legs.insert(link, back);
        self.legs.insert(new, on);
        net.send(new, setup.to_tpkt().unwrap()[4..].to_vec());
    }

    /// Sends ReleaseComplete on a leg, or on both, and closes what is left of the call.
    fn end(&mut self, call: CallNumber, only: Option<LinkId>, net: &mut Network) {
        self.ordered.push(call);
        let its = self.legs.iter().filter(|(_, leg)| leg.call == call);
        let its: Vec<LinkId> = its.map(|(link, _)| *link).collect();
        for link in its {
            let leg = self.legs.remove(&link).unwrap();
            if only.is_none_or(|only| only == link) {
                let id = Some(identifier(call));
                let release = build::release_complete(leg.reference, id, 31, None);
                net.send(link, release.to_tpkt().unwrap()[4..].to_vec());
            }
            net.close(link);
        }
    }

    /// Ends one of its calls in one of the ways that gatekeepers have.
    pub fn order(&mut self, n: usize, net: &mut Network) {
        let Some((&link, leg)) = self.legs.first_key_value() else {
            return;
        };
        let call = leg.call;
        match net.dice.below(3) {
            0 => self.end(call, None, net),
            1 => self.end(call, Some(link), net),
            _ => {
                disengage(n, call, net);
                self.ordered.push(call);
            }
        }
    }

    /// All connections break; RAS finds out.
    pub fn kill(&mut self, n: usize, net: &mut Network) {
        self.is_dead = true;
        self.close_all(n, net);
        let wait = net.dice.between(Duration::ZERO, Duration::from_secs(2));
        let gatekeeper = gatekeeper(n);
        net.fact(wait, CallFact::Lost { gatekeeper });
        net.after(wait + Duration::from_secs(3), Arrival::Restart(n));
    }

    /// It is stopped: DRQ for all calls, all connections closed, URQ.
    pub fn stop(&mut self, n: usize, phones: usize, net: &mut Network) {
        let calls: Vec<CallNumber> = self.legs.values().map(|leg| leg.call).collect();
        for call in calls {
            disengage(n, call, net);
        }
        self.is_dead = true;
        self.close_all(n, net);
        for endpoint in 0..phones {
            let fact = CallFact::Dismissed {
                endpoint: EntryId(endpoint as u64 + 1),
                gatekeeper: gatekeeper(n),
            };
            net.fact(Duration::from_millis(100), fact);
        }
        net.after(Duration::from_secs(3), Arrival::Restart(n));
    }

    fn close_all(&mut self, n: usize, net: &mut Network) {
        let own = |peer| peer == Peer::Gatekeeper(n);
        let links = net.links.iter().filter(|(_, link)| own(link.peer));
        let links: Vec<LinkId> = links.map(|(link, _)| *link).collect();
        for link in links {
            net.close(link);
        }
        self.legs.clear();
    }

    /// It stops reading; RAS may find out, and it may come back.
    pub fn freeze(&mut self, n: usize, net: &mut Network) {
        self.is_frozen = true;
        let long = Duration::from_secs(20);
        let wait = net.dice.between(Duration::ZERO, long);
        if net.dice.percent(70) {
            let gatekeeper = gatekeeper(n);
            net.fact(wait / 10, CallFact::Lost { gatekeeper });
        }
        net.after(wait, Arrival::Thaw(n));
    }

    /// It reads what it has not read.
    pub fn thaw(&mut self, n: usize, net: &mut Network) {
        self.is_frozen = false;
        for (link, octets) in std::mem::take(&mut self.unread) {
            self.take(n, link, octets, net);
        }
    }
}

/// DRQ for both endpoints.
fn disengage(n: usize, call: CallNumber, net: &mut Network) {
    for endpoint in [call.from, call.to] {
        let fact = CallFact::Disengaged {
            endpoint: EntryId(endpoint as u64 + 1),
            call: identifier(call),
            gatekeeper: gatekeeper(n),
        };
        net.fact(Duration::from_millis(20), fact);
    }
}
