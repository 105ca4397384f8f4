//! What each image token favours: `tables/lens_map`.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::mean::{Mean, One};
use super::profile::shares;
use crate::analysis::Table;
use crate::analysis::frames::Lens;
use crate::stats::Replicates;

/// Whichever class is right for the item.
const CORRECT: &str = "correct answer";

/// One line of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub variant: String,
    pub slot: i16,
    pub cell: (usize, usize),
    pub class: String,
    pub stratum: &'static str,
    pub p: f64,
    /// Of the options alone.
    pub share: Mean,
}

/// A cell's key: variant, slot, row and column, class (one past the last is [`CORRECT`]), whether it is the right one.
type Key = (usize, i16, usize, usize, usize, bool);

/// Every image token, slot and class; none where no image token was read.
pub fn rows(lens: &Lens, replicates: &Replicates) -> Vec<Row> {
    let mut cells: BTreeMap<Key, (Vec<One>, Vec<f64>)> = BTreeMap::new();
    for reading in &lens.readings {
        let Some(cell) = reading.cell else { continue };
        let said = lens.said(reading);
        for (one, share) in said.iter().zip(shares(said)) {
            let value = One { item: reading.item, image: reading.image, value: share };
            let mut add = |class, correct| {
                let key = (reading.variant, reading.slot, cell.row, cell.col, class, correct);
                let (values, p) = cells.entry(key).or_default();
                values.push(value);
                p.push(one.p);
            };
            add(one.class, false);
            if one.correct {
                add(one.class, true);
                add(lens.classes.len(), false);
            }
        }
    }
    let cells: Vec<_> = cells.into_iter().collect();
    let row = |((variant, slot, row, col, class, correct), (values, p)): &(Key, (Vec<One>, Vec<f64>))| {
        Some(Row {
            variant: lens.variants[*variant].clone(),
            slot: *slot,
            cell: (*row, *col),
            class: lens.classes.get(*class).map_or(CORRECT, String::as_str).to_owned(),
            stratum: if *correct { "correct" } else { "all" },
            p: p.iter().sum::<f64>() / p.len() as f64,
            share: Mean::of(values, lens.images, replicates)?,
        })
    };
    cells.par_iter().filter_map(row).collect()
}

/// `tables/lens_map`.
pub fn table(rows: &[Row]) -> Table {
    Table::new()
        .text("variant", rows.iter().map(|row| &row.variant))
        .layer_or_head("slot", rows.iter().map(|row| row.slot))
        .count("cell_row", rows.iter().map(|row| row.cell.0 as u32))
        .count("cell_col", rows.iter().map(|row| row.cell.1 as u32))
        .text("class", rows.iter().map(|row| &row.class))
        .text("stratum", rows.iter().map(|row| row.stratum))
        .number("p", rows.iter().map(|row| Some(row.p)))
        .number("share", rows.iter().map(|row| Some(row.share.value)))
        .interval("share_", rows.iter().map(|row| row.share.interval))
        .count("n", rows.iter().map(|row| row.share.n))
        .count("images", rows.iter().map(|row| row.share.images))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::frames::{Reading, Said};
    use crate::processor::Patch;

    #[test]
    fn a_cell_has_a_row_a_class_and_one_for_the_right_answer() {
        let said = |class, correct, m: f64| Said { class, correct, m, p: 0.25, rank: 1.0 };
        let reading = |item: usize| Reading {
            item,
            image: item,
            variant: 0,
            position: 0,
            cell: Some(Patch { row: 1, col: 2 }),
            slot: 3,
            said: 2 * item..2 * item + 2,
            ld: 0.0,
            entropy: 0.0,
            kl_to_final: 0.0,
        };
        let lens = Lens {
            variants: vec!["original".into()],
            positions: vec!["image".into()],
            classes: vec!["left".into(), "right".into()],
            images: 2,
            readings: vec![reading(0), reading(1)],
            said: vec![said(0, true, 3f64.ln()), said(1, false, 0.0), said(0, false, 0.0), said(1, true, 0.0)],
        };
        let rows = rows(&lens, &Replicates::draw(&[0, 1], 20, 1));
        let share = |class: &str, stratum: &str| {
            rows.iter().find(|row| row.class == class && row.stratum == stratum).map(|row| row.share.value)
        };
        assert_eq!((share("left", "all"), share("left", "correct")), (Some(0.625), Some(0.75)));
        assert_eq!((share(CORRECT, "all"), share("right", "correct")), (Some(0.625), Some(0.5)));
        assert_eq!(rows.len(), 5);
    }
}
