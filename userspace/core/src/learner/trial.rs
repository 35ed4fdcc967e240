//! Whether an endpoint is worth a short timeToLive: what its RRQs showed since it was first given one.
//!
//! ```text
//!              LIMIT strikes, or LIMIT keep-alives that were not seen
//!   trying --------------------------------------------------------> over
//!     ^                                                               |
//!     +---------------------------------------------------------------+
//!        a new full registration; from then on one strike ends it
//! ```
//! A strike is a message that the kernel could not have answered: a keep-alive that differs from the one before, a
//! keep-alive whose RCF does, a full RRQ where a keep-alive was due. A timeToLive that settles is none, for a while. The
//! kernel's own answers take all strikes back.

/// Strikes that end a trial.
const LIMIT: u8 = 3;
/// Pairs that may differ in their timeToLive before that counts as well.
const SETTLING: u8 = 8;

/// How a keep-alive and its RCF compare with the pair before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compared {
    /// There was none before.
    First,
    /// Equal in all but requestSeqNum.
    Same,
    /// They differ, in timeToLive too.
    OtherTimeToLive,
    /// They differ.
    Other,
}

/// One endpoint's trial.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trial {
    strikes: u8,
    settling: u8,
    unseen: u8,
    /// Strikes that are never taken back: it was over once.
    kept: u8,
    /// The next keep-alive is the first of a new registration: it may be another than before.
    fresh: bool,
    /// A keep-alive was seen since the last full RRQ.
    kept_alive: bool,
    /// requestSeqNum of the last full RRQ.
    registered: Option<u16>,
    /// requestSeqNum of the last RCF.
    confirmed: Option<u16>,
}

impl Trial {
    /// Whether the gatekeeper's own timeToLive stays.
    pub(crate) const fn is_over(&self) -> bool {
        self.has_failed() || self.unseen >= LIMIT
    }

    /// A keep-alive is confirmed.
    pub(crate) fn keep_alive(&mut self, seq: u16, compared: Compared) {
        self.unseen = 0;
        self.kept_alive = true;
        if self.confirmed.replace(seq) == Some(seq) {
            return;
        }
        if std::mem::take(&mut self.fresh) {
            return;
        }
        match compared {
            Compared::First | Compared::Same => {}
            Compared::OtherTimeToLive if self.settling < SETTLING => self.settling += 1,
            Compared::OtherTimeToLive | Compared::Other => self.strike(),
        }
    }

    /// A full RRQ is confirmed. True: what was over begins again.
    pub(crate) fn full(&mut self, seq: u16) -> bool {
        self.unseen = 0;
        self.confirmed = Some(seq);
        let earlier = self.registered.replace(seq);
        let refresh = !std::mem::take(&mut self.kept_alive);
        if refresh {
            if earlier.is_some_and(|earlier| earlier != seq) {
                self.strike();
            }
            return false;
        }
        if !self.has_failed() {
            return false;
        }
        *self = Self {
            strikes: LIMIT - 1,
            kept: LIMIT - 1,
            fresh: true,
            registered: Some(seq),
            confirmed: Some(seq),
            ..Self::default()
        };
        true
    }

    /// An RCF to a request that was not seen: too long, in fragments, undecodable, or one of too many.
    pub(crate) fn unseen(&mut self, seq: u16) {
        if self.confirmed.replace(seq) != Some(seq) {
            self.unseen = self.unseen.saturating_add(1);
        }
    }

    /// The kernel answered.
    pub(crate) const fn answered(&mut self) {
        if !self.has_failed() {
            self.strikes = self.kept;
            self.settling = 0;
        }
    }

    const fn strike(&mut self) {
        self.strikes = self.strikes.saturating_add(1);
    }

    const fn has_failed(&self) -> bool {
        self.strikes >= LIMIT
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Compared::{First, Other, OtherTimeToLive, Same};

    /// Each row: what is confirmed, one letter each, numbered as they come, and the letter with which it is over.
    ///
    /// `=` an equal keep-alive, `x` another one, `t` one with another timeToLive, `f` a full RRQ, `r` the same message
    /// again, `u` an RCF to something unseen, `k` answers of the kernel.
    #[test]
    fn table() {
        let rows = [
            ("f=========", None),
            ("f=xxx", Some(4)),
            ("f=xrrrrrxx", Some(9)),
            ("f=xx=x", Some(5)),
            ("f=xxkxx", None),
            ("f=xxkxxx", Some(7)),
            ("f=tttttttt", None),
            ("f=ttttttttttt", Some(12)),
            ("fff", None),
            ("ffff", Some(3)),
            ("frrrrrrrr", None),
            ("ff=ff=ff=", Some(7)),
            ("f=f=f=f=", None),
            ("fxfxfxfx", Some(7)),
            ("fuu=uu=", None),
            ("fuuu", Some(3)),
            ("furrr", None),
        ];
        for (steps, expected) in rows {
            let mut trial = Trial::default();
            let mut over = None;
            let mut any = false;
            for (i, step) in steps.chars().enumerate() {
                let seq = if step == 'r' { 1 } else { i as u16 + 10 };
                match step {
                    '=' | 'x' | 't' => {
                        let compared = match step {
                            _ if !std::mem::replace(&mut any, true) => First,
                            '=' => Same,
                            'x' => Other,
                            _ => OtherTimeToLive,
                        };
                        trial.keep_alive(seq, compared);
                    }
                    'f' => assert!(!trial.full(seq)),
                    'r' if any => {
                        let seq = trial.confirmed.unwrap();
                        trial.keep_alive(seq, Other);
                    }
                    'r' => {
                        let seq = trial.confirmed.unwrap();
                        trial.full(seq);
                    }
                    'u' => trial.unseen(seq),
                    _ => trial.answered(),
                }
                if trial.is_over() && over.is_none() {
                    over = Some(i);
                }
            }
            assert_eq!(over, expected, "{steps}");
        }
    }

    #[test]
    fn a_new_full_registration_gets_one_more_chance() {
        let mut trial = Trial::default();
        trial.full(1);
        for seq in 2..6 {
            trial.keep_alive(seq, if seq == 2 { First } else { Other });
        }
        assert!(trial.is_over());
        trial.keep_alive(6, Same);
        trial.answered();
        assert!(trial.is_over(), "only a new registration ends it");
        assert!(trial.full(7) && !trial.is_over());
        trial.keep_alive(8, Other);
        assert!(!trial.is_over(), "the new registration's first");
        trial.keep_alive(9, Same);
        trial.answered();
        assert!(!trial.is_over());
        trial.keep_alive(10, Other);
        assert!(trial.is_over(), "once is enough now");
    }

    #[test]
    fn full_rrqs_alone_do_not_begin_again() {
        let mut trial = Trial::default();
        for seq in 1..20 {
            assert!(!trial.full(seq));
        }
        assert!(trial.is_over());
        trial.keep_alive(20, First);
        assert!(trial.is_over());
        assert!(trial.full(21));
    }
}
