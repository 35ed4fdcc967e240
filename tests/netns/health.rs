//! Health by active probes: the dead are found without any traffic of endpoints, the lossy and the slow are not dead.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use rasline_testkit::{Fleet, Seen, fleet, wait};

use crate::{
    scene::{SOON, ras},
    site::{Plan, Site, admitted},
};

/// Nothing but probes could show that a gatekeeper is gone: endpoints' requests are answered by the kernel.
fn plan() -> Plan {
    let mut plan = Plan::default();
    plan.settings.refresh_every = Some("300s");
    plan
}

#[test]
fn the_dead_are_found_without_traffic() {
    let failures: [fn(&Site); 3] = [
        |site| site.gk(1).kill(),
        |site| site.gk(1).freeze().unwrap(),
        |site| site.net.hosts[0].unplug().unwrap(),
    ];
    for (fail, v6) in failures.into_iter().zip([false, true, false]) {
        let site = Site::new(&Plan { v6, ..plan() });
        let mut endpoint = site.learned(1);
        site.await_active("gk1");
        fail(&site);
        site.await_active("gk2");
        // The first request of an endpoint finds the way.
        assert_eq!(admitted(&mut endpoint).from.ip(), site.address(1));
        assert!(site.saw(2, &endpoint));
        assert_eq!(site.events("failed over"), 1);
    }
}

/// Endpoints that live on for a while; the zone stays, and none of them loses its registration.
fn stays(site: &Site, fail: impl FnOnce()) {
    let options = fleet::Options {
        every: Duration::from_millis(500),
        ..fleet::Options::new(100, ras(site.address(1)))
    };
    let fleet = Fleet::start(&site.net.endpoints, &options).unwrap();
    fleet.await_registered(SOON * 3).unwrap();
    fail();
    let (start, before) = (Instant::now(), fleet.tally().confirmed);
    // Long enough for a failover ten times over.
    wait::until_true("keep-alives of a while", SOON * 6, || {
        Ok(start.elapsed() > Duration::from_secs(5) && fleet.tally().confirmed > before + 500)
    })
    .unwrap();
    let tally = fleet.tally();
    assert_eq!(tally.lapsed, 0, "{tally:?}");
    assert_eq!(site.active(), "gk1");
    assert_eq!(site.gk(2).count(Seen::is_rrq).unwrap(), 0);
    assert_eq!(site.counter("decided"), 0);
    assert_eq!(site.events("failed over"), 0);
    fleet.await_registered(SOON * 3).unwrap();
}

#[test]
fn losing_a_third_is_not_dead() {
    let site = Site::new(&plan());
    stays(&site, || site.net.hosts[0].lose(30).unwrap());
}

/// The kernel's own evidence: refreshes get lost, and the answers to probes outweigh that.
#[test]
fn losing_a_third_of_refreshes_is_not_dead() {
    let site = Site::new(&Plan::default());
    stays(&site, || site.net.hosts[0].lose(30).unwrap());
}

#[test]
fn slow_is_not_dead() {
    let mut site = Site::new(&plan());
    site.gatekeepers[0].set(|p| p.rip = Some(300)).unwrap();
    stays(&site, || {});
}

/// A controller that is held up knows nothing, and says nothing.
#[test]
fn a_controller_that_was_frozen_accuses_nobody() {
    let site = Site::new(&plan());
    stays(&site, || {
        site.controller.signal(libc::SIGSTOP).unwrap();
        std::thread::sleep(Duration::from_secs(1)); // ten times the time in which a gatekeeper is found dead
        site.controller.signal(libc::SIGCONT).unwrap();
    });
}

/// A machine without a moment to spare; `cargo xtask bench --soak 10` is the long form.
#[test]
fn full_load_is_not_death() {
    let site = Site::new(&plan());
    let busy = AtomicBool::new(true);
    let idle = Idle(&busy);
    std::thread::scope(|scope| {
        let _idle = idle;
        stays(&site, || {
            let cpus = std::thread::available_parallelism().unwrap().get();
            for _ in 0..2 * cpus {
                scope.spawn(|| {
                    while busy.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                });
            }
        });
    });
}

/// Ends the load, also when the test fails.
struct Idle<'a>(&'a AtomicBool);

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
