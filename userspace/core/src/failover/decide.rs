//! The decision, as a table.

/// The gatekeeper that serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Active {
    /// It is no candidate (any more).
    Vanished,
    /// It is down.
    Dead,
    /// It is not down.
    Alive,
}

/// The best of those that come before it in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// None, or none that could serve now.
    No,
    /// One that could serve and may.
    Ready,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Leave it.
    Stay,
    /// Leave it: there is nothing better than a dead one.
    NoLivingGatekeeper,
    /// To the best one that lives.
    FailOver,
    /// To the better one.
    FailBack,
}

/// `other`: whether some other candidate is not known to be dead.
pub const fn decide(held: bool, active: Active, better: Better, other: bool) -> Decision {
    match (active, other, held, better) {
        (Active::Dead, true, false, _) | (Active::Vanished, true, _, _) => Decision::FailOver,
        (Active::Dead | Active::Vanished, false, _, _) => Decision::NoLivingGatekeeper,
        (Active::Alive, _, false, Better::Ready) => Decision::FailBack,
        (Active::Dead, true, true, _)
        | (Active::Alive, _, true, _)
        | (Active::Alive, _, false, Better::No) => Decision::Stay,
    }
}

#[cfg(test)]
mod tests {
    use super::Active::{Alive, Dead, Vanished};
    use super::Better::{No, Ready};
    use super::Decision::{FailBack, FailOver, NoLivingGatekeeper as Dark, Stay};
    use super::{Active, Better, Decision, decide};

    /// Active, better, another lives; free, held.
    #[rustfmt::skip]
    const TABLE: [(Active, Better, bool, Decision, Decision); 12] = [
        (Vanished, No,    false, Dark,     Dark),
        (Vanished, No,    true,  FailOver, FailOver),
        (Vanished, Ready, false, Dark,     Dark),
        (Vanished, Ready, true,  FailOver, FailOver),
        (Dead,     No,    false, Dark,     Dark),
        (Dead,     No,    true,  FailOver, Stay),
        (Dead,     Ready, false, Dark,     Dark),
        (Dead,     Ready, true,  FailOver, Stay),
        (Alive,    No,    false, Stay,     Stay),
        (Alive,    No,    true,  Stay,     Stay),
        (Alive,    Ready, false, FailBack, Stay),
        (Alive,    Ready, true,  FailBack, Stay),
    ];

    #[test]
    fn every_situation() {
        for (active, better, other, free, held) in TABLE {
            let row = format!("{active:?} {better:?} {other}");
            assert_eq!(decide(false, active, better, other), free, "{row}");
            assert_eq!(decide(true, active, better, other), held, "{row} held");
        }
    }
}
