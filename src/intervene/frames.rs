//! The frames of interventions: `effects`, one row a measurement, and `units`, one row a unit. Every design writes these.

use polars::prelude::*;

use super::arm::Labels;
use super::decoded::DecodedRow;
use super::lens::LensRow;
use crate::error::{Error, Result};

/// One unit under one arm.
#[derive(Clone, Debug, PartialEq)]
pub struct EffectRow {
    pub unit: UnitLabels,
    pub labels: Labels,
    pub golden: bool,
    /// Positions written.
    pub n_tokens: u32,
    pub fold: Option<i16>,
    pub answer_clean: String,
    pub answer_cf: Option<String>,
    pub expected: Option<String>,
    pub third: Option<String>,
    pub correct_before: bool,
    pub answered: String,
    pub correct: bool,
    /// Whether the most probable token of the vocabulary is any class's form, and of which.
    pub top: Option<String>,
    /// Of the clean run, the other side's run, and the rewritten one.
    pub ld: [Option<f64>; 3],
    pub p_right: f64,
    pub p_right_before: f64,
    pub p_cf: Option<f64>,
    pub p_third: Option<f64>,
    pub p: Vec<f32>,
    pub kl: f64,
    pub dx_rel: Option<f64>,
}

/// What names a unit in every frame.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitLabels {
    /// The intervention's name in the study.
    pub design: String,
    /// "patch", "ablate", ...
    pub kind: &'static str,
    pub item: String,
    pub cf_item: Option<String>,
    pub image: String,
    pub axis: Option<&'static str>,
    pub relation: Option<String>,
    pub direction: &'static str,
}

/// One unit, used or not.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitRow {
    pub unit: UnitLabels,
    /// Right on both sides.
    pub golden: Option<bool>,
    pub correct_clean: Option<bool>,
    pub correct_cf: Option<bool>,
    /// Whether any arm was made for it.
    pub used: bool,
    /// Why it, or some arms of it, could not be used.
    pub reason: Option<String>,
}

/// The `effects` frame.
pub fn effects(rows: &[EffectRow]) -> Result<DataFrame> {
    let of = |row: &EffectRow| row.unit.clone();
    let mut p =
        ListPrimitiveChunkedBuilder::<Float32Type>::new("p".into(), rows.len(), rows.len() * 8, DataType::Float32);
    rows.iter().for_each(|row| p.append_slice(&row.p));
    let some = |value: Option<f64>| value.map(|value| value as f32);
    let mut columns = unit_columns(rows.iter().map(of).collect());
    columns.extend([
        column("arm", rows, |row| row.labels.arm.clone()),
        column("control", rows, |row| row.labels.control.name().to_string()),
        column("golden", rows, |row| row.golden),
        column("site", rows, |row| row.labels.site.to_string()),
        column("slot", rows, |row| row.labels.site.index().map_or(-1, |index| index as i16)),
        column("window", rows, |row| row.labels.window as i16),
        column("group", rows, |row| row.labels.group.clone()),
        column("n_tokens", rows, |row| row.n_tokens),
        column("edge", rows, |row| row.labels.edge.clone()),
        column("dose", rows, |row| row.labels.dose),
        column("basis", rows, |row| row.labels.basis.clone()),
        column("draw", rows, |row| row.labels.draw.map_or(-1, |draw| draw as i32)),
        column("fold", rows, |row| row.fold),
        column("answer_clean", rows, |row| row.answer_clean.clone()),
        column("answer_cf", rows, |row| row.answer_cf.clone()),
        column("expected", rows, |row| row.expected.clone()),
        column("third", rows, |row| row.third.clone()),
        column("correct_before", rows, |row| row.correct_before),
        column("answered", rows, |row| row.answered.clone()),
        column("correct", rows, |row| row.correct),
        column("valid", rows, |row| row.top.is_some()),
        column("valid_vocab_argmax", rows, |row| row.top.clone()),
        column("ld_clean", rows, |row| some(row.ld[0])),
        column("ld_cf", rows, |row| some(row.ld[1])),
        column("ld", rows, |row| some(row.ld[2])),
        column("p_right", rows, |row| row.p_right as f32),
        column("p_right_before", rows, |row| row.p_right_before as f32),
        column("p_cf", rows, |row| some(row.p_cf)),
        column("p_third", rows, |row| some(row.p_third)),
        p.finish().into_column(),
        column("kl", rows, |row| row.kl as f32),
        column("dx_rel", rows, |row| some(row.dx_rel)),
    ]);
    framed("effects", rows.len(), columns)
}

/// The `units` frame.
pub fn units(rows: &[UnitRow]) -> Result<DataFrame> {
    let mut columns = unit_columns(rows.iter().map(|row| row.unit.clone()).collect());
    columns.extend([
        column("golden", rows, |row| row.golden),
        column("correct_clean", rows, |row| row.correct_clean),
        column("correct_cf", rows, |row| row.correct_cf),
        column("used", rows, |row| row.used),
        column("reason", rows, |row| row.reason.clone()),
    ]);
    framed("units", rows.len(), columns)
}

/// The `lens` frame.
pub fn lens(rows: &[LensRow]) -> Result<DataFrame> {
    let columns = vec![
        column("item", rows, |row| row.item.clone()),
        column("image", rows, |row| row.image.clone()),
        column("variant", rows, |row| row.variant.clone()),
        column("pos_kind", rows, |row| row.pos_kind.clone()),
        column("cell_row", rows, |row| row.cell.map(|cell| cell.row as i16)),
        column("cell_col", rows, |row| row.cell.map(|cell| cell.col as i16)),
        column("slot", rows, |row| row.slot),
        column("class", rows, |row| row.class.clone()),
        column("m_c", rows, |row| row.m_c),
        column("p_c", rows, |row| row.p_c),
        column("rank_c", rows, |row| row.rank_c),
        column("ld", rows, |row| row.ld),
        column("entropy", rows, |row| row.entropy),
        column("kl_to_final", rows, |row| row.kl_to_final),
        column("top1", rows, |row| row.top1.clone()),
    ];
    framed("lens", rows.len(), columns)
}

/// The `decoded` frame, with the intervention's name.
pub fn decoded(design: &str, rows: &[DecodedRow]) -> Result<DataFrame> {
    let columns = vec![
        column("design", rows, |_| design.to_string()),
        column("image", rows, |row| row.image.clone()),
        column("axis", rows, |row| row.axis.to_string()),
        column("fold", rows, |row| row.fold),
        column("object", rows, |row| row.object.clone()),
        column("site", rows, |row| row.site.clone()),
        column("group", rows, |row| row.group.clone()),
        column("arm", rows, |row| row.arm.clone()),
        column("concept", rows, |row| row.concept.clone()),
        column("read_site", rows, |row| row.read_site.clone()),
        column("read_slot", rows, |row| row.read_slot),
        column("reader", rows, |row| row.reader.to_string()),
        column("classes", rows, |row| row.classes as i16),
        column("truth", rows, |row| row.truth as i16),
        column("p_true", rows, |row| row.p_true),
        column("correct", rows, |row| row.correct),
    ];
    framed("decoded", rows.len(), columns)
}

fn unit_columns(units: Vec<UnitLabels>) -> Vec<Column> {
    vec![
        column("design", &units, |unit| unit.design.clone()),
        column("kind", &units, |unit| unit.kind.to_string()),
        column("item", &units, |unit| unit.item.clone()),
        column("cf_item", &units, |unit| unit.cf_item.clone()),
        column("image", &units, |unit| unit.image.clone()),
        column("axis", &units, |unit| unit.axis.map(str::to_string)),
        column("relation", &units, |unit| unit.relation.clone()),
        column("pair_direction", &units, |unit| unit.direction.to_string()),
    ]
}

fn column<R, V, P: ?Sized>(name: &str, rows: &[R], of: impl Fn(&R) -> V) -> Column
where
    Series: NamedFrom<Vec<V>, P>,
{
    Series::new(name.into(), rows.iter().map(of).collect::<Vec<V>>()).into_column()
}

fn framed(name: &str, height: usize, columns: Vec<Column>) -> Result<DataFrame> {
    DataFrame::new(height, columns).map_err(|error| Error::data(format!("the {name} frame: {error}")))
}

/// How many units of an intervention were right, and used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub design: String,
    pub units: usize,
    /// Those that the model was asked.
    pub tried: usize,
    pub clean: usize,
    pub cf: usize,
    pub golden: usize,
    pub used: usize,
}

/// The counts of each intervention in a `units` frame, in the order in which they come.
pub fn golden_counts(frame: &DataFrame) -> Result<Vec<Counts>> {
    let count = || -> PolarsResult<Vec<Counts>> {
        let designs = frame.column("design")?.str()?;
        let flag = |name: &str| -> PolarsResult<Vec<bool>> {
            Ok(frame.column(name)?.bool()?.iter().map(|value| value == Some(true)).collect())
        };
        let tried: Vec<bool> = frame.column("golden")?.is_not_null().iter().map(|value| value == Some(true)).collect();
        let [clean, cf, golden, used] = [flag("correct_clean")?, flag("correct_cf")?, flag("golden")?, flag("used")?];
        let mut counts: Vec<Counts> = Vec::new();
        for (row, design) in designs.iter().enumerate() {
            let design = design.unwrap_or_default();
            if counts.last().is_none_or(|last| last.design != design) {
                counts.push(Counts { design: design.to_string(), ..Counts::default() });
            }
            let Some(last) = counts.last_mut() else { continue };
            last.units += 1;
            last.tried += usize::from(tried[row]);
            last.clean += usize::from(clean[row]);
            last.cf += usize::from(cf[row]);
            last.golden += usize::from(golden[row]);
            last.used += usize::from(used[row]);
        }
        Ok(counts)
    };
    count().map_err(|error| Error::data(format!("the units frame: {error}")))
}
