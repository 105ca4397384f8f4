//! Answers of yes and no to captions that are true or false.

use super::rule::{Named, named};

/// How often which answer was given to true and to false captions. "Yes" is the positive answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct YesNo {
    pub true_yes: usize,
    pub true_no: usize,
    pub false_yes: usize,
    pub false_no: usize,
    /// True captions answered with neither, or with both.
    pub true_neither: usize,
    pub false_neither: usize,
}

impl YesNo {
    /// From pairs of (the caption is true, the text answered).
    pub fn of<'a>(answers: impl IntoIterator<Item = (bool, &'a str)>) -> Self {
        let mut counts = Self::default();
        for (truth, text) in answers {
            *match (truth, named(text, &["yes", "no"])) {
                (true, Named::One(0)) => &mut counts.true_yes,
                (true, Named::One(_)) => &mut counts.true_no,
                (false, Named::One(0)) => &mut counts.false_yes,
                (false, Named::One(_)) => &mut counts.false_no,
                (true, Named::Nothing | Named::Several) => &mut counts.true_neither,
                (false, Named::Nothing | Named::Several) => &mut counts.false_neither,
            } += 1;
        }
        counts
    }

    fn positives(self) -> usize {
        self.true_yes + self.true_no + self.true_neither
    }

    fn negatives(self) -> usize {
        self.false_yes + self.false_no + self.false_neither
    }

    /// Share of all answers that are right; neither yes nor no is wrong.
    pub fn accuracy(self) -> Option<f64> {
        share(self.true_yes + self.false_no, self.positives() + self.negatives())
    }

    /// Of the captions called true, the share that is.
    pub fn precision(self) -> Option<f64> {
        share(self.true_yes, self.true_yes + self.false_yes)
    }

    /// Of the true captions, the share that was called so.
    pub fn recall(self) -> Option<f64> {
        share(self.true_yes, self.positives())
    }

    /// Of the false captions, the share that was called so.
    pub fn specificity(self) -> Option<f64> {
        share(self.false_no, self.negatives())
    }

    /// Harmonic mean of precision and recall.
    pub fn f1(self) -> Option<f64> {
        harmonic_mean(self.precision()?, self.recall()?)
    }

    /// Mean of recall and specificity: 0.5 for one who always gives the same answer.
    pub fn balanced_accuracy(self) -> Option<f64> {
        Some((self.recall()? + self.specificity()?) / 2.0)
    }
}

/// What the released code prints for VSR: "Yes" or "No" anywhere in the text, in this case only. Its "precision" is the
/// sensitivity, its "recall" the specificity, and its "F1" their harmonic mean, which is none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Released {
    /// Printed as "Exact Match" and "Accuracy".
    pub accuracy: f64,
    /// Printed as "Precision".
    pub sensitivity: f64,
    /// Printed as "Recall".
    pub specificity: f64,
    /// Printed as "F1 Score".
    pub harmonic_mean: f64,
}

impl Released {
    /// From pairs of (the caption is true, the text answered); `None` without true captions, without false ones, or where
    /// none is answered rightly.
    pub fn of<'a>(answers: impl IntoIterator<Item = (bool, &'a str)>) -> Option<Self> {
        let (mut right, mut of) = ([0; 2], [0; 2]);
        for (truth, text) in answers {
            let class = usize::from(truth);
            of[class] += 1;
            right[class] += usize::from(text.contains(if truth { "Yes" } else { "No" }));
        }
        let (sensitivity, specificity) = (share(right[1], of[1])?, share(right[0], of[0])?);
        Some(Self {
            accuracy: share(right[0] + right[1], of[0] + of[1])?,
            sensitivity,
            specificity,
            harmonic_mean: harmonic_mean(sensitivity, specificity)?,
        })
    }
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn harmonic_mean(a: f64, b: f64) -> Option<f64> {
    (a + b > 0.0).then(|| 2.0 * a * b / (a + b))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five true captions (3 yes, 1 no, 1 neither) and four false ones (1 yes, 2 no, 1 both).
    const ANSWERS: [(bool, &str); 9] = [
        (true, "Yes"),
        (true, "yes."),
        (true, "Yes, it is."),
        (true, "No"),
        (true, "Maybe"),
        (false, "Yes"),
        (false, "No"),
        (false, "no"),
        (false, "No, or yes"),
    ];

    #[test]
    fn the_measures_are_what_they_are_called() {
        let found = YesNo::of(ANSWERS);
        assert_eq!((found.true_yes, found.true_no, found.true_neither), (3, 1, 1));
        assert_eq!((found.false_yes, found.false_no, found.false_neither), (1, 2, 1));
        assert_eq!((found.accuracy(), found.precision(), found.recall()), (Some(5.0 / 9.0), Some(0.75), Some(0.6)));
        assert_eq!((found.specificity(), found.balanced_accuracy()), (Some(0.5), Some(0.55)));
        assert!((found.f1().unwrap() - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn the_released_f1_is_another_number() {
        // Of the true ones "Yes" stands in 2, of the false ones "No" in 2.
        let released = Released::of(ANSWERS).unwrap();
        assert_eq!((released.accuracy, released.sensitivity, released.specificity), (4.0 / 9.0, 0.4, 0.5));
        assert!((released.harmonic_mean - 4.0 / 9.0).abs() < 1e-12);
    }

    #[test]
    fn one_who_always_says_yes() {
        let found = YesNo::of([(true, "Yes"), (true, "Yes"), (true, "Yes"), (false, "Yes")]);
        assert_eq!((found.accuracy(), found.balanced_accuracy()), (Some(0.75), Some(0.5)));
        assert_eq!((found.recall(), found.precision()), (Some(1.0), Some(0.75)));
    }

    #[test]
    fn what_is_not_defined_is_none() {
        assert_eq!(YesNo::default().accuracy(), None);
        let no = YesNo::of([(true, "No"), (false, "No")]);
        assert_eq!((no.precision(), no.f1()), (None, None));
        assert_eq!(Released::of([(true, "Yes")]), None);
        assert_eq!(Released::of([(true, "No"), (false, "Yes")]), None);
    }
}
