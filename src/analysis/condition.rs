//! Claims weighed by rules fixed beforehand: conditions that must all hold.

use crate::stats::Interval;

/// A difference in accuracy that is too small to matter.
pub const MARGIN: f64 = 0.05;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Supported,
    Refuted,
    Undecided,
}

impl Verdict {
    pub fn name(self) -> &'static str {
        match self {
            Self::Supported => "supported",
            Self::Refuted => "refuted",
            Self::Undecided => "undecided",
        }
    }
}

/// Something that must be above 0.
#[derive(Clone)]
pub struct Condition {
    pub what: String,
    pub value: f64,
    pub interval: Interval,
    /// Below this with its whole interval, it fails.
    pub fails_below: f64,
}

impl Condition {
    /// How far a row's own value is above a level.
    pub fn above(value: Option<f64>, interval: Option<Interval>, level: f64, what: &str) -> Option<Self> {
        let (value, interval) = (value? - level, interval?);
        let interval = Interval { lo: interval.lo - level, hi: interval.hi - level };
        Some(Self { what: what.into(), value, interval, fails_below: MARGIN })
    }

    pub fn says(&self) -> String {
        format!("{} {:+.3} [{:+.3}, {:+.3}]", self.what, self.value, self.interval.lo, self.interval.hi)
    }
}

/// Supported, refuted or undecided, and the conditions that made it so. `missing` names those that nothing was recorded for.
pub fn weigh(conditions: &[Condition], missing: &[&str]) -> (Verdict, String) {
    let failed: Vec<String> =
        conditions.iter().filter(|one| one.interval.hi < one.fails_below).map(Condition::says).collect();
    if !failed.is_empty() {
        return (Verdict::Refuted, failed.join("; "));
    }
    let open: Vec<String> = conditions.iter().filter(|one| one.interval.lo <= 0.0).map(Condition::says).collect();
    if !open.is_empty() || !missing.is_empty() || conditions.is_empty() {
        let missing = missing.iter().map(|what| format!("{what} is missing"));
        return (Verdict::Undecided, open.into_iter().chain(missing).collect::<Vec<_>>().join("; "));
    }
    (Verdict::Supported, conditions.iter().map(Condition::says).collect::<Vec<_>>().join("; "))
}
