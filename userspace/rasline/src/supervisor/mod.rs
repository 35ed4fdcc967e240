//! x
pub mod events;
pub mod layout;
pub mod sender;
/// x
pub fn run(_: &std::path::Path, _: crate::config::Config) -> crate::failure::Result<()> {
    Ok(())
}
