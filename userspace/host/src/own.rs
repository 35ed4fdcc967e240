//! This machine's own addresses in this network namespace, from /proc.

use std::{
    collections::HashSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// All own addresses that /proc lists.
#[must_use]
pub fn addresses() -> HashSet<IpAddr> {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let v4 = ipv4(&read("/proc/self/net/fib_trie"));
    let v6 = ipv6(&read("/proc/self/net/if_inet6"));
    v4.into_iter().chain(v6).collect()
}

/// Parses the IPv4 routing table, where an own address precedes `/32 host LOCAL`.
fn ipv4(table: &str) -> Vec<IpAddr> {
    let mut address: Option<Ipv4Addr> = None;
    let mut all = Vec::new();
    for line in table.lines().map(str::trim) {
        if let Some(leaf) = line.strip_prefix("|-- ") {
            address = leaf.parse().ok();
        } else if line.starts_with("/32 host LOCAL") {
            all.extend(address.map(IpAddr::from));
        }
    }
    all
}

/// Parses the list of IPv6 addresses, where each line begins with an address in hexadecimal.
fn ipv6(list: &str) -> Vec<IpAddr> {
    let first = list
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    let bits = first.filter_map(|hex| u128::from_str_radix(hex, 16).ok());
    bits.map(|bits| Ipv6Addr::from_bits(bits).into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found() {
        let table = "Local:\n  +-- 0.0.0.0/0 3 0 4\n     |-- 10.0.0.0\n        /8 link UNICAST\n     |-- 10.0.0.7\n        /32 host LOCAL\n     |-- 10.255.255.255\n        /32 link BROADCAST\n";
        assert_eq!(ipv4(table), ["10.0.0.7".parse::<IpAddr>().unwrap()]);
        let list = "fe80000000000000000000000000abcd 02 40 20 80 eth0\n";
        assert_eq!(ipv6(list), ["fe80::abcd".parse::<IpAddr>().unwrap()]);
        assert!(addresses().contains(&Ipv4Addr::LOCALHOST.into()) || addresses().is_empty());
    }
}
