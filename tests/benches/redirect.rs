//! What it costs to send a segment of call signalling on to another gatekeeper, in a namespace with a route to it.
//!
//! Like every answer it is measured without what the driver does afterwards: the verdict is XDP_REDIRECT, the frame
//! is not sent.

use std::os::fd::AsRawFd;

use anyhow::{Result, ensure};
use rasline_testkit::Netns;

use crate::frames::{Rcfs, Request};
use crate::programs::{self, Driver};
use crate::report::{Aim, Row, median};
use crate::sys;
use crate::tables::Loaded;
use crate::testrun::{Effort, PASS, TX, time};

const REDIRECT: u32 = 4;
const SYN: u8 = 2;
const ACK: u8 = 16;

/// Flows of one population.
struct Flows {
    name: &'static str,
    count: u32,
    tables: Loaded,
    opens: Driver,
    goes_on: Driver,
    miss: Vec<f64>,
    hit: Vec<f64>,
}

impl Flows {
    fn new(name: &'static str, count: u32, ifindex: u32) -> Result<Self> {
        // Each stands in the table twice, and the table is kept half empty, as it evicts by approximation.
        let mut tables = Loaded::with_flows(1 << 10, Rcfs::Shared, 4 * count)?;
        tables.steer(Some(ifindex))?;
        let (opens, goes_on) = (
            Driver::same_length(&Request::segment(SYN), count)?,
            Driver::same_length(&Request::segment(ACK), count)?,
        );
        opens.aim(tables.program()?)?;
        goes_on.aim(tables.program()?)?;
        Ok(Self {
            name,
            count,
            tables,
            opens,
            goes_on,
            miss: vec![],
            hit: vec![],
        })
    }

    /// A miss is a SYN, which makes its flow anew; a hit follows one.
    fn round(&mut self, repeat: u32) -> Result<()> {
        let frame = |flags| Request::segment(flags).frame;
        let opens = self.opens.program.as_raw_fd();
        self.miss
            .push(time(opens, &frame(SYN), repeat.max(self.count), REDIRECT)?);
        let goes_on = self.goes_on.program.as_raw_fd();
        sys::test_run(goes_on, &frame(ACK), self.count)?;
        self.hit.push(time(goes_on, &frame(ACK), repeat, REDIRECT)?);
        Ok(())
    }
}

/// Hit and miss against swapping addresses.
pub fn rows(effort: Effort) -> Result<Vec<Row>> {
    let netns = Netns::new("bench-redirect")?;
    for words in [
        "link add core0 type veth peer name core1",
        "link set core0 up",
        "link set core1 up",
        "addr add 10.255.0.1/24 dev core0",
        "neigh add 10.255.0.2 lladdr 02:00:00:00:09:02 dev core0 nud permanent",
        "route add 10.128.0.0/16 via 10.255.0.2",
    ] {
        netns.ip(words)?;
    }
    netns.sysctl("ipv4/ip_forward", "1")?;
    netns.run(|| inside(effort))?
}

fn inside(effort: Effort) -> Result<Vec<Row>> {
    let ifindex = sys::ifindex(c"core0")?;
    let (pass, swap) = (programs::pass()?, programs::swap()?);
    let segment = Request::segment(ACK);
    let control = Driver::same_length(&segment, 1 << 17)?;
    control.aim(pass.as_raw_fd())?;
    let floor = Driver::same_length(&segment, 1 << 17)?;
    floor.aim(swap.as_raw_fd())?;
    let mut all = [
        Flows::new("1k flows", 1 << 10, ifindex)?,
        Flows::new("131k flows", 1 << 17, ifindex)?,
    ];
    let (mut bare, mut idle, mut swapped) = (vec![], vec![], vec![]);
    for _ in 0..effort.rounds {
        let run = |driver: &Driver, action| {
            let program = driver.program.as_raw_fd();
            time(program, &segment.frame, effort.repeat, action)
        };
        bare.push(time(pass.as_raw_fd(), &segment.frame, effort.repeat, PASS)?);
        idle.push(run(&control, PASS)?);
        swapped.push(run(&floor, TX)?);
        for flows in &mut all {
            flows.round(effort.repeat)?;
        }
    }
    let bare = median(&bare);
    // Of one round, so that what slows a round down falls out.
    let own = |spent: &[f64]| {
        let pairs = spent.iter().zip(&idle);
        median(&pairs.map(|(a, b)| a - b).collect::<Vec<_>>()) + bare
    };
    let floor = own(&swapped);
    let mut rows = vec![Row::new("segment: swap addresses and XDP_TX", floor, "ns").against(floor)];
    for flows in &all {
        ensure!(flows.tables.steering, "nothing is steered");
        let row = |what, value| {
            Row::new(format!("redirect, {what}, {}", flows.name), value, "ns").against(floor)
        };
        rows.push(row("hit", own(&flows.hit)).aim(Aim::RatioAtMost(3.0)));
        rows.push(row("miss (SYN)", own(&flows.miss)));
    }
    Ok(rows)
}
