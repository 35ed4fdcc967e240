//! An endpoint for tests: one UDP socket, registrations, keep-alives, and the received datagrams unchanged.
//!
//! Invariant: an answer has the request's number, comes from the address and port that the request was sent to, and is
//! of a matching kind; an RCF to a keep-alive has this endpoint's endpointIdentifier. Everything else is unsolicited.

use std::{
    cell::Cell,
    collections::VecDeque,
    net::{SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rasline_h225::{RasKind, RasMessage, header};

use crate::{
    Netns, admission, clients,
    messages::{self, Identity},
    pktinfo,
    receive::{Reply, receive},
    signalling::Call,
};

/// A retransmission comes after this time; its requestSeqNum is the same.
const RETRANSMIT: Duration = Duration::from_secs(1);

/// An endpoint. It is not unregistered on drop.
#[derive(Debug)]
pub struct Endpoint {
    socket: UdpSocket,
    who: Identity,
    gatekeeper: SocketAddr,
    seq: u16,
    eid: Option<String>,
    keep_alive: Vec<u8>,
    asked: Instant,
    /// Kind of the last request, if it is one, and whether it is a keep-alive.
    last: Cell<(Option<RasKind>, bool)>,
    delayed: u32,
    inbox: VecDeque<Reply>,
}

impl Endpoint {
    /// Makes one with a socket on `address` and the aliases `name` and `digits`.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn new(
        netns: &Netns,
        address: SocketAddr,
        gatekeeper: SocketAddr,
        aliases: &[&str],
    ) -> Result<Self> {
        let socket = netns
            .run(|| UdpSocket::bind(address))?
            .with_context(|| format!("binding an endpoint to {address}"))?;
        pktinfo::ask_hops(&socket)?;
        Ok(Self {
            who: Identity {
                ras: socket.local_addr()?,
                aliases: aliases.iter().map(|&a| a.to_owned()).collect(),
                secured: false,
                time_to_live: None,
            },
            socket,
            gatekeeper,
            seq: 1,
            eid: None,
            keep_alive: Vec::new(),
            asked: Instant::now(),
            last: Cell::default(),
            delayed: 0,
            inbox: VecDeque::new(),
        })
    }

    /// Another registration behind the same address and port.
    ///
    /// # Errors
    /// When the socket cannot be shared.
    pub fn beside(&self, aliases: &[&str]) -> Result<Self> {
        Ok(Self {
            socket: self.socket.try_clone()?,
            who: Identity {
                aliases: aliases.iter().map(|&a| a.to_owned()).collect(),
                ..self.who.clone()
            },
            gatekeeper: self.gatekeeper,
            // Numbers of its own, so that the answers can be told apart.
            seq: self.seq.wrapping_add(20_000),
            eid: None,
            keep_alive: Vec::new(),
            asked: Instant::now(),
            last: Cell::default(),
            delayed: 0,
            inbox: VecDeque::new(),
        })
    }

    /// Another registration of the same address and port, at another gatekeeper.
    ///
    /// # Errors
    /// When the socket cannot be shared.
    pub fn also_at(&self, gatekeeper: SocketAddr, aliases: &[&str]) -> Result<Self> {
        Ok(Self {
            gatekeeper,
            ..self.beside(aliases)?
        })
    }

    /// Changes its identity, before it registers.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Identity)) -> Self {
        change(&mut self.who);
        self
    }

    /// Its RAS address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.who.ras
    }

    /// Its identity.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.who.clone()
    }

    /// The same endpoint on a socket of the same address, with no memory of its registration.
    ///
    /// # Errors
    /// When the socket cannot be shared.
    pub fn anew(&self) -> Result<Self> {
        self.beside(
            &self
                .who
                .aliases
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>(),
        )
    }

    /// endpointIdentifier; empty before registration.
    #[must_use]
    pub fn eid(&self) -> &str {
        self.eid.as_deref().unwrap_or_default()
    }

    /// requestSeqNum of the last request.
    #[must_use]
    pub fn seq(&self) -> u16 {
        self.seq
    }

    /// Time when it first sent its last request, as requestSeqNum alone repeats after 65,535 requests.
    #[must_use]
    pub fn asked(&self) -> Instant {
        self.asked
    }

    /// GRQ, and its answer.
    ///
    /// # Errors
    /// When there is none within `within`.
    pub fn discover(&mut self, within: Duration) -> Result<Reply> {
        let seq = self.next_seq();
        self.request(&messages::grq(&self.who, seq), within)?
            .context("no answer to GRQ")
    }

    /// Registers with a full RRQ; the RCF.
    ///
    /// # Errors
    /// When there is none within `within`.
    pub fn register(&mut self, within: Duration) -> Result<Reply> {
        let seq = self.next_seq();
        let rrq = messages::full_rrq(&self.who, seq, self.eid.as_deref());
        let reply = self.request(&rrq, within)?.with_context(|| {
            format!(
                "no answer to the full RRQ of {} within {within:?}",
                self.who.ras
            )
        })?;
        let RasMessage::RegistrationConfirm(rcf) = reply.message()? else {
            bail!("not an RCF: {}", messages::hex(&reply.bytes));
        };
        let eid = messages::text(&rcf.endpoint_identifier);
        self.keep_alive = messages::light_rrq(&self.who, 1, &eid);
        self.eid = Some(eid);
        Ok(reply)
    }

    /// Registers with the endpointIdentifier of an earlier registration, as an endpoint that has moved does.
    ///
    /// # Errors
    /// As [`Self::register`].
    pub fn register_as(&mut self, eid: &str, within: Duration) -> Result<Reply> {
        self.eid = Some(eid.to_owned());
        self.register(within)
    }

    /// Asks for another timeToLive from the next keep-alive on.
    pub fn ask_for(&mut self, time_to_live: Option<u32>) {
        self.who.time_to_live = time_to_live;
        self.keep_alive = messages::light_rrq(&self.who, 1, self.eid());
    }

    /// Uses the endpointIdentifier of another endpoint in its keep-alives.
    pub fn pretend(&mut self, eid: &str) {
        self.keep_alive = messages::light_rrq(&self.who, 1, eid);
        self.eid = Some(eid.to_owned());
    }

    /// Puts a counter into nonStandardData of its keep-alives, starting at this number, as some stacks do.
    pub fn vary(&mut self, n: u32) {
        self.keep_alive = messages::varied(&self.keep_alive, n);
    }

    /// One keep-alive with the next requestSeqNum; its answer, if one comes within `within`. It is not retransmitted.
    ///
    /// # Errors
    /// When the socket fails.
    pub fn keep_alive(&mut self, within: Duration) -> Result<Option<Reply>> {
        self.send_keep_alive()?;
        self.answer(self.seq, Instant::now() + within)
    }

    /// Sends one keep-alive; the answer is to be had by [`Self::answer`].
    ///
    /// # Errors
    /// When the socket fails.
    pub fn send_keep_alive(&mut self) -> Result<()> {
        let seq = self.next_seq();
        if self.who.secured {
            self.keep_alive = messages::light_rrq(&self.who, seq, self.eid());
        }
        messages::set_seq(&mut self.keep_alive, seq);
        self.last.set((Some(RasKind::RegistrationRequest), true));
        self.socket.send_to(&self.keep_alive, self.gatekeeper)?;
        Ok(())
    }

    /// What is needed to send its keep-alives elsewhere: socket, destination, last keep-alive and its number.
    pub(crate) fn keep_alives(&self) -> Result<(UdpSocket, SocketAddr, Vec<u8>, u16)> {
        let socket = self.socket.try_clone()?;
        Ok((socket, self.gatekeeper, self.keep_alive.clone(), self.seq))
    }

    /// Sends the last keep-alive again, with the same requestSeqNum.
    ///
    /// # Errors
    /// When the socket fails.
    pub fn retransmit(&mut self, within: Duration) -> Result<Option<Reply>> {
        self.socket.send_to(&self.keep_alive, self.gatekeeper)?;
        self.answer(self.seq, Instant::now() + within)
    }

    /// A keep-alive, retransmitted if need be, and after an RRJ a full RRQ: what an endpoint does to stay registered.
    /// The RCF.
    ///
    /// # Errors
    /// When there is none within `within`.
    pub fn stay(&mut self, within: Duration) -> Result<Reply> {
        let end = Instant::now() + within;
        let seq = self.next_seq();
        let mut keep_alive = self.keep_alive.clone();
        messages::set_seq(&mut keep_alive, seq);
        let reply = self.request(&keep_alive, within)?;
        let reply =
            reply.with_context(|| format!("no answer to {} within {within:?}", self.who.ras))?;
        if reply.is_rrj() {
            return self.register(end.saturating_duration_since(Instant::now()));
        }
        anyhow::ensure!(
            reply.is_rcf(),
            "not an RCF: {}",
            messages::hex(&reply.bytes)
        );
        Ok(reply)
    }

    /// Asks for admission of a call to 5002; the ACF or ARJ.
    ///
    /// # Errors
    /// When there is none within `within`.
    pub fn admit(&mut self, within: Duration) -> Result<Reply> {
        let seq = self.next_seq();
        let call = Call::new(seq, self.who.ras.ip());
        let arq = admission::arq(seq, self.eid(), call.identifier, call.reference);
        self.request(&arq, within)?.context("no answer to ARQ")
    }

    /// The same, of a call to these digits.
    ///
    /// # Errors
    /// As [`Self::admit`].
    pub fn admit_to(&mut self, digits: &str, within: Duration) -> Result<Reply> {
        let seq = self.next_seq();
        let call = Call::new(seq, self.who.ras.ip());
        let arq = admission::arq_to(digits, seq, self.eid(), call.identifier, call.reference);
        self.request(&arq, within)?.context("no answer to ARQ")
    }

    /// Ends the call of the last [`Self::admit`]; the DCF.
    ///
    /// # Errors
    /// When there is none within `within`.
    pub fn disengage(&mut self, within: Duration) -> Result<Reply> {
        let call = Call::new(self.seq, self.who.ras.ip());
        let seq = self.next_seq();
        let drq = admission::drq(seq, self.eid(), call.identifier, call.reference);
        self.request(&drq, within)?.context("no answer to DRQ")
    }

    /// Answers an IRQ of the gatekeeper.
    ///
    /// # Errors
    /// When the socket fails.
    pub fn inform(&self, irq: &Reply) -> Result<()> {
        let seq = messages::seq(&irq.bytes).context("no requestSeqNum")?;
        let irr = admission::irr(&self.who, seq, self.eid());
        self.socket.send_to(&irr, irq.from)?;
        Ok(())
    }

    /// Number of RIPs received.
    #[must_use]
    pub fn delayed(&self) -> u32 {
        self.delayed
    }

    /// Unregisters; the UCF.
    ///
    /// # Errors
    /// When there is none within `within`.
    pub fn unregister(&mut self, within: Duration) -> Result<Reply> {
        let seq = self.next_seq();
        let urq = messages::urq(&self.who, seq, self.eid());
        self.request(&urq, within)?.context("no answer to URQ")
    }

    /// Answers a URQ of the gatekeeper.
    ///
    /// # Errors
    /// When the socket fails.
    pub fn confirm_unregistration(&self, urq: &Reply) -> Result<()> {
        let seq = messages::seq(&urq.bytes).context("no requestSeqNum")?;
        self.socket.send_to(&messages::ucf(seq), urq.from)?;
        Ok(())
    }

    /// Sends these octets unchanged.
    ///
    /// # Errors
    /// When the socket fails.
    pub fn send(&self, octets: &[u8]) -> Result<()> {
        self.note(octets);
        self.socket.send_to(octets, self.gatekeeper)?;
        Ok(())
    }

    /// The request that waits for an answer.
    fn note(&self, octets: &[u8]) {
        let kind = header(octets).map(|header| header.kind);
        self.last.set((kind, false));
    }

    /// The next datagram that answers nothing (a URQ, say).
    ///
    /// # Errors
    /// When there is none within `within`.
    pub fn unasked(&mut self, within: Duration) -> Result<Reply> {
        if let Some(reply) = self.inbox.pop_front() {
            return Ok(reply);
        }
        receive(&self.socket, Instant::now() + within)?
            .with_context(|| format!("nothing came to {} within {within:?}", self.who.ras))
    }

    /// As [`Self::answer`], from now on.
    ///
    /// # Errors
    /// When the socket fails.
    pub fn answer_within(&mut self, seq: u16, within: Duration) -> Result<Option<Reply>> {
        self.answer(seq, Instant::now() + within)
    }

    /// The answer with this requestSeqNum, if it comes before `end`; anything else goes to the inbox.
    ///
    /// # Errors
    /// When the socket fails.
    pub fn answer(&mut self, seq: u16, end: Instant) -> Result<Option<Reply>> {
        while let Some(reply) = receive(&self.socket, end)? {
            if self.answers(&reply, seq) {
                return Ok(Some(reply));
            }
            self.inbox.push_back(reply);
        }
        Ok(None)
    }

    /// Whether a strict stack accepts it as the answer to its last request.
    fn answers(&self, reply: &Reply, seq: u16) -> bool {
        let Some(header) = header(&reply.bytes) else {
            return false;
        };
        let (kind, light) = self.last.get();
        let own = || match reply.message() {
            Ok(RasMessage::RegistrationConfirm(rcf)) if light => {
                messages::text(&rcf.endpoint_identifier) == self.eid()
                    && rcf.gatekeeper_identifier.is_some()
            }
            _ => true,
        };
        header.seq == seq
            // whoever is in the group may answer
            && (reply.from == self.gatekeeper || self.gatekeeper.ip().is_multicast())
            && kind.is_none_or(|kind| clients::answers(kind, header.kind))
            && own()
    }

    fn next_seq(&mut self) -> u16 {
        self.seq = self.seq.checked_add(1).unwrap_or(1);
        self.asked = Instant::now();
        self.seq
    }

    /// Sends a request and retransmits it until it is answered; after a RIP waits for its delay.
    fn request(&mut self, octets: &[u8], within: Duration) -> Result<Option<Reply>> {
        let end = Instant::now() + within;
        self.note(octets);
        while Instant::now() < end {
            self.socket.send_to(octets, self.gatekeeper)?;
            let mut again = Instant::now() + RETRANSMIT;
            while let Some(reply) = self.answer(self.seq, end.min(again))? {
                let Some(delay) = admission::rip_delay(&reply.bytes) else {
                    return Ok(Some(reply));
                };
                self.delayed += 1;
                again = Instant::now() + Duration::from_millis(delay.into());
            }
        }
        Ok(None)
    }
}
