//! Two phones and their gatekeeper.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rasline_h225::q931;
use rasline_testkit_model::call::{
    ConnectionId, Network, Phone, PhoneSettings, Received, RoutedGatekeeper, Stack, State, Via,
};

pub const SECOND: Duration = Duration::from_secs(1);
/// Longer than anything takes that waits for no timer.
pub const SOON: Duration = Duration::from_millis(500);

pub fn host(n: u8) -> IpAddr {
    [192, 0, 2, n].into()
}

pub struct Site {
    pub network: Network,
    pub gatekeeper: usize,
    /// 5001 calls, 5002 is called.
    pub phones: [usize; 2],
}

pub fn settings(stack: Stack, n: u8) -> PhoneSettings {
    PhoneSettings {
        stack,
        host: host(n),
        alias: format!("50{n:02}"),
        gatekeeper: SocketAddr::new(host(100), 1719),
        tunnels: true,
        fast_start: false,
        answers_after: Some(Duration::from_millis(100)),
        number: 0x12_3456 * u32::from(n),
    }
}

impl Site {
    /// Phones of these stacks, registered.
    pub fn new(stacks: [Stack; 2]) -> Self {
        Self::with(stacks, |_| {})
    }

    pub fn with(stacks: [Stack; 2], change: impl Fn(&mut PhoneSettings)) -> Self {
        let mut network = Network::default();
        let gatekeeper = network.add(RoutedGatekeeper::new(host(100), "gk"));
        let mut n = 0;
        let phones = stacks.map(|stack| {
            n += 1;
            let mut settings = settings(stack, n);
            change(&mut settings);
            network.add(Phone::new(settings))
        });
        network.pass(SOON);
        let site = Self {
            network,
            gatekeeper,
            phones,
        };
        assert!([0, 1].map(|n| site.phone(n).is_registered()) == [true; 2]);
        site
    }

    /// With a call that is up, and audio both ways.
    pub fn in_call(stacks: [Stack; 2]) -> Self {
        let mut site = Self::new(stacks);
        site.call();
        site
    }

    pub fn call(&mut self) {
        assert!(self.tell(0, |phone, now| phone.call(now, "5002")));
        self.network.pass(SOON);
        assert_eq!(
            self.states(),
            [State::Up; 2],
            "{:?}",
            self.phone(0).violations()
        );
        for n in [0, 1] {
            let control = self.phone(n).control().unwrap();
            let to = control.peer_media().unwrap();
            assert_eq!(to, SocketAddr::new(host(2 - n as u8), 5000));
        }
    }

    pub fn phone(&self, n: usize) -> &Phone {
        self.network.get(self.phones[n])
    }

    pub fn gatekeeper(&self) -> &RoutedGatekeeper {
        self.network.get(self.gatekeeper)
    }

    pub fn tell<T>(&mut self, n: usize, what: impl FnOnce(&mut Phone, Duration) -> T) -> T {
        self.network.tell(self.phones[n], what)
    }

    pub fn order<T>(&mut self, what: impl FnOnce(&mut RoutedGatekeeper, Duration) -> T) -> T {
        self.network.tell(self.gatekeeper, what)
    }

    /// The gatekeeper's connection to a phone.
    pub fn gatekeeper_connection(&self, n: usize) -> ConnectionId {
        let connection = self.phone(n).connection().unwrap();
        let end = (self.phones[n], connection);
        self.network.peer(end).unwrap().1
    }

    pub fn states(&self) -> [State; 2] {
        [0, 1].map(|n| self.phone(n).state())
    }

    /// Nothing was wrong at either phone.
    pub fn all_is_well(&self) {
        for n in [0, 1] {
            assert!(
                self.phone(n).violations().is_empty(),
                "{:?}",
                self.phone(n).violations()
            );
        }
    }

    /// Message types of Q.931 that a phone received.
    pub fn types(&self, n: usize) -> Vec<u8> {
        let all = self.phone(n).received().iter();
        let signalling = all.filter(|one| one.via == Via::Signalling);
        signalling.filter_map(kind).collect()
    }
}

/// Message type of Q.931.
pub fn kind(received: &Received) -> Option<u8> {
    q931::header(&received.octets).map(|header| header.message_type)
}
