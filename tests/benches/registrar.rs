//! What the controller itself costs: registrations against a registrar that holds many, a zone taken over by the backup
//! gatekeeper, and profiles imported. No sockets.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, ensure};
use rasline::profiles::{Format, Profiles, import_text, render};
use rasline_core::Time;
use rasline_core::backup::{self, ControlUnit, Setup, ZoneSettings};
use rasline_core::profile::{KnownEndpoint, Profile, TimeToLive};
use rasline_core::registrar::{Input, Output, Registrar, Settings};
use rasline_testkit::messages::{self, Identity};
use rasline_testkit::zone::{open_profile, registrar_settings};

use crate::report::{Aim, Row, median};
use crate::sys;

const SIZES: [u32; 4] = [100, 1000, 10_000, 100_000];
/// A message each millisecond, so that none is taken for a repetition of one with the same number.
const APART: std::time::Duration = std::time::Duration::from_millis(1);
/// Nothing expires meanwhile.
const TIME_TO_LIVE: u32 = 1_000_000;
const START: Time = Time(1_000_000_000_000);
/// Endpoints of a zone that is taken over, and of a profile that is imported.
const ZONE: u32 = 10_000;
const IMPORT: u32 = 100_000;

/// How long to measure.
#[derive(Clone, Copy)]
pub struct Effort {
    pub rounds: usize,
    /// Messages a round and size.
    pub messages: u32,
}

/// All of it.
pub fn rows(effort: Effort) -> Result<Vec<Row>> {
    let mut all: Vec<Filled> = SIZES.into_iter().map(Filled::new).collect::<Result<_>>()?;
    let memory = all.last().map_or(0.0, |largest| largest.memory);
    for filled in &mut all {
        filled.warm(What::Lightweight)?;
    }
    let mut rows = costs(&mut all, What::Lightweight, effort)?;
    for filled in &mut all {
        filled.warm(What::Full)?;
    }
    rows.extend(costs(&mut all, What::Full, effort)?);
    rows.push(Row::new("memory, 100,000 registered", memory, "B each"));
    drop(all);
    rows.extend(takeover(effort.rounds)?);
    rows.extend(imports(effort.rounds.min(3))?);
    Ok(rows)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Lightweight,
    Full,
}

/// Costs by size, in turns. A ratio is of a message's cost, against the one with the fewest registered.
fn costs(all: &mut [Filled], what: What, effort: Effort) -> Result<Vec<Row>> {
    let mut spent = vec![Vec::new(); all.len()];
    for _ in 0..effort.rounds {
        for (filled, spent) in all.iter_mut().zip(&mut spent) {
            spent.push(filled.run(what, effort.messages)?);
        }
    }
    let name = match what {
        What::Lightweight => "lightweight RRQ",
        What::Full => "full RRQ, again",
    };
    let floor = median(&spent[0]);
    let rows = all.iter().zip(&spent).map(|(filled, spent)| {
        let cost = median(spent);
        let measure = format!("{name}, {} registered", filled.size);
        let row = Row::new(measure, 1e9 / cost, "/s");
        Row {
            ratio: Some(cost / floor),
            ..row.aim(Aim::RatioAtMost(1.5))
        }
    });
    Ok(rows.collect())
}

/// A registrar that holds so many registrations, and their messages.
struct Filled {
    registrar: Registrar,
    size: u32,
    now: Time,
    seq: u16,
    next: u64,
    full: Vec<Vec<u8>>,
    lightweight: Vec<Vec<u8>>,
    out: Vec<Output>,
    /// Octets of heap a registration.
    memory: f64,
}

impl Filled {
    fn new(size: u32) -> Result<Self> {
        let full = (0..size).map(|n| messages::full_rrq(&who(n), 1, None));
        let mut filled = Self {
            registrar: Registrar::new(settings(), START),
            size,
            now: START,
            seq: 1,
            next: 1,
            full: full.collect(),
            lightweight: Vec::new(),
            out: Vec::new(),
            memory: 0.0,
        };
        let before = sys::heap();
        filled.warm(What::Full)?;
        let registered = sys::heap() - before;
        let mut lightweight = vec![Vec::new(); size as usize];
        for view in filled.registrar.views() {
            let n = number(view.endpoint).context("an address of the bench")?;
            lightweight[n as usize] = messages::light_rrq(&who(n), 1, &view.endpoint_identifier);
        }
        filled.lightweight = lightweight;
        let before = sys::heap();
        filled.warm(What::Lightweight)?;
        let kept_alive = sys::heap() - before;
        filled.memory = (registered + kept_alive) as f64 / f64::from(size);
        Ok(filled)
    }

    /// One message of each endpoint.
    fn warm(&mut self, what: What) -> Result<()> {
        let before = self.confirmed(what);
        for n in 0..self.size {
            self.message(what, n);
        }
        self.check(what, before, self.size)
    }

    /// Messages of endpoints in random order; CPU nanoseconds each.
    fn run(&mut self, what: What, count: u32) -> Result<f64> {
        let before = self.confirmed(what);
        let start = sys::cpu_time();
        for _ in 0..count {
            self.next = self
                .next
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let n = (((self.next >> 32) * u64::from(self.size)) >> 32) as u32;
            self.message(what, n);
        }
        let spent = sys::cpu_time() - start;
        self.check(what, before, count)?;
        Ok(spent as f64 / f64::from(count))
    }

    fn message(&mut self, what: What, n: u32) {
        self.seq = self.seq.checked_add(1).unwrap_or(1);
        self.now = self.now.after(APART);
        let payload = match what {
            What::Full => &mut self.full[n as usize],
            What::Lightweight => &mut self.lightweight[n as usize],
        };
        messages::set_seq(payload, self.seq);
        let input = Input::Message {
            from: address(n, 1719),
            to: gatekeeper(),
            payload,
        };
        self.out.clear();
        self.registrar.handle(self.now, input, &mut self.out);
    }

    fn confirmed(&self, what: What) -> u64 {
        let stats = self.registrar.stats();
        match what {
            What::Full => stats.full,
            What::Lightweight => stats.lightweight,
        }
    }

    /// Every message must have been confirmed, and not from memory of another.
    fn check(&self, what: What, before: u64, count: u32) -> Result<()> {
        let confirmed = self.confirmed(what) - before;
        ensure!(
            confirmed == u64::from(count),
            "{confirmed} of {count} RRQs were confirmed"
        );
        Ok(())
    }
}

/// From a profile on disk to the first RCF, for a zone whose gatekeepers are gone.
fn takeover(rounds: usize) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    Profiles::open(folder.path())
        .set(&profile(ZONE))
        .map_err(|failure| anyhow!("{failure}"))?;
    let full = messages::full_rrq(&who(ZONE - 1), 7, None);
    let (mut reads, mut starts) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let mut unit = ControlUnit::new(Setup {
            seed: 1,
            unix_at_zero: 1_700_000_000,
            max_answers: 10_000,
            max_restored: 0,
        });
        let mut out = Vec::new();
        unit.handle(START, backup::Input::Zones(vec![zone()]), &mut out);
        let begin = Instant::now();
        let loaded = Profiles::open(folder.path()).load();
        let all = loaded.profiles;
        ensure!(all.len() == 1, "{:?}", loaded.trouble);
        unit.handle(START, backup::Input::Profiles { all }, &mut out);
        reads.push(begin.elapsed().as_secs_f64() * 1e3);
        let begin = Instant::now();
        let serve = backup::Input::Serve { zone: 0, on: true };
        unit.handle(START, serve, &mut out);
        out.clear();
        let rrq = backup::Input::Message {
            zone: 0,
            from: address(ZONE - 1, 1719),
            to: gatekeeper(),
            payload: &full,
        };
        unit.handle(START, rrq, &mut out);
        starts.push(begin.elapsed().as_secs_f64() * 1e3);
        ensure!(confirmed(&out), "the first RRQ was not confirmed: {out:?}");
    }
    let total: Vec<f64> = reads.iter().zip(&starts).map(|(a, b)| a + b).collect();
    Ok(vec![
        Row::new(
            "backup of 10,000: gatekeepers gone to first RCF",
            median(&starts),
            "ms",
        ),
        Row::new(
            "backup of 10,000: that, and its profile read",
            median(&total),
            "ms",
        )
        .aim(Aim::ValueAtMost(500.0)),
    ])
}

fn confirmed(out: &[backup::Output]) -> bool {
    out.iter().any(|one| {
        let backup::Output::Zone {
            output: Output::Send { payload, .. },
            ..
        } = one
        else {
            return false;
        };
        // The CHOICE index of RCF.
        payload.first().is_some_and(|first| first >> 2 & 31 == 4)
    })
}

/// A profile into an empty database.
fn imports(rounds: usize) -> Result<Vec<Row>> {
    let profile = profile(IMPORT);
    let formats = [(Format::Toml, "TOML"), (Format::Json, "JSON")];
    let mut rows = Vec::new();
    for (format, name) in formats {
        let text = render(std::slice::from_ref(&profile), format);
        let text = text.map_err(|failure| anyhow!("{failure}"))?;
        let mut spent = Vec::new();
        for _ in 0..rounds {
            let folder = tempfile::tempdir()?;
            let mut profiles = Profiles::open(folder.path());
            let begin = Instant::now();
            let imported = import_text(&mut profiles, &text, format);
            spent.push(begin.elapsed().as_secs_f64());
            let imported = imported.map_err(|wrong| anyhow!("{:?}", wrong.first()))?;
            ensure!(imported.endpoints == IMPORT as usize, "{imported:?}");
        }
        let measure = format!("import of 100,000 endpoints, {name}");
        rows.push(Row::new(measure, median(&spent), "s").aim(Aim::ValueAtMost(5.0)));
    }
    Ok(rows)
}

fn settings() -> Settings {
    Settings {
        call_signal_address: Some(SocketAddr::new(gatekeeper().ip(), 1720)),
        max_answers: 10_000,
        ..registrar_settings(profile(0), gatekeeper())
    }
}

fn zone() -> ZoneSettings {
    ZoneSettings {
        zone: 0,
        name: "bench".into(),
        always: false,
        own: vec![gatekeeper()],
        here: Vec::new(),
        call_signal_address: None,
        reserved: rasline_core::Reserved::default(),
        alternates: Vec::new(),
    }
}

/// A zone with so many known endpoints. Others are admitted if it has none.
fn profile(endpoints: u32) -> Profile {
    let known = |n: u32| KnownEndpoint {
        aliases: who(n).aliases,
        call_signal_address: Some(address(n, 1720)),
        ras_address: Some(address(n, 1719)),
        ..KnownEndpoint::default()
    };
    let mut profile = open_profile("gk");
    profile.zone = "bench".into();
    profile.subscription.on = true;
    profile.time_to_live = TimeToLive {
        default: TIME_TO_LIVE,
        min: 10,
        max: TIME_TO_LIVE,
    };
    profile.limits.registrations = 1_000_000;
    profile.admit_unknown = endpoints == 0;
    profile.endpoints = (0..endpoints).map(known).collect();
    profile
}

fn who(n: u32) -> Identity {
    Identity {
        ras: address(n, 1719),
        aliases: vec![format!("terminal{n}"), format!("{}", 1_000_000 + n)],
        secured: false,
        time_to_live: None,
    }
}

fn gatekeeper() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 1719))
}

fn address(n: u32, port: u16) -> SocketAddr {
    let [_, a, b, c] = n.to_be_bytes();
    SocketAddr::from(([10, a, b, c], port))
}

/// The other way.
fn number(address: SocketAddr) -> Option<u32> {
    match address {
        SocketAddr::V4(v4) => Some(u32::from(*v4.ip()) & 0xff_ffff),
        SocketAddr::V6(_) => None,
    }
}
