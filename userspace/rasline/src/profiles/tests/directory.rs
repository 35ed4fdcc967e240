use super::*;

/// As a directory exports it.
const EXPORT: &str = "version: 1

dn: ou=h350,dc=example,dc=com
objectClass: organizationalUnit
ou: h350

# alice
dn: commUniqueId=1,ou=h350,dc=example,dc=com
objectClass: commObject
objectClass: h323Identity
objectClass: h235Identity
commUniqueId: 1
h323IdentityGKDomain: gk.example.com
h323Identityh323-ID: alice
h323IdentitydialedDigits: 1001
h323IdentitydialedDigits: 19195551
 001
h323Identityemail-ID: alice@example.com
h323IdentityURL-ID: h323:alice@example.com
h323IdentitytransportID: 10.0.0.1:1720
h323IdentitypartyNumber: 19195551001
h323IdentityEndpointType: terminal
h323IdentityServiceLevel: gold
h235IdentityEndpointID: alice
h235IdentityPassword:: c2VjcmV0

dn:: Y29tbVVuaXF1ZUlkPTIsZGM9ZXhhbXBsZQ==
objectClass: h323Identity
h323IdentityGKDomain: HQ
h323Identityh323-ID:: w7xiZXI=
h323IdentitytransportID: gw.example.com
h323IdentitytransportID: ip:10.0.0.2
h323IdentityEndpointType: gateway
";

fn hq() -> Profile {
    Profile {
        gatekeeper_identifier: "gk.example.com".into(),
        ..peopled("hq")
    }
}

fn with(profile: &Profile) -> (tempfile::TempDir, Profiles) {
    let folder = folder();
    let mut profiles = Profiles::open(folder.path());
    profiles.set(profile).unwrap();
    (folder, profiles)
}

#[test]
fn endpoints_of_a_directory_join_their_zone() {
    let (_folder, mut profiles) = with(&hq());
    let imported = import_text(&mut profiles, EXPORT, Format::Ldif).unwrap();
    assert_eq!(
        (imported.endpoints, imported.others, imported.new),
        (2, 1, 0)
    );
    assert_eq!(imported.zones, ["hq"]);
    let left_out: Vec<_> = imported.left_out.into_iter().collect();
    assert_eq!(
        left_out,
        [
            ("h323IdentitypartyNumber", 1),
            ("h323IdentitytransportID", 1)
        ]
    );
    let endpoints = profiles.get("hq").unwrap().value.unwrap().endpoints;
    assert_eq!(endpoints.len(), 3);
    let alice = KnownEndpoint {
        password: Some("secret".into()),
        call_signal_address: Some("10.0.0.1:1720".parse().unwrap()),
        ..endpoint(&[
            "alice",
            "1001",
            "19195551001",
            "h323:alice@example.com",
            "alice@example.com",
        ])
    };
    assert_eq!(endpoints[0], alice);
    assert_eq!(endpoints[1], hq().endpoints[1]);
    let other = KnownEndpoint {
        call_signal_address: Some("10.0.0.2:1720".parse().unwrap()),
        ..endpoint(&["über"])
    };
    assert_eq!(endpoints[2], other);
    // Once more changes nothing.
    import_text(&mut profiles, EXPORT, Format::Ldif).unwrap();
    assert_eq!(
        profiles.get("hq").unwrap().value.unwrap().endpoints,
        endpoints
    );
}

fn entry(lines: &str) -> String {
    format!("dn: cn=x\nh323IdentityGKDomain: hq\n{lines}\n")
}

fn refused(text: &str) -> Vec<String> {
    let (_folder, mut profiles) = with(&hq());
    let failures = import_text(&mut profiles, text, Format::Ldif).unwrap_err();
    assert_eq!(profiles.all().unwrap().value, [hq()], "nothing was changed");
    told(&failures)
}

#[test]
fn a_number_may_move_from_one_to_another() {
    let (_folder, mut profiles) = with(&hq());
    let text = entry("h323Identityh323-ID: bob\nh323IdentitydialedDigits: 1001\n")
        + &entry("h323Identityh323-ID: alice\nh323IdentitydialedDigits: 1002\n");
    import_text(&mut profiles, &text, Format::Ldif).unwrap();
    let endpoints = profiles.get("hq").unwrap().value.unwrap().endpoints;
    assert_eq!(endpoints[0].aliases, ["alice", "1002"]);
    assert_eq!(
        endpoints[0].password.as_deref(),
        Some("one"),
        "it stays where none is given"
    );
    assert_eq!(endpoints[2].aliases, ["bob", "1001"]);
}

#[test]
fn what_is_wrong_is_told_with_line_and_name() {
    for (text, wanted) in [
        (
            entry("h323Identityh323-ID: a\nbroken\n"),
            "text:4: is not `attribute: value`; export the entries as LDIF (RFC 2849), values included; nothing was imported",
        ),
        (
            entry("h323IdentityServiceLevel: gold\n"),
            "text:1: cn=x: has no alias; fill it in, or remove the key",
        ),
        (
            entry("h323IdentityURL-ID: h323:\u{fc}\n"),
            "text:1: cn=x: \"h323:\u{fc}\" is not a valid H.323 alias; use up to 128 digits, an ASCII URL of up to 512 characters, or a name of up to 256",
        ),
        (
            entry("h323Identityh323-ID: a\nh235IdentityPassword: {SSHA}x\n"),
            "text:1: cn=x: h235IdentityPassword is a hash, which H.235 cannot use; export the password in clear text, or without this attribute",
        ),
        (
            entry("h323Identityh323-ID: a\nh235IdentityPassword: x\nh235IdentityPassword: y\n"),
            "text:1: cn=x: duplicate h235IdentityPassword; remove one",
        ),
        (
            entry("h323Identityh323-ID:: /w==\n"),
            "text:1: cn=x: h323identityh323-id is not UTF-8; correct it in the directory",
        ),
        (
            entry("h323Identityh323-ID: a\nh323IdentitytransportID: 0.0.0.0\n"),
            "text:1: cn=x: 0.0.0.0:1720 is not the address and port of a host; use a unicast address and a port other than 0",
        ),
        (
            entry("h323Identityh323-ID: gw2\nh323IdentitydialedDigits: 1001\n"),
            "text:1: cn=x: duplicate alias \"1001\", already used by endpoints[0] of the profile; remove one of the two",
        ),
        (
            entry("h323Identityh323-ID: a\n")
                + &entry(
                    "h323Identityh323-ID: b\nh323IdentitydialedDigits: 1\nh323Identityemail-ID: a\n",
                ),
            "text:5: cn=x: duplicate alias \"a\", already used by text:1: cn=x; remove one of the two",
        ),
        (
            entry("h323Identityh323-ID: alice\n") + &entry("h323Identityh323-ID: alice\n"),
            "text:5: cn=x: names the same endpoint as text:1: cn=x; remove one of the two",
        ),
        (
            "dn: cn=x\nh323Identityh323-ID: a\n".into(),
            "text:1: cn=x: has no h323IdentityGKDomain; give the zone with --zone",
        ),
        (
            "dn: cn=x\nh323Identityh323-ID: a\nh323IdentityGKDomain: lab\n".into(),
            "text:1: cn=x: no profile has h323IdentityGKDomain \"lab\" as its zone or gatekeeperIdentifier; give the zone with --zone, or create the profile first",
        ),
    ] {
        assert_eq!(refused(&text), [wanted], "{text}");
    }
}

#[test]
fn a_domain_that_fits_two_zones_is_told() {
    let (_folder, mut profiles) = with(&hq());
    let twin = Profile {
        tenant: "other".into(),
        zone: "b".into(),
        ..hq()
    };
    profiles.set(&twin).unwrap();
    let text = entry("h323Identityh323-ID: a\n").replace(": hq", ": GK.example.com");
    let failures = import_text(&mut profiles, &text, Format::Ldif).unwrap_err();
    assert_eq!(
        told(&failures),
        [
            "text:1: cn=x: h323IdentityGKDomain \"GK.example.com\" matches several zones: b, hq; give the zone with --zone"
        ]
    );
    let import = Import {
        name: "dir.ldif",
        text: &text,
        format: Format::Ldif,
        zone: Some("b"),
    };
    profiles.import(&import).unwrap();
    assert_eq!(profiles.get("b").unwrap().value.unwrap().endpoints.len(), 3);
    let import = Import {
        zone: Some("c"),
        ..import
    };
    assert!(
        told(&profiles.import(&import).unwrap_err())[0].starts_with("zone \"c\": has no profile")
    );
}
