//! A line of `tables/probe`.

use super::depth::Place;
use super::score::Estimate;
use crate::analysis::Table;
use crate::processor::Patch;
use crate::stats::Interval;
use crate::study::{FitMode, Split};

/// Which number: everything that tells one line from another but for the control.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    pub probe: String,
    pub target: &'static str,
    pub label: String,
    pub dataset: String,
    pub axis: &'static str,
    pub site: String,
    pub place: Place,
    pub group: String,
    pub cell: Option<Patch>,
    /// Whether no object touches the cell; `None` where there is no one cell.
    pub background: Option<bool>,
    pub fit: FitMode,
    pub split: Split,
    pub metric: &'static str,
}

/// What a number is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Control {
    None,
    Shuffled,
    ControlContent,
    ControlLocation,
    GeometryOnly,
    Blank,
    Noise,
    ShiftAbsolute,
    ShiftOrdinal,
    Untrained,
    Pixels,
    Majority,
}

impl Control {
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Shuffled => "shuffled",
            Self::ControlContent => "control_content",
            Self::ControlLocation => "control_location",
            Self::GeometryOnly => "geometry_only",
            Self::Blank => "blank",
            Self::Noise => "noise",
            Self::ShiftAbsolute => "shift_absolute",
            Self::ShiftOrdinal => "shift_ordinal",
            Self::Untrained => "untrained",
            Self::Pixels => "pixels",
            Self::Majority => "majority",
        }
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub key: Key,
    pub value: Option<f64>,
    pub interval: Option<Interval>,
    pub chance: Option<f64>,
    /// Median over folds.
    pub lambda: Option<f64>,
    pub counts: Counts,
    pub control: Control,
    /// The counterpart that the probe was applied to; empty where it was not.
    pub variant: String,
    pub control_value: Option<f64>,
    pub control_interval: Option<Interval>,
    pub selectivity: Option<f64>,
    pub selectivity_interval: Option<Interval>,
    pub p_perm: Option<f64>,
    pub p_max: Option<f64>,
    pub seed: u64,
    /// Why there is no number; empty if there is.
    pub undefined: String,
}

/// How much went into a number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// Training rows, mean over folds.
    pub n_train: u32,
    /// Predictions.
    pub n_test: u32,
    /// Images predicted.
    pub n_groups_test: u32,
    /// Classes.
    pub k: u32,
}

impl Row {
    /// The plain number, held against nothing.
    pub fn new(key: Key, seed: u64) -> Self {
        Self {
            key,
            value: None,
            interval: None,
            chance: None,
            lambda: None,
            counts: Counts::default(),
            control: Control::None,
            variant: String::new(),
            control_value: None,
            control_interval: None,
            selectivity: None,
            selectivity_interval: None,
            p_perm: None,
            p_max: None,
            seed,
            undefined: String::new(),
        }
    }

    pub fn undefined(mut self, reason: impl std::fmt::Display) -> Self {
        self.undefined = reason.to_string();
        self
    }

    pub fn with_value(mut self, estimate: &Estimate, chance: f64) -> Self {
        self.value = Some(estimate.value).filter(|value| value.is_finite());
        self.interval = estimate.interval;
        self.chance = Some(chance);
        if self.value.is_none() {
            self.undefined = "the metric is not defined on these predictions".into();
        }
        self
    }

    /// The same number, held against a control; `paired` if the two come from the same images.
    pub fn against(&self, control: Control, estimate: &Estimate, own: &Estimate) -> Self {
        let difference = own.minus(estimate);
        Self {
            control,
            control_value: Some(estimate.value),
            control_interval: estimate.interval,
            selectivity: Some(difference.value),
            selectivity_interval: difference.interval,
            ..self.clone()
        }
    }

    /// The same number without its control, and why.
    pub fn without(&self, control: Control, reason: impl std::fmt::Display) -> Self {
        Self { control, undefined: reason.to_string(), ..self.clone() }
    }

    pub fn in_variant(mut self, variant: &str) -> Self {
        self.variant = variant.to_owned();
        self
    }
}

/// All lines as a table.
pub fn table(rows: &[Row]) -> Table {
    let text = |of: fn(&Row) -> &str| rows.iter().map(move |row| of(row).to_owned()).collect::<Vec<String>>();
    let cell = |of: fn(Patch) -> usize| rows.iter().map(move |row| row.key.cell.map(|cell| of(cell) as i16));
    Table::new()
        .text("probe", text(|row| &row.key.probe))
        .text("target", text(|row| row.key.target))
        .text("label", text(|row| &row.key.label))
        .text("dataset", text(|row| &row.key.dataset))
        .text("axis", text(|row| row.key.axis))
        .text("site", text(|row| &row.key.site))
        .text("tower", text(|row| row.key.place.tower))
        .layer_or_head("slot", rows.iter().map(|row| row.key.place.slot))
        .layer_or_head("depth", rows.iter().map(|row| row.key.place.depth))
        .text("group", text(|row| &row.key.group))
        .optional_index("cell_row", cell(|cell| cell.row))
        .optional_index("cell_col", cell(|cell| cell.col))
        .text("background", text(|row| background(row.key.background)))
        .text("fit_mode", text(|row| row.key.fit.name()))
        .text("split", text(|row| row.key.split.name()))
        .text("metric", text(|row| row.key.metric))
        .number("value", rows.iter().map(|row| row.value))
        .interval("ci_", rows.iter().map(|row| row.interval))
        .number("chance", rows.iter().map(|row| row.chance))
        .number("lambda", rows.iter().map(|row| row.lambda))
        .count("n_train", rows.iter().map(|row| row.counts.n_train))
        .count("n_test", rows.iter().map(|row| row.counts.n_test))
        .count("n_groups_test", rows.iter().map(|row| row.counts.n_groups_test))
        .count("k", rows.iter().map(|row| row.counts.k))
        .text("control_kind", text(|row| row.control.name()))
        .text("control_variant", text(|row| &row.variant))
        .number("control_value", rows.iter().map(|row| row.control_value))
        .interval("control_", rows.iter().map(|row| row.control_interval))
        .number("selectivity", rows.iter().map(|row| row.selectivity))
        .interval("selectivity_", rows.iter().map(|row| row.selectivity_interval))
        .number("p_perm", rows.iter().map(|row| row.p_perm))
        .number("p_max", rows.iter().map(|row| row.p_max))
        .count("seed", rows.iter().map(|row| row.seed as u32))
        .text("undefined", text(|row| &row.undefined))
}

/// "yes", "no", or empty where there is no one cell.
pub fn background(background: Option<bool>) -> &'static str {
    match background {
        Some(true) => "yes",
        Some(false) => "no",
        None => "",
    }
}
