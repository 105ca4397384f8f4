//! Did a treatment change how often answers are right? Only items whose answer changed can tell.

/// Exact two-sided p-value of McNemar's test: `fixed` items went from wrong to right, `broken` the other way. 1 where no
/// answer changed.
///
/// Under the null each change is equally likely in either direction, so the smaller count is binomial with p = 1/2.
/// Source: Q. McNemar, Psychometrika 12 (1947).
pub fn mcnemar(fixed: usize, broken: usize) -> f64 {
    let changed = fixed + broken;
    // C(n, k) / 2^n by recurrence, in logarithms: 2^n is out of reach of f64 beyond a thousand changes.
    let mut log_probability = -(changed as f64) * std::f64::consts::LN_2;
    let mut tail = 0.0;
    for k in 0..=fixed.min(broken) {
        tail += log_probability.exp();
        log_probability += ((changed - k) as f64).ln() - ((k + 1) as f64).ln();
    }
    (2.0 * tail).min(1.0)
}

/// Answers before and after a treatment, item by item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub items: usize,
    pub right_before: usize,
    /// Wrong before, right after.
    pub fixed: usize,
    /// Right before, wrong after.
    pub broken: usize,
}

impl Changes {
    /// From pairs of (right before, right after).
    pub fn of(answers: impl IntoIterator<Item = (bool, bool)>) -> Self {
        answers.into_iter().fold(Self::default(), |sum, (before, after)| Self {
            items: sum.items + 1,
            right_before: sum.right_before + usize::from(before),
            fixed: sum.fixed + usize::from(!before && after),
            broken: sum.broken + usize::from(before && !after),
        })
    }

    /// Share of the wrong answers that were put right; `None` where none was wrong.
    pub fn fix(self) -> Option<f64> {
        share(self.fixed, self.items - self.right_before)
    }

    /// Share of the right answers that were lost; `None` where none was right.
    pub fn broke(self) -> Option<f64> {
        share(self.broken, self.right_before)
    }

    /// Accuracy after less accuracy before, over all items; `None` without items.
    pub fn net(self) -> Option<f64> {
        (self.items > 0).then(|| (self.fixed as f64 - self.broken as f64) / self.items as f64)
    }

    /// Exact McNemar p-value of the two.
    pub fn p_value(self) -> f64 {
        mcnemar(self.fixed, self.broken)
    }
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_value() {
        // scipy.stats.binomtest(4, 34, 0.5).pvalue
        assert!((mcnemar(30, 4) - 6.1649e-6).abs() < 5e-11, "{}", mcnemar(30, 4));
        assert_eq!(mcnemar(30, 4), mcnemar(4, 30));
    }

    #[test]
    fn by_hand() {
        assert_eq!(mcnemar(0, 0), 1.0);
        assert_eq!(mcnemar(7, 7), 1.0);
        assert!((mcnemar(5, 0) - 2.0 / 32.0).abs() < 1e-15);
        assert!((mcnemar(1, 3) - 2.0 * 5.0 / 16.0).abs() < 1e-15);
    }

    #[test]
    fn thousands_of_changes_do_not_underflow() {
        let p = mcnemar(2600, 2400);
        // Normal approximation with continuity correction: z = 199 / sqrt(5000).
        assert!((p - 0.004_89).abs() < 1e-4, "{p}");
    }

    #[test]
    fn changes_are_counted_over_all_items() {
        let changes =
            Changes::of([(true, true), (true, false), (false, true), (false, true), (false, false), (true, true)]);
        assert_eq!((changes.fixed, changes.broken, changes.right_before), (2, 1, 3));
        assert_eq!(
            (changes.fix(), changes.broke(), changes.net()),
            (Some(2.0 / 3.0), Some(1.0 / 3.0), Some(1.0 / 6.0))
        );
        assert_eq!(Changes::default().net(), None);
    }
}
