//! The XDP program through the real verifier and BPF_PROG_TEST_RUN.
#![allow(clippy::unwrap_used, missing_docs)]

mod differential;
mod expect;
mod kernel;
mod promises;
mod refusals;
mod verdicts;
mod verifier;
mod world;
