//! The tables of scaling, row by row.

use std::path::Path;

use super::super::table::{Estimate, Table, exists};
use crate::error::Result;

/// `tables/scaling`: a method, scored by one rule, over some items.
#[derive(Clone, Debug, PartialEq)]
pub struct Tallied {
    pub design: String,
    pub dataset: String,
    pub compat: String,
    pub method: String,
    pub kind: String,
    pub operator: String,
    pub alpha: Option<f64>,
    pub signal: String,
    pub thresholds: Option<(f64, f64)>,
    pub rounding: String,
    pub rule: String,
    pub main: bool,
    pub stratum: String,
    pub n: i64,
    pub accuracy: Option<Estimate>,
    pub unsure: Option<f64>,
    pub fixed: Option<f64>,
    pub broken: Option<f64>,
    pub p: Option<f64>,
    pub shift: Option<f64>,
    pub pair: Option<Group>,
    pub set: Option<Group>,
    pub undefined: String,
}

/// Pairs or sets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Group {
    pub accuracy: Option<Estimate>,
    pub complete: f64,
    pub released: f64,
    pub ceiling: f64,
}

impl Tallied {
    pub fn read(run: &Path) -> Result<Vec<Self>> {
        Self::rows(&Table::open(run, "scaling")?)
    }

    fn rows(table: &Table) -> Result<Vec<Self>> {
        let text = |name: &str| table.names(name);
        let (design, dataset, compat) = (text("design")?, text("dataset")?, text("compat")?);
        let (method, kind, operator, signal) = (text("method")?, text("kind")?, text("operator")?, text("signal")?);
        let (rounding, rule, stratum) = (text("rounding")?, text("rule")?, text("stratum")?);
        let (alpha, thresholds) = (table.numbers("alpha")?, table.ranges("threshold_lo", "threshold_hi")?);
        let (main, n) = (table.integers("main")?, table.integers("n")?);
        let accuracy = table.estimates("accuracy", "ci_lo", "ci_hi")?;
        let (unsure, fixed, broken) = (table.numbers("unsure")?, table.numbers("fixed")?, table.numbers("broken")?);
        let (p, shift, undefined) = (table.numbers("p_mcnemar")?, table.numbers("shift")?, text("undefined")?);
        let (pair, set) = (Group::read(table, "pair")?, Group::read(table, "set")?);
        let row = |i: usize| Self {
            design: design[i].clone(),
            dataset: dataset[i].clone(),
            compat: compat[i].clone(),
            method: method[i].clone(),
            kind: kind[i].clone(),
            operator: operator[i].clone(),
            alpha: alpha[i],
            signal: signal[i].clone(),
            thresholds: thresholds[i],
            rounding: rounding[i].clone(),
            rule: rule[i].clone(),
            main: main[i] == 1,
            stratum: stratum[i].clone(),
            n: n[i],
            accuracy: accuracy[i],
            unsure: unsure[i],
            fixed: fixed[i],
            broken: broken[i],
            p: p[i],
            shift: shift[i],
            pair: pair[i],
            set: set[i],
            undefined: undefined[i].clone(),
        };
        Ok((0..table.height()).map(row).collect())
    }
}

impl Group {
    fn read(table: &Table, name: &str) -> Result<Vec<Option<Self>>> {
        let number = |what: &str| table.numbers(&format!("{name}_{what}"));
        let accuracy = table.estimates(&format!("{name}_accuracy"), &format!("{name}_lo"), &format!("{name}_hi"))?;
        let (complete, released, ceiling) = (number("complete")?, number("released")?, number("ceiling")?);
        let one = |i: usize| {
            let (complete, released, ceiling) = (complete[i]?, released[i]?, ceiling[i]?);
            Some(Self { accuracy: accuracy[i], complete, released, ceiling })
        };
        Ok((0..table.height()).map(one).collect())
    }
}

/// `tables/scaling_looks`, the mean over layers and single layers.
#[derive(Clone, Debug, PartialEq)]
pub struct Looked {
    pub design: String,
    pub dataset: String,
    pub operator: String,
    pub alpha: f64,
    /// -1: the mean over layers.
    pub layer: i64,
    pub measure: String,
    pub value: Option<Estimate>,
}

impl Looked {
    /// Empty where attention was not recorded.
    pub fn read(run: &Path) -> Result<Vec<Self>> {
        if !exists(run, "scaling_looks") {
            return Ok(Vec::new());
        }
        let table = Table::open(run, "scaling_looks")?;
        let (design, dataset, operator) = (table.names("design")?, table.names("dataset")?, table.names("operator")?);
        let (alpha, layer, measure) = (table.numbers("alpha")?, table.integers("layer")?, table.names("measure")?);
        let value = table.estimates("value", "ci_lo", "ci_hi")?;
        let row = |i: usize| Self {
            design: design[i].clone(),
            dataset: dataset[i].clone(),
            operator: operator[i].clone(),
            alpha: alpha[i].unwrap_or_default(),
            layer: layer[i],
            measure: measure[i].clone(),
            value: value[i],
        };
        Ok((0..table.height()).map(row).collect())
    }
}

/// `tables/scaling_confusion`.
#[derive(Clone, Debug, PartialEq)]
pub struct Confused {
    pub design: String,
    pub dataset: String,
    pub method: String,
    pub rounding: String,
    pub gold: String,
    pub answered: String,
    pub n: i64,
}

impl Confused {
    pub fn read(run: &Path) -> Result<Vec<Self>> {
        let table = Table::open(run, "scaling_confusion")?;
        let (design, dataset, method) = (table.names("design")?, table.names("dataset")?, table.names("method")?);
        let (rounding, gold, answered) = (table.names("rounding")?, table.names("gold")?, table.names("answered")?);
        let n = table.integers("n")?;
        let row = |i: usize| Self {
            design: design[i].clone(),
            dataset: dataset[i].clone(),
            method: method[i].clone(),
            rounding: rounding[i].clone(),
            gold: gold[i].clone(),
            answered: answered[i].clone(),
            n: n[i],
        };
        Ok((0..table.height()).map(row).collect())
    }
}

/// `tables/scaling_confidence`: a bar of the histogram.
#[derive(Clone, Debug, PartialEq)]
pub struct Binned {
    pub design: String,
    pub dataset: String,
    pub familiarity: String,
    pub right: bool,
    pub from: f64,
    pub n: i64,
}

impl Binned {
    pub fn read(run: &Path) -> Result<Vec<Self>> {
        let table = Table::open(run, "scaling_confidence")?;
        let (design, dataset, familiarity) =
            (table.names("design")?, table.names("dataset")?, table.names("familiarity")?);
        let (answer, from, n) = (table.names("answer")?, table.numbers("from")?, table.integers("n")?);
        let row = |i: usize| Self {
            design: design[i].clone(),
            dataset: dataset[i].clone(),
            familiarity: familiarity[i].clone(),
            right: answer[i] == "right",
            from: from[i].unwrap_or_default(),
            n: n[i],
        };
        Ok((0..table.height()).map(row).collect())
    }
}

/// `tables/scaling_thresholds`.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    pub design: String,
    pub dataset: String,
    pub gate: String,
    pub signal: String,
    pub rounding: String,
    pub rule: String,
    pub at: f64,
    pub accuracy: Option<Estimate>,
    pub folds: i64,
    pub named: bool,
}

impl Threshold {
    /// Empty where no gate was tried.
    pub fn read(run: &Path) -> Result<Vec<Self>> {
        if !exists(run, "scaling_thresholds") {
            return Ok(Vec::new());
        }
        let table = Table::open(run, "scaling_thresholds")?;
        let (design, dataset, gate) = (table.names("design")?, table.names("dataset")?, table.names("gate")?);
        let (signal, rounding, rule) = (table.names("signal")?, table.names("rounding")?, table.names("rule")?);
        let (at, accuracy) = (table.numbers("threshold")?, table.estimates("accuracy", "ci_lo", "ci_hi")?);
        let (folds, named) = (table.integers("folds")?, table.integers("named")?);
        let row = |i: usize| Self {
            design: design[i].clone(),
            dataset: dataset[i].clone(),
            gate: gate[i].clone(),
            signal: signal[i].clone(),
            rounding: rounding[i].clone(),
            rule: rule[i].clone(),
            at: at[i].unwrap_or_default(),
            accuracy: accuracy[i],
            folds: folds[i],
            named: named[i] == 1,
        };
        Ok((0..table.height()).map(row).collect())
    }
}

/// `tables/scaling_published`.
#[derive(Clone, Debug, PartialEq)]
pub struct Beside {
    pub design: String,
    pub dataset: String,
    pub model: String,
    pub method: String,
    pub published: Option<f64>,
    pub n_published: i64,
    pub accuracy: Option<Estimate>,
    pub n: i64,
}

impl Beside {
    /// Empty where the run is of no published set.
    pub fn read(run: &Path) -> Result<Vec<Self>> {
        if !exists(run, "scaling_published") {
            return Ok(Vec::new());
        }
        let table = Table::open(run, "scaling_published")?;
        let (design, dataset) = (table.names("design")?, table.names("dataset")?);
        let (model, method) = (table.names("model")?, table.names("method")?);
        let (published, n_published) = (table.numbers("published")?, table.integers("n_published")?);
        let (accuracy, n) = (table.estimates("accuracy", "ci_lo", "ci_hi")?, table.integers("n")?);
        let row = |i: usize| Self {
            design: design[i].clone(),
            dataset: dataset[i].clone(),
            model: model[i].clone(),
            method: method[i].clone(),
            published: published[i],
            n_published: n_published[i],
            accuracy: accuracy[i],
            n: n[i],
        };
        Ok((0..table.height()).map(row).collect())
    }
}

/// `tables/scaling_gallery`: an item before and after.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    pub design: String,
    pub dataset: String,
    pub item: String,
    pub kind: String,
    pub operator: String,
    pub alpha: f64,
    pub before: String,
    pub after: String,
}

impl Shown {
    /// Empty where no attention map was kept.
    pub fn read(run: &Path) -> Result<Vec<Self>> {
        if !exists(run, "scaling_gallery") {
            return Ok(Vec::new());
        }
        let table = Table::open(run, "scaling_gallery")?;
        let text = |name: &str| table.names(name);
        let (design, dataset, item) = (text("design")?, text("dataset")?, text("item")?);
        let (kind, operator) = (text("kind")?, text("operator")?);
        let (alpha, before, after) = (table.numbers("alpha")?, text("before")?, text("after")?);
        let row = |i: usize| Self {
            design: design[i].clone(),
            dataset: dataset[i].clone(),
            item: item[i].clone(),
            kind: kind[i].clone(),
            operator: operator[i].clone(),
            alpha: alpha[i].unwrap_or_default(),
            before: before[i].clone(),
            after: after[i].clone(),
        };
        Ok((0..table.height()).map(row).collect())
    }
}
