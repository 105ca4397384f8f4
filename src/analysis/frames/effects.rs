//! The effects frame: one row a measurement of an intervention.

use std::collections::HashMap;
use std::path::Path;

use super::column::{Codes, Frame};
use super::items::Items;
use crate::error::Result;
use crate::stats::shift::Contrast;

/// What was done, where, and to what. Rows that agree in all of it are the same measurement on different units.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The study's name of the intervention.
    pub design: String,
    /// "patch", "ablate", "knockout", "enhance", "erase".
    pub kind: String,
    pub arm: String,
    /// Which side of a pair is rewritten.
    pub pair_direction: String,
    pub site: String,
    pub slot: i16,
    pub window: u16,
    pub group: String,
    pub edge: String,
    /// In millionths, so that keys can be compared; see [`Key::dose`].
    pub(in crate::analysis) dose: Option<i64>,
    pub basis: String,
    /// "none" for the real thing.
    pub control: String,
}

/// What stands between an item and its counterpart in a name.
const COUNTERPART: char = '~';
/// Doses are told apart to a millionth.
const DOSE_STEPS: f64 = 1e6;

impl Key {
    pub fn dose(&self) -> Option<f64> {
        self.dose.map(|steps| steps as f64 / DOSE_STEPS)
    }

    /// The key of all doses together: of one that was chosen by cross-fitting.
    pub fn any_dose(&self) -> Self {
        Self { dose: None, ..self.clone() }
    }

    /// The key of the real thing that this one is a control of. What a random subspace has in common with an eraser
    /// stands behind a comma in its basis.
    pub fn uncontrolled(&self) -> Self {
        let basis = self.basis.split(", same ").next().unwrap_or_default();
        Self { control: REAL.into(), basis: basis.into(), ..self.clone() }
    }

    pub fn is_real(&self) -> bool {
        self.control == REAL
    }
}

const REAL: &str = "none";

#[cfg(test)]
impl Key {
    pub fn example(kind: &str, group: &str, control: &str) -> Self {
        Self {
            design: "made up".into(),
            kind: kind.into(),
            arm: "cross".into(),
            pair_direction: "clean<-cf".into(),
            site: "projector.out".into(),
            slot: -1,
            window: 1,
            group: group.into(),
            edge: String::new(),
            dose: None,
            basis: String::new(),
            control: control.into(),
        }
    }
}

/// One measurement.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Effect {
    /// Index into [`Effects::keys`].
    pub key: usize,
    /// The cluster, below [`Effects::images`].
    pub image: usize,
    /// Index into the items frame.
    pub item: usize,
    /// The same number for the same unit (item, other side, direction) in every arm.
    pub unit: usize,
    /// Index into [`Effects::strata`] of its axis and of its relation.
    pub strata: [Option<usize>; 2],
    /// `None`: the real one; null draws count from 0.
    pub draw: Option<u32>,
    /// Of a cross-fitted design.
    pub fold: Option<i16>,
    pub tokens: f64,
    pub correct_before: bool,
    pub correct: bool,
    /// Whether one of the options leads the whole vocabulary.
    pub valid: bool,
    /// The answer, among the options or in the whole vocabulary, is the counterfactual one.
    pub flip: Option<bool>,
    pub flip_vocabulary: Option<bool>,
    /// The answer is what the causal model predicts.
    pub as_expected: Option<bool>,
    /// The answer is the third outcome.
    pub as_third: Option<bool>,
    /// Logit difference of clean and counterfactual answer in the three runs, nats.
    pub contrast: Option<Contrast>,
    /// Logit difference after and before, nats.
    pub ld: Option<f64>,
    pub ld_before: Option<f64>,
    pub p_right: f64,
    pub p_right_before: f64,
    pub p_cf: Option<f64>,
    pub p_third: Option<f64>,
    /// Patched from clean, over the vocabulary, nats.
    pub kl: f64,
    /// RMS size of the change over RMS size of what was there, at the written tokens.
    pub dx_rel: Option<f64>,
}

/// All measurements of a run.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    pub keys: Vec<Key>,
    pub images: usize,
    /// How many options each item of the items frame has.
    pub options: Vec<usize>,
    /// "axis=horizontal", "relation=left", ...
    pub strata: Vec<String>,
    pub rows: Vec<Effect>,
}

impl Effects {
    /// Reads `effects.parquet` in `folder`, the folder of all frames.
    ///
    /// # Errors
    /// A missing or unreadable file; a missing column, or one of another type; an item that the items frame lacks.
    pub fn open(folder: &Path, items: &Items) -> Result<Self> {
        let options = Frame::read(&folder.join("items.parquet"))?.list_lengths("options")?;
        Ok(Self { options, ..Self::read(&Frame::read(&folder.join("effects.parquet"))?, items)? })
    }

    fn read(frame: &Frame, items: &Items) -> Result<Self> {
        let (keys, key) = keys(frame)?;
        let item = items_of(frame, items)?;
        let unit = units(frame)?;
        let image = whole(frame, "image")?;
        let (axis, relation) = (frame.optional_codes("axis")?, frame.optional_codes("relation")?);
        let strata = named("axis", &axis).chain(named("relation", &relation)).collect();
        let draw: Vec<i32> = frame.integers("draw")?;
        let tokens = frame.numbers("n_tokens")?;
        let (before, after) = (frame.flags("correct_before")?, frame.flags("correct")?);
        let valid = frame.flags("valid")?;
        let answered = frame.optional_codes("answered")?;
        let argmax = frame.optional_codes("valid_vocab_argmax")?;
        let cf = frame.optional_codes("answer_cf")?;
        let flip = agreement(&answered, &cf);
        let flip_vocabulary = agreement(&argmax, &cf);
        let as_expected = agreement(&answered, &frame.optional_codes("expected")?);
        let as_third = agreement(&answered, &frame.optional_codes("third")?);
        let (ld_clean, ld_cf) = (frame.optional_numbers("ld_clean")?, frame.optional_numbers("ld_cf")?);
        let ld = frame.optional_numbers("ld")?;
        let fold: Vec<Option<i16>> = frame.optional_integers("fold")?;
        let (p_right, p_before) = (frame.numbers("p_right")?, frame.numbers("p_right_before")?);
        let (p_cf, p_third) = (frame.optional_numbers("p_cf")?, frame.optional_numbers("p_third")?);
        let (kl, dx) = (frame.numbers("kl")?, frame.optional_numbers("dx_rel")?);
        let row = |row: usize| Effect {
            key: key[row],
            image: image.of[row].unwrap_or_default(),
            item: item[row],
            unit: unit[row],
            strata: [axis.of[row], relation.of[row].map(|code| axis.names.len() + code)],
            draw: u32::try_from(draw[row]).ok(),
            fold: fold[row],
            tokens: tokens[row],
            correct_before: before[row],
            correct: after[row],
            valid: valid[row],
            flip: flip[row],
            flip_vocabulary: flip_vocabulary[row],
            as_expected: as_expected[row],
            as_third: as_third[row],
            contrast: contrast(ld_clean[row], ld_cf[row], ld[row]),
            ld: ld[row],
            ld_before: ld_clean[row],
            p_right: p_right[row],
            p_right_before: p_before[row],
            p_cf: p_cf[row],
            p_third: p_third[row],
            kl: kl[row],
            dx_rel: dx[row],
        };
        let rows = (0..frame.height()).map(row).collect();
        Ok(Self { keys, images: image.names.len(), options: Vec::new(), strata, rows })
    }
}

fn contrast(clean: Option<f64>, counterfactual: Option<f64>, patched: Option<f64>) -> Option<Contrast> {
    Some(Contrast { clean: clean?, counterfactual: counterfactual?, patched: patched? })
}

/// The distinct keys in order of appearance, and each row's.
fn keys(frame: &Frame) -> Result<(Vec<Key>, Vec<usize>)> {
    let texts = ["design", "kind", "arm", "site", "group", "control"].map(|name| whole(frame, name));
    let [design, kind, arm, site, group, control] = texts;
    let (design, kind, arm, site, group, control) = (design?, kind?, arm?, site?, group?, control?);
    let (direction, edge, basis) =
        (frame.optional_codes("pair_direction")?, frame.optional_codes("edge")?, frame.optional_codes("basis")?);
    let (slot, window): (Vec<i16>, Vec<u16>) = (frame.integers("slot")?, frame.integers("window")?);
    let dose = frame.optional_numbers("dose")?;
    let codes = [&design, &kind, &arm, &direction, &site, &group, &edge, &basis, &control];
    let mut number = HashMap::new();
    let (mut keys, mut key_of) = (Vec::new(), Vec::with_capacity(frame.height()));
    for row in 0..frame.height() {
        let dose = dose[row].map(|dose| (dose * DOSE_STEPS).round() as i64);
        let short = (codes.map(|codes| codes.of[row]), slot[row], window[row], dose);
        let next = keys.len();
        let known = *number.entry(short).or_insert(next);
        if known == next {
            let text = |codes: &Codes| codes.name(row).to_owned();
            keys.push(Key {
                design: text(&design),
                kind: text(&kind),
                arm: text(&arm),
                pair_direction: text(&direction),
                site: text(&site),
                slot: slot[row],
                window: window[row],
                group: text(&group),
                edge: text(&edge),
                dose,
                basis: text(&basis),
                control: text(&control),
            });
        }
        key_of.push(known);
    }
    Ok((keys, key_of))
}

/// Each row's item, as an index into the items frame: where a counterpart is rewritten, as "cf<-clean" does, the item that
/// it was made of.
pub(super) fn items_of(frame: &Frame, items: &Items) -> Result<Vec<usize>> {
    let codes = whole(frame, "item")?;
    let number: HashMap<&str, usize> = items.id.iter().map(String::as_str).zip(0..).collect();
    let find = |name: &String| {
        let base = || name.rsplit_once(COUNTERPART).and_then(|(base, _)| number.get(base));
        let known = number.get(name.as_str()).or_else(base).copied();
        known.ok_or_else(|| frame.error(format!("item `{name}` is not in the items frame")))
    };
    let index: Vec<usize> = codes.names.iter().map(find).collect::<Result<_>>()?;
    Ok(codes.of.iter().flatten().map(|&code| index[code]).collect())
}

/// Each row's unit: an item, its other side and the direction between them.
fn units(frame: &Frame) -> Result<Vec<usize>> {
    let (item, other, direction) =
        (frame.optional_codes("item")?, frame.optional_codes("cf_item")?, frame.optional_codes("pair_direction")?);
    let mut number = HashMap::new();
    let unit = |row: usize| {
        let next = number.len();
        *number.entry((item.of[row], other.of[row], direction.of[row])).or_insert(next)
    };
    Ok((0..frame.height()).map(unit).collect())
}

/// A text column without gaps.
fn whole(frame: &Frame, name: &str) -> Result<Codes> {
    let codes = frame.optional_codes(name)?;
    match codes.of.iter().position(Option::is_none) {
        Some(row) => Err(frame.error(format!("column `{name}` is null in row {row}, expected a value in every row"))),
        None => Ok(codes),
    }
}

fn named<'a>(column: &'a str, codes: &'a Codes) -> impl Iterator<Item = String> + 'a {
    codes.names.iter().map(move |name| format!("{column}={name}"))
}

/// Whether two text columns agree, row by row; `None` where the second is null.
fn agreement(these: &Codes, those: &Codes) -> Vec<Option<bool>> {
    let same: Vec<Option<usize>> =
        those.names.iter().map(|name| these.names.iter().position(|other| other == name)).collect();
    let agree = |(this, that): (&Option<usize>, &Option<usize>)| that.map(|that| this.is_some() && *this == same[that]);
    these.of.iter().zip(&those.of).map(agree).collect()
}

#[cfg(test)]
mod tests {
    use polars::prelude::*;

    use super::*;

    #[test]
    fn a_counterpart_counts_as_the_item_that_it_was_made_of() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("effects.parquet");
        let frame = |names: [&str; 3]| {
            let mut data = df!("item" => names).unwrap();
            ParquetWriter::new(std::fs::File::create(&path).unwrap()).finish(&mut data).unwrap();
            Frame::read(&path).unwrap()
        };
        let items = Items { id: vec!["a".into(), "b~1".into()], ..Items::default() };
        assert_eq!(items_of(&frame(["b~1", "a~swapped", "b~1~swapped"]), &items).unwrap(), [1, 0, 1]);
        let problem = items_of(&frame(["a", "c~swapped", "a"]), &items).unwrap_err().to_string();
        assert!(problem.contains("item `c~swapped` is not in the items frame"), "{problem}");
    }
}
