//! Iterative nullspace projection: erase what a classifier reads, train another on the rest, and so on.
//!
//! Source: Ravfogel et al., "Null it out: guarding protected attributes by iterative nullspace projection" (ACL 2020). It
//! removes more than it needs to: rank and removed variance belong into every report.

use ndarray::{Array1, Array2, Axis, concatenate};

use super::{Degenerate, LowRank};
use crate::stats::decomposition::orthonormal;

/// A linear classifier fitted to the states that an eraser leaves.
#[derive(Clone, Debug)]
pub struct Reader {
    /// `[width, classes]`.
    pub weights: Array2<f64>,
    /// Share of held-out states it gets right.
    pub accuracy: f64,
    /// What guessing gets right: the majority's share plus one standard error.
    pub floor: f64,
}

/// The eraser, and how it came about.
#[derive(Clone, Debug)]
pub struct Inlp {
    pub eraser: LowRank,
    /// Held-out accuracy before each round, the last one included.
    pub accuracy: Vec<f64>,
    /// Directions removed after each round.
    pub rank: Vec<usize>,
}

impl Inlp {
    /// Rounds until a reader no longer beats guessing, or `limit` rounds were made. `fit` is given the eraser so far.
    ///
    /// The projections are intersected exactly: what is removed is the span of all readers' directions.
    ///
    /// # Errors
    /// Whatever `fit` fails with; weights that are not finite.
    pub fn fit<E: From<Degenerate>>(
        mean: Array1<f64>,
        limit: usize,
        mut fit: impl FnMut(&LowRank) -> Result<Reader, E>,
    ) -> Result<Self, E> {
        let width = mean.len();
        let mut inlp = Self {
            eraser: LowRank::projection(Array2::zeros((width, 0)), mean.clone()),
            accuracy: Vec::new(),
            rank: Vec::new(),
        };
        for round in 0..=limit {
            let reader = fit(&inlp.eraser)?;
            inlp.accuracy.push(reader.accuracy);
            if reader.accuracy <= reader.floor || round == limit {
                break;
            }
            let basis = inlp.eraser.left.view();
            // Within what is left: a reader's weights on directions already gone are arbitrary. And between classes: a shift
            // common to all of them moves no decision.
            let between = reader
                .weights
                .mean_axis(Axis(1))
                .map_or_else(|| reader.weights.clone(), |common| &reader.weights - &common.insert_axis(Axis(1)));
            let fresh = &between - &basis.dot(&basis.t().dot(&between));
            let fresh = orthonormal(fresh.view()).map_err(Degenerate::from)?;
            if fresh.ncols() == 0 {
                break;
            }
            let both = concatenate![Axis(1), basis, fresh];
            let basis = orthonormal(both.view()).map_err(Degenerate::from)?;
            inlp.rank.push(basis.ncols());
            inlp.eraser = LowRank::projection(basis, mean.clone());
        }
        Ok(inlp)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use rand::Rng;

    use super::*;
    use crate::stats::seed::rng;

    /// Two classes 4 apart along `(1, 1, 0)` and 2 apart along the third axis, among noise. One column of weights: the
    /// difference of class means; accuracy on the same rows.
    fn read(x: &Array2<f64>, right: &[bool]) -> Reader {
        let mean = |wanted: bool| {
            let rows: Vec<usize> = (0..right.len()).filter(|&row| right[row] == wanted).collect();
            x.select(Axis(0), &rows).mean_axis(Axis(0)).unwrap()
        };
        let (yes, no) = (mean(true), mean(false));
        let (direction, middle) = (&yes - &no, (&yes + &no) / 2.0);
        let hit = |row: &usize| ((&x.row(*row) - &middle).dot(&direction) > 0.0) == right[*row];
        let accuracy = (0..right.len()).filter(hit).count() as f64 / right.len() as f64;
        let weights = concatenate![Axis(1), direction.view().insert_axis(Axis(1)), (-&direction).insert_axis(Axis(1))];
        Reader { weights, accuracy, floor: 0.5 + (0.25 / right.len() as f64).sqrt() }
    }

    fn planted() -> (Array2<f64>, Vec<bool>) {
        let mut noise = rng(8, "planted classes", 0);
        let right: Vec<bool> = (0..400).map(|row| row % 2 == 0).collect();
        let x = Array2::from_shape_fn((400, 5), |(row, i)| {
            let side = if right[row] { 1.0 } else { -1.0 };
            noise.random_range(-1.0..1.0) + side * [2.0, 2.0, 1.0, 0.0, 0.0][i]
        });
        (x, right)
    }

    #[test]
    fn rounds_go_on_until_nothing_is_readable() {
        let (x, right) = planted();
        let inlp: Inlp = Inlp::fit(x.mean_axis(Axis(0)).unwrap(), 10, |eraser: &LowRank| {
            Ok::<_, Degenerate>(read(&eraser.erase(x.view()), &right))
        })
        .unwrap();
        assert!(inlp.accuracy[0] > 0.99, "{:?}", inlp.accuracy);
        assert!(*inlp.accuracy.last().unwrap() < 0.6, "{:?}", inlp.accuracy);
        assert!(inlp.eraser.rank() >= 1 && inlp.eraser.rank() < 5, "{:?}", inlp.rank);
        let basis = &inlp.eraser.left;
        let gram = basis.t().dot(basis);
        assert!((&gram - &Array2::<f64>::eye(basis.ncols())).iter().all(|gap| gap.abs() < 1e-9));
    }

    #[test]
    fn a_concept_nobody_can_read_is_left_alone() {
        let mean = Array1::zeros(3);
        let nothing =
            |_: &LowRank| Ok::<_, Degenerate>(Reader { weights: Array2::ones((3, 2)), accuracy: 0.5, floor: 0.52 });
        let inlp = Inlp::fit(mean, 5, nothing).unwrap();
        assert_eq!((inlp.eraser.rank(), inlp.accuracy.len()), (0, 1));
    }

    #[test]
    fn the_limit_holds_and_directions_count_once() {
        // A reader that never gives up and always names the same direction.
        let same = |_: &LowRank| {
            Ok::<_, Degenerate>(Reader { weights: array![[1.0, -1.0], [0.0, 0.0]], accuracy: 1.0, floor: 0.5 })
        };
        let inlp = Inlp::fit(Array1::zeros(2), 4, same).unwrap();
        assert_eq!(inlp.rank, vec![1]);
        assert_eq!(inlp.eraser.erase(array![[3.0, 7.0]].view()), array![[0.0, 7.0]]);
    }
}
