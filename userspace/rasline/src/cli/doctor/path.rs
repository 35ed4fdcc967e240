//! The path to each gatekeeper: its route, its next hop, a GRQ or else a lightweight RRQ, and a connection to its
//! call-signalling port.
//!
//! Invariant: all gatekeepers together take a few seconds at most, no matter how many are dead.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket},
    os::fd::AsFd,
    time::{Duration, Instant},
};

use rasline_h225::{
    header,
    messages::{Grq, Rrq},
};

use super::{Consequence, Findings, Verdict};
use crate::{
    config::{Config, Gatekeeper, RasProbe, Zone},
    host::{
        self, arrival,
        link::{self, Sight},
        route::{self, Neighbour, Route},
    },
};

/// Time limit for an answer to a request, which is repeated within it, and for a connection.
const PATIENCE: Duration = Duration::from_secs(1);
const AGAIN: Duration = Duration::from_millis(250);
/// Gatekeepers that are checked at the same time.
const AT_ONCE: usize = 64;

/// Results of the requests to one gatekeeper.
struct Asked {
    grq: io::Result<Answer>,
    /// Answer to a lightweight RRQ, which is sent only if the GRQ is not answered.
    rrq: io::Result<Answer>,
    tcp: io::Result<()>,
}

/// An answer to a request.
struct Answer {
    took: Duration,
    /// Its source address, if that is not the address the request was sent to.
    from: Option<IpAddr>,
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
            // The requests came first, so the kernel has resolved the next hop by now, or has failed to.
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
        let to = SocketAddr::new(gatekeeper.address, gatekeeper.ras_port);
        let grq = request(to, |seq, local| {
            let grq = Grq {
                aliases: vec![NAME.to_owned()],
                ..Grq::new(seq, local)
            };
            grq.encode().map_err(io::Error::other)
        });
        let rrq = match &grq {
            Ok(_) => Err(io::ErrorKind::Other.into()),
            Err(_) => request(to, |seq, local| {
                let rrq = Rrq::lightweight(seq, local, NAME).encode();
                rrq.map_err(io::Error::other)
            }),
        };
        let tcp = tcp
            .join()
            .unwrap_or_else(|_| Err(io::ErrorKind::Other.into()));
        Asked { grq, rrq, tcp }
    })
}

/// endpointIdentifier of the lightweight RRQ; no endpoint has it.
const NAME: &str = "rasline-doctor";

/// Sends requests until one is answered.
fn request(
    to: SocketAddr,
    encode: impl Fn(u16, SocketAddr) -> io::Result<Vec<u8>>,
) -> io::Result<Answer> {
    let any: IpAddr = if to.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    let route = UdpSocket::bind(SocketAddr::new(any, 0))?;
    route.connect(to)?;
    // Not connected: a gatekeeper with several addresses may answer from another one.
    let socket = UdpSocket::bind(SocketAddr::new(route.local_addr()?.ip(), 0))?;
    arrival::prepare(socket.as_fd(), to.is_ipv6())?;
    let local = socket.local_addr()?;
    let start = Instant::now();
    let mut last = io::Error::from(io::ErrorKind::TimedOut);
    let mut numbers = [0; 2];
    while start.elapsed() < PATIENCE {
        host::random(&mut numbers)?;
        let seq = u16::from_ne_bytes(numbers).max(1);
        let sent = Instant::now();
        let answer = socket
            .send_to(&encode(seq, local)?, to)
            .and_then(|_| answer(&socket, to, seq));
        match answer {
            Ok(Some(from)) => {
                return Ok(Answer {
                    took: sent.elapsed(),
                    from: Some(from).filter(|from| *from != to.ip()),
                });
            }
            Ok(None) => {}
            Err(e) => {
                arrival::drop_errors(socket.as_fd());
                last = e;
                std::thread::sleep(AGAIN.saturating_sub(sent.elapsed()));
            }
        }
    }
    Err(last)
}

/// Source of the answer (a confirm, a reject or a RIP: each proves that the gatekeeper lives); `None` if none came in
/// time.
fn answer(socket: &UdpSocket, to: SocketAddr, seq: u16) -> io::Result<Option<IpAddr>> {
    let end = Instant::now() + AGAIN;
    let mut buffer = [0; 4096];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        socket.set_read_timeout(Some(left))?;
        match socket.recv_from(&mut buffer) {
            Ok((n, from)) if from.port() == to.port() => {
                if header(&buffer[..n]).is_some_and(|h| h.seq == seq) {
                    return Ok(Some(from.ip()));
                }
            }
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
    }
}

/// Checks route and next hop. Returns false if the gatekeeper cannot be reached.
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
                format!("none to {address}: this machine's own {down} is down")
            };
            f.bad(
                Verdict::Fail,
                &what,
                because,
                &Consequence {
                    means: "neither endpoints nor rasline can reach it",
                    advice: &format!("add a route; see `ip route get {address}`"),
                },
            );
            return false;
        }
    };
    if route.local {
        f.bad(
            Verdict::Warn,
            &what,
            format!("{address} belongs to this machine"),
            &Consequence {
                means: "its answers do not arrive on an interface, so rasline learns nothing from them",
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
            format!("{address} through {by}, but {why}"),
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

/// Reports a link of this machine that is down on the way to the gatekeeper.
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
        || format!("{address} through {by}, on the link"),
        |hop| format!("{address} through {by}, via {hop}"),
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
            means: "the program does not see its answers: nothing is learned, and the gatekeeper seems silent",
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
                    means: "it is switched off, unplugged, or in another network: packets cannot reach it",
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
    let error = match (&asked.grq, &asked.rrq) {
        (Ok(answer), _) => return answered(f, &what, "a GRQ is answered", gatekeeper, answer),
        (Err(_), Ok(answer)) if zone.probe.ras == RasProbe::Grq => {
            return f.bad(
                Verdict::Fail,
                &what,
                "a GRQ is not answered, a lightweight RRQ is",
                &Consequence {
                    means: &format!(
                        "its probes use GRQ only, so they cannot tell its state (a lightweight RRQ took {:.1} ms)",
                        answer.took.as_secs_f64() * 1e3
                    ),
                    advice: "set [zone.probe] ras = \"auto\", which probes with what it answers",
                },
            );
        }
        (Err(_), Ok(answer)) => {
            let found = "a GRQ is not answered, a lightweight RRQ is";
            return answered(f, &what, found, gatekeeper, answer);
        }
        (Err(e), Err(_)) => e,
    };
    let dead = asked.tcp.is_err();
    let matters = zone.gatekeepers.len() > 1 && zone.probe.ras != RasProbe::Off;
    let means = if dead {
        "it is dead, or requests to it are dropped on the way"
    } else {
        "its host accepts connections, but it may be frozen; or it answers neither GRQ nor RRQ from rasline, so only \
         connections and its answers to endpoints show whether it lives"
    };
    let advice = if dead {
        format!("start it, or allow UDP {port} on the way")
    } else {
        "restart it if it hangs; `rasline gatekeeper list` shows what it has answered so far"
            .to_owned()
    };
    f.bad(
        if dead || matters {
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

/// Reports an answer and its source address, which the data path compares with the configured one.
fn answered(f: &mut Findings, what: &str, found: &str, gatekeeper: &Gatekeeper, answer: &Answer) {
    let ms = answer.took.as_secs_f64() * 1e3;
    let Some(from) = answer.from else {
        return f.ok(what, format!("{found}, in {ms:.1} ms"));
    };
    f.bad(
        Verdict::Warn,
        what,
        format!("{found}, in {ms:.1} ms, but from {from}"),
        &Consequence {
            means: "it has several addresses; messages from an address that is not configured are not learned, so the kernel \
                    cannot answer for it",
            advice: &format!(
                "make it answer from {}, or configure address = \"{from}\"",
                gatekeeper.address
            ),
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
                "its probes require this connection ([zone.probe] tcp), so it is considered dead"
            } else {
                "gatekeeper-routed calls fail; no problem if all calls are direct"
            },
            advice: "check call_signal_port, and that TCP is allowed on the way",
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
