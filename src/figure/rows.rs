//! The rows of each result table, as figures and report read them.

use std::path::Path;

use super::table::{Estimate, Table};
use crate::error::Result;

/// The head number that stands for the mean over heads.
pub const MEAN_HEAD: i64 = -1;

/// `tables/attention_share`: how the last query's attention is shared out.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    pub layer: i64,
    pub head: i64,
    /// bos, text, last, image, objects, `object_k`, background.
    pub group: String,
    pub share: Estimate,
    pub n: i64,
}

impl Share {
    pub fn read(run: &Path) -> Result<Vec<Self>> {
        Self::rows(&Table::open(run, "attention_share")?)
    }

    /// Rows without a share (no item has the object) are left out.
    pub fn rows(table: &Table) -> Result<Vec<Self>> {
        let (layer, head, group) = (table.integers("layer")?, table.integers("head")?, table.names("group")?);
        let (share, n) = (table.estimates("share", "ci_lo", "ci_hi")?, table.integers("n")?);
        let row = |i: usize| {
            Some(Self { layer: layer[i], head: head[i], group: group[i].clone(), share: share[i]?, n: n[i] })
        };
        Ok((0..table.height()).filter_map(row).collect())
    }
}

/// `tables/alignment`: how well attention meets the boxes, and whether that predicts a right answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Alignment {
    pub layer: i64,
    pub head: i64,
    pub metric: String,
    pub target: String,
    pub stratum: String,
    pub n_right: i64,
    pub n_wrong: i64,
    pub value: Option<Estimate>,
    pub right: Option<Estimate>,
    pub wrong: Option<Estimate>,
    /// Under area-matched random boxes.
    pub null_value: Option<Estimate>,
    /// Under the boxes of other items.
    pub other_value: Option<f64>,
    pub auroc: Option<Estimate>,
    pub null: Option<(f64, f64)>,
    pub other: Option<(f64, f64)>,
    /// Corrected over layers by the maximum statistic.
    pub p_max: Option<f64>,
}

impl Alignment {
    pub fn read(run: &Path) -> Result<Vec<Self>> {
        Self::rows(&Table::open(run, "alignment")?)
    }

    pub fn rows(table: &Table) -> Result<Vec<Self>> {
        let (layer, head) = (table.integers("layer")?, table.integers("head")?);
        let (metric, target, stratum) = (table.names("metric")?, table.names("target")?, table.names("stratum")?);
        let (n_right, n_wrong) = (table.integers("n_right")?, table.integers("n_wrong")?);
        let value = table.estimates("value", "value_lo", "value_hi")?;
        let right = table.estimates("value_right", "value_right_lo", "value_right_hi")?;
        let wrong = table.estimates("value_wrong", "value_wrong_lo", "value_wrong_hi")?;
        let null_value = table.estimates("null_value", "null_value_lo", "null_value_hi")?;
        let other_value = table.numbers("other_value")?;
        let auroc = table.estimates("auroc", "ci_lo", "ci_hi")?;
        let (null, other) = (table.ranges("null_lo", "null_hi")?, table.ranges("other_lo", "other_hi")?);
        let p_max = table.numbers("p_max")?;
        let row = |i: usize| Self {
            layer: layer[i],
            head: head[i],
            metric: metric[i].clone(),
            target: target[i].clone(),
            stratum: stratum[i].clone(),
            n_right: n_right[i],
            n_wrong: n_wrong[i],
            value: value[i],
            right: right[i],
            wrong: wrong[i],
            null_value: null_value[i],
            other_value: other_value[i],
            auroc: auroc[i],
            null: null[i],
            other: other[i],
            p_max: p_max[i],
        };
        Ok((0..table.height()).map(row).collect())
    }
}

/// `tables/answers`: how often the model is right.
#[derive(Clone, Debug, PartialEq)]
pub struct Answers {
    pub stratum: String,
    pub n: i64,
    pub n_right: i64,
    pub accuracy: Option<Estimate>,
    pub confidence_mean: Option<f64>,
    /// Share of the most frequent answer.
    pub majority: Option<f64>,
}

impl Answers {
    pub fn read(run: &Path) -> Result<Vec<Self>> {
        Self::rows(&Table::open(run, "answers")?)
    }

    pub fn rows(table: &Table) -> Result<Vec<Self>> {
        let (stratum, n, n_right) = (table.names("stratum")?, table.integers("n")?, table.integers("n_right")?);
        let accuracy = table.estimates("accuracy", "ci_lo", "ci_hi")?;
        let (confidence_mean, majority) = (table.numbers("confidence_mean")?, table.numbers("majority")?);
        let row = |i: usize| Self {
            stratum: stratum[i].clone(),
            n: n[i],
            n_right: n_right[i],
            accuracy: accuracy[i],
            confidence_mean: confidence_mean[i],
            majority: majority[i],
        };
        Ok((0..table.height()).map(row).collect())
    }
}

/// `tables/gallery`: which attention rows to show.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    pub item: String,
    pub layer: i64,
    pub head: i64,
    pub query: String,
    pub metric: String,
    pub score: f64,
    /// "right, best aligned" and so on.
    pub kind: String,
}

impl Choice {
    pub fn read(run: &Path) -> Result<Vec<Self>> {
        Self::rows(&Table::open(run, "gallery")?)
    }

    /// Rows without a score are left out.
    pub fn rows(table: &Table) -> Result<Vec<Self>> {
        let (item, query, metric) = (table.names("item")?, table.names("query")?, table.names("metric")?);
        let (layer, head) = (table.integers("layer")?, table.integers("head")?);
        let (score, kind) = (table.numbers("score")?, table.names("kind")?);
        let row = |i: usize| {
            Some(Self {
                item: item[i].clone(),
                layer: layer[i],
                head: head[i],
                query: query[i].clone(),
                metric: metric[i].clone(),
                score: score[i]?,
                kind: kind[i].clone(),
            })
        };
        Ok((0..table.height()).filter_map(row).collect())
    }
}

/// `tables/headline`: what a reader takes away, ready to print.
#[derive(Clone, Debug, PartialEq)]
pub struct Headline {
    pub name: String,
    pub value: Option<Estimate>,
    pub n: i64,
    pub note: String,
}

impl Headline {
    pub fn read(run: &Path) -> Result<Vec<Self>> {
        Self::rows(&Table::open(run, "headline")?)
    }

    pub fn rows(table: &Table) -> Result<Vec<Self>> {
        let (name, value) = (table.names("name")?, table.estimates("value", "ci_lo", "ci_hi")?);
        let (n, note) = (table.integers("n")?, table.texts("note")?);
        let row = |i: usize| Self {
            name: name[i].clone(),
            value: value[i],
            n: n[i],
            note: note[i].clone().unwrap_or_default(),
        };
        Ok((0..table.height()).map(row).collect())
    }
}
