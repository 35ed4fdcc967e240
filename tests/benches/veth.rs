//! Answers a second on veth between two namespaces: requests by live frames, answers counted at the peer.
//!
//! ```text
//! endpoints ns                               gateway ns
//! ep0: generator (BPF_PROG_TEST_RUN) ---->   lan0: answering program, or XDP_PASS and a responder in userspace
//! ep0: XDP_DROP that counts          <----
//! ```
//! Generator, answering program and sink share one CPU; the userspace responder has another one to itself.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rasline_testkit::Netns;

use crate::frames::{self, ENDPOINT_MAC, GATEWAY_MAC, Rcfs, Request};
use crate::programs::{self, Driver, Sink};
use crate::report::{Aim, Row, median};
use crate::responder::{self, Known, Responder};
use crate::sys;
use crate::tables::Loaded;

/// Frames in flight at most towards the userspace responder, so that it is never flooded.
const WINDOW: u64 = 8192;
const BURST: u32 = 2048;
/// A window that stays full for so long was lost.
const LOST: Duration = Duration::from_millis(5);
const BATCH: u32 = 64;

/// How long to measure.
#[derive(Clone, Copy)]
pub struct Effort {
    pub rounds: usize,
    pub frames: u32,
}

/// The two namespaces.
struct Network {
    endpoints: Netns,
    gateway: Netns,
    lan: OwnedFd,
    sink: Sink,
    pass: OwnedFd,
    ep_ifindex: u32,
    lan_ifindex: u32,
}

impl Network {
    fn new() -> Result<Self> {
        let (endpoints, gateway) = (Netns::new("bench-endpoints")?, Netns::new("bench-gateway")?);
        gateway.ip(&format!(
            "link add lan0 address {} type veth peer name ep0 address {} netns {}",
            mac(GATEWAY_MAC),
            mac(ENDPOINT_MAC),
            endpoints.name()
        ))?;
        endpoints.ip("link set ep0 up")?;
        let [a, b, c, d] = frames::GATEKEEPER;
        for words in [
            "link set lan0 up".to_owned(),
            format!("addr add {a}.{b}.{c}.{d}/32 dev lan0"),
            format!(
                "neigh add 10.64.0.1 lladdr {} dev lan0 nud permanent",
                mac(ENDPOINT_MAC)
            ),
            "route add 10.0.0.0/12 via 10.64.0.1 dev lan0 onlink".to_owned(),
        ] {
            gateway.ip(&words)?;
        }
        let (sink, pass) = (Sink::new()?, programs::pass()?);
        let ep_ifindex = endpoints.run(|| sys::ifindex(c"ep0"))??;
        let lan_ifindex = gateway.run(|| sys::ifindex(c"lan0"))??;
        let lan = gateway.run(|| sys::attach(pass.as_raw_fd(), lan_ifindex))??;
        let peer = endpoints.run(|| sys::attach(sink.program.as_raw_fd(), ep_ifindex))??;
        // Both go with the namespaces; the peer's is never replaced.
        std::mem::forget(peer);
        Ok(Self {
            endpoints,
            gateway,
            lan,
            sink,
            pass,
            ep_ifindex,
            lan_ifindex,
        })
    }

    /// Sends requests as fast as they go; answers a second, in millions.
    fn flood(&self, generator: &Driver, frames: u32) -> Result<f64> {
        let (before, start) = (self.sink.count(), Instant::now());
        self.send(generator, frames)?;
        let spent = start.elapsed();
        Ok((self.sink.count() - before) as f64 / spent.as_secs_f64() / 1e6)
    }

    /// Sends as fast as answers come; answers a second, in millions.
    fn paced(&self, generator: &Driver, time: Duration) -> Result<f64> {
        let (start, first) = (Instant::now(), self.sink.count());
        let mut sent = 0;
        let mut progress = (first, Instant::now());
        while start.elapsed() < time {
            let count = self.sink.count();
            if count != progress.0 {
                progress = (count, Instant::now());
            }
            if sent > count - first + WINDOW {
                if progress.1.elapsed() > LOST {
                    sent = count - first;
                }
                std::hint::spin_loop();
                continue;
            }
            self.send(generator, BURST)?;
            sent += u64::from(BURST);
        }
        let spent = start.elapsed();
        Ok((self.sink.count() - first) as f64 / spent.as_secs_f64() / 1e6)
    }

    fn send(&self, generator: &Driver, frames: u32) -> Result<()> {
        // One octet more than the generator leaves: the kernel restores only a frame whose length has changed.
        let mut frame = Request::new().frame;
        frame.push(0);
        let program = generator.program.as_raw_fd();
        sys::live_run(program, &frame, frames, self.ep_ifindex, BATCH)
    }
}

fn mac(octets: [u8; 6]) -> String {
    octets.map(|o| format!("{o:02x}")).join(":")
}

/// Rates of one population of registrations.
struct Rates {
    registrations: u32,
    generator: Driver,
    known: Known,
    kernel: Vec<f64>,
    userspace: Vec<f64>,
}

/// Rates of the swap program, of ours, and of a userspace responder, in turns.
pub fn rates(tables: &mut [Loaded], effort: Effort) -> Result<Vec<Row>> {
    ensure!(sys::cpus() >= 2, "needs two CPUs");
    let network = Network::new()?;
    let mut swap = vec![];
    let swap_program = programs::swap()?;
    let swap_generator = Driver::generator(&Request::new(), 1 << 10)?;
    let [a, b, c, d] = frames::GATEKEEPER;
    let at = SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), 1719);
    let responder = Responder::new(&network.gateway, at)?;
    let mut all = vec![];
    for loaded in tables
        .iter_mut()
        .filter(|t| t.rcfs == Rcfs::Shared && !t.steering)
    {
        loaded.set_interface(network.lan_ifindex);
        all.push((rates_of(loaded)?, &*loaded));
    }
    network.endpoints.run(|| -> Result<()> {
        sys::pin(sys::cpus() - 1)?;
        for _ in 0..effort.rounds {
            sys::replace(&network.lan, swap_program.as_raw_fd())?;
            swap.push(network.flood(&swap_generator, effort.frames)?);
            for (rates, loaded) in &mut all {
                rates.round(&network, &responder, loaded, effort.frames)?;
            }
        }
        Ok(())
    })??;
    let floor = median(&swap);
    let mut rows = vec![Row::new("veth: swap addresses and XDP_TX", floor, "Mpps").against(floor)];
    for (rates, _) in &all {
        rows.extend(rates.rows(floor));
    }
    Ok(rows)
}

fn rates_of(loaded: &Loaded) -> Result<Rates> {
    Ok(Rates {
        registrations: loaded.registrations,
        generator: Driver::generator(&Request::new(), loaded.registrations)?,
        known: responder::known(loaded.registrations),
        kernel: vec![],
        userspace: vec![],
    })
}

impl Rates {
    fn round(
        &mut self,
        network: &Network,
        responder: &Responder,
        loaded: &Loaded,
        frames: u32,
    ) -> Result<()> {
        sys::replace(&network.lan, loaded.program()?)?;
        let before = loaded.answered()?;
        self.kernel.push(network.flood(&self.generator, frames)?);
        let answered = loaded.answered()? - before;
        ensure!(
            answered * 100 >= u64::from(frames) * 95,
            "on veth {answered} of {frames} were answered"
        );
        sys::replace(&network.lan, network.pass.as_raw_fd())?;
        let time = Duration::from_millis(u64::from(frames) / 4000);
        // At its best: flooded, or sent to only as fast as it answers, whichever serves it better.
        let (flooded, paced) = responder.while_running(0, &self.known, || -> Result<_> {
            let flooded = network.flood(&self.generator, frames)?;
            Ok((flooded, network.paced(&self.generator, time)?))
        })??;
        let rate = flooded.max(paced);
        ensure!(rate > 0.0, "the userspace responder answered nothing");
        self.userspace.push(rate);
        Ok(())
    }

    fn rows(&self, floor: f64) -> Vec<Row> {
        let (kernel, userspace) = (median(&self.kernel), median(&self.userspace));
        let who = match self.registrations {
            n if n >= 1 << 20 => format!("{}M registrations", n >> 20),
            n => format!("{}k registrations", n / 1000),
        };
        let row = Row::new(format!("veth: answer, {who}"), kernel, "Mpps").against(floor);
        let least = match self.registrations {
            0x400 => Some(0.6),
            0x2_0000 => Some(0.27),
            _ => None,
        };
        let row = match least {
            Some(least) => row.aim(Aim::RatioAtLeast(least)),
            None => row,
        };
        vec![
            row,
            Row::new(
                format!("veth: userspace responder, {who}"),
                userspace,
                "Mpps",
            )
            .against(floor),
            Row::new(
                format!("veth: answer / userspace responder, {who}"),
                kernel,
                "Mpps",
            )
            .against(userspace)
            .aim(Aim::RatioAtLeast(10.0)),
        ]
    }
}
