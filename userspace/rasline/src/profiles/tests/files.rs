use proptest::{collection::vec, option::of, prelude::*};
use rasline_core::profile::{
    Authentication, CallModel, Limits, Neighbour, PlanRule, Subscription, TimeToLive,
};

use super::*;

fn toml(profiles: &mut Profiles, text: &str) -> Result<Imported, Vec<String>> {
    import_text(profiles, text, Format::Toml).map_err(|failures| told(&failures))
}

fn refused(text: &str, format: Format) -> Vec<String> {
    let folder = folder();
    let mut profiles = Profiles::open(folder.path());
    profiles.set(&peopled("hq")).unwrap();
    let failures = import_text(&mut profiles, text, format).unwrap_err();
    assert_eq!(
        profiles.all().unwrap().value,
        [peopled("hq")],
        "nothing was changed"
    );
    told(&failures)
}

#[test]
fn one_profile_or_several() {
    let folder = folder();
    let mut profiles = Profiles::open(folder.path());
    let one = "zone = \"a\"\ngatekeeper_identifier = \"GK\"\n[subscription]\non = true\nuntil = 2027-01-31T00:00:00Z\n[[endpoints]]\naliases = [\"1\"]\n";
    let imported = toml(&mut profiles, one).unwrap();
    assert_eq!(
        (imported.zones, imported.new, imported.endpoints),
        (vec!["a".to_owned()], 1, 1)
    );
    assert_eq!(
        profiles.get("a").unwrap().value.unwrap().subscription.until,
        Some(1_801_353_600)
    );
    let several = "[[profile]]\nzone = \"a\"\ngatekeeper_identifier = \"GK\"\n[[profile]]\nzone = \"b\"\ngatekeeper_identifier = \"GK\"\n";
    assert_eq!(toml(&mut profiles, several).unwrap().new, 1);
    assert_eq!(profiles.get("a").unwrap().value.unwrap().endpoints, []);
    let json =
        r#"{"zone": "c", "gatekeeper_identifier": "GK", "subscription": {"until": "2027-01-31"}}"#;
    import_text(&mut profiles, json, Format::Json).unwrap();
    assert_eq!(profiles.all().unwrap().value.len(), 3);
    assert_eq!(
        toml(&mut profiles, "profile = []").unwrap(),
        Imported::default()
    );
}

#[test]
fn only_the_zone_that_was_named() {
    let folder = folder();
    let mut profiles = Profiles::open(folder.path());
    let text = render(&[profile("a"), profile("b")], Format::Json).unwrap();
    let mut import = Import {
        name: "f.json",
        text: &text,
        format: Format::Json,
        zone: Some("b"),
    };
    profiles.import(&import).unwrap();
    assert_eq!(profiles.all().unwrap().value, [profile("b")]);
    import.zone = Some("c");
    assert_eq!(
        told(&profiles.import(&import).unwrap_err()),
        ["f.json: zone \"c\": no profile of this zone in the file; name another zone or file"]
    );
}

#[test]
fn a_file_with_one_error_changes_nothing() {
    for (text, wanted) in [
        (
            "zone = \"a\"\nzone = \"b\"\n",
            "text:2: duplicate key; correct it; nothing was imported",
        ),
        (
            "zone = \"a\"\n",
            "text:1: missing field `gatekeeper_identifier`; correct it; nothing was imported",
        ),
        (
            "[[profile]]\nzone = \"a\"\ngatekeeper_identifier = \"G\"\n[[profile.endpoints]]\naliases = [\"1\"]\nras_address = \"here\"\n",
            "text:6: invalid socket address syntax; correct it; nothing was imported",
        ),
        (
            "zone = \"a\"\ngatekeeper_identifier = \"G\"\n[subscription]\nuntil = \"soon\"\n",
            "text:4: \"soon\" is not a date; write 2027-01-31, 2027-01-31T12:00:00Z, or seconds since 1970; correct it; nothing was imported",
        ),
        (
            "[[profile]]\nzone = \"a\"\ngatekeeper_identifier = \"G\"\n[[profile]]\nzone = \"a\"\ngatekeeper_identifier = \"H\"\n",
            "text: zone \"a\": duplicate profile; remove one of the two",
        ),
    ] {
        assert_eq!(refused(text, Format::Toml), [wanted]);
    }
    assert_eq!(
        refused("[\n{\"zone\": \"a\"}]", Format::Json),
        ["text:2: missing field `gatekeeper_identifier`; correct it; nothing was imported"]
    );
    let unknown = refused("zone = \"a\"\ncolour = 1\n", Format::Toml);
    assert!(
        unknown[0].starts_with("text:2: unknown field `colour`, expected one of `zone`, "),
        "{unknown:?}"
    );
}

#[test]
fn all_that_is_wrong_is_told() {
    let mut bad = [peopled("hq"), profile("x"), profile("y")];
    bad[0].prefixes.push("a".into());
    bad[0].endpoints[1].aliases.push("1001".into());
    bad[2].time_to_live.max = 1;
    let text = serde_json::to_string(&bad).unwrap();
    assert_eq!(
        refused(&text, Format::Json),
        [
            "text: zone \"hq\": prefixes[0]: \"a\" is not made of digits; use 1 to 128 of 0-9, * and #",
            "text: zone \"hq\": endpoints[1] (gw).aliases: duplicate \"1001\", already used by endpoints[0]; remove one of the two",
            "text: zone \"y\": time_to_live: min 30, default 300, max 1 are not in order; use 1 <= min <= default <= max",
        ]
    );
}

#[test]
fn passwords_stay_where_none_is_given() {
    let folder = folder();
    let mut profiles = Profiles::open(folder.path());
    profiles.set(&peopled("hq")).unwrap();
    let mut public = peopled("hq");
    without_passwords(&mut public);
    let text = render(&[public.clone()], Format::Toml).unwrap();
    assert!(!text.contains("password"), "{text}");
    toml(&mut profiles, &text).unwrap();
    assert_eq!(profiles.get("hq").unwrap().value, Some(peopled("hq")));
    public.endpoints[0].password = Some("two".into());
    toml(
        &mut profiles,
        &render(&[public.clone()], Format::Toml).unwrap(),
    )
    .unwrap();
    assert_eq!(profiles.get("hq").unwrap().value, Some(public.clone()));
    // An empty one takes it off.
    let off = text.replacen("aliases =", "password = \"\"\naliases =", 1);
    toml(&mut profiles, &off).unwrap();
    public.endpoints[0].password = None;
    assert_eq!(profiles.get("hq").unwrap().value, Some(public));
}

#[test]
fn many_endpoints() {
    let folder = folder();
    let mut profiles = Profiles::open(folder.path());
    let mut large = profile("hq");
    large.endpoints = (0..20_000_u32)
        .map(|i| KnownEndpoint {
            aliases: vec![format!("user-{i}"), format!("{}", 1_000_000 + i)],
            ..KnownEndpoint::default()
        })
        .collect();
    let text = serde_json::to_string(&large).unwrap();
    let imported = import_text(&mut profiles, &text, Format::Json).unwrap();
    assert_eq!(imported.endpoints, 20_000);
    let loaded = profiles.load();
    assert_eq!(*loaded.profiles[0], large);
}

fn address() -> impl Strategy<Value = std::net::SocketAddr> {
    prop_oneof![
        (1_u8..224, any::<u8>(), 1_u16..).prop_map(|(a, b, port)| ([a, b, 0, 1], port).into()),
        (1_u16..0xff, 1_u16..)
            .prop_map(|(a, port)| ([0x2001, 0xdb8, 0, 0, 0, 0, 0, a], port).into()),
    ]
}

fn endpoint_of(i: usize) -> impl Strategy<Value = KnownEndpoint> {
    let name = "[ -~\u{a0}-\u{2ff}]{0,20}".prop_map(move |text| format!("e{i}{text}"));
    let digits = "[0-9]{0,5}".prop_map(move |text| format!("{i}#{text}"));
    let parts = (
        name,
        of(digits),
        vec("[0-9]{1,4}", 0..3),
        of("[!-~ ]{0,10}x"),
        of(address()),
        of(address()),
    );
    parts.prop_map(
        move |(name, digits, prefixes, password, signal, ras)| KnownEndpoint {
            aliases: std::iter::once(name).chain(digits).collect(),
            prefixes,
            password,
            call_signal_address: signal,
            ras_address: ras,
            endpoint_identifier: ras.map(|_| format!("{i}_GK")),
        },
    )
}

fn anything() -> impl Strategy<Value = Profile> {
    let head = (
        "[!-~]{1,20}",
        "[ -~\"']{0,20}x",
        any::<(bool, Option<u64>)>(),
        (1_u32..30, 30_u32..300, 300_u32..),
        of(address()),
        0_usize..3,
        any::<([u32; 4], bool)>(),
    );
    let rule = ("[0-9*#]{1,5}", any::<u8>(), "[0-9]{0,3}");
    let neighbour = (
        "[A-Z]{1,3}",
        address(),
        vec("[0-9]{1,4}", 0..3),
        any::<bool>(),
    );
    let endpoints = (0_usize..6).prop_flat_map(|n| (0..n).map(endpoint_of).collect::<Vec<_>>());
    (head, of(rule), of("[0-9]{1,3}"), of(neighbour), endpoints).prop_map(
        |(
            (zone, tenant, (on, until), (min, default, max), routed, auth, (limits, admit_unknown)),
            rule,
            prefix,
            neighbour,
            endpoints,
        )| Profile {
            gatekeeper_identifier: zone.clone(),
            reach: vec![format!("{zone}'s other")],
            zone,
            tenant,
            subscription: Subscription { on, until },
            time_to_live: TimeToLive { default, min, max },
            call_model: routed.map_or(CallModel::Direct, CallModel::GatekeeperRouted),
            authentication: [
                Authentication::None,
                Authentication::Md5,
                Authentication::HmacSha1,
            ][auth],
            limits: Limits {
                registrations: limits[0],
                calls: limits[1],
                call_bandwidth: limits[2],
                bandwidth: limits[3],
            },
            admit_unknown,
            prefixes: prefix.into_iter().collect(),
            plan: rule
                .map(|(prefix, strip, add)| PlanRule { prefix, strip, add })
                .into_iter()
                .collect(),
            neighbours: neighbour
                .map(|(id, address, prefixes, answered)| Neighbour {
                    id,
                    address,
                    prefixes,
                    answered,
                })
                .into_iter()
                .collect(),
            endpoints,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What is exported can be imported, and is the same then.
    #[test]
    fn there_and_back(mut all in vec(anything(), 0..4), json in any::<bool>()) {
        for (i, profile) in all.iter_mut().enumerate() {
            profile.zone.insert_str(0, &i.to_string());
            // TOML has no larger integers.
            let until = &mut profile.subscription.until;
            *until = until.map(|unix| unix.min(i64::MAX.cast_unsigned()));
            prop_assert_eq!(profile.check(), Ok(()));
        }
        let format = if json { Format::Json } else { Format::Toml };
        let text = render(&all, format).unwrap();
        let folder = folder();
        let mut profiles = Profiles::open(folder.path());
        import_text(&mut profiles, &text, format).map_err(|f| TestCaseError::fail(format!("{f:?}\n{text}")))?;
        prop_assert_eq!(profiles.all().unwrap().value, all);
    }

    #[test]
    fn any_text_is_taken(text in "\\PC{0,60}|(zone|profile|=|\\[|\\]|\"|\n|,|1|\\{|\\}){0,30}") {
        let _ = format::toml("x", &text);
        let _ = format::json("x", &text);
        let _ = format::directory::parse("x", &text);
    }
}
