//! Registrar, proxy and agent on any octets from anybody: no panic, and what they hold stays within its bounds.
//!
//!     cargo +nightly fuzz run gatekeeper -- -max_total_time=180
#![no_main]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use rasline_core::Time;
use rasline_core::profile::{Profile, Subscription};
use rasline_core::{proxy, registrar};

const MAX: usize = 8;
const SERVICE: &str = "10.9.0.1:1719";
const GATEKEEPER: &str = "10.1.0.1:1719";

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn registrar() -> registrar::Registrar {
    let mut profile = Profile::new("zone", "gk");
    profile.subscription = Subscription {
        on: true,
        until: None,
    };
    profile.admit_unknown = true;
    profile.limits.registrations = MAX as u32;
    let settings = registrar::Settings {
        profile: Arc::new(profile),
        call_signal_address: None,
        here: Vec::new(),
        ras_addresses: Vec::new(),
        reserved: rasline_core::Reserved::default(),
        alternates: Vec::new(),
        seed: 1,
        max_answers: MAX,
        unix_at_zero: 0,
    };
    registrar::Registrar::new(settings, Time(0))
}

fn proxy() -> proxy::Proxy {
    let settings = proxy::Settings {
        gatekeeper_identifier: "gk".into(),
        ras_address: Some(address("10.1.0.254:1719")),
        source: proxy::Source::Endpoint,
        upstream: proxy::Upstream::Each,
        endpoint_ttl: Some(Duration::from_secs(60)),
        migrate_rate: 10,
        reserved: rasline_core::Reserved::default(),
        max_endpoints: MAX,
        seed: 1,
    };
    proxy::Proxy::new(settings, Time(0))
}

// Each message stands behind two octets: who sends it and how much time passes, and its length.
fuzz_target!(|input: &[u8]| {
    let (mut registrar, mut proxy) = (registrar(), proxy());
    let (mut for_registrar, mut for_proxy) = (Vec::new(), Vec::new());
    let mut now = Time(0);
    proxy.handle(
        now,
        proxy::Input::Active(Some(address(GATEKEEPER))),
        &mut for_proxy,
    );
    let mut rest = input;
    while let [head, length, tail @ ..] = rest {
        let (payload, more) = tail.split_at(tail.len().min(usize::from(*length) * 2));
        rest = more;
        now = now.after(Duration::from_secs(u64::from(head >> 4)));
        let from = SocketAddr::new([10, 0, 0, head & 7].into(), 1719);
        let to = address(SERVICE);
        if head & 8 != 0 {
            // To the endpoint's own address, from which the proxy speaks.
            let (from, to) = (address(GATEKEEPER), from);
            proxy.handle(
                now,
                proxy::Input::FromGatekeeper { from, to, payload },
                &mut for_proxy,
            );
        } else {
            proxy.handle(
                now,
                proxy::Input::FromEndpoint { from, to, payload },
                &mut for_proxy,
            );
            let message = registrar::Input::Message { from, to, payload };
            registrar.handle(now, message, &mut for_registrar);
        }
        registrar.handle(now, registrar::Input::Due, &mut for_registrar);
        proxy.handle(now, proxy::Input::Due, &mut for_proxy);
        assert!(registrar.views().count() <= MAX);
        assert!(proxy.views().len() <= MAX);
    }
});
