//! What people script against stands in the documents, and what stands there is so.
#![allow(clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn text(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}

/// Variants of an enum of a source file, and their fields, as serde writes them.
fn variants(source: &str, name: &str) -> BTreeMap<String, BTreeSet<String>> {
    let file = syn::parse_file(&text(source)).unwrap();
    let found = file.items.into_iter().find_map(|item| match item {
        syn::Item::Enum(e) if e.ident == name => Some(e),
        _ => None,
    });
    let found = found.unwrap_or_else(|| panic!("no enum {name} in {source}"));
    let field = |f: &syn::Field| f.ident.as_ref().unwrap().to_string();
    let fields = |v: &syn::Variant| v.fields.iter().map(field).collect();
    found
        .variants
        .iter()
        .map(|v| (snake(&v.ident.to_string()), fields(v)))
        .collect()
}

/// The first column of the tables under each heading of the third level; code only.
fn sections(document: &str) -> BTreeMap<String, BTreeSet<String>> {
    let code = |cell: &str| {
        let cell = cell.trim().strip_prefix('`')?;
        Some(cell.split_once('`')?.0.to_owned())
    };
    let mut sections: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut current = None;
    for line in document.lines() {
        if let Some(heading) = line.strip_prefix("### ") {
            current = code(heading);
            sections.entry(current.clone().unwrap()).or_default();
        } else if line.starts_with('#') {
            current = None;
        } else if let (Some(current), Some(row)) = (&current, line.strip_prefix('|')) {
            let cell = row.split('|').next().and_then(code);
            sections.get_mut(current).unwrap().extend(cell);
        }
    }
    sections
}

#[test]
fn every_event_is_documented() {
    let documented = sections(&text("docs/events.md"));
    let mut events = variants("userspace/core/src/event.rs", "EventKind");
    let causes = variants("userspace/core/src/event.rs", "Cause");
    // The cause stands beside the other fields.
    let withdrawn = events.get_mut("withdrawn").unwrap();
    withdrawn.extend(causes.values().flatten().cloned());
    withdrawn.extend(causes.into_keys());
    let why = variants(
        "userspace/core/src/learner/not_answered.rs",
        "NotAnsweredReason",
    );
    events
        .get_mut("not_answered")
        .unwrap()
        .extend(why.into_keys());
    let not_taken = variants("userspace/core/src/alternates/mod.rs", "NotTaken");
    let refused = events.get_mut("alternate_refused").unwrap();
    refused.extend(not_taken.into_keys());
    let moves = variants("userspace/core/src/failover/mod.rs", "MoveCause");
    let failover = events.get_mut("failover").unwrap();
    failover.extend(moves.into_keys());
    for (event, mut fields) in variants("userspace/core/src/agent/event.rs", "EventKind") {
        // It stands among the fields of every event.
        fields.remove("gatekeeper");
        events.insert(format!("agent_{event}"), fields);
    }
    for name in rasline::effects::describe::agents::name::ALL {
        assert!(events.contains_key(*name), "{name}");
    }
    for (event, fields) in &events {
        let section = documented
            .get(event)
            .unwrap_or_else(|| panic!("docs/events.md has no section `{event}`"));
        assert_eq!(section, fields, "fields of {event} in docs/events.md");
    }
    let own = rasline::effects::events::name::ALL;
    let served = rasline::effects::describe::served::name::ALL;
    let presence = rasline::effects::describe::presence::name::ALL;
    let calls = rasline::effects::describe::calls::name::ALL;
    let written = own.iter().chain(served).chain(presence).chain(calls);
    let written = written.copied();
    let known = events.keys().map(String::as_str).chain(written);
    let known: BTreeSet<&str> = known.collect();
    let headings: BTreeSet<&str> = documented.keys().map(String::as_str).collect();
    assert_eq!(headings, known, "sections of docs/events.md and events");
}

#[test]
fn evidence_is_documented() {
    let document = text("docs/events.md");
    let section = document.split("## Evidence").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let evidence = serde_json::to_value(rasline_core::health::Evidence::default()).unwrap();
    for field in evidence.as_object().unwrap().keys() {
        assert!(section.contains(&format!("| `{field}` |")), "{field}");
    }
}

/// The indented block after this line of a document.
fn block(document: &str, after: &str) -> String {
    let rest = document.split_once(after).unwrap().1;
    let lines = rest.lines().map_while(|line| {
        let indented = line.strip_prefix("    ");
        indented.or(line.is_empty().then_some(""))
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_rules_of_the_guide_are_those_that_are_printed() {
    let configuration = block(&text("README.md"), "A minimal configuration:\n");
    let config = rasline::config::Config::parse(Path::new("README.md"), &configuration).unwrap();
    let printed = rasline::firewall::rules(&config).replace('\t', "    ");
    let (_, printed) = printed.split_once("table inet").unwrap();
    let guide = text("docs/guide.md");
    let shown = block(&guide, "With the configuration of the README it is\n");
    assert_eq!(shown.trim(), format!("table inet{printed}").trim());
    assert!(guide.contains(rasline::firewall::ACCEPT));
}
