//! How long it takes to import a profile of so many endpoints, and to load it:
//! `cargo run --release -p rasline --example profile_import -- 100000`.
#![allow(clippy::unwrap_used)]

use std::{fmt::Write as _, time::Instant};

use rasline::profiles::{Format, Profiles, Source, import_text, render};
use rasline_core::profile::KnownEndpoint;

fn main() {
    let wanted = std::env::args().nth(1);
    let count: u32 = wanted.map_or(100_000, |text| text.parse().expect("a number of endpoints"));
    for format in [Format::Json, Format::Toml, Format::Ldif] {
        measure(format, count);
    }
}

fn measure(format: Format, count: u32) {
    let folder = tempfile::tempdir().unwrap();
    let mut profiles = Profiles::open(folder.path());
    profiles.edit("hq", true, |_| Ok(())).unwrap();
    let text = match format {
        Format::Ldif => directory(count),
        _ => file(&mut profiles, count, format),
    };
    let begin = Instant::now();
    let imported = import_text(&mut profiles, &text, format).unwrap();
    let import = begin.elapsed();
    assert_eq!(imported.endpoints, count as usize);
    let begin = Instant::now();
    // The first load copies the database, too.
    let loaded = profiles.load();
    let first = begin.elapsed();
    assert_eq!(loaded.source, Source::Database);
    let begin = Instant::now();
    profiles.load();
    println!(
        "{format:?}: {count} endpoints, {} octets: import {import:.2?}, load and copy {first:.2?}, load {:.2?}",
        text.len(),
        begin.elapsed()
    );
}

fn file(profiles: &mut Profiles, count: u32, format: Format) -> String {
    let mut profile = profiles.get("hq").unwrap().value.unwrap();
    let endpoint = |i: u32| KnownEndpoint {
        aliases: vec![format!("user-{i}"), (1_000_000 + i).to_string()],
        password: Some(format!("password-{i}")),
        ..KnownEndpoint::default()
    };
    profile.endpoints = (0..count).map(endpoint).collect();
    render(&[profile], format).unwrap()
}

fn directory(count: u32) -> String {
    let mut text = String::from("version: 1\n");
    for i in 0..count {
        write!(
            text,
            "\ndn: commUniqueId={i},ou=h350,dc=example,dc=com\nobjectClass: commObject\nobjectClass: h323Identity\n\
             h323IdentityGKDomain: hq\nh323Identityh323-ID: user-{i}\nh323IdentitydialedDigits: {}\n\
             h235IdentityPassword: password-{i}\n",
            1_000_000 + i
        )
        .unwrap();
    }
    text
}
