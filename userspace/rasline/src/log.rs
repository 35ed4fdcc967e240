//! Logging with tracing to stderr, filtered by `RASLINE_LOG`; under systemd in journald's format.
//!
//! Invariant: an event is one line, even if it contains text from the network.

use std::{fmt, io::IsTerminal};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{
    EnvFilter,
    field::RecordFields,
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{DefaultFields, Writer},
    },
    registry::LookupSpan,
};

use crate::printable::escape;

/// Formats an event's text and fields, escaped for a terminal.
struct Escaped;

impl<'w> FormatFields<'w> for Escaped {
    fn format_fields<R: RecordFields>(&self, mut out: Writer<'w>, fields: R) -> fmt::Result {
        let mut text = String::new();
        DefaultFields::new().format_fields(Writer::new(&mut text), fields)?;
        out.write_str(&escape(&text))
    }
}

/// Formats lines for journald: with syslog priority, without time and colour.
struct Journal;

impl<S, N> FormatEvent<S, N> for Journal
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        write!(out, "<{}>", priority(*event.metadata().level()))?;
        ctx.format_fields(out.by_ref(), event)?;
        writeln!(out)
    }
}

fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

/// The filter for log lines; aya's debug messages only if `RASLINE_LOG` names aya.
fn filter(wish: Option<&str>) -> EnvFilter {
    let wish = wish.filter(|w| !w.is_empty()).unwrap_or("info");
    let quiet = if wish.contains("aya") {
        ""
    } else {
        ",aya=info,aya_obj=info"
    };
    EnvFilter::try_new(format!("{wish}{quiet}")).unwrap_or_else(|_| EnvFilter::new("info"))
}

/// Sets up logging for the controller; call it once.
pub fn init() {
    let filter = filter(std::env::var("RASLINE_LOG").ok().as_deref());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .fmt_fields(Escaped)
        // A log that cannot be written must not end the controller.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    // A second call (in tests) has no effect.
    let _ = if std::env::var_os("JOURNAL_STREAM").is_some() {
        builder.event_format(Journal).try_init()
    } else {
        builder
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .try_init()
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loader_is_quiet_unless_named() {
        assert_eq!(filter(None).to_string(), filter(Some("")).to_string());
        assert!(filter(Some("debug")).to_string().contains("aya=info"));
        assert_eq!(filter(Some("aya=debug")).to_string(), "aya=debug");
        assert_eq!(filter(Some("=:=")).to_string(), "info");
    }

    /// What is logged goes where a test can read it.
    #[derive(Clone, Default)]
    struct Page(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

    impl std::io::Write for Page {
        fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(octets);
            Ok(octets.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn text_of_the_network_stays_on_its_line() {
        let forged = "x\u{1b}[2J\u{9b}2J\n<3>forged\u{202e}\u{2028}";
        for journal in [true, false] {
            let page = Page::default();
            let to = page.clone();
            let builder = tracing_subscriber::fmt()
                .fmt_fields(Escaped)
                .with_writer(move || to.clone());
            let log = || {
                tracing::info!("{forged}");
                tracing::warn!(alias = forged, "field");
            };
            if journal {
                tracing::subscriber::with_default(builder.event_format(Journal).finish(), log);
            } else {
                tracing::subscriber::with_default(builder.with_ansi(false).finish(), log);
            }
            let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
            assert_eq!(text.lines().count(), 2, "{text}");
            assert!(
                text.chars().all(|c| c == '\n' || (' '..='~').contains(&c)),
                "{text:?}"
            );
        }
    }

    #[test]
    fn priorities_are_those_of_syslog() {
        let all = [
            Level::ERROR,
            Level::WARN,
            Level::INFO,
            Level::DEBUG,
            Level::TRACE,
        ];
        assert_eq!(all.map(priority), [3, 4, 6, 7, 7]);
    }
}
