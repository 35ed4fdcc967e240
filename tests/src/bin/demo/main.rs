//! Shows rasline's main job in network namespaces of its own, in well under a minute: endpoints with a timeToLive of
//! seconds, a gatekeeper that grants minutes and is spared almost all of their keep-alives, and its death, which they
//! do not notice; then a call that outlives its gatekeeper.
//!
//! Invariant: exits with 0 only if every line of the table at the end is right, and leaves nothing behind either way.

mod call;

use std::{
    collections::BTreeSet,
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use rasline_testkit::{
    Controller, FakeGatekeeper, Gateway, Policy, Settings, Swarm, swarm::Round, topology, wait,
};
use rasline_tests::report::Report;

const ENDPOINTS: u16 = 200;
/// Seconds that the gatekeeper grants.
const GATEKEEPER_TTL: u32 = 600;
/// Seconds that endpoints are given.
const ENDPOINT_TTL: u32 = 2;
/// Between two keep-alives of an endpoint. Real ones would send one every 1.5 s and the refresh would be due after
/// minutes; both are a tenth here, so that a hundred keep-alives for one refresh fit into the demonstration.
const KEEP_ALIVE_EVERY: Duration = Duration::from_millis(120);
const REFRESH_EVERY: &str = "12s";
const PHASE: Duration = Duration::from_secs(13);
const SOON: Duration = Duration::from_secs(10);
/// How long a round waits for answers that may not come.
const BRIEFLY: Duration = Duration::from_millis(100);

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

fn main() -> ExitCode {
    catch_signals();
    let done = rasline_testkit::netns::need_root().and_then(|()| demo());
    match done {
        Ok(report) => {
            println!("\n{report}");
            if report.ok() {
                println!("All of it happened.");
                return ExitCode::SUCCESS;
            }
            println!("Not all of it happened: see the lines with NO.");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("rasline-demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What the steps share; dropped in this order.
struct Stage {
    swarm: Swarm,
    controller: Controller,
    gatekeeper: FakeGatekeeper,
    _net: Gateway,
    report: Report,
}

fn demo() -> Result<Report> {
    let mut stage = set_up()?;
    register(&mut stage)?;
    learn(&mut stage)?;
    steady(&mut stage)?;
    show(&stage, &["status"])?;
    gatekeeper_dies(&mut stage)?;
    show(&stage, &["gatekeeper", "list"])?;
    let stopped = stage.controller.stop()?;
    stage.report.equal(
        "rasline stops cleanly",
        "exit status: 0".to_owned(),
        stopped.to_string(),
    );
    let mut report = stage.report;
    call::show_call(&mut report)?;
    Ok(report)
}

fn set_up() -> Result<Stage> {
    let to = (topology::GATEKEEPER, 1719).into();
    step(
        "The network: endpoints -- lan0 [gateway] wan0 -- gatekeeper, in namespaces of their own.",
    );
    let net = Gateway::new()?;
    let policy = Policy {
        time_to_live: GATEKEEPER_TTL,
        ..Policy::default()
    };
    let gatekeeper = FakeGatekeeper::start(&net.gatekeepers, to, policy)?;
    step(
        "rasline starts in the gateway: XDP programs on lan0 and wan0, the controller beside them.",
    );
    note(&format!(
        "endpoint_ttl = \"{ENDPOINT_TTL}s\", refresh_every = \"{REFRESH_EVERY}\", the gatekeeper grants {GATEKEEPER_TTL} s"
    ));
    let controller = Controller::start(
        &net,
        &Settings {
            endpoint_ttl: Some("2s"),
            refresh_every: Some(REFRESH_EVERY),
            ..Settings::default()
        },
    )?;
    let addresses = (1..=ENDPOINTS).map(|n| (topology::endpoint(n), 1719).into());
    let swarm = Swarm::new(&net.endpoints, addresses, to)?;
    Ok(Stage {
        swarm,
        controller,
        gatekeeper,
        _net: net,
        report: Report::default(),
    })
}

fn register(stage: &mut Stage) -> Result<()> {
    step(&format!(
        "{ENDPOINTS} endpoints register with the gatekeeper."
    ));
    let given = stage.swarm.register(SOON)?;
    let registered = stage.swarm.endpoints.iter().filter(|e| !e.eid().is_empty());
    stage.report.equal(
        "endpoints registered",
        usize::from(ENDPOINTS),
        registered.count(),
    );
    note(&format!(
        "the gatekeeper granted {GATEKEEPER_TTL} s, rasline gave them {}",
        seconds(&given)
    ));
    stage.report.equal(
        "timeToLive in the RCF to a full RRQ",
        format!("{ENDPOINT_TTL} s"),
        seconds(&given),
    );
    Ok(())
}

fn learn(stage: &mut Stage) -> Result<()> {
    step("Their first keep-alives go through to the gatekeeper; rasline learns each with its RCF.");
    let end = Instant::now() + SOON;
    for n in 1.. {
        let before = stage.gatekeeper.keep_alives(None);
        let round = stage.swarm.round(SOON)?;
        let seen = stage.gatekeeper.keep_alives(None) - before;
        note(&format!(
            "round {n}: {} sent, {seen} seen by the gatekeeper, {} answered by the kernel",
            round.sent,
            round.sent.saturating_sub(seen)
        ));
        if seen == 0 && round.confirmed == round.sent {
            break;
        }
        ensure!(
            Instant::now() < end,
            "the kernel does not answer all of them; rasline's log:\n{}",
            stage.controller.log()
        );
    }
    let list = stage.controller.json(&["registration", "list"])?;
    let list = list.as_array().context("a list of registrations")?;
    let answered = list.iter().filter(|r| r["answered_by"] == "kernel").count();
    stage.report.equal(
        "registrations that rasline learned",
        usize::from(ENDPOINTS),
        answered,
    );
    Ok(())
}

fn steady(stage: &mut Stage) -> Result<()> {
    step(&format!(
        "For {} s each sends a keep-alive every {} ms. The kernel answers all but one in a refresh interval.",
        PHASE.as_secs(),
        KEEP_ALIVE_EVERY.as_millis()
    ));
    let before = stage.gatekeeper.keep_alives(None);
    let answered_before = answered(stage)?;
    let round = phase(stage, SOON)?;
    let seen = stage.gatekeeper.keep_alives(None) - before;
    let by_kernel = answered(stage)? - answered_before;
    note(&format!(
        "{} keep-alives: {by_kernel} answered by the kernel, {seen} refreshes seen by the gatekeeper",
        round.sent
    ));
    let report = &mut stage.report;
    report.equal(
        "keep-alives answered with an RCF",
        round.sent,
        round.confirmed,
    );
    let passed = round.sent - usize::try_from(by_kernel)?.min(round.sent);
    report.add(
        "of these, by the kernel",
        format!("{} or more", round.sent - 2 * usize::from(ENDPOINTS)),
        by_kernel,
        passed <= 2 * usize::from(ENDPOINTS),
    );
    report.add(
        "keep-alives that the gatekeeper saw",
        format!("{ENDPOINTS} to {}, about 1 in 100", 2 * ENDPOINTS),
        format!("{seen}, 1 in {}", round.sent / seen.max(1)),
        (usize::from(ENDPOINTS)..=2 * usize::from(ENDPOINTS)).contains(&seen),
    );
    only_endpoint_ttl(report, "timeToLive in every RCF", &round);
    in_time(report, "longest that an endpoint had no RCF", &round);
    Ok(())
}

fn gatekeeper_dies(stage: &mut Stage) -> Result<()> {
    step(&format!(
        "The gatekeeper is killed. Another {} s of keep-alives.",
        PHASE.as_secs()
    ));
    stage.gatekeeper.kill();
    let before = answered(stage)?;
    let round = phase(stage, BRIEFLY)?;
    let by_kernel = answered(stage)? - before;
    note(&format!(
        "{} keep-alives: {by_kernel} answered by the kernel; {} were let through as refreshes, which the dead gatekeeper did not answer",
        round.sent,
        round.sent - round.confirmed
    ));
    let report = &mut stage.report;
    // Refreshes that fall due before the silence is noticed, and one probe in 5 s, go unanswered.
    let few = usize::from(ENDPOINTS) * 2;
    report.add(
        "gatekeeper dead: keep-alives answered",
        format!("{} or more", round.sent - few),
        round.confirmed,
        round.sent - round.confirmed <= few,
    );
    only_endpoint_ttl(report, "gatekeeper dead: timeToLive", &round);
    in_time(report, "gatekeeper dead: longest without an RCF", &round);
    let list = stage.controller.json(&["gatekeeper", "list"])?;
    let said = list[0]["state"].as_str().unwrap_or_default();
    stage
        .report
        .equal("gatekeeper dead: what rasline says", "down", said);
    Ok(())
}

/// The times to live that were seen, one or more.
fn seconds(all: &BTreeSet<u32>) -> String {
    let all: Vec<String> = all.iter().map(u32::to_string).collect();
    format!("{} s", all.join(" and "))
}

fn only_endpoint_ttl(report: &mut Report, what: &str, round: &Round) {
    report.equal(
        what,
        format!("{ENDPOINT_TTL} s"),
        seconds(&round.time_to_live),
    );
}

/// No endpoint's timeToLive ran out.
fn in_time(report: &mut Report, what: &str, round: &Round) {
    report.add(
        what,
        format!("less than {ENDPOINT_TTL} s"),
        format!("{:.2} s", round.longest_wait.as_secs_f64()),
        round.longest_wait < Duration::from_secs(ENDPOINT_TTL.into()),
    );
}

/// Rounds for [`PHASE`], one every [`KEEP_ALIVE_EVERY`]; each waits `patience` for its answers.
fn phase(stage: &mut Stage, patience: Duration) -> Result<Round> {
    let mut all = Round::default();
    let end = Instant::now() + PHASE;
    while Instant::now() < end {
        if INTERRUPTED.load(Ordering::SeqCst) {
            bail!("interrupted; everything is removed");
        }
        let next = Instant::now() + KEEP_ALIVE_EVERY;
        all.add(stage.swarm.round(patience)?);
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    Ok(all)
}

/// Keep-alives that the kernel has answered so far.
fn answered(stage: &Stage) -> Result<u64> {
    wait::until("the counters", SOON, || {
        let counters = stage.controller.json(&["counters"])?;
        let interfaces = counters.as_array().context("a list of interfaces")?;
        let each = interfaces.iter().filter_map(|i| i["counters"].as_array());
        let answers = each.flatten().filter(|c| c["name"] == "answer");
        Ok(Some(answers.filter_map(|c| c["value"].as_u64()).sum()))
    })
}

fn show(stage: &Stage, words: &[&str]) -> Result<()> {
    println!("\n$ rasline {}", words.join(" "));
    print!("{}", stage.controller.text(words)?);
    Ok(())
}

fn step(text: &str) {
    println!("\n* {text}");
}

fn note(text: &str) {
    println!("  {text}");
}

/// Ctrl-C and SIGTERM end the demonstration between two rounds, so that everything is removed.
fn catch_signals() {
    extern "C" fn note_it(_signal: libc::c_int) {
        INTERRUPTED.store(true, Ordering::SeqCst);
    }
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: the handler only stores to an atomic, which is async-signal-safe.
        #[allow(unsafe_code)]
        unsafe {
            libc::signal(signal, note_it as *const () as libc::sighandler_t);
        }
    }
}
