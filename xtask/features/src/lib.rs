//! Nothing but dependencies: `Cargo.toml` selects features once, so that every build of the workspace agrees on them.
