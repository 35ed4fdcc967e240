//! Logs: tracing to stderr, filtered by `RASLINE_LOG`; under systemd in journald's form.

use std::{fmt, io::IsTerminal};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{
    EnvFilter,
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

/// A line as journald reads it from stderr: syslog priority, no time, no colour.
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

/// What is logged; the loader's own debugging only where it is named.
fn filter(wish: Option<&str>) -> EnvFilter {
    let wish = wish.filter(|w| !w.is_empty()).unwrap_or("info");
    let quiet = if wish.contains("aya") {
        ""
    } else {
        ",aya=info,aya_obj=info"
    };
    EnvFilter::try_new(format!("{wish}{quiet}")).unwrap_or_else(|_| EnvFilter::new("info"))
}

/// Sets logging up, once, for the controller.
pub fn init() {
    let filter = filter(std::env::var("RASLINE_LOG").ok().as_deref());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A second call (in tests) changes nothing.
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
