//! The tables beside `tables/probe`: predictions, maps, confusions, curves.

use super::outcome::{CellMean, Confusion, CurvePoint, Predicted};
use super::row::{Key, background};
use crate::analysis::Table;
use crate::processor::Patch;

/// `tables/probe_pred`: one row a held-out prediction. `ids`: of the items.
pub fn predictions(rows: &[Predicted], ids: &[String]) -> Table {
    let keys = || rows.iter().map(|row| &row.key);
    let classes = rows.iter().map(|row| row.prob.len()).max().unwrap_or(0);
    let mut table = place(keys())
        .text("fit_mode", keys().map(|key| key.fit.name()))
        .text("split", keys().map(|key| key.split.name()))
        .text("variant", rows.iter().map(|row| &row.variant))
        .text("item", rows.iter().map(|row| &ids[row.item]));
    table = cells(table, rows.iter().map(|row| row.cell))
        .count("y", rows.iter().map(|row| row.y as u32))
        .count("fold", rows.iter().map(|row| row.fold as u32));
    for class in 0..classes {
        table = table.number(&format!("prob_{class}"), rows.iter().map(|row| row.prob.get(class).copied()));
    }
    table
}

/// `tables/probe_map`: one row a cell and class.
pub fn map(rows: &[CellMean]) -> Table {
    let keys = || rows.iter().map(|row| &row.key);
    let table = place(keys()).text("variant", rows.iter().map(|row| &row.variant));
    cells(table, rows.iter().map(|row| Some(row.cell)))
        .text("background", keys().map(|key| background(key.background)))
        .text("class", rows.iter().map(|row| &row.class))
        .number("prob", rows.iter().map(|row| Some(row.prob)))
        .interval("ci_", rows.iter().map(|row| row.interval))
        .count("n", rows.iter().map(|row| row.n))
}

/// `tables/probe_confusion`: one row a true and a predicted class.
pub fn confusion(rows: &[Confusion]) -> Table {
    let table = place(rows.iter().map(|row| &row.key)).text("variant", rows.iter().map(|row| &row.variant));
    cells(table, rows.iter().map(|row| row.key.cell))
        .text("y", rows.iter().map(|row| &row.y))
        .text("predicted", rows.iter().map(|row| &row.predicted))
        .count("n", rows.iter().map(|row| row.n))
}

/// `tables/probe_curve`: one row a block of an online code.
pub fn curve(rows: &[CurvePoint]) -> Table {
    place(rows.iter().map(|row| &row.key))
        .count("n_train", rows.iter().map(|row| row.n_train))
        .number("bits", rows.iter().map(|row| Some(row.bits)))
        .number("codelength", rows.iter().map(|row| Some(row.codelength)))
        .number("compression", rows.iter().map(|row| Some(row.compression)))
        .count("seed", rows.iter().map(|row| row.seed as u32))
}

fn place<'a>(keys: impl Iterator<Item = &'a Key> + Clone) -> Table {
    Table::new()
        .text("probe", keys.clone().map(|key| &key.probe))
        .text("label", keys.clone().map(|key| &key.label))
        .text("axis", keys.clone().map(|key| key.axis))
        .text("site", keys.clone().map(|key| &key.site))
        .text("tower", keys.clone().map(|key| key.place.tower))
        .layer_or_head("depth", keys.clone().map(|key| key.place.depth))
        .text("group", keys.map(|key| &key.group))
}

fn cells(table: Table, cells: impl Iterator<Item = Option<Patch>> + Clone) -> Table {
    table
        .optional_index("cell_row", cells.clone().map(|cell| cell.map(|cell| cell.row as i16)))
        .optional_index("cell_col", cells.map(|cell| cell.map(|cell| cell.col as i16)))
}
