//! Prepares the far end of a veth pair for rasline on the near end: an XDP program that passes everything, since
//! XDP_TX over veth needs one on the peer, and finished checksums. `netns-scripts/up.sh` uses it.

use std::{path::Path, process::ExitCode};

use anyhow::{Result, bail};
use rasline_testkit::{Netns, netns, xdp};

fn main() -> ExitCode {
    match prepare() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rasline-peer: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn prepare() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [namespace, interface, pin] = &words[..] else {
        bail!(
            "usage: rasline-peer NAMESPACE INTERFACE PIN (a new path in /sys/fs/bpf; remove it to detach)"
        );
    };
    netns::need_root()?;
    let namespace = Netns::open(namespace)?;
    xdp::no_checksum_offload(&namespace, interface)?;
    xdp::attach_pass(&namespace, interface, "rasline_peer")?.pin(Path::new(pin))
}
