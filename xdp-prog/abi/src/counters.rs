//! Every verdict and every reason has a counter, per interface and CPU.

macro_rules! counters {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal $(($goes_on:ident))?),* $(,)?) => {
        /// A counter's place in `COUNTERS`. The name is what `rasline counters` shows.
        #[repr(u32)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Counter { $($(#[doc = $doc])* $variant),* }

        impl Counter {
            /// All of them, in order.
            pub const ALL: &'static [Counter] = &[$(Counter::$variant),*];
            /// Stable name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Counter::$variant => $name),* }
            }
            /// What it counts, one line.
            #[must_use]
            pub const fn help(self) -> &'static str {
                match self { $(Counter::$variant => concat!($($doc),*)),* }
            }
            /// Whether RAS that passes for this reason may still be readdressed to the zone's active gatekeeper.
            #[must_use]
            #[inline(always)]
            pub const fn goes_on(self) -> bool {
                const GOING_ON: u64 = 0 $(| counters!(@bit $variant $($goes_on)?))*;
                GOING_ON >> self as u32 & 1 != 0
            }
        }
    };
    (@bit $variant:ident) => { 0 };
    (@bit $variant:ident goes_on) => { 1 << Counter::$variant as u32 };
}

// What is marked `goes_on` may still be readdressed. A reason without the mark leaves the frame as it is.
counters! {
    /// Not IP with a RAS port of a configured gatekeeper.
    PassNotRas = "pass_not_ras",
    /// Came in by an interface that is not configured.
    PassInterface = "pass_interface",
    /// UDP with IP options, an IPv6 extension header or lengths that do not fit, on any port; fragments but the first of
    /// what was not readdressed.
    PassShape = "pass_shape",
    /// RAS port, but the IPv4 or UDP checksum is wrong.
    PassChecksum = "pass_checksum",
    /// RAS port, but the address is not of a zone, or came in on the other side.
    PassNoZone = "pass_no_zone",
    /// A RAS message that the data path has nothing to do with.
    PassOther = "pass_other" (goes_on),
    /// An RRQ that is not known.
    PassUnknown = "pass_unknown" (goes_on),
    /// A known keep-alive sent to another gatekeeper than it is registered with.
    PassOtherGatekeeper = "pass_other_gatekeeper" (goes_on),
    /// A known keep-alive whose zone has moved to another generation.
    PassGeneration = "pass_generation" (goes_on),
    /// A known keep-alive whose slot was being written.
    PassTorn = "pass_torn" (goes_on),
    /// A known keep-alive that its gatekeeper withdrew.
    PassWithdrawn = "pass_withdrawn" (goes_on),
    /// A known keep-alive past its promise: timeToLive at the gatekeeper, or hold_for.
    PassExpired = "pass_expired" (goes_on),
    /// A known keep-alive in a zone that only watches (answer = "off").
    PassOff = "pass_off" (goes_on),
    /// A known keep-alive in a zone that holds, its gatekeeper being alive.
    PassHold = "pass_hold" (goes_on),
    /// A known keep-alive let through so that the gatekeeper does not forget the registration.
    PassRefresh = "pass_refresh" (goes_on),
    /// A known keep-alive let through to see whether a silent gatekeeper is back.
    PassProbe = "pass_probe" (goes_on),
    /// A known keep-alive that could not be answered: no room in the frame, or no RCF.
    PassNoRoom = "pass_no_room" (goes_on),
    /// Keep-alives answered.
    Answer = "answer",
    /// Of these, for a silent gatekeeper.
    AnswerHeld = "answer_held",
    /// RCFs of gatekeepers that renewed a registration.
    Renewed = "renewed",
    /// Of these, replaced by the patched one.
    Substitute = "substitute",
    /// RCFs of gatekeepers taken to the controller.
    Divert = "divert",
    /// RCFs of gatekeepers that should have been diverted, but the controller is gone or cannot keep up.
    DivertBypass = "divert_bypass" (goes_on),
    /// RAS messages from gatekeepers that went on unchanged.
    PassFromGatekeeper = "pass_from_gatekeeper" (goes_on),
    /// RCFs of gatekeepers to a known keep-alive, other than the known ones.
    ChangedRcf = "changed_rcf",
    /// Slots withdrawn by RRJ.
    WithdrawnRrj = "withdrawn_rrj",
    /// Slots withdrawn by URQ.
    WithdrawnUrq = "withdrawn_urq",
    /// Slots withdrawn by UCF.
    WithdrawnUcf = "withdrawn_ucf",
    /// Slots withdrawn by another RCF than the known one.
    WithdrawnRcf = "withdrawn_rcf",
    /// Messages copied to the controller.
    Copied = "copied",
    /// Messages not copied: their source sent too many.
    CopyLimitedSource = "copy_limited_source",
    /// Messages not copied: too many of all sources.
    CopyLimitedTotal = "copy_limited_total",
    /// Messages not copied: ring buffer full, or message too long.
    CopyLost = "copy_lost",
    /// A known keep-alive let through so that its registration moves to the zone's active gatekeeper.
    PassMigrate = "pass_migrate" (goes_on),
    /// Frames sent on to a gatekeeper, or back, by the program itself.
    Redirect = "redirect",
    /// Frames readdressed and left to the kernel's routing: no next hop yet, no interface that takes them, or a fragment.
    RedirectStack = "redirect_stack",
    /// Flows made.
    FlowNew = "flow_new",
    /// Frames of steered traffic that could not be readdressed: no room in the flow table.
    FlowFull = "flow_full",
    /// Zones moved by the program itself.
    Decided = "decided",
    /// Segments of connections whose gatekeeper is gone, answered with RST.
    Reset = "reset",
    /// RRQs beyond the migrate rate answered with RIP.
    Rip = "rip",
    /// RRQs beyond the migrate rate dropped (shape = "drop").
    DropRate = "drop_rate",
    /// TCP segments of call signalling that went on unchanged.
    PassSignalling = "pass_signalling",
    /// Slots withdrawn so that an endpoint that asks for something moves first.
    WithdrawnFirst = "withdrawn_first",
    /// Messages of a gatekeeper on standby, or of one that a proxy asks as its endpoints, taken to the controller.
    DivertStandby = "divert_standby",
    /// Frames that were to be captured, but the ring buffer was full.
    CaptureLost = "capture_lost",
    /// RAS from the gatekeepers' side to an address of no zone: answers to rasline's own probes and agents, or to
    /// endpoints outside of all zones.
    PassNoEndpoint = "pass_no_endpoint",
    /// Packets that would have made a flow, dropped: their source made too many.
    FlowLimited = "flow_limited",
    /// Messages of sources without a registration beyond their source's share of unknown_rate.
    UnknownLimitedSource = "unknown_limited_source",
    /// Messages of sources without a registration beyond unknown_rate.
    UnknownLimitedZone = "unknown_limited_zone",
    /// Connections that were opened, and are kept apart from those that are not.
    FlowOpened = "flow_opened",
    /// Registrations whose next keep-alive goes through, because their gatekeeper rejected a request as of nobody registered.
    RefreshDue = "refresh_due",
}

/// Number of counters, rounded up so that an interface's row has a fixed place.
pub const COUNTERS: u32 = 64;

const _: () = assert!(Counter::ALL.len() <= COUNTERS as usize);
