//! Clients that behave as captured stacks do, at rasline's own gatekeepers: a terminal and a child gatekeeper register, are
//! kept alive by the kernel, call, live through a failover behind a proxy, and leave.

use std::net::{IpAddr, SocketAddr};

use rasline_h225::{RasKind, security::Mechanism};
use rasline_testkit::{
    Client, Controller, Credentials, Gateway, Running,
    clients::{CallState, ChildGatekeeper, ChildSettings, Entry, Terminal, TerminalSettings, Way},
    topology, wait,
};
use serde_json::Value;

use crate::{
    own::{Own, await_event, import, registrar},
    proxy::Proxied,
    scene::{BRIEFLY, SOON, ras},
};

fn call_port(address: IpAddr) -> SocketAddr {
    SocketAddr::new(address, 1720)
}

struct Stacks {
    terminal: Running<Terminal>,
    child: Running<ChildGatekeeper>,
}

impl Stacks {
    fn start(net: &Gateway) -> Self {
        let (one, two) = (topology::endpoint(1), topology::endpoint(2));
        let terminal = Terminal::new(TerminalSettings {
            ras: ras(one),
            call_signal: call_port(one),
            aliases: vec!["ep1".into(), "5001".into()],
            gatekeeper: ras(topology::SERVICE),
            first_seq: 65_530,
            credentials: None,
            unix: 0,
        });
        let child = ChildGatekeeper::new(ChildSettings {
            ras: ras(two),
            call_signal: call_port(two),
            parent: ras(topology::SERVICE),
            name: "child".into(),
            numbers: vec!["188600".into()],
            prefixes: vec!["1886".into()],
            time_to_live: 6,
            credentials: None,
            unix: 0,
        });
        Self {
            terminal: Running::start(&net.endpoints, terminal).unwrap(),
            child: Running::start(&net.endpoints, child).unwrap(),
        }
    }

    fn registered(&self) {
        let service = ras(topology::SERVICE);
        assert_eq!(self.terminal.registered(SOON).unwrap(), service);
        assert_eq!(self.child.registered(SOON).unwrap(), service);
    }

    /// The kernel answers the terminal. The child asks too seldom for a test.
    fn kept(&self, controller: &Controller) {
        let eid = self.identifier();
        wait::until_true("the kernel to answer", SOON * 3, || {
            let shown = controller.json(&["registration", "list"])?;
            let mut all = shown.as_array().expect("a list").iter();
            let of = |r: &&Value| r["endpoint_identifier"].as_str() == eid.as_deref();
            Ok(all
                .find(of)
                .is_some_and(|r| r["answered"].as_u64() > Some(0)))
        })
        .unwrap();
    }

    fn identifier(&self) -> Option<String> {
        self.terminal
            .see(|one| one.endpoint_identifier().map(str::to_owned))
    }

    /// Nothing came to them that such a stack ignores.
    fn nothing_ignored(&self) {
        let ignored = |entry: &Entry| matches!(entry.way, Way::Ignored(_));
        let terminal = self
            .terminal
            .see(|one| one.journal().iter().filter(|e| ignored(e)).count());
        let child = self
            .child
            .see(|one| one.journal().iter().filter(|e| ignored(e)).count());
        assert_eq!((terminal, child), (0, 0));
    }

    fn leave(&self) {
        self.terminal.tell(Terminal::leave);
        self.child.tell(ChildGatekeeper::leave);
        let gone = |registered: bool| (!registered).then_some(());
        self.terminal
            .wait("a UCF", SOON, |one| gone(one.registered()))
            .unwrap();
        self.child
            .wait("a UCF", SOON, |one| gone(one.registered()))
            .unwrap();
    }
}

#[test]
fn live_with_a_registrar() {
    let own = Own::new(&registrar("endpoint_ttl = \"6s\""));
    let stacks = Stacks::start(&own.net);
    stacks.registered();
    stacks.kept(&own.controller);
    let mut callee = own.endpoint(3);
    callee.register(SOON).unwrap();
    let call = stacks
        .terminal
        .tell(|one, now| one.call(now, "5003"))
        .unwrap();
    let admitted = |one: &Terminal| match &one.calls()[call].state {
        CallState::Admitted { to } => *to,
        _ => None,
    };
    let to = stacks.terminal.wait("an ACF", SOON, admitted).unwrap();
    assert_eq!(to.ip(), callee.address().ip());
    stacks.terminal.tell(|one, now| one.hang_up(now, call));
    await_event(&own.controller, "call_ended", "");
    stacks.nothing_ignored();
    stacks.leave();
}

/// H.235.1 as the strictest stack checks it: the RCF that gives an endpointIdentifier is for that, not for the alias.
#[test]
fn the_strictest_one_lives_with_a_registrar_that_signs() {
    let own = Own::new(&registrar("endpoint_ttl = \"6s\""));
    import(
        &own.controller,
        "[[profile]]\nzone = \"site\"\ngatekeeper_identifier = \"own\"\nauthentication = \"hmac-sha1\"\n\
         [profile.subscription]\non = true\n[profile.time_to_live]\nmin = 6\ndefault = 6\nmax = 6\n\
         [[profile.endpoints]]\naliases = [\"ep1\", \"5001\"]\npassword = \"secret\"\n",
    );
    let mut plain = own.endpoint(2);
    wait::until_true("the profile to be in force", SOON, || {
        Ok(plain.register(BRIEFLY).is_err())
    })
    .unwrap();
    let unix = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let terminal = Terminal::new(TerminalSettings {
        ras: ras(topology::endpoint(1)),
        call_signal: call_port(topology::endpoint(1)),
        aliases: vec!["ep1".into(), "5001".into()],
        gatekeeper: ras(topology::SERVICE),
        first_seq: 100,
        credentials: Some(Credentials {
            mechanism: Mechanism::HmacSha1,
            name: "ep1".into(),
            password: "secret".into(),
        }),
        unix: unix.as_secs() as u32,
    });
    let terminal = Running::start(&own.net.endpoints, terminal).unwrap();
    terminal.registered(SOON).unwrap();
    // A second keep-alive shows that the answer to the first one was believed.
    let keep_alives = |one: &Terminal| {
        let sent = |entry: &&Entry| entry.kind == Some(RasKind::RegistrationConfirm);
        (one.journal().iter().filter(sent).count() >= 3).then_some(())
    };
    terminal
        .wait("two keep-alives", SOON * 2, keep_alives)
        .unwrap();
    terminal.tell(Terminal::leave);
    terminal
        .wait("a UCF", SOON, |one| (!one.registered()).then_some(()))
        .unwrap();
    let ignored = |entry: &Entry| matches!(entry.way, Way::Ignored(_));
    assert!(!terminal.see(|one| one.journal().iter().any(ignored)));
}

#[test]
fn live_behind_a_proxy() {
    let mut proxied = Proxied::with_ttl("6s", "");
    let stacks = Stacks::start(&proxied.net);
    stacks.registered();
    stacks.kept(&proxied.controller);
    let before = stacks.identifier();
    proxied.gatekeepers[0].kill();
    await_event(&proxied.controller, "upstream_moved", "10.1.0.2");
    stacks.kept(&proxied.controller);
    assert_eq!(before, stacks.identifier());
    stacks.registered();
    stacks.nothing_ignored();
    stacks.leave();
}
