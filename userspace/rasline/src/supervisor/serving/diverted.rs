//! What gatekeepers say to endpoints whose proxy speaks from their addresses: the kernel takes it out of the traffic while the
//! controller lives.

use rasline_core::proxy;

use crate::{
    bpf::{Message, Reason},
    host::monotonic_ns,
    supervisor::Supervisor,
};

impl Supervisor {
    /// A message of the ring buffer in a zone that rasline serves itself. What the zone's proxy has no use for is sent on
    /// as it is, and so is what was taken out before the zone got another configuration.
    pub(in crate::supervisor) fn said_to_endpoint(&mut self, message: &Message) {
        if message.reason != Reason::Standby {
            return;
        }
        let (zone, from, to) = (message.zone, message.seen_as, message.endpoint);
        if !self.serving.proxies.contains_key(&zone) {
            return self.sender.send(monotonic_ns(), from, to, &message.octets);
        }
        let input = proxy::Input::FromGatekeeper {
            from,
            to,
            payload: &message.octets,
        };
        self.proxy(zone, input);
        self.answered_upstream(zone);
    }
}
