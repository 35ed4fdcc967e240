//! Names of events, each written once.

/// Defines names of events as constants, and `ALL` of them.
macro_rules! event_names {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal;)+) => {
        $($(#[doc = $doc])+ pub const $name: &str = $text;)+
        /// All of them.
        pub const ALL: &[&str] = &[$($name),+];
    };
}

pub(super) use event_names;
