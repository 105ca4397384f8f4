//! Lambda on the training rows of a fold: inner grouped cross-validation on the surprise at the held-out classes.
//!
//! Candidates are tried from the strongest penalty to the weakest, each fit starting from the one before. Once the mean loss has
//! stood more than one standard error above its best for two candidates running, the weaker ones are not tried: they overfit
//! more, and they are the slow ones. The rule looks at nothing but the losses, so permuted labels go through the very same.

use faer::Mat;
use ndarray::Array2;

use super::design::{Coordinates, Design};
use super::folds::{Fold, grouped};
use super::softmax::{self, Problem};
use super::{Inner, Labels, Probe, Rows, Rule, Undefined, metrics};

/// The standard fit ends where the gradient norm of the mean objective is below this.
pub(super) const TOLERANCE: f64 = 1e-6;
/// Fits that only lead to a lambda end here: the mean loss is then within `gradient^2 / (2 lambda)` of its least, 5e-5 nats at the
/// weakest penalty, far below the standard error that the rule goes by.
const CHOOSING: f64 = 1e-4;

/// Everything of a fold that does not depend on the labels.
pub(super) struct Nested<'a> {
    fold: &'a Fold,
    pub design: Design,
    /// None where there is one candidate only.
    pub inner: Vec<InnerFold>,
    /// Strongest first.
    pub lambdas: Vec<f64>,
    pub rule: Rule,
}

/// Part of a fold's training rows to fit on, another to test on.
pub(super) struct InnerFold {
    /// By position among the fold's training rows.
    pub rows: Fold,
    pub train: Coordinates,
    pub test: Mat<f64>,
    /// Along each axis, as [`Design::spread`], in proportion to the rows.
    spread: Vec<f64>,
}

/// A fitted fold along its axes.
pub(super) struct Fitted {
    problem: Labelled,
    /// `[axes + 1, classes that occur]`, intercepts last.
    w: Mat<f64>,
    lambda: f64,
}

impl<'a> Nested<'a> {
    pub fn new(rows: Rows, fold: &'a Fold, inner: &Inner) -> Result<Self, Undefined> {
        let mut lambdas = inner.lambdas.clone();
        if let Some(&lambda) = lambdas.iter().find(|lambda| !(lambda.is_finite() && **lambda > 0.0)) {
            return Err(Undefined::Lambda { lambda });
        }
        if lambdas.is_empty() {
            return Err(Undefined::Lambda { lambda: f64::NAN });
        }
        lambdas.sort_by(|a, b| b.total_cmp(a));
        lambdas.dedup();
        let groups: Vec<usize> = fold.train.iter().map(|&row| rows.groups[row]).collect();
        let inner_folds = if lambdas.len() == 1 { Vec::new() } else { grouped(&groups, inner.folds, inner.seed)? };
        let design = Design::new(rows, fold)?;
        let inner_fold = |rows: Fold| {
            let (train, test) = (design.train.select(&rows.train), design.train.select(&rows.test).x);
            let share = rows.train.len() as f64 / fold.train.len() as f64;
            InnerFold { train, test, spread: design.spread.iter().map(|spread| share * spread).collect(), rows }
        };
        let inner_folds = inner_folds.into_iter().map(inner_fold).collect();
        Ok(Self { fold, design, inner: inner_folds, lambdas, rule: inner.rule })
    }

    /// Chooses lambda and fits the training rows with it.
    pub fn fit(&self, labels: Labels) -> Result<Fitted, Undefined> {
        let y: Vec<usize> = self.fold.train.iter().map(|&row| labels.y[row]).collect();
        let labelled = Labelled::of(&y, labels.classes);
        if labelled.present.len() < 2 {
            return Err(Undefined::OneClass);
        }
        let lambda = self.choose(&y, labels.classes)?;
        let problem = self.problem(&labelled, lambda);
        let w = problem.minimise(problem.start())?;
        Ok(Fitted { problem: labelled, w, lambda })
    }

    /// Probabilities of the test rows, `[test, classes]`.
    pub fn predict(&self, fitted: &Fitted) -> Array2<f64> {
        fitted.problem.probabilities(&self.design.test, &fitted.w)
    }

    /// The same fit by linfa, for the record.
    pub fn settle(&self, fitted: Fitted) -> Fitted {
        let w = self.problem(&fitted.problem, fitted.lambda).settle(fitted.w);
        Fitted { w, ..fitted }
    }

    pub fn probe(&self, fitted: &Fitted) -> Probe {
        self.design.probe(fitted.problem.spread(&fitted.w).as_ref(), fitted.lambda)
    }

    fn problem<'p>(&'p self, labelled: &'p Labelled, lambda: f64) -> Problem<'p> {
        labelled.problem(&self.design.train, &self.design.spread, lambda, TOLERANCE)
    }

    fn choose(&self, y: &[usize], classes: usize) -> Result<f64, Undefined> {
        let mut parts: Vec<Part> = self.inner.iter().map(|fold| Part::new(fold, y, classes)).collect();
        along(&self.lambdas, self.rule, |lambda| parts.iter_mut().map(|part| part.advance(lambda)).collect())
    }
}

/// The lambda that `rule` chooses by the inner folds' `losses`, asked for from the strongest penalty on.
pub(super) fn along(
    lambdas: &[f64],
    rule: Rule,
    mut losses: impl FnMut(f64) -> Result<Vec<f64>, Undefined>,
) -> Result<f64, Undefined> {
    if let [only] = lambdas {
        return Ok(*only);
    }
    let mut tried: Vec<Loss> = Vec::new();
    let mut too_weak = 0;
    for &lambda in lambdas {
        let loss = Loss::of(&losses(lambda)?);
        tried.push(loss);
        let best = best(&tried);
        too_weak = if loss.mean > best.mean + best.error { too_weak + 1 } else { 0 };
        if too_weak == 2 {
            break;
        }
    }
    let best = best(&tried);
    let bound = match rule {
        Rule::Best => best.mean,
        Rule::OneStandardError => best.mean + best.error,
    };
    let chosen = tried.iter().zip(lambdas).find(|(loss, _)| loss.mean <= bound);
    chosen.map(|(_, &lambda)| lambda).ok_or(Undefined::Lambda { lambda: f64::NAN })
}

/// Inner loss at one lambda.
#[derive(Clone, Copy)]
struct Loss {
    mean: f64,
    /// Standard error of the mean over the inner folds.
    error: f64,
}

impl Loss {
    fn of(folds: &[f64]) -> Self {
        let n = folds.len() as f64;
        let mean = folds.iter().sum::<f64>() / n;
        let variance = folds.iter().map(|loss| (loss - mean).powi(2)).sum::<f64>() / (n - 1.0);
        Self { mean, error: (variance / n).sqrt() }
    }
}

/// The smallest loss; the strongest penalty's where several are.
fn best(losses: &[Loss]) -> Loss {
    losses
        .iter()
        .copied()
        .reduce(|best, loss| if loss.mean < best.mean { loss } else { best })
        .unwrap_or(Loss { mean: f64::NAN, error: 0.0 })
}

/// One inner fold on its way along the lambdas.
struct Part<'a> {
    fold: &'a InnerFold,
    labelled: Labelled,
    asked: Vec<usize>,
    w: Option<Mat<f64>>,
}

impl<'a> Part<'a> {
    fn new(fold: &'a InnerFold, y: &[usize], classes: usize) -> Self {
        let of = |rows: &[usize]| rows.iter().map(|&row| y[row]).collect::<Vec<_>>();
        Self { fold, labelled: Labelled::of(&of(&fold.rows.train), classes), asked: of(&fold.rows.test), w: None }
    }

    /// Loss on the inner test rows at the next lambda.
    fn advance(&mut self, lambda: f64) -> Result<f64, Undefined> {
        let problem = self.labelled.problem(&self.fold.train, &self.fold.spread, lambda, CHOOSING);
        let start = self.w.take().unwrap_or_else(|| problem.start());
        // One class only: it is certain, and there is nothing to fit.
        let w = if self.labelled.present.len() < 2 { start } else { problem.minimise(start)? };
        let loss = metrics::log_loss(self.labelled.probabilities(&self.fold.test, &w).view(), &self.asked);
        self.w = Some(w);
        Ok(loss)
    }
}

/// Labels of training rows, counted among the classes that occur there.
struct Labelled {
    y: Vec<usize>,
    present: Vec<usize>,
    classes: usize,
}

impl Labelled {
    fn of(y: &[usize], classes: usize) -> Self {
        let present: Vec<usize> = (0..classes).filter(|class| y.contains(class)).collect();
        let y = y.iter().map(|label| present.partition_point(|class| class < label)).collect();
        Self { y, present, classes }
    }

    fn problem<'p>(&'p self, rows: &'p Coordinates, spread: &'p [f64], lambda: f64, tolerance: f64) -> Problem<'p> {
        Problem { rows, spread, y: &self.y, classes: self.present.len(), lambda, tolerance }
    }

    /// Weights of all classes; one that does not occur has the intercept minus infinity, so probability 0.
    fn spread(&self, w: &Mat<f64>) -> Mat<f64> {
        let axes = w.nrows() - 1;
        Mat::from_fn(axes + 1, self.classes, |i, class| match self.present.binary_search(&class) {
            Ok(at) => w[(i, at)],
            Err(_) if i == axes => f64::NEG_INFINITY,
            Err(_) => 0.0,
        })
    }

    /// `[rows, classes]`.
    fn probabilities(&self, x: &Mat<f64>, w: &Mat<f64>) -> Array2<f64> {
        let mut p = softmax::logits(x.as_ref(), w);
        softmax::normalise(&mut p);
        let mut all = Array2::zeros((x.nrows(), self.classes));
        for (at, &class) in self.present.iter().enumerate() {
            all.column_mut(class).iter_mut().zip(p.col_as_slice(at)).for_each(|(into, &p)| *into = p);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Losses of three inner folds about a mean, one standard error 0.1.
    fn about(mean: f64) -> Vec<f64> {
        let spread = 0.1 * 3f64.sqrt();
        vec![mean - spread, mean, mean + spread]
    }

    fn chosen(rule: Rule, means: [f64; 6]) -> (f64, usize) {
        let lambdas = [100.0, 10.0, 1.0, 0.1, 0.01, 0.001];
        let mut tried = 0;
        let lambda = along(&lambdas, rule, |lambda| {
            assert_eq!(lambda, lambdas[tried]);
            tried += 1;
            Ok(about(means[tried - 1]))
        });
        (lambda.unwrap(), tried)
    }

    #[test]
    fn one_standard_error_prefers_the_stronger_penalty() {
        let means = [1.0, 0.59, 0.52, 0.5, 0.52, 0.6];
        assert_eq!(chosen(Rule::OneStandardError, means), (10.0, 6));
        assert_eq!(chosen(Rule::Best, means), (0.1, 6));
    }

    #[test]
    fn weaker_penalties_are_not_tried_once_two_were_too_weak() {
        assert_eq!(chosen(Rule::Best, [1.0, 0.5, 0.61, 0.7, 0.1, 0.0]), (10.0, 4));
        assert_eq!(chosen(Rule::Best, [1.0, 0.5, 0.61, 0.55, 0.61, 0.0]), (0.001, 6));
    }

    #[test]
    fn one_candidate_needs_no_inner_folds() {
        assert_eq!(along(&[3.0], Rule::Best, |_| Err(Undefined::NoRows)), Ok(3.0));
    }
}
