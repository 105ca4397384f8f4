//! Ways to answer the items of a case: one scaling for all, a gate, a choice on other images, the best that could be chosen.

use super::case::Case;
use super::choose::{Chosen, cross_validated};
use super::gate::GateSpec;
use crate::analysis::scoring::{Gate, Rounding, Rule};
use crate::stats::probe::Undefined;

/// Thresholds that are tried, in hundredths.
pub const GRID: usize = 100;

/// A way to answer every item of a case.
pub struct Method<'a> {
    pub name: String,
    pub kind: Kind,
    pub operator: String,
    /// Of a scaling.
    pub alpha: Option<f64>,
    pub gate: Option<&'a GateSpec>,
    pub rounding: Rounding,
    /// Of a gate: its threshold; of one that is cross-validated: the smallest and largest of the folds.
    pub thresholds: Option<(f64, f64)>,
    /// Which of the case's scalings answers each item, by rule where the choice depends on it.
    pub answers: Result<Answers, String>,
}

/// Which scaling answers each item.
pub enum Answers {
    /// Whatever counts as right.
    Any(Vec<usize>),
    /// By rule.
    By(Vec<(Rule, Vec<usize>)>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Untouched,
    Alpha,
    ChosenAlpha,
    Gate,
    ChosenGate,
    Oracle,
}

impl Kind {
    /// As tables name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Untouched => "untouched",
            Self::Alpha => "alpha",
            Self::ChosenAlpha => "chosen_alpha",
            Self::Gate => "gate",
            Self::ChosenGate => "chosen_gate",
            Self::Oracle => "oracle",
        }
    }
}

pub const RULES: [Rule; 3] = [Rule::Word, Rule::ExactlyOne, Rule::Substring];

/// Folds of the choice of an alpha.
const FOLDS: usize = 5;

impl Method<'_> {
    /// Which scaling answers each item, for answers that count by this rule.
    pub fn answered_by(&self, rule: Rule) -> Result<&[usize], &str> {
        match &self.answers {
            Err(reason) => Err(reason),
            Ok(Answers::Any(by)) => Ok(by),
            Ok(Answers::By(all)) => Ok(all.iter().find(|(of, _)| *of == rule).map_or(&[][..], |(_, by)| by)),
        }
    }
}

/// Every method that a case allows.
pub fn methods<'a>(case: &Case<'_>, gates: &'a [GateSpec], seed: u64) -> Vec<Method<'a>> {
    let mut methods: Vec<Method> = case.scalings.iter().enumerate().map(|(at, _)| single(case, at)).collect();
    for operator in operators(case) {
        methods.extend(over_alphas(case, &operator, seed));
    }
    for gate in gates.iter().filter(|gate| gate.dataset.as_deref().is_none_or(|name| same_dataset(name, case.dataset)))
    {
        methods.extend(of_gate(case, gate, seed));
    }
    methods
}

/// Whether a dataset goes by a name, or by its last part: an import has no more.
pub fn same_dataset(name: &str, dataset: &str) -> bool {
    name == dataset || name.rsplit('/').next() == Some(dataset)
}

/// The operators that were used, besides none.
pub fn operators(case: &Case<'_>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for scaled in case.scalings.iter().filter(|scaled| scaled.operator != "none") {
        if !names.iter().any(|name| name == scaled.operator) {
            names.push(scaled.operator.to_owned());
        }
    }
    names
}

fn single<'a>(case: &Case<'_>, at: usize) -> Method<'a> {
    let scaled = &case.scalings[at];
    let untouched = scaled.operator == "none";
    Method {
        name: if untouched { "untouched".into() } else { format!("{} {}", scaled.operator, scaled.alpha) },
        kind: if untouched { Kind::Untouched } else { Kind::Alpha },
        operator: scaled.operator.into(),
        alpha: Some(scaled.alpha),
        gate: None,
        rounding: Rounding::None,
        thresholds: None,
        answers: Ok(Answers::Any(vec![at; case.items.len()])),
    }
}

/// The scalings of one operator in the order of alpha, the untouched model among them.
fn in_order(case: &Case<'_>, operator: &str) -> Vec<usize> {
    let of_it = |at: &usize| ["none", operator].contains(&case.scalings[*at].operator);
    let mut order: Vec<usize> = (0..case.scalings.len()).filter(of_it).collect();
    order.sort_by(|&a, &b| case.scalings[a].alpha.total_cmp(&case.scalings[b].alpha));
    order
}

/// The alpha that is best on other images, and the best alpha of each item.
fn over_alphas<'a>(case: &Case<'_>, operator: &str, seed: u64) -> [Method<'a>; 2] {
    let order = in_order(case, operator);
    let method = |name: String, kind, answers| Method {
        name,
        kind,
        operator: operator.into(),
        alpha: None,
        gate: None,
        rounding: Rounding::None,
        thresholds: None,
        answers,
    };
    let chosen = by_rule(|rule| {
        let right: Vec<Vec<bool>> = order.iter().map(|&at| case.right(rule, &vec![at; case.items.len()])).collect();
        let Chosen { of_item, .. } = cross_validated(&right, &case.images, FOLDS, seed)?;
        Ok(of_item.into_iter().map(|choice| order[choice]).collect())
    });
    [
        method(format!("{operator}, chosen alpha"), Kind::ChosenAlpha, chosen),
        method(format!("{operator}, oracle"), Kind::Oracle, Ok(oracle(case, &order))),
    ]
}

fn by_rule(of: impl Fn(Rule) -> Result<Vec<usize>, Undefined>) -> Result<Answers, String> {
    let each = |rule| Ok((rule, of(rule).map_err(|reason| reason.to_string())?));
    RULES.into_iter().map(each).collect::<Result<_, String>>().map(Answers::By)
}

/// For each item a scaling that gets it right, if there is one.
fn oracle(case: &Case<'_>, of: &[usize]) -> Answers {
    let pick = |rule: Rule, place: usize| {
        let right = of.iter().find(|&&at| case.is_right(rule, place, case.text(place, at)));
        right.or(of.first()).copied().unwrap_or(0)
    };
    Answers::By(RULES.map(|rule| (rule, (0..case.items.len()).map(|place| pick(rule, place)).collect())).into())
}

/// The scalings that a gate chooses between: for the unsure, for the sure.
pub fn sides(case: &Case<'_>, gate: &GateSpec) -> Option<[usize; 2]> {
    let find = |alpha| case.find(gate.operator.name(), alpha);
    Some([find(gate.low.get())?, find(gate.high.get())?])
}

/// How sure each item is.
pub fn certainty(case: &Case<'_>, gate: &GateSpec) -> Option<Vec<f64>> {
    case.scalings.first()?.said.iter().map(|said| gate.signal.of(said)).collect()
}

/// Which scaling answers each item at a threshold.
pub fn gated(threshold: Gate, sure: &[f64], [low, high]: [usize; 2]) -> Vec<usize> {
    sure.iter().map(|&sure| if threshold.is_unsure(sure) { low } else { high }).collect()
}

/// A threshold in hundredths.
pub fn at_grid(step: usize, rounding: Rounding) -> Option<Gate> {
    Gate::new(step as f64 / GRID as f64, rounding).ok()
}

fn of_gate<'a>(case: &Case<'_>, gate: &'a GateSpec, seed: u64) -> Vec<Method<'a>> {
    let method = |name: String, kind, rounding, thresholds, answers| Method {
        name,
        kind,
        operator: gate.operator.name().into(),
        alpha: None,
        gate: Some(gate),
        rounding,
        thresholds,
        answers,
    };
    let name = &gate.name;
    let sides = match sides(case, gate) {
        Some(sides) => sides,
        None => {
            let reason = format!("not both of the alphas {} and {} were measured", gate.low.get(), gate.high.get());
            return vec![method(format!("gate {name}"), Kind::Gate, Rounding::None, None, Err(reason))];
        }
    };
    let Some(sure) = certainty(case, gate) else {
        let reason = format!("{} was not recorded", gate.signal.name());
        return vec![method(format!("gate {name}"), Kind::Gate, Rounding::None, None, Err(reason))];
    };
    let mut methods = Vec::new();
    for rounding in [Rounding::None, Rounding::TwoDecimals] {
        if let Some((threshold, at)) = gate.threshold.and_then(|at| Some((Gate::new(at, rounding).ok()?, at))) {
            let answers = Ok(Answers::Any(gated(threshold, &sure, sides)));
            methods.push(method(format!("gate {name}"), Kind::Gate, rounding, Some((at, at)), answers));
        }
    }
    let candidates: Vec<Vec<usize>> =
        (0..=GRID).filter_map(|step| Some(gated(at_grid(step, Rounding::None)?, &sure, sides))).collect();
    let mut range: Option<(f64, f64)> = None;
    let mut all = Vec::new();
    let mut reason = None;
    for rule in RULES {
        let right: Vec<Vec<bool>> = candidates.iter().map(|by| case.right(rule, by)).collect();
        match cross_validated(&right, &case.images, gate.folds, seed) {
            Ok(chosen) => {
                if rule == Rule::Word {
                    let steps = || chosen.of_fold.iter().map(|&step| step as f64 / GRID as f64);
                    range = Some((steps().fold(1.0, f64::min), steps().fold(0.0, f64::max)));
                }
                let by = |(place, &choice): (usize, &usize)| candidates[choice][place];
                all.push((rule, chosen.of_item.iter().enumerate().map(by).collect()));
            }
            Err(undefined) => reason = Some(undefined.to_string()),
        }
    }
    let answers = reason.map_or(Ok(Answers::By(all)), Err);
    let chosen = format!("gate {name}, chosen threshold");
    methods.push(method(chosen, Kind::ChosenGate, Rounding::None, range, answers));
    methods.push(method(format!("gate {name}, oracle"), Kind::Oracle, Rounding::None, None, Ok(oracle(case, &sides))));
    methods
}
