//! Messages about calls.

use std::net::SocketAddr;
use std::sync::LazyLock;

use rasline_h225::decode_ras;
use rasline_h225::text::{to_bmp, to_transport};
use rasline_h225::types::{
    AdmissionRequest, BandwidthRequest, CallIdentifier, DisengageReason, DisengageRequest,
    InfoRequestResponse, RasMessage,
};
use rasline_testkit_model::party::admission_request;

use crate::registrar::captures::capture;
use crate::registrar::world::*;

/// A real IRR with one call, and a real ARQ: for what has no constructor.
pub static ARQ: LazyLock<AdmissionRequest> = LazyLock::new(|| {
    let real = capture("e-routed-call").into_iter();
    let mut messages = real.filter_map(|(_, octets)| decode_ras(&octets).ok());
    let arq = messages.find_map(|message| match message {
        RasMessage::AdmissionRequest(arq) => Some(arq),
        _ => None,
    });
    arq.expect("an ARQ")
});

pub fn call_identifier(call: u8) -> CallIdentifier {
    let mut identifier = ARQ.call_identifier.clone().unwrap();
    identifier.guid = vec![call; 16].into();
    identifier
}

/// An ARQ for call `call`, which is not 0.
pub fn arq(seq: u16, eid: &str, call: u8, to: &[&str]) -> AdmissionRequest {
    let mut arq = admission_request(seq, eid, (call, call.into()), to);
    arq.call_identifier = Some(call_identifier(call));
    arq.can_map_alias = Some(true);
    arq
}

/// The ARQ of the one who is called.
pub fn answering(seq: u16, eid: &str, call: u8) -> AdmissionRequest {
    let mut arq = arq(seq, eid, call, &[]);
    arq.answer_call = true;
    arq
}

pub fn brq(seq: u16, eid: &str, call: u8, bandwidth: u32) -> BandwidthRequest {
    let conference = vec![call; 16].into();
    let reference = u16::from(call);
    let mut brq =
        BandwidthRequest::new(seq, to_bmp(eid).unwrap(), conference, reference, bandwidth);
    brq.call_identifier = Some(call_identifier(call));
    brq
}

pub fn drq(seq: u16, eid: &str, call: u8) -> DisengageRequest {
    let (conference, reason) = (vec![call; 16].into(), DisengageReason::NormalDrop);
    let reference = u16::from(call);
    let mut drq = DisengageRequest::new(seq, to_bmp(eid).unwrap(), conference, reference, reason);
    drq.call_identifier = Some(call_identifier(call));
    drq
}

/// An IRR of endpoint `n` without calls.
pub fn irr(seq: u16, n: u8, eid: &str) -> InfoRequestResponse {
    let RasMessage::RegistrationRequest(rrq) = full(1, n, "any").message().unwrap() else {
        panic!()
    };
    let (eid, ras) = (to_bmp(eid).unwrap(), to_transport(ras(n)));
    InfoRequestResponse::new(seq, rrq.terminal_type, eid, ras)
}

impl World {
    /// Asks for admission, gives where the call goes.
    pub fn admitted(&mut self, n: u8, arq: AdmissionRequest) -> SocketAddr {
        match self.asked(ras(n), &RasMessage::AdmissionRequest(arq)) {
            RasMessage::AdmissionConfirm(acf) => {
                rasline_h225::text::from_transport(&acf.dest_call_signal_address).unwrap()
            }
            other => panic!("{other:?}"),
        }
    }

    /// rejectReason of the ARJ.
    pub fn arj(&mut self, n: u8, arq: AdmissionRequest) -> String {
        match self.asked(ras(n), &RasMessage::AdmissionRequest(arq)) {
            RasMessage::AdmissionReject(arj) => format!("{:?}", arj.reject_reason),
            other => panic!("{other:?}"),
        }
    }

    pub fn bandwidth(&self) -> u64 {
        self.registrar.stats().bandwidth
    }

    pub fn calls(&self) -> u64 {
        self.registrar.stats().calls
    }
}
