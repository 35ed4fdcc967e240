//! How many calls an endpoint can take, as it says (H.225.0 CallCapacity).

use rasline_h225::types::{CallCapacity, CallCapacityInfo, CallsAvailable, List};

/// Whether it can take no call now; `None`: it does not say.
pub(super) fn no_room(capacity: Option<&CallCapacity>) -> Option<bool> {
    let now = capacity?.current_call_capacity.as_deref()?;
    let mut groups = all(now).into_iter().flatten().flatten().peekable();
    groups.peek()?;
    Some(groups.all(|group| group.calls == 0))
}

const fn all(info: &CallCapacityInfo) -> [Option<&List<CallsAvailable>>; 12] {
    [
        info.voice_gw_calls_available.as_ref(),
        info.h310_gw_calls_available.as_ref(),
        info.h320_gw_calls_available.as_ref(),
        info.h321_gw_calls_available.as_ref(),
        info.h322_gw_calls_available.as_ref(),
        info.h323_gw_calls_available.as_ref(),
        info.h324_gw_calls_available.as_ref(),
        info.t120_only_gw_calls_available.as_ref(),
        info.t38_fax_annexb_only_gw_calls_available.as_ref(),
        info.terminal_calls_available.as_ref(),
        info.mcu_calls_available.as_ref(),
        info.sip_gw_calls_available.as_ref(),
    ]
}
