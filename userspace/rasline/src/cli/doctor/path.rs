//! The way to each gatekeeper: its route, its next hop, a GRQ, and a connection to its call-signalling port.
//!
//! Invariant: all gatekeepers together take a few seconds at most, however many are dead.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket},
    time::{Duration, Instant},
};

use rasline_h225::{build::Grq, header};

use super::{Consequence, Findings, Verdict};
use crate::{
    config::{Config, Gatekeeper, RasProbe, Zone},
    host::{
        link::{self, Sight},
        route::{self, Neighbour, Route},
    },
};

/// For an answer to a GRQ, which is sent several times meanwhile, and for a connection.
const PATIENCE: Duration = Duration::from_secs(1);
const AGAIN: Duration = Duration::from_millis(250);
/// Gatekeepers asked at once.
const AT_ONCE: usize = 64;

/// What one gatekeeper said.
struct Asked {
    grq: io::Result<Duration>,
    tcp: io::Result<()>,
}

pub(super) fn examine(f: &mut Findings, config: &Config) {
    let all: Vec<(&Zone, &Gatekeeper)> = config
        .zones
        .iter()
        .flat_map(|z| z.gatekeepers.iter().map(move |g| (z, g)))
        .filter(|(_, g)| !g.is_own())
        .collect();
    for some in all.chunks(AT_ONCE) {
        let asked: Vec<Asked> = std::thread::scope(|scope| {
            let threads: Vec<_> = some
                .iter()
                .map(|(_, g)| scope.spawn(move || ask(g)))
                .collect();
            let answer = |t: std::thread::ScopedJoinHandle<'_, Asked>| t.join().ok();
            threads.into_iter().filter_map(answer).collect()
        });
        for ((zone, gatekeeper), asked) in some.iter().zip(asked) {
            let what = format!("{} {}", zone.name, gatekeeper.id);
            // Asked before: by now the next hop is known, or known not to answer.
            if way(f, config, &what, gatekeeper) {
                ras(f, &what, zone, gatekeeper, &asked);
                signalling(f, &what, zone, gatekeeper, &asked);
            }
        }
    }
}

fn ask(gatekeeper: &Gatekeeper) -> Asked {
    std::thread::scope(|scope| {
        let signalling = SocketAddr::new(gatekeeper.address, gatekeeper.call_signal_port);
        let tcp = scope.spawn(move || TcpStream::connect_timeout(&signalling, PATIENCE).map(drop));
        let grq = discover(SocketAddr::new(gatekeeper.address, gatekeeper.ras_port));
        let tcp = tcp
            .join()
            .unwrap_or_else(|_| Err(io::ErrorKind::Other.into()));
        Asked { grq, tcp }
    })
}

/// Sends GRQs until something answers; for how long that took.
fn discover(to: SocketAddr) -> io::Result<Duration> {
    let any: IpAddr = if to.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.connect(to)?;
    socket.set_read_timeout(Some(AGAIN))?;
    let start = Instant::now();
    let mut last = io::Error::from(io::ErrorKind::TimedOut);
    let mut answer = [0; 4096];
    for seq in 1.. {
        let grq = Grq {
            aliases: vec!["rasline-doctor".to_owned()],
            ..Grq::new(seq, socket.local_addr()?)
        };
        let request = grq.encode().map_err(io::Error::other)?;
        let sent = Instant::now();
        match socket.send(&request).and_then(|_| socket.recv(&mut answer)) {
            // A GCF, a GRJ, a RIP: whoever answers lives.
            Ok(n) if header(&answer[..n]).is_some_and(|h| h.seq == seq) => {
                return Ok(sent.elapsed());
            }
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => {
                last = e;
                std::thread::sleep(AGAIN.saturating_sub(sent.elapsed()));
            }
        }
        if start.elapsed() >= PATIENCE {
            break;
        }
    }
    Err(last)
}

/// Route and next hop; false: there is no way.
fn way(f: &mut Findings, config: &Config, what: &str, gatekeeper: &Gatekeeper) -> bool {
    let address = gatekeeper.address;
    let what = format!("{what} route");
    let route = match route::to(address) {
        Ok(route) => route,
        Err(e) => {
            let down = down(config);
            let because = if down.is_empty() {
                format!("none to {address} ({e})")
            } else {
                format!("none to {address}, as this machine's own {down} is down")
            };
            f.bad(
                Verdict::Fail,
                &what,
                because,
                &Consequence {
                    means: "neither endpoints nor rasline can reach it",
                    advice: &format!("see `ip route get {address}`, and add a route"),
                },
            );
            return false;
        }
    };
    if route.local {
        f.bad(
            Verdict::Warn,
            &what,
            format!("{address} is of this machine"),
            &Consequence {
                means: "what it answers does not come in by an interface, so nothing of it is learned",
                advice: "run the gatekeeper elsewhere, or in a network namespace of its own",
            },
        );
        return true;
    }
    if let Sight::Here(link) = link::look(&route.name)
        && !link.passes()
    {
        let (by, why) = (&route.name, link.why_down());
        f.bad(
            Verdict::Fail,
            &what,
            format!("{address} by {by}, and {why}"),
            &Consequence {
                means: "this machine's own link is down, which says nothing about the gatekeeper",
                advice: &format!("ip link set {by} up; check its cable and its peer"),
            },
        );
        return false;
    }
    on_its_side(f, config, &what, &route, address);
    next_hop(f, &what, &route, address)
}

/// Interfaces towards gatekeepers that pass nothing.
fn down(config: &Config) -> String {
    let towards = config.interfaces.iter().filter(|i| i.side.gatekeepers());
    let down = towards.filter(|i| match link::look(&i.name) {
        Sight::Here(link) => !link.passes(),
        Sight::Absent => true,
        Sight::Unseen(_) => false,
    });
    let names: Vec<&str> = down.map(|i| i.name.as_str()).collect();
    names.join(", ")
}

fn on_its_side(f: &mut Findings, config: &Config, what: &str, route: &Route, address: IpAddr) {
    let by = &route.name;
    let found = route.gateway.map_or_else(
        || format!("{address} by {by}, on the link"),
        |hop| format!("{address} by {by}, via {hop}"),
    );
    let configured = config.interfaces.iter().find(|i| i.name == *by);
    if configured.is_some_and(|i| i.side.gatekeepers()) {
        return f.ok(what, found);
    }
    let there = configured.map_or("is not configured", |_| "is on the endpoints' side only");
    f.bad(
        Verdict::Fail,
        what,
        format!("{found}; {by} {there}"),
        &Consequence {
            means: "its answers come in unseen: nothing is learned, and it looks silent",
            advice: "give that interface side = \"gatekeepers\" (or \"both\"), or correct the route",
        },
    );
}

fn next_hop(f: &mut Findings, what: &str, route: &Route, address: IpAddr) -> bool {
    let hop = route.gateway.unwrap_or(address);
    match route::neighbour(route.interface, hop) {
        // An interface without link-layer addresses has no neighbours.
        Ok(Neighbour::Resolved | Neighbour::Unknown) | Err(_) => true,
        Ok(Neighbour::Silent) => {
            let asked = if hop.is_ipv4() {
                "ARP"
            } else {
                "neighbour discovery"
            };
            f.bad(
                Verdict::Fail,
                &what.replace("route", "next hop"),
                format!("{hop} on {} does not answer {asked}", route.name),
                &Consequence {
                    means: "it is off, unplugged, or in another network: no packet gets there",
                    advice: &format!(
                        "check that machine, cable and VLAN; see `ip neigh show {hop}`"
                    ),
                },
            );
            false
        }
    }
}

fn ras(f: &mut Findings, what: &str, zone: &Zone, gatekeeper: &Gatekeeper, asked: &Asked) {
    let port = gatekeeper.ras_port;
    let what = format!("{what} RAS");
    let error = match &asked.grq {
        Ok(took) => {
            let ms = took.as_secs_f64() * 1e3;
            return f.ok(&what, format!("a GRQ is answered, in {ms:.1} ms"));
        }
        Err(e) => e,
    };
    let dead = asked.tcp.is_err();
    let probed = zone.gatekeepers.len() > 1 && zone.probe.ras == RasProbe::Grq;
    let means = if dead {
        "it is dead, or something between drops what it is sent"
    } else if probed {
        "it is frozen, or answers no GRQ, so that probes by GRQ find it dead; its host accepts connections"
    } else {
        "its host accepts connections, but it may be frozen; or it answers no GRQ, as some do"
    };
    let advice = if dead {
        format!("start it, or let UDP {port} through on the way")
    } else {
        "restart it if it hangs; if it answers no GRQ, probe otherwise: [zone.probe] ras = \"rrq\""
            .to_owned()
    };
    f.bad(
        if dead || probed {
            Verdict::Fail
        } else {
            Verdict::Warn
        },
        &what,
        unanswered("a GRQ", port, error),
        &Consequence {
            means,
            advice: &advice,
        },
    );
}

fn signalling(f: &mut Findings, what: &str, zone: &Zone, gatekeeper: &Gatekeeper, asked: &Asked) {
    let port = gatekeeper.call_signal_port;
    let what = format!("{what} call signalling");
    let Err(error) = &asked.tcp else {
        return f.ok(&what, format!("TCP {port} is open"));
    };
    let probed = zone.gatekeepers.len() > 1 && zone.probe.tcp;
    f.bad(
        if probed { Verdict::Fail } else { Verdict::Warn },
        &what,
        unanswered("a connection", port, error),
        &Consequence {
            means: if probed {
                "its probes require it ([zone.probe] tcp), so that it is found dead"
            } else {
                "calls that are routed through it fail; fine if it routes none (direct calls)"
            },
            advice: "check call_signal_port, and that TCP passes on the way",
        },
    );
}

fn unanswered(what: &str, port: u16, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            format!("{what} to port {port} is refused: nothing listens there")
        }
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            format!(
                "{what} to port {port} is not answered within {} s",
                PATIENCE.as_secs()
            )
        }
        _ => format!("{what} to port {port} fails: {error}"),
    }
}
