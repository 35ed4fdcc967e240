//! `rasline doctor`: checks of this machine and of the path to the gatekeepers.
//!
//! Each finding names the thing, what was found, what that means and the next step. Exit code 1 if a check fails.

mod firewall;
mod interface;
mod path;

use std::{path::Path, process::ExitCode};

use serde::Serialize;

use super::table::{put, put_json};
use crate::{
    config::{Config, DEFAULT_PATH},
    host::{OLDEST_KERNEL, address, bpffs, caps, kernel_version, netfilter::Survey},
    offline,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

#[derive(Debug, Serialize)]
struct Finding {
    verdict: Verdict,
    what: String,
    found: String,
    means: String,
    #[serde(rename = "do")]
    advice: String,
}

/// What a finding means for the operator, and the next step.
struct Consequence<'a> {
    means: &'a str,
    advice: &'a str,
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn ok(&mut self, what: &str, found: impl Into<String>) {
        self.0.push(Finding {
            verdict: Verdict::Ok,
            what: what.to_owned(),
            found: found.into(),
            means: String::new(),
            advice: String::new(),
        });
    }

    fn bad(
        &mut self,
        verdict: Verdict,
        what: &str,
        found: impl Into<String>,
        consequence: &Consequence<'_>,
    ) {
        self.0.push(Finding {
            verdict,
            what: what.to_owned(),
            found: found.into(),
            means: consequence.means.to_owned(),
            advice: consequence.advice.to_owned(),
        });
    }

    fn check(
        &mut self,
        fine: bool,
        otherwise: Verdict,
        what: &str,
        found: impl Into<String>,
        consequence: &Consequence<'_>,
    ) {
        if fine {
            self.ok(what, found);
        } else {
            self.bad(otherwise, what, found, consequence);
        }
    }
}

/// Examines the machine; exit code 1 if anything fails.
pub(super) fn run(file: &Path, json: bool) -> ExitCode {
    let mut f = Findings::default();
    machine(&mut f);
    match configuration(&mut f, file) {
        Some(config) => {
            pin_folder(&mut f, &config.daemon.bpffs);
            let ours: Vec<u32> = offline::pinned_links(&config.daemon.bpffs)
                .unwrap_or_default()
                .iter()
                .map(|p| p.program)
                .collect();
            let families = interface::Families::of(&config);
            for i in &config.interfaces {
                interface::examine(&mut f, i, families, &ours);
            }
            pinned(&mut f, &config);
            own_addresses(&mut f, &config);
            firewall::examine(&mut f, &config, &Survey::take());
            path::examine(&mut f, &config);
        }
        None => pin_folder(&mut f, Path::new("/sys/fs/bpf")),
    }
    print(&f.0, json);
    if f.0.iter().any(|f| f.verdict == Verdict::Fail) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn print(findings: &[Finding], json: bool) {
    if json {
        return put_json(&findings);
    }
    let width = findings.iter().map(|f| f.what.chars().count()).max();
    let width = width.unwrap_or(0);
    for f in findings {
        let verdict = match f.verdict {
            Verdict::Ok => "ok  ",
            Verdict::Warn => "warn",
            Verdict::Fail => "FAIL",
        };
        put(&format!("{verdict}  {:<width$}  {}", f.what, f.found));
        for (name, text) in [("means", &f.means), ("do", &f.advice)] {
            if !text.is_empty() {
                put(&format!("      {name:>5}: {text}"));
            }
        }
    }
}

fn machine(f: &mut Findings) {
    let missing = caps::missing(caps::effective());
    let found = if missing.is_empty() {
        "complete".to_owned()
    } else {
        format!("{} missing", missing.join(" and "))
    };
    f.check(
        missing.is_empty(),
        Verdict::Fail,
        "capabilities",
        found,
        &Consequence {
            means: "this process is not allowed to load or attach the program",
            advice: "run as root",
        },
    );
    let (version, release) = kernel_version();
    f.check(
        version >= OLDEST_KERNEL,
        Verdict::Fail,
        "kernel",
        release,
        &Consequence {
            means: "it lacks features that the program needs",
            advice: &format!("use {}.{} or newer", OLDEST_KERNEL.0, OLDEST_KERNEL.1),
        },
    );
    let btf = Path::new("/sys/kernel/btf/vmlinux").exists();
    f.check(
        btf,
        Verdict::Warn,
        "BTF",
        if btf { "present" } else { "absent" },
        &Consequence {
            means: "not required; bpftool shows less detail without it",
            advice: "use a kernel built with CONFIG_DEBUG_INFO_BTF",
        },
    );
    let jit = sysctl("net/core/bpf_jit_enable");
    f.check(
        jit.as_deref() != Some("0"),
        Verdict::Warn,
        "BPF JIT",
        jit.as_deref().unwrap_or("unknown"),
        &Consequence {
            means: "the program is interpreted, which is many times slower",
            advice: "sysctl -w net.core.bpf_jit_enable=1",
        },
    );
}

fn sysctl(key: &str) -> Option<String> {
    std::fs::read_to_string(Path::new("/proc/sys").join(key))
        .ok()
        .map(|v| v.trim().to_owned())
}

fn configuration(f: &mut Findings, file: &Path) -> Option<Config> {
    let what = file.display().to_string();
    match Config::load(file) {
        Ok(config) => {
            f.ok(&what, "fine");
            Some(config)
        }
        Err(_) if file == Path::new(DEFAULT_PATH) && !file.exists() => {
            f.bad(
                Verdict::Warn,
                &what,
                "none",
                &Consequence {
                    means: "interfaces and gatekeepers were not checked",
                    advice: "name a configuration with --config",
                },
            );
            None
        }
        Err(errors) => {
            let first = errors.first().map_or_else(String::new, ToString::to_string);
            f.bad(
                Verdict::Fail,
                &what,
                format!("{} errors: {first}", errors.len()),
                &Consequence {
                    means: "the controller does not start with it",
                    advice: "see `rasline check`",
                },
            );
            None
        }
    }
}

fn pin_folder(f: &mut Findings, folder: &Path) {
    let what = format!("bpffs {}", folder.display());
    let there = bpffs::is_bpffs(folder);
    let found = if there { "mounted" } else { "not mounted" };
    f.check(
        there,
        Verdict::Warn,
        &what,
        found,
        &Consequence {
            means: "the program cannot stay attached while the controller is not running",
            advice: "`rasline run` mounts it; by hand: mount -t bpf bpf /sys/fs/bpf",
        },
    );
}

/// Checks that the pins of a running controller are visible here; otherwise its program ends with it.
fn pinned(f: &mut Findings, config: &Config) {
    let runs = offline::controller_runs(&config.daemon);
    let (Ok(links), true) = (offline::pinned_links(&config.daemon.bpffs), runs) else {
        return;
    };
    let there = !links.is_empty() || config.interfaces.is_empty();
    f.check(
        there,
        Verdict::Fail,
        "pins",
        format!("{} links pinned", links.len()),
        &Consequence {
            means: "the controller is running, but its pins are not visible here (bpffs was unmounted, or is mounted only in \
                    the unit's namespace): the program is detached when the controller ends",
            advice: "see `rasline status`; mount -t bpf bpf /sys/fs/bpf, then restart the controller",
        },
    );
}

/// Checks that this machine has the addresses of rasline's own gatekeepers.
fn own_addresses(f: &mut Findings, config: &Config) {
    for at in config.own_addresses() {
        if let Ok(here) = address::is_here(at.ip()) {
            f.check(
                here,
                Verdict::Warn,
                &format!("address {at}"),
                if here { "present" } else { "not on this machine now" },
                &Consequence {
                    means: "rasline does not serve at this address until it is present; expected while a VRRP peer holds it",
                    advice: "add it with `ip address add`, or correct the configuration; a tentative IPv6 address takes a second",
                },
            );
        }
    }
}
