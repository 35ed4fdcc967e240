//! A gatekeeper as a process of its own, so that it can be killed and frozen as real ones are.
//!
//! The process is `rasline-gatekeeper`, which runs [`serve`]: it reads orders as lines of JSON from standard input,
//! each is answered with a line, and received messages are logged to a journal that outlives it. It ends with its
//! standard input.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    process::{Child, ChildStdin, ChildStdout, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::{FakeGatekeeper, Netns, Policy, Seen, controller, journal::Reader, messages, wait};

#[derive(Debug, Serialize, Deserialize)]
enum Order {
    Set(Policy),
    Forget,
    ResetCalls,
    RejectNext(String),
    Unregister(String),
    Inquire(String),
    LastRcf(String),
}

#[derive(Debug)]
struct Running {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    frozen: bool,
}

/// The gatekeeper; its process is killed on drop.
#[derive(Debug)]
pub struct GatekeeperProcess {
    address: SocketAddr,
    policy: Policy,
    journal: NamedTempFile,
    reader: Mutex<Reader>,
    running: Mutex<Option<Running>>,
}

impl GatekeeperProcess {
    /// Starts one on `address`; returns when it listens.
    ///
    /// # Errors
    /// When its program is not built, or the address cannot be bound.
    pub fn start(netns: &Netns, address: SocketAddr, policy: Policy) -> Result<Self> {
        let journal = NamedTempFile::new()?;
        let gatekeeper = Self {
            address,
            policy,
            reader: Mutex::new(Reader::new(journal.reopen()?)),
            journal,
            running: Mutex::new(None),
        };
        gatekeeper.restart(netns)?;
        Ok(gatekeeper)
    }

    /// Starts it again after [`Self::kill`], without memory of registrations. The log goes on.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn restart(&self, netns: &Netns) -> Result<()> {
        self.kill();
        let mut child = netns
            .command(&controller::beside("rasline-gatekeeper")?)
            .arg(self.address.to_string())
            .arg(serde_json::to_string(&self.policy)?)
            .arg(self.journal.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting rasline-gatekeeper")?;
        let orders = child.stdin.take().context("no standard input")?;
        let answers = BufReader::new(child.stdout.take().context("no standard output")?);
        let mut running = Running {
            child,
            orders,
            answers,
            frozen: false,
        };
        let ready = running.answer();
        *self.running() = Some(running);
        ready.map(drop).context("rasline-gatekeeper did not start")
    }

    /// Where it listens for RAS.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Kills the process (SIGKILL) and waits for its end.
    pub fn kill(&self) {
        if let Some(mut running) = self.running().take() {
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }

    /// Freezes the process (SIGSTOP): its sockets stay open, but nothing answers. Returns when all threads are stopped.
    ///
    /// # Errors
    /// When it is not running.
    pub fn freeze(&self) -> Result<()> {
        self.signal(libc::SIGSTOP, true)?;
        let running = self.running();
        let running = running.as_ref().context("the gatekeeper is not running")?;
        stands(running.child.id())
    }

    /// Continues a frozen process (SIGCONT).
    ///
    /// # Errors
    /// When it is not running.
    pub fn thaw(&self) -> Result<()> {
        self.signal(libc::SIGCONT, false)
    }

    fn signal(&self, signal: i32, frozen: bool) -> Result<()> {
        let mut running = self.running();
        let running = running.as_mut().context("the gatekeeper is not running")?;
        // SAFETY: kill takes no memory; the process is a child that was not waited for.
        #[allow(unsafe_code)]
        let done = unsafe { libc::kill(running.child.id().cast_signed(), signal) };
        ensure!(
            done == 0,
            "signal {signal}: {}",
            std::io::Error::last_os_error()
        );
        running.frozen = frozen;
        Ok(())
    }

    /// Changes how it behaves, also after a restart.
    ///
    /// # Errors
    /// When it is not running, or frozen.
    pub fn set(&mut self, change: impl FnOnce(&mut Policy)) -> Result<()> {
        change(&mut self.policy);
        self.order(&Order::Set(self.policy.clone())).map(drop)
    }

    /// Forgets all registrations.
    ///
    /// # Errors
    /// As [`Self::set`].
    pub fn forget(&self) -> Result<()> {
        self.order(&Order::Forget).map(drop)
    }

    /// Resets all call-signalling connections.
    ///
    /// # Errors
    /// As [`Self::set`].
    pub fn reset_calls(&self) -> Result<()> {
        self.order(&Order::ResetCalls).map(drop)
    }

    /// Rejects the next keep-alive of this endpoint and forgets it.
    ///
    /// # Errors
    /// As [`Self::set`].
    pub fn reject_next(&self, eid: &str) -> Result<()> {
        self.order(&Order::RejectNext(eid.to_owned())).map(drop)
    }

    /// Sends URQ ttlExpired to a registered endpoint and forgets it.
    ///
    /// # Errors
    /// As [`Self::set`], or when it is not registered.
    pub fn unregister(&self, eid: &str) -> Result<()> {
        self.order(&Order::Unregister(eid.to_owned())).map(drop)
    }

    /// Sends an IRQ to a registered endpoint.
    ///
    /// # Errors
    /// As [`Self::set`], or when it is not registered.
    pub fn inquire(&self, eid: &str) -> Result<()> {
        self.order(&Order::Inquire(eid.to_owned())).map(drop)
    }

    /// The RCF that it last sent to this endpoint, as sent.
    ///
    /// # Errors
    /// As [`Self::set`].
    pub fn last_rcf(&self, eid: &str) -> Result<Option<Vec<u8>>> {
        let hex = self.order(&Order::LastRcf(eid.to_owned()))?;
        Ok((!hex.is_empty()).then(|| messages::unhex(&hex)))
    }

    /// All that it saw, in all its lives.
    ///
    /// # Errors
    /// When its journal cannot be read.
    pub fn log(&self) -> Result<Vec<Seen>> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        reader.more()?;
        Ok(reader.seen.clone())
    }

    /// How many messages like this it saw.
    ///
    /// # Errors
    /// As [`Self::log`].
    pub fn count(&self, like: impl Fn(&Seen) -> bool) -> Result<usize> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        reader.more()?;
        Ok(reader.seen.iter().filter(|s| like(s)).count())
    }

    /// The most RRQs of endpoints, full ones and keep-alives, that it saw in any second since `since`.
    ///
    /// # Errors
    /// As [`Self::log`].
    pub fn most_rrqs_a_second(&self, since: Instant) -> Result<usize> {
        let log = self.log()?;
        let rrqs = log.iter().filter(|s| s.is_rrq() && s.at >= since);
        let times: Vec<Instant> = rrqs.map(|s| s.at).collect();
        let mut first = 0;
        let mut most = 0;
        for (last, &at) in times.iter().enumerate() {
            while at - times[first] >= Duration::from_secs(1) {
                first += 1;
            }
            most = most.max(last + 1 - first);
        }
        Ok(most)
    }

    /// Waits until `n` messages like this were seen.
    ///
    /// # Errors
    /// When `within` is over before; says what was seen.
    pub fn await_seen(
        &self,
        n: usize,
        within: Duration,
        like: impl Fn(&Seen) -> bool,
    ) -> Result<()> {
        let what = format!("{n} messages at gatekeeper {}", self.address);
        let seen = wait::until_true(&what, within, || Ok(self.count(&like)? >= n));
        seen.with_context(|| {
            let log = self.log().unwrap_or_default();
            format!(
                "last seen: {:?}",
                log.iter().rev().take(5).collect::<Vec<_>>()
            )
        })
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn order(&self, order: &Order) -> Result<String> {
        let mut running = self.running();
        let running = running.as_mut().context("the gatekeeper is not running")?;
        ensure!(!running.frozen, "the gatekeeper is frozen");
        let line = serde_json::to_string(order)? + "\n";
        running.orders.write_all(line.as_bytes())?;
        running.answer()
    }
}

impl Running {
    fn answer(&mut self) -> Result<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        ensure!(!line.is_empty(), "rasline-gatekeeper ended");
        let answer: Result<String, String> = serde_json::from_str(&line)?;
        match answer {
            Ok(answer) => Ok(answer),
            Err(error) => bail!(error),
        }
    }
}

impl Drop for GatekeeperProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits until all threads of a process are stopped after SIGSTOP.
pub(crate) fn stands(pid: u32) -> Result<()> {
    let tasks = format!("/proc/{pid}/task");
    wait::until_true("the process to stand", wait::PATIENCE, || {
        for task in fs::read_dir(&tasks)? {
            let stat = fs::read_to_string(task?.path().join("stat"))?;
            // The state follows the name, which stands in parentheses.
            let state = stat.rsplit(") ").next();
            if !state.is_some_and(|rest| rest.starts_with('T')) {
                return Ok(false);
            }
        }
        Ok(true)
    })
}

/// What the process does: `words` are its address, its policy, and the path of its journal.
///
/// # Errors
/// When the address cannot be bound, or standard input or output fails.
pub fn serve(words: &[String]) -> Result<()> {
    let [address, policy, journal] = words else {
        bail!("usage: rasline-gatekeeper ADDRESS:PORT POLICY (JSON) JOURNAL");
    };
    let journal = File::options().append(true).open(journal)?;
    before_others();
    let policy = serde_json::from_str(policy).context("the policy")?;
    let gatekeeper = FakeGatekeeper::start_here(address.parse()?, policy, journal);
    let mut out = std::io::stdout();
    let started: Result<String, String> = match &gatekeeper {
        Ok(_) => Ok(String::new()),
        Err(error) => Err(format!("{error:#}")),
    };
    writeln!(out, "{}", serde_json::to_string(&started)?)?;
    let gatekeeper = gatekeeper?;
    for line in std::io::stdin().lock().lines() {
        let done = obey(&gatekeeper, serde_json::from_str(&line?)?);
        let answer = done.map_err(|error| format!("{error:#}"));
        writeln!(out, "{}", serde_json::to_string(&answer)?)?;
    }
    Ok(())
}

/// Gives this process real-time priority, if allowed: a process that waits for a CPU is silent, and tests must not
/// mistake that for an effect of the network.
fn before_others() {
    let priority = libc::sched_param { sched_priority: 10 };
    // SAFETY: the parameters outlive the call, which reads them; 0 is this process.
    #[allow(unsafe_code)]
    unsafe {
        libc::sched_setscheduler(0, libc::SCHED_RR, &raw const priority);
    }
}

fn obey(gatekeeper: &FakeGatekeeper, order: Order) -> Result<String> {
    match order {
        Order::Set(policy) => gatekeeper.set(|p| *p = policy),
        Order::Forget => gatekeeper.forget(),
        Order::ResetCalls => gatekeeper.reset_calls()?,
        Order::RejectNext(eid) => gatekeeper.reject_next(&eid),
        Order::Unregister(eid) => gatekeeper.unregister(&eid)?,
        Order::Inquire(eid) => gatekeeper.inquire(&eid)?,
        Order::LastRcf(eid) => {
            let rcf = gatekeeper.last_rcf(&eid).unwrap_or_default();
            return Ok(messages::hex(&rcf));
        }
    }
    Ok(String::new())
}
