//! Formats a captured frame as one line of text.

use super::frame::Packet;
use crate::{cli::table, offline::Captured};

/// Time, direction, message, addresses, verdict and its reason. `seconds` is the time since 1970.
pub(super) fn of(frame: &Captured, interface: &str, seconds: f64) -> String {
    let direction = if frame.left { "out" } else { "in" };
    let (verdict, reason) = frame.verdict;
    let what = Packet::of(&frame.octets).map_or_else(
        || format!("{} octets", frame.frame_len),
        |packet| format!("{:<9}  {} > {}", packet.message(), packet.from, packet.to),
    );
    let time = table::clock(seconds);
    let time = time.split_once('T').map_or(&*time, |(_, time)| time);
    format!("{time}  {interface} {direction:<3}  {what}  {verdict}: {reason}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_one_line() {
        let frame = Captured {
            time_ns: 0,
            ifindex: 1,
            verdict: ("answer", "Answered."),
            left: true,
            frame_len: 60,
            octets: vec![0; 10],
        };
        let line = of(&frame, "lan0", 1_795_237_445.25);
        assert!(
            line.ends_with("  lan0 out  60 octets  answer: Answered."),
            "{line}"
        );
        assert!(
            line.contains(":04:05.250") || line.contains(":34:05.250"),
            "{line}"
        );
    }
}
