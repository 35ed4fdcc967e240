//! The controller under test: its configuration, its process in the gateway's namespace, and its CLI.

use std::{
    fs::{self, File},
    io::{Read, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::{
    settings::{Place, Settings},
    wait,
};

const READY_WITHIN: Duration = wait::PATIENCE;
const END_WITHIN: Duration = wait::PATIENCE;

/// A running controller. On drop it is killed, its program detached and its folders removed.
#[derive(Debug)]
pub struct Controller {
    place: Place,
    child: Child,
}

/// Queries the status: the socket exists before the programs are attached, but a reply comes only after that.
fn replies(socket: &Path) -> std::io::Result<()> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(READY_WITHIN))?;
    stream.write_all(b"{\"version\":1,\"command\":\"status\"}\n")?;
    match stream.read(&mut [0; 16])? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// The binary under test: `RASLINE_BIN`, or the one that was built beside this test.
///
/// # Errors
/// When it does not exist.
pub fn binary() -> Result<PathBuf> {
    match std::env::var_os("RASLINE_BIN") {
        Some(path) => there(PathBuf::from(path)),
        None => beside("rasline"),
    }
}

/// A program in the same target folder as this test.
///
/// # Errors
/// When it does not exist.
pub fn beside(name: &str) -> Result<PathBuf> {
    let exe = std::env::current_exe()?;
    // target/debug/deps/netns-0123 and target/release/rasline-demo
    let folder = exe
        .ancestors()
        .skip(1)
        .find(|folder| !folder.ends_with("deps"))
        .context("no folder above this program")?;
    there(folder.join(name))
}

fn there(path: PathBuf) -> Result<PathBuf> {
    ensure!(
        path.is_file(),
        "{} is not there: build it with `cargo xtask build`, or name it in RASLINE_BIN",
        path.display()
    );
    Ok(path)
}

/// Starts `rasline run` in the gateway.
fn spawn(gateway: &crate::Gateway, place: &Place, binary: &Path, more: &[&str]) -> Result<Child> {
    let log = File::options()
        .create(true)
        .append(true)
        .open(place.log())?;
    gateway
        .gateway
        .command(binary)
        .args(["run", "--config"])
        .arg(place.config())
        .args(more)
        .env("RUST_LOG", "info")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("starting rasline")
}

impl Controller {
    /// Starts a controller and waits until it accepts commands.
    ///
    /// # Errors
    /// When it ends or is not ready in time; the error contains its log.
    pub fn start(gateway: &crate::Gateway, settings: &Settings) -> Result<Self> {
        let place = Place::new()?;
        place.write(settings)?;
        let child = spawn(gateway, &place, &binary()?, &[])?;
        let mut controller = Self { place, child };
        controller.await_ready()?;
        Ok(controller)
    }

    /// Runs `rasline run` that is expected to fail. Returns its output.
    ///
    /// # Errors
    /// When it keeps running.
    pub fn refused(gateway: &crate::Gateway, place: &Place) -> Result<Output> {
        let mut child = gateway
            .gateway
            .command(&binary()?)
            .args(["run", "--config"])
            .arg(place.config())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("starting rasline")?;
        let ended = wait::until_true("rasline to refuse", READY_WITHIN, || {
            Ok(child.try_wait()?.is_some())
        });
        if ended.is_err() {
            let _ = child.kill();
        }
        let output = child.wait_with_output()?;
        ended.map(|()| output)
    }

    fn await_ready(&mut self) -> Result<()> {
        let socket = self.place.socket();
        let child = &mut self.child;
        let ready = wait::until_true("the control socket", READY_WITHIN, || {
            if let Some(status) = child.try_wait()? {
                bail!("rasline ended with {status}");
            }
            Ok(replies(&socket).is_ok())
        });
        ready.with_context(|| format!("its log:\n{}", self.log()))
    }

    /// The folders of the controller.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The log of the controller.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.place.log()).unwrap_or_default()
    }

    /// Runs the CLI for this controller.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn cli(&self, words: &[&str]) -> Result<Output> {
        Command::new(binary()?)
            .arg("--socket")
            .arg(self.place.socket())
            .args(words)
            .stdin(Stdio::null())
            .output()
            .context("running rasline's CLI")
    }

    /// Starts the CLI with piped output. The caller ends it.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn follow(&self, words: &[&str]) -> Result<Child> {
        Command::new(binary()?)
            .arg("--socket")
            .arg(self.place.socket())
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("running rasline's CLI")
    }

    /// Runs the CLI. Returns its output for people.
    ///
    /// # Errors
    /// When it fails.
    pub fn text(&self, words: &[&str]) -> Result<String> {
        let output = self.cli(words)?;
        ensure!(
            output.status.success(),
            "`rasline {}`: {}",
            words.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Runs the CLI with `--json`. Returns its output.
    ///
    /// # Errors
    /// When it fails or is not JSON.
    pub fn json(&self, words: &[&str]) -> Result<Value> {
        let text = self.text(&[words, &["--json"]].concat())?;
        serde_json::from_str(&text).with_context(|| format!("`rasline {words:?} --json`: {text}"))
    }

    /// Sends a signal to the controller.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn signal(&self, signal: i32) -> Result<()> {
        // SAFETY: kill takes no memory; the process is a child that was not waited for.
        #[allow(unsafe_code)]
        let done = unsafe { libc::kill(self.child.id().cast_signed(), signal) };
        ensure!(
            done == 0,
            "signal {signal}: {}",
            std::io::Error::last_os_error()
        );
        Ok(())
    }

    /// Freezes the controller (SIGSTOP): its sockets stay open, but are not read. Returns when all threads are stopped.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn freeze(&self) -> Result<()> {
        self.signal(libc::SIGSTOP)?;
        crate::process::stands(self.child.id())
    }

    /// Continues a frozen controller (SIGCONT).
    ///
    /// # Errors
    /// When the process has ended.
    pub fn thaw(&self) -> Result<()> {
        self.signal(libc::SIGCONT)
    }

    /// Kills the controller (SIGKILL) and waits for its end. The pins stay.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts the controller again, with the configuration in its folder.
    ///
    /// # Errors
    /// As [`Controller::start`].
    pub fn start_again(&mut self, gateway: &crate::Gateway) -> Result<()> {
        self.start_again_as(gateway, &binary()?)
    }

    /// As [`Controller::start_again`], with more options.
    ///
    /// # Errors
    /// As [`Controller::start`].
    pub fn start_again_with(&mut self, gateway: &crate::Gateway, more: &[&str]) -> Result<()> {
        self.child = spawn(gateway, &self.place, &binary()?, more)?;
        self.await_ready()
    }

    /// As [`Controller::start_again`], with another binary.
    ///
    /// # Errors
    /// As [`Controller::start`].
    pub fn start_again_as(&mut self, gateway: &crate::Gateway, binary: &Path) -> Result<()> {
        self.child = spawn(gateway, &self.place, binary, &[])?;
        self.await_ready()
    }

    /// Starts the controller again and kills it as soon as `now` returns true.
    ///
    /// # Errors
    /// When it cannot be started or killed, or `now` never returns true.
    pub fn start_and_kill(
        &mut self,
        gateway: &crate::Gateway,
        mut now: impl FnMut() -> bool,
    ) -> Result<()> {
        self.child = spawn(gateway, &self.place, &binary()?, &[])?;
        let end = std::time::Instant::now() + READY_WITHIN;
        // No pauses: what is waited for may last some milliseconds only.
        while !now() {
            ensure!(
                std::time::Instant::now() < end,
                "nothing to kill it for:\n{}",
                self.log()
            );
            std::thread::yield_now();
        }
        self.kill()
    }

    /// Stops the controller (SIGTERM) and waits for its end.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        self.signal(libc::SIGTERM)?;
        let child = &mut self.child;
        wait::until("rasline to stop", END_WITHIN, || Ok(child.try_wait()?))
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log of rasline\n{}---", self.log());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
