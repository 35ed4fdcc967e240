//! rasline's tests that need a kernel, and its demo. The tests are in `netns/` and `kernel/`; this library holds what
//! the programs in `src/bin` share.

pub mod call_site;
mod object;
pub mod report;

pub use object::object_path;
