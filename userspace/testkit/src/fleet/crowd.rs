//! The endpoints of a fleet: what is due, what comes, what they answer.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use rasline_h225::{RasKind, RasMessage, decode_ras, header};

use super::{Options, Tally, lock};
use crate::{
    admission,
    messages::{self, Identity},
    pktinfo, topology,
};

const TRIES: u8 = 3;
const LONGEST_READ: Duration = Duration::from_millis(10);
/// Hop limit of what the gateway itself sends.
const UNFORWARDED: u8 = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    Rests,
    KeepsAlive,
    Registers,
}

#[derive(Debug)]
struct Member {
    who: Identity,
    eid: Option<String>,
    keep_alive: Vec<u8>,
    seq: u16,
    doing: Doing,
    request: Vec<u8>,
    tries: u8,
    due: Instant,
    confirmed: Option<Instant>,
    time_to_live: Duration,
}

#[derive(Debug)]
pub(super) struct Crowd {
    socket: UdpSocket,
    options: Options,
    tally: Arc<Mutex<Tally>>,
    members: Vec<Member>,
    due: BinaryHeap<Reverse<(Instant, usize)>>,
    buffer: Vec<u8>,
}

impl Crowd {
    pub(super) fn new(socket: UdpSocket, options: Options, tally: Arc<Mutex<Tally>>) -> Self {
        let start = Instant::now();
        let pace = Duration::from_secs(1) / options.register_rate.max(1);
        let members: Vec<Member> = (options.numbers.clone().zip(0u32..))
            .map(|(n, i)| Member {
                who: Identity {
                    ras: SocketAddr::new(topology::endpoint(n), options.port),
                    aliases: vec![format!("fleet{n}"), format!("{}", 70_000 + u32::from(n))],
                    secured: false,
                    time_to_live: None,
                },
                eid: None,
                keep_alive: Vec::new(),
                seq: 1 + n % 1000,
                doing: Doing::Registers,
                request: Vec::new(),
                tries: 0,
                due: start + pace * i,
                confirmed: None,
                time_to_live: Duration::MAX,
            })
            .collect();
        let due = (members.iter().enumerate().map(|(i, m)| Reverse((m.due, i)))).collect();
        Self {
            socket,
            options,
            tally,
            members,
            due,
            buffer: vec![0; 65_536],
        }
    }

    /// What is due, and what comes until something else is.
    pub(super) fn turn(&mut self) {
        let now = Instant::now();
        while let Some(&Reverse((due, i))) = self.due.peek()
            && due <= now
        {
            self.due.pop();
            // Another time may have been set since.
            if self.members[i].due == due {
                self.is_due(i, now);
            }
        }
        let next = self
            .due
            .peek()
            .map_or(LONGEST_READ, |Reverse((due, _))| *due - now);
        let wait = next.clamp(Duration::from_micros(100), LONGEST_READ);
        let _ = self.socket.set_read_timeout(Some(wait));
        while self.receive() {
            if self
                .due
                .peek()
                .is_some_and(|Reverse((due, _))| *due <= Instant::now())
            {
                return;
            }
        }
    }

    fn at(&mut self, i: usize, due: Instant) {
        self.members[i].due = due;
        self.due.push(Reverse((due, i)));
    }

    fn is_due(&mut self, i: usize, now: Instant) {
        let member = &mut self.members[i];
        match member.doing {
            Doing::Rests => {
                member.next_seq();
                messages::set_seq(&mut member.keep_alive, member.seq);
                member.request = member.keep_alive.clone();
                member.doing = Doing::KeepsAlive;
                member.tries = 0;
                lock(&self.tally).keep_alives += 1;
            }
            Doing::Registers if member.tries == 0 => {
                member.register();
                lock(&self.tally).full += 1;
            }
            _ if member.tries >= TRIES => {
                let mut tally = lock(&self.tally);
                tally.given_up += 1;
                tally.full += 1;
                tally.registered -= usize::from(member.doing == Doing::KeepsAlive);
                drop(tally);
                member.register();
            }
            _ => lock(&self.tally).retransmitted += 1,
        }
        member.tries += 1;
        // A full queue or an ICMP error loses one, as a network does.
        let _ = pktinfo::send(
            &self.socket,
            member.who.ras.ip(),
            self.options.gatekeeper,
            &member.request,
        );
        self.at(i, now + self.options.retry_after);
    }

    /// One datagram, if there is one.
    fn receive(&mut self) -> bool {
        let got = match pktinfo::receive(&self.socket, &mut self.buffer) {
            Ok(got) => got,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return false,
            Err(_) => return true, // an ICMP error
        };
        let Some(i) = got.to.and_then(|to| self.number(to)) else {
            return true;
        };
        // What another address says is no answer.
        if got.from != self.options.gatekeeper {
            return true;
        }
        let octets = self.buffer[..got.length].to_vec();
        self.take(i, &octets, got.hops);
        true
    }

    fn number(&self, to: IpAddr) -> Option<usize> {
        let (IpAddr::V4(to), IpAddr::V4(first)) = (to, topology::endpoint(0)) else {
            return None;
        };
        let n = u32::from(to).checked_sub(u32::from(first))? as usize;
        let i = n.checked_sub(self.options.numbers.start.into())?;
        (i < self.members.len()).then_some(i)
    }

    fn take(&mut self, i: usize, octets: &[u8], hops: u8) {
        let Some(header) = header(octets) else { return };
        let now = Instant::now();
        let member = &mut self.members[i];
        let mut tally = lock(&self.tally);
        let answers = header.seq == member.seq && member.doing != Doing::Rests;
        match header.kind {
            RasKind::RegistrationConfirm if answers => {
                tally.confirmed += 1;
                tally.by_gateway += u64::from(hops == UNFORWARDED);
                tally.registered += usize::from(member.doing == Doing::Registers);
                if let Some(before) = member.confirmed.replace(now) {
                    tally.longest_wait = tally.longest_wait.max(now - before);
                    tally.lapsed += u64::from(now - before > member.time_to_live);
                }
                if member.doing == Doing::Registers {
                    member.learn(octets);
                }
                member.doing = Doing::Rests;
                drop(tally);
                self.at(i, now + self.options.every);
            }
            RasKind::RegistrationReject if answers => {
                tally.rejected += 1;
                // At once after a keep-alive; a full RRQ that is rejected is tried again later.
                let again = if member.doing == Doing::KeepsAlive {
                    tally.registered -= 1;
                    now
                } else {
                    now + self.options.every
                };
                drop(tally);
                member.doing = Doing::Registers;
                member.tries = 0;
                self.at(i, again);
            }
            RasKind::RequestInProgress if answers => {
                tally.rips += 1;
                drop(tally);
                // It says that the request came, so that it is no failed try.
                member.tries = 1;
                let delay = admission::rip_delay(octets).unwrap_or_default();
                self.at(i, now + Duration::from_millis(delay.into()));
            }
            RasKind::UnregistrationRequest => {
                tally.unregistered += 1;
                tally.registered -= usize::from(member.doing != Doing::Registers);
                drop(tally);
                self.reply(i, &messages::ucf(header.seq));
                self.members[i].doing = Doing::Registers;
                self.members[i].tries = 0;
                self.at(i, now);
            }
            RasKind::InfoRequest => {
                tally.asked += 1;
                drop(tally);
                let eid = member.eid.clone().unwrap_or_default();
                let irr = admission::irr(&member.who, header.seq, &eid);
                self.reply(i, &irr);
            }
            _ => {}
        }
    }

    fn reply(&self, i: usize, octets: &[u8]) {
        let from = self.members[i].who.ras.ip();
        let _ = pktinfo::send(&self.socket, from, self.options.gatekeeper, octets);
    }
}

impl Member {
    fn next_seq(&mut self) {
        self.seq = self.seq.checked_add(1).unwrap_or(1);
    }

    fn register(&mut self) {
        self.next_seq();
        self.request = messages::full_rrq(&self.who, self.seq, self.eid.as_deref());
        self.doing = Doing::Registers;
        self.tries = 0;
    }

    /// endpointIdentifier and timeToLive of an RCF.
    fn learn(&mut self, octets: &[u8]) {
        if let Ok(RasMessage::RegistrationConfirm(rcf)) = decode_ras(octets) {
            let eid = messages::text(&rcf.endpoint_identifier);
            self.keep_alive = messages::light_rrq(&self.who, 1, &eid);
            self.eid = Some(eid);
            let seconds = rcf.time_to_live.map_or(u64::MAX, u64::from);
            self.time_to_live = Duration::from_secs(seconds);
        }
    }
}
