//! The second part: a call whose gatekeeper is killed.

use std::time::Duration;

use anyhow::{Context, Result};
use rasline_testkit::{Ended, Stack, topology, wait};
use rasline_tests::{call_site::CallSite, report::Report};

use super::{note, step};

/// How long the call goes on after that.
const WITHOUT: Duration = Duration::from_secs(4);

/// Two phones call each other through rasline; their gatekeeper is killed; they go on.
pub fn show_call(report: &mut Report) -> Result<()> {
    step(
        "Another site: two phones and two gatekeepers; rasline ends call signalling on both sides.",
    );
    note(
        "ras = \"proxy\", call_signalling = \"proxy\"; both phones drop a call when its signalling breaks",
    );
    let mut site = CallSite::new(&[Stack::H323plus, Stack::Ooh323c], true)?;
    step(
        "5001 calls 5002. The first gatekeeper routes the call; audio goes between the phones directly.",
    );
    site.call()?;
    print_calls(&site)?;
    step(&format!(
        "That gatekeeper is killed. The second one gets control of the call, which goes on for {} s.",
        WITHOUT.as_secs()
    ));
    let before = site.received();
    site.gatekeepers[0] = None;
    site.await_control(topology::GATEKEEPER_2)?;
    std::thread::sleep(WITHOUT);
    let received: usize = (site.received().iter().zip(&before))
        .map(|(now, before)| now - before)
        .sum();
    print_calls(&site)?;
    let kept = site.gatekeepers[1]
        .as_ref()
        .context("the second gatekeeper")?;
    let controlled = kept.see(|gatekeeper| gatekeeper.calls().len());
    report.equal(
        "call, gatekeeper killed: calls at the next one",
        1,
        controlled,
    );
    report.equal(
        "call, gatekeeper killed: messages to the phones",
        0,
        received,
    );
    site.press(0, "42#", "42#")?;
    note("keys that one phone presses reach the other: 42#");
    step("5002 hangs up, which the second gatekeeper gets as well.");
    site.hang_up(1)?;
    let kept = site.gatekeepers[1]
        .as_ref()
        .context("the second gatekeeper")?;
    kept.wait("the end of the call", wait::PATIENCE, |one| {
        one.calls().is_empty()
    })?;
    let lost: usize = (site.phones.iter())
        .map(|phone| phone.see(|phone| phone.reception().lost()))
        .sum();
    report.equal("call, gatekeeper killed: packets of audio lost", 0, lost);
    let ended = site.phones[0].see(|phone| phone.ended().last().copied());
    let ended = ended.context("the caller's call did not end")?;
    let ended = match ended {
        Ended::There(_) => "ReleaseComplete".to_owned(),
        other => format!("{other:?}"),
    };
    report.equal(
        "call, gatekeeper killed: how the other phone learns its end",
        "ReleaseComplete".to_owned(),
        ended,
    );
    Ok(())
}

fn print_calls(site: &CallSite) -> Result<()> {
    println!("\n$ rasline call list");
    print!("{}", site.controller.text(&["call", "list"])?);
    Ok(())
}
