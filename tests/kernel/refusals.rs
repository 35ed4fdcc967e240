//! Every reason to pass.
