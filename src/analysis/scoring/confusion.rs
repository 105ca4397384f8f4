//! Gold answers against given ones, and which answer a model favours whatever it is asked.

use super::rule::Named;

/// How often which option was answered where another was right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    pub options: Vec<String>,
    /// Rows: the gold option. Columns: the options, then no option named, then several.
    counts: Vec<Vec<usize>>,
}

impl Confusion {
    /// From pairs of the gold option and what was answered, both by their place among `options`.
    ///
    /// An answer or a gold option beyond the options is not counted.
    pub fn of(options: &[String], answers: impl IntoIterator<Item = (usize, Named)>) -> Self {
        let mut counts = vec![vec![0; options.len() + 2]; options.len()];
        for (gold, answer) in answers {
            let column = match answer {
                Named::One(option) if option < options.len() => option,
                Named::One(_) => continue,
                Named::Nothing => options.len(),
                Named::Several => options.len() + 1,
            };
            if let Some(row) = counts.get_mut(gold) {
                row[column] += 1;
            }
        }
        Self { options: options.to_vec(), counts }
    }

    /// How often `answer` was given where the option `gold` was right.
    pub fn count(&self, gold: usize, answer: Named) -> usize {
        let column = match answer {
            Named::One(option) if option < self.options.len() => option,
            Named::One(_) => return 0,
            Named::Nothing => self.options.len(),
            Named::Several => self.options.len() + 1,
        };
        self.counts.get(gold).map_or(0, |row| row[column])
    }

    /// How often each column was given: the options, no option, several.
    fn given(&self) -> Vec<usize> {
        (0..self.options.len() + 2).map(|column| self.counts.iter().map(|row| row[column]).sum()).collect()
    }

    /// The share of each answer among all, whatever was right: the options, no option, several. `None` without answers.
    pub fn favour(&self) -> Option<Vec<f64>> {
        let given = self.given();
        let all: usize = given.iter().sum();
        (all > 0).then(|| given.iter().map(|&count| count as f64 / all as f64).collect())
    }

    /// How far the favour of answers has moved from another's: the share of answers that would have to be given otherwise
    /// (total variation distance, 0 to 1). `None` without answers or with other options.
    pub fn shift_from(&self, before: &Self) -> Option<f64> {
        let (now, then) = (self.favour()?, before.favour()?);
        let moved = || now.iter().zip(&then).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0;
        (self.options == before.options).then(moved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two(answers: &[(usize, Named)]) -> Confusion {
        Confusion::of(&["left".to_string(), "right".to_string()], answers.iter().copied())
    }

    #[test]
    fn answers_are_counted_by_what_was_right() {
        let found = two(&[
            (0, Named::One(0)),
            (0, Named::One(1)),
            (1, Named::Nothing),
            (1, Named::Several),
            (1, Named::One(1)),
        ]);
        assert_eq!(
            (found.count(0, Named::One(0)), found.count(0, Named::One(1)), found.count(1, Named::Several)),
            (1, 1, 1)
        );
        assert_eq!(found.favour(), Some(vec![0.2, 0.4, 0.2, 0.2]));
        assert_eq!((found.count(7, Named::Nothing), found.count(0, Named::One(7))), (0, 0));
    }

    #[test]
    fn a_favour_that_turns_round_has_moved_wholly() {
        let (left, right) =
            (two(&[(0, Named::One(0)), (1, Named::One(0))]), two(&[(0, Named::One(1)), (1, Named::One(1))]));
        assert_eq!((right.shift_from(&left), left.shift_from(&left)), (Some(1.0), Some(0.0)));
        assert_eq!(two(&[]).shift_from(&left), None);
        let half = two(&[(0, Named::One(0)), (1, Named::One(1))]);
        assert_eq!(half.shift_from(&left), Some(0.5));
    }
}
