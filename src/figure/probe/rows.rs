//! The rows of the probe tables, as figures and report read them.

use std::path::Path;

use super::super::table::{Estimate, Table};
use crate::error::Result;
use crate::processor::Patch;

/// `tables/probe`: one held-out number, beside one control.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    pub probe: String,
    pub target: String,
    pub axis: String,
    pub site: String,
    /// pixels, vision, projector, lm.
    pub tower: String,
    /// Index within the tower; −1 where it has none.
    pub slot: i64,
    /// Position on the axis that all towers share.
    pub depth: i64,
    pub group: String,
    /// The one patch that a layout probe reads.
    pub cell: Option<Patch>,
    /// Whether no object ever covers that patch, where it is known.
    pub background: Option<bool>,
    pub fit: String,
    pub split: String,
    pub metric: String,
    pub value: Option<Estimate>,
    pub chance: Option<f64>,
    /// Images in the test sets.
    pub images: Option<i64>,
    /// "none" in the row of the number itself.
    pub control_kind: String,
    pub control: Option<Estimate>,
    /// The number less its control, with a paired interval.
    pub selectivity: Option<Estimate>,
    pub p_perm: Option<f64>,
    /// Corrected over depth by the maximum statistic.
    pub p_max: Option<f64>,
}

impl Measure {
    pub fn read(run: &Path) -> Result<Vec<Self>> {
        Self::rows(&Table::open(run, "probe")?)
    }

    pub fn rows(table: &Table) -> Result<Vec<Self>> {
        let [probe, target, axis, site, tower, group, fit, split, metric, control_kind] = [
            "probe",
            "target",
            "axis",
            "site",
            "tower",
            "group",
            "fit_mode",
            "split",
            "metric",
            "control_kind",
        ]
        .map(|name| table.names(name));
        let (probe, target, axis, site, tower) = (probe?, target?, axis?, site?, tower?);
        let (group, fit, split, metric, control_kind) = (group?, fit?, split?, metric?, control_kind?);
        let (slot, depth, cells) = (table.integers("slot")?, table.integers("depth")?, cells(table)?);
        let background = table.texts("background")?;
        let value = table.estimates("value", "ci_lo", "ci_hi")?;
        let control = table.estimates("control_value", "control_lo", "control_hi")?;
        let selectivity = table.estimates("selectivity", "selectivity_lo", "selectivity_hi")?;
        let (chance, images) = (table.numbers("chance")?, table.numbers("n_groups_test")?);
        let (p_perm, p_max) = (table.numbers("p_perm")?, table.numbers("p_max")?);
        let row = |i: usize| Self {
            probe: probe[i].clone(),
            target: target[i].clone(),
            axis: axis[i].clone(),
            site: site[i].clone(),
            tower: tower[i].clone(),
            slot: slot[i],
            depth: depth[i],
            group: group[i].clone(),
            cell: cells[i],
            background: match background[i].as_deref() {
                Some("yes") => Some(true),
                Some("no") => Some(false),
                _ => None,
            },
            fit: fit[i].clone(),
            split: split[i].clone(),
            metric: metric[i].clone(),
            value: value[i],
            chance: chance[i],
            images: images[i].map(|images| images as i64),
            control_kind: control_kind[i].clone(),
            control: control[i],
            selectivity: selectivity[i],
            p_perm: p_perm[i],
            p_max: p_max[i],
        };
        Ok((0..table.height()).map(row).collect())
    }
}

fn cells(table: &Table) -> Result<Vec<Option<Patch>>> {
    let (rows, cols) = (table.numbers("cell_row")?, table.numbers("cell_col")?);
    let patch = |(row, col): (Option<f64>, Option<f64>)| {
        let index = |value: f64| (value >= 0.0).then_some(value as usize);
        Some(Patch { row: index(row?)?, col: index(col?)? })
    };
    Ok(rows.into_iter().zip(cols).map(patch).collect())
}

/// `tables/probe_map`: what a probe says of every patch.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapped {
    pub probe: String,
    pub axis: String,
    pub site: String,
    /// original, blank, noise, `shifted_16`.
    pub variant: String,
    pub patch: Patch,
    /// The class whose probability it is; "acc" for the accuracy of a layout probe.
    pub class: String,
    pub prob: Option<f64>,
    pub n: i64,
}

impl Mapped {
    pub fn read(run: &Path) -> Result<Vec<Self>> {
        let table = Table::open(run, "probe_map")?;
        let (probe, axis, site) = (table.names("probe")?, table.names("axis")?, table.names("site")?);
        let (variant, class) = (table.names("variant")?, table.names("class")?);
        let (prob, n, cells) = (table.numbers("prob")?, table.integers("n")?, cells(&table)?);
        let row = |i: usize| {
            Some(Self {
                probe: probe[i].clone(),
                axis: axis[i].clone(),
                site: site[i].clone(),
                variant: variant[i].clone(),
                patch: cells[i]?,
                class: class[i].clone(),
                prob: prob[i],
                n: n[i],
            })
        };
        Ok((0..table.height()).filter_map(row).collect())
    }
}

/// `tables/probe_confusion`: how often a class was taken for another.
#[derive(Clone, Debug, PartialEq)]
pub struct Confused {
    pub probe: String,
    pub axis: String,
    pub site: String,
    pub variant: String,
    pub y: i64,
    pub predicted: i64,
    pub n: i64,
}

impl Confused {
    pub fn read(run: &Path) -> Result<Vec<Self>> {
        let table = Table::open(run, "probe_confusion")?;
        let (probe, axis, site) = (table.names("probe")?, table.names("axis")?, table.names("site")?);
        let variant = table.names("variant")?;
        let (y, predicted, n) = (table.integers("y")?, table.integers("predicted")?, table.integers("n")?);
        let row = |i: usize| Self {
            probe: probe[i].clone(),
            axis: axis[i].clone(),
            site: site[i].clone(),
            variant: variant[i].clone(),
            y: y[i],
            predicted: predicted[i],
            n: n[i],
        };
        Ok((0..table.height()).map(row).collect())
    }
}

/// `tables/probe_curve`: how many bits the labels cost after so many training rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Coded {
    pub probe: String,
    pub axis: String,
    pub site: String,
    pub n_train: i64,
    /// Of the labels sent so far.
    pub codelength: Option<f64>,
    /// Of the uniform code over this one; more is better.
    pub compression: Option<f64>,
    pub seed: i64,
}

impl Coded {
    pub fn read(run: &Path) -> Result<Vec<Self>> {
        let table = Table::open(run, "probe_curve")?;
        let (probe, axis, site) = (table.names("probe")?, table.names("axis")?, table.names("site")?);
        let (n_train, seed) = (table.integers("n_train")?, table.integers("seed")?);
        let (codelength, compression) = (table.numbers("codelength")?, table.numbers("compression")?);
        let row = |i: usize| Self {
            probe: probe[i].clone(),
            axis: axis[i].clone(),
            site: site[i].clone(),
            n_train: n_train[i],
            codelength: codelength[i],
            compression: compression[i],
            seed: seed[i],
        };
        Ok((0..table.height()).map(row).collect())
    }
}

/// `tables/probe_claims`: what the controls allow to conclude, by a rule that was fixed beforehand.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    pub claim: String,
    pub test: String,
    pub number: Option<Estimate>,
    pub control: String,
    /// supported, refuted, undecided.
    pub verdict: String,
    pub reason: String,
}

impl Claim {
    pub fn read(run: &Path) -> Result<Vec<Self>> {
        let table = Table::open(run, "probe_claims")?;
        let (claim, verdict) = (table.names("claim")?, table.names("verdict")?);
        let (test, control, reason) = (table.texts("test")?, table.texts("control")?, table.texts("reason")?);
        let number = table.estimates("number", "lo", "hi")?;
        let text = |of: &Option<String>| of.clone().unwrap_or_default();
        let row = |i: usize| Self {
            claim: claim[i].clone(),
            test: text(&test[i]),
            number: number[i],
            control: text(&control[i]),
            verdict: verdict[i].clone(),
            reason: text(&reason[i]),
        };
        Ok((0..table.height()).map(row).collect())
    }
}

/// One row of `tables/probe_pred`: a token, its image, and the class that it has.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    pub item: String,
    pub patch: Patch,
    pub y: i64,
}

impl Token {
    /// The tokens of one probe at one site and axis, in one variant of the images; each once, whatever the number of splits.
    pub fn read(predictions: &Table, [probe, axis, site, variant]: [&str; 4]) -> Result<Vec<Self>> {
        let mut table = predictions.only("probe", probe)?;
        for (name, value) in [("axis", axis), ("site", site), ("variant", variant)] {
            table = table.only(name, value)?;
        }
        let (item, y, cells) = (table.names("item")?, table.integers("y")?, cells(&table)?);
        let row = |i: usize| Some(Self { item: item[i].clone(), patch: cells[i]?, y: y[i] });
        let mut tokens: Vec<Self> = (0..table.height()).filter_map(row).collect();
        tokens.sort_by(|a, b| (&a.item, a.patch.row, a.patch.col).cmp(&(&b.item, b.patch.row, b.patch.col)));
        tokens.dedup_by(|a, b| a.item == b.item && a.patch == b.patch);
        Ok(tokens)
    }
}
