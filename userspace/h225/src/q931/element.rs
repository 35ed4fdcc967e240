//! Identifiers of information elements in codeset 0 (Q.931 4.5, H.225.0 table 4).

/// Bearer capability of the call.
pub const BEARER_CAPABILITY: u8 = 0x04;
/// Cause of a release or status.
pub const CAUSE: u8 = 0x08;
/// Call state in a STATUS.
pub const CALL_STATE: u8 = 0x14;
/// Facility with supplementary services (H.450); empty in most FACILITY messages.
pub const FACILITY: u8 = 0x1c;
/// Progress indicator: tones or announcements in band.
pub const PROGRESS_INDICATOR: u8 = 0x1e;
/// Notification indicator: user suspended, resumed, bearer changed.
pub const NOTIFICATION_INDICATOR: u8 = 0x27;
/// Display text for the user.
pub const DISPLAY: u8 = 0x28;
/// Date and time.
pub const DATE_TIME: u8 = 0x29;
/// Keypad digits of the user.
pub const KEYPAD: u8 = 0x2c;
/// Signal: tones and alerting patterns.
pub const SIGNAL: u8 = 0x34;
/// Connected party's number.
pub const CONNECTED_NUMBER: u8 = 0x4c;
/// Calling party's number.
pub const CALLING_PARTY_NUMBER: u8 = 0x6c;
/// Calling party's subaddress.
pub const CALLING_PARTY_SUBADDRESS: u8 = 0x6d;
/// Called party's number.
pub const CALLED_PARTY_NUMBER: u8 = 0x70;
/// Called party's subaddress.
pub const CALLED_PARTY_SUBADDRESS: u8 = 0x71;
/// Number of the party that redirected the call.
pub const REDIRECTING_NUMBER: u8 = 0x74;
/// User-User, which carries the PER of H.225.0. Its length has two octets.
pub const USER_USER: u8 = 0x7e;
