//! A next hop changes its address silently, and nobody is there to notice but the program.

use rasline_testkit::wait;

use crate::{
    scene::{BRIEFLY, SOON},
    site::{Plan, Site},
};

/// After a failover the backup gets another MAC address; the controller is dead, so nothing else speaks with it. Now and
/// then a packet goes through the stack, which asks for the neighbour again.
fn heals(v6: bool) {
    let mut site = Site::new(&Plan {
        v6,
        ..Plan::default()
    });
    // As usual, but a neighbour is doubted after a second or two and not after half a minute.
    for (key, value) in [
        ("base_reachable_time_ms", "1000"),
        ("delay_first_probe_time", "1"),
        ("retrans_time_ms", "200"),
    ] {
        let family = if v6 { "ipv6" } else { "ipv4" };
        let key = format!("{family}/neigh/wan0/{key}");
        site.net.gateway.sysctl(&key, value).unwrap();
    }
    let mut endpoint = site.learned(1);
    site.controller.kill().unwrap();
    site.gk(1).kill();
    site.moves_to(2, &mut endpoint);
    assert!(site.saw(2, &endpoint));
    let backup = &site.net.hosts[1].netns;
    backup.sysctl("ipv4/conf/all/arp_notify", "0").unwrap();
    backup.sysctl("ipv6/conf/all/ndisc_notify", "0").unwrap();
    backup
        .ip("link set eth0 address 02:aa:bb:cc:dd:01")
        .unwrap();
    let from = endpoint.address();
    let heard = || site.gk(2).count(|s| s.from == from);
    let before = heard().unwrap();
    wait::until_true("the backup to be heard of again", SOON * 2, || {
        let _ = endpoint.keep_alive(BRIEFLY)?;
        Ok(heard()? > before)
    })
    .unwrap();
    endpoint.stay(SOON).unwrap();
}

#[test]
fn a_new_mac_address_is_found_without_the_controller() {
    heals(false);
}

#[test]
fn a_new_mac_address_is_found_without_the_controller_over_ipv6() {
    heals(true);
}
