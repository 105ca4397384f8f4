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
    /// As recorded; for the mean over the patches of a layout probe, also which of them.
    pub group: String,
    /// The one patch that a layout probe reads.
    pub cell: Option<Patch>,
    /// Whether no object ever covers that patch, or any of those that the mean is over, where it is known.
    pub background: Option<bool>,
    pub fit: String,
    pub split: String,
    pub metric: String,
    pub value: Option<Estimate>,
    pub chance: Option<f64>,
    /// Classes.
    pub k: Option<i64>,
    /// Images in the test sets.
    pub images: Option<i64>,
    /// "none" in the row of the number itself.
    pub control_kind: String,
    /// The counterpart of the images that the control was made on, if it was one.
    pub variant: String,
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
        let [probe, target, axis, site, tower, group, fit, split, metric, control_kind] =
            ["probe", "target", "axis", "site", "tower", "group", "fit_mode", "split", "metric", "control_kind"]
                .map(|name| table.names(name));
        let (probe, target, axis, site, tower) = (probe?, target?, axis?, site?, tower?);
        let (group, fit, split, metric, control_kind) = (group?, fit?, split?, metric?, control_kind?);
        let (slot, depth, cells) = (table.integers("slot")?, table.integers("depth")?, cells(table)?);
        let (background, variant) = (table.texts("background")?, table.texts("control_variant")?);
        let k = table.numbers("k")?;
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
            group: match (cells[i], background[i].as_deref()) {
                // One patch alone is a mean over itself.
                _ if group[i].starts_with("cell_") => group[i].clone(),
                (None, Some("yes")) => format!("{}{MEAN}background patches", group[i]),
                (None, Some("no")) => format!("{}{MEAN}patches with objects", group[i]),
                _ => group[i].clone(),
            },
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
            k: k[i].map(|k| k as i64),
            images: images[i].map(|images| images as i64),
            control_kind: control_kind[i].clone(),
            variant: variant[i].clone().unwrap_or_default(),
            control: control[i],
            selectivity: selectivity[i],
            p_perm: p_perm[i],
            p_max: p_max[i],
        };
        Ok((0..table.height()).map(row).collect())
    }
}

/// Between a group and the part of its patches that a mean is over.
pub const MEAN: &str = ": ";

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
    pub group: String,
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
        let group = table.names("group")?;
        let (variant, class) = (table.names("variant")?, table.names("class")?);
        let (prob, n, cells) = (table.numbers("prob")?, table.integers("n")?, cells(&table)?);
        let row = |i: usize| {
            Some(Self {
                probe: probe[i].clone(),
                axis: axis[i].clone(),
                site: site[i].clone(),
                group: group[i].clone(),
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
    pub group: String,
    pub variant: String,
    pub y: String,
    pub predicted: String,
    pub n: i64,
}

impl Confused {
    pub fn read(run: &Path) -> Result<Vec<Self>> {
        let table = Table::open(run, "probe_confusion")?;
        let (probe, axis, site) = (table.names("probe")?, table.names("axis")?, table.names("site")?);
        let group = table.names("group")?;
        let variant = table.names("variant")?;
        let (y, predicted, n) = (table.names("y")?, table.names("predicted")?, table.integers("n")?);
        let row = |i: usize| Self {
            probe: probe[i].clone(),
            axis: axis[i].clone(),
            site: site[i].clone(),
            group: group[i].clone(),
            variant: variant[i].clone(),
            y: y[i].clone(),
            predicted: predicted[i].clone(),
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
    pub group: String,
    pub n_train: i64,
    /// A label of the block that was sent next.
    pub bits: Option<f64>,
    /// The length of the uniform code over that of the whole of this one; more is better.
    pub compression: Option<f64>,
    pub seed: i64,
}

impl Coded {
    pub fn read(run: &Path) -> Result<Vec<Self>> {
        let table = Table::open(run, "probe_curve")?;
        let (probe, axis, site) = (table.names("probe")?, table.names("axis")?, table.names("site")?);
        let group = table.names("group")?;
        let (n_train, seed) = (table.integers("n_train")?, table.integers("seed")?);
        let (bits, compression) = (table.numbers("bits")?, table.numbers("compression")?);
        let row = |i: usize| Self {
            probe: probe[i].clone(),
            axis: axis[i].clone(),
            site: site[i].clone(),
            group: group[i].clone(),
            n_train: n_train[i],
            bits: bits[i],
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
    pub probe: String,
    pub axis: String,
    pub site: String,
    pub group: String,
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
        let (claim, verdict, probe) = (table.names("claim")?, table.names("verdict")?, table.names("probe")?);
        let (axis, site, group) = (table.names("axis")?, table.names("site")?, table.names("group")?);
        let (test, control, reason) = (table.texts("test")?, table.texts("control")?, table.texts("reason")?);
        let number = table.estimates("number", "lo", "hi")?;
        let text = |of: &Option<String>| of.clone().unwrap_or_default();
        let row = |i: usize| Self {
            claim: claim[i].clone(),
            probe: probe[i].clone(),
            axis: axis[i].clone(),
            site: site[i].clone(),
            group: group[i].clone(),
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
    /// Index of the class.
    pub y: i64,
}

impl Token {
    /// The tokens of one probe at one site and axis, in one variant of the images; each once, whatever the number of splits.
    pub fn read(predictions: &Table, [probe, axis, site, group, variant]: [&str; 5]) -> Result<Vec<Self>> {
        let mut table = predictions.only("probe", probe)?;
        for (name, value) in [("axis", axis), ("site", site), ("group", group), ("variant", variant)] {
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
