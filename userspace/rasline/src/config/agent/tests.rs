//! What an `[[agent]]` means, and the errors about it.

use std::path::Path;

use super::*;
use crate::config::Config;

const AGENT: &str = r#"
[[agent]]
name = "gw"
ras_address = "192.0.2.10"
gatekeepers = ["192.0.2.1", "192.0.2.2:1819"]

[[agent.device]]
aliases = ["gw", "4400"]
prefixes = ["44"]
"#;

fn parsed(text: &str) -> Result<Config, Vec<String>> {
    Config::parse(Path::new("r.toml"), text)
        .map_err(|all| all.iter().map(ToString::to_string).collect())
}

fn with(from: &str, to: &str) -> Vec<String> {
    assert!(AGENT.contains(from), "{from}");
    parsed(&AGENT.replacen(from, to, 1)).unwrap_err()
}

#[test]
fn an_agent_alone_is_enough() {
    let config = parsed(AGENT).unwrap();
    assert!(config.zones.is_empty() && config.interfaces.is_empty());
    let agent = &config.agents[0];
    assert_eq!(agent.ras_address, "192.0.2.10:1719".parse().unwrap());
    assert_eq!(
        agent.call_signal_address,
        "192.0.2.10:1720".parse().unwrap()
    );
    assert_eq!(agent.gatekeepers[1], "192.0.2.2:1819".parse().unwrap());
    assert_eq!(
        (agent.time_to_live, agent.t1, agent.silence),
        (
            Duration::from_mins(5),
            Duration::from_secs(1),
            Duration::from_secs(3)
        )
    );
    assert_eq!(agent.signalling, Signalling::Auto);
    assert_eq!(agent.allowed_alternates, None);
    assert!(agent.status_enquiry.is_none());
    assert_eq!(agent.credentials, None);
    let wanted = agent.wanted(AgentId(7), 1);
    assert_eq!(wanted.devices[0].prefixes, ["44"]);
    assert_eq!(wanted.gatekeepers.len(), 2);
}

#[test]
fn a_connection_is_kept_as_the_mode_says() {
    for (text, mode) in [
        ("\"auto\"", Signalling::Auto),
        ("\"hold\"", Signalling::Hold),
        ("\"per-call\"", Signalling::PerCall),
        ("\"off\"", Signalling::Off),
        ("true", Signalling::Auto),
        ("false", Signalling::Off),
    ] {
        let line = format!("signalling = {text}\n[[agent.device]]");
        let config = parsed(&AGENT.replace("[[agent.device]]", &line)).unwrap();
        assert_eq!(config.agents[0].signalling, mode, "{text}");
    }
}

#[test]
fn alternates_may_be_where_it_is_allowed() {
    let line = "allowed_alternates = [\"192.0.2.0/28\"]\n[[agent.device]]";
    let config = parsed(&AGENT.replace("[[agent.device]]", line)).unwrap();
    let wanted = config.agents[0].wanted(AgentId(7), 1);
    let allowed = wanted.allowed_alternates.unwrap();
    assert!(allowed[0].contains("192.0.2.15".parse().unwrap()));
    assert!(!allowed[0].contains("192.0.2.16".parse().unwrap()));
    for (wrong, error) in [
        ("192.0.2.1/28", "bits set"),
        ("2001:db8::/64", "different address families"),
    ] {
        let line = line.replace("192.0.2.0/28", wrong);
        let said = with("[[agent.device]]", &line).join("\n");
        assert!(said.contains(error), "{said}");
    }
}

#[test]
fn the_first_alias_signs() {
    let text = AGENT.replace("[[agent.device]]", "password = \"x\"\n[[agent.device]]");
    let credentials = parsed(&text).unwrap().agents[0]
        .credentials
        .clone()
        .unwrap();
    assert_eq!(credentials.identifier, "gw");
    assert_eq!(credentials.mechanism, Authentication::Md5);
    let text = text.replace(
        "password",
        "h235 = \"hmac-sha1\"\nidentifier = \"i\"\npassword",
    );
    let credentials = parsed(&text).unwrap().agents[0]
        .credentials
        .clone()
        .unwrap();
    assert_eq!(credentials.identifier, "i");
    assert_eq!(credentials.mechanism, Authentication::HmacSha1);
}

#[test]
fn answers_are_verified_by_hmac_only() {
    let with =
        |lines: &str| AGENT.replace("[[agent.device]]", &format!("{lines}\n[[agent.device]]"));
    let hmac = "password = \"x\"\nh235 = \"hmac-sha1\"\n";
    let agent = |text: &str| parsed(text).map(|config| config.agents[0].answers);
    assert_eq!(agent(&with(hmac)).unwrap(), Answers::Learned);
    for (word, answers) in [
        ("learned", Answers::Learned),
        ("verified", Answers::Verified),
        ("any", Answers::Any),
    ] {
        let line = format!("answers = \"{word}\"");
        assert_eq!(agent(&with(&format!("{hmac}{line}"))).unwrap(), answers);
        for (other, error) in [("", "without password"), ("password = \"x\"\n", "MD5")] {
            let result = agent(&with(&format!("{other}{line}")));
            if answers == Answers::Any {
                assert_eq!(result.unwrap(), answers);
            } else {
                let said = result.unwrap_err().join("\n");
                assert!(said.contains(error), "{said}");
            }
        }
    }
}

#[test]
fn what_is_wrong_is_said() {
    for (from, to, error) in [
        (
            "\"192.0.2.10\"",
            "\"0.0.0.0\"",
            "r.toml:4: ras_address: \"0.0.0.0\" is a wildcard address, but it is announced to peers; use a concrete address",
        ),
        (
            "\"192.0.2.10\"",
            "\"192.0.2.10:0\"",
            "r.toml:4: ras_address: \"192.0.2.10:0\" has port 0; leave the port out, or use another one",
        ),
        (
            "\"192.0.2.1\"",
            "\"2001:db8::1\"",
            "r.toml:5: gatekeepers: [2001:db8::1]:1719 and 192.0.2.10 are of different address families; use IPv4 or IPv6 for both",
        ),
        (
            "\"192.0.2.2:1819\"",
            "\"192.0.2.1:1719\"",
            "r.toml:5: gatekeepers: duplicate address 192.0.2.1:1719; remove one",
        ),
        (
            "[\"192.0.2.1\", \"192.0.2.2:1819\"]",
            "[]",
            "r.toml:2: gatekeepers: no gatekeepers configured; list them or set discovery = \"multicast\"",
        ),
        (
            "[\"44\"]",
            "[\"x\"]",
            "r.toml:9: prefixes: \"x\" is not a dialled prefix; use digits, # and *",
        ),
        (
            "\"gw\"\nras",
            "\"gw\"\nkind = \"terminal\"\nras",
            "r.toml:10: prefixes: terminals have no prefixes; set kind = \"gateway\", or remove them",
        ),
        (
            "\"gw\", \"4400\"",
            "\"gw\", \"gw\"",
            "r.toml:8: aliases: duplicate alias \"gw\"; remove one",
        ),
        (
            "\n[[agent.device]]",
            "h235 = \"md5\"\n[[agent.device]]",
            "r.toml:6: h235: has no effect without password; set both",
        ),
        (
            "\n[[agent.device]]",
            "time_to_live = \"1m1ms\"\n[[agent.device]]",
            "r.toml:6: time_to_live: timeToLive is in whole seconds; remove the fraction",
        ),
        (
            "\n[[agent.device]]",
            "silence = \"1ms\"\n[[agent.device]]",
            "r.toml:6: silence: 1ms is out of range; use 1s to 10m",
        ),
    ] {
        assert_eq!(with(from, to), [error]);
    }
    assert!(with("ras_address", "ras_adress")[0].starts_with("r.toml:4: ras_adress: unknown key"));
    let twice = parsed(&format!("{AGENT}{AGENT}")).unwrap_err();
    assert!(
        twice[0].contains("duplicate agent name \"gw\""),
        "{twice:?}"
    );
    assert!(
        twice[1].contains("already used by another agent"),
        "{twice:?}"
    );
}

#[test]
fn without_any_agent_zones_and_interfaces_are_needed() {
    assert!(parsed("").unwrap_err().len() >= 2);
    let interface = "[[interface]]\nname = \"x\"\nside = \"both\"\n";
    assert!(parsed(&format!("{AGENT}{interface}")).is_err());
}
