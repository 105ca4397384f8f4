//! The attention frame: one row per item, layer, head and query.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Items;
use super::column::Frame;
use crate::error::{Result, suggestion};

/// The head number that stands for the mean over heads.
pub const MEAN: i16 = -1;

/// A layer and a head of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    pub layer: i16,
    /// [`MEAN`] for the mean over heads.
    pub head: i16,
}

/// One query's attention, for every cell and item.
#[derive(Clone, Debug, Default)]
pub struct Attention {
    /// Which query: "last".
    pub query: String,
    /// By layer, then head.
    cells: Vec<Cell>,
    items: usize,
    /// `[cell, item]`: the item's place in `rows` and `shares`.
    place: Vec<u32>,
    /// `[place, patch]`, attention mass.
    rows: Vec<f32>,
    patches: usize,
    /// Group to `[place]`; NaN where an item has no such group.
    shares: BTreeMap<String, Vec<f64>>,
}

/// How far `row` may be from adding up to `image`: both are stored in f32, and imported ones came from f16.
const TOLERANCE: f64 = 5e-3;

impl Attention {
    /// Reads the rows of `query`.
    pub(super) fn read(frame: &Frame, items: &Items, query: &str) -> Result<Self> {
        let queries = frame.texts("query")?;
        let chosen: Vec<usize> = (0..queries.len()).filter(|&row| queries[row] == query).collect();
        if chosen.is_empty() {
            let known: BTreeSet<&str> = queries.iter().map(String::as_str).collect();
            return Err(frame.error(format!("no rows with query `{query}`")).with_help(suggestion(query, known)));
        }
        let (ids, layers, heads) = (frame.texts("item")?, frame.integers("layer")?, frame.integers("head")?);
        let cell = |row: usize| Cell { layer: layers[row], head: heads[row] };
        let cells: Vec<Cell> = chosen.iter().map(|&row| cell(row)).collect::<BTreeSet<_>>().into_iter().collect();

        let number: HashMap<&str, usize> = items.id.iter().zip(0..).map(|(id, item)| (id.as_str(), item)).collect();
        let mut place = vec![u32::MAX; cells.len() * items.len()];
        for &row in &chosen {
            let item = number
                .get(ids[row].as_str())
                .ok_or_else(|| frame.error(format!("row {row}: item `{}` is not in items.parquet", ids[row])))?;
            let Ok(at) = cells.binary_search(&cell(row)) else { continue };
            let place = &mut place[at * items.len() + item];
            if *place != u32::MAX {
                return Err(frame.error(format!("item `{}`, {}: there twice", ids[row], cell(row))));
            }
            *place = row as u32;
        }
        if let Some(gap) = place.iter().position(|&place| place == u32::MAX) {
            let (cell, item) = (cells[gap / items.len()], &items.id[gap % items.len()]);
            return Err(frame
                .error(format!("item `{item}` has no row for {cell}"))
                .with_help("the recording is not complete: finish it with `--resume`"));
        }

        let (rows, patches) = frame.rows("row")?;
        let shares = shares(frame)?;
        let attention = Self { query: query.into(), cells, items: items.len(), place, rows, patches, shares };
        attention.check(frame, items)?;
        Ok(attention)
    }

    /// Rows must fit the grid, be attention (finite, not negative), and add up to the image share.
    fn check(&self, frame: &Frame, items: &Items) -> Result<()> {
        for (item, id) in items.id.iter().enumerate() {
            let grid = items.geometry[item].grid;
            if grid.count() != self.patches {
                let (rows, cols, patches) = (grid.rows, grid.cols, self.patches);
                let message =
                    format!("column `row` has {patches} patches, but item `{id}` has a grid of {rows} x {cols}");
                return Err(frame.error(message));
            }
        }
        for cell in 0..self.cells.len() {
            let image = self.share("image", cell);
            for (item, id) in items.id.iter().enumerate() {
                let row = self.row(cell, item);
                let sum: f64 = row.iter().map(|&mass| f64::from(mass)).sum();
                if !row.iter().all(|&mass| mass >= 0.0) || !sum.is_finite() {
                    return Err(frame.error(format!("item `{id}`, {}: `row` is not attention", self.cells[cell])));
                }
                if image[item].is_nan() || (sum - image[item]).abs() > TOLERANCE {
                    let (cell, image) = (self.cells[cell], image[item]);
                    let message =
                        format!("item `{id}`, {cell}: `row` adds up to {sum:.4}, but `image` says {image:.4}");
                    return Err(frame.error(message));
                }
            }
        }
        Ok(())
    }

    /// All layers and heads, by layer, then head; the position in this list is the `cell` of the other functions.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The cells of the mean over heads, by layer, each with its position.
    pub fn mean_cells(&self) -> impl Iterator<Item = (usize, Cell)> {
        self.cells.iter().copied().enumerate().filter(|(_, cell)| cell.head == MEAN)
    }

    /// Attention mass on each patch, row-major.
    pub fn row(&self, cell: usize, item: usize) -> &[f32] {
        let place = self.place[cell * self.items + item] as usize;
        &self.rows[place * self.patches..][..self.patches]
    }

    /// The share of attention that goes to a group (bos, text, last, image, background, objects, object_1 …), one value an
    /// item, NaN where the item has no such group or the frame does not know it.
    pub fn share(&self, group: &str, cell: usize) -> Vec<f64> {
        let Some(shares) = self.shares.get(group) else { return vec![f64::NAN; self.items] };
        self.place[cell * self.items..][..self.items].iter().map(|&place| shares[place as usize]).collect()
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.head {
            MEAN => write!(f, "layer {}, mean over heads", self.layer),
            head => write!(f, "layer {}, head {head}", self.layer),
        }
    }
}

fn shares(frame: &Frame) -> Result<BTreeMap<String, Vec<f64>>> {
    let mut shares = BTreeMap::new();
    for group in ["bos", "text", "last", "image"] {
        shares.insert(group.to_owned(), frame.numbers(group)?);
    }
    let objects = (1..).map(|k| format!("object_{k}")).take_while(|group| frame.has(group));
    for group in ["background", "objects"].map(String::from).into_iter().chain(objects) {
        let values = frame.optional_numbers(&group)?;
        shares.insert(group, values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect());
    }
    // Without boxes there is no telling objects from background.
    if let (Some(objects), Some(mut background)) = (shares.get("objects"), shares.get("background").cloned()) {
        for (background, objects) in background.iter_mut().zip(objects) {
            if objects.is_nan() {
                *background = f64::NAN;
            }
        }
        shares.insert("background".into(), background);
    }
    Ok(shares)
}
