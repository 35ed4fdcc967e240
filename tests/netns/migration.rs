//! A zone moves: registrations follow at a bounded rate, and none lapses meanwhile.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use rasline_testkit::{Fleet, What, fleet, wait};

use crate::{
    scene::ras,
    site::{Plan, Site},
};

const RATE: usize = 100;
const LONG: Duration = Duration::from_mins(1);
/// A bucket lets a tenth of its rate through at once; the gatekeeper's process may be held up for as long again, and
/// then counts more in the next second.
const MOST: usize = RATE + RATE / 2;

fn plan(more: &str) -> Plan {
    let mut plan = Plan::zone(&format!("migrate_rate = {RATE}\n{more}"));
    plan.settings.refresh_every = Some("5s");
    plan
}

fn fleet(site: &Site, endpoints: u16) -> Fleet {
    let options = fleet::Options {
        every: Duration::from_millis(500),
        register_rate: 2000,
        ..fleet::Options::new(endpoints, ras(site.address(1)))
    };
    Fleet::start(&site.net.endpoints, &options).unwrap()
}

/// endpointIdentifiers that registered with gatekeeper `n`.
fn registered(site: &Site, n: usize) -> usize {
    let log = site.gk(n).log().unwrap();
    let full = (log.iter()).filter(|s| s.what == What::FullRrq && s.by_endpoint());
    full.map(|s| s.from).collect::<HashSet<_>>().len()
}

#[test]
fn the_backup_never_sees_more_than_the_rate() {
    let site = Site::new(&plan(""));
    let fleet = fleet(&site, 150);
    fleet.await_registered(LONG).unwrap();
    wait::until_true("the kernel to answer them", LONG, || {
        fleet.reset();
        std::thread::sleep(Duration::from_secs(1)); // two keep-alives of each
        let tally = fleet.tally();
        Ok(tally.by_gateway == tally.confirmed && tally.confirmed >= 150)
    })
    .unwrap();
    fleet.reset();
    let since = Instant::now();
    site.gk(1).freeze().unwrap();
    wait::until_true("all to register with the backup", LONG, || {
        Ok(registered(&site, 2) == 150)
    })
    .unwrap();
    let took = since.elapsed();
    let most = site.gk(2).most_rrqs_a_second(since).unwrap();
    assert!(most <= MOST, "{most} RRQs in a second");
    // Each needs two at least.
    assert!(
        took >= Duration::from_secs(2 * 150 / MOST as u64),
        "{took:?}"
    );
    fleet.await_registered(LONG).unwrap();
    let tally = fleet.tally();
    assert_eq!(
        (tally.lapsed, tally.given_up, tally.unregistered),
        (0, 0, 0),
        "{tally:?}"
    );
    // The kernel answered for the primary all the while: nobody waited for longer than three keep-alives.
    assert!(
        tally.by_gateway > 0 && tally.longest_wait < LONG / 10,
        "{tally:?}"
    );
    assert!(site.counter("answer_held") > 0);
    assert!(site.counter("pass_migrate") >= 150);
}

/// A storm of endpoints that nobody knows, at a zone that has just moved.
fn storm(more: &str) -> (Site, fleet::Tally) {
    let site = Site::new(&plan(more));
    let mut first = site.learned(5000);
    site.gk(1).freeze().unwrap();
    site.moves_to(2, &mut first);
    let since = Instant::now();
    let fleet = fleet(&site, 300);
    // Each needs three RRQs let through, of the quarter of the rate that unknown sources have, and repeats what is dropped.
    fleet.await_registered(3 * LONG).unwrap();
    let most = site.gk(2).most_rrqs_a_second(since).unwrap();
    assert!(most <= MOST, "{most} RRQs in a second");
    assert_eq!(registered(&site, 2), 301);
    let tally = fleet.tally();
    (site, tally)
}

#[test]
fn a_storm_is_told_to_wait() {
    let (site, tally) = storm("shape = \"rip\"\nrip_delay = \"500ms\"");
    assert!(tally.rips > 0, "{tally:?}");
    assert_eq!(site.counter("drop_rate"), 0);
    // Nobody was told to wait in vain.
    assert_eq!(tally.given_up, 0, "{tally:?}");
}

#[test]
fn a_storm_is_dropped() {
    let (site, tally) = storm("shape = \"drop\"");
    assert_eq!(tally.rips, 0, "{tally:?}");
    assert!(tally.retransmitted > 0, "{tally:?}");
    assert!(site.counter("drop_rate") > 0);
}
