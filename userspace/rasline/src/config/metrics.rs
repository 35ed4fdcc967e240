//! `[metrics]`: the address where metrics are served.

use std::net::SocketAddr;

use serde::Deserialize;
use toml::Spanned;

use super::checker::Checker;

/// `[metrics]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename = "Metrics")]
pub(super) struct RawMetrics {
    listen: Option<Spanned<String>>,
}

impl RawMetrics {
    pub(super) fn check(self, c: &mut Checker<'_>) -> Option<SocketAddr> {
        let listen = self.listen?;
        let wrong = match listen.get_ref().parse::<SocketAddr>() {
            Ok(address) if address.port() == 0 => "has no port",
            Ok(address) if address.ip().is_multicast() => "is a multicast address",
            Ok(address) => return Some(address),
            Err(_) => "is not ADDRESS:PORT",
        };
        let what = format!(
            "\"{}\" {wrong}; write \"127.0.0.1:9719\" or \"[::1]:9719\"",
            listen.get_ref()
        );
        c.fail(Some(listen.span()), "listen", what);
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use crate::config::{
        Config,
        tests::{GOOD, errors},
    };

    #[test]
    fn metrics_are_off_unless_they_have_an_address() {
        let parsed = |text: &str| Config::parse(Path::new("r.toml"), text).unwrap().metrics;
        assert_eq!(parsed(GOOD), None);
        assert_eq!(parsed(&format!("[metrics]\n{GOOD}")), None);
        let at = parsed(&format!("[metrics]\nlisten = \"[::1]:9719\"\n{GOOD}"));
        assert_eq!(at, Some("[::1]:9719".parse().unwrap()));
        for (wrong, why) in [
            ("9719", "is not ADDRESS:PORT"),
            ("127.0.0.1:0", "has no port"),
            ("224.0.0.1:9719", "is a multicast address"),
        ] {
            let said = errors(&format!("[metrics]\nlisten = \"{wrong}\"\n{GOOD}"));
            assert_eq!(said.len(), 1);
            assert!(
                said[0].starts_with("r.toml:2: listen: ") && said[0].contains(why),
                "{said:?}"
            );
        }
    }
}
