//! Nanoseconds a packet by BPF_PROG_TEST_RUN, in CPU time of the calling thread.
//!
//! What is compared runs in turns, round after round, and a measure is the median of its rounds.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use anyhow::{Result, ensure};

use crate::frames::{self, Rcfs, Request};
use crate::programs::{self, Driver};
use crate::report::{Aim, Row, median};
use crate::sys;
use crate::tables::Loaded;

pub const PASS: u32 = programs::PASS.cast_unsigned();
pub const TX: u32 = programs::TX.cast_unsigned();

/// How long to measure.
#[derive(Clone, Copy)]
pub struct Effort {
    pub rounds: usize,
    pub repeat: u32,
}

/// CPU nanoseconds a run of `program`.
pub fn time(program: RawFd, frame: &[u8], repeat: u32, action: u32) -> Result<f64> {
    let start = sys::cpu_time();
    let last = sys::test_run(program, frame, repeat)?;
    let spent = sys::cpu_time() - start;
    ensure!(last == action, "XDP action {last} where {action} is due");
    Ok(spent as f64 / f64::from(repeat))
}

/// One way of answering, and what it took.
struct Case<'a> {
    name: String,
    driver: Driver,
    action: u32,
    tables: Option<&'a Loaded>,
    /// Requests that are sent so that caches are as they stay.
    warm: u32,
    spent: Vec<f64>,
}

impl<'a> Case<'a> {
    fn new(
        name: &str,
        registrations: u32,
        rcf_len: usize,
        target: RawFd,
        action: u32,
    ) -> Result<Self> {
        let driver = Driver::new(&Request::new(), registrations, rcf_len)?;
        driver.aim(target)?;
        Ok(Self {
            name: name.into(),
            driver,
            action,
            tables: None,
            warm: registrations,
            spent: vec![],
        })
    }
    fn of(name: &str, tables: &'a Loaded, hot: bool) -> Result<Self> {
        let registrations = if hot { 1 } else { tables.registrations };
        let rcf_len = frames::rcf_len(tables.rcfs);
        let case = Self::new(name, registrations, rcf_len, tables.program()?, TX)?;
        Ok(Self {
            tables: Some(tables),
            ..case
        })
    }
    fn run(&mut self, frame: &[u8], repeat: u32) -> Result<()> {
        let driver = self.driver.program.as_raw_fd();
        sys::test_run(driver, frame, self.warm.clamp(1000, repeat))?;
        let before = self.tables.map(Loaded::answered).transpose()?;
        self.spent.push(time(driver, frame, repeat, self.action)?);
        if let (Some(tables), Some(before)) = (self.tables, before) {
            let answered = tables.answered()? - before;
            ensure!(
                answered == u64::from(repeat),
                "{}: {answered} of {repeat} answered",
                self.name
            );
        }
        Ok(())
    }
}

/// The answer, over tables of all sizes, against swapping addresses.
pub fn answers(tables: &[Loaded], effort: Effort) -> Result<Vec<Row>> {
    let (pass, swap) = (programs::pass()?, programs::swap()?);
    let request = Request::new();
    let short = frames::rcf_len(Rcfs::Shared);
    let mut control = Case::new("control", 1 << 20, short, pass.as_raw_fd(), PASS)?;
    let mut floor = Case::new("swap", 1 << 20, short, swap.as_raw_fd(), TX)?;
    let mut cases = vec![];
    for loaded in tables {
        if loaded.registrations == 1024 {
            cases.push(Case::of(&name(loaded, true), loaded, true)?);
        }
        if !loaded.steering {
            cases.push(Case::of(&name(loaded, false), loaded, false)?);
        }
    }
    let mut bare = vec![];
    for _ in 0..effort.rounds {
        bare.push(time(pass.as_raw_fd(), &request.frame, effort.repeat, PASS)?);
        control.run(&request.frame, effort.repeat)?;
        floor.run(&request.frame, effort.repeat)?;
        for case in &mut cases {
            case.run(&request.frame, effort.repeat)?;
        }
    }
    let bare = median(&bare);
    // Of one round, so that what slows a round down falls out.
    let own = |case: &Case<'_>| {
        let of_rounds = case.spent.iter().zip(&control.spent);
        median(&of_rounds.map(|(a, b)| a - b).collect::<Vec<_>>())
    };
    let floor_ns = own(&floor) + bare;
    let mut rows = vec![
        Row::new(
            "XDP_PASS (BPF_PROG_TEST_RUN itself, in each below)",
            bare,
            "ns",
        ),
        Row::new("swap addresses and XDP_TX", floor_ns, "ns").against(floor_ns),
    ];
    for case in &cases {
        let row = Row::new(format!("answer, {}", case.name), own(case) + bare, "ns");
        rows.push(match aim(case) {
            Some(most) => row.against(floor_ns).aim(Aim::RatioAtMost(most)),
            None => row.against(floor_ns),
        });
    }
    Ok(rows)
}

fn name(loaded: &Loaded, hot: bool) -> String {
    let rcfs = match loaded.rcfs {
        Rcfs::Shared => "RCF shared",
        Rcfs::Different => "RCFs all different",
    };
    match loaded.registrations {
        _ if loaded.steering => format!("hot, {rcfs}, zone with two gatekeepers"),
        _ if hot => format!("hot (one registration), {rcfs}"),
        n if n >= 1 << 20 => format!("{}M registrations, {rcfs}", n >> 20),
        n => format!("{}k registrations, {rcfs}", n / 1000),
    }
}

fn aim(case: &Case<'_>) -> Option<f64> {
    let tables = case.tables?;
    match (case.warm, tables.rcfs) {
        (1, _) => Some(4.0),
        (0x2_0000, Rcfs::Shared) => Some(17.0),
        (0x2_0000, Rcfs::Different) => Some(22.0),
        (0x10_0000, Rcfs::Shared) => Some(25.0),
        _ => None,
    }
}

/// What a packet that is not ours costs more than under XDP_PASS.
pub fn not_ours(tables: &Loaded, effort: Effort) -> Result<Vec<Row>> {
    let pass: OwnedFd = programs::pass()?;
    let other_port = frames::udp(
        frames::source(7),
        frames::GATEKEEPER,
        (5004, 5004),
        &[0x80; 172],
    );
    let cases = [
        ("TCP over IPv4", frames::tcp(false)),
        ("UDP to another port", other_port),
        ("TCP over IPv6", frames::tcp(true)),
    ];
    let mut added = vec![vec![]; cases.len()];
    for _ in 0..effort.rounds {
        for ((_, frame), added) in cases.iter().zip(&mut added) {
            let floor = time(pass.as_raw_fd(), frame, effort.repeat, PASS)?;
            added.push(time(tables.program()?, frame, effort.repeat, PASS)? - floor);
        }
    }
    let rows = cases.iter().zip(&added).map(|((name, _), added)| {
        Row::new(
            format!("added to a packet not ours: {name}"),
            median(added),
            "ns",
        )
        .aim(Aim::ValueAtMost(4.0))
    });
    Ok(rows.collect())
}

/// Verifier, loading, memory.
pub fn size(tables: &[Loaded]) -> Result<Vec<Row>> {
    let Some(first) = tables.first() else {
        return Ok(vec![]);
    };
    let verified = first.info()?.verified_instruction_count().unwrap_or(0);
    let times: Vec<_> = tables
        .iter()
        .map(|t| t.load_time.as_secs_f64() * 1e3)
        .collect();
    let slots = 2 * size_of::<rasline_abi::Slot>();
    let rcf_template = size_of::<rasline_abi::RcfTemplate>();
    Ok(vec![
        Row::new(
            "instructions the verifier walked, whole program",
            f64::from(verified),
            "",
        ),
        Row::new(
            "loading the program (verifier and JIT)",
            median(&times),
            "ms",
        ),
        Row::new(
            "hot table, at load factor one half",
            slots as f64,
            "octets a registration",
        )
        .aim(Aim::ValueAtMost(128.0)),
        Row::new("each distinct RCF more", rcf_template as f64, "octets"),
    ])
}
