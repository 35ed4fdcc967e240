//! `rasline doctor`: what on this machine may keep rasline from working.

use std::{path::Path, process::ExitCode};

use serde::Serialize;

use super::table::{put_json, put_table, table};
use crate::{
    bpf::pins,
    config::{Config, DEFAULT_PATH, Interface, XdpMode},
    host::{
        OLDEST_KERNEL, bpffs, caps, ethtool, kernel_version,
        link::{self, Attached, LinkInfo},
    },
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
    #[serde(rename = "do")]
    advice: String,
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, verdict: Verdict, what: &str, found: impl Into<String>, advice: &str) {
        let advice = if verdict == Verdict::Ok { "" } else { advice };
        self.0.push(Finding {
            verdict,
            what: what.to_owned(),
            found: found.into(),
            advice: advice.to_owned(),
        });
    }

    fn check(
        &mut self,
        fine: bool,
        otherwise: Verdict,
        what: &str,
        found: impl Into<String>,
        advice: &str,
    ) {
        self.add(
            if fine { Verdict::Ok } else { otherwise },
            what,
            found,
            advice,
        );
    }
}

/// Examines the machine; exit code 1 if anything fails.
pub(super) fn run(file: &Path, json: bool) -> ExitCode {
    let mut f = Findings::default();
    machine(&mut f);
    match configuration(&mut f, file) {
        Some(config) => {
            pin_folder(&mut f, &config.daemon.bpffs);
            let ours: Vec<u32> = pins::links(&config.daemon.bpffs)
                .iter()
                .map(|p| p.program)
                .collect();
            config
                .interfaces
                .iter()
                .for_each(|i| interface(&mut f, i, &ours));
        }
        None => pin_folder(&mut f, Path::new("/sys/fs/bpf")),
    }
    print(&f.0, json);
    let failed = f.0.iter().any(|f| f.verdict == Verdict::Fail);
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn print(findings: &[Finding], json: bool) {
    if json {
        return put_json(&findings);
    }
    let mut t = table(&["", "WHAT", "FOUND", "DO"]);
    for f in findings {
        let verdict = match f.verdict {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail => "FAIL",
        };
        t.add_row([verdict, &*f.what, &f.found, &f.advice]);
    }
    put_table(&t);
}

fn machine(f: &mut Findings) {
    let missing = caps::missing(caps::effective());
    let found = if missing.is_empty() {
        "all there".to_owned()
    } else {
        format!("{} missing", missing.join(" and "))
    };
    f.check(
        missing.is_empty(),
        Verdict::Fail,
        "capabilities",
        found,
        "run as root",
    );
    let (version, release) = kernel_version();
    let oldest = format!("take {}.{} or newer", OLDEST_KERNEL.0, OLDEST_KERNEL.1);
    f.check(
        version >= OLDEST_KERNEL,
        Verdict::Fail,
        "kernel",
        release,
        &oldest,
    );
    let btf = Path::new("/sys/kernel/btf/vmlinux").exists();
    f.check(
        btf,
        Verdict::Warn,
        "BTF",
        if btf { "there" } else { "none" },
        "not needed; bpftool shows more with CONFIG_DEBUG_INFO_BTF",
    );
    let jit = sysctl("net/core/bpf_jit_enable");
    f.check(
        jit.as_deref() != Some("0"),
        Verdict::Warn,
        "BPF JIT",
        jit.as_deref().unwrap_or("unknown"),
        "sysctl -w net.core.bpf_jit_enable=1",
    );
    for (what, key) in [
        ("IPv4 forwarding", "net/ipv4/ip_forward"),
        ("IPv6 forwarding", "net/ipv6/conf/all/forwarding"),
    ] {
        let on = sysctl(key).is_some_and(|v| v != "0");
        let advice = format!("a router needs it: sysctl -w {}=1", key.replace('/', "."));
        f.check(
            on,
            Verdict::Warn,
            what,
            if on { "on" } else { "off" },
            &advice,
        );
    }
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
            f.add(Verdict::Ok, &what, "fine", "");
            Some(config)
        }
        Err(_) if file == Path::new(DEFAULT_PATH) && !file.exists() => {
            f.add(
                Verdict::Warn,
                &what,
                "none",
                "interfaces are not checked; name a configuration with --config",
            );
            None
        }
        Err(errors) => {
            let first = errors.first().map_or_else(String::new, ToString::to_string);
            f.add(
                Verdict::Fail,
                &what,
                format!("{} errors: {first}", errors.len()),
                "see `rasline check`",
            );
            None
        }
    }
}

fn pin_folder(f: &mut Findings, folder: &Path) {
    let there = bpffs::is_bpffs(folder);
    let found = if there { "mounted" } else { "not mounted" };
    f.check(
        there,
        Verdict::Warn,
        &format!("bpffs {}", folder.display()),
        found,
        "`rasline run` mounts it; by hand: mount -t bpf bpf /sys/fs/bpf",
    );
}

fn interface(f: &mut Findings, interface: &Interface, ours: &[u32]) {
    let name = &interface.name;
    let info = match link::by_name(name) {
        Ok(info) => info,
        Err(e) => {
            let found = if e.kind() == std::io::ErrorKind::NotFound {
                "absent".to_owned()
            } else {
                e.to_string()
            };
            return f.add(
                Verdict::Fail,
                name,
                found,
                "see `ip link`; is this the right network namespace?",
            );
        }
    };
    let tool = ethtool::ask(name);
    let driver = tool.driver.clone().unwrap_or_else(|| {
        if info.kind.is_empty() {
            "unknown".to_owned()
        } else {
            info.kind.clone()
        }
    });
    f.check(
        info.up,
        Verdict::Warn,
        name,
        format!(
            "{}, driver {driver}, MTU {}",
            if info.up { "up" } else { "down" },
            info.mtu
        ),
        "ip link set up",
    );
    f.check(
        info.mtu <= 9000,
        Verdict::Warn,
        &format!("{name} MTU"),
        info.mtu.to_string(),
        "tried up to 9000 only",
    );
    xdp(f, interface, &info, ours);
    let lro = tool.lro == Some(true);
    f.check(
        !lro,
        Verdict::Warn,
        &format!("{name} LRO"),
        if lro { "on" } else { "off" },
        "many drivers take no XDP with it: ethtool -K lro off",
    );
    if info.kind == "veth" {
        f.add(
            Verdict::Warn,
            &format!("{name} veth"),
            "answers leave by XDP_TX",
            "its peer needs an XDP program, if only XDP_PASS, and finished checksums: ethtool -K PEER tx off",
        );
    }
    if let Some(rp) = sysctl(&format!("net/ipv4/conf/{name}/rp_filter")) {
        let all = sysctl("net/ipv4/conf/all/rp_filter").unwrap_or_default();
        let strict = rp == "1" || (all == "1" && rp != "2");
        f.check(
            !strict,
            Verdict::Warn,
            &format!("{name} rp_filter"),
            format!("{rp} (all: {all})"),
            "strict mode drops asymmetric traffic; 2 is loose",
        );
    }
}

fn xdp(f: &mut Findings, interface: &Interface, info: &LinkInfo, ours: &[u32]) {
    let what = format!("{} XDP", interface.name);
    if info.xdp == Attached::None {
        let generic = interface.xdp_mode == XdpMode::Generic;
        return f.check(
            !generic,
            Verdict::Warn,
            &what,
            if generic {
                "free; generic mode is slow"
            } else {
                "free"
            },
            "use native mode if the driver has it",
        );
    }
    if ours.contains(&info.program) {
        return f.add(
            Verdict::Ok,
            &what,
            format!("rasline's program {} ({:?})", info.program, info.xdp).to_lowercase(),
            "",
        );
    }
    f.add(
        Verdict::Fail,
        &what,
        pins::describe_program(info.program),
        "another program is attached: stop its owner",
    );
}
