//! `endpoint_ttl` is for endpoints whose keep-alives the kernel can answer; the others keep their gatekeeper's
//! timeToLive, and its RCF octet for octet.

use std::time::Duration;

use rasline_core::{Answer, Config, Input, NotAnsweredReason, Reason, Refusal, State};
use rasline_h225::decode_ras;
use rasline_h225::messages::{Rcf, Rrq};
use rasline_h225::view::{Summary, summarise};

use crate::learner::world::*;

/// A keep-alive whose nonStandardData counts, as seen on a wire: two of them.
const COUNTING: [&str; 2] = [
    "0f400064060008914a000440b500001204000000010001000a4e010206b801000a4e010206b72200b500001200400047004b004160b5\
     000012046669656c640031348f000000034002570180110e0030003000300031005f0047004b004101000100",
    "0f400065060008914a000440b500001204000000020001000a4e010206b801000a4e010206b72200b500001200400047004b004160b5\
     000012046669656c640031348f000000034002570180110e0030003000300031005f0047004b004101000100",
];
/// A keep-alive with a token.
const TOKEN: &str = "0e400066060008914a00040001000a4e010206b801000a4e010206b72200b500001200400047004b004160b50000\
     12046669656c64003134cf000000034002570f010400092b060104018185420901010180110e0030003000300031005f0047004b004101000100";

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// requestSeqNum and endpointIdentifier of an RRQ.
fn asked(rrq: &[u8]) -> (u16, Option<String>, bool) {
    match summarise(&decode_ras(rrq).unwrap()) {
        Summary::Rrq {
            seq,
            endpoint_identifier,
            keep_alive,
            ..
        } => (seq, endpoint_identifier, keep_alive),
        other => panic!("{other:?}"),
    }
}

fn given(rcf: &[u8]) -> u32 {
    match summarise(&decode_ras(rcf).unwrap()) {
        Summary::Rcf { time_to_live, .. } => time_to_live.unwrap(),
        other => panic!("{other:?}"),
    }
}

/// An endpoint of a zone that gives 5 s, and its gatekeeper, which gives 600.
struct Line {
    world: World,
    seq: u16,
    /// What the kernel was to give, each time that something was published.
    published: Vec<u32>,
}

impl Line {
    fn new(config: Config) -> Self {
        let world = World::new(config);
        Self {
            world,
            seq: 0,
            published: Vec::new(),
        }
    }

    /// An RRQ and its RCF, which is diverted; the timeToLive that the endpoint gets. Untouched means untouched.
    fn asks(&mut self, rrq: &[u8], answer: Rcf) -> u32 {
        let (seq, eid, _) = asked(rrq);
        let endpoint_identifier = eid.unwrap_or_else(|| "e".into());
        self.world.message(Reason::UnknownRrq, endpoint(1), rrq);
        let answer = Rcf {
            seq,
            endpoint_identifier,
            ..answer
        };
        self.confirmed(&answer)
    }

    fn confirmed(&mut self, answer: &Rcf) -> u32 {
        self.world.pass(Duration::from_millis(1));
        let answer = answer.encode().unwrap();
        let out = self.world.message(Reason::Diverted, endpoint(1), &answer);
        let all = sends(&out);
        let [(0, _, sent)] = all[..] else {
            panic!("{out:?}")
        };
        let ttl = given(sent);
        if ttl != 5 {
            assert_eq!(sent, answer, "untouched");
        }
        self.published
            .extend(templates(&out).iter().map(|t| given(&t.rcf)));
        self.world.pass(Duration::from_secs(u64::from(ttl)));
        ttl
    }

    fn next(&mut self) -> u16 {
        self.seq += 1;
        self.seq
    }

    fn registers(&mut self) -> u32 {
        let rrq = full(self.next(), signalling(0), "alice").encode().unwrap();
        self.asks(&rrq, rcf(0, ""))
    }

    /// A keep-alive that is another each time that `variant` is.
    fn keeps_alive(&mut self, variant: usize) -> u32 {
        let rrq = Rrq {
            aliases: vec![format!("variant{variant}")],
            ..Rrq::lightweight(self.next(), endpoint(1), "e")
        };
        self.asks(&rrq.encode().unwrap(), rcf(0, ""))
    }

    /// Keep-alives until the gatekeeper's timeToLive comes: how many got the zone's.
    fn in_vain(&mut self, mut keep_alive: impl FnMut(&mut Self) -> u32) -> usize {
        (0..30).take_while(|_| keep_alive(self) == 5).count()
    }
}

#[test]
fn one_whose_keep_alives_are_equal_is_given_it() {
    let mut line = Line::new(two_rhythms());
    assert_eq!(line.registers(), 5);
    assert_eq!((line.keeps_alive(0), line.keeps_alive(0)), (5, 5));
    assert_eq!(line.world.only().state, State::Answered);
    assert_eq!(line.world.only().endpoint_ttl, Some(5 * SECOND));
    assert_eq!(line.published, [5]);
}

#[test]
fn a_counter_in_non_standard_data() {
    let mut line = Line::new(two_rhythms());
    let [first, second] = COUNTING.map(octets);
    assert_eq!(asked(&first).1.as_deref(), Some("0001_GKA"));
    let differ: Vec<_> = (0..first.len())
        .filter(|i| first[*i] != second[*i])
        .collect();
    let [_, counter] = differ[..] else {
        panic!("{differ:?}")
    };
    let mut all = Vec::new();
    for n in 0..40 {
        let mut rrq = first.clone();
        rrq[2..4].copy_from_slice(&(100 + u16::from(n)).to_be_bytes());
        rrq[counter] = n;
        all.push(line.asks(&rrq, rcf(0, "")));
    }
    assert_eq!(all[..3], [5, 5, 5]);
    assert!(all[3..].iter().all(|ttl| *ttl == 600), "{all:?}");
    let shown = line.world.only();
    assert_eq!(
        line.world.learner.why_not(shown),
        Some(NotAnsweredReason::Settling)
    );
    assert_eq!(shown.endpoint_ttl, None);
}

#[test]
fn a_token_in_a_keep_alive_and_none_in_its_rcf() {
    let mut line = Line::new(two_rhythms());
    let rrq = octets(TOKEN);
    for seq in 1..5_u16 {
        let mut rrq = rrq.clone();
        rrq[2..4].copy_from_slice(&seq.to_be_bytes());
        assert_eq!(line.asks(&rrq, rcf(0, "")), 600);
    }
    assert_eq!(
        line.world.learner.why_not(line.world.only()),
        Some(NotAnsweredReason::Secured)
    );
}

#[test]
fn a_token_in_a_full_rrq() {
    let mut line = Line::new(two_rhythms());
    let rrq = Rrq {
        token: true,
        ..full(line.next(), signalling(0), "alice")
    };
    assert_eq!(line.asks(&rrq.encode().unwrap(), rcf(0, "")), 600);
    // Nor are its keep-alives without one.
    assert_eq!((line.keeps_alive(0), line.keeps_alive(0)), (600, 600));
    // It registers without: tried.
    assert_eq!((line.registers(), line.keeps_alive(0)), (5, 5));
    // One that is answered begins to use them.
    assert_eq!(line.keeps_alive(0), 5);
    assert_eq!(line.world.only().state, State::Answered);
    let rrq = Rrq {
        seq: line.next(),
        ..rrq
    };
    assert_eq!(line.asks(&rrq.encode().unwrap(), rcf(0, "")), 600);
    assert_eq!(line.keeps_alive(1), 600);
}

#[test]
fn messages_that_are_too_long_for_the_kernel() {
    let long: Vec<_> = (0..40).map(|i| format!("alias-number-{i}")).collect();
    let mut line = Line::new(two_rhythms());
    assert_eq!(line.registers(), 5);
    for _ in 0..5 {
        let rrq = Rrq {
            aliases: long.clone(),
            ..Rrq::lightweight(line.next(), endpoint(1), "e")
        };
        assert_eq!(line.asks(&rrq.encode().unwrap(), rcf(0, "")), 600);
    }
    assert_eq!(
        line.world.learner.why_not(line.world.only()),
        Some(NotAnsweredReason::RrqTooLong)
    );
    let mut line = Line::new(two_rhythms());
    for _ in 0..5 {
        let rrq = keep_alive(line.next(), "e");
        let answer = Rcf {
            aliases: long.clone(),
            ..rcf(0, "")
        };
        assert_eq!(line.asks(&rrq, answer), 600);
    }
    assert_eq!(
        line.world.learner.why_not(line.world.only()),
        Some(NotAnsweredReason::RcfTooLong)
    );
}

/// In fragments, or such that nobody can read them: an odd rasAddress.
#[test]
fn keep_alives_that_are_not_seen() {
    let unseen = |line: &mut Line| {
        let answer = rcf(line.next(), "e");
        line.confirmed(&answer)
    };
    let mut line = Line::new(two_rhythms());
    assert_eq!(line.in_vain(unseen), 0);
    assert_eq!(line.registers(), 5);
    let n = line.in_vain(unseen);
    assert!((1..4).contains(&n), "{n}");
    assert_eq!(unseen(&mut line), 600);
    // One that is seen: those before were lost.
    assert_eq!(line.keeps_alive(0), 5);
}

#[test]
fn an_rcf_that_is_another_each_time() {
    let mut line = Line::new(two_rhythms());
    line.registers();
    let n = line.in_vain(|line| {
        let rrq = keep_alive(line.next(), "e");
        let answer = Rcf {
            aliases: vec![line.seq.to_string()],
            ..rcf(0, "")
        };
        line.asks(&rrq, answer)
    });
    assert!((2..6).contains(&n), "{n}");
}

#[test]
fn full_rrqs_in_place_of_keep_alives() {
    let mut line = Line::new(two_rhythms());
    let n = line.in_vain(Line::registers);
    assert!((2..6).contains(&n), "{n}");
    assert!((0..20).all(|_| line.registers() == 600));
}

/// A gatekeeper that gives another endpointIdentifier each time.
#[test]
fn full_rrqs_with_another_endpoint_identifier_each_time() {
    let mut line = Line::new(two_rhythms());
    let registers = |line: &mut Line| {
        let seq = line.next();
        let rrq = full(seq, signalling(0), "alice").encode().unwrap();
        line.world.message(Reason::UnknownRrq, endpoint(1), &rrq);
        line.confirmed(&rcf(seq, &format!("e{seq}")))
    };
    let n = line.in_vain(registers);
    assert!((2..6).contains(&n), "{n}");
    assert!((0..20).all(|_| registers(&mut line) == 600));
}

#[test]
fn a_new_full_registration_is_tried_again() {
    let mut line = Line::new(two_rhythms());
    line.registers();
    let mut variant = 0;
    let mut changing = |line: &mut Line| {
        variant += 1;
        line.keeps_alive(variant)
    };
    let first = line.in_vain(&mut changing);
    assert!((2..5).contains(&first), "{first}");
    for _ in 0..5 {
        assert_eq!(changing(&mut line), 600);
    }
    // Remembered, even when two are equal: the kernel answers, with the gatekeeper's timeToLive.
    assert_eq!((line.keeps_alive(99), line.keeps_alive(99)), (600, 600));
    assert_eq!(line.world.only().state, State::Answered);
    assert_eq!(line.published, [600]);
    let id = line.world.only().id;
    assert_eq!(line.registers(), 5);
    let out = line.world.input(Input::Tick);
    assert_eq!(published(&out), [id]);
    assert_eq!(given(&templates(&out)[0].rcf), 5);
    let second = line.in_vain(&mut changing);
    assert!(second < first, "{second} {first}");
}

#[test]
fn a_time_to_live_that_settles_costs_nothing() {
    let mut line = Line::new(two_rhythms());
    line.registers();
    for ttl in [86, 62, 44, 41, 41] {
        let rrq = Rrq {
            time_to_live: Some(ttl),
            ..Rrq::lightweight(line.next(), endpoint(1), "e")
        };
        let answer = Rcf {
            time_to_live: Some(ttl.max(59)),
            ..rcf(0, "")
        };
        assert_eq!(line.asks(&rrq.encode().unwrap(), answer), 5, "{ttl}");
    }
    assert_eq!(line.world.only().state, State::Answered);
}

#[test]
fn the_kernels_table_does_not_take_it() {
    for (refusal, why) in [
        (Refusal::TableFull, NotAnsweredReason::TableFull),
        (Refusal::Crowded, NotAnsweredReason::Crowded),
        (Refusal::Unfit, NotAnsweredReason::Unfit),
    ] {
        let mut line = Line::new(two_rhythms());
        line.world.kernel_takes = false;
        assert_eq!(line.keeps_alive(0), 5);
        line.keeps_alive(0);
        let id = line.world.only().id;
        line.world.input(Input::PublishFailed { id, why: refusal });
        assert_eq!(line.world.learner.why_not(line.world.only()), Some(why));
        assert_eq!((line.keeps_alive(0)), 600);
        line.world.input(Input::PublishFailed { id, why: refusal });
        assert_eq!((line.keeps_alive(0)), 600);
    }
    let mut config = two_rhythms();
    config.max_registrations = 0;
    assert_eq!(Line::new(config).keeps_alive(0), 600);
}

#[test]
fn a_zone_that_only_watches_gives_nothing() {
    let mut config = two_rhythms();
    config.zones[0].answer = Answer::Off;
    let mut line = Line::new(config);
    assert_eq!(line.registers(), 600);
    for _ in 0..3 {
        assert_eq!(line.keeps_alive(0), 600);
    }
}
