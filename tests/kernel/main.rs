//! The XDP program through the real verifier and BPF_PROG_TEST_RUN.
#![allow(clippy::unwrap_used, missing_docs)]

mod cost;
mod deciding;
mod differential;
mod ends_signalling;
mod evidence;
mod expect;
mod fragments;
mod interpreter;
mod kernel;
mod life;
mod nexthop;
mod pair;
mod paths;
mod promises;
mod proxied;
mod refusals;
mod seen;
mod shaping;
mod signalling;
mod signalling_lookup;
mod steered;
mod steering;
mod verdicts;
mod verifier;
mod world;
