//! Readings by slot: `tables/lens`.

use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;

use super::mean::{Mean, One};
use crate::analysis::Table;
use crate::analysis::frames::{Items, Lens, Reading, Said};
use crate::processor::Patch;
use crate::stats::Replicates;

/// The control that a prior is taken from.
const BLANK: &str = "blank";

/// One line of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub variant: String,
    pub position: String,
    /// -1 where the measure is about all slots.
    pub slot: i16,
    pub stratum: &'static str,
    pub measure: &'static str,
    pub mean: Mean,
}

/// Items by whether the model's own answer was right; `None`: all.
const STRATA: [(&str, Option<bool>); 3] = [("all", None), ("answer=right", Some(true)), ("answer=wrong", Some(false))];

type Measure = (&'static str, fn(&Context, &Reading) -> Option<f64>);

const MEASURES: [Measure; 8] = [
    ("ld", |_, reading| Some(reading.ld)),
    ("ld_less_blank", |context, reading| Some(reading.ld - context.prior(reading)?)),
    ("leads", |_, reading| Some(f64::from(u8::from(reading.ld > 0.0)))),
    ("p_right", |context, reading| Some(context.right(reading)?.p)),
    ("share_right", |context, reading| {
        let said = context.lens.said(reading);
        said.iter().zip(shares(said)).find(|(said, _)| said.correct).map(|(_, share)| share)
    }),
    ("rank_right", |context, reading| Some(context.right(reading)?.rank)),
    ("entropy", |_, reading| Some(reading.entropy)),
    ("kl_to_final", |_, reading| Some(reading.kl_to_final)),
];

/// Each class's share of the options alone.
pub fn shares(said: &[Said]) -> Vec<f64> {
    let most = said.iter().map(|said| said.m).fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = said.iter().map(|said| (said.m - most).exp()).sum();
    said.iter().map(|said| (said.m - most).exp() / total).collect()
}

/// Where a reading is taken: item, position, patch, slot.
type Spot = (usize, usize, Option<(usize, usize)>, i16);

struct Context<'a> {
    lens: &'a Lens,
    blank: HashMap<Spot, f64>,
}

impl Context<'_> {
    fn right(&self, reading: &Reading) -> Option<Said> {
        self.lens.said(reading).iter().copied().find(|said| said.correct)
    }

    /// What the same question says over a blank image.
    fn prior(&self, reading: &Reading) -> Option<f64> {
        let blank = self.lens.variants.get(reading.variant).is_some_and(|variant| variant == BLANK);
        self.blank.get(&spot(reading)).copied().filter(|_| !blank)
    }
}

fn spot(reading: &Reading) -> Spot {
    let cell = reading.cell.map(|Patch { row, col }| (row, col));
    (reading.item, reading.position, cell, reading.slot)
}

/// Every variant, position and slot.
pub fn rows(lens: &Lens, items: &Items, replicates: &Replicates) -> Vec<Row> {
    let of_blank = |reading: &&Reading| lens.variants[reading.variant] == BLANK;
    let blank = lens.readings.iter().filter(of_blank).map(|reading| (spot(reading), reading.ld)).collect();
    let context = Context { lens, blank };
    let mut groups: BTreeMap<(usize, usize, i16), Vec<&Reading>> = BTreeMap::new();
    for reading in &lens.readings {
        groups.entry((reading.variant, reading.position, reading.slot)).or_default().push(reading);
    }
    let inside = |item: usize, of: Option<bool>| of.is_none_or(|of| items.correct.get(item) == Some(&of));
    let row = |(variant, position, slot): (usize, usize, i16), stratum, measure, mean| Row {
        variant: lens.variants[variant].clone(),
        position: lens.positions[position].clone(),
        slot,
        stratum,
        measure,
        mean,
    };
    let groups: Vec<_> = groups.into_iter().collect();
    let judged = groups.par_iter().flat_map_iter(|(key, readings)| {
        let mut rows = Vec::new();
        for (stratum, of) in STRATA {
            let readings = || readings.iter().filter(|reading| inside(reading.item, of));
            for (name, measure) in MEASURES {
                let one = |reading: &&Reading| {
                    Some(One { item: reading.item, image: reading.image, value: measure(&context, reading)? })
                };
                let values: Vec<One> = readings().filter_map(one).collect();
                rows.extend(Mean::of(&values, lens.images, replicates).map(|mean| row(*key, stratum, name, mean)));
            }
        }
        rows
    });
    let mut rows: Vec<Row> = judged.collect();
    for ((variant, position), committed) in commitments(lens) {
        for (stratum, of) in STRATA {
            let values: Vec<One> = committed.iter().copied().filter(|one| inside(one.item, of)).collect();
            let mean = Mean::of(&values, lens.images, replicates);
            rows.extend(mean.map(|mean| row((variant, position, -1), stratum, "commitment", mean)));
        }
    }
    rows
}

/// By variant and position: of each item the first slot from which on the leader stays. Tokens of an image have none of
/// their own.
fn commitments(lens: &Lens) -> BTreeMap<(usize, usize), Vec<One>> {
    let mut walks: BTreeMap<(usize, usize, usize), BTreeMap<i16, &Reading>> = BTreeMap::new();
    for reading in lens.readings.iter().filter(|reading| reading.cell.is_none()) {
        walks.entry((reading.variant, reading.position, reading.item)).or_default().insert(reading.slot, reading);
    }
    let mut committed: BTreeMap<(usize, usize), Vec<One>> = BTreeMap::new();
    for ((variant, position, item), walk) in walks {
        let mut from_the_end = walk.values().rev();
        let Some(last) = from_the_end.next().filter(|_| walk.len() >= 2) else { continue };
        let kept = from_the_end.take_while(|reading| (reading.ld > 0.0) == (last.ld > 0.0)).last().unwrap_or(last);
        let one = One { item, image: last.image, value: f64::from(kept.slot) };
        committed.entry((variant, position)).or_default().push(one);
    }
    committed
}

/// `tables/lens`.
pub fn table(rows: &[Row]) -> Table {
    Table::new()
        .text("variant", rows.iter().map(|row| &row.variant))
        .text("pos_kind", rows.iter().map(|row| &row.position))
        .layer_or_head("slot", rows.iter().map(|row| row.slot))
        .text("stratum", rows.iter().map(|row| row.stratum))
        .text("measure", rows.iter().map(|row| row.measure))
        .number("value", rows.iter().map(|row| Some(row.mean.value)))
        .interval("ci_", rows.iter().map(|row| row.mean.interval))
        .count("n", rows.iter().map(|row| row.mean.n))
        .count("images", rows.iter().map(|row| row.mean.images))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two items, the second answered wrongly; their logit differences slot by slot, and the prior.
    fn world() -> (Lens, Items) {
        let walks = [[-1.0, 2.0, -3.0, 4.0], [1.0, -1.0, -2.0, -3.0]];
        let mut lens = Lens {
            variants: vec!["original".into(), BLANK.into()],
            positions: vec!["last".into()],
            classes: vec!["left".into(), "right".into()],
            images: 2,
            ..Lens::default()
        };
        for variant in 0..2 {
            for (item, walk) in walks.iter().enumerate() {
                for (slot, ld) in (0i16..).zip(walk) {
                    let ld = if variant == 0 { *ld } else { 0.5 };
                    let from = lens.said.len();
                    for (class, m) in [(0, ld), (1, 0.0)] {
                        lens.said.push(Said { class, correct: class == 0, m, p: 0.1, rank: 1.0 });
                    }
                    lens.readings.push(Reading {
                        item,
                        image: item,
                        variant,
                        position: 0,
                        cell: None,
                        slot,
                        said: from..from + 2,
                        ld,
                        entropy: 1.0,
                        kl_to_final: 0.0,
                    });
                }
            }
        }
        (lens, Items { correct: vec![true, false], ..Items::default() })
    }

    #[test]
    fn measures_are_means_over_items_and_the_prior_is_taken_off() {
        let (lens, items) = world();
        let rows = rows(&lens, &items, &Replicates::draw(&[0, 1], 50, 1));
        let value = |slot: i16, stratum: &str, measure: &str| {
            let same = |row: &&Row| {
                row.variant == "original" && row.slot == slot && row.stratum == stratum && row.measure == measure
            };
            rows.iter().find(same).map(|row| row.mean.value)
        };
        assert_eq!((value(3, "all", "ld"), value(3, "answer=wrong", "ld")), (Some(0.5), Some(-3.0)));
        assert_eq!((value(3, "all", "leads"), value(3, "answer=right", "ld_less_blank")), (Some(0.5), Some(3.5)));
        // The first item settles at the last slot, the second at slot 1.
        assert_eq!((value(-1, "answer=right", "commitment"), value(-1, "all", "commitment")), (Some(3.0), Some(2.0)));
        let share = value(3, "answer=right", "share_right").unwrap();
        assert!((share - 1.0 / (1.0 + (-4f64).exp())).abs() < 1e-12);
        assert!(rows.iter().all(|row| !(row.variant == BLANK && row.measure == "ld_less_blank")));
    }
}
