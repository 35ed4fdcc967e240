//! How long a zone is without its gatekeeper, from its death to the first answer of the backup to an endpoint; and a
//! soak: hours of full load on every CPU must not look like death.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rasline_testkit::{
    Controller, Endpoint, GatekeeperProcess, Gateway, GatewayOptions, Policy, Settings, host,
    topology, wait,
};

use crate::report::{Aim, Row};

const RAS: u16 = 1719;
const SOON: Duration = Duration::from_secs(10);
/// An endpoint asks this often while it gets no answer.
const TRY: Duration = Duration::from_millis(1);
/// Time after which the program decides by itself.
const DEAD_AFTER: Duration = Duration::from_millis(300);

/// Two gatekeepers in namespaces of their own, the gateway, and two registered endpoints.
struct Site {
    endpoint: Endpoint,
    other: Endpoint,
    controller: Controller,
    gatekeepers: Vec<GatekeeperProcess>,
    _net: Gateway,
}

impl Site {
    fn new(answer: &'static str) -> Result<Self> {
        let net = Gateway::with(GatewayOptions {
            hosts: 2,
            ..GatewayOptions::default()
        })?;
        let mut gatekeepers = Vec::new();
        for (n, at) in (1..).zip(&net.hosts) {
            let policy = Policy {
                name: format!("gk{n}"),
                eid_suffix: format!("gk{n}"),
                ..Policy::default()
            };
            let address = (host::address_of(n), RAS).into();
            gatekeepers.push(GatekeeperProcess::start(&at.netns, address, policy)?);
        }
        let settings = Settings {
            answer,
            dead_after: "300ms",
            gatekeepers: vec![host::address_of(1), host::address_of(2)],
            ..Settings::default()
        };
        let controller = Controller::start(&net, &settings)?;
        let to = (host::address_of(1), RAS).into();
        let register = |n: u16| {
            let from = (topology::endpoint(n), RAS).into();
            let name = format!("ep{n}");
            let mut endpoint = Endpoint::new(&net.endpoints, from, to, &[name.as_str()])?;
            endpoint.register(SOON)?;
            anyhow::Ok(endpoint)
        };
        let (mut endpoint, mut other) = (register(1)?, register(2)?);
        wait::until_true("the endpoints to be known", SOON, || {
            endpoint.keep_alive(SOON)?;
            other.keep_alive(SOON)?;
            let all = controller.json(&["registration", "list"])?;
            let all = all.as_array().context("a list of registrations")?;
            // In `hold` the kernel knows it, and answers when the gatekeeper is silent.
            let is_known = |why: &str| why.is_empty() || why.starts_with("its gatekeeper is alive");
            let mut each = all.iter().map(|one| one["why_not"].as_str());
            Ok(all.len() == 2 && each.all(|why| why.is_some_and(is_known)))
        })?;
        wait::until_true("both gatekeepers to be up", SOON, || {
            let all = controller.json(&["gatekeeper", "list"])?;
            let mut each = all.as_array().into_iter().flatten();
            Ok(each.all(|g| g["probe"]["state"] == "up"))
        })?;
        Ok(Self {
            endpoint,
            other,
            controller,
            gatekeepers,
            _net: net,
        })
    }

    /// From now to the first answer that an endpoint gets.
    fn until_answered(&mut self) -> Result<Duration> {
        let since = Instant::now();
        while self.endpoint.admit(TRY).is_err() {
            ensure!(since.elapsed() < SOON, "the backup never answered");
        }
        Ok(since.elapsed())
    }
}

fn percentile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort_unstable();
    let at = (times.len() * percent).div_ceil(100).saturating_sub(1);
    times.get(at).map_or(f64::NAN, |t| t.as_secs_f64() * 1e3)
}

/// Failovers with the controller: by silence and by a refused port; and without it.
pub fn times(rounds: usize) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let aim = Aim::ValueAtMost(150.0);
    for (name, die) in [
        (
            "frozen",
            GatekeeperProcess::freeze as fn(&GatekeeperProcess) -> Result<()>,
        ),
        ("killed", |gatekeeper: &GatekeeperProcess| {
            gatekeeper.kill();
            Ok(())
        }),
    ] {
        let mut times = Vec::new();
        for _ in 0..rounds {
            let mut site = Site::new("offload")?;
            die(&site.gatekeepers[0])?;
            times.push(site.until_answered()?);
        }
        let what = format!("gatekeeper {name}, to the backup's first answer");
        rows.push(Row::new(
            format!("{what}, median"),
            percentile(&mut times, 50),
            "ms",
        ));
        rows.push(Row::new(format!("{what}, p99"), percentile(&mut times, 99), "ms").aim(aim));
    }
    let mut times = Vec::new();
    for _ in 0..rounds.div_ceil(4) {
        let mut site = Site::new("hold")?;
        site.controller.kill()?;
        site.gatekeepers[0].freeze()?;
        // The first requests of two endpoints that are not answered are the evidence.
        site.endpoint.send_keep_alive()?;
        site.other.send_keep_alive()?;
        let since = Instant::now();
        site.until_answered()?;
        times.push(since.elapsed());
    }
    let most = DEAD_AFTER.as_secs_f64() * 1e3 + 20.0;
    rows.push(
        Row::new(
            "the same without a controller (dead_after is 300 ms), p99",
            percentile(&mut times, 99),
            "ms",
        )
        .aim(Aim::ValueAtMost(most)),
    );
    Ok(rows)
}

/// Every CPU busy twice over for so long: failovers found, of which there should be none.
pub fn soak(time: Duration) -> Result<Vec<Row>> {
    let site = Site::new("offload")?;
    let busy = Arc::new(AtomicBool::new(true));
    let cpus = std::thread::available_parallelism()?.get();
    let load: Vec<_> = (0..2 * cpus)
        .map(|_| {
            let busy = busy.clone();
            std::thread::spawn(move || {
                let mut x = 1u64;
                while busy.load(Ordering::Relaxed) {
                    for _ in 0..100_000 {
                        x = std::hint::black_box(x.wrapping_mul(6_364_136_223_846_793_005) + 1);
                    }
                }
            })
        })
        .collect();
    let end = Instant::now() + time;
    while Instant::now() < end {
        std::thread::sleep(Duration::from_secs(1).min(end - Instant::now()));
    }
    busy.store(false, Ordering::Relaxed);
    for thread in load {
        thread.join().ok().context("a busy thread ended early")?;
    }
    let events = site.controller.json(&["events"])?;
    let failovers = events
        .as_array()
        .into_iter()
        .flatten()
        .filter(|e| e.to_string().contains("failed over"))
        .count();
    let all = site.controller.json(&["gatekeeper", "list"])?;
    let sum = |key: &str| {
        let each = all.as_array().into_iter().flatten();
        each.filter_map(|g| g["probe"][key].as_f64()).sum::<f64>()
    };
    let minutes = time.as_secs_f64() / 60.0;
    Ok(vec![
        Row::new(
            format!("false failovers in {minutes:.1} minutes of full load"),
            failovers as f64,
            "",
        )
        .aim(Aim::ValueAtMost(0.0)),
        Row::new("probes sent meanwhile", sum("sent"), ""),
        Row::new(
            "of our own timers, too late to be evidence",
            sum("late"),
            "",
        ),
    ])
}
